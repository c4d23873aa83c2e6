"""The durable outbox: one message in flight per channel, in order per patient, sent until it is answered (HL7-066)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import col, select

from actors.shared.logs import get_logger
from actors.shared.steps import reached
from actors.task_requester.database import Database, moment
from actors.task_requester.results_back.steps import Step
from actors.task_requester.results_back.store import MessageState, OutgoingRow
from profiles.errors import Unavailable
from profiles.sole.event import Outcome, SecurityEvent

_log = get_logger(__name__)
_LONGEST_EXPONENT = 30


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said.

    Attributes:
        accepted: whether it took the message.
        reason: why not.
        later: whether the same message may be taken later (AR; orders.md 11.1).
    """

    accepted: bool
    reason: str = ""
    later: bool = False


Deliver = Callable[[bytes], Answer]
"""Hands a message over; raises `Unavailable` when there was no answer, which makes it be sent again."""


class Outbox:
    """Works off the messages that wait.

    A message that is not answered, or not taken just now, holds back the later ones of its patient. A refused one is
    parked and holds nobody back: a later result must not wait for a person.

    Args:
        database: has the messages.
        channels: how to deliver, by name of the channel.
        clock: the present, timezone-aware.
        audit: takes a security event for each answered message, before the answer is noted; None without a trail.
        retry_seconds: pause after the first attempt in vain; it doubles with each.
        slowest_retry_seconds: the longest pause.
    """

    def __init__(
        self,
        database: Database,
        channels: Mapping[str, Deliver],
        *,
        clock: Callable[[], datetime],
        audit: Callable[[SecurityEvent], object] | None = None,
        retry_seconds: float = 1.0,
        slowest_retry_seconds: float = 300.0,
    ) -> None:
        self._database, self._channels, self._clock, self._audit = database, channels, clock, audit
        self._retry_seconds, self._slowest_retry_seconds = retry_seconds, slowest_retry_seconds

    def deliver(self) -> int:
        """Send what is due.

        Returns:
            How many messages were answered.
        """
        return sum(self._deliver(channel, deliver) for channel, deliver in self._channels.items())

    def _deliver(self, channel: str, deliver: Deliver) -> int:
        waiting = select(OutgoingRow.number, OutgoingRow.patient, OutgoingRow.next_at).where(
            OutgoingRow.channel == channel, OutgoingRow.state == MessageState.WAITING
        )
        with self._database.read() as session:  # without their contents, of which there may be many
            places = list(session.exec(waiting.order_by(col(OutgoingRow.number))))
        held: set[str] = set()
        answered, now = 0, moment(self._clock())
        for number, patient, next_at in places:
            if patient in held or next_at > now:
                held.add(patient)
                continue
            with self._database.read() as session:
                row = session.get_one(OutgoingRow, number)
            self._begin(row)
            try:
                answer = deliver(row.content)
            except Unavailable as error:
                self._postpone(row, error.message)
                break  # the receiver is away; the others are tried at the next turn
            reached(Step.MESSAGE_ANSWERED, workitem=row.workitem_uid)
            if answer.later:
                held.add(patient)
            self._conclude(row, answer)
            reached(Step.MESSAGE_RECORDED, workitem=row.workitem_uid)
            answered += 1
        return answered

    def _begin(self, sent: OutgoingRow) -> None:
        """From now on the receiver may have the message, so it is sent again only as it is."""
        with self._database.write() as session:
            row = session.get_one(OutgoingRow, sent.number)
            row.attempts += 1
            session.add(row)

    def _postpone(self, sent: OutgoingRow, reason: str, told: str = "") -> None:
        pause = min(self._slowest_retry_seconds, self._retry_seconds * 2 ** min(sent.attempts, _LONGEST_EXPONENT))
        with self._database.write() as session:
            row = session.get_one(OutgoingRow, sent.number)
            row.reason = reason
            row.next_at = moment(self._clock() + timedelta(seconds=pause))
            session.add(row)
        # of an answer only the receiver's code: its words may tell of the patient, and stay in the store
        _log.warning("message-postponed", **_thread(sent), attempt=str(sent.attempts + 1), reason=told or reason)

    def _conclude(self, sent: OutgoingRow, answer: Answer) -> None:
        if self._audit is not None:
            self._audit(_audited(sent, answer, self._clock()))
        if answer.later:
            self._postpone(sent, answer.reason, _code(answer))
            return
        with self._database.write() as session:
            row = session.get_one(OutgoingRow, sent.number)
            row.reason = answer.reason
            row.state = MessageState.SENT if answer.accepted else MessageState.PARKED
            row.sent_at = moment(self._clock()) if answer.accepted else ""
            session.add(row)
        if answer.accepted:
            _log.info("message-sent", **_thread(sent))
        else:
            # only the receiver's code: its words may tell of the patient, and stay in the store
            _log.error("message-parked", **_thread(sent), answer=_code(answer))


def _audited(sent: OutgoingRow, answer: Answer, at: datetime) -> SecurityEvent:
    """What the trail is told (HL7-073): ids, and the receiver's code without its words."""
    return SecurityEvent(
        "message-sent",
        at,
        Outcome.SUCCESS if answer.accepted else Outcome.MINOR_FAILURE,
        target=f"urn:oid:{sent.workitem_uid}",
        description=f"{sent.channel} {sent.control_id} {_code(answer)}".rstrip(),
        occurrence=f"{sent.channel}/{sent.control_id}/{sent.attempts + 1}",
    )


def _code(answer: Answer) -> str:
    return answer.reason.partition(":")[0]


def _thread(row: OutgoingRow) -> dict[str, str]:
    return {"channel": row.channel, "control_id": row.control_id, "workitem": row.workitem_uid}
