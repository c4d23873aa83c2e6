"""Spoil what an actor answers over HTTP: each answer passes through a function before it leaves."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from actors.shared import serving

if TYPE_CHECKING:
    from fastapi import FastAPI

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]


@dataclass(slots=True)
class Exchange:
    """One request (without its body) and the answer to it, which may be changed.

    Attributes:
        method: of HTTP.
        path: of the request.
        query: as it stood behind the question mark.
        accept: what the request accepts.
        status: of the answer.
        headers: of the answer, by lower-case name.
        body: of the answer.
    """

    method: str
    path: str
    query: str
    accept: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def ok(self) -> bool:
        """Whether the answer is a success."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the class of success is what the number says

    def json(self) -> Any:
        """The body of the answer as JSON."""
        return json.loads(self.body)

    def answer(self, value: Any) -> None:
        """Answer this as JSON instead."""
        self.body = json.dumps(value).encode()


def spoil_answers(change: Callable[[Exchange], None]) -> None:
    """From now on every HTTP answer of this process passes through a function; WebSockets are left alone."""
    honest = serving.server_config

    def dishonest(app: Any, *args: Any, **kwargs: Any) -> Any:
        return honest(cast("FastAPI", _Spoiler(app, change)), *args, **kwargs)

    serving.server_config = dishonest


class _Spoiler:
    """ASGI in the middle."""

    def __init__(self, app: Any, change: Callable[[Exchange], None]) -> None:
        self.app, self.change = app, change

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Hold the answer back until it is whole, change it, send it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        asked = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        exchange = Exchange(
            scope["method"], scope["path"], scope["query_string"].decode("latin-1"), asked.get("accept", "")
        )

        async def hold(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                headers = message.get("headers", [])
                exchange.headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in headers}
            elif message["type"] == "http.response.body":
                exchange.body += message.get("body", b"")

        await self.app(scope, receive, hold)
        self.change(exchange)
        exchange.headers["content-length"] = str(len(exchange.body))
        told = [(key.encode("latin-1"), value.encode("latin-1")) for key, value in exchange.headers.items()]
        await send({"type": "http.response.start", "status": exchange.status, "headers": told})
        await send({"type": "http.response.body", "body": exchange.body})
