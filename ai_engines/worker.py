"""The process in which an engine runs: ``python -m ai_engines.worker``, started by ``ai_engines.run_isolated``.

It sets its own limits, ends when its parent does, reports progress as JSON lines on a pipe, and leaves either
``results.json`` or ``failure.json`` in its output directory.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import os
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from ai_engines.files import FAILURE, write_results
from ai_engines.images import read_study, volume_of
from ai_engines.refusal import Moment, Refused
from ai_engines.registry import engine, missing_requirements
from profiles.errors import NotFound

_REFUSED_WHEN = {Moment.SERIES: "refused-input", Moment.INPUT: "refused-input", Moment.OUTPUT: "refused-output"}
_HARD_CPU_SECONDS = 10
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def main(arguments: list[str] | None = None) -> int:
    """Run one engine on one directory of images; 0 when results were written, 3 when a failure was."""
    options = _parser().parse_args(arguments)
    _end_with_parent()
    _limit(options)
    output = Path(options.output)
    progress = _Progress(options.progress_fd)
    try:
        _run(options.engine, Path(options.series), output, progress)
    except BaseException as error:
        traceback.print_exc()
        failure = _failure(error)
        partial = output / f"{FAILURE}.partial"
        partial.write_text(json.dumps(failure), encoding="utf-8")
        partial.replace(output / FAILURE)
        return 3
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ai_engines.worker")
    parser.add_argument("--engine", required=True)
    parser.add_argument("--series", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--progress-fd", type=int, default=-1)
    parser.add_argument("--memory-bytes", type=int, default=0)
    parser.add_argument("--file-bytes", type=int, default=0)
    parser.add_argument("--open-files", type=int, default=0)
    parser.add_argument("--cpu-seconds", type=int, default=0)
    return parser


def _limit(options: argparse.Namespace) -> None:
    """Bound what this process may take (setrlimit); what the system does not know is left to the parent's watch."""
    try:
        import resource
    except ImportError:  # no POSIX limits on this system
        return
    wanted = {
        "RLIMIT_DATA": options.memory_bytes,
        "RLIMIT_FSIZE": options.file_bytes,
        "RLIMIT_NOFILE": options.open_files,
        "RLIMIT_CPU": options.cpu_seconds,
    }
    for name, value in wanted.items():
        if value and hasattr(resource, name):
            with contextlib.suppress(ValueError, OSError):
                hard = value + _HARD_CPU_SECONDS if name == "RLIMIT_CPU" else value  # SIGXCPU first, it says why
                resource.setrlimit(getattr(resource, name), (value, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _end_with_parent() -> None:
    """End this process when the parent's end of standard input closes, which it does however the parent dies."""

    def wait() -> None:
        while os.read(0, 1):
            pass
        os._exit(9)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


class _Progress:
    """Progress as JSON lines on a file descriptor; a parent that has stopped reading is no reason to stop."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __call__(self, percent: int, text: str) -> None:
        if self._descriptor < 0:
            return
        line = json.dumps({"percent": max(0, min(100, int(percent))), "text": text}) + "\n"
        with contextlib.suppress(OSError):
            os.write(self._descriptor, line.encode())


def _run(name: str, series_dir: Path, output: Path, progress: _Progress) -> None:
    chosen = engine(name)
    missing = missing_requirements(chosen.describe())
    if missing:
        raise _NotInstalled(missing)
    progress(1, "reading headers")
    images = volume_of(chosen.select(read_study(series_dir)))
    started = time.monotonic()
    results = chosen.process(images, progress)
    results.figures.setdefault("process_seconds", round(time.monotonic() - started, 3))
    results.figures.setdefault("series_instance_uid", images.series.uid)
    write_results(results, output)
    progress(100, "done")


class _NotInstalled(Exception):
    """A module that the engine needs is not there."""


def _failure(error: BaseException) -> dict[str, Any]:
    """What went wrong, as kind and detail; an engine's own words stay in its log, they may hold anything."""
    if isinstance(error, Refused):
        return {
            "kind": _REFUSED_WHEN[error.moment],
            "reason": [error.reason.value, error.reason.scheme, error.reason.meaning],
            "detail": error.text,
            "check": error.check,
        }
    if isinstance(error, _NotInstalled):
        return {"kind": "not-installed", "detail": str(error)}
    if isinstance(error, NotFound):
        return {"kind": "unknown-engine", "detail": error.message}
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        return {"kind": "out-of-memory", "detail": "an allocation was refused"}
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return {"kind": "out-of-disk", "detail": os.strerror(error.errno or 0)}
    return {"kind": "crashed", "detail": type(error).__name__}


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
