"""Socket options of DIMSE associations."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

from pynetdicom import evt
from pynetdicom.transport import AssociationSocket


def without_delay() -> tuple[Any, Any]:
    """An event handler that turns off Nagle's algorithm on a new connection: it costs about 40 ms per DIMSE message."""
    return evt.EVT_CONN_OPEN, _set_no_delay


def _set_no_delay(event: Any) -> None:
    connection = getattr(event.assoc.dul.socket, "socket", None)
    if connection is not None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _shut_down(association_socket: Any) -> None:
    """Shut a socket down and close it; pynetdicom 3.0 does not close one that was never connected."""
    connection = association_socket.socket
    if connection is not None:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()


AssociationSocket._shutdown_socket = _shut_down
