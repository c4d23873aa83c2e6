"""The general contractor (PS3.17 GGG, AIW-I 50.4.1.6 and 50.4.2.3): it performs a workitem by having others do it.

It claims the parent, agrees a contract for each step, places each child at the worklist of its place, follows them,
and ends the parent when they have ended. All it knows is in the store: after a crash at any moment the same call does
what is left, and a child that is placed again has the same UID.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from profiles.dicom import (
    JsonDataset,
    code,
    get,
    get_code,
    item,
    items,
    new_uid,
    put_codes,
    text,
)
from profiles.errors import Conflict, NotFound, StepwellError, Unavailable
from profiles.ups import State
from workitems.model import Change, Contract, EventKind, Standing, Workitem
from workitems.notification import event_of
from workitems.pipelines import COPY, PUSH, Pipeline, Step, decide_next, latest
from workitems.policy import assigned_station
from workitems.sharing import digest_of, hurry, is_needed_elsewhere, joined
from workitems.store import Store
from workitems.subtasks import (
    as_result,
    child_content,
    child_uid,
    common_progress,
    discontinued_whole,
    kept,
    outputs_of,
    performed_whole,
    reason_of,
    refused,
    request_in,
    result_of,
)
from workitems.worklist import Worklist

_PROGRESS = "ProcedureStepProgressInformationSequence"
_PERFORMED = "UnifiedProcedureStepPerformedProcedureSequence"
_REASON = "ProcedureStepDiscontinuationReasonCodeSequence"
_REJECTED, _RESCHEDULED = code("DCM", "110530"), code("DCM", "110528")
_TOLD = {"ProcedureStepProgress": 0, "ProcedureStepProgressDescription": ""}
_ENDS = {str(State.COMPLETED): Standing.COMPLETED, str(State.CANCELED): Standing.CANCELED}


class Moment(StrEnum):
    """What is durable when it is reached, and what comes next is not."""

    AGREED = "agreed"
    CREATED = "created"
    ENDED = "ended"
    TAKEN_OVER = "taken_over"


class Place(Protocol):
    """A worklist that takes children."""

    def create(self, content: JsonDataset, uid: str) -> None:
        """Create a workitem (RAD-80); that it is there already is a success."""

    def retrieve(self, uid: str) -> JsonDataset:
        """A workitem (RAD-83)."""

    def request_cancel(self, uid: str, details: JsonDataset) -> None:
        """Ask that a workitem be canceled (RAD-88); that it is over already is a success."""


class OwnPlace:
    """The worklist of the parent itself: its children are subtasks."""

    def __init__(self, worklist: Worklist) -> None:
        self._worklist = worklist

    def create(self, content: JsonDataset, uid: str) -> None:
        """Create a child; that it is there already is a success."""
        try:
            self._worklist.create(content, uid)
        except Conflict as error:
            if error.row_key != "duplicate-workitem":
                raise

    def retrieve(self, uid: str) -> JsonDataset:
        """A child."""
        return self._worklist.retrieve(uid)

    def request_cancel(self, uid: str, details: JsonDataset) -> None:
        """Ask that a child be canceled."""
        try:
            self._worklist.request_cancel(uid, details, self._worklist.ae_title)
        except Conflict as error:
            if error.row_key != "already-completed-refused":
                raise


@dataclass(frozen=True, slots=True)
class Plans:
    """What a site has contractors do.

    Attributes:
        pipelines: how workitems of their codes are decomposed.
        pushed: base URL of the UPS-RS service of each performer that workitems are pushed to, by AE title.
    """

    pipelines: Collection[Pipeline] = ()
    pushed: Mapping[str, str] | None = None

    def __bool__(self) -> bool:
        """Whether anything is done by contract."""
        return bool(self.pipelines or self.pushed)

    def pipeline_for(self, content: JsonDataset) -> Pipeline | None:
        """How a workitem is done; None when performers claim it themselves."""
        found = get_code(content, "ScheduledWorkitemCodeSequence")
        for pipeline in self.pipelines:
            if pipeline.workitem_code and pipeline.workitem_code.same_as(found):
                return pipeline
        return PUSH if assigned_station(content) in (self.pushed or {}) else None

    def place_of(self, station: str) -> str:
        """Where children for a station are created: at its own service, or in the worklist of the parent."""
        return (self.pushed or {}).get(station, "")


class Contractor:
    """Performs workitems by having others do them.

    Args:
        worklist: with the parents; it knows its own AE title.
        store: of the worklist.
        plans: of the site.
        place_at: the worklist at a base URL; at the empty one, that of the parents.
        now: the clock, timezone-aware.
        reached: told at every moment, with the parent's UID.
    """

    def __init__(
        self,
        worklist: Worklist,
        store: Store,
        plans: Plans,
        place_at: Callable[[str], Place],
        now: Callable[[], datetime],
        reached: Callable[[Moment, str], None] = lambda _moment, _uid: None,
    ) -> None:
        self._worklist, self._store, self._plans = worklist, store, plans
        self._place_at, self._now, self._reached = place_at, now, reached

    def engage(self, uid: str) -> bool:
        """Claim a workitem that the site has done by contract, and agree its first steps, in one transaction.

        Nothing happens to what is not READY (AIW-I 4.82.4.1.1) or not SCHEDULED any more.

        Returns:
            Whether it was claimed now.
        """

        def claimed(current: Workitem) -> Change | None:
            pipeline = self._plans.pipeline_for(current.content)
            ready = get(current.content, "InputReadinessState") == "READY"
            if current.state is not State.SCHEDULED or pipeline is None or not ready:
                return None
            parent = self._worklist.in_state(current, dict(current.content), State.IN_PROGRESS)
            parent = replace(parent, transaction_uid=new_uid(), performer=self._worklist.ae_title)
            event = event_of(EventKind.CLAIMED, parent, self._now())
            station = assigned_station(parent.content) if pipeline is PUSH else ""
            contracts = self._begun(parent, pipeline, decide_next(pipeline, {}).begin, {}, station)
            return Change(parent, current.revision, (event,), contracts=contracts)

        try:
            engaged = self._worklist.change_as_server(uid, claimed)
        except NotFound:
            return False
        if engaged:
            self._reached(Moment.AGREED, uid)
        return engaged

    def _begun(
        self,
        parent: Workitem,
        pipeline: Pipeline,
        due: Iterable[str],
        contracts: Mapping[str, Contract],
        station: str = "",
    ) -> tuple[Contract, ...]:
        """Contracts of the steps that begin; those that others have begun, too, are about the same child."""
        return tuple(
            self._joined(parent, step, contracts) if step.shared else self._agreed(parent.uid, step.name, station)
            for step in map(pipeline.step, due)
        )

    def _joined(self, parent: Workitem, step: Step, contracts: Mapping[str, Contract]) -> Contract:
        own = self._agreed(parent.uid, step.name, "")
        shared = digest_of(child_content(parent.content, step, own, outputs_of(contracts, step.after)))
        return joined(own, shared, self._store.contracts_sharing(shared))

    def _agreed(self, parent: str, step: str, station: str, attempt: int = 1) -> Contract:
        place = self._plans.place_of(station)
        return Contract(parent, step, child_uid(parent, step, attempt), attempt, place, station)

    def advance(self, uid: str) -> None:
        """Do what is due for a workitem that was engaged; called again, it goes on from where it was.

        Raises:
            Unavailable: when a performer is away; what does not depend on it was done.
            Conflict: when a child cannot be asked to end, or the plan of the workitem is not configured any more.
        """
        going_on = True
        while going_on:
            parent = self._worklist.find(uid)
            if parent.state is not State.IN_PROGRESS or parent.performer != self._worklist.ae_title:
                return
            going_on = self._go_on(parent)

    def _go_on(self, parent: Workitem) -> bool:
        """See how the children are, and do what is due; whether more may be due after it."""
        contracts = latest(self._store.contracts_of(parent.uid))
        pipeline = self._plan_of(parent, contracts)
        away: StepwellError | None = None
        seen: dict[str, JsonDataset] = {}
        for contract in list(contracts.values()):
            if contract.standing.is_final:
                continue
            try:
                child = self._followed(parent, pipeline.step(contract.step), contracts)
            except Unavailable as error:
                away = error
                continue
            if child is None:
                return True
            seen[contract.step] = child
        going_on = self._do_next(parent, pipeline, contracts, seen)
        if away and not going_on:
            raise away
        return going_on

    def _plan_of(self, parent: Workitem, contracts: Mapping[str, Contract]) -> Pipeline:
        pipeline = PUSH if COPY in contracts else self._plans.pipeline_for(parent.content)
        if pipeline is None or not {step.name for step in pipeline.steps}.issuperset(contracts):
            raise Conflict(
                f"The workitem {parent.uid} was begun by a pipeline that is not configured any more; configure it "
                "again, or end its steps and cancel it."
            )
        return pipeline

    def _followed(self, parent: Workitem, step: Step, contracts: dict[str, Contract]) -> JsonDataset | None:
        """A child as it is now, created if it is not yet; None when it was found at its end, which is noted then."""
        contract = contracts[step.name]
        place = self._place_at(contract.place)
        if contract.standing is Standing.AGREED:
            content = child_content(parent.content, step, contract, outputs_of(contracts, step.after))
            try:
                place.create(content, contract.child)
            except Unavailable:
                raise
            except StepwellError as error:
                self._ended(parent, contract, Standing.CANCELED, refused(contract.station, error))
                return None
            self._reached(Moment.CREATED, parent.uid)
            contract = contracts[step.name] = replace(contract, standing=Standing.PLACED)
            self._store.put_contract(contract)
        try:
            child = place.retrieve(contract.child)
        except NotFound as error:
            self._store.put_contract(replace(contract, standing=Standing.AGREED))
            raise Unavailable(
                f"{contract.station or 'The worklist'} lost {contract.child}; it gets it again."
            ) from error
        if standing := _ENDS.get(text(child, "ProcedureStepState")):
            self._ended(parent, contract, standing, result_of(child))
            return None
        if contract.shared and text(child, "ProcedureStepState") == "SCHEDULED":
            hurry(self._worklist, contract.child, parent.content)
        return child

    def _ended(self, parent: Workitem, contract: Contract, standing: Standing, result: JsonDataset) -> None:
        """Note the end of a child; another is agreed first where one takes its place."""
        reason, _ = reason_of(result)
        if standing is Standing.CANCELED and not contract.recalled:
            if contract.step == COPY and _REJECTED.same_as(reason):
                self._reassign(parent, contract)
            elif contract.place == "" and _RESCHEDULED.same_as(reason):
                self._follow_heir(contract)
        self._store.put_contract(replace(contract, standing=standing, result=result))
        self._reached(Moment.ENDED, parent.uid)

    def _reassign(self, parent: Workitem, contract: Contract) -> None:
        """Give what a performer rejected to the next station by policy, if there is one (AIW-I 50.4.2.4)."""

        def to_the_next(current: Workitem) -> Change | None:
            rejected = (*current.rejected_by, contract.station)
            station = self._worklist.policy.station_for(current.content, rejected)
            if station is None:
                return None
            assigned: JsonDataset = {}
            put_codes(assigned, "ScheduledStationNameCodeSequence", station)
            changed = replace(self._worklist.changed(current, assigned), rejected_by=rejected)
            event = event_of(EventKind.ASSIGNED, changed, self._now())
            again = self._agreed(parent.uid, COPY, station.value, contract.attempt + 1)
            return Change(changed, current.revision, (event,), contracts=(again,))

        self._worklist.change_as_server(parent.uid, to_the_next)

    def _follow_heir(self, contract: Contract) -> None:
        """Follow the workitem that replaces a child whose performer's lease ran out (DESIGN D7)."""
        keys = {"ReplacedProcedureStepSequence.ReferencedSOPInstanceUID": contract.child}
        heir = next(self._worklist.matching(keys), None)
        if heir:
            uid, attempt = text(heir, "SOPInstanceUID"), contract.attempt + 1
            self._store.add_contracts(replace(contract, child=uid, attempt=attempt, standing=Standing.PLACED))

    def _do_next(
        self,
        parent: Workitem,
        pipeline: Pipeline,
        contracts: Mapping[str, Contract],
        seen: Mapping[str, JsonDataset],
    ) -> bool:
        request = self._store.cancel_request(parent.uid)
        stopping = request is not None or any(one.recalled for one in contracts.values())
        due = decide_next(pipeline, contracts, stopping=stopping)
        because = contracts[due.because].result if due.because else {}
        if due.ending is Standing.COMPLETED:
            self._complete(parent, pipeline, contracts)
        elif due.ending:
            self._cancel(parent, because or as_result(request or {}), is_copy=pipeline is PUSH)
        elif due.recall:
            wanted = request_in(because) if because else kept(request or {})
            self._recall([contracts[step] for step in due.recall], wanted)
        elif due.begin:
            self._store.add_contracts(*self._begun(parent, pipeline, due.begin, contracts))
        elif seen:
            self._tell_progress(parent, common_progress(pipeline, contracts, seen))
            return False
        return not due.ending and bool(due.recall or due.begin)

    def _recall(self, contracts: Iterable[Contract], wanted: JsonDataset) -> None:
        """Ask children to end; one that cannot be asked keeps no other from it, and one that others need goes on."""
        failed: StepwellError | None = None
        for contract in contracts:
            if is_needed_elsewhere(self._store, contract):
                left = replace(contract, recalled=True, standing=Standing.CANCELED, result=as_result(wanted))
                self._store.put_contract(left)
                continue
            try:
                self._place_at(contract.place).request_cancel(contract.child, wanted)
            except StepwellError as error:
                failed = error
            else:
                self._store.put_contract(replace(contract, recalled=True))
        if failed:
            raise failed

    def _tell_progress(self, parent: Workitem, update: JsonDataset) -> None:
        wanted, told = item(update, _PROGRESS), item(parent.content, _PROGRESS)
        if any(get(wanted, keyword, nothing) != get(told, keyword, nothing) for keyword, nothing in _TOLD.items()):
            self._worklist.update(parent.uid, update, parent.transaction_uid)

    def _complete(self, parent: Workitem, pipeline: Pipeline, contracts: Mapping[str, Contract]) -> None:
        update = performed_whole(parent.content, pipeline, contracts, self._now())
        self._end(parent, {**common_progress(pipeline, contracts, {}), **update}, State.COMPLETED)

    def _cancel(self, parent: Workitem, result: JsonDataset, *, is_copy: bool) -> None:
        performed = items(result, _PERFORMED) if is_copy else []
        update = discontinued_whole(*reason_of(result), performed, item(parent.content, _PROGRESS))
        self._end(parent, update, State.CANCELED)

    def _end(self, parent: Workitem, update: JsonDataset, state: State) -> None:
        """Bring the parent to its end, in two changes as any performer does; after a crash between, both again."""
        self._worklist.update(parent.uid, update, parent.transaction_uid)
        self._reached(Moment.TAKEN_OVER, parent.uid)
        self._worklist.change_state(parent.uid, str(state), parent.transaction_uid, self._worklist.ae_title)
