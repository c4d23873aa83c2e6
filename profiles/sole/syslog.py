"""Syslog: header (RFC 5424), frames by octet count (RFC 5425 4.3), as ITI-20 and SOLE use them (sole.md 3.1, 3.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from profiles.sole.event import Outcome

SOLE_APPLICATION = "IHE+SOLE"
AUDIT_APPLICATION = "Stepwell"
AUDIT_MESSAGE_ID = "IHE+RFC-3881"
_FACILITY = 10
#: Severity by outcome: notice, warning, error, critical (SOLE-002).
_SEVERITY = {
    Outcome.SUCCESS: 5,
    Outcome.MINOR_FAILURE: 4,
    Outcome.SERIOUS_FAILURE: 3,
    Outcome.MAJOR_FAILURE: 2,
}
HIGHEST_PRI = 191
_COUNT_DIGITS = 10
_UNPRINTABLE = re.compile("[^!-~]+")
#: Groups: PRI, version, TIMESTAMP, HOSTNAME, APP-NAME, PROCID, MSGID, STRUCTURED-DATA; MSG follows.
HEADER = re.compile(
    rb"<(0|[1-9][0-9]{0,2})>([1-9][0-9]{0,2}) ([!-~]{1,64}) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) "
    rb'(-|(?:\[(?:[^\]"\\]|"(?:[^"\\]|\\.)*")*\])+)(?: |$)',
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class SyslogMessage:
    """One syslog message in its parts; ``content`` is MSG, the rest of the octets as they came."""

    pri: int
    version: int
    timestamp: str
    hostname: str
    application: str
    process: str
    message_id: str
    structured_data: str
    content: bytes


def priority(outcome: Outcome) -> int:
    """PRI: facility 10 (security/authorization), severity by outcome."""
    return _FACILITY * 8 + _SEVERITY[outcome]


def compose(
    content: bytes,
    *,
    pri: int,
    at: datetime,
    hostname: str,
    application: str,
    process: str,
    message_id: str,
) -> bytes:
    """A whole syslog message without structured data (SOLE-008); names are cut and cleaned to what RFC 5424 allows."""
    timestamp = at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    fields = (
        f"<{pri}>1",
        timestamp,
        printable(hostname, 255),
        printable(application, 48),
        printable(process, 128),
        printable(message_id, 32),
        "-",
    )
    return " ".join(fields).encode("ascii") + b" " + content


@lru_cache(256)
def printable(text: str, limit: int) -> str:
    """A header field: printable US-ASCII without spaces, at most ``limit`` characters, ``-`` when nothing is left."""
    return _UNPRINTABLE.sub("", text)[:limit] or "-"


def parse_syslog(message: bytes) -> SyslogMessage | None:
    """The parts of a message, or None when it has no header of RFC 5424."""
    found = HEADER.match(message)
    if found is None or int(found[1]) > HIGHEST_PRI:
        return None
    texts = [part.decode("ascii") for part in found.groups()[2:7]]
    structured = found[8].decode("utf-8", "replace")
    return SyslogMessage(
        int(found[1]),
        int(found[2]),
        texts[0],
        texts[1],
        texts[2],
        texts[3],
        texts[4],
        structured,
        message[found.end() :],
    )


def frame(message: bytes) -> bytes:
    """A message with its octet count: octets of the encoded message, never characters (SOLE-011)."""
    return str(len(message)).encode("ascii") + b" " + message


class BadFrame(Exception):
    """The stream does not hold what octet counting promises; the connection cannot be read any further."""


class FrameDecoder:
    """Cuts a stream into messages, wherever the network cuts it (SOLE-013).

    Args:
        limit: greatest message in octets.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._wanted: int | None = None

    @property
    def pending(self) -> int:
        """Octets that belong to a message that is not whole yet."""
        return len(self._buffer)

    @property
    def in_message(self) -> bool:
        """Whether a message has begun that is not whole yet."""
        return bool(self._buffer) or self._wanted is not None

    def feed(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Take the next octets and give every message that is now whole.

        Raises:
            BadFrame: on a count that is none, has a leading zero, or is beyond the limit (SOLE-012, SOLE-015).
        """
        self._buffer += data
        if self._wanted is not None and len(self._buffer) < self._wanted:
            return
        octets, position = bytes(self._buffer), 0
        try:
            while True:
                if self._wanted is None:
                    position = self._read_count(octets, position)
                    if self._wanted is None:
                        return
                end = position + self._wanted
                if end > len(octets):
                    return
                message, position, self._wanted = octets[position:end], end, None
                yield message
        finally:
            del self._buffer[:position]

    def _read_count(self, octets: bytes, position: int) -> int:
        """Read the count at a position, when it is whole; returns where to go on."""
        space = octets.find(b" ", position, position + _COUNT_DIGITS + 1)
        digits = octets[position : space if space >= 0 else position + _COUNT_DIGITS + 1]
        if digits and (not digits.isdigit() or digits.startswith(b"0")):
            raise BadFrame("an octet count is decimal digits without leading zero, then one space (RFC 5425 4.3.1)")
        if space < 0:
            if len(digits) > _COUNT_DIGITS:
                raise BadFrame("the octet count has too many digits")
            return position
        if not digits:
            raise BadFrame("the octet count is missing")
        self._wanted = int(digits)
        if self._wanted > self._limit:
            raise BadFrame(f"a message of {self._wanted} octets is announced; the limit is {self._limit}")
        return space + 1
