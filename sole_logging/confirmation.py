"""How a reporter comes to know that the repository has a message: syslog itself never says so (DESIGN D13)."""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

import httpx

from profiles.sole.syslog import parse_syslog
from sole_logging.spool import Spooled

MARGIN = timedelta(seconds=1)
_FEW = 20


class Confirmation(Protocol):
    """Judges messages that were sent on the connection at hand."""

    def confirmed(self, sent: Sequence[tuple[Spooled, float]]) -> set[int]:
        """Numbers of the messages that the repository has; the second of each pair is when it was sent (monotonic).

        Raises:
            OSError: when it cannot be told now.
        """

    @property
    def sees_gaps(self) -> bool:
        """Whether a message that is not confirmed after a while is really missing."""

    def close(self) -> None:
        """Give back what it holds."""


class ByAge:
    """A message counts as arrived when the connection stayed whole for a while after it was sent.

    The limit of that: what the repository took and lost without breaking the connection is not noticed.

    Args:
        seconds: how long.
        clock: monotonic.
    """

    def __init__(self, seconds: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock

    sees_gaps = False

    def confirmed(self, sent: Sequence[tuple[Spooled, float]]) -> set[int]:
        """Messages sent long enough ago."""
        now = self._clock()
        return {message.number for message, at in sent if now - at >= self._seconds}

    def close(self) -> None:
        """Nothing is held."""


class ReadBack:
    """A message has arrived when ITI-82 Retrieve Syslog Event gives it back, octet for octet (sole.md 7.2).

    An event that was reported again, as happens after a crash, comes in a message of another time and process, and the
    repository keeps the first one only. So a message that is not found for a while is looked for by its event id.

    Args:
        base_url: of the repository's ITI-82 interface.
        timeout_seconds: longest wait for an answer.
        transport: swapped by tests.
        patience_seconds: from when on after its sending a message is looked for by its event id.
        headers: sent with each request, e.g. an authorization.
    """

    sees_gaps = True

    def __init__(
        self,
        base_url: str,
        timeout_seconds: float = 10.0,
        transport: httpx.BaseTransport | None = None,
        patience_seconds: float = 2.0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._patience = patience_seconds
        self._url = f"{base_url.rstrip('/')}/syslogsearch"
        said = {"Accept": "application/json", **(headers or {})}
        self._client = httpx.Client(timeout=timeout_seconds, trust_env=False, transport=transport, headers=said)

    def confirmed(self, sent: Sequence[tuple[Spooled, float]]) -> set[int]:
        """Messages that the repository gives back.

        Raises:
            ConnectionError: when it does not answer, or not with messages.
        """
        groups: dict[tuple[str, str], list[tuple[Spooled, bytes]]] = defaultdict(list)
        for message, _ in sent:
            parts = parse_syslog(message.content)
            if parts:
                key = _key(parts.timestamp, parts.message_id, parts.content)
                groups[parts.hostname, parts.process].append((message, key))
        found: set[int] = set()
        for (hostname, process), group in groups.items():
            held = self._held(hostname, process, [message for message, _ in group])
            found |= {message.number for message, key in group if key in held}
        limit = time.monotonic() - self._patience
        missing = [message for message, at in sent if message.number not in found and at <= limit]
        return found | {message.number for message in missing[:_FEW] if self._holds_event(message)}

    def close(self) -> None:
        """End the connections to the repository."""
        self._client.close()

    def _held(self, hostname: str, process: str, messages: Sequence[Spooled]) -> set[bytes]:
        """Keys of the messages of one process around the time of these."""
        first = min(message.at for message in messages) - MARGIN
        last = max(message.at for message in messages) + MARGIN
        query = {
            "date": [f"ge{first.isoformat()}", f"le{last.isoformat()}"],
            "hostname": hostname,
            "procid": process,
        }
        return {_key(*row) for row in self._ask(query)}

    def _holds_event(self, message: Spooled) -> bool:
        """Whether the repository has another message about the same event."""
        parts, identifier = parse_syslog(message.content), f"urn:uuid:{message.event_id}"
        if parts is None or identifier.encode() not in parts.content:
            return False
        query = {"date": "ge1970-01-01", "msg-id": parts.message_id, "msg": identifier, "_count": "1"}
        return any(identifier.encode() in content for _, _, content in self._ask(query))

    def _ask(self, query: Mapping[str, str | Sequence[str]]) -> list[tuple[str, str, bytes]]:
        """TIMESTAMP, MSGID and MSG of the messages that match."""
        try:
            answer = self._client.get(self._url, params=dict(query))
            answer.raise_for_status()
            events: list[dict[str, Any]] = answer.json()["Events"]
            return [(str(row["Timestamp"]), str(row["Msg-id"]), str(row["Msg"]).encode()) for row in events]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise ConnectionError(f"{self._url} cannot be read back: {type(error).__name__}: {error}") from error


def _key(timestamp: str, message_id: str, content: bytes) -> bytes:
    return hashlib.sha256(b"\0".join([timestamp.encode(), message_id.encode(), content])).digest()
