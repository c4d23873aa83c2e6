"""hl7-ack: orders taken durably and acknowledged, against a bare receiver that stores the same bytes (DESIGN 4.5)."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks._servers import ROOT
from connectathon.fiction import DemoOrder
from connectathon.ris.orders import build_order
from connectathon.waiting import eventually, free_port

GOAL = 0.5
SENDERS = (1, 4)
_START, _END = b"\x0b", b"\x1c\r"


def run(quick: bool) -> list[dict[str, Any]]:
    """One row for each number of senders; the ratio is our messages per second to the bare receiver's."""
    count, rounds = (100, 3) if quick else (500, 5)
    with tempfile.TemporaryDirectory() as name, _bare(Path(name)) as bare, _requester(Path(name)) as ours:
        worked_out = partial(eventually, lambda: not _waiting(Path(name)), 600, "the orders to be worked out")
        return [_row(senders, count, rounds, (ours, bare), worked_out, quick) for senders in SENDERS]


def _row(
    senders: int, count: int, rounds: int, ports: tuple[int, int], worked_out: Callable[[], object], quick: bool
) -> dict[str, Any]:
    rates: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 1):
        for place in (0, 1) if turn % 2 else (1, 0):  # who goes first changes, so that neither gains by it
            rate = _rate(ports[place], _messages(f"{senders}{turn}{place}", count), senders)
            worked_out()  # never while the other side is measured
            if turn:  # the first round warms both up
                rates[place].append(rate)
    ratio = round(statistics.median(one / other for one, other in zip(*rates, strict=True)), 3)
    return {
        "name": "hl7-ack",
        "ratio": ratio,
        "goal": GOAL,
        "better": "higher",
        "met": ratio >= GOAL,
        "value": round(statistics.median(rates[0]), 1),
        "baseline": round(statistics.median(rates[1]), 1),
        "unit": "messages/s",
        "note": f"new orders (OMI^O23), one after the other by {senders} sender(s), {count} messages, median "
        f"of {rounds} rounds; SQLite, synchronous FULL, on both sides{', a fifth of the size' * quick}",
    }


def _messages(run_name: str, count: int) -> list[bytes]:
    """New orders, each for a patient and a study of its own."""
    order = DemoOrder(accession_number="ACC0000000", study_instance_uid="2.25.7770000000")
    template, made = build_order(order, control_id="CONTROL0000000"), []
    for number in range(count):
        key = f"{run_name}{number:04d}".rjust(7, "0").encode()
        made.append(template.replace(b"ACC0000000", b"ACC" + key).replace(b"CONTROL0000000", b"CONTROL" + key))
        made[-1] = made[-1].replace(b"2.25.7770000000", b"2.25.777" + key)
    return made


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
    with _process(port, "-m", "benchmarks._bare_mllp", str(port), str(folder / "bare.sqlite")):
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
    with _process(port, "-m", "stepwell", "up", "task-requester", "--config", str(config)):
        yield port


@contextlib.contextmanager
def _process(port: int, *arguments: str) -> Iterator[None]:
    running = subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        eventually(lambda: _listens(port), what="the receiver to listen")
        yield
    finally:
        running.terminate()
        running.wait(30)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False
