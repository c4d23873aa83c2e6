"""Wait for a condition, and find a free port: what every test and scenario needs."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_PORTS = range(15000, 32000)
_given: set[int] = set()


def eventually(condition: Callable[[], T | None], limit_seconds: float = 60.0, what: str = "the condition") -> T:
    """Ask again until the condition answers something true, and return that answer.

    Args:
        condition: called without arguments; an AssertionError counts as "not yet".
        limit_seconds: how long to go on asking; generous, because a slow machine is no defect.
        what: words for the message when the limit runs out.

    Raises:
        TimeoutError: when the limit ran out; it says what was awaited and why it was last refused.
    """
    end = time.monotonic() + limit_seconds
    pause, last = 0.01, ""
    while True:
        try:
            answer = condition()
        except AssertionError as error:
            last = str(error)
        else:
            if answer:
                return answer
        if time.monotonic() > end:
            raise TimeoutError(f"waited {limit_seconds:g} s in vain for {what} {last}".rstrip())
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)


def free_port() -> int:
    """A TCP port on the loopback address that nobody holds, below those that the system gives to clients.

    A port of the system's own range could be taken by an outgoing connection before its server listens.
    """
    while True:
        port = _PORTS.start + secrets.randbelow(len(_PORTS))
        if port in _given:  # its server may not listen yet
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
