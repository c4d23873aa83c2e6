"""ups-http: create, claim, update and complete over UPS-RS against a bare loop of the same framework (DESIGN 4.5)."""

from __future__ import annotations

import contextlib
import http.client
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from benchmarks._servers import process, task_manager
from connectathon.waiting import free_port
from connectathon.workitems import new_workitem, performed
from profiles.dicom import new_uid, put

GOAL = 0.5
CLIENTS = 4
HEADERS = {"Content-Type": "application/dicom+json", "Accept": "application/dicom+json"}
Call = tuple[str, str, bytes]


def run(quick: bool) -> list[dict[str, Any]]:
    """One row per request; the ratio is our requests per second to the bare loop's."""
    count, rounds = (100, 3) if quick else (1000, 5)
    with tempfile.TemporaryDirectory() as folder, _bare(Path(folder)) as bare, task_manager(Path(folder)) as ours:
        rates: dict[tuple[str, bool], list[float]] = {}
        for turn in range(rounds + 1):
            uids, transaction = [new_uid() for _ in range(count)], new_uid()
            for name, call in _requests(transaction).items():
                first = not (turn % 2)  # who goes first changes, so that neither gains by it
                for is_ours in (first, not first):
                    calls = [call(uid) if is_ours else ("POST", f"/rows/{uid}", call(uid)[2]) for uid in uids]
                    reached = rate(ours if is_ours else bare, calls)
                    if turn:  # the first round warms both up
                        rates.setdefault((name, is_ours), []).append(reached)
    size = f"{count} requests from {CLIENTS} clients, median of {rounds} rounds" + (", 1/10 of the size" * quick)
    return [_row(name, rates[(name, True)], rates[(name, False)], size) for name in _requests("")]


def _row(name: str, ours: list[float], bare: list[float], size: str) -> dict[str, Any]:
    value, baseline = statistics.median(ours), statistics.median(bare)
    ratio = round(statistics.median(one / other for one, other in zip(ours, bare, strict=True)), 3)
    return {
        "name": "ups-http",
        "ratio": ratio,
        "goal": GOAL,
        "better": "higher",
        "met": ratio >= GOAL,
        "value": round(value, 1),
        "baseline": round(baseline, 1),
        "unit": "requests/s",
        "note": f"{name}: {size}; SQLite, synchronous FULL, on both sides",
    }


def _requests(transaction: str) -> dict[str, Callable[[str], Call]]:
    """The four requests of one workitem's life, each by its UID."""
    now = datetime.now(UTC)
    workitem, done = orjson.dumps([new_workitem(now=now)]), orjson.dumps([performed(now)])

    def state(wanted: str) -> bytes:
        return orjson.dumps([put(put({}, "ProcedureStepState", wanted), "TransactionUID", transaction)])

    return {
        "create": lambda uid: ("POST", f"/ups-rs/workitems?workitem={uid}", workitem),
        "claim": lambda uid: ("PUT", f"/ups-rs/workitems/{uid}/state", state("IN PROGRESS")),
        "update": lambda uid: ("POST", f"/ups-rs/workitems/{uid}?transaction-uid={transaction}", done),
        "complete": lambda uid: ("PUT", f"/ups-rs/workitems/{uid}/state", state("COMPLETED")),
    }


def rate(port: int, calls: list[Call], clients: int = CLIENTS) -> float:
    """Requests per second of some clients, each on a connection of its own.

    Raises:
        RuntimeError: when a request is refused.
    """
    failures: list[str] = []

    def send(mine: list[Call]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for method, path, body in mine:
            connection.request(method, path, body, HEADERS)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status not in (200, 201):
                failures.append(f"{method} {path.partition('?')[0]}: {answer.status} {said[:200]!r}")
                break
        connection.close()

    threads = [threading.Thread(target=send, args=(calls[number::clients],)) for number in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(failures[0])
    return len(calls) / (time.perf_counter() - started)


@contextlib.contextmanager
def _bare(folder: Path) -> Iterator[int]:
    port = free_port()
    with process(port, "-m", "benchmarks._bare", str(port), str(folder / "bare.sqlite")):
        yield port
