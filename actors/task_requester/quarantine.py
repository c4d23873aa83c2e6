"""The quarantine, for the person who empties it: look, mend, send again, set aside (orders.md 6.1, 8.3).

A message is mended by sending another one, through the listener as every message; the one that was refused stays as it
came. What a person decided is kept beside it, and told to the audit trail.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlmodel import Field, col, select

from actors.task_requester.database import FILE, Database, MessageRow, Row, moment
from profiles.errors import Conflict, NotFound, Unavailable
from profiles.hl7 import read
from profiles.sole.event import Outcome, SecurityEvent

_ACCEPTED = "AA"
_PLACE = re.compile(r"(?:^|; )([A-Z][A-Z0-9]{2}(?:-\d+(?:\.\d+)*)?): ")


class DecisionRow(Row, table=True):
    """What a person did about a refused message.

    ``what`` is ``sent`` or ``set-aside``; ``instead`` the number of the message that came in its place. ``places``
    names the fields that were changed, never their values.
    """

    __tablename__ = "message_decision"

    number: int | None = Field(default=None, primary_key=True)
    message_number: int = Field(index=True)
    what: str
    person: str
    decided_at: str
    places: str = ""
    reason: str = ""
    answer_code: str = ""
    instead: int = 0


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of sending a message (again): MSA-1, why not when it was not AA, and its number in the store."""

    answer_code: str
    reason: str
    number: int


class Quarantine:
    """The refused messages of one order store.

    Args:
        database: the store; the Task Requester may be using it.
        audit: told of what a person decides.
        person: who decides.
        clock: the present, timezone-aware.
    """

    def __init__(
        self,
        database: Database,
        audit: Callable[[SecurityEvent], object],
        person: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._database, self._audit, self._person, self._clock = database, audit, person, clock

    def waiting(self, *, decided: bool = False, limit: int = 100) -> list[dict[str, Any]]:
        """Refused messages that wait for a person, newest first; also those that were decided on, when asked for."""
        with self._database.read() as session:
            settled = _settled(list(session.exec(select(DecisionRow))))
            refused = select(MessageRow).where(MessageRow.answer_code != _ACCEPTED)
            if not decided:
                refused = refused.where(col(MessageRow.number).not_in(list(settled)))
            rows = session.exec(refused.order_by(col(MessageRow.number).desc()).limit(limit))
            return [_told(row, settled.get(row.number or 0)) for row in rows]

    def message(self, number: int) -> MessageRow:
        """One message that was refused.

        Raises:
            NotFound: there is none of that number.
            Conflict: it was taken.
        """
        with self._database.read() as session:
            row = session.get(MessageRow, number)
        if row is None:
            raise NotFound(f"There is no message {number}. `stepwell orders list` shows those that were refused.")
        if row.answer_code == _ACCEPTED:
            raise Conflict(f"Message {number} was taken; there is nothing to mend.")
        return row

    def decisions(self, number: int) -> list[DecisionRow]:
        """What was decided on one message, oldest first."""
        with self._database.read() as session:
            found = select(DecisionRow).where(DecisionRow.message_number == number)
            return list(session.exec(found.order_by(col(DecisionRow.number))))

    def send(self, row: MessageRow, content: bytes, places: str, send: Callable[[bytes], bytes]) -> Sent:
        """Send a refused message again, mended or as it came, and keep what came of it.

        Args:
            row: the message that was refused.
            content: what is sent in its place.
            places: which fields differ, in words; empty when none does.
            send: sends it to the listener and gives the answer.

        Raises:
            Conflict: it was settled before.
            Unavailable: the listener does not answer; nothing was decided.
        """
        self._require_open(row)
        answer = read(send(content))
        code = answer.get("MSA-1")
        reasons = [segment.get(8) for segment in answer.all("ERR")] or [answer.get("MSA-3")]
        reason = "; ".join(filter(None, reasons)) if code != _ACCEPTED else ""
        with self._database.read() as session:
            found = select(MessageRow.number).where(
                MessageRow.control_id == answer.get("MSA-2"), MessageRow.content == content
            )
            number = session.exec(found.order_by(col(MessageRow.number).desc())).first() or 0
        instead = number if code == _ACCEPTED or number != row.number else 0
        self._decide(row, "sent", places=places or "sent as it came", answer_code=code, instead=instead)
        return Sent(code, reason, number)

    def set_aside(self, row: MessageRow, reason: str) -> None:
        """Keep a refused message out of the list: nothing will be done about it.

        Raises:
            Conflict: it was settled before.
        """
        self._require_open(row)
        self._decide(row, "set-aside", reason=reason)

    def _require_open(self, row: MessageRow) -> None:
        settled = _settled(self.decisions(row.number or 0)).get(row.number or 0)
        if settled:
            raise Conflict(f"Message {row.number} is settled: {_words(settled)}.")

    def _decide(self, row: MessageRow, what: str, **known: Any) -> None:
        now = self._clock()
        decision = DecisionRow(
            message_number=row.number or 0, what=what, person=self._person, decided_at=moment(now), **known
        )
        with self._database.write() as session:
            session.add(decision)
        self._audit(
            SecurityEvent(
                "order-message-settled",
                now,
                Outcome.SUCCESS if decision.answer_code in {"", _ACCEPTED} else Outcome.MINOR_FAILURE,
                caller=self._person,
                target="urn:stepwell:task_requester",
                description=f"message {row.number}: {_words(decision)}",
                occurrence=f"{row.number}/{decision.number}",
            )
        )


def open_store(where: Path | str) -> Database:
    """The order store of an installation that has one.

    Args:
        where: ``data_dir`` of the installation, or the ``database_url`` of the Task Requester.

    Raises:
        Unavailable: there is none.
    """
    require_store(where)
    return Database(where / "task_requester" if isinstance(where, Path) else where)


def require_store(where: Path | str) -> None:
    """Refuse a data directory without an order store: an empty list from it would be no comfort.

    Raises:
        Unavailable: there is none.
    """
    folder = where / "task_requester" if isinstance(where, Path) else None
    if folder and not (folder / FILE).exists():
        raise Unavailable(
            f"There is no order store in {folder}. Name the configuration of the Task Requester (--config)."
        )


def places_of_faults(row: MessageRow) -> set[str]:
    """The fields that a refusal names, e.g. ``ORC-1``."""
    return set(_PLACE.findall(row.reason))


def _settled(decisions: list[DecisionRow]) -> Mapping[int, DecisionRow]:
    """By message, the decision after which nobody has to look at it any more; what came instead may be refused too."""
    return {one.message_number: one for one in decisions if one.what == "set-aside" or one.instead}


def _told(row: MessageRow, settled: DecisionRow | None) -> dict[str, Any]:
    return {
        "number": row.number,
        "received_at": row.received_at,
        "sender": row.sender,
        "kind": row.kind,
        "control_id": row.control_id,
        "answer_code": row.answer_code,
        "reason": row.reason,
        "settled": _words(settled) if settled else "",
    }


def _words(decision: DecisionRow) -> str:
    """A decision without what might name a patient."""
    if decision.what == "set-aside":
        return f"set aside by {decision.person}"
    became = f" and is message {decision.instead}" if decision.instead else ""
    return f"{decision.places} by {decision.person}, answered {decision.answer_code}{became}"
