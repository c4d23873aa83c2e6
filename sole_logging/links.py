"""How messages leave: what every transport of a reporter offers to its sender."""

from __future__ import annotations

import select
import socket
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Protocol

from sole_logging.spool import Spooled


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch, as far as the transport tells.

    Attributes:
        numbers: messages that the repository has acknowledged; syslog never does.
        refused: messages that it will never take, and why.
    """

    numbers: Set[int] = field(default_factory=frozenset)
    refused: Mapping[int, str] = field(default_factory=dict)


class Link(Protocol):
    """A way to one repository. Every method but `close` raises OSError once the way is broken."""

    def deliver(self, batch: Sequence[Spooled]) -> Taken:
        """Hand over messages, in order."""

    def wait(self, seconds: float) -> None:
        """Wait until there is something to send, or so many seconds have passed, or the other side is gone."""

    def close(self) -> None:
        """End it; never raises."""


def wait_for_wake(wake: socket.socket, seconds: float) -> None:
    """Wait until a socket says that there is something new, and take what it says."""
    if select.select([wake], [], [], seconds)[0]:
        wake.recv(4096)
