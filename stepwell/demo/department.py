"""A department on this machine: every actor in its own process, on free ports, with its own certificates."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from actors.shared import pki
from actors.shared.steps import KILL_POINTS
from connectathon.waiting import free_port
from profiles.errors import Unavailable
from stepwell.settings import Configuration, validate
from stepwell.supervision import Supervisor
from stepwell.writing import tables_as_toml

PERFORMER_AE = "STEPWELL_AI"
#: What one study takes on disk, with room to spare: images twice, indexes, logs, results.
ROOM_BYTES = 200 * 2**20
#: Below this a disk counts as full.
LEAST_BYTES = 2**20
#: The pages of two actors are one server here.
UNITS = ("event_repository", "image_manager", "task_manager", "task_requester", "task_performer", "watcher")


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Addresses of a department, as the demo's summary prints them (DESIGN 4.2)."""

    task_manager: str
    image_manager: str
    event_repository: str
    web: str
    mllp: str
    dimse: str

    @property
    def mllp_address(self) -> tuple[str, int]:
        """Host and port of the order listener."""
        host, port = self.mllp.rsplit(":", 1)
        return host, int(port)

    @property
    def dimse_address(self) -> tuple[str, int]:
        """Host and port of the storage SCP."""
        host, port = self.dimse.rsplit(":", 1)
        return host, int(port)


def unwritable(data_dir: Path, error: OSError) -> Unavailable:
    """The refusal of a demo that cannot write where it is to."""
    return Unavailable(
        f"The data directory {data_dir} cannot be written: {error.strerror or error}. Free some space or name another "
        "one with --data-dir."
    )


def is_full(data_dir: Path) -> bool:
    """Whether a data directory has no room left, so that nothing else needs to be looked for."""
    return data_dir.exists() and shutil.disk_usage(data_dir).free < LEAST_BYTES


class Department:
    """All actors of the walk, running until the context ends.

    Args:
        data_dir: everything the department writes is below it.
        image_manager: DICOMweb base URL of a PACS to use instead of the built-in Image Manager.
        without: actors that are not to run.
        rules: rule file of the Task Requester; the one that comes with Stepwell when not given.
    """

    def __init__(
        self,
        data_dir: Path,
        image_manager: str | None = None,
        without: Iterable[str] = (),
        rules: Path | None = None,
    ) -> None:
        self.data_dir = data_dir.resolve()
        self._rules = rules
        self.external_archive = image_manager
        left_out = {*without, *(["image_manager"] if image_manager else [])}
        self.units = tuple(unit for unit in UNITS if unit not in left_out)
        tables, self.endpoints = self._tables()
        self.configuration: Configuration = validate(tables)
        self.config_file = self.data_dir / "stepwell.toml"
        self.kill_points = self.data_dir / "kill-points"
        try:
            self._write_files(tables)
        except OSError as error:
            raise unwritable(self.data_dir, error) from error
        self.supervisor = Supervisor(
            self.units, self.config_file, self.data_dir, environment={KILL_POINTS: str(self.kill_points)}
        )

    def _write_files(self, tables: dict[str, dict[str, Any]]) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if shutil.disk_usage(self.data_dir).free < ROOM_BYTES:
            raise OSError(errno.ENOSPC, f"a study needs {ROOM_BYTES // 2**20} MB of free space, and there is less")
        certificates, unfinished = self.data_dir / "pki", self.data_dir / "pki.unfinished"
        if not certificates.exists():
            shutil.rmtree(unfinished, ignore_errors=True)
            pki.init(unfinished, "Stepwell demo")
            unfinished.rename(certificates)
        self.config_file.write_text(tables_as_toml(tables), encoding="utf-8")
        self.kill_points.mkdir(exist_ok=True)

    def _tables(self) -> tuple[dict[str, dict[str, Any]], Endpoints]:
        host = "127.0.0.1"
        port = {name: free_port() for name in ("manager", "images", "dimse", "events", "syslog", "mllp", "web")}
        url = {name: f"http://{host}:{port[name]}" for name in ("manager", "images", "events", "web")}
        archive = self.external_archive or f"{url['images']}/dicom-web"
        worklist = f"{url['manager']}/ups-rs"
        certificates = self.data_dir / "pki"
        client, server = (
            {
                "authority": certificates / "authority.pem",
                "certificate": certificates / f"{side}.pem",
                "key": certificates / f"{side}.key",
            }
            for side in ("client", "server")
        )
        syslog = {"host": host, "port": port["syslog"], "tls": client, "read_back_url": url["events"]}
        tables: dict[str, dict[str, Any]] = {
            "stepwell": {"data_dir": self.data_dir, "site": "Stepwell demo", "syslog": syslog},
            "event_repository": {"host": host, "port": port["events"], "syslog_port": port["syslog"], "tls": server},
            "image_manager": {"host": host, "port": port["images"], "dimse_port": port["dimse"]},
            "task_manager": {"host": host, "port": port["manager"]},
            "task_requester": {
                "host": host,
                "mllp_port": port["mllp"],
                "archive_url": archive,
                "task_manager_url": worklist,
            },
            "task_performer": {"ae_title": PERFORMER_AE, "archive_url": archive, "task_manager_url": worklist},
            "watcher": {
                "host": host,
                "port": port["web"],
                "task_manager_url": worklist,
                "event_repository_url": url["events"],
            },
            "image_display": {"host": host, "port": port["web"], "archive_url": archive},
        }
        if self._rules:
            tables["task_requester"]["rules"] = self._rules
        if self.external_archive:
            del tables["image_manager"]
        endpoints = Endpoints(
            worklist,
            archive,
            url["events"],
            url["web"],
            f"{host}:{port['mllp']}",
            "" if self.external_archive else f"{host}:{port['dimse']}",
        )
        return tables, endpoints

    def __enter__(self) -> Self:
        self.supervisor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.supervisor.stop()

    def arm(self, step: str) -> None:
        """Let the actor that next reaches a named step die there by SIGKILL (the supervisor starts it again)."""
        (self.kill_points / step).touch()

    def went_off(self, step: str) -> bool:
        """Whether the kill point of a step was reached."""
        return not (self.kill_points / step).exists()

    def memory_megabytes(self) -> float:
        """Sum of the proportional set size of all actors' processes, children included."""
        total = 0
        for unit in self.units:
            process = psutil.Process(self.supervisor.pid(unit))
            for one in [process, *process.children(recursive=True)]:
                total += one.memory_full_info().pss
        return total / 2**20
