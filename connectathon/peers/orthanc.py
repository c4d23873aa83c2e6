"""A real Orthanc (Debian 12: 1.10.1 with DICOMweb 1.7) as Image Manager.

It listens on all addresses, so it is started inside a network namespace of its own only::

    run_inside(python("-m", "pytest", "tests/peers/orthanc_inside.py"))  # outside: makes the namespace
    with orthanc(folder) as archive: ...  # inside: starts Orthanc
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from connectathon.peers.namespace import is_inside
from connectathon.waiting import eventually, free_port
from profiles.errors import NotFound, Unavailable

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
AE_TITLE = "ORTHANC"


@dataclass(frozen=True, slots=True)
class RunningOrthanc:
    """Addresses of a running Orthanc.

    Attributes:
        dicomweb: base address of its DICOMweb service.
        dimse: host and port of its C-STORE SCP, whose AE title is ``ORTHANC``.
        rest: base address of its own REST interface.
        process_id: for whoever wants to kill it.
    """

    dicomweb: str
    dimse: tuple[str, int]
    rest: str
    process_id: int


@contextmanager
def orthanc(folder: Path, *, http_port: int | None = None, dimse_port: int | None = None) -> Iterator[RunningOrthanc]:
    """Run Orthanc while the block runs; what it stores stays in the folder.

    Args:
        folder: storage, index, configuration and log; made when missing.
        http_port: free one when not given.
        dimse_port: free one when not given.

    Raises:
        NotFound: when Orthanc or its DICOMweb plugin is not installed.
        Unavailable: outside a network namespace of its own, or when it does not start.
    """
    program = shutil.which("Orthanc", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None or not PLUGIN.is_file():
        raise NotFound("Orthanc is not installed: apt-get install --no-install-recommends orthanc orthanc-dicomweb")
    if not is_inside():
        raise Unavailable("Orthanc listens on all addresses; run this inside connectathon.peers.namespace.run_inside.")
    folder.mkdir(parents=True, exist_ok=True)
    ports = (http_port or free_port(), dimse_port or free_port())
    (folder / "orthanc.json").write_text(json.dumps(_configuration(folder, *ports), indent=1))
    with (folder / "orthanc.log").open("ab") as log:
        process = subprocess.Popen(
            [program, str(folder / "orthanc.json")],
            stdout=log,
            stderr=log,
            env={**os.environ, "TCP_NODELAY": "1"},
        )
        try:
            rest = f"http://127.0.0.1:{ports[0]}"
            eventually(lambda: _answers(process, rest, folder), what="Orthanc to answer")
            yield RunningOrthanc(f"{rest}/dicom-web", ("127.0.0.1", ports[1]), rest, process.pid)
        finally:
            process.terminate()
            process.wait(30)


def _answers(process: subprocess.Popen[bytes], rest: str, folder: Path) -> bool:
    if process.poll() is not None:
        raise Unavailable(f"Orthanc ended at start; its log: {(folder / 'orthanc.log').read_text()[-2000:]}")
    try:
        return httpx.get(f"{rest}/dicom-web/studies", trust_env=False).is_success
    except httpx.TransportError:
        return False


def _configuration(folder: Path, http_port: int, dimse_port: int) -> dict[str, object]:
    return {
        "Name": "Foreign archive",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "HttpPort": http_port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAet": AE_TITLE,
        "DicomPort": dimse_port,
        "DicomCheckCalledAet": False,
        "DicomAlwaysAllowEcho": True,
        "DicomAlwaysAllowStore": True,
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowGet": True,
        "UnknownSopClassAccepted": True,
        "OverwriteInstances": True,
        "StableAge": 2,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {
            "Enable": True,
            "Root": "/dicom-web/",
            "EnableWado": True,
            "WadoRoot": "/wado",
            "Ssl": False,
            "Host": f"127.0.0.1:{http_port}",  # otherwise its BulkDataURI and RetrieveURL lose the port
            "StudiesMetadata": "Full",
            "SeriesMetadata": "Full",
        },
    }
