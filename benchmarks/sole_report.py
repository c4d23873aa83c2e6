"""sole-report: what telling the operational log costs a create request, against the same Task Manager kept silent."""

from __future__ import annotations

import contextlib
import statistics
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from benchmarks._servers import process
from benchmarks.ups_http import CLIENTS, Call, rate
from connectathon.waiting import eventually, free_port
from connectathon.workitems import new_workitem
from profiles.dicom import new_uid
from sole_logging import Spool

GOAL = 1.05
_PLACES = ("stepwell", "benchmarks._silent_manager")


def run(quick: bool) -> list[dict[str, Any]]:
    """One row: seconds of a create request with reporting to those without."""
    count, rounds = (200, 9) if quick else (250, 60)
    seconds: tuple[list[float], list[float]] = ([], [])
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folders = [Path(name) / module for module in _PLACES]
        ports = [stack.enter_context(_manager(*one)) for one in zip(folders, _PLACES, strict=True)]
        for turn in range(rounds + 1):
            for place in (0, 1) if turn % 2 else (1, 0):  # who goes first changes, so that neither gains by it
                took = 1 / rate(ports[place], _creates(count))
                if place == 0:
                    _await_reported(folders[place], count * (turn + 1))
                if turn:  # the first round warms both up
                    seconds[place].append(took)
    ratio = round(statistics.median(one / other for one, other in zip(*seconds, strict=True)), 3)
    return [
        {
            "name": "sole-report",
            "ratio": ratio,
            "goal": GOAL,
            "better": "lower",
            "met": ratio <= GOAL,
            "value": round(statistics.median(seconds[0]) * 1e3, 3),
            "baseline": round(statistics.median(seconds[1]) * 1e3, 3),
            "unit": "ms",
            "note": f"{count} create requests from {CLIENTS} clients with an operational and an audit event each, "
            f"durable in the spool, against none; median of {rounds} rounds{', fewer rounds' * quick}",
        }
    ]


def _creates(count: int) -> list[Call]:
    workitem = orjson.dumps([new_workitem(now=datetime.now(UTC))])
    return [("POST", f"/ups-rs/workitems?workitem={new_uid()}", workitem) for _ in range(count)]


def _await_reported(folder: Path, count: int) -> None:
    """Nobody's time holds what is told after it: two messages for each request."""
    spool = Spool(folder / "task_manager" / "event-spool.sqlite")
    with contextlib.closing(spool):
        eventually(lambda: spool.waiting_for("nobody")[0] >= 2 * count, 120, "all events to be in the spool")


@contextlib.contextmanager
def _manager(folder: Path, module: str) -> Iterator[int]:
    port = free_port()
    folder.mkdir()
    config = folder / "stepwell.toml"
    config.write_text(f'[stepwell]\ndata_dir = "{folder}"\n[task_manager]\nport = {port}\n', encoding="utf-8")
    with process(port, "-m", module, "up", "task-manager", "--config", str(config)):
        yield port
