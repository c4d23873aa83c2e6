"""Follow pending orders: wait for their study, see when it is complete, and plan their workitems (orders.md 9)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import orjson

from actors.shared.logs import get_logger
from actors.shared.steps import reached
from actors.task_requester.database import OrderRow, WorkitemRow, WorkitemState, moment
from actors.task_requester.images import (
    ImageSource,
    ImageStudy,
    image_counts,
    is_other_patient,
    matching_studies,
    read_study,
)
from actors.task_requester.ledger import LATE, ImagesComplete, Ledger
from actors.task_requester.rules import Decision, Rule
from actors.task_requester.rules.applying import decide_all
from actors.task_requester.rules.duplicates import suppress
from actors.task_requester.rules.requesting import Places, explain_request, workitem_of
from actors.task_requester.settings import Settings
from actors.task_requester.steps import Step
from profiles.aiwi import workitem_uid
from profiles.dicom import text
from profiles.errors import StepwellError, Unavailable
from profiles.hl7 import ImagingOrder, parse_timestamp

#: The pause between two looks is this part of the time that the order has waited, for images or for late ones.
_PATIENCE, _LATE_PATIENCE = 60.0, 10.0
_OTHER_PATIENT = (
    "The images have another Patient ID than the order, so nothing is done with them. Correct the images in the "
    "archive, or cancel the order and send a new one; the archive is looked at again until then."
)
_UNTIL_CORRECTED = (
    "So nothing is done. Correct the patient by ADT, or cancel the order and send a new one; it is looked at again "
    "until then."
)
_log = get_logger(__name__)


@dataclass(slots=True)
class _Watch:
    """What was seen of one order's study, in this process; ``decided`` is what was decided on."""

    began: float
    next_look: float = 0.0
    in_vain: int = 0
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    decided: dict[str, dict[str, int]] = field(default_factory=dict)
    unchanged_since: float = 0.0


class Follower:
    """Looks at every pending order when its time has come.

    Args:
        ledger: the orders.
        archive: has the images.
        rules: decide.
        settings: how often to look, how long to wait.
        clock: the present, timezone-aware.
        monotonic: seconds that never go backwards.
    """

    def __init__(
        self,
        ledger: Ledger,
        archive: ImageSource,
        rules: Sequence[Rule],
        settings: Settings,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._ledger, self._archive, self._rules, self._settings = ledger, archive, rules, settings
        self._clock, self._monotonic = clock, monotonic
        self._watched: dict[int, _Watch] = {}
        self._away = False

    def look(self) -> int:
        """Look at the orders that are due.

        Returns:
            How many were decided.
        """
        late = timedelta(seconds=self._settings.late_images_seconds)
        numbers = self._ledger.awaiting(self._clock() - late)
        self._watched = {number: self._watched.get(number) or self._new_watch() for number in numbers}
        decided = 0
        for number, watch in self._watched.items():
            if watch.next_look > self._monotonic():
                continue
            row = self._ledger.order(number)
            try:
                decided += self._look_at(row, watch)
                self._away = False
            except Unavailable as error:
                self._archive_is_away(error)
                return decided
            except StepwellError as error:
                watch.next_look = self._monotonic() + self._settings.slowest_poll_seconds
                _log.error("study-not-read", accession=row.accession, study=row.study_uid, reason=error.message)
        return decided

    def follow(self, stopped: threading.Event, decided: threading.Event) -> None:
        """Go on looking until told to stop; ``decided`` is set when there are new workitems."""
        while not stopped.wait(min(self._settings.poll_seconds, 0.25) if not self._away else 1.0):
            try:
                with self._ledger.database.alone("follow") as mine:
                    if mine and self.look():
                        decided.set()
            except Exception as error:  # whatever it is, the other orders must not wait for a restart
                reason = error.message if isinstance(error, StepwellError) else type(error).__name__
                _log.error("orders-not-followed", reason=reason)

    def _new_watch(self) -> _Watch:
        return _Watch(began=self._monotonic())

    def _archive_is_away(self, error: Unavailable) -> None:
        """Nothing can arrive now, so standing still means nothing: every study must do so anew."""
        if not self._away:
            _log.warning("archive-away", reason=error.message)
        self._away = True
        for watch in self._watched.values():
            watch.counts = {}

    def _look_at(self, row: OrderRow, watch: _Watch) -> bool:
        order = self._ledger.content(row)
        found = matching_studies(self._archive, order)
        studies = [study for study in found if not is_other_patient(order, study)]
        doubt = self._doubt(row, order.sender) or (_OTHER_PATIENT if found and not studies else "")
        if doubt:
            return self._mismatch(row, watch, doubt)
        counts = {}
        for study in studies:
            uid = text(study, "StudyInstanceUID")
            counts[uid] = image_counts(self._archive, uid)
        if not any(counts.values()):
            return self._in_vain(row, order, watch)
        now = self._monotonic()
        if row.state in LATE and _nothing_new(row, watch, counts):
            watch.next_look = now + self._pause(row, watch)
            return False
        watch.next_look = now + self._settings.poll_seconds
        if counts != watch.counts:
            watch.counts, watch.unchanged_since = counts, now
            total = sum(sum(by_series.values()) for by_series in counts.values())
            _log.info("study-arriving", accession=row.accession, study=next(iter(counts)), images=total)
            return False
        if now - watch.unchanged_since < self._settings.quiet_for(row.exam):
            return False
        watch.decided = counts
        reached(Step.STUDY_COMPLETE, study=next(iter(counts)), accession=row.accession)
        return self._decide(row, order, [uid for uid, by_series in counts.items() if by_series])

    def _in_vain(self, row: OrderRow, order: ImagingOrder, watch: _Watch) -> bool:
        """Look again later, or no more. Logged at the first, second, fourth … time."""
        watch.in_vain += 1
        watch.next_look = self._monotonic() + self._pause(row, watch)
        if watch.in_vain & (watch.in_vain - 1) == 0:
            _log.info("study-awaited", accession=row.accession, study=row.study_uid, searches=watch.in_vain)
        limit = self._settings.expire_seconds
        if limit is None or self._clock() < _expected(row, order) + timedelta(seconds=limit):
            return False
        explanation = (
            f"Workitem expired (110533, DCM): no images came within {limit:g} seconds. They may still be sent."
        )
        if self._ledger.expire(row.number or 0, explanation):
            _log.warning("order-expired", accession=row.accession, study=row.study_uid, reason=explanation)
        return False

    def _pause(self, row: OrderRow, watch: _Watch) -> float:
        """Seconds until the next look: the longer images were awaited, the more; for late ones without a limit."""
        if row.state in LATE:
            waited = (self._clock() - datetime.fromisoformat(row.images_complete_at)).total_seconds()
            return max(self._settings.poll_seconds, waited / _LATE_PATIENCE)
        pause = max(self._settings.poll_seconds, (self._monotonic() - watch.began) / _PATIENCE)
        return min(pause, self._settings.slowest_poll_seconds)

    def _doubt(self, row: OrderRow, sender: str) -> str:
        settings = self._settings.of(sender)
        doubt = self._ledger.doubt(row, must_be_registered=settings.unknown_patients == "stop")
        return doubt and f"{doubt} {_UNTIL_CORRECTED}"

    def _mismatch(self, row: OrderRow, watch: _Watch, explanation: str) -> bool:
        watch.next_look = self._monotonic() + self._settings.slowest_poll_seconds
        if self._ledger.mismatch(row.number or 0, explanation):
            _log.error("patient-mismatch", accession=row.accession, study=row.study_uid, reason=explanation)
        return False

    def _decide(self, row: OrderRow, order: ImagingOrder, study_uids: Sequence[str]) -> bool:
        studies = [read_study(self._archive, uid) for uid in study_uids]
        workitems: list[WorkitemRow] = []
        said: list[str] = []
        for study in studies:
            decisions = decide_all(self._rules, order, study, self._archive, self._clock())
            with self._ledger.database.read() as session:
                today = moment(self._clock())[:10]
                decisions = [suppress(session, decision, row, study.uid, today) for decision in decisions]
            said += [decision.explanation for decision in decisions]
            workitems += [self._workitem(row, order, study, decision) for decision in decisions if decision.matches]
        explanation = "\n".join(said)
        images = ImagesComplete(moment(self._clock()), sum(study.count for study in studies), studies[0].uid)
        if not self._ledger.plan(row, workitems, images, explanation):
            return False
        self._log_decision(row, images.study_uid, workitems, explanation)
        reached(Step.WORKITEM_PLANNED, study=images.study_uid, workitem=workitems[0].uid if workitems else "")
        return True

    def _workitem(self, row: OrderRow, order: ImagingOrder, study: ImageStudy, decision: Decision) -> WorkitemRow:
        rule, now = decision.rule, self._clock()
        places = Places(self._settings.archive_url, self._settings.storage_url)
        content = workitem_of(decision, order, study, places, now)
        return WorkitemRow(
            uid=workitem_uid(row.key, study.uid, rule.name),
            order_number=row.number or 0,
            study_uid=study.uid,
            rule=rule.name,
            content=orjson.dumps(content).decode(),
            state=WorkitemState.PLANNED,
            explanation=f"{decision.explanation}; {explain_request(decision, order, now)}",
            planned_at=moment(now),
            rerun=rule.rerun_on_change,
        )

    def _log_decision(self, row: OrderRow, study: str, workitems: Sequence[WorkitemRow], explanation: str) -> None:
        thread = {"accession": row.accession, "study": study}
        if not workitems:
            _log.warning("no-rule", **thread, explanation=explanation)
        for workitem in workitems:
            _log.info(
                "workitem-planned",
                **thread,
                workitem=workitem.uid,
                rule=workitem.rule,
                explanation=workitem.explanation,
            )


def _expected(row: OrderRow, order: ImagingOrder) -> datetime:
    """When images could be expected: when the examination is to begin, if that is known."""
    received = datetime.fromisoformat(row.received_at)
    return max(received, parse_timestamp(order.start, UTC) or received)


def _nothing_new(row: OrderRow, watch: _Watch, counts: dict[str, dict[str, int]]) -> bool:
    """Whether an order has the images still that were decided on, here or in an earlier process."""
    if not watch.decided and sum(sum(by_series.values()) for by_series in counts.values()) == row.image_count:
        watch.decided = counts
    return counts == watch.decided
