"""The notification connections of the simulated worklist manager (PS3.18 section 8.10.4), frame by frame."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from conformance.partners.serving import Message, Receive, Send
from conformance.partners.simulating import Exchange

Frame = str | bytes
_MOST_RECEIVED = 100


@dataclass(slots=True)
class Socket:
    """One notification connection that the system under test has opened.

    Attributes:
        ae_title: whose events it carries.
        exchange: how it was opened.
        sent: every frame so far.
        received: the first frames that came from the other side; nothing is expected.
        open: whether it is.
    """

    ae_title: str
    exchange: Exchange
    soon: Callable[[Callable[[], object]], None]
    sent: list[Frame] = field(default_factory=list)
    received: list[Frame] = field(default_factory=list)
    open: bool = True
    _waiting: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)

    def send(self, frame: Frame) -> None:
        """Send a text or binary frame."""
        self.sent.append(frame)
        content: Message = {"text": frame} if isinstance(frame, str) else {"bytes": frame}
        self._post({"type": "websocket.send", **content})

    def close(self, code: int = 1001) -> None:
        """Close it with a closing handshake."""
        self._post({"type": "websocket.close", "code": code})

    async def carry(self, receive: Receive, send: Send) -> None:
        """Carry frames until one side closes it."""
        sending = asyncio.create_task(self._pass_on(send))
        try:
            while (message := await receive())["type"] != "websocket.disconnect":
                if len(self.received) < _MOST_RECEIVED:
                    self.received.append(message.get("text") or message.get("bytes") or "")
        finally:
            self.open = False
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending

    def _post(self, message: Message) -> None:
        self.soon(lambda: self._waiting.put_nowait(message))

    async def _pass_on(self, send: Send) -> None:
        while True:
            message = await self._waiting.get()
            try:
                await send(message)
            except (OSError, RuntimeError):  # it is closed already
                return
