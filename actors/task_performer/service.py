"""The Task Performer as a whole: finds work, claims it, and has it done on its slots (AIW-I 50.4.2.1, pull)."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from actors.shared.logs import get_logger
from actors.shared.multipart import is_uid
from actors.shared.steps import reached
from actors.shared.ups_client import UpsClient
from actors.task_performer.failing import GivenUp, Reason, Stopped
from actors.task_performer.guards import Station, is_due, objections
from actors.task_performer.journal import Phase, Record
from actors.task_performer.listening import Listening
from actors.task_performer.owning import Ownership, settle_claim
from actors.task_performer.resuming import Course, course, revived
from actors.task_performer.settings import Settings
from actors.task_performer.steps import Step
from actors.task_performer.work import Means, Work
from ai_engines import EngineDescription
from profiles.dicom import JsonDataset, get_code, new_uid, text
from profiles.errors import BadInput, NotFound, StepwellError, Unavailable
from profiles.ups.parameters import wanted_version

_log = get_logger(__name__)
_PAGE = 100
_PRIORITIES = ("HIGH", "MEDIUM", "LOW")
_LONGEST_PAUSE_SECONDS = 5.0
_REMEMBERED = 10_000


def station_of(settings: Settings, engines: Mapping[str, EngineDescription]) -> Station:
    """What a performer with these engines is."""
    codes = tuple(code for description in engines.values() for code in description.workitem_codes)
    versions = tuple((code, one.version) for one in engines.values() for code in one.workitem_codes)
    return Station(settings.ae_title, codes, settings.archives, settings.class_codes, settings.organisation, versions)


def engine_for(workitem: JsonDataset, engines: Mapping[str, EngineDescription]) -> str:
    """The name of the engine that does a workitem.

    Raises:
        BadInput: when none has its code in the version that it asks for.
    """
    for name, description in engines.items():
        if _serves(description, workitem):
            return name
    raise BadInput("No engine here serves the workitem's code in the version that it asks for.")


class TaskPerformer:
    """Works until it is told to stop.

    Args:
        means: settings, journal, Task Manager, reporter.
        engines: description by name of every engine that it runs.
    """

    def __init__(self, means: Means, engines: Mapping[str, EngineDescription]) -> None:
        self._means, self._engines = means, engines
        self._station = station_of(means.settings, engines)
        self._stopped = means.patience.stopped
        self._news = threading.Event()
        self._listening = tuple(
            Listening(client, self._station.workitem_codes, self._news.set, self._stopped)
            for client in (means.clients if means.settings.listen else ())
        )
        self._busy = 0
        self._changed = threading.Condition()
        self._objected: dict[str, str] = {}

    def run(self) -> None:
        """Take up what was begun, then look for work, until told to stop; running engines are ended then."""
        pause = self._means.settings.poll_seconds
        for one in self._listening:
            one.start()
        with ThreadPoolExecutor(self._means.settings.slots, thread_name_prefix="slot") as slots:
            for record in self._means.journal.records():
                self._submit(slots, record, resumed=True)
            while not self._stopped.is_set():
                try:
                    self._fill(slots)
                    pause = self._means.settings.poll_seconds
                except (StepwellError, OSError) as error:
                    _log.warning("task-manager-away", reason=str(error), again_in_seconds=pause)
                    pause = min(pause * 2, max(_LONGEST_PAUSE_SECONDS, self._means.settings.poll_seconds))
                self._pause(pause)
        for one in self._listening:
            one.join()

    @property
    def listens(self) -> bool:
        """Whether every worklist tells of new work as it comes."""
        return bool(self._listening) and all(one.hears for one in self._listening)

    def _pause(self, seconds: float) -> None:
        """Until the next poll or sooner, when there is news; while all slots are busy, until one is free."""
        if not self._listening:
            self._stopped.wait(seconds)
        else:  # whoever listens wakes us at the end too
            self._news.wait(max(seconds, self._means.settings.listening_poll_seconds) if self.listens else seconds)
            self._news.clear()
        with self._changed:
            while self._busy >= self._means.settings.slots and not self._stopped.is_set():
                self._changed.wait(self._means.settings.poll_seconds)

    def _fill(self, slots: ThreadPoolExecutor) -> None:
        """Claim as many workitems as there are free slots (AIWI-TP-018)."""
        if self._busy >= self._means.settings.slots:
            return
        for workitem in self._claimable():
            record = self._intend(workitem)
            if record is not None:
                self._submit(slots, record, resumed=False)
            if self._stopped.is_set() or self._busy >= self._means.settings.slots:
                return

    def _claimable(self) -> list[JsonDataset]:
        """What may be claimed, the most urgent and then the oldest first."""
        waits, now = self._means.settings.waits_for_start, self._means.clock()
        found = [one for one in self._offered() if (not waits or is_due(one, now)) and not self._objects(one)]
        return sorted(found, key=_urgency)

    def _offered(self) -> Iterator[JsonDataset]:
        """What each worklist offers; one that is away does not keep from the other."""
        clients, away = self._means.clients, []
        for client in clients:
            try:
                yield from self._offered_by(client)
            except (StepwellError, OSError) as error:
                away.append(error)
                if len(away) == len(clients):
                    raise
                _log.warning("worklist-away", reason=str(error))

    def _offered_by(self, client: UpsClient) -> Iterator[JsonDataset]:
        """Workitems that match our keys (RAD-81): SCHEDULED, READY, a code that an engine here serves."""
        for code in self._station.workitem_codes:
            keys = {
                "ProcedureStepState": "SCHEDULED",
                "InputReadinessState": "READY",
                "ScheduledWorkitemCodeSequence.CodeValue": code.value,
                "ScheduledWorkitemCodeSequence.CodingSchemeDesignator": code.scheme,
            }
            offset = 0
            while page := client.search(keys, limit=_PAGE, offset=offset):
                yield from page
                if len(page) < _PAGE:
                    break
                offset += len(page)

    def _objects(self, workitem: JsonDataset) -> bool:
        """Whether a guard speaks against a claim; said once per workitem and guard."""
        uid, found = text(workitem, "SOPInstanceUID"), objections(workitem, self._station)
        if found and self._objected.get(uid) != found[0].id:
            if len(self._objected) >= _REMEMBERED:
                self._objected.clear()
            self._objected[uid] = found[0].id
            _log.info("not-claimed", workitem=uid, reason=str(found[0]))
        return bool(found) or not is_uid(uid) or self._means.journal.holds(uid)

    def _intend(self, found: JsonDataset) -> Record | None:
        """See the whole workitem (AIWI-TP-005), and store the Transaction UID before it is sent."""
        uid = text(found, "SOPInstanceUID")
        try:
            workitem = self._means.client_of(uid).retrieve(uid)
        except NotFound:
            return None
        if self._objects(workitem):
            return None
        record = Record(workitem_uid=uid, transaction_uid=new_uid(), engine=engine_for(workitem, self._engines))
        self._means.journal.write(record)
        reached(Step.TRANSACTION_UID_STORED, workitem=uid, study=text(workitem, "StudyInstanceUID"))
        return record

    def _submit(self, slots: ThreadPoolExecutor, record: Record, *, resumed: bool) -> None:
        with self._changed:
            self._busy += 1
        slots.submit(self._take, record, resumed)

    def _take(self, record: Record, resumed: bool) -> None:
        """One slot's turn; whatever happens to one workitem, the next one is taken."""
        try:
            if not self._stopped.is_set():
                self._perform(record, resumed)
        except Stopped:
            _log.info("work-interrupted", workitem=record.workitem_uid)
        except (GivenUp, StepwellError) as error:
            self._set_aside(record, str(error))
        except Exception as error:
            self._set_aside(record, f"{type(error).__name__} at {_place(error)}")
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()
            for one in self._listening:
                one.forget(record.workitem_uid)
            self._news.set()

    def _perform(self, record: Record, resumed: bool) -> None:
        uid, means = record.workitem_uid, self._means
        workitem = means.patience.until_done(lambda: self._seen(uid), who="task-manager", thread={"workitem": uid})
        if resumed:
            record = means.journal.write(revived(record, means.folder_of(uid)))
            way = course(record, text(workitem, "ProcedureStepState"))
            _log.info("resumed", workitem=uid, phase=str(record.phase), attempt=record.attempt, course=str(way))
        else:
            way = Course.CLAIM
        if way is Course.DROP or (way is Course.CLAIM and self._claim(record, resumed) is Ownership.LOST):
            means.forget(uid)
            return
        if record.phase is Phase.INTENDED:
            record = means.journal.write(record.at(Phase.CLAIMED, started_at=means.clock()))
            reached(Step.CLAIMED, workitem=uid, study=text(workitem, "StudyInstanceUID"))
        description = self._engines.get(record.engine)
        if description is None or not _serves(description, workitem):
            raise GivenUp(
                f"the engine {record.engine!r} is not run here any more, or not in the version that is asked for; add "
                "it to [task_performer] engines"
            )
        Work(means, record, workitem, description, self._cancel_request).run()

    def _cancel_request(self, uid: str) -> Reason | None:
        found = (one.cancel_request(uid) for one in self._listening)
        return next((reason for reason in found if reason), None)

    def _set_aside(self, record: Record, words: str) -> None:
        """Make a workitem whose work broke off a dead letter; it is taken up again when the actor starts anew."""
        _log.error("dead-letter", workitem=record.workitem_uid, reason=words)
        try:
            latest = self._means.journal.find(record.workitem_uid) or record
            self._means.journal.write(latest.model_copy(update={"dead": words}))
        except StepwellError as error:
            _log.error("journal-not-written", workitem=record.workitem_uid, reason=error.message)

    def _seen(self, uid: str) -> JsonDataset:
        try:
            return self._means.client_of(uid).retrieve(uid)
        except NotFound:
            return {}

    def _claim(self, record: Record, resumed: bool) -> Ownership:
        """Claim (RAD-82), as often as the Task Manager does not answer; an answer that was lost may have been a yes."""
        asked_before = resumed

        def ask() -> Ownership:
            nonlocal asked_before
            try:
                return settle_claim(self._means.client_of(record.workitem_uid), record, asked_before=asked_before)
            except Unavailable:
                asked_before = True
                raise

        return self._means.patience.until_done(ask, who="task-manager", thread={"workitem": record.workitem_uid})


def _place(error: Exception) -> str:
    """Where an error came from, without its words, which may quote anything."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


def _serves(engine: EngineDescription, workitem: JsonDataset) -> bool:
    """Whether an engine has the code, and the version if one is asked for, of a workitem."""
    code = get_code(workitem, "ScheduledWorkitemCodeSequence")
    is_version = wanted_version(workitem) in ("", engine.version)
    return is_version and any(served.same_as(code) for served in engine.workitem_codes)


def _urgency(workitem: JsonDataset) -> tuple[int, str]:
    priority = text(workitem, "ScheduledProcedureStepPriority")
    rank = _PRIORITIES.index(priority) if priority in _PRIORITIES else len(_PRIORITIES)
    return rank, text(workitem, "ScheduledProcedureStepStartDateTime")
