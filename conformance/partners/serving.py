"""A server on a thread at a fixed address, which can go away, come back, and break single connections."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from threading import Event, Thread
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from profiles.errors import Unavailable

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
_BACKLOG = 128
_LAST_ROUNDS = 5
_STOP_SECONDS = 10.0
_LARGEST_HEAD = 64 * 1024
_LARGEST_FRAME = 4 * 1024 * 1024


class Server:
    """An ASGI application at one address.

    Args:
        app: the application; it has no lifespan.
        host: interface.
        port: TCP port.

    Raises:
        Unavailable: when somebody else holds the port.
    """

    def __init__(self, app: App, host: str, port: int) -> None:
        self._app, self._host, self._port = app, host, port
        self._connections: dict[tuple[str, int], asyncio.Transport] = {}
        self._started = Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: uvicorn.Server | None = None
        self._thread: Thread | None = None
        self.start()

    def start(self) -> None:
        """Listen; nothing happens when it does."""
        if self._thread is not None:
            return
        listening = _listening(self._host, self._port)
        config = uvicorn.Config(
            self._app,
            interface="asgi3",
            proxy_headers=False,
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_graceful_shutdown=1,
            http=self._protocol(),
            ws="websockets-sansio",
            ws_max_size=_LARGEST_FRAME,
            ws_per_message_deflate=False,
            h11_max_incomplete_event_size=_LARGEST_HEAD,
        )
        self._server = uvicorn.Server(config)
        self._started.clear()
        self._thread = Thread(target=self._run, args=(self._server, listening), name="partner", daemon=True)
        self._thread.start()
        if not self._started.wait(_STOP_SECONDS):
            raise Unavailable(f"The harness does not get to listen on {self._host}:{self._port}.")

    def stop(self) -> None:
        """Break all connections and listen no longer; nothing happens when it does not listen."""
        if self._thread is None or self._server is None:
            return
        self.cut_all()
        self._server.should_exit = True
        self._thread.join(_STOP_SECONDS)
        self._thread = self._server = self._loop = None

    def cut_all(self) -> None:
        """Break every connection as a network does."""
        self.soon(self._abort)

    def cut(self, client: tuple[str, int]) -> None:
        """Break one connection, from within the application."""
        with suppress(KeyError):  # the other side was faster
            self._connections[client].abort()

    def write(self, client: tuple[str, int], octets: bytes) -> None:
        """Write octets to one connection as they are, past every protocol; nothing when it is gone."""

        def pass_on() -> None:
            with suppress(KeyError):
                self._connections[client].write(octets)

        self.soon(pass_on)

    def soon(self, act: Callable[[], object]) -> None:
        """Do something on the server's thread; nothing when it is gone."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it has just ended
                loop.call_soon_threadsafe(act)

    def _run(self, server: uvicorn.Server, listening: socket.socket) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            self._started.set()
            await server.serve(sockets=[listening])
            for _ in range(_LAST_ROUNDS):  # a connection may have been taken while the server ended
                self._abort()
                await asyncio.sleep(0.01)
            self._connections.clear()

        with listening:
            asyncio.run(serve())

    def _abort(self) -> None:
        for one in list(self._connections.values()):
            one.abort()

    def _protocol(self) -> type[H11Protocol]:
        connections = self._connections

        class Known(H11Protocol):
            """Remembers its connection by the client's address."""

            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
                super().connection_made(transport)
                if self.client:
                    connections[self.client] = transport

            def connection_lost(self, exc: Exception | None) -> None:
                connections.pop(self.client or ("", 0), None)
                super().connection_lost(exc)

        return Known


def _listening(host: str, port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
        found.listen(_BACKLOG)
    except OSError as error:
        found.close()
        raise Unavailable(
            f"The harness cannot listen on {host}:{port}: {error.strerror}. End its holder, or declare another."
        ) from error
    return found
