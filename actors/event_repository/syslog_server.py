"""Syslog in: TLS (RFC 5425) with certificates on both sides, octet counting, limits. Rules are in `profiles.sole`."""

from __future__ import annotations

import asyncio
import ssl
import threading
from typing import cast

from actors.event_repository.ingest import Ingest
from actors.event_repository.settings import Settings
from actors.shared.logs import get_logger
from actors.shared.settings import TlsFiles
from profiles.errors import Unavailable
from profiles.sole.event import Outcome, SecurityEvent
from profiles.sole.syslog import BadFrame, FrameDecoder

_log = get_logger(__name__)
_HANDSHAKE_SECONDS = 15.0
_ROOM_AGAIN_SECONDS = 0.05
_BUFFER_OCTETS = 65_536


def server_context(tls: TlsFiles) -> ssl.SSLContext:
    """TLS 1.2 or later; a sender without a certificate of the authority is refused (ITI TF-2 3.19; SOLE-016).

    Raises:
        Unavailable: when a file is missing or is no PEM.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_verify_locations(tls.authority)
        context.load_cert_chain(tls.certificate, tls.key)
    except OSError as error:
        raise Unavailable(
            f"The certificates of [event_repository.tls] cannot be used: {error}. Make some with `stepwell pki init`."
        ) from error
    return context


class Stream(asyncio.BufferedProtocol):
    """The messages of one connection. Its faults end it, and nothing else.

    Octets come into a buffer of its own: asyncio's TLS would otherwise take 256 KiB anew for each record of 16.
    """

    def __init__(self, server: SyslogServer, peer: str, channel: str) -> None:
        self._server, self._peer, self._channel = server, peer, channel
        self._decoder = FrameDecoder(server.settings.greatest_message)
        self._buffer = memoryview(bytearray(_BUFFER_OCTETS))
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._refused = False
        self.messages = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; under TLS octets may have come before this."""
        self._transport = cast("asyncio.Transport", transport)
        self._server.streams.add(self)
        if self._refused:
            self.abort()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next octets go."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Cut what came into messages and hand them on."""
        if self._refused:
            return
        taken: list[bytes] = []
        fault: BadFrame | None = None
        try:
            for message in self._decoder.feed(self._buffer[:nbytes]):
                taken.append(message)
        except BadFrame as error:
            fault = error
        if taken:
            self.messages += len(taken)
            self._server.ingest.take(taken, self._channel, self._peer)
        if fault:
            self._refuse(str(fault))
            return
        self._watch(progress=bool(taken))
        if not self._server.ingest.has_room and self._transport:
            self._transport.pause_reading()
            asyncio.get_running_loop().call_later(_ROOM_AGAIN_SECONDS, self._go_on)

    def _go_on(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._server.ingest.has_room:
            self._transport.resume_reading()
        else:
            asyncio.get_running_loop().call_later(_ROOM_AGAIN_SECONDS, self._go_on)

    def _watch(self, *, progress: bool) -> None:
        """A message that has begun must become whole in time."""
        if self._timer and (progress or not self._decoder.in_message):
            self._timer.cancel()
            self._timer = None
        if self._decoder.in_message and self._timer is None:
            loop, patience = asyncio.get_running_loop(), self._server.settings.patience_seconds
            self._timer = loop.call_later(patience, self._refuse, "a message that had begun did not become whole")

    def _refuse(self, reason: str) -> None:
        self._refused = True
        _log.warning("stream-refused", peer=self._peer, reason=reason, messages=self.messages)
        self._server.ingest.note(self._peer, reason)
        self.abort()

    def abort(self) -> None:
        """End the connection now."""
        if self._transport:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The sender is gone; a message that is not whole goes with it, and its sender knows that."""
        if self._timer:
            self._timer.cancel()
        self._server.streams.discard(self)
        if self._decoder.in_message and not self._refused:
            _log.warning("stream-ended-inside-a-message", peer=self._peer, octets=self._decoder.pending)
            self._server.ingest.note(self._peer, "the connection ended inside a message")
        _log.info("sender-gone", peer=self._peer, messages=self.messages)


class Gate(asyncio.Protocol):
    """A connection before its TLS handshake, which is done here so that a failed one is logged and audited."""

    def __init__(self, server: SyslogServer) -> None:
        self._server = server
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let it in, up to the number of senders that we take."""
        plain = cast("asyncio.Transport", transport)
        address = plain.get_extra_info("peername")
        peer = str(address[0]) if address else ""
        if len(self._server.streams) >= self._server.settings.greatest_connections:
            _log.warning("too-many-senders", peer=peer)
            plain.abort()
            return
        if self._server.context is None:
            stream = Stream(self._server, peer, "syslog-tcp")
            plain.set_protocol(stream)
            stream.connection_made(plain)
            return
        plain.pause_reading()
        self._task = asyncio.get_running_loop().create_task(self._secure(plain, peer, self._server.context))

    async def _secure(self, plain: asyncio.Transport, peer: str, context: ssl.SSLContext) -> None:
        stream = Stream(self._server, peer, "syslog-tls")
        loop = asyncio.get_running_loop()
        try:
            secure = await loop.start_tls(
                plain, stream, context, server_side=True, ssl_handshake_timeout=_HANDSHAKE_SECONDS
            )
        except OSError as error:  # ssl.SSLError and time-outs are some
            plain.abort()
            self._server.handshake_failed(peer, error)
            return
        if secure is None:
            return
        _log.info("sender-connected", peer=peer)
        stream.connection_made(secure)


class SyslogServer:
    """Listens in a thread and an event loop of its own, so that slow queries do not hold up the log.

    Args:
        settings: where to listen, with what certificate, within what limits.
        ingest: takes the messages.

    Raises:
        Unavailable: when the certificates cannot be used.
    """

    def __init__(self, settings: Settings, ingest: Ingest) -> None:
        self.settings, self.ingest = settings, ingest
        self.context = server_context(settings.tls) if settings.tls else None
        self.streams: set[Stream] = set()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="syslog-server", daemon=True)

    def start(self) -> None:
        """Listen.

        Raises:
            Unavailable: when the port is taken.
        """
        settings = self.settings
        if self.context is None:
            _log.warning("syslog-without-tls", host=settings.host, port=settings.syslog_port)
        self._thread.start()
        listening = self._loop.create_server(lambda: Gate(self), settings.host, settings.syslog_port, backlog=128)
        try:
            self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(30)
        except OSError as error:
            self.close()
            raise Unavailable(
                f"event_repository cannot listen on {settings.host}:{settings.syslog_port}: {error.strerror}. Another "
                "program holds the port; choose another syslog_port in [event_repository]."
            ) from error

    def close(self) -> None:
        """Stop listening and end every connection; senders notice and send again what they are not sure of."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(30)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        if self._server:
            self._server.close()
        for stream in list(self.streams):
            stream.abort()
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not mine]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def handshake_failed(self, peer: str, error: OSError) -> None:
        """Log and audit a sender that could not show who it is (SOLE-017)."""
        reason = getattr(error, "reason", None) or type(error).__name__
        _log.warning("handshake-failed", peer=peer, reason=str(error))
        self.ingest.record(
            SecurityEvent(
                "node-authentication-failed",
                self.ingest.now(),
                Outcome.MINOR_FAILURE,
                address=peer,
                target=f"urn:stepwell:syslog:{self.settings.syslog_port}",
                description=f"TLS handshake failed: {reason}",
            )
        )
