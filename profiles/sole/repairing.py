"""Audit messages that were cut off on their way, as syslog over UDP may do (ITI TF-2 3.20.4.1.2.1.2; RFC 5426)."""

from __future__ import annotations

from xml.parsers.expat import ExpatError, ParserCreate

from profiles.errors import BadInput
from profiles.sole.reading import BYTE_ORDER_MARK, root_of

_TRIES = 20


def closed(document: bytes) -> bytes | None:
    """What is left of a document that was cut off, with the elements closed that were open.

    Args:
        document: the beginning of an audit message.

    Returns:
        A well-formed AuditMessage up to the last markup that is whole; None when there is too little of it, or it is
        broken elsewhere.
    """
    document = document.removeprefix(BYTE_ORDER_MARK)
    if b"<!DOCTYPE" in document:  # never in an audit message, and the way of entity bombs
        return None
    end = len(document)
    for _ in range(_TRIES):
        end = document.rfind(b">", 0, end)
        if end < 0:
            return None
        found = _with_ends(document[: end + 1])
        if found is not None:
            return found
    return None


def _with_ends(start: bytes) -> bytes | None:
    names: list[str] = []
    parser = ParserCreate()
    parser.StartElementHandler = lambda name, _attributes: names.append(name)
    parser.EndElementHandler = lambda _name: names.pop()
    try:
        parser.Parse(start, False)
        whole = start + "".join(f"</{name}>" for name in reversed(names)).encode()
        return whole if root_of(whole).find("EventIdentification") is not None else None
    except (ExpatError, BadInput, ValueError):
        return None
