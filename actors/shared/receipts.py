"""WebSockets whose server knows what has arrived: all that was sent before a ping that the peer answered.

A WebSocket has no acknowledgement, but its peer answers each ping with a pong once it has read what came before
(RFC 6455 5.5.2, 5.5.3), in order. `serve` runs every application on `ReceiptProtocol`, which lets the application of a
connection see that through ``scope["extensions"][RECEIPTS]``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

RECEIPTS = "stepwell.receipts"
VERSION = "13"


class Receipts:
    """How far the peer of one connection has come.

    Attributes:
        sent: mark of the newest message sent; whoever sends sets it.
        arrived: mark of the newest message that has certainly arrived.

    Args:
        ping: sends a ping soon, whatever the interval is.
    """

    def __init__(self, ping: Callable[[], None]) -> None:
        self.sent = self.arrived = 0
        self.ping = ping
        self._pinged = 0
        self._news = asyncio.Event()

    def pinged(self) -> None:
        """Note that a ping follows what was sent."""
        self._pinged = self.sent

    def answered(self) -> None:
        """Note that the ping was answered."""
        self.arrived = self._pinged
        self._news.set()

    async def wait(self) -> None:
        """Ask for a receipt and wait for it."""
        self._news.clear()
        self.ping()
        await self._news.wait()


class ReceiptProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket connection, with receipts, and closed for good when its peer does not read."""

    receipts: Receipts | None = None
    _ask_again = False

    def handle_connect(self, event: Request) -> None:
        """Begin the handshake; a version that is not spoken here is refused with 426 (RFC 6455 4.2.2)."""
        if event.headers.get_all("Sec-WebSocket-Version") != [VERSION]:
            self._refuse()
            return
        super().handle_connect(event)
        if not self.close_sent:
            self.receipts = Receipts(self._ping_soon)
            cast("dict[str, Any]", self.scope["extensions"])[RECEIPTS] = self.receipts

    def _refuse(self) -> None:
        words = f"This server speaks version {VERSION} of the WebSocket protocol (RFC 6455).\n"
        answer = self.conn.reject(HTTPStatus.UPGRADE_REQUIRED, words)
        answer.headers["Upgrade"] = "websocket"
        answer.headers["Sec-WebSocket-Version"] = VERSION
        self.handshake_complete = self.close_sent = True
        self.conn.send_response(answer)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()

    def _ping_soon(self) -> None:
        if self.pending_ping_payload is not None:
            self._ask_again = True
            return
        if self.ping_timer is not None:
            self.ping_timer.cancel()
        self.send_keepalive_ping()

    def send_keepalive_ping(self) -> None:
        """Send a ping behind whatever was sent."""
        if self.receipts:
            self.receipts.pinged()
        super().send_keepalive_ping()

    def handle_pong(self, event: Frame) -> None:
        """Take the answer to a ping."""
        waited = self.pending_ping_payload is not None
        super().handle_pong(event)
        if not waited or self.pending_ping_payload is not None or not self.receipts:
            return
        self.receipts.answered()
        if self._ask_again:
            self._ask_again = False
            self._ping_soon()

    def keepalive_timeout(self) -> None:
        """Close a connection whose peer does not answer; what it does not read cannot be waited for."""
        super().keepalive_timeout()
        if self.transport.get_write_buffer_size():
            self.transport.abort()
