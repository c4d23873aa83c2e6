"""Send messages over MLLP and wait for their answers."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

from actors.shared.mllp import FrameReader, client_context, framed
from actors.shared.settings import TlsFiles
from profiles.errors import Unavailable

_READ_BYTES = 65536


class MllpClient:
    """One connection, kept open for as many messages as are sent.

    Args:
        host: of the receiver.
        port: of the receiver.
        timeout_seconds: how long to wait for a connection and for each answer.
        tls: certificates of this side.
    """

    def __init__(self, host: str, port: int, *, timeout_seconds: float = 30.0, tls: TlsFiles | None = None) -> None:
        self._address = f"{host}:{port}"
        self._frames = FrameReader()
        try:
            plain = socket.create_connection((host, port), timeout_seconds)
            self._socket = client_context(tls).wrap_socket(plain, server_hostname=host) if tls else plain
        except OSError as error:
            raise self._away(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def send(self, message: bytes) -> bytes:
        """Send one message and return its answer.

        Raises:
            Unavailable: when the connection broke before the answer was whole; the message should be sent again.
        """
        try:
            self._socket.sendall(framed(message))
            while True:
                portion = self._socket.recv(_READ_BYTES)
                if not portion:
                    raise ConnectionResetError("connection closed before the answer")
                frames = self._frames.feed(portion)
                if frames:
                    return frames[0].content
        except OSError as error:
            raise self._away(error) from error

    def _away(self, error: OSError) -> Unavailable:
        return Unavailable(
            f"The HL7 receiver at {self._address} did not answer ({error}). Check that it runs and that the address is "
            "right; the message can be sent again."
        )
