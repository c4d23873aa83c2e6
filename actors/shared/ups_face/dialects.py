"""The dialects of peers (docs/dialects.md): older or freer ways of saying the same, understood but never answered."""

from __future__ import annotations

import threading
from enum import StrEnum

from actors.shared.logs import get_logger

_log = get_logger(__name__)
#: So many pairs of peer and dialect are remembered; a house has fewer.
_REMEMBERED = 4096


class Dialect(StrEnum):
    """A way of saying something that is not the newest edition's (docs/dialects.md says who uses it)."""

    CREATE_UID_BARE = "create-uid-bare"
    CREATE_UID_AFFECTED = "create-uid-affected"
    TRANSACTION_UID_2019B = "transaction-uid-2019b"
    TRANSACTION_UID_2014C = "transaction-uid-2014c"
    TRANSACTION_UID_BARE = "transaction-uid-bare"
    TRANSACTION_UID_IN_DATASET = "transaction-uid-in-dataset"
    REQUESTER_MISSING = "requester-missing"
    REQUESTER_IN_PATH = "requester-in-path"
    FILTER_AS_PARAMETERS = "filter-as-parameters"
    PAYLOAD_OBJECT = "payload-object"
    PAYLOAD_PLAIN_JSON = "payload-plain-json"
    PAYLOAD_PLAIN_XML = "payload-plain-xml"
    PLUS_IN_DATE_TIME = "plus-in-date-time"


class DialectLog:
    """Which peer was seen to speak which dialect; each pair is logged once."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, Dialect], None] = {}
        self._changing = threading.Lock()

    def note(self, peer: str, dialect: Dialect) -> None:
        """A peer spoke a dialect.

        Args:
            peer: its network address.
            dialect: what it spoke.
        """
        pair = (peer, dialect)
        if pair in self._seen:
            return
        with self._changing:
            if pair in self._seen or len(self._seen) >= _REMEMBERED:
                return
            self._seen[pair] = None
        _log.info("dialect-seen", peer=peer, dialect=str(dialect))

    def seen(self) -> dict[str, list[str]]:
        """The dialects of each peer, in alphabetical order."""
        by_peer: dict[str, list[str]] = {}
        for peer, dialect in sorted(self._seen.copy()):
            by_peer.setdefault(peer, []).append(str(dialect))
        return by_peer
