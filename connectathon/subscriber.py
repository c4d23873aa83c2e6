"""A subscriber that writes down every event report it gets over its notification connection, as proof of delivery."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import orjson
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from connectathon.waiting import eventually

_POLL_SECONDS = 0.1
_PAUSE_SECONDS = 0.1


class Subscriber:
    """Opens a notification connection, opens it again whenever it is lost, and keeps all frames.

    Args:
        url: ws URL of the connection.
        reconnects: whether it opens a lost connection again.

    Attributes:
        frames: every frame as it came, those that were sent again included.
        connections: how often it was connected.
    """

    def __init__(self, url: str, *, reconnects: bool = True) -> None:
        self.url, self.frames, self.connections = url, list[str](), 0
        self._reconnects = reconnects
        self._stopped = threading.Event()
        self._connection: ClientConnection | None = None
        self._thread = threading.Thread(target=self._run, name="subscriber", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        eventually(lambda: self.connections, what=f"a connection to {self.url}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()

    @property
    def reports(self) -> list[dict[str, Any]]:
        """Every report in the order in which it first came; a frame that came again is the same report."""
        return [orjson.loads(frame) for frame in dict.fromkeys(list(self.frames))]

    def told(self, workitem_uid: str = "") -> list[tuple[int, int]]:
        """Message ID and Event Type ID of each report, of one workitem or of all."""
        return [
            (one["00000110"]["Value"][0], one["00001002"]["Value"][0])
            for one in self.reports
            if workitem_uid in ("", one["00001000"]["Value"][0])
        ]

    def states(self, workitem_uid: str) -> list[str]:
        """Procedure Step State of each State Report of a workitem."""
        return [
            one["00741000"]["Value"][0]
            for one in self.reports
            if one["00001000"]["Value"] == [workitem_uid] and one["00001002"]["Value"] == [1]
        ]

    def drop(self) -> None:
        """Cut the connection as a broken network does, without a closing handshake."""
        if connection := self._connection:
            with suppress(OSError):  # it may be lost already
                connection.socket.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                with connect(self.url, compression=None, ping_interval=None, close_timeout=1) as connection:
                    self._connection = connection
                    self.connections += 1
                    self._listen(connection)
            except (OSError, WebSocketException):
                self._stopped.wait(_PAUSE_SECONDS)
            if self.connections and not self._reconnects:
                return

    def _listen(self, connection: ClientConnection) -> None:
        while not self._stopped.is_set():
            try:
                self.frames.append(str(connection.recv(_POLL_SECONDS)))
            except TimeoutError:
                continue
            except ConnectionClosed:
                return
