"""Requests for a rule on many studies: a durable queue of which each study becomes a request of its own, in turn.

`actors.task_requester.triggers.releasing` takes from it what clinical work leaves room for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, func, insert
from sqlmodel import Field, Session, col, select

from actors.task_requester.database import Database, OrderRow, Row, WorkitemRow, WorkitemState, moment
from actors.task_requester.rules import Rule
from actors.task_requester.triggers.searching import StudySource, conditions_of, find_studies
from profiles.dicom import text
from profiles.errors import BadInput, NotFound

_SHOWN = 5
_LIVE = (WorkitemState.PLANNED, WorkitemState.CREATED)


class StudyState(StrEnum):
    """Where one study of a bulk request stands: ``waiting`` and ``open`` go on, the others are over."""

    WAITING = "waiting"
    OPEN = "open"
    COMPLETED = "completed"
    CANCELED = "canceled"
    THERE_ALREADY = "there-already"
    NOT_MADE = "not-made"
    STOPPED = "stopped"


class BulkRow(Row, table=True):
    """One request for many studies; ``stopped_at`` says when a person stopped it."""

    __tablename__ = "bulk_request"

    number: int | None = Field(default=None, primary_key=True)
    query: str
    rule: str
    asked_at: str
    stopped_at: str = ""


class BulkStudyRow(Row, table=True):
    """One study of it. ``reason`` says why there is no workitem, or none that was completed."""

    __tablename__ = "bulk_study"

    bulk_number: int = Field(primary_key=True)
    place: int = Field(primary_key=True)
    study_uid: str = Field(index=True)
    state: str = Field(default=StudyState.WAITING, index=True)
    order_number: int = 0
    reason: str = ""
    changed_at: str


@dataclass(frozen=True, slots=True)
class BulkRequests:
    """Takes bulk requests, tells of them, and stops them.

    Args:
        database: the order store.
        archive: is searched.
        rules: all of them.
        clock: the present, timezone-aware.
        most_studies: of one request.
    """

    database: Database
    archive: StudySource
    rules: Sequence[Rule]
    clock: Callable[[], datetime]
    most_studies: int = 10_000

    def ask(self, query: str, rule: str, limit: int | None = None, *, dry_run: bool = False) -> dict[str, Any]:
        """Queue a rule for every study that meets a condition; durable when this returns.

        Args:
            query: as for `conditions_of`.
            rule: is followed whatever its condition says.
            limit: the first so many of the archive's answer only.
            dry_run: only say what would be queued.

        Raises:
            BadInput: there is no such rule, the query is none, or it finds too many studies.
            NotFound: it finds none.
            Unavailable: the archive is away.
        """
        names = [one.table.name for one in self.rules]
        if rule not in names:
            raise BadInput(f"There is no rule {rule[:64]!r}; the rule file has {', '.join(names) or 'none'}.")
        if limit is not None and limit < 1:
            raise BadInput("The limit is a number of studies, at least 1.")
        studies = self._studies(conditions_of(query), limit)
        with self.database.read() as session:
            there = set(session.exec(select(WorkitemRow.study_uid).where(*_live(rule)))) & set(studies)
        said = {"query": query, "rule": rule, "studies": len(studies), "there_already": len(there)}
        if dry_run:
            return {**said, "number": None, "first": studies[:_SHOWN]}
        at = moment(self.clock())
        with self.database.write() as session:
            row = BulkRow(query=query, rule=rule, asked_at=at)
            session.add(row)
            session.flush()
            known = {"bulk_number": row.number or 0, "order_number": 0, "reason": "", "changed_at": at}
            states = {uid: StudyState.THERE_ALREADY if uid in there else StudyState.WAITING for uid in studies}
            queued = [
                {**known, "place": place, "study_uid": uid, "state": state}
                for place, (uid, state) in enumerate(states.items())
            ]
            session.connection().execute(insert(BulkStudyRow), queued)
        return {**said, "number": row.number, "first": studies[:_SHOWN]}

    def progress(self, most: int = 20) -> list[dict[str, Any]]:
        """The latest bulk requests, newest first: each with the number of studies by state."""
        with self.database.read() as session:
            rows = session.exec(select(BulkRow).order_by(col(BulkRow.number).desc()).limit(most)).all()
            return [{**row.model_dump(), "states": _states(session, row.number or 0)} for row in rows]

    def reasons(self, number: int) -> list[dict[str, str]]:
        """The studies of a bulk request that came to nothing, each with its reason.

        Raises:
            NotFound: there is no such request.
        """
        with self.database.read() as session:
            _bulk(session, number)
            found = select(BulkStudyRow).where(BulkStudyRow.bulk_number == number, BulkStudyRow.reason != "")
            rows = session.exec(found.order_by(col(BulkStudyRow.place)))
            return [{"study": row.study_uid, "state": row.state, "reason": row.reason} for row in rows]

    def stop(self, number: int) -> int:
        """Ask for no more of its studies; those that were asked for go on.

        Returns:
            How many studies that were.

        Raises:
            NotFound: there is no such request.
        """
        at = moment(self.clock())
        with self.database.write() as session:
            row = _bulk(session, number)
            waiting = select(BulkStudyRow).where(
                BulkStudyRow.bulk_number == number, BulkStudyRow.state == StudyState.WAITING
            )
            found = session.exec(waiting.with_for_update()).all()
            for one in found:
                one.state, one.changed_at = StudyState.STOPPED, at
                session.add(one)
            row.stopped_at = row.stopped_at or at
            session.add(row)
        return len(found)

    def _studies(self, conditions: dict[str, str], limit: int | None) -> list[str]:
        most = min(limit or self.most_studies + 1, self.most_studies + 1)
        found = [text(one, "StudyInstanceUID") for one in find_studies(self.archive, conditions, most)]
        if len(found) > self.most_studies:
            raise BadInput(
                f"These are more than {self.most_studies} studies (most_studies). Narrow the query, or say how many "
                "with a limit."
            )
        if not found:
            raise NotFound("The archive has no study that meets the query.")
        return found


def workitem_of_rule(session: Session, study_uid: str, rule: str, *, but_of: int = -1) -> WorkitemRow | None:
    """The workitem of a rule that a study has, or is about to have, for another order than the one named."""
    of_study = col(WorkitemRow.study_uid) == study_uid, col(WorkitemRow.order_number) != but_of
    live = select(WorkitemRow).where(*of_study, *_live(rule))
    return session.exec(live.order_by(col(WorkitemRow.planned_at))).first()


def awaited_order(session: Session, study_uid: str) -> OrderRow | None:
    """An order of the study that is not decided on yet: it goes first."""
    undecided = select(OrderRow).where(OrderRow.study_uid == study_uid, col(OrderRow.state).in_(["pending", "planned"]))
    return session.exec(undecided).first()


def _live(rule: str) -> tuple[ColumnElement[bool], ...]:
    """Conditions of the workitems of a rule that are there, or about to be."""
    wanted, live = col(WorkitemRow.cancel_wanted).is_(False), col(WorkitemRow.state).in_(_LIVE)
    return col(WorkitemRow.rule) == rule, wanted, live


def _bulk(session: Session, number: int) -> BulkRow:
    row = session.get(BulkRow, number)
    if row is None:
        raise NotFound(f"There is no bulk request {number}; `stepwell request status` lists them.")
    return row


def _states(session: Session, number: int) -> dict[str, int]:
    counted = select(BulkStudyRow.state, func.count()).where(BulkStudyRow.bulk_number == number)
    found = Counter(dict(session.exec(counted.group_by(col(BulkStudyRow.state))).all()))
    return {str(state): found[state] for state in StudyState}
