"""The process that writes result objects and judges them: ``python -m actors.task_performer.encoder``.

It lives for one workitem. It imports what it needs, which takes a second and 200 MB, waits for one line with its job on
standard input while the engine runs, and ends. When the performer dies, its end of the pipe closes and so ends this
process.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

ENCODED, REFUSED = "encoded.json", "refused.json"


def main() -> int:
    """Do one job; 0 when ``encoded.json`` or ``refused.json`` says what came of it."""
    _import_ahead()
    line = _read_line()
    if not line:
        return 0
    threading.Thread(target=_end_with_parent, name="lifeline", daemon=True).start()
    job: dict[str, Any] = json.loads(line)
    folder = Path(job["objects"])
    try:
        name, document = ENCODED, _encoded(job, folder)
    except _Refused as refusal:
        name, document = REFUSED, {"kind": refusal.kind, "detail": refusal.detail}
    _write(folder / name, json.dumps(document).encode())
    return 0


class _Refused(Exception):
    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind, self.detail = kind, detail


def _import_ahead() -> None:
    import highdicom.seg
    import highdicom.sr

    import ai_engines.files
    import conformance.air
    import profiles.air.report_object
    import profiles.air.segmentation_object

    del highdicom, ai_engines, conformance, profiles


def _read_line() -> bytes:
    """The job; empty when the performer has ended or needs no objects.

    Standard input is read unbuffered: a thread that waits in a buffered reader cannot be left behind at the end.
    """
    line = bytearray()
    while not line.endswith(b"\n"):
        more = os.read(0, 65536)
        if not more:
            return b""
        line += more
    return bytes(line)


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(9)


def _encoded(job: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Write the objects and judge them."""
    from pydicom import Dataset, dcmread

    from ai_engines.files import read_results
    from ai_engines.registry import engine
    from conformance import Severity
    from conformance.air import check_files
    from profiles.air import IllegalResult, context_from_workitem, encode
    from profiles.dicom import Code

    images: list[Dataset] = [
        dcmread(path, stop_before_pixels=True) for path in sorted(Path(job["input"]).rglob("*.dcm"))
    ]
    try:
        context = context_from_workitem(
            job["workitem"],
            images,
            station=Code(*job["station"]),
            now=datetime.fromisoformat(job["now"]),
            seed=job["seed"],
        )
    except IllegalResult as error:
        raise _Refused("input-mismatch", error.message) from error
    try:
        made = encode(read_results(Path(job["output"])), context, engine(job["engine"]).describe().algorithm)
    except IllegalResult as error:
        raise _Refused("result-illegal", error.message) from error
    paths = [folder / f"{number:02d}-{found.Modality}.dcm" for number, found in enumerate(made, 1)]
    for dataset, path in zip(made, paths, strict=True):
        dataset.save_as(path, enforce_file_format=True)
        _sync(path)
    findings = check_files(paths, iod=False)
    _write(folder / "findings.json", json.dumps([asdict(one) for one in findings], default=str).encode())
    errors = [one for one in findings if one.severity is Severity.ERROR]
    if errors:
        raise _Refused("result-refused", "; ".join(f"{one.rule}: {one.message}" for one in errors[:5]))
    return {"outputs": [_output(dataset, path) for dataset, path in zip(made, paths, strict=True)]}


def _output(dataset: Any, path: Path) -> dict[str, str]:
    return {
        "file": path.name,
        "modality": str(dataset.Modality),
        "sop_class_uid": str(dataset.SOPClassUID),
        "sop_instance_uid": str(dataset.SOPInstanceUID),
        "series_instance_uid": str(dataset.SeriesInstanceUID),
        "study_instance_uid": str(dataset.StudyInstanceUID),
    }


def _write(path: Path, content: bytes) -> None:
    from actors.shared.serving import write_durably

    write_durably(path, content, mode=0o600)


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


if __name__ == "__main__":
    sys.exit(main())
