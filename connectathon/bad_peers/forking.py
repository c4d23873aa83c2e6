"""Start actors quickly: one process has imported them all, and a copy of it becomes the actor that is wanted.

Most of an actor's start is the import of its libraries; the hundreds of bad peers share that. The parent of all copies
(``python -m connectathon.bad_peers.forking``) takes one line of JSON for each: the arguments of
:mod:`connectathon.bad_peers.__main__`, the file for what the copy prints and its environment; it answers with the
process id.
"""

from __future__ import annotations

import atexit
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from math import inf
from pathlib import Path
from threading import Lock
from typing import Any

from connectathon.bad_peers.__main__ import main as become

_ACTORS = (
    "event_repository",
    "image_display",
    "image_manager",
    "task_manager",
    "task_performer",
    "task_requester",
    "watcher",
)
_END_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux
_DROP_CAPABILITY = 24  # PR_CAPBSET_DROP
_DAC_OVERRIDE = 1
_CAPABILITIES_3 = 0x20080522
_ENDED = {"Z", "X"}
_LOOK_SECONDS = 0.01
_lock = Lock()


class Forked:
    """One copy; as a :class:`subprocess.Popen` as far as tests use one.

    An ended copy stays a zombie until its parent ends, so that its process id is nobody else's and its status is kept.
    """

    def __init__(self, pid: int) -> None:
        """The copy runs already."""
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """None while it runs; afterwards what it ended with, negative if that was a signal."""
        if self.returncode is None:
            try:
                fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
            except FileNotFoundError:  # with its parent
                self.returncode = 0
            else:
                if fields[0] in _ENDED and not self._has_threads():
                    self.returncode = os.waitstatus_to_exitcode(int(fields[-1]))
        return self.returncode

    def _has_threads(self) -> bool:
        """Whether threads of a process whose first thread has ended still hold its files and ports."""
        with suppress(FileNotFoundError):
            return len([*Path(f"/proc/{self.pid}/task").iterdir()]) > 1
        return False

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended; what it ended with.

        Raises:
            subprocess.TimeoutExpired: when it still runs then.
        """
        end = time.monotonic() + (inf if timeout is None else timeout)
        while (status := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired([str(self.pid)], timeout or 0)
            time.sleep(_LOOK_SECONDS)
        return status


def fork(arguments: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> Forked:
    """Start a copy that runs an actor. Permissions of files bind it, also when root starts it.

    Args:
        arguments: of ``python -m connectathon.bad_peers``.
        log: what it prints is added to this file.
        environment: all of its variables; those of the parent of all copies unless given.
    """
    asked = {"arguments": list(arguments), "log": str(log), "environment": dict(environment or {})}
    with _lock:
        parent = _parent()
        if parent.stdin is None or parent.stdout is None:
            raise RuntimeError("the parent of all copies has no pipes")
        parent.stdin.write(json.dumps(asked) + "\n")
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
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(asked)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:  # not every system ends what it inherits
            pass


def _become(asked: dict[str, Any]) -> None:
    """Be the actor; never returns."""
    library = ctypes.CDLL(None)
    library.prctl(_END_WITH_PARENT, signal.SIGTERM)  # a test run that is killed leaves no actor behind
    _bind_by_permissions(library)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(asked["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    if asked["environment"]:
        os.environ.clear()
        os.environ.update(asked["environment"])
        sys.path[:0] = os.environ.get("PYTHONPATH", "").split(os.pathsep)
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


def _bind_by_permissions(library: ctypes.CDLL) -> None:
    """Give up CAP_DAC_OVERRIDE: now, and for what is executed."""
    header, data = (ctypes.c_uint32 * 2)(_CAPABILITIES_3, 0), (ctypes.c_uint32 * 6)()
    if library.capget(header, data) == 0:
        for place in range(3):  # effective, permitted, inheritable
            data[place] &= ~(1 << _DAC_OVERRIDE)
        library.prctl(_DROP_CAPABILITY, _DAC_OVERRIDE, 0, 0, 0)
        library.capset(header, data)


if __name__ == "__main__":
    _serve()
