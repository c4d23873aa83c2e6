"""Run an engine in a process of its own, within limits, and say what became of it (DESIGN.md D9).

A crash, a hang or a flood of memory ends the process and nothing else, and becomes a coded reason (PS3.16 CID 9300).
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import IO, Any

import psutil

from ai_engines.files import FAILURE, LOG, MASKS, RESULTS, read_results
from profiles.air import IllegalResult, Results
from profiles.dicom import Code, code
from profiles.tables import read_table

Cancelled = Callable[[], bool]
OnProgress = Callable[[int, str], None]

_POLL_SECONDS = 0.1
_GRACE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may take.

    Attributes:
        wall_seconds: from start to end.
        cpu_seconds: of all threads together.
        memory_bytes: resident memory, and private data by setrlimit.
        file_bytes: size of one written file.
        open_files: open at a time.
        threads: for numerical libraries.
    """

    wall_seconds: float = 600.0
    cpu_seconds: int = 1800
    memory_bytes: int = 6 * 1024**3
    file_bytes: int = 2 * 1024**3
    open_files: int = 1024
    threads: int = 2


class RunOutcome(StrEnum):
    """How a run ended."""

    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there are no results.

    Attributes:
        kind: a row of ``tables/failures.csv``.
        reason: procedure discontinuation reason (PS3.16 CID 9300).
        text: what was wrong and what to do; no patient data.
        retry: whether the same run can succeed later, on this or another machine.
        check: the engine's check that refused, if one did.
    """

    kind: str
    reason: Code
    text: str
    retry: bool = False
    check: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class EngineRun:
    """What became of a run.

    Attributes:
        outcome: how it ended.
        results: what it reports, when it succeeded.
        failure: why not, otherwise.
        seconds: wall time, process start included.
        peak_memory_bytes: largest resident memory seen.
    """

    outcome: RunOutcome
    results: Results | None
    failure: Failure | None
    seconds: float
    peak_memory_bytes: int = 0

    @property
    def load_seconds(self) -> float | None:
        """What the engine needed to load its model, if it says so."""
        return self._figure("load_seconds")

    @property
    def inference_seconds(self) -> float | None:
        """What the engine needed for the inference itself, if it says so."""
        return self._figure("inference_seconds")

    def _figure(self, name: str) -> float | None:
        value = self.results.figures.get(name) if self.results else None
        return float(value) if value is not None else None


@cache
def _failures() -> dict[str, dict[str, str]]:
    return {row["kind"]: row for row in read_table("ai_engines", "failures")}


def _failure(kind: str, detail: str, reason: Code | None = None, check: str = "") -> Failure:
    row = _failures()[kind]
    text = row["text"].format(detail=detail) if row["text"] else detail
    return Failure(kind, reason or code(row["scheme"], row["reason"]), text, row["retry"] == "yes", check)


def run_isolated(
    engine_name: str,
    series_dir: Path,
    output_dir: Path,
    *,
    limits: Limits | None = None,
    cancelled: Cancelled | None = None,
    on_progress: OnProgress | None = None,
) -> EngineRun:
    """Run an engine on a directory of images, in its own process.

    Args:
        engine_name: a registered name, or ``package.module:Class``.
        series_dir: the retrieved DICOM files; the engine selects its series among them.
        output_dir: for the run's files; made when missing, leftovers of an earlier run are removed.
        limits: what the run may take.
        cancelled: asked several times a second; a true answer ends the run.
        on_progress: called with percent and words.

    Returns:
        What became of it; a failing engine raises nothing.
    """
    limits = limits or Limits()
    output_dir.mkdir(parents=True, exist_ok=True)
    for name in (RESULTS, MASKS, FAILURE):
        (output_dir / name).unlink(missing_ok=True)
    started = time.monotonic()
    with _started(engine_name, series_dir, output_dir, limits) as (process, progress):
        watch = _Watch(process, progress, limits, cancelled or (lambda: False), on_progress or (lambda *_: None))
        ended_by = watch.until_end()
    seconds = time.monotonic() - started
    return _judged(output_dir, process.returncode, ended_by, limits, seconds, watch.peak_memory_bytes)


@contextlib.contextmanager
def _started(
    engine_name: str, series_dir: Path, output_dir: Path, limits: Limits
) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """The worker process with its progress pipe; both are gone afterwards, whatever happens."""
    reader, writer = os.pipe()
    log = os.open(output_dir / LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    command = [
        sys.executable,
        "-m",
        "ai_engines.worker",
        f"--engine={engine_name}",
        f"--series={series_dir.resolve()}",
        f"--output={output_dir.resolve()}",
        f"--progress-fd={writer}",
        f"--memory-bytes={limits.memory_bytes}",
        f"--file-bytes={limits.file_bytes}",
        f"--open-files={limits.open_files}",
        f"--cpu-seconds={limits.cpu_seconds}",
    ]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=(writer,),
            start_new_session=True,
            env=_environment(limits),
            cwd=output_dir,
        )
    finally:
        os.close(writer)
        os.close(log)
    with os.fdopen(reader, "rb") as progress:
        try:
            yield process, progress
        finally:
            _end(process)
            if process.stdin:
                process.stdin.close()


def _environment(limits: Limits) -> dict[str, str]:
    """The worker's environment: ours without our settings, which may hold secrets, and with its number of threads."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STEPWELL_")}
    threads = str(limits.threads)
    kept["PYTHONPATH"] = os.pathsep.join(entry for entry in sys.path if entry)
    return {**kept, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the worker and all that it started."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            break
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class _Watch:
    """Looks after one worker until it ends or has to be ended."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        progress: IO[bytes],
        limits: Limits,
        cancelled: Cancelled,
        on_progress: OnProgress,
    ) -> None:
        self._process, self._progress, self._limits = process, progress, limits
        self._cancelled, self._on_progress = cancelled, on_progress
        self._pending = b""
        self.peak_memory_bytes = 0

    def until_end(self) -> str:
        """Wait; the kind of failure for which the worker had to be ended, or an empty text when it ended itself."""
        deadline = time.monotonic() + self._limits.wall_seconds
        os.set_blocking(self._progress.fileno(), False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._progress, selectors.EVENT_READ)
            while True:
                open_pipe = not selector.select(_POLL_SECONDS) or self._read()
                ended = self._process.poll() is not None
                if not open_pipe and not ended:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        self._process.wait(_POLL_SECONDS)
                if ended:
                    self._read()
                    return ""
                if reason := self._reason_to_end(deadline):
                    return reason

    def _reason_to_end(self, deadline: float) -> str:
        self.peak_memory_bytes = max(self.peak_memory_bytes, _resident(self._process.pid))
        if self._cancelled():
            return "cancelled"
        if time.monotonic() > deadline:
            return "timed-out"
        if self.peak_memory_bytes > self._limits.memory_bytes:
            return "out-of-memory"
        return ""

    def _read(self) -> bool:
        """Take what the worker has reported; False when it has closed the pipe."""
        try:
            content = os.read(self._progress.fileno(), 65536)
        except BlockingIOError:
            return True
        self._pending += content
        *lines, self._pending = self._pending.split(b"\n")
        for line in lines:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                report: dict[str, Any] = json.loads(line)
                self._on_progress(int(report["percent"]), str(report["text"]))
        return bool(content)


def _resident(process_id: int) -> int:
    try:
        return int(psutil.Process(process_id).memory_info().rss)
    except psutil.Error:
        return 0


def _judged(output_dir: Path, status: int, ended_by: str, limits: Limits, seconds: float, peak: int) -> EngineRun:
    if ended_by:
        detail = {"timed-out": f"{limits.wall_seconds:g} s", "out-of-memory": _megabytes(limits.memory_bytes)}
        outcome = RunOutcome.CANCELLED if ended_by == "cancelled" else RunOutcome.FAILED
        return EngineRun(outcome, None, _failure(ended_by, detail.get(ended_by, "")), seconds, peak)
    if (output_dir / RESULTS).exists():
        try:
            return EngineRun(RunOutcome.SUCCEEDED, read_results(output_dir), None, seconds, peak)
        except IllegalResult as error:
            return EngineRun(RunOutcome.FAILED, None, _failure("bad-results", error.message), seconds, peak)
    failure = _left_behind(output_dir) or _from_status(status, limits)
    refused = failure.kind.startswith("refused")
    return EngineRun(RunOutcome.REFUSED if refused else RunOutcome.FAILED, None, failure, seconds, peak)


def _left_behind(output_dir: Path) -> Failure | None:
    """The failure that the worker wrote down itself."""
    try:
        document = json.loads((output_dir / FAILURE).read_text(encoding="utf-8"))
        reason = Code(*document["reason"]) if document.get("reason") else None
        return _failure(document["kind"], document["detail"], reason, document.get("check", ""))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _from_status(status: int, limits: Limits) -> Failure:
    """The failure of a worker that died without a word."""
    if status == -signal.SIGXCPU:
        return _failure("timed-out", f"{limits.cpu_seconds} s of processor time")
    if status == -signal.SIGXFSZ:
        return _failure("out-of-disk", f"a file grew beyond {_megabytes(limits.file_bytes)}")
    if status == -signal.SIGKILL:
        return _failure("out-of-memory", f"the system ended it; its limit was {_megabytes(limits.memory_bytes)}")
    name = signal.Signals(-status).name if status < 0 else f"exit status {status}"
    return _failure("crashed", name)


def _megabytes(count: int) -> str:
    return f"{count // 1024**2} MB"
