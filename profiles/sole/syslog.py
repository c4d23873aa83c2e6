"""Syslog messages and frames (RFC 5424, RFC 5425), as ITI-20 and SOLE use them (sole.md section 3)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from profiles.errors import BadInput

FACILITY_SECURITY = 10
APP_NAME = "IHE+SOLE"
_SEVERITY = {0: 5, 4: 4, 8: 3, 12: 2}
MAXIMUM_FRAME = 1024 * 1024
_DIGITS = len(str(MAXIMUM_FRAME))
_HEADER = re.compile(rb"<(\d{1,3})>(\d{1,2}) (\S+) (\S+) (\S+) (\S+) (\S+) (-|(?:\[.*?\])+) ?", re.DOTALL)
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class SyslogMessage:
    """One message in its parts."""

    priority: int
    timestamp: str
    hostname: str
    app_name: str
    process_id: str
    message_id: str
    content: bytes


def compose(content: bytes, *, outcome: int, at: datetime, hostname: str, process_id: str, message_id: str) -> bytes:
    """A syslog message (RFC 5424) around an audit message.

    Args:
        content: the audit message, UTF-8.
        outcome: EventOutcomeIndicator, which decides the severity (sole.md 3.1).
        at: when the message was made, timezone-aware.
        hostname: the sender.
        process_id: of the sender.
        message_id: code of the first EventTypeCode.
    """
    priority = FACILITY_SECURITY * 8 + _SEVERITY[outcome]
    header = f"<{priority}>1 {at.isoformat(timespec='milliseconds')} {hostname} {APP_NAME} {process_id} {message_id} - "
    return header.encode("ascii") + content


def frame(message: bytes) -> bytes:
    """A message with its count of octets in front (RFC 5425 section 4.3)."""
    return f"{len(message)} ".encode("ascii") + message


def parse(message: bytes) -> SyslogMessage:
    """The parts of a message.

    Raises:
        BadInput: when it has no RFC 5424 header.
    """
    match = _HEADER.match(message)
    if match is None:
        raise BadInput("The message has no RFC 5424 header.")
    priority, _, timestamp, hostname, app_name, process_id, message_id, _ = (
        part.decode("utf-8", "replace") for part in match.groups()
    )
    content = message[match.end() :].removeprefix(_BOM)
    return SyslogMessage(int(priority), timestamp, hostname, app_name, process_id, message_id, content)


class Deframer:
    """Cuts a stream of octet-counted frames into messages, wherever the network cut it."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> list[bytes]:
        """The messages that are complete with this chunk.

        Raises:
            BadInput: when a count is none, starts with zero, or is over the limit; the stream cannot be read on then.
        """
        self._buffer += chunk
        messages: list[bytes] = []
        while (space := self._buffer.find(b" ", 0, _DIGITS + 1)) >= 0:
            count = self._buffer[:space]
            if not count.isdigit() or count.startswith(b"0") or int(count) > MAXIMUM_FRAME:
                raise BadInput("A frame starts with no count of octets in range (RFC 5425 section 4.3).")
            end = space + 1 + int(count)
            if len(self._buffer) < end:
                return messages
            messages.append(bytes(self._buffer[space + 1 : end]))
            del self._buffer[:end]
        if len(self._buffer) > _DIGITS:
            raise BadInput("A frame starts with no count of octets (RFC 5425 section 4.3).")
        return messages
