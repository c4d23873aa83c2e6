"""Record what happens to orders: the one way in for every trigger.

Whatever tells of an order (an HL7 message, a FHIR resource, MPPS, IAN, the arrival of images, a person's request) makes
an `ImagingOrder` of what it knows and calls `record` in a writing session, or `Ledger.record`, which opens one:

    with database.write() as session:
        record(session, [Told(order, "images", origin="arrival", time=now)], received_at=now)

``action`` is a row of ``tables/actions.csv``: ``create`` for a request of its own (a person, FHIR), ``images`` when
images are in the archive or were announced (arrival, IAN, a query), ``status`` with ``control="SC", status="CM"`` in
the order for the end of an examination (MPPS COMPLETED), ``update``, ``cancel``, ``hold``, ``release``. An event
joins the order that it is about, by order numbers, Study Instance UID or accession number and patient; when there is
none, it makes one: a shell, which the order itself joins later. The order is then what all of its events come to
(`actors.task_requester.projection.fold`), is looked at by `actors.task_requester.following`, and goes the way of
every order. Recording the same event again changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import delete, update
from sqlmodel import Session, col, or_, select

from actors.task_requester.database import (
    OrderEventRow,
    OrderKeyRow,
    OrderRow,
    OrderState,
    lock,
    moment,
)
from actors.task_requester.moving import has_its_own, other_study
from actors.task_requester.patients import present_order
from actors.task_requester.planning import hold_workitems, join_workitems, leave_study, withdraw_workitems
from actors.task_requester.projection import (
    BULK,
    Event,
    Phase,
    Standing,
    content_hash,
    effect,
    fold,
    other_patient,
    same_order,
)
from profiles.hl7 import ImagingOrder, MessageFinding, MessageRefused

_ORDER = TypeAdapter(ImagingOrder)
_NO_REPORT = "-"
_RECEIVED = ("hl7", "fhir", "person")
_Related = Sequence[tuple[OrderRow, Sequence[OrderEventRow]]]
_KINDS = ("filler", "placer", "accession")


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of one order.

    Attributes:
        order: what is known of it.
        action: a row of ``tables/actions.csv``.
        origin: ``hl7``, ``fhir``, ``mpps``, ``ian``, ``arrival``, ``person``, ``query`` or ``bulk``.
        time: when it happened, timezone-aware.
    """

    order: ImagingOrder
    action: str
    origin: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Effect:
    """What an event did to one order."""

    accession: str
    study_uid: str
    state: str
    words: str
    number: int = 0


def order_as_json(order: ImagingOrder) -> str:
    """An order as it is stored."""
    return _ORDER.dump_json(order).decode()


def stored_order(row: OrderRow | OrderEventRow) -> ImagingOrder:
    """The order of a row as a value."""
    return _ORDER.validate_json(row.content)


def record(
    session: Session,
    told: Sequence[Told],
    *,
    received_at: datetime | str,
    message_number: int = 0,
    reopen_seconds: float = 0.0,
) -> list[Effect]:
    """Take what was told in one go, all of it or nothing.

    Args:
        session: writing; the caller ends the transaction.
        told: the events.
        received_at: when it was received.
        message_number: of the HL7 message.
        reopen_seconds: how much newer than its cancellation an order must be that was cancelled before it came.

    Returns:
        What was done, for each order that was touched.

    Raises:
        MessageRefused: code 205 when it gives a known order, accession number or study to another patient.
    """
    at = received_at if isinstance(received_at, str) else moment(received_at)
    lock(session, [name for one in told for name in _names(one.order)])
    recorder = _Recorder(session, at, message_number, reopen_seconds)
    return [found for place, one in enumerate(told) for found in recorder.take(one, place)]


@dataclass(slots=True)
class _Recorder:
    session: Session
    at: str
    message_number: int
    reopen_seconds: float
    replaced: int = 0

    def take(self, told: Told, place: int) -> list[Effect]:
        order = replace(told.order, origin=told.origin)
        theirs = _events_of_candidates(self.session, order)
        present = present_order(self.session, order)
        same: list[OrderRow] = []
        moved: list[OrderRow] = []
        is_ordered = False
        for row, events in theirs:
            known = self._known(events)
            if other_patient(known, present):
                raise _other_patient()
            if same_order(known, present):
                (moved if other_study(known, present) else same).append(row)
                is_ordered = is_ordered or has_its_own(known, present)
        moved = [] if is_ordered else moved
        if len(moved) > 1:
            raise _several_orders()
        same = sorted([*same, *moved], key=lambda row: row.number or 0)
        if not same and told.action == "note":
            return [Effect(order.accession.value, order.study_instance_uid, "", "noted")]
        if not same:
            row = self._new(order, theirs)
            return [self._append(row, told, order, place, [] if not theirs else _events(self.session, row))]
        rows = [self._joined(same)] if moved or _are_one(same, order) else same
        return [self._append(row, told, order, place, _events(self.session, row)) for row in rows]

    def _append(
        self, row: OrderRow, told: Told, order: ImagingOrder, place: int, events: Sequence[OrderEventRow]
    ) -> Effect:
        before = self._fold(events) if events else None
        event = OrderEventRow(
            order_number=row.number or 0,
            message_number=self.message_number,
            place=place,
            origin=told.origin,
            action=told.action,
            control=order.control,
            status=order.status,
            event_time=moment(told.time),
            received_at=self.at,
            content=order_as_json(order),
            reported_at=_NO_REPORT,
        )
        event.repeats = any(_says_the_same(one, event) for one in events)
        if event.repeats and not self.message_number:
            return Effect(row.accession, row.study_uid, row.state, "known already; nothing changed", row.number or 0)
        after = self._fold([*events, event]) if not event.repeats else before or self._fold([event])
        event.effect = effect(before, after, _event(event))
        if _is_news(told, after) and all(one.reported_at == _NO_REPORT for one in events):
            event.reported_at = ""
        self.session.add(event)
        self._link(row, told.action)
        project(self.session, row, before, after, event.effect, self.at, looked_for=told.action == "images")
        if told.origin != BULK:  # so nobody else's event finds it
            _name(self.session, row, [*events, event], is_new=not events)
        return Effect(row.accession, row.study_uid, row.state, event.effect, row.number or 0)

    def _known(self, events: Sequence[OrderEventRow]) -> list[ImagingOrder]:
        """What was told of an order, for its patient as known now; most orders have one."""
        orders = [stored_order(one) for one in events]
        patients = {one.patient: one for one in orders}
        now = {patient: present_order(self.session, one).patient for patient, one in patients.items()}
        return [replace(one, patient=now[one.patient]) for one in orders]

    def _fold(self, events: Sequence[OrderEventRow]) -> Standing:
        return fold([_event(one) for one in events], reopen_seconds=self.reopen_seconds)

    def _link(self, row: OrderRow, action: str) -> None:
        """RP and RO of one message: which order stands for which (HL7-040)."""
        if action == "replaced":
            self.replaced = row.number or 0
        if action == "replacement" and self.replaced != row.number:
            row.replaces = row.replaces or self.replaced

    def _new(self, order: ImagingOrder, related: _Related) -> OrderRow:
        """A new order, with what was told before without naming the study (a cancellation by its numbers alone)."""
        row = OrderRow(
            key=order.key,
            content="",
            state=OrderState.INCOMPLETE,
            message_number=self.message_number,
            received_at=self.at,
            updated_at=self.at,
        )
        self.session.add(row)
        self.session.flush()
        for event in [event for _, events in related for event in events]:
            said = stored_order(event)
            if not said.study_instance_uid and same_order([order], said):
                copied = event.model_dump(exclude={"number", "reported_at"})
                copied |= {"order_number": row.number, "reported_at": _NO_REPORT}
                self.session.add(OrderEventRow(**copied))
        return row

    def _joined(self, rows: Sequence[OrderRow]) -> OrderRow:
        """Orders that were thought different until one event named both: the first of them gets all of it."""
        first, *others = rows
        number = first.number or 0
        for other in others:
            join_workitems(self.session, number, other.number or 0)
            events = update(OrderEventRow).where(col(OrderEventRow.order_number) == other.number)
            self.session.connection().execute(events.values(order_number=number))
            keys = delete(OrderKeyRow).where(col(OrderKeyRow.order_number) == other.number)
            self.session.connection().execute(keys)
            self.session.delete(other)
            self.session.flush()
        return first


def project(
    session: Session,
    row: OrderRow,
    before: Standing | None,
    after: Standing,
    words: str,
    at: str,
    *,
    looked_for: bool = False,
) -> None:
    """Let an order's row say what its events come to; its workitems follow (`actors.task_requester.following`)."""
    order = after.order
    row.key = order.key
    row.placer, row.filler, row.accession = order.placer.value, order.filler.value, order.accession.value
    row.study_uid = order.study_instance_uid or row.study_uid
    row.patient_id = order.patient.identifier.value
    row.content, row.complete, row.phase, row.exam = order_as_json(order), after.complete, after.phase, after.exam
    row.origin = order.origin
    row.attention = "The sender says that it does not know the order (SC, ER)." if after.unknown else ""
    changed = content_hash(order) != row.content_hash
    row.content_hash, row.event_time, row.updated_at = content_hash(order), after.time, at
    state = _state(OrderState(row.state), before, after, changed=changed or looked_for)
    if state != row.state or not row.explanation:
        row.explanation = words
    row.state = state
    if after.phase in {Phase.CANCELED, Phase.SUPERSEDED}:
        withdraw_workitems(session, row.number or 0, after.reason, after.reason_text)
    study = before.order.study_instance_uid if before else ""
    if study and study != order.study_instance_uid:
        leave_study(session, row.number or 0, study)
    if after.phase is Phase.HELD:
        hold_workitems(session, row.number or 0)
    session.add(row)
    session.flush()


def _state(state: OrderState, before: Standing | None, after: Standing, *, changed: bool) -> OrderState:
    """The phase; for an active order how far it got, and from the start again when something changed."""
    if after.phase is not Phase.ACTIVE:
        return OrderState(after.phase)
    if before is None or before.phase is not Phase.ACTIVE or changed:
        return OrderState.PENDING
    return state


def _name(session: Session, row: OrderRow, events: Sequence[OrderEventRow], *, is_new: bool) -> None:
    """What an order was ever called, an accession number that was changed since included (orders.md 6.3)."""
    number, orders = row.number or 0, [stored_order(event) for event in events]
    names = {(kind, getattr(order, kind).value) for order in orders for kind in _KINDS}
    names |= {("study", order.study_instance_uid) for order in orders}
    names |= {("parent", order.parent.value) for order in orders}
    known = [] if is_new else session.exec(select(OrderKeyRow).where(OrderKeyRow.order_number == number)).all()
    for kind, value in sorted(names - {(one.kind, one.value) for one in known}):
        if value:
            session.add(OrderKeyRow(order_number=number, kind=kind, value=value))


def _names(order: ImagingOrder) -> list[str]:
    """What is locked while an order is written: its numbers and its patient."""
    keys = [f"{kind}:{getattr(order, kind).value}" for kind in _KINDS if getattr(order, kind)]
    keys += [f"study:{order.study_instance_uid}"] if order.study_instance_uid else []
    return [*keys, f"patient:{order.patient.identifier.value}"]


def _candidates(session: Session, order: ImagingOrder) -> Sequence[OrderRow]:
    keys = {kind: getattr(order, kind).value for kind in _KINDS} | {"study": order.study_instance_uid}
    wanted = [(OrderKeyRow.kind == kind) & (col(OrderKeyRow.value) == value) for kind, value in keys.items() if value]
    if not wanted:
        return []
    numbers = select(OrderKeyRow.order_number).where(or_(*wanted))
    found = select(OrderRow).where(col(OrderRow.number).in_(numbers)).order_by(col(OrderRow.number))
    return session.exec(found.with_for_update()).all()


def _events_of_candidates(session: Session, order: ImagingOrder) -> _Related:
    return [(row, _events(session, row)) for row in _candidates(session, order)]


def _events(session: Session, row: OrderRow) -> Sequence[OrderEventRow]:
    """What tells something; a message that was sent a thousand times does so once."""
    found = select(OrderEventRow).where(OrderEventRow.order_number == row.number, col(OrderEventRow.repeats).is_(False))
    return session.exec(found.order_by(col(OrderEventRow.number))).all()


def _event(row: OrderEventRow) -> Event:
    return Event(row.action, row.event_time, stored_order(row))


def _says_the_same(one: OrderEventRow, other: OrderEventRow) -> bool:
    mine, theirs = (replace(stored_order(row), control_id="") for row in (one, other))
    return (one.action, one.event_time, mine) == (other.action, other.event_time, theirs)


def _is_news(told: Told, after: Standing) -> bool:
    """Whether the operational log is told that an order was received."""
    return told.origin in _RECEIVED and after.phase is Phase.ACTIVE and after.complete


def _are_one(rows: Sequence[OrderRow], order: ImagingOrder) -> bool:
    """Whether several orders turn out to be one: they are of one study, or only one of them has one."""
    studies = {row.study_uid for row in rows} | {order.study_instance_uid}
    return bool(rows) and len(studies - {""}) <= 1


def _other_patient() -> MessageRefused:
    message = "The order, the accession number or the study is known as another patient's."
    remedy = "Correct the patient identifier or the accession number; a person has to look."
    return MessageRefused([MessageFinding("OBR-18", message, "HL7-053 (HL7 table 0357 code 205)", remedy, 205)])


def _several_orders() -> MessageRefused:
    message = "Several orders have this order number, and the study of the change is none of theirs."
    remedy = "Name the requested procedure and its step (IPC-2, IPC-4; OBR-19, OBR-20); a person has to look."
    return MessageRefused([MessageFinding("ORC-3", message, "HL7-026 (HL7 table 0357 code 205)", remedy, 205)])
