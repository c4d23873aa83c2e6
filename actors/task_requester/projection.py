"""What an order is: a fold over everything that happened to it, in the order in which it happened (orders.md 4.3, 6.3).

Pure. The events are sorted by their own time, then by the rank of their action (``tables/actions.csv``), then by what
they say: never by arrival. So the same events come to the same order whichever of them is received first.

What an order control code with a status does is a table, too (``tables/life_cycle.csv``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache

from pydantic import TypeAdapter

from actors.task_requester.moving import other_study
from profiles.hl7 import ImagingOrder
from profiles.hl7.values import Patient
from profiles.tables import read_table

_ORDER = TypeAdapter(ImagingOrder)
_NOT_CONTENT = {"control", "status", "control_id", "transaction_time", "cancel_reason"} | {
    *("origin", "called_ae", "registered")
}
_ORDERING = frozenset({"hl7", "fhir"})
#: Origin of a request for many studies. It is an order of its own: no order of a patient's care is touched by it.
BULK = "bulk"
_ANY = "*"


class Phase(StrEnum):
    """What the events say of an order."""

    INCOMPLETE = "incomplete"
    ACTIVE = "active"
    HELD = "held"
    CANCELED = "canceled"
    SUPERSEDED = "superseded"


_OVER = (Phase.CANCELED, Phase.SUPERSEDED)


@dataclass(frozen=True, slots=True)
class Doing:
    """What a message's order control code and status ask for.

    Attributes:
        action: a row of ``tables/actions.csv``.
        exam: ``done`` or ``partial`` when the message says so of the examination.
        reason: code of DCM (CID 9300) for workitems that are cancelled because of it.
    """

    action: str
    exam: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to an order.

    Attributes:
        action: a row of ``tables/actions.csv``.
        time: when it happened, ISO 8601 in UTC.
        order: what it says.
    """

    action: str
    time: str
    order: ImagingOrder


@dataclass(frozen=True, slots=True)
class Standing:
    """What all events of an order come to.

    Attributes:
        phase: where it stands.
        order: its content: the newest of what was said, where nothing newer was said the older.
        complete: whether the order itself came, or enough to do without it.
        exam: ``done``, ``partial`` or empty.
        unknown: the sender said that it does not know the order.
        reason: code of DCM (CID 9300) why it was cancelled, and ``reason_text`` of the message (ORC-16).
        time: of the newest event that says what the order is.
    """

    phase: Phase = Phase.INCOMPLETE
    order: ImagingOrder = field(default_factory=ImagingOrder)
    complete: bool = False
    exam: str = ""
    unknown: bool = False
    reason: str = ""
    reason_text: str = ""
    time: str = ""


def doing(control: str, status: str) -> Doing:
    """What a message's order control code (ORC-1) with its status (ORC-5) asks for.

    Cancel, discontinue, replace and hold decide on their own; otherwise the status decides where it is one of these.
    """
    known = _life_cycle()
    for key in ((control, status), (control, _ANY)):
        if key in known:
            return known[key]
    return known[_ANY, _ANY]


def fold(events: Iterable[Event], *, reopen_seconds: float = 0.0) -> Standing:
    """What an order is.

    Args:
        events: everything that happened to it, in any order.
        reopen_seconds: how much newer than its cancellation an order must be that was cancelled before it came.
    """
    found = sorted(events, key=_when)
    standing = Standing()
    for event in found:
        standing = _STEPS.get(event.action, _note)(standing, event, reopen_seconds)
    content = ImagingOrder()
    for event in sorted(found, key=_weight):
        content = overlay(content, event.order)
    said = [event.time for event in found if _actions()[event.action]["content"] == "says"]
    return replace(standing, order=content, time=max(said, default=""))


def effect(before: Standing | None, after: Standing, event: Event) -> str:
    """In words, what an event did that was just received."""
    if before is None:
        return _first_effect(after, event)
    if after.phase is not before.phase:
        return _turn_effect(before, after, event)
    if after.exam != before.exam:
        return "examination finished" if after.exam == "done" else "some results are there"
    if event.action in {"hold", "release", "cancel", "replaced"}:
        return f"{after.phase} already" if after.phase in _OVER else f"{event.action} noted; the order is {after.phase}"
    if _actions()[event.action]["content"] != "says":
        return f"{event.action} noted"
    return _content_effect(before, after, event)


def content_hash(order: ImagingOrder) -> str:
    """Equal for messages that say the same about an order."""
    return hashlib.sha256(_ORDER.dump_json(order, exclude=_NOT_CONTENT)).hexdigest()


def overlay(known: ImagingOrder, newer: ImagingOrder) -> ImagingOrder:
    """The newer one; where it says nothing, what was known."""
    said = {one.name: getattr(newer, one.name) for one in fields(newer) if getattr(newer, one.name)}
    if newer.patient == Patient():
        said.pop("patient", None)
    said["asked"] = tuple(sorted({*known.asked, *newer.asked}))
    return replace(known, **said)


def same_order(known: Sequence[ImagingOrder], order: ImagingOrder) -> bool:
    """Whether an order is the one that others are about: by filler, else placer number, else study, else accession.

    Different Study Instance UIDs are different orders whatever else agrees (HL7-026), unless a change says so.
    An accession number may change: the earlier ones count, too. What is asked for in bulk is no order but itself.
    """
    if any(one.origin == BULK for one in (order, *known)):
        itself = order.origin, order.study_instance_uid, order.asked
        return bool(known) and all((one.origin, one.study_instance_uid, one.asked) == itself for one in known)
    studies = {one.study_instance_uid for one in known} - {""}
    if studies and order.study_instance_uid and order.study_instance_uid not in studies:
        return other_study(known, order)
    for kind in ("filler", "placer"):
        theirs, mine = getattr(order, kind), [found for one in known if (found := getattr(one, kind))]
        if theirs and mine:
            return any(one.same_as(theirs) for one in mine)
    if studies and order.study_instance_uid:
        return True
    return any(one.accession.same_as(order.accession) for one in known)


def other_patient(known: Sequence[ImagingOrder], order: ImagingOrder) -> bool:
    """Whether a message gives a known order, accession number or study to another patient (HL7-053; orders.md 6.3)."""
    patients = [one.patient.identifier for one in known if one.patient.identifier]
    theirs = order.patient.identifier
    if not patients or not theirs or any(one.same_as(theirs) for one in patients):
        return False
    study = order.study_instance_uid
    return same_order(known, order) or any(
        one.accession.same_as(order.accession) or (bool(study) and one.study_instance_uid == study) for one in known
    )


def usable(order: ImagingOrder) -> bool:
    """Whether it names patient and study or accession number: enough to find its images."""
    return bool(order.patient.identifier) and bool(order.accession or order.study_instance_uid)


def _first_effect(after: Standing, event: Event) -> str:
    words = {
        Phase.CANCELED: "canceled before the order itself came",
        Phase.SUPERSEDED: "replaced before the order itself came",
        Phase.HELD: "held before the order itself came",
        Phase.INCOMPLETE: "kept until the order itself comes",
    }
    if after.phase in words:
        return words[after.phase]
    if event.action == "images":
        return "images without an order"
    return "new order" if _is_order(event) else "taken as a new order: no earlier message named it"


def _content_effect(before: Standing, after: Standing, event: Event) -> str:
    if after.phase in _OVER:
        return "canceled orders stay canceled"
    if content_hash(after.order) != content_hash(before.order):
        return "changed"
    if event.time < before.time:
        return "older than what is known; kept, without effect"
    return "known already; nothing changed"


def _turn_effect(before: Standing, after: Standing, event: Event) -> str:
    if after.phase is Phase.ACTIVE:
        words = {
            Phase.INCOMPLETE: "the order itself came",
            Phase.HELD: "released",
            Phase.CANCELED: "ordered again after its cancellation",
            Phase.SUPERSEDED: "replaced by itself",
        }
        return words[before.phase] if _is_order(event) or before.phase is Phase.HELD else "enough is known now"
    words = {Phase.SUPERSEDED: "replaced", Phase.CANCELED: "canceled", Phase.HELD: "held"}
    return words.get(after.phase, f"{after.phase} now")


def _is_order(event: Event) -> bool:
    return event.action in {"create", "replacement"}


def _when(event: Event) -> tuple[str, int, bytes]:
    return event.time, int(_actions()[event.action]["rank"]), _ORDER.dump_json(event.order)


def _weight(event: Event) -> tuple[bool, bool, bool, tuple[str, int, bytes]]:
    """What says more comes later: orders over what images say, changes over states, the newer over the older."""
    content = _actions()[event.action]["content"]
    return event.order.origin in _ORDERING, content != "none", content == "says", _when(event)


def _create(standing: Standing, event: Event, reopen_seconds: float) -> Standing:
    if standing.phase is Phase.SUPERSEDED or (standing.phase is Phase.CANCELED and standing.complete):
        return standing
    if standing.phase is Phase.CANCELED and not _newer(event.time, standing.time, reopen_seconds):
        return standing
    held = standing.phase is Phase.HELD
    return replace(_exam(standing, event), phase=Phase.HELD if held else Phase.ACTIVE, complete=True, reason="")


def _newer(time: str, than: str, seconds: float) -> bool:
    return datetime.fromisoformat(time) > datetime.fromisoformat(than) + timedelta(seconds=seconds)


def _update(standing: Standing, event: Event, _: float) -> Standing:
    """A change or a status: also makes an order of which nobody told before, when it says enough."""
    standing = _exam(standing, event)
    if standing.phase in _OVER or not usable(event.order):
        return standing
    phase = Phase.HELD if standing.phase is Phase.HELD else Phase.ACTIVE
    return replace(standing, phase=phase, complete=True)


def _exam(standing: Standing, event: Event) -> Standing:
    exam = doing(event.order.control, event.order.status).exam
    return replace(standing, exam=exam) if exam and standing.exam != "done" else standing


def _hold(standing: Standing, _event: Event, _: float) -> Standing:
    return standing if standing.phase in _OVER else replace(standing, phase=Phase.HELD)


def _release(standing: Standing, _event: Event, _: float) -> Standing:
    if standing.phase is not Phase.HELD:
        return standing
    return replace(standing, phase=Phase.ACTIVE if standing.complete else Phase.INCOMPLETE)


def _cancel(standing: Standing, event: Event, _: float) -> Standing:
    if standing.phase in _OVER:
        return standing
    phase = Phase.SUPERSEDED if event.action == "replaced" else Phase.CANCELED
    reason = doing(event.order.control, event.order.status).reason or "110500"
    return replace(standing, phase=phase, reason=reason, reason_text=event.order.cancel_reason, time=event.time)


def _replacement(standing: Standing, event: Event, _: float) -> Standing:
    """Stands for another order, or, under the same numbers, for what this one was before."""
    if standing.phase is Phase.CANCELED:
        return standing
    return replace(_exam(standing, event), phase=Phase.ACTIVE, complete=True, reason="")


def _unknown(standing: Standing, _event: Event, _: float) -> Standing:
    return replace(standing, unknown=True)


def _note(standing: Standing, _event: Event, _: float) -> Standing:
    return standing


_STEPS: dict[str, Callable[[Standing, Event, float], Standing]] = {
    "create": _create,
    "images": _update,
    "update": _update,
    "status": _update,
    "unknown": _unknown,
    "hold": _hold,
    "release": _release,
    "cancel": _cancel,
    "replaced": _cancel,
    "replacement": _replacement,
}


@cache
def _actions() -> dict[str, dict[str, str]]:
    return {row["action"]: row for row in read_table("actors.task_requester", "actions")}


@cache
def _life_cycle() -> dict[tuple[str, str], Doing]:
    rows = read_table("actors.task_requester", "life_cycle")
    return {(row["control"], row["status"]): Doing(row["action"], row["exam"], row["reason"]) for row in rows}
