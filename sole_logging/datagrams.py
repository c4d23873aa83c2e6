"""Syslog over UDP (RFC 5426, PS3.15 A.7), for repositories that take nothing else: one message per datagram.

The limit of that: nobody says whether a datagram arrived, so a message counts as arrived once it was sent, unless the
repository can be read back.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence

import structlog

from sole_logging.links import Taken, wait_for_wake
from sole_logging.spool import Spooled
from sole_logging.targets import Target

_log = structlog.get_logger(module=__name__)


class Datagrams:
    """A socket that sends to one repository.

    Args:
        target: where to; its ``datagram_octets`` bound each message.
        wake: a socket that becomes readable when there is something new to send.
    """

    def __init__(self, target: Target, wake: socket.socket) -> None:
        self._target, self._wake = target, wake
        family, kind, protocol, _, address = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_DGRAM)[0]
        self._socket = socket.socket(family, kind, protocol)
        try:
            self._socket.connect(address)  # so that a host without receiver is noticed at the next message
        except OSError:
            self._socket.close()
            raise

    def deliver(self, batch: Sequence[Spooled]) -> Taken:
        """Send each message in a datagram; one that is too long for that is cut (ITI TF-2 3.20.4.1.2.1.2)."""
        for message in batch:
            octets = message.content[: self._target.datagram_octets]
            self._socket.send(octets)
            if len(octets) < len(message.content):
                _log.warning(
                    "event-cut",
                    event_id=message.event_id,
                    repository=self._target.name,
                    octets=len(message.content),
                    sent=len(octets),
                )
        return Taken() if self._target.read_back_url else Taken(frozenset(message.number for message in batch))

    def wait(self, seconds: float) -> None:
        """Wait for something to send."""
        wait_for_wake(self._wake, seconds)

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()
