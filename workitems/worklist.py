"""The worklist: what each UPS request does (PS3.4 Annex CC). Every face calls it; none has rules of its own."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from profiles.dicom import (
    Code,
    JsonDataset,
    dicom_datetime,
    get,
    get_all,
    item,
    items,
    new_uid,
    put,
    put_codes,
    put_items,
    remove,
    tag_of,
    text,
)
from profiles.errors import BadInput, Conflict, Finding, NotFound, StepwellError
from profiles.ups import Request, State, TransactionUid, decide, validate_create, validate_final, validate_update
from workitems.matching import UID_LIST, matches
from workitems.model import Change, Event, EventKind, Workitem
from workitems.store import Store

UPS_PUSH = "1.2.840.10008.5.1.4.34.6.1"
DEFAULT_LABEL = "WORKLIST"
DISCONTINUED = Code("110513", "DCM", "Discontinued for unspecified reason")
ATTEMPTS = 64
_PROGRESS = "ProcedureStepProgressInformationSequence"
_REQUESTS = {State.IN_PROGRESS: Request.CLAIM, State.COMPLETED: Request.COMPLETE, State.CANCELED: Request.CANCEL}
_INDEXED = {
    "ProcedureStepState": "state",
    "SOPInstanceUID": "uid",
    "ScheduledWorkitemCodeSequence.CodeValue": "workitem_code",
    "StudyInstanceUID": "study",
    "ReferencedRequestSequence.AccessionNumber": "accession",
    "PatientID": "patient_id",
    "InputReadinessState": "readiness",
    "ScheduledProcedureStepPriority": "priority",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request that was not refused.

    Attributes:
        uid: the workitem.
        warning: key of the error table whose Warning text goes with the answer; empty for none.
    """

    uid: str
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search: the datasets and how many more there are."""

    workitems: list[JsonDataset]
    remaining: int


class Worklist:
    """All workitems of one service.

    Args:
        store: where they are kept.
        now: the clock, timezone-aware.
        committed: called after each change is durable and before it is answered.
    """

    def __init__(
        self, store: Store, now: Callable[[], datetime], committed: Callable[[str], None] = lambda _uid: None
    ) -> None:
        self._store, self._now, self._committed = store, now, committed

    def create(self, dataset: JsonDataset, uid: str | None = None) -> Outcome:
        """Add a workitem in state SCHEDULED (N-CREATE, RAD-80).

        Raises:
            BadInput: with every finding of the N-CREATE rules.
            Conflict: when there is a workitem of that UID.
        """
        uid = _creation_uid(dataset, uid)
        if get(dataset, "ProcedureStepState", "SCHEDULED") != State.SCHEDULED:
            raise BadInput(
                "Procedure Step State (0074,1000) must be SCHEDULED at creation (PS3.4 CC.2.5.1.3).",
                key="not-scheduled",
            )
        if findings := validate_create(dataset):
            raise _refused("The workitem does not meet the requirements of N-CREATE", findings)
        content = copy.deepcopy(dataset)
        modified = not text(content, "WorklistLabel")
        if modified:
            put(content, "WorklistLabel", DEFAULT_LABEL)
        remove(content, "TransactionUID")
        put(content, "SOPClassUID", UPS_PUSH)
        put(content, "SOPInstanceUID", uid)
        put(content, "ScheduledProcedureStepModificationDateTime", dicom_datetime(self._now()))
        workitem = Workitem(uid, 1, State.SCHEDULED, dict(sorted(content.items())))
        events = [self._event(EventKind.CREATED, workitem)]
        if items(content, "ScheduledStationNameCodeSequence"):
            events.append(self._event(EventKind.ASSIGNED, workitem))
        if not self._apply(Change(workitem, 0, tuple(events))):
            raise _error("duplicate-workitem", f"There is a workitem {uid} already; a workitem is created once.")
        return Outcome(uid, "created-with-modifications" if modified else "")

    def retrieve(self, uid: str) -> JsonDataset:
        """The workitem's dataset, never with its Transaction UID (N-GET, RAD-83).

        Raises:
            NotFound: when there is no such workitem.
        """
        return self._find(uid).content

    def search(self, keys: Mapping[str, str], limit: int, offset: int = 0) -> Page:
        """The workitems that match all keys, in order of creation (C-FIND, RAD-81)."""
        exact = {
            column: set(re.split(UID_LIST, keys[path])) if column in ("uid", "study") else {keys[path]}
            for path, column in _INDEXED.items()
            if keys.get(path) and not set(keys[path]) & set("*?")
        }
        if "TransactionUID" in keys:
            raise BadInput("Transaction UID (0008,1195) cannot be searched for (PS3.4 CC.2.8.1).")
        found = (dataset for dataset in self._store.scan(exact) if matches(dataset, keys))
        page = list(islice(islice(found, offset, None), limit))
        return Page(page, sum(1 for _ in found))

    def update(self, uid: str, changes: JsonDataset, transaction_uid: str | None) -> Outcome:
        """Change attributes of a workitem; all of them or none (N-SET, RAD-84)."""
        changes = {key: value for key, value in changes.items() if key != tag_of("TransactionUID")}

        def change(current: Workitem) -> Change:
            if findings := validate_update(changes):
                raise _refused("The update does not meet the requirements of N-SET", findings)
            content = dict(sorted({**current.content, **changes}.items()))
            put(content, "ScheduledProcedureStepModificationDateTime", dicom_datetime(self._now()))
            changed = replace(current, revision=current.revision + 1, content=content)
            return Change(
                changed, current.revision, tuple(self._event(kind, changed) for kind in _update_events(changes))
            )

        return self._decide_and_apply(uid, Request.UPDATE, transaction_uid, change)

    def change_state(self, uid: str, state: str, transaction_uid: str | None) -> Outcome:
        """Claim, complete or cancel a workitem (N-ACTION 1, RAD-82 and RAD-85)."""
        if state not in set(State):
            raise BadInput(
                f"Procedure Step State (0074,1000) is {state!r}; PS3.4 CC.2.1 allows IN PROGRESS, COMPLETED, CANCELED.",
                key="only-create-schedules",
            )
        target = State(state)
        request = _REQUESTS.get(target, Request.SCHEDULE)

        def change(current: Workitem) -> Change:
            content = copy.deepcopy(current.content)
            if target is State.CANCELED:
                _fill_cancellation(content, self._now(), None)
            if target.is_final and (findings := validate_final(content, target)):
                raise _refused(
                    f"The workitem does not meet the requirements for {target}", findings, "final-state-requirements"
                )
            return self._to_state(current, content, target, transaction_uid or "")

        return self._decide_and_apply(uid, request, transaction_uid, change)

    def request_cancel(self, uid: str, details: JsonDataset) -> Outcome:
        """Ask, as a third party, that a workitem be canceled (N-ACTION 2, RAD-88)."""

        def change(current: Workitem) -> Change:
            if current.state is State.IN_PROGRESS:
                noted = replace(current, revision=current.revision + 1)
                return Change(noted, current.revision, (self._event(EventKind.CANCEL_REQUESTED, noted, details),))
            content = copy.deepcopy(current.content)
            _fill_cancellation(content, self._now(), details)
            return self._to_state(current, content, State.CANCELED, "")

        return self._decide_and_apply(uid, Request.REQUEST_CANCEL, None, change)

    def _to_state(self, current: Workitem, content: JsonDataset, target: State, transaction_uid: str) -> Change:
        put(content, "ProcedureStepState", str(target))
        put(content, "ScheduledProcedureStepModificationDateTime", dicom_datetime(self._now()))
        changed = Workitem(
            current.uid,
            current.revision + 1,
            target,
            dict(sorted(content.items())),
            transaction_uid or current.transaction_uid,
        )
        kinds = {
            State.IN_PROGRESS: EventKind.CLAIMED,
            State.COMPLETED: EventKind.COMPLETED,
            State.CANCELED: EventKind.CANCELED,
        }
        return Change(changed, current.revision, (self._event(kinds[target], changed),))

    def _decide_and_apply(
        self, uid: str, request: Request, transaction_uid: str | None, change: Callable[[Workitem], Change]
    ) -> Outcome:
        """Ask the transition table, do what it says, and ask again when somebody else was faster."""
        for _ in range(ATTEMPTS):
            current = self._find(uid)
            decision = decide(request, current.state, _comparison(request, current, transaction_uid))
            if not decision.effect:
                return self._not_done(current, request, decision.outcome)
            if self._apply(change(current)):
                return Outcome(uid)
        raise Conflict(f"The workitem {uid} is changed by others all the time; try again.")

    def _not_done(self, current: Workitem, request: Request, outcome: str) -> Outcome:
        if outcome in ("already-completed", "already-canceled", "already-canceled-accepted"):
            return Outcome(current.uid, outcome)
        if request is Request.CLAIM:
            self._store.append((self._event(EventKind.CLAIM_REFUSED, current),))
        raise _error(outcome, f"Workitem {current.uid} is {current.state}. {_WORDS[outcome]}")

    def _find(self, uid: str) -> Workitem:
        found = self._store.find(uid)
        if found is None:
            raise NotFound(f"There is no workitem {uid}.", key="no-such-workitem")
        return found

    def _apply(self, change: Change) -> bool:
        applied = self._store.apply(change)
        if applied:
            self._committed(change.workitem.uid)
        return applied

    def _event(self, kind: EventKind, workitem: Workitem, details: JsonDataset | None = None) -> Event:
        return Event(kind, workitem.uid, workitem.revision, self._now(), {**workitem.content, **(details or {})})


_WORDS = {
    "already-in-progress": "It is claimed already, by this Transaction UID (PS3.4 Table CC.1.1-2).",
    "may-no-longer-be-updated": "Its state may no longer change (PS3.4 Table CC.1.1-2).",
    "final-not-updated": "A workitem in a final state cannot be updated (PS3.4 CC.2.6.3).",
    "transaction-uid-missing": "Send its Transaction UID (0008,1195) (PS3.4 CC.2.1.2).",
    "transaction-uid-incorrect": "The Transaction UID is not that of its claim (PS3.4 CC.2.1.2).",
    "only-create-schedules": "Only creation makes a workitem SCHEDULED (PS3.4 Table CC.1.1-2).",
    "not-yet-in-progress": "Claim it first; only an IN PROGRESS workitem can take this (PS3.4 Table CC.1.1-2).",
    "already-completed-refused": "It is COMPLETED; there is nothing left to cancel (PS3.4 CC.2.2.3).",
}


def _error(key: str, words: str) -> StepwellError:
    return (BadInput if key in _BAD else Conflict)(words, key=key)


_BAD = ("transaction-uid-missing", "transaction-uid-incorrect", "only-create-schedules", "final-not-updated")


def _refused(words: str, findings: Sequence[Finding], key: str | None = None) -> StepwellError:
    kind = Conflict if key else BadInput
    return kind(f"{words}:\n" + "\n".join(str(one) for one in findings), key=key, findings=findings)


def _creation_uid(dataset: JsonDataset, uid: str | None) -> str:
    inside = text(dataset, "SOPInstanceUID")
    if uid and inside and uid != inside:
        raise BadInput(
            "The workitem UID in the address and SOP Instance UID (0008,0018) in the dataset differ; send one."
        )
    return uid or inside or new_uid()


def _comparison(request: Request, current: Workitem, supplied: str | None) -> TransactionUid:
    if request in (Request.CREATE, Request.REQUEST_CANCEL):
        return TransactionUid.NOT_ASKED
    if not supplied:
        return TransactionUid.MISSING
    if not current.transaction_uid or supplied == current.transaction_uid:
        return TransactionUid.OK
    return TransactionUid.WRONG


def _update_events(changes: JsonDataset) -> list[EventKind]:
    kinds = []
    if item(changes, _PROGRESS):
        kinds.append(EventKind.PROGRESS)
    if get_all(changes, "ScheduledStationNameCodeSequence"):
        kinds.append(EventKind.ASSIGNED)
    if get(changes, "InputReadinessState"):
        kinds.append(EventKind.READINESS)
    return kinds


def _fill_cancellation(content: JsonDataset, now: datetime, details: JsonDataset | None) -> None:
    """What PS3.4 CC.2.5.1.3.2 wants of a CANCELED workitem and the server may supply itself."""
    progress = copy.deepcopy(item(content, _PROGRESS))
    for keyword in ("ReasonForCancellation", "ProcedureStepDiscontinuationReasonCodeSequence"):
        if details and get_all(details, keyword):
            progress[tag_of(keyword)] = details[tag_of(keyword)]
    if not get(progress, "ProcedureStepCancellationDateTime"):
        put(progress, "ProcedureStepCancellationDateTime", dicom_datetime(now))
    if not items(progress, "ProcedureStepDiscontinuationReasonCodeSequence"):
        put_codes(progress, "ProcedureStepDiscontinuationReasonCodeSequence", DISCONTINUED)
    put_items(content, _PROGRESS, dict(sorted(progress.items())))
