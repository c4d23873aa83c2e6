"""Socket options of DIMSE associations, and what pynetdicom 3.0 must be spared."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

from pynetdicom import evt
from pynetdicom.dimse import DIMSEServiceProvider
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


_take_message = DIMSEServiceProvider.get_msg


def _message(provider: Any, block: bool = False) -> Any:
    """The next DIMSE message; none for the association's own thread while somebody waits for an answer.

    pynetdicom clears the checkpoint to stop that thread before it sends a request. A thread that was just past the
    checkpoint took the answer and dropped it as unexpected, and who had asked waited until the DIMSE timeout.
    """
    if not block and not provider.assoc._reactor_checkpoint.is_set():
        return None, None
    return _take_message(provider, block)


AssociationSocket._shutdown_socket = _shut_down
DIMSEServiceProvider.get_msg = _message
