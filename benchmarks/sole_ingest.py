"""sole-ingest: messages over syslog TLS into the Event Repository, durable, against rsyslog and a synced file.

sole-project: how fast they are read behind that, and how far behind.
"""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import ssl
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from actors.shared import pki
from benchmarks._servers import process
from connectathon.peers.rsyslog import receiving
from connectathon.waiting import eventually, free_port
from profiles.sole import Algorithm, OperationalEvent, Source, Thread
from profiles.sole.syslog import frame
from sole_logging.reporter import sole_message

GOAL = 0.5
SENDERS = 4
_LOOK_SECONDS = 0.005
_LIMIT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class _Receiver:
    """Somebody who takes messages, and how many octets or messages of them are on disk."""

    port: int
    stored: Callable[[], int]


def run(quick: bool) -> list[dict[str, Any]]:
    """A row for the intake (ratio of messages per second) and one for the reading behind it."""
    count, rounds = (8_000, 3) if quick else (20_000, 4)
    rates: tuple[list[float], list[float]] = ([], [])
    behind: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        pki.init(folder / "pki", "Benchmark")
        database = folder / "data" / "event_repository" / "events.sqlite"
        theirs, log = stack.enter_context(receiving(folder, folder / "pki"))
        log.touch()
        ours = stack.enter_context(_repository(folder))
        receivers = (_Receiver(ours, lambda: _state(database, "stored")), _Receiver(theirs, lambda: log.stat().st_size))
        for turn in range(rounds + 1):
            frames = _frames(turn, count)
            grows = (count, sum(len(one) - one.index(b" ") for one in frames))  # a line is a message and its end
            for place in (0, 1) if turn % 2 else (1, 0):  # who goes first changes, so that neither gains by it
                rate = _rate(receivers[place], frames, grows[place], folder / "pki")
                if place == 0:
                    behind.append(_read_behind(database))
                if turn:  # the first round warms both up
                    rates[place].append(rate)
    return [_ingest_row(rates, count, rounds, quick), _project_row(behind[1:], count, quick)]


def _ingest_row(rates: tuple[list[float], list[float]], count: int, rounds: int, quick: bool) -> dict[str, Any]:
    ratio = round(statistics.median(one / other for one, other in zip(*rates, strict=True)), 3)
    return {
        "name": "sole-ingest",
        "ratio": ratio,
        "goal": GOAL,
        "better": "higher",
        "met": ratio >= GOAL,
        "value": round(statistics.median(rates[0]), 1),
        "baseline": round(statistics.median(rates[1]), 1),
        "unit": "messages/s",
        "note": f"{count} audit messages by {SENDERS} senders over mutual TLS, with header and duplicate key on disk "
        f"(SQLite, synchronous FULL), against rsyslog into a synced file; median of {rounds} rounds"
        f"{', less than half the size' * quick}",
    }


def _project_row(behind: list[tuple[float, float]], count: int, quick: bool) -> dict[str, Any]:
    """No goal: a burst is read as fast as it goes; a day of 10,000,000 events comes at 116 a second."""
    rate = round(statistics.median(one for one, _ in behind), 1)
    lag = max(seconds for _, seconds in behind)
    arriving = 10_000_000 / 86_400
    return {
        "name": "sole-project",
        "ratio": round(rate / arriving, 2),
        "goal": 1.0,
        "better": "higher",
        "met": rate >= arriving,
        "value": rate,
        "baseline": round(arriving, 1),
        "unit": "messages/s",
        "note": f"reading the XML behind the intake, against the rate of 10,000,000 events a day; the last of {count} "
        f"messages of a burst was read at most {lag:.1f} s after it was stored{', less than half the size' * quick}",
    }


def _frames(turn: int, count: int) -> list[bytes]:
    """Different events as an AI performer reports them, each in its frame."""
    source = Source("task_performer", "ai1.rad.example.org", "77", "North Campus", "benchmark")
    begin = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(hours=turn)
    made = []
    for number in range(count):
        at = begin + timedelta(milliseconds=number)
        thread = Thread(
            f"MRN{number:07d}^^^&2.999.1.2&ISO",
            f"A-2026-{number:07d}",
            f"P{number:07d}",
            f"F{number:07d}",
            f"2.999.7.{turn}.{number}",
            f"2.999.9.{turn}.{number}",
        )
        event = OperationalEvent("inference-ended", at, thread, algorithm=Algorithm("lung-nodule-ct", "2.1.0"))
        made.append(frame(sole_message(event, source, at)))
    return made


def _rate(receiver: _Receiver, frames: list[bytes], grows: int, certificates: Path) -> float:
    """Messages per second, from the first octet sent until the last message is on disk."""
    parts = [b"".join(frames[place::SENDERS]) for place in range(SENDERS)]
    connections = [_connect(receiver.port, certificates) for _ in parts]
    wanted = receiver.stored() + grows
    threads = [threading.Thread(target=_send, args=pair) for pair in zip(connections, parts, strict=True)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    while receiver.stored() < wanted:
        if time.perf_counter() - started > _LIMIT_SECONDS:
            raise RuntimeError(f"{wanted - receiver.stored()} of {grows} never came")
        time.sleep(_LOOK_SECONDS)
    took = time.perf_counter() - started
    for thread in threads:
        thread.join()
    return len(frames) / took


def _connect(port: int, certificates: Path) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=certificates / "authority.pem")
    context.load_cert_chain(certificates / "client.pem", certificates / "client.key")
    plain = socket.create_connection(("127.0.0.1", port), timeout=_LIMIT_SECONDS)
    return context.wrap_socket(plain, server_hostname="127.0.0.1")


def _send(connection: ssl.SSLSocket, octets: bytes) -> None:
    with connection:
        connection.sendall(octets)
        with contextlib.suppress(OSError):
            connection.unwrap()


def _read_behind(database: Path) -> tuple[float, float]:
    """Wait until all that is stored was read: messages read per second meanwhile, and how long that took."""
    started, first = time.perf_counter(), _state(database, "projected")
    stored = _state(database, "stored")
    eventually(lambda: _state(database, "projected") >= stored, _LIMIT_SECONDS, "all messages to be read")
    took = time.perf_counter() - started
    return (stored - first) / took, took


def _state(database: Path, name: str) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=60)) as connection:
        return int(connection.execute("SELECT number FROM log_state WHERE name = ?", (name,)).fetchone()[0])


@contextlib.contextmanager
def _repository(folder: Path) -> Iterator[int]:
    """An Event Repository as users run it; its syslog port."""
    port, syslog, config = free_port(), free_port(), folder / "stepwell.toml"
    files = "\n".join(f'{key} = "{folder}/pki/{name}"' for key, name in _SERVER_FILES.items())
    config.write_text(
        f'[stepwell]\ndata_dir = "{folder}/data"\n[event_repository]\nport = {port}\nsyslog_port = {syslog}\n'
        f"[event_repository.tls]\n{files}\n",
        encoding="utf-8",
    )
    with process(port, "-m", "stepwell", "up", "event-repository", "--config", str(config)):
        yield syslog


_SERVER_FILES = {"authority": "authority.pem", "certificate": "server.pem", "key": "server.key"}
