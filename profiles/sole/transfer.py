"""RAD-124 Transfer Multiple Events: from the body of a request to syslog messages (sole.md 3.4). Pure."""

from __future__ import annotations

from typing import Any

import orjson

from profiles.errors import BadInput
from profiles.sole.reading import BYTE_ORDER_MARK, well_formed
from profiles.sole.syslog import HEADER, HIGHEST_PRI

GREATEST_BODY, GREATEST_BATCH = 10 * 2**20, 10_000
#: Members of an event before ``Msg``, in the order of the header; what they are without a value.
_MEMBERS = {
    "pri": "",
    "version": "",
    "timestamp": "-",
    "hostname": "-",
    "app-name": "-",
    "procid": "-",
    "msg-id": "-",
}


def parse_batch(body: bytes) -> list[bytes]:
    """The syslog messages of a batch, each as it would have come by ITI-20 (SOLE-053).

    Args:
        body: a JSON object with an array ``Events``; names of members are matched without regard to case, unknown ones
            are passed over.

    Raises:
        BadInput: when the body is no such object, has no events or too many, or one of them is no syslog message or
            holds XML that is not well-formed (SOLE-051); it names the first one by its place.
    """
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadInput("The body is no JSON; RAD-124 takes an object with an array Events (sole.md 3.4).") from error
    events = _member(told, "events") if isinstance(told, dict) else None
    if not isinstance(events, list) or not events:
        raise BadInput("The body has no Events; RAD-124 takes an object with an array of at least one (sole.md 3.4).")
    if len(events) > GREATEST_BATCH:
        raise BadInput(
            f"The batch has {len(events)} events; send at most {GREATEST_BATCH} at a time (sole.md 3.4).",
            key="too-large",
        )
    return [_message(place, one) for place, one in enumerate(events)]


def _member(told: dict[str, Any], name: str) -> Any:
    return next((value for key, value in told.items() if key.lower() == name), None)


def _message(place: int, told: Any) -> bytes:
    where = f"Events[{place}]"
    if not isinstance(told, dict):
        raise BadInput(f"{where} is no object (sole.md 3.4).")
    members = {key.lower(): value for key, value in told.items()}
    pri, version, *fields = (_text(where, name, members.get(name), other) for name, other in _MEMBERS.items())
    content = _text(where, "msg", members.get("msg"), "").encode()
    message = f"<{pri}>{version} {' '.join(fields)} - ".encode() + content
    found = HEADER.match(message)
    parts = (pri, version, *fields, "-")
    if found is None or tuple(part.decode() for part in found.groups()) != parts or int(pri) > HIGHEST_PRI:
        raise BadInput(
            f"{where} is no syslog message: Pri is a number up to {HIGHEST_PRI}, Version one from 1 on, the other "
            "fields are printable ASCII without spaces (RFC 5424 section 6)."
        )
    text = content.removeprefix(BYTE_ORDER_MARK).lstrip()
    if text.startswith(b"<") and not well_formed(text):
        raise BadInput(f"{where}: Msg begins as XML and is not well-formed, or declares entities (sole.md 3.4).")
    return message


def _text(where: str, name: str, value: Any, other: str) -> str:
    if value is None:
        return other
    if isinstance(value, str):
        return value or other
    if isinstance(value, int) and not isinstance(value, bool) and name in ("pri", "version"):
        return str(value)
    raise BadInput(f"{where}: {name} is no text (sole.md 3.4).")
