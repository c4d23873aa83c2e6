"""hl7-ack: orders taken durably and acknowledged, against a bare receiver that stores the same bytes (DESIGN 4.5)."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._servers import listener
from benchmarks._visible import QUIET_SECONDS, seconds_to_workitem
from connectathon.campaigns.order_receiver import orders
from connectathon.waiting import eventually, free_port

GOAL = 0.5
SENDERS = (1, 4)
_START, _END = b"\x0b", b"\x1c\r"


@dataclass(frozen=True, slots=True)
class _Sides:
    """The ports of both, and the folder of ours."""

    ours: int
    bare: int
    folder: Path


def run(quick: bool) -> list[dict[str, Any]]:
    """One row for each number of senders; the ratio is our messages per second to the bare receiver's."""
    count, rounds = (100, 3) if quick else (500, 5)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with _bare(folder) as bare, _requester(folder) as ours:
            rows = [_row(senders, count, rounds, _Sides(ours, bare, folder), quick) for senders in SENDERS]
        visible = seconds_to_workitem(folder / "visible", 3 if quick else 10)
    rows[0]["note"] += (
        f"; from the answer to a workitem that can be found {visible:.2f} s, of which {QUIET_SECONDS:g} s is how long "
        "the study has to stand still"
    )
    return rows


def _row(senders: int, count: int, rounds: int, sides: _Sides, quick: bool) -> dict[str, Any]:
    rates: dict[int, list[float]] = {sides.ours: [], sides.bare: []}
    worked_out = []
    for turn in range(rounds + 1):
        for port in sorted(rates, reverse=bool(turn % 2)):  # who goes first changes, so that neither gains by it
            begun = time.perf_counter()
            rate = _rate(port, _messages(f"{senders}{turn}{int(port == sides.ours)}", count), senders)
            eventually(lambda: not _waiting(sides.folder), 600, "the orders to be worked out")  # at nobody's cost
            if turn:  # the first round warms both up
                rates[port].append(rate)
            if turn and port == sides.ours:
                worked_out.append(count / (time.perf_counter() - begun))
    ratios = [one / other for one, other in zip(rates[sides.ours], rates[sides.bare], strict=True)]
    ratio = round(statistics.median(ratios), 3)
    return {
        "name": "hl7-ack",
        "ratio": ratio,
        "goal": GOAL,
        "better": "higher",
        "met": ratio >= GOAL,
        "value": round(statistics.median(rates[sides.ours]), 1),
        "baseline": round(statistics.median(rates[sides.bare]), 1),
        "unit": "messages/s",
        "note": f"new orders (OMI^O23), one after the other by {senders} sender(s), {count} messages, median "
        f"of {rounds} rounds; SQLite, synchronous FULL, on both sides; answered and worked "
        f"out {statistics.median(worked_out):.0f} orders/s{', a fifth of the size' * quick}",
    }


def _messages(run_name: str, count: int) -> list[bytes]:
    """New orders, each for a patient and a study of its own."""
    return [message for _, message in orders(run_name, count)]


def _rate(port: int, messages: list[bytes], senders: int) -> float:
    """Messages per second of some senders, each on a connection of its own.

    Raises:
        RuntimeError: when one is not answered AA.
    """
    refused: list[bytes] = []

    def send(part: list[bytes]) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for message in part:
                connection.sendall(_START + message + _END)
                answer = b""
                while not answer.endswith(_END):
                    answer += connection.recv(65536)
                if b"MSA|AA|" not in answer:
                    refused.append(answer)

    threads = [threading.Thread(target=send, args=(messages[place::senders],)) for place in range(senders)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - started
    if refused:
        raise RuntimeError(f"{len(refused)} messages were not taken, the first: {refused[0]!r}")
    return len(messages) / took


def _waiting(folder: Path) -> int:
    """How many orders were answered and are still to be worked out."""
    with contextlib.closing(sqlite3.connect(folder / "task_requester" / "inbox.sqlite")) as inbox:
        return int(inbox.execute("SELECT count(*) FROM letter").fetchone()[0])


@contextlib.contextmanager
def _bare(folder: Path) -> Iterator[int]:
    port = free_port()
    with listener(port, "-m", "benchmarks._bare_mllp", str(port), str(folder / "bare.sqlite")):
        yield port


@contextlib.contextmanager
def _requester(folder: Path) -> Iterator[int]:
    """A Task Requester as users run it; its archive and worklist are away."""
    port, config = free_port(), folder / "stepwell.toml"
    away = f"http://127.0.0.1:{free_port()}"
    config.write_text(
        f'[stepwell]\ndata_dir = "{folder}"\n[task_requester]\nmllp_port = {port}\narchive_url = "{away}/dicom-web"\n'
        f'task_manager_url = "{away}/ups-rs"\n',
        encoding="utf-8",
    )
    with listener(port, "-m", "stepwell", "up", "task-requester", "--config", str(config)):
        yield port
