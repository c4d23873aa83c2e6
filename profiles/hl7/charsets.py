"""Character sets of messages: MSH-18, HL7 table 0211 (HL7 2.5.1 section 2.15.9.18)."""

from __future__ import annotations

from functools import cache

from profiles.hl7.findings import MessageFinding, MessageRefused
from profiles.tables import read_table

_CHARACTER_SET = 18


@cache
def _codecs() -> dict[str, str]:
    return {row["declared"].upper(): row["codec"] for row in read_table("profiles.hl7", "charsets")}


def codec_of(declared: str) -> str | None:
    """The Python codec of a value of MSH-18, or None when it is not in the table."""
    return _codecs().get(declared.strip().upper())


def declared_charset(raw: bytes) -> str:
    """The first value of MSH-18, read from the bytes: MSH is ASCII in every character set that MLLP can carry."""
    header = raw.lstrip().split(b"\r", 1)[0].split(b"\n", 1)[0]
    fields = header.split(header[3:4]) if len(header) > len(b"MSH|") else []
    if len(fields) < _CHARACTER_SET:
        return ""
    repetition = header[5:6] or b"~"
    return fields[_CHARACTER_SET - 1].split(repetition)[0].decode("ascii", "replace").strip()


def decode(raw: bytes, default: str = "cp1252") -> tuple[str, str]:
    """The text of a message, and the codec it was in.

    A declared character set is decoded strictly. Without a declaration UTF-8 is tried, then the default.

    Args:
        raw: the message's bytes.
        default: Python codec for messages that declare none and are no UTF-8.

    Raises:
        MessageRefused: unknown character set, or bytes that are not of the declared one; never replaced silently.
    """
    declared = declared_charset(raw)
    codec = codec_of(declared) if declared else None
    if declared and codec is None:
        raise _refused(f"The character set {declared!r} is not one that this receiver reads.", "name one of table 0211")
    candidates = [codec] if codec else ["utf_8", default]
    for candidate in candidates:
        try:
            return raw.decode(candidate), candidate
        except UnicodeDecodeError:
            continue
    raise _refused(
        f"The bytes are not of the character set {declared or default!r} that the message declares.",
        "send the bytes in the character set that MSH-18 names",
    )


def _refused(message: str, remedy: str) -> MessageRefused:
    rule = "HL7-016 (HL7 2.5.1 section 2.15.9.18, table 0211)"
    return MessageRefused([MessageFinding("MSH-18", message, rule, f"Please {remedy}.", 102)])
