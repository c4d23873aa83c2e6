"""What kind of message it is, and so which rules apply to it."""

from __future__ import annotations

from functools import cache

from conformance.hl7.message import Message, Segment
from conformance.hl7.standard import VERSIONS
from profiles.tables import read_table

STUDY_CODES = frozenset({"110180", "113014"})
"""Concepts of OBX-3 (scheme DCM) whose value is the Study Instance UID (orders.md 1.2)."""

_OF_TYPE = {"ORM": "order", "OMI": "order", "OMG": "order", "ADT": "adt", "ORU": "oru", "ACK": "ack"}
_SAME = {"merge": {"adt", "merge"}}
_BY_IHE = {"order", "adt", "imaging"}


@cache
def _table() -> dict[tuple[str, str], dict[str, str]]:
    return {(row["type"], row["event"]): row for row in read_table("conformance", "hl7_messages")}


def _row(message: Message) -> dict[str, str]:
    kind, event = message.kind
    return _table().get((kind, "" if kind == "ACK" else event), {})


def is_known(message: Message) -> bool:
    """Whether the message is of a kind that imaging workflows use."""
    return bool(tags(message) - {"any"})


def tags(message: Message) -> set[str]:
    """The kinds of rules that apply to a message."""
    kind = _row(message).get("kind") or _OF_TYPE.get(message.kind[0], "")
    if not kind and message.all("MSA"):
        kind = "ack"
    found = {"any"} | _SAME.get(kind, {kind} if kind else set())
    if kind == "oru" and any(names_a_study(one) for one in message.all("OBX")):
        found.add("imaging")
    if found & _BY_IHE:
        found |= {"ihe", "patient"}
    if "order" in found:
        found.add(message.kind[0].lower())
    return found


def structures(message: Message) -> tuple[str, ...]:
    """Names of the structures that the message may have in its version; none when it is of no known kind."""
    row = _row(message)
    names = {row.get("structure", ""), row.get("before_2_4", "")} if is_old(message, "2.4") else {row.get("structure")}
    return tuple(sorted(name for name in names if name))


def is_old(message: Message, before: str = "2.5") -> bool:
    """Whether the message is of a version before that one; no when its version is none."""
    return message.version in VERSIONS and VERSIONS.index(message.version) < VERSIONS.index(before)


def names_a_study(observation: Segment) -> bool:
    """Whether an OBX has the Study Instance UID as its value."""
    code, meaning = observation.part(3, 1), observation.part(3, 2)
    return code in STUDY_CODES or meaning.strip().lower() == "study instance uid"
