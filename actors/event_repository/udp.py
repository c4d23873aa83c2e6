"""Syslog over UDP (RFC 5426): one message in a datagram, which may be lost, or cut off (ITI TF-2 3.20.4.1.2.1.2)."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from actors.event_repository.ingest import Ingest
from actors.shared.logs import get_logger
from profiles.errors import Unavailable
from sole_logging.records import UDP

_log = get_logger(__name__)
_LONGEST = 65_535
_BUFFER_OCTETS = 4 * 2**20
_MANY = 256
_LOOK_SECONDS = 0.2
_ROOM_SECONDS = 0.05


class UdpServer:
    """Receives datagrams in a thread. While there is no room they stay where the system drops what is too much.

    Args:
        host: address to listen on.
        port: 514 by RFC 5426.
        ingest: takes the messages.
    """

    def __init__(self, host: str, port: int, ingest: Ingest) -> None:
        self._host, self._port, self._ingest = host, port, ingest
        self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="syslog-udp", daemon=True)

    def start(self) -> None:
        """Listen.

        Raises:
            Unavailable: when the port is taken, or may not be used.
        """
        with suppress(OSError):  # a smaller buffer does, too
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_OCTETS)
        try:
            self._socket.bind((self._host, self._port))
        except OSError as error:
            self._socket.close()
            raise Unavailable(
                f"event_repository cannot listen on UDP {self._host}:{self._port}: {error.strerror}. Choose another "
                "udp_port in [event_repository]; one below 1024 is for root."
            ) from error
        self._socket.settimeout(_LOOK_SECONDS)
        _log.warning("syslog-without-tls", host=self._host, port=self._port, transport="udp")
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(10)
        self._socket.close()

    def _run(self) -> None:
        while not self._ending.is_set():
            if not self._ingest.has_room:
                self._ending.wait(_ROOM_SECONDS)
                continue
            for peer, messages in self._received().items():
                self._ingest.take(messages, UDP, peer)

    def _received(self) -> dict[str, list[bytes]]:
        """The datagrams that are there, by their sender; waits for the first."""
        found: dict[str, list[bytes]] = {}
        flags = 0
        for _ in range(_MANY):
            try:
                message, address = self._socket.recvfrom(_LONGEST, flags)
            except OSError:  # nothing more is there, or what the system tells of an earlier answer
                break
            if message:
                found.setdefault(str(address[0]), []).append(message)
            flags = socket.MSG_DONTWAIT
        return found
