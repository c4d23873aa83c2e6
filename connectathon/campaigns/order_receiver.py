"""A Task Requester of its own process for campaigns about messages, and what can be known of it from outside."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil

from connectathon.fiction import DemoOrder
from connectathon.ris.orders import build_order
from connectathon.waiting import eventually, free_port
from stepwell.writing import tables_as_toml

START, END = b"\x0b", b"\x1c\r"
_MIB = 2**20
_SAMPLE_SECONDS = 0.2
_LIMIT_SECONDS = 3600.0


class Receiver:
    """A running Task Requester; its archive and worklist are away.

    Args:
        process: of the Task Requester.
        folder: with its data.
        port: where it listens.
    """

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, port: int) -> None:
        self._process, self._data, self.port = process, folder / "data" / "task_requester", port

    def memory_mib(self) -> float:
        """Memory that the process holds now."""
        return float(psutil.Process(self._process.pid).memory_info().rss) / _MIB

    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def await_quiet(self) -> None:
        """Return when everything that was answered has been worked out."""
        eventually(lambda: not self._count("inbox", "letter"), _LIMIT_SECONDS, "the messages to be worked out")

    def times_taken(self) -> dict[str, int]:
        """How many orders there are of each accession number."""
        with closing(self._store("orders")) as store:
            rows = store.execute("SELECT accession, count(*) FROM imaging_order GROUP BY accession").fetchall()
        return {str(accession): int(count) for accession, count in rows}

    def _count(self, file: str, table: str) -> int:
        with closing(self._store(file)) as store:
            return int(store.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - a word of ours

    def _store(self, name: str) -> sqlite3.Connection:
        return sqlite3.connect(self._data / f"{name}.sqlite", timeout=30)


class Memory:
    """Samples the memory of a receiver until the block ends.

    Attributes:
        before: MiB when it began.
        peak: the most MiB seen since.
    """

    def __init__(self, receiver: Receiver) -> None:
        self._receiver, self._over = receiver, threading.Event()
        self.before = self.peak = receiver.memory_mib()
        self._thread = threading.Thread(target=self._sample, name="memory")

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.wait(_SAMPLE_SECONDS):
            with suppress(psutil.Error):
                self.peak = max(self.peak, self._receiver.memory_mib())


class Sender:
    """One connection that sends frames and reads answers."""

    def __init__(self, port: int) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=120)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, *_error: object) -> None:
        self._connection.close()

    def send(self, content: bytes, before: bytes = b"") -> bytes:
        """Send one frame, after some bytes that belong to none, and return its answer.

        Raises:
            OSError: there came none.
        """
        self._connection.sendall(before + START + content + END)
        while END not in self._rest:
            portion = self._connection.recv(65536)
            if not portion:
                raise ConnectionResetError("closed without an answer")
            self._rest += portion
        answer, _, self._rest = self._rest.partition(END)
        return answer.removeprefix(START)


@contextmanager
def receiver(folder: Path) -> Iterator[Receiver]:
    """Start a Task Requester as users run it, and end it after the block."""
    port, config = free_port(), folder / "stepwell.toml"
    away = f"http://127.0.0.1:{free_port()}"
    tables: dict[str, dict[str, str | int]] = {
        "stepwell": {"data_dir": str(folder / "data"), "log_level": "WARNING"},
        "task_requester": {"mllp_port": port, "archive_url": f"{away}/dicom", "task_manager_url": f"{away}/ups"},
    }
    config.write_text(tables_as_toml(tables), encoding="utf-8")
    command = [sys.executable, "-m", "stepwell", "up", "task-requester", "--config", str(config)]
    with (folder / "task_requester.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        ready = folder / "data" / "run" / "task_requester.json"
        eventually(ready.exists, what="the Task Requester to be ready")
        yield Receiver(process, folder, port)
    finally:
        process.terminate()
        process.wait(60)


def orders(prefix: str, count: int, kind: str = "OMI^O23") -> Iterator[tuple[str, bytes]]:
    """New orders, each for a patient and a study of its own, with their accession numbers."""
    order = DemoOrder("ACC0000000", "2.25.7770000000", patient_id="PAT0000000")
    template = build_order(order, kind, control_id="CONTROL0000000")
    for number in range(count):
        key = f"{prefix}{number:06d}".rjust(7, "0")
        message = template.replace(b"2.25.7770000000", b"2.25.777" + key.encode())
        for name in (b"ACC", b"PAT", b"CONTROL"):
            message = message.replace(name + b"0000000", name + key.encode())
        yield f"ACC{key}", message
