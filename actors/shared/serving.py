"""Run an actor's HTTP application, tell its supervisor when it is ready, and stop when asked to."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI

from actors.shared.headers import BoundedHttpProtocol
from actors.shared.logs import get_logger
from actors.shared.receipts import ReceiptProtocol
from profiles.errors import Unavailable

#: A WebSocket is pinged so often, and closed when the answer takes longer than that.
PING_SECONDS, PONG_SECONDS = 2.0, 20.0
#: No peer has anything long to say over a WebSocket.
_LONGEST_MESSAGE = 2**16
_log = get_logger(__name__)


def write_durably(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file so that it is whole and on disk when this returns: temporary name, fsync, rename, fsync directory.

    Args:
        path: where the file shall be; an existing one is replaced in one step.
        content: all of it.
        mode: permissions from the first moment on.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def announce_ready(actor: str, data_dir: Path, endpoints: Mapping[str, str]) -> None:
    """Write ``run/<actor>.json`` with this process id and the addresses served; the supervisor waits for it."""
    directory = data_dir / "run"
    directory.mkdir(parents=True, exist_ok=True)
    document = {"actor": actor, "pid": os.getpid(), "endpoints": dict(endpoints)}
    write_durably(directory / f"{actor}.json", json.dumps(document).encode())
    _log.info("ready", **dict(endpoints))


def require_free_port(actor: str, host: str, port: int) -> None:
    """Refuse to start on a port that somebody else holds.

    Raises:
        Unavailable: naming the actor, the port and the setting to change.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Unavailable(
                f"{actor} cannot listen on {host}:{port}: {error.strerror}. Another program holds the port; end it, or "
                f"choose another port in [{actor}] of the configuration."
            ) from error


def server_config(
    app: FastAPI, host: str, port: int, *, ping_seconds: float = PING_SECONDS, pong_seconds: float = PONG_SECONDS
) -> uvicorn.Config:
    """How every application is served: HTTP, and WebSockets that know what has arrived.

    Args:
        app: the application.
        host: address to listen on.
        port: TCP port.
        ping_seconds: between two pings of a WebSocket.
        pong_seconds: how long a peer may take to answer one.
    """
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
        http=BoundedHttpProtocol,
        ws=ReceiptProtocol,
        ws_ping_interval=ping_seconds,
        ws_ping_timeout=pong_seconds,
        ws_max_size=_LONGEST_MESSAGE,
        ws_per_message_deflate=False,
    )


async def _nothing() -> None:
    pass


def _before_closing(server: uvicorn.Server, farewell: Callable[[], Awaitable[None]]) -> None:
    """Have a server await something before it closes open connections."""
    closed = server.shutdown

    async def shutdown(sockets: list[socket.socket] | None = None) -> None:
        try:
            await farewell()
        finally:
            await closed(sockets)

    server.shutdown = shutdown  # type: ignore[method-assign] # uvicorn has no hook before it closes connections


def serve(
    app: FastAPI,
    *,
    actor: str,
    host: str,
    port: int,
    data_dir: Path,
    endpoints: Mapping[str, str],
    before_closing: Callable[[], Awaitable[None]] = _nothing,
    pings: tuple[float, float] = (PING_SECONDS, PONG_SECONDS),
) -> None:
    """Serve until SIGTERM or SIGINT; announces readiness once the socket listens.

    Args:
        app: the application.
        actor: its name.
        host: address to listen on.
        port: TCP port.
        data_dir: where readiness is announced.
        endpoints: addresses that are announced.
        before_closing: awaited before open connections are closed.
        pings: seconds between two pings of a WebSocket, and how long a peer may take to answer one.

    Raises:
        Unavailable: when the port is taken, or readiness cannot be announced in the data directory.
    """
    require_free_port(actor, host, port)
    unannounced: list[OSError] = []
    server = uvicorn.Server(server_config(app, host, port, ping_seconds=pings[0], pong_seconds=pings[1]))
    started = server.startup

    async def startup(sockets: list[socket.socket] | None = None) -> None:
        await started(sockets)
        try:
            announce_ready(actor, data_dir, endpoints)
        except OSError as error:  # raised from here, uvicorn would print it as a traceback
            unannounced.append(error)
            server.should_exit = True

    server.startup = startup  # type: ignore[method-assign] # uvicorn has no hook between listening and serving
    _before_closing(server, before_closing)
    with (
        stop_signals()
    ):  # uvicorn raises the signal again when it has shut down; what the caller closes must still close
        server.run()
    if unannounced:
        raise Unavailable(
            f"{actor} cannot use its data directory {data_dir}: {unannounced[0].strerror}. Make it writable, free some "
            "space, or name another one as data_dir in [stepwell]."
        ) from unannounced[0]


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """An event that is set by SIGTERM or SIGINT, for actors without an HTTP server."""
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
