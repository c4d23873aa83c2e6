"""The other side of syslog: a receiver that records (TLS, TCP, UDP) and a sender, bounded in time and memory."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread

from conformance.harness.declaration import Strict
from conformance.harness.trial import SystemFailed
from conformance.sole.frames import Piece, pieces

_CHUNK = 64 * 1024
_CONNECTIONS = 64
_GREATEST = 64 * 1024 * 1024
_HANDSHAKE_SECONDS = 20.0
_DATAGRAM = 65_535


class TlsFiles(Strict):
    """PEM files of the harness's side of TLS: whom it trusts, and who it is."""

    authority: Path
    certificate: Path
    key: Path

    def for_server(self) -> ssl.SSLContext:
        """TLS 1.2 or later; a client has to show a certificate of the authority (ITI TF-2 3.19)."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.verify_mode = ssl.CERT_REQUIRED
        return self._loaded(context)

    def for_client(self) -> ssl.SSLContext:
        """TLS 1.2 or later, both sides known by certificate."""
        return self._loaded(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))

    def _loaded(self, context: ssl.SSLContext) -> ssl.SSLContext:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(self.authority)
        context.load_cert_chain(self.certificate, self.key)
        return context


@dataclass
class Stream:
    """What one connection (or one datagram) brought.

    Attributes:
        peer: address of the sender.
        protocol: version of TLS, ``tcp`` or ``udp``.
        octets: as they came.
        arrivals: how many octets had come at which time (seconds since 1970).
        trouble: why it ended early; empty when nothing was wrong.
        closed: whether no more can come.
    """

    peer: str
    protocol: str = "tcp"
    octets: bytearray = field(default_factory=bytearray)
    arrivals: list[tuple[int, float]] = field(default_factory=list)
    trouble: str = ""
    closed: bool = False

    def take(self, octets: bytes) -> None:
        """Octets have come."""
        self.octets += octets
        self.arrivals.append((len(self.octets), time.time()))

    def messages(self) -> list[Received]:
        """The messages so far; one that is not whole yet is left for later."""
        if self.protocol == "udp":
            found = [Piece("", None, (), bytes(self.octets), len(self.octets))]
        else:
            found = pieces(bytes(self.octets), "stream") if self.octets else []
        if found and not self.closed and (found[-1].missing or self._is_open_line(found[-1])):
            found.pop()
        return [Received(piece.raw, piece.flaws, self._arrived(piece.end), self) for piece in found]

    def _is_open_line(self, last: Piece) -> bool:
        """Whether a message without a count still may go on."""
        return self.protocol != "udp" and not self.octets[:1].isdigit() and not last.raw.endswith((b"\n", b">"))

    def _arrived(self, end: int) -> float:
        place = bisect_left(self.arrivals, (end, 0.0))
        return self.arrivals[min(place, len(self.arrivals) - 1)][1]


@dataclass(frozen=True)
class Received:
    """One message that came.

    Attributes:
        raw: the message without its count; empty when a frame could not be told apart.
        flaws: rules that the framing breaks, with words.
        at: when its last octet came (seconds since 1970).
        stream: what brought it.
    """

    raw: bytes
    flaws: tuple[tuple[str, str], ...]
    at: float
    stream: Stream


class SyslogReceiver:
    """A repository's ear: it takes whatever comes and keeps it, up to a limit.

    Args:
        host: interface.
        port: for TLS or TCP.
        context: of TLS; None for plain TCP.
        udp_port: for datagrams too, unless 0.
        greatest: how many octets are kept in all; more counts against the sender.
    """

    def __init__(
        self, host: str, port: int, context: ssl.SSLContext | None = None, udp_port: int = 0, greatest: int = _GREATEST
    ) -> None:
        self._host, self._port, self._context, self._udp_port, self._greatest = host, port, context, udp_port, greatest
        self._lock = Lock()
        self._streams: list[Stream] = []
        self._known: dict[int, tuple[int, bool, list[Received]]] = {}
        self._sockets: set[socket.socket] = set()
        self._threads: list[Thread] = []
        self._open = False

    def open(self) -> None:
        """Listen.

        Raises:
            OSError: when a port is taken.
        """
        self._open = True
        listener = socket.create_server((self._host, self._port), backlog=_CONNECTIONS)
        self._start(listener, self._accept)
        if self._udp_port:
            datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            datagrams.bind((self._host, self._udp_port))
            self._start(datagrams, self._datagrams)

    def open_again(self) -> None:
        """Listen, if it does not."""
        if not self._open:
            self.open()

    def close(self) -> None:
        """Go away: nobody is listened to any more; what came is still there, and `open` works again."""
        self._open = False
        with self._lock:
            sockets, threads = list(self._sockets), list(self._threads)
        for one in sockets:
            _shut(one)
        for thread in threads:
            thread.join(_HANDSHAKE_SECONDS)
        with self._lock:
            self._threads = [thread for thread in self._threads if thread.is_alive()]

    @property
    def streams(self) -> list[Stream]:
        """Every connection and datagram, also those whose handshake failed."""
        with self._lock:
            return list(self._streams)

    def received(self) -> list[Received]:
        """Every message so far, in the order in which they came."""
        found: list[Received] = []
        with self._lock:
            for number, stream in enumerate(self._streams):
                state = (len(stream.octets), stream.closed)
                if number not in self._known or self._known[number][:2] != state:
                    self._known[number] = (*state, stream.messages())
                found += self._known[number][2]
        return sorted(found, key=lambda one: one.at)

    def _start(self, one: socket.socket, work: Callable[[socket.socket], None]) -> None:
        def run() -> None:
            try:
                work(one)
            finally:
                _shut(one)
                one.close()
                with self._lock:
                    self._sockets.discard(one)

        thread = Thread(target=run, name="syslog-receiver", daemon=True)
        with self._lock:
            self._sockets.add(one)
            self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while self._open:
            try:
                connection, address = listener.accept()
            except OSError:
                return
            with self._lock:
                crowded = len(self._sockets) > _CONNECTIONS
                stream = Stream(str(address[0]), trouble="too many connections" if crowded else "")
                self._streams.append(stream)
            if crowded:
                stream.closed = True
                connection.close()
            else:
                self._start(connection, lambda plain, stream=stream: self._listen(plain, stream))  # type: ignore[misc]

    def _listen(self, plain: socket.socket, stream: Stream) -> None:
        connection = plain
        try:
            plain.settimeout(_HANDSHAKE_SECONDS)
            if self._context is not None:
                stream.protocol = "TLS handshake"
                connection = self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
                with self._lock:
                    self._sockets.add(connection)
                connection.do_handshake()
                stream.protocol = connection.version() or ""
            connection.settimeout(None)
            while octets := connection.recv(_CHUNK):
                with self._lock:
                    stream.take(octets)
                    if sum(len(one.octets) for one in self._streams) > self._greatest:
                        stream.trouble = f"more than {self._greatest} octets came"
                        return
        except (OSError, ValueError) as error:
            if self._open and (stream.protocol == "TLS handshake" or not isinstance(error, ConnectionError)):
                stream.trouble = f"{type(error).__name__}: {getattr(error, 'reason', '') or error}"
        finally:
            with self._lock:
                stream.closed = True
                self._sockets.discard(connection)
            _shut(connection)
            connection.close()

    def _datagrams(self, bound: socket.socket) -> None:
        bound.settimeout(0.1)
        while self._open:
            try:
                octets, address = bound.recvfrom(_DATAGRAM)
            except TimeoutError:
                continue
            except OSError:
                return
            stream = Stream(str(address[0]), "udp", closed=True)
            stream.take(octets)
            with self._lock:
                if sum(len(one.octets) for one in self._streams) < self._greatest:
                    self._streams.append(stream)


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


def framed(message: bytes) -> bytes:
    """A message with its octet count (RFC 5425 section 4.3)."""
    return str(len(message)).encode() + b" " + message


class SyslogConnection:
    """An open connection to a repository.

    Args:
        host: where it listens.
        port: likewise.
        context: of TLS; None for plain TCP.
        seconds: longest wait for each step.

    Raises:
        SystemFailed: when the connection cannot be made.
    """

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None, seconds: float) -> None:
        self._seconds = seconds
        try:
            plain = socket.create_connection((host, port), timeout=seconds)
        except OSError as error:
            raise SystemFailed(f"no connection to {host}:{port} ({type(error).__name__}: {error})") from error
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._socket = plain if context is None else context.wrap_socket(plain, server_hostname=host)
        except (OSError, ValueError) as error:
            plain.close()
            raise SystemFailed(f"TLS to {host}:{port} failed ({type(error).__name__}: {error})") from error

    def __enter__(self) -> SyslogConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def protocol(self) -> str:
        """Version of TLS, or ``tcp``."""
        return self._socket.version() or "" if isinstance(self._socket, ssl.SSLSocket) else "tcp"

    def send(self, octets: bytes) -> None:
        """Hand octets over.

        Raises:
            SystemFailed: when the other side does not take them.
        """
        self._socket.settimeout(self._seconds)
        try:
            self._socket.sendall(octets)
        except OSError as error:
            raise SystemFailed(f"the repository did not take what was sent ({type(error).__name__})") from error

    def ended(self, seconds: float | None = None) -> str:
        """How the other side ended the connection within that time; empty when it did not."""
        end = time.monotonic() + (self._seconds if seconds is None else seconds)
        while (left := end - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                if not self._socket.recv(_CHUNK):
                    return "closed"
            except TimeoutError:
                return ""
            except OSError as error:
                return f"{type(error).__name__}: {getattr(error, 'reason', '') or error}"
        return ""

    def close(self) -> None:
        """End the connection in an orderly way; never raises."""
        with contextlib.suppress(OSError, ValueError):
            self._socket.settimeout(1)
            if isinstance(self._socket, ssl.SSLSocket):
                self._socket = self._socket.unwrap()
        _shut(self._socket)
        self._socket.close()


def send_datagram(host: str, port: int, message: bytes) -> None:
    """One message in one datagram (RFC 5426)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(message, (host, port))
