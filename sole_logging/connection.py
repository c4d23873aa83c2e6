"""One syslog connection of a reporter: TLS (RFC 5425), watched so that a repository that goes away is noticed."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
from collections.abc import Sequence

from profiles.sole.syslog import frame
from sole_logging.links import Taken
from sole_logging.spool import Spooled
from sole_logging.targets import Certificates, Target


def client_context(certificates: Certificates) -> ssl.SSLContext:
    """TLS 1.2 or later, both sides known by certificate (ITI TF-2 3.19; SOLE-016).

    Raises:
        OSError: when a file is missing or is no PEM (`ssl.SSLError` is one).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(certificates.authority)
    context.load_cert_chain(certificates.certificate, certificates.key)
    return context


class Connection:
    """An open connection. Every method raises OSError once it is broken.

    Args:
        target: where to connect.
        wake: a socket that becomes readable when there is something new to send.
        timeout_seconds: longest wait for connecting and for the other side to take octets.
    """

    def __init__(self, target: Target, wake: socket.socket, timeout_seconds: float = 15.0) -> None:
        self._wake = wake
        self._timeout = timeout_seconds
        plain = socket.create_connection((target.host, target.port), timeout=timeout_seconds)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if target.certificates is None:
                self._socket = plain
            else:
                context = client_context(target.certificates)
                self._socket = context.wrap_socket(plain, server_hostname=target.host)
        except BaseException:
            plain.close()
            raise

    def deliver(self, batch: Sequence[Spooled]) -> Taken:
        """Send messages in their frames. That the octets were taken does not mean that the repository has them."""
        self._socket.settimeout(self._timeout)
        self._socket.sendall(b"".join(frame(message.content) for message in batch))
        return Taken()

    def wait(self, seconds: float) -> None:
        """Wait until there is something to send or so many seconds have passed; notice when the other side is gone."""
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            readable: list[socket.socket] = [self._socket]
        else:
            readable, _, _ = select.select([self._socket, self._wake], [], [], seconds)
        if self._wake in readable:
            self._wake.recv(4096)
        if self._socket in readable:
            self._take_what_came()

    def _take_what_came(self) -> None:
        """Syslog answers nothing, so only session tickets and the end of the connection can come."""
        self._socket.settimeout(0)
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            if self._socket.recv(4096) == b"":
                raise ConnectionResetError("the event repository closed the connection")

    def close(self) -> None:
        """End the connection; never raises."""
        with contextlib.suppress(OSError, ValueError):
            self._socket.settimeout(1)
            if isinstance(self._socket, ssl.SSLSocket):
                self._socket.unwrap()
        with contextlib.suppress(OSError):
            self._socket.close()
