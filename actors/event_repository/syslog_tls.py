"""Syslog over TLS (RFC 5425): the face through which events arrive."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from actors.shared.logs import get_logger
from actors.shared.settings import TlsFiles
from profiles.errors import BadInput, StepwellError
from profiles.sole.syslog import Deframer

_log = get_logger(__name__)
Take = Callable[[list[bytes]], None]


class SyslogProtocol(asyncio.Protocol):
    """One sender's connection. A stream that cannot be read on is closed; others go on."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._deframer = Deframer()
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport = transport
        _log.info("sender-connected", peer=str(transport.get_extra_info("peername")))

    def data_received(self, data: bytes) -> None:
        """Cut what came into messages and keep them before reading on."""
        try:
            messages = self._deframer.feed(data)
            if messages:
                self._take(messages)
        except BadInput as error:
            _log.warning("stream-refused", reason=error.message)
            self._close()
        except StepwellError as error:
            _log.error("events-not-stored", reason=error.message)
            self._close()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def server_context(tls: TlsFiles) -> ssl.SSLContext:
    """TLS 1.2 or newer, with certificates on both sides (ITI-19)."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(tls.authority))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(tls.certificate, tls.key)
    return context


async def listen(host: str, port: int, tls: TlsFiles, take: Take) -> asyncio.Server:
    """Start to take connections."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: SyslogProtocol(take), host, port, ssl=server_context(tls))
