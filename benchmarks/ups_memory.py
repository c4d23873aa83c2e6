"""ups-memory: the memory of a Task Manager that searches a hundred times as many workitems (DESIGN 4.5)."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks._worklists import PAIRS, fill, mix
from connectathon.waiting import eventually, free_port

ROOT = Path(__file__).parent.parent
SIZES, OPEN_PER_PAIR, QUICK = (10_000, 1_000_000), 75, 100
GOAL = 1.2
ROUNDS, SAMPLE_SECONDS = 5, 0.1
_HEADERS = {"Accept": "application/dicom+json"}
#: What is asked in each round besides the performers' queries: by name, deep in the pages, and what only the datasets
#: tell, for which the server looks at every one of them.
QUESTIONS: tuple[dict[str, str], ...] = (
    {"PatientName": "fict*", "limit": "200"},
    {"ProcedureStepState": "COMPLETED", "offset": "5000", "limit": "200"},
    {"PatientID": "DEMO-00000007"},
)
WHOLE: dict[str, str] = {"AdmissionID": "NOBODY"}


def run(quick: bool) -> list[dict[str, Any]]:
    """One row: the most memory that the process held, large against small."""
    by = QUICK if quick else 1
    open_per_pair = max(1, OPEN_PER_PAIR // by)
    small, large = (_peak(size // by, open_per_pair) for size in SIZES)
    ratio = round(large / small, 3)
    return [
        {
            "name": "ups-memory",
            "ratio": ratio,
            "goal": GOAL,
            "better": "lower",
            "met": ratio <= GOAL,
            "value": round(large, 1),
            "baseline": round(small, 1),
            "unit": "MiB",
            "note": "highest proportional set size (PSS) of a Task Manager that answers worklist queries, queries by "
            "name and patient, and one that looks at every dataset; SQLite; "
            f"{mix(SIZES[1] // by, open_per_pair)}; baseline "
            f"{SIZES[0] // by:,}{', 1/100 of the size' * quick}",
        }
    ]


def _peak(size: int, open_per_pair: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "task_manager" / "workitems.sqlite"
        database.parent.mkdir()
        fill(database, size, open_per_pair)
        with _task_manager(Path(folder)) as (base, process), _watched(process) as samples:
            _ask(base)
        return max(samples)


def _ask(base: str) -> None:
    with httpx.Client(base_url=base, headers=_HEADERS, timeout=600) as client:
        for _ in range(ROUNDS):
            for label, station in PAIRS:
                performer = {
                    "ProcedureStepState": "SCHEDULED",
                    "WorklistLabel": label,
                    "ScheduledStationNameCodeSequence.CodeValue": station,
                }
                client.get("/workitems", params=performer).raise_for_status()
            for question in QUESTIONS:
                client.get("/workitems", params=question).raise_for_status()
        client.get("/workitems", params=WHOLE).raise_for_status()


@contextlib.contextmanager
def _watched(process: psutil.Process) -> Iterator[list[float]]:
    """The process's PSS in MiB, sampled while the block runs."""
    samples, done = [_pss(process)], threading.Event()

    def watch() -> None:
        while not done.wait(SAMPLE_SECONDS):
            samples.append(_pss(process))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield samples
    finally:
        done.set()
        thread.join()


def _pss(process: psutil.Process) -> float:
    return process.memory_full_info().pss / 2**20


@contextlib.contextmanager
def _task_manager(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    port = free_port()
    config = folder / "stepwell.toml"
    config.write_text(f'[stepwell]\ndata_dir = "{folder}"\n[task_manager]\nport = {port}\n')
    arguments = [sys.executable, "-m", "stepwell", "up", "task-manager", "--config", str(config)]
    process = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    base = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: _listens(base), what="the Task Manager to listen")
        yield f"{base}/ups-rs", psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def _listens(base: str) -> bool:
    try:
        return httpx.get(f"{base}/health").is_success
    except httpx.TransportError:
        return False
