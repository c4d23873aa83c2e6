"""What one connection may cost: bytes of a message, and time without any; and what of it stays out of logs (D16)."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

import pynetdicom._config
from pynetdicom import evt

from actors.shared.sockets import without_delay

PDU_BYTES = 2**20
MESSAGE_BYTES = 4 * 2**20
_END_SECONDS = 5.0


def limited(seconds: float) -> list[tuple[Any, Any]]:
    """Event handlers that end a connection which sends too much at once, or stops in the middle of something.

    Args:
        seconds: how long a peer may take for the bytes that it announced, or to take ours.
    """

    def opened(event: Any) -> None:
        connection = event.assoc.dul.socket
        if isinstance(getattr(connection, "socket", None), socket.socket):
            connection.socket.settimeout(seconds)
            event.assoc.meter = _Meter(connection)

    def message_is_complete(event: Any) -> None:
        event.assoc.meter.received = 0

    return [
        without_delay(),
        (evt.EVT_CONN_OPEN, opened),
        (evt.EVT_DIMSE_RECV, message_is_complete),
        (evt.EVT_CONN_CLOSE, _stop_waiting),
    ]


def _stop_waiting(event: Any) -> None:
    """Let an association end whose peer has gone before it asked for one; pynetdicom 3.0 waits until its time is up."""
    if event.assoc.requestor.primitive is None:
        event.assoc.dul.to_user_queue.put(None)


class _Meter:
    """Counts the bytes of a message while they come in; pynetdicom takes any number."""

    def __init__(self, connection: Any) -> None:
        self._receive = connection.recv
        self.received = 0
        connection.recv = self.receive

    def receive(self, count: int) -> Any:
        self.received += count
        if count > PDU_BYTES or self.received > MESSAGE_BYTES:
            raise OSError("the peer sent more than any message of UPS is long")
        return self._receive(count)


def shut_down(ae: Any, server: Any) -> None:
    """End a server and its associations; pynetdicom 3.0 fails to abort those that never got beyond a connection."""
    for association in server.active_associations:
        if association.requestor.primitive is None:
            with suppress(OSError, AttributeError):
                association.dul.socket.socket.shutdown(socket.SHUT_RDWR)
            association.join(_END_SECONDS)
    ae.shutdown()


def keep_identifiers_out_of_logs() -> None:
    """See that pynetdicom writes no identifier, which is patient data, to any log, and no trace of each message."""
    pynetdicom._config.LOG_HANDLER_LEVEL = "none"
    pynetdicom._config.LOG_REQUEST_IDENTIFIERS = False
    pynetdicom._config.LOG_RESPONSE_IDENTIFIERS = False
