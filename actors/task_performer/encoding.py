"""Results as result objects, made and judged in a process that is gone afterwards (DESIGN D10)."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from actors.task_performer.failing import failed
from actors.task_performer.journal import Output, disk_faults
from profiles.errors import Unavailable

_ENCODED, _REFUSED, _LOG = "encoded.json", "refused.json", "encoder.log"
_LIMIT_SECONDS = 300.0


class Encoder:
    """One encoding process; started early, so that it is ready when there is something to encode.

    Args:
        folder: gets its log; made when missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with disk_faults(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            log = os.open(folder / _LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "actors.task_performer.encoder"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
                cwd=folder,
            )
        finally:
            os.close(log)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def encode(self, job: dict[str, Any], objects: Path) -> tuple[Output, ...]:
        """Make the objects of a job and have them judged.

        Args:
            job: see ``encoder.py``.
            objects: folder for the objects; emptied first.

        Raises:
            Failed: when the results cannot be written, or our own checks find an error in them.
            Unavailable: when the process came to nothing, e.g. for lack of memory or disk.
        """
        with disk_faults(objects):
            shutil.rmtree(objects, ignore_errors=True)
            objects.mkdir(parents=True, mode=0o700)
        line = json.dumps({**job, "objects": str(objects)}).encode() + b"\n"
        self._ask(line)
        if (objects / _REFUSED).exists():
            refusal = json.loads((objects / _REFUSED).read_text(encoding="utf-8"))
            raise failed(refusal["kind"], refusal["detail"])
        if not (objects / _ENCODED).exists():
            raise Unavailable(
                f"The encoding process ended with status {self._process.returncode} and no objects; its own words are "
                f"in {self._folder / _LOG}. It is tried again."
            )
        document = json.loads((objects / _ENCODED).read_text(encoding="utf-8"))
        return tuple(Output.model_validate(one) for one in document["outputs"])

    def _ask(self, line: bytes) -> None:
        """Hand the job over and wait for the end; the pipe stays open, because its end ends the process."""
        pipe = self._process.stdin
        try:
            if pipe is not None:
                pipe.write(line)
                pipe.flush()
            self._process.wait(_LIMIT_SECONDS)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self.close()

    def close(self) -> None:
        """End the process, whatever it does."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
