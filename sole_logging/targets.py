"""Where a reporter sends to."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Transport(StrEnum):
    """How a repository takes messages: syslog over TLS (RFC 5425) or UDP (RFC 5426), or the FHIR feed of ITI-20."""

    SYSLOG = "syslog"
    UDP = "udp"
    FHIR = "fhir"


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files of the reporter's side: the authority it trusts, its own certificate and key."""

    authority: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Target:
    """A repository that a reporter sends to.

    Attributes:
        host: name or address; with TLS the server's certificate must carry it.
        port: 6514 by RFC 5425, 514 by RFC 5426.
        certificates: without them the connection is plain, which is for loopback only.
        read_back_url: base URL of its ITI-82 interface; empty when it has none that we may use.
        name: tells the repositories of one reporter apart; how far each has come is kept by it.
        transport: how it takes messages.
        bulk_url: base URL of its RAD-124 interface, for what gathered while it was away; empty when it has none.
        feed_url: base URL of its FHIR interface, with the transport ``fhir``.
        datagram_octets: longest datagram; a longer message is cut, which is said in the log.
        token: that its HTTP interfaces ask for; in no log.
    """

    host: str = ""
    port: int = 0
    certificates: Certificates | None = None
    read_back_url: str = ""
    name: str = "syslog"
    transport: Transport = Transport.SYSLOG
    bulk_url: str = ""
    feed_url: str = ""
    datagram_octets: int = 65_507
    token: str = field(default="", repr=False)

    @property
    def address(self) -> str:
        """The place, for logs."""
        return self.feed_url or f"{self.host}:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        """What requests to it carry."""
        return authorization(self.token)


def authorization(token: str) -> dict[str, str]:
    """The header that shows a token (RFC 6750 section 2.1); none without one."""
    return {"Authorization": f"Bearer {token}"} if token else {}
