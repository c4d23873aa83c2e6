"""A notification connection that records: a WebSocket client, bounded in time and size (PS3.18 section 8.10.4)."""

from __future__ import annotations

import socket
from contextlib import ExitStack, suppress
from dataclasses import replace
from threading import Thread
from typing import Any

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from conformance.harness.trial import SystemFailed, Trial
from conformance.partners.reports import Received, Report, read

_LARGEST_FRAME = 4 * 1024 * 1024
_QUEUED_FRAMES = 4
_POLL_SECONDS = 0.1
_CLOSE_SECONDS = 1.0


class Channel:
    """One open notification connection; every frame becomes evidence of the trial, and a report.

    Args:
        trial: the test that is on; the connection is closed when it ends.
        url: ws or wss URL.
        ssl: for wss, an SSL context; None for the system's own.
        listens: whether frames are read; a slow subscriber does not.

    Attributes:
        received: the event reports.

    Raises:
        SystemFailed: when it cannot be opened.
    """

    def __init__(self, trial: Trial, url: str, *, ssl: Any = None, listens: bool = True) -> None:
        self.url = url
        self.received = Received(trial)
        self._trial, self._stopped, self._open = trial, False, ExitStack()
        self._connection = self._opened(ssl)
        trial.defer(self.close)
        self._thread = Thread(target=self._listen, name="notification-connection", daemon=True)
        if listens:
            self._thread.start()

    def drop(self) -> None:
        """Cut the connection as a broken network does, without a closing handshake."""
        self._stopped = True
        with suppress(OSError):  # it may be lost already
            self._connection.socket.shutdown(socket.SHUT_RDWR)
        self.close()

    def close(self) -> None:
        """Close it, and stop listening."""
        self._stopped = True
        self._open.close()
        if self._thread.ident:
            self._thread.join()

    def _opened(self, ssl: Any) -> ClientConnection:
        limits = self._trial.declared.limits
        secured: dict[str, Any] = {"ssl": ssl} if self.url.startswith("wss:") and ssl is not None else {}
        try:
            connection: ClientConnection = self._open.enter_context(
                connect(
                    self.url,
                    open_timeout=limits.answer_seconds,
                    close_timeout=_CLOSE_SECONDS,
                    ping_interval=None,
                    compression=None,
                    max_size=min(_LARGEST_FRAME, limits.answer_bytes),
                    max_queue=_QUEUED_FRAMES,
                    proxy=None,
                    **secured,
                )
            )
        except (OSError, ValueError, WebSocketException) as error:
            words = f"no notification connection ({type(error).__name__}: {error})"
            evidence = self._trial.keep("websocket", f"open {self.url} → {words}", f"{self.url}\n{error}\n", "txt")
            raise SystemFailed(words, [evidence]) from error
        said = connection.response
        head = f"{connection.request}\n{said.status_code if said else ''} {said.headers if said else ''}"
        self._trial.keep("websocket", f"open {self.url} → {said.status_code if said else ''}", head, "txt")
        return connection

    def _listen(self) -> None:
        while not self._stopped:
            try:
                frame = self._connection.recv(_POLL_SECONDS)
            except TimeoutError:
                continue
            except (ConnectionClosed, OSError) as error:
                if not self._stopped:
                    self.received.fail(f"the notification connection was closed ({error})")
                return
            if not self.received.add(self._kept(frame), len(frame)):
                return

    def _kept(self, frame: str | bytes) -> Report:
        is_text = isinstance(frame, str)
        report = Report(read(frame), is_text=is_text)
        about = f"{report.words} of {report.workitem}" if report.dataset else "no DICOM JSON object"
        kind, suffix = ("text", "json") if is_text else ("binary", "txt")
        return replace(report, evidence=self._trial.keep("websocket", f"{kind} frame: {about}", frame, suffix))
