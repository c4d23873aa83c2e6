"""Rules over many messages: what one host says of itself, and how the events of one workitem or study follow."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations

from conformance.rules import Breach, Rulebook
from conformance.sole.content import is_machine
from conformance.sole.reading import ACCESSION, STUDY, Message

STREAM: Rulebook[Sequence[Told]] = Rulebook("sole_rules", ["stream"])

#: Clocks of two hosts differ by up to 2 s when each is right by Consistent Time (sole.md 3.7).
_CLOCKS = timedelta(seconds=2)
_RUN = ("SOLE112", "SOLE113", "SOLE114", "SOLE115")
_ORDER = ("AIX101", "AIX103", *_RUN, "AIX131", "AIX107")
_ENDS = ("AIX106", "AIX107")
_ASSESSED = frozenset({"AIX142", "AIX143", "AIX144"})


@dataclass(frozen=True)
class Told:
    """One event of a stream."""

    message: Message
    at: datetime
    codes: frozenset[str]
    host: str

    @property
    def study(self) -> str:
        """What ties events of one study together: the accession number, else the study's UID."""
        return next(iter(sorted(self.message.identifiers(ACCESSION) or self.message.identifiers(STUDY))), "")

    @property
    def readers(self) -> frozenset[str]:
        """UserIDs of the persons that took part."""
        people = [one for one in self.message.participants if not is_machine(one)]
        return frozenset(user for one in people if (user := one.get("UserID", "")))


def told(messages: Iterable[Message]) -> list[Told]:
    """The SOLE events among messages, each once (a message sent again is the same event), those with a time."""
    found: dict[bytes, Told] = {}
    for message in messages:
        if message.kind != "sole" or message.root is None or message.at is None:
            continue
        header = message.header
        names = (header.hostname, header.process, header.timestamp) if header else ()
        key = hashlib.sha256("\0".join(names).encode() + b"\0" + message.content).digest()
        codes = frozenset(code.value for code in message.event_types)
        found.setdefault(key, Told(message, message.at, codes, header.hostname if header else ""))
    return list(found.values())


def _by(stream: Sequence[Told], keys: Callable[[Told], Iterable[str]]) -> Iterator[list[Told]]:
    grouped: dict[str, list[Told]] = defaultdict(list)
    for one in stream:
        for key in keys(one):
            grouped[key].append(one)
    for group in grouped.values():
        yield sorted(group, key=lambda one: one.at)


def _of_workitems(stream: Sequence[Told]) -> Iterator[list[Told]]:
    yield from _by(stream, lambda one: sorted(one.message.workitems))


def _before(earlier: Told, later: Told) -> bool:
    """Whether the one happened before the other, beyond what their clocks leave open."""
    slack = timedelta(0) if earlier.host == later.host else _CLOCKS
    return earlier.at + slack < later.at


def _reversed(group: Sequence[Told], first_code: str, second_code: str) -> Told | None:
    """The event of the second code when all of that code lie before every event of the first."""
    first = [one for one in group if first_code in one.codes]
    second = [one for one in group if second_code in one.codes]
    if first and second and _before(second[-1], first[0]):
        return second[-1]
    return None


@STREAM.rule("SOLE-032")
def _one_address(stream: Sequence[Told]) -> Iterator[Breach]:
    seen: dict[tuple[str, str], str] = {}
    for one in stream:
        for participant in filter(is_machine, one.message.participants):
            key = (one.host, participant.get("UserID", ""))
            address = participant.get("NetworkAccessPointID", "").strip()
            if one.host and address and seen.setdefault(key, address) != address:
                yield one.message.name, "names another network address than the same machine did before"


@STREAM.rule("SOLE-074")
def _order(stream: Sequence[Told]) -> Iterator[Breach]:
    for group in _of_workitems(stream):
        for first_code, second_code in combinations(_ORDER, 2):
            if first_code == "AIX103" and second_code in _RUN:
                continue  # SOLE-076
            wrong = _reversed(group, first_code, second_code)
            if wrong:
                yield wrong.message.name, f"tells {second_code} before the {first_code} of the same workitem"
                break


@STREAM.rule("SOLE-075")
def _one_end(stream: Sequence[Told]) -> Iterator[Breach]:
    for group in _of_workitems(stream):
        ends = [one for one in group if one.codes & set(_ENDS)]
        if len(ends) > 1:
            yield ends[-1].message.name, f"tells the end of a workitem, of which {len(ends)} ends are told"


@STREAM.rule("SOLE-076")
def _claimed_first(stream: Sequence[Told]) -> Iterator[Breach]:
    for group in _of_workitems(stream):
        claims = [one for one in group if "AIX103" in one.codes]
        early = [one for one in group if claims and one.codes & set(_RUN) and _before(one, claims[0])]
        if early:
            yield early[0].message.name, "tells of work on a workitem before its claim"


@STREAM.rule("SOLE-079-SAME")
def _same_study(stream: Sequence[Told]) -> Iterator[Breach]:
    for group in _of_workitems(stream):
        for value, words in ((ACCESSION, "accession number"), (STUDY, "study")):
            known = [(one, one.message.identifiers(value)) for one in group if one.message.identifiers(value)]
            other = next((one for one, found in known if not found & known[0][1]), None)
            if other:
                yield other.message.name, f"names another {words} than earlier events of the same workitem"


@STREAM.rule("SOLE-081")
def _opened_shown_judged(stream: Sequence[Told]) -> Iterator[Breach]:
    def keys(one: Told) -> Iterable[str]:
        return (f"{one.study}\0{reader}" for reader in sorted(one.readers)) if one.study else ()

    for group in _by(stream, keys):
        for first_code, second_code in (("RID45893", "AIX141"), *(("AIX141", code) for code in sorted(_ASSESSED))):
            wrong = _reversed(group, first_code, second_code)
            if wrong:
                yield wrong.message.name, f"tells {second_code} before {first_code} for one reader and study"


@STREAM.rule("SOLE-082")
def _assessed_or_not(stream: Sequence[Told]) -> Iterator[Breach]:
    for group in _by(stream, lambda one: [one.study] if one.study else []):
        left = [one for one in group if "AIX145" in one.codes]
        judged = [one for one in group if one.codes & _ASSESSED]
        if left and judged and not _before(left[-1], judged[0]):
            yield left[-1].message.name, "tells that a result was not assessed, which was"
