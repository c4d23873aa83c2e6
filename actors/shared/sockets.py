"""Socket options of DIMSE associations."""

from __future__ import annotations

import socket
from typing import Any

from pynetdicom import evt


def without_delay() -> tuple[Any, Any]:
    """An event handler that turns off Nagle's algorithm on a new connection: it costs about 40 ms per DIMSE message."""
    return evt.EVT_CONN_OPEN, _set_no_delay


def _set_no_delay(event: Any) -> None:
    connection = getattr(event.assoc.dul.socket, "socket", None)
    if connection is not None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
