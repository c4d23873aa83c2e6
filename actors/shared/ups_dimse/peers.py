"""Where AEs take associations: who can be told of events over DIMSE (PS3.4 CC.2.4.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


class Address(Protocol):
    """Host and port of an AE."""

    @property
    def host(self) -> str:
        """Its name or IP address."""

    @property
    def port(self) -> int:
        """Its TCP port."""


@dataclass(frozen=True, slots=True)
class Peer:
    """An address that is not read from a configuration."""

    host: str
    port: int


#: By AE title.
Peers = Mapping[str, Address]
