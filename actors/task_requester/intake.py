"""Take messages: durable first, answered after (design decision D11; orders.md 6.1).

Every frame gets one answer. AA is given only when the message is on disk, and nothing that is known speaks against it:
a new order is put into the inbox and worked out after its answer, everything else before (decision 0010). A message
that cannot be taken is kept too, with the reason: the quarantine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlmodel import Session

from actors.shared.logs import get_logger
from actors.shared.mllp import BETWEEN_FRAMES, Frame
from actors.shared.refusals import RefusalLog
from actors.shared.steps import reached
from actors.task_requester.database import Database, MessageRow, lock, moment
from actors.task_requester.inbox import LONGEST, Inbox, Letter
from actors.task_requester.ledger import control_id_used, earlier_message, patient_changed, told_by, told_by_notice
from actors.task_requester.patients import (
    IGNORED,
    Registered,
    event_with_authority,
    filled_in,
    register,
    retired,
    told_by_order,
)
from actors.task_requester.recording import Effect, Told, record
from actors.task_requester.senders import require_parties, sender_of
from actors.task_requester.settings import Settings
from actors.task_requester.steps import Step
from actors.task_requester.subjects import content_hash, subject_of
from profiles.errors import Unavailable
from profiles.hl7 import (
    Message,
    MessageFinding,
    MessageRefused,
    acknowledge,
    message_handling,
    orders_from,
    read,
    require_acceptable,
    require_complete,
    require_study,
)
from profiles.hl7.acknowledge import asked_for
from profiles.hl7.adt import PATIENT_ACTIONS, PatientEvent, event_time, patient_events
from profiles.hl7.dialect_file import translated
from profiles.hl7.notices import Notice, notice_of
from profiles.sole.event import Outcome

_log = get_logger(__name__)
_ACCEPTED = "AA"
_ANSWERED = "answered AA before this was known"


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes one message at a time.

    Args:
        database: where messages and orders are kept.
        settings: what is accepted.
        accepted: called after a message is on disk and before it is answered.
        clock: the present, timezone-aware.
        new_control_id: makes MSH-10 of answers.
        refusals: told of every message that is not accepted.
        inbox: where new orders wait for their effects; without one every message is worked out before its answer.
    """

    database: Database
    settings: Settings
    accepted: Callable[[], None]
    clock: Callable[[], datetime]
    new_control_id: Callable[[], str]
    refusals: RefusalLog = field(default_factory=RefusalLog)
    inbox: Inbox | None = None

    def take(self, frame: Frame, peer: str) -> bytes:
        """Take the content of one frame and return the answer, whatever happens."""
        message: Message | None = None
        try:
            reached(Step.MESSAGE_RECEIVED)
            message, refusal = _read(frame, self.settings)
            at_once = self._take_in(frame, message, peer) if self.inbox and message and not refusal else None
            answer = at_once or self._store(frame, message, refusal, peer)
        except Unavailable as error:
            _log.error("message-not-stored", peer=peer, control_id=_control_id(message), reason=error.message)
            code = 206 if "locked" in str(error.__cause__) else 207
            return self._answer(message, "AR", _not_stored("The receiver could not store the message.", code))
        except Exception as error:
            _log.error("message-failed", peer=peer, control_id=_control_id(message), reason=type(error).__name__)
            return self._answer(message, "AR", _not_stored("The receiver failed on the message."))
        if not at_once:
            self._follow_up()
        return answer

    def work_out(self, letter: Letter) -> None:
        """Let the order store have what a letter does, and take it out of the inbox; again after a crash.

        Raises:
            Unavailable: the store cannot be written; the letter waits.
        """
        if self.inbox is None:
            return
        with self.inbox.turn:
            if letter not in self.inbox:  # another message needed it first
                return
            frame = Frame(letter.content)
            message, refusal = _read(frame, self.settings)
            try:
                self._store(frame, message, refusal, letter.peer, letter)
            except Unavailable:
                raise
            except Exception as error:  # a person has to look; the others must not wait for that
                _log.error("message-failed", control_id=_control_id(message), reason=type(error).__name__)
                failed = MessageRefused(_not_stored("The receiver failed on the message."))
                self._store(frame, message, failed, letter.peer, letter)
            self.inbox.done(letter)
        if not self.inbox.count:  # else it is told of together with the next ones
            self._follow_up()

    def _take_in(self, frame: Frame, message: Message, peer: str) -> bytes | None:
        """Answer an order of which nothing is known, as soon as it is on disk; None for what depends on what is known.

        What such a message needs to be worked out first, is.
        """
        inbox, sender, now = self.inbox, _sender(message), self.clock()
        if inbox is None:
            return None
        subject = subject_of(message, sender, self.settings, now)
        if subject.values and len(frame.content) <= LONGEST and inbox.reserve(subject.names):
            answer = b""
            try:
                if not inbox.is_known(sender, _control_id(message), subject.values):
                    answer = self._answer(message, _ACCEPTED, ())
            finally:
                if not answer:
                    inbox.release(subject.names)
            if answer:
                inbox.put(Letter(frame.content, answer, peer, moment(now), subject.names))
                reached(Step.MESSAGE_STORED, control_id=_control_id(message))
                return answer
        for letter in inbox.sharing(subject.names):
            self.work_out(letter)
        return None

    def _follow_up(self) -> None:
        try:
            self.accepted()
        except Exception as error:  # the message is safe; what follows is done again later
            _log.error("after-message-failed", reason=type(error).__name__)

    def _store(
        self,
        frame: Frame,
        message: Message | None,
        refusal: MessageRefused | None,
        peer: str,
        letter: Letter | None = None,
    ) -> bytes:
        row = MessageRow(
            sender=_sender(message),
            control_id=_control_id(message),
            kind="^".join(message.kind) if message else "",
            content_hash=content_hash(frame.content, message),
            content=frame.content,
            peer=peer,
            received_at=letter.received_at if letter else moment(self.clock()),
            answer_code="",
            answer=b"",
        )
        with self.database.write() as session:
            lock(session, [f"message:{row.sender}:{row.control_id}"])
            earlier = earlier_message(session, row.sender, row.control_id, row.content_hash)
            if earlier and earlier.answer_code == _ACCEPTED:
                _log.info("message-known", sender=row.sender, control_id=row.control_id, answer=_ACCEPTED)
                return earlier.answer
            if earlier:
                earlier.received_at, earlier.peer = row.received_at, peer
                row = earlier
            effects, refusal = self._apply(session, row, message, refusal)
            self._conclude(row, message, effects, refusal)
            if letter:
                row.note = "; ".join(filter(None, [row.note, _ANSWERED if refusal else ""]))
                row.answer = letter.answer
            session.add(row)
            session.flush()
            answer, number = row.answer, row.number
        self._tell(row, effects, number)
        reached(
            Step.MESSAGE_WORKED_OUT if letter else Step.MESSAGE_STORED,
            control_id=row.control_id,
            accession=effects[0].accession if effects else "",
        )
        return answer

    def _tell(self, row: MessageRow, effects: list[Effect], number: int | None) -> None:
        """Say in the log, and of a refusal in the audit trail, what came of a message."""
        known = {"message": str(number), "control_id": row.control_id, "kind": row.kind}
        if row.answer_code == _ACCEPTED:
            first = effects[0] if effects else Effect("", "", "", "")
            _log.info("message-accepted", **known, effect=row.note, accession=first.accession, study=first.study_uid)
            return
        self.refusals.tell(
            "message-refused",
            Outcome.MINOR_FAILURE,
            target="urn:stepwell:task_requester",
            reason=row.reason,
            address=row.peer.rsplit(":", 1)[0],
            answer=row.answer_code,
            **known,
        )

    def _apply(
        self, session: Session, row: MessageRow, message: Message | None, refusal: MessageRefused | None
    ) -> tuple[list[Effect], MessageRefused | None]:
        """Project the message onto the orders; all of its orders or none."""
        if refusal or message is None:
            return [], refusal
        try:
            if control_id_used(session, row.sender, row.control_id):
                self._reused(row)
            handling = message_handling(message)
            notice = notice_of(message, self.clock()) if handling == "notice" else None
            if handling == "unused" or (handling == "notice" and notice is None):
                return self._unused(message), None
            row.answer_code = _ACCEPTED
            session.add(row)
            session.flush()
            with session.begin_nested():
                if notice:
                    return self._record(session, [self._told(notice, row)], row), None
                take = self._take_patients if handling in PATIENT_ACTIONS else self._take_orders
                return take(session, message, row), None
        except MessageRefused as error:
            return [], error

    def _take_orders(self, session: Session, message: Message, row: MessageRow) -> list[Effect]:
        orders = orders_from(message, self.clock())
        require_complete(message, orders)
        orders = tuple(filled_in(order, self.settings) for order in orders)
        told = told_by(orders, row.received_at)
        named = [(one.order.patient.identifier, one.time) for one in told]
        if self._is_ignored(row, retired(session, named, self.settings.of(row.sender).merged_identifiers)):
            return []
        for one in told:
            if row.sender in self.settings.demographics_from_orders and one.order.patient.identifier:
                self._register(session, [told_by_order(one.order)], one.time, row)
        return self._record(session, told, row)

    def _told(self, notice: Notice, row: MessageRow) -> Told:
        order = filled_in(notice.order, self.settings)
        return told_by_notice(replace(notice, order=order), row.received_at)

    def _record(self, session: Session, told: Sequence[Told], row: MessageRow) -> list[Effect]:
        return record(
            session,
            told,
            received_at=row.received_at,
            message_number=row.number or 0,
            reopen_seconds=self.settings.reopen_seconds,
        )

    def _take_patients(self, session: Session, message: Message, row: MessageRow) -> list[Effect]:
        events = [
            event_with_authority(event, row.sender, self.settings.patient_authorities)
            for event in patient_events(message, self.clock())
        ]
        time = event_time(message) or self.clock()
        named = [(one.identifier, time) for one in events]
        if self._is_ignored(row, retired(session, named, self.settings.of(row.sender).merged_identifiers)):
            return []
        done = self._register(session, events, time, row)
        return [Effect("", "", "", words) for words in done.words]

    def _register(
        self, session: Session, events: Sequence[PatientEvent], time: datetime, row: MessageRow
    ) -> Registered:
        """Take what is told of patients; their orders are decided anew."""
        number = row.number or 0
        done = register(session, events, time, received_at=row.received_at, message_number=number)
        if done.changed:
            patient_changed(session, done.changed, row.received_at)
        return done

    def _is_ignored(self, row: MessageRow, note: str) -> bool:
        """Note what is to be said of merged identifiers; whether the message is to be ignored because of them."""
        if note:
            row.note = "; ".join(filter(None, [row.note, note]))
            _log.warning("identifier-merged-before", sender=row.sender, control_id=row.control_id, note=note)
        return note.startswith(IGNORED)

    def _reused(self, row: MessageRow) -> None:
        if self.settings.of(row.sender).reused_control_id == "refuse":
            raise MessageRefused(
                [
                    MessageFinding(
                        "MSH-10",
                        "The control id was used before for a message with other content.",
                        "HL7-030 (HL7 2.5.1 section 2.15.9.10)",
                        "Send the message again with a control id of its own.",
                        205,
                    )
                ]
            )
        row.note = "control id used before for another message"
        _log.warning("control-id-reused", sender=row.sender, control_id=row.control_id)

    def _unused(self, message: Message) -> list[Effect]:
        if self.settings.of(_sender(message)).unused_events == "refuse":
            kind = "^".join(message.kind)
            finding = MessageFinding(
                "MSH-9.2", f"{kind} is not acted upon here.", "HL7-078 (HL7 table 0357 code 201)", "", 201
            )
            raise MessageRefused([finding])
        return []

    def _conclude(
        self, row: MessageRow, message: Message | None, effects: list[Effect], refusal: MessageRefused | None
    ) -> None:
        findings = refusal.message_findings if refusal else ()
        row.answer_code = refusal.acknowledgment if refusal else _ACCEPTED
        row.reason = "; ".join(f"{finding} [{finding.rule}]" for finding in findings)
        words = [effect.words for effect in effects] or ([] if refusal else ["known, but not acted upon"])
        row.note = "; ".join(filter(None, [row.note, *words]))
        row.answer = self._answer(message, row.answer_code, findings)

    def _answer(self, message: Message | None, code: str, findings: tuple[MessageFinding, ...]) -> bytes:
        is_enhanced = self.settings.of(_sender(message)).acknowledgments == "enhanced"
        codes = asked_for(message, code) if is_enhanced else (code,)
        now = self.clock()
        return BETWEEN_FRAMES.join(
            acknowledge(message, one, findings, control_id=self.new_control_id(), now=now) for one in codes
        )


def _read(frame: Frame, settings: Settings) -> tuple[Message | None, MessageRefused | None]:
    """The message, and why it cannot be taken; a header is read even of one that is too long, for its control id."""
    settings = settings.of(sender_of(frame.content))
    is_too_long = frame.too_long or len(frame.content) > settings.max_message_bytes
    content = frame.content.lstrip(b"\r\n\t \0").split(b"\r", 1)[0] if is_too_long else frame.content
    try:
        message = read(content, settings.default_charset)
    except MessageRefused as error:
        return _header_only(frame), error
    if is_too_long:
        limit = settings.max_message_bytes
        finding = MessageFinding(
            "MSH",
            f"The message is longer than {limit} bytes.",
            "HL7-005 (limit of this receiver)",
            "Send documents by reference, or ask for a higher max_message_bytes.",
            102,
        )
        return message, MessageRefused([finding])
    try:
        require_acceptable(message, settings.processing_ids, settings.versions)
        require_parties(message, settings.senders, settings.receivers)
        message = translated(message, settings.dialects)
        if settings.missing_study_uid == "refuse" and message_handling(message) == "order":
            require_study(message)
    except MessageRefused as error:
        return message, error
    return message, None


def _header_only(frame: Frame) -> Message | None:
    """The header of a message whose rest cannot be read, so that the answer can name its control id."""
    header = frame.content.lstrip(b"\r\n\t \0").split(b"\r", 1)[0].split(b"\n", 1)[0]
    fields = header.split(header[3:4]) if header.startswith(b"MSH") and len(header) > len(b"MSH|") else []
    try:
        return read(b"|".join(fields[:17]).decode("ascii", "replace").encode()) if header[3:4] == b"|" else None
    except MessageRefused:
        return None


def _sender(message: Message | None) -> str:
    return f"{message.get('MSH-3')}|{message.get('MSH-4')}" if message else ""


def _control_id(message: Message | None) -> str:
    return message.get("MSH-10")[:199] if message else ""


def _not_stored(message: str, code: int = 207) -> tuple[MessageFinding, ...]:
    rule = f"HL7-011 (HL7 table 0357 code {code})"
    return (MessageFinding("MSH", message, rule, "Send it again later; it was not taken.", code),)
