"""Servers that benchmarks measure, each a process of its own on a free loopback port."""

from __future__ import annotations

import contextlib
import http.client
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from connectathon.waiting import eventually, free_port

ROOT = Path(__file__).parent.parent


@contextlib.contextmanager
def task_manager(folder: Path, database_url: str = "") -> Iterator[int]:
    """A Task Manager as users run it; its port."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "stepwell.toml"
    database = f'database_url = "{database_url}"\n' if database_url else ""
    config.write_text(f'[stepwell]\ndata_dir = "{folder}"\n[task_manager]\nport = {port}\n{database}', encoding="utf-8")
    with process(port, "-m", "stepwell", "up", "task-manager", "--config", str(config)):
        yield port


@contextlib.contextmanager
def process(port: int, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process that serves HTTP on a port, until the block ends."""
    with _started(lambda: _answers(port), arguments) as running:
        yield running


@contextlib.contextmanager
def listener(port: int, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process that takes connections on a port, until the block ends."""
    with _started(lambda: _listens(port), arguments) as running:
        yield running


@contextlib.contextmanager
def _started(is_there: Callable[[], bool], arguments: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    running = subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        eventually(is_there, what="the server to listen")
        yield running
    finally:
        running.terminate()
        running.wait(30)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        connection.getresponse().read()
    except OSError:
        return False
    finally:
        connection.close()
    return True
