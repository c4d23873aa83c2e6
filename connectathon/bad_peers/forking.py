"""Start actors quickly: one process has imported them all, and a copy of it becomes the actor that is wanted.

Most of an actor's start is the import of its libraries; the hundreds of bad peers share that. The parent of all copies
(``python -m connectathon.bad_peers.forking``) takes one line of JSON for each: the arguments of
:mod:`connectathon.bad_peers.__main__` and the file for what the copy prints; it answers with the process id.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any

import psutil

from connectathon.bad_peers.__main__ import main as become

_ACTORS = ("event_repository", "image_manager", "task_manager", "task_performer", "task_requester", "watcher")
_lock = Lock()


class Forked:
    """One copy; as a :class:`subprocess.Popen` as far as tests use one."""

    def __init__(self, pid: int) -> None:
        """The copy runs already."""
        self.pid = pid
        self._process: psutil.Process | None
        try:
            self._process = psutil.Process(pid)
        except psutil.NoSuchProcess:
            self._process = None

    def poll(self) -> int | None:
        """None while it runs; 0 afterwards, whatever it ended with."""
        if self._process is None or not self._process.is_running():
            return 0
        try:
            return 0 if self._process.status() == psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return 0

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self._process is not None and self.poll() is None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended.

        Raises:
            subprocess.TimeoutExpired: when it still runs then.
        """
        if self._process is not None:
            try:
                self._process.wait(timeout)
            except psutil.TimeoutExpired as error:
                raise subprocess.TimeoutExpired([str(self.pid)], timeout or 0) from error
        return 0


def fork(arguments: Sequence[str], log: Path) -> Forked:
    """Start a copy that runs an actor.

    Args:
        arguments: of ``python -m connectathon.bad_peers``.
        log: what it prints is added to this file.
    """
    with _lock:
        parent = _parent()
        if parent.stdin is None or parent.stdout is None:
            raise RuntimeError("the parent of all copies has no pipes")
        parent.stdin.write(json.dumps({"arguments": list(arguments), "log": str(log)}) + "\n")
        parent.stdin.flush()
        return Forked(int(parent.stdout.readline()))


@cache
def _parent() -> subprocess.Popen[str]:
    parent = subprocess.Popen(
        [sys.executable, "-m", "connectathon.bad_peers.forking"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    atexit.register(_end, parent)
    return parent


def _end(parent: subprocess.Popen[str]) -> None:
    parent.communicate()


def _serve() -> None:
    """Copy this process for each line of the standard input."""
    for actor in _ACTORS:
        for module in ("settings", "main"):
            import_module(f"actors.{actor}.{module}")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended copies leave nothing behind
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(asked)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _become(asked: dict[str, Any]) -> None:
    """Be the actor; never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(asked["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    sys.argv = ["connectathon.bad_peers", *asked["arguments"]]
    status = 1
    try:
        become()
        status = 0
    except SystemExit as ended:
        if isinstance(ended.code, str):
            sys.stderr.write(f"{ended.code}\n")
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        sys.stdout.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve()
