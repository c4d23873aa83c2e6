"""The worklist: what each UPS request does (PS3.4 Annex CC). Every face calls it; none has rules of its own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from profiles.dicom import Code, JsonDataset, dicom_datetime, get, items, new_uid, put, put_codes, remove, tag_of, text
from profiles.errors import BadInput, Conflict, Gone, NotFound
from profiles.ups import (
    Request,
    State,
    TransactionUid,
    decide,
    declare_character_set,
    validate_create,
    validate_final,
    validate_update,
    with_type_2,
)
from profiles.ups.events import progress_of
from workitems.cancellation import fill_cancellation, is_rejection, request_details
from workitems.model import Change, Event, EventKind, Workitem
from workitems.notification import event_of, started_event
from workitems.policy import Policy, assigned_station
from workitems.refusals import duplicate, not_met, not_scheduled, refusal
from workitems.search import Page, matching, search
from workitems.store import Store
from workitems.subscriptions import Subscriptions

UPS_PUSH = "1.2.840.10008.5.1.4.34.6.1"
DEFAULT_LABEL = "WORKLIST"
ATTEMPTS = 64
_REQUESTS = {State.IN_PROGRESS: Request.CLAIM, State.COMPLETED: Request.COMPLETE, State.CANCELED: Request.CANCEL}
_KINDS = {
    State.IN_PROGRESS: EventKind.CLAIMED,
    State.COMPLETED: EventKind.COMPLETED,
    State.CANCELED: EventKind.CANCELED,
}
_NO_REFUSALS = ("already-completed", "already-canceled", "already-canceled-accepted")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request that was not refused.

    Attributes:
        uid: the workitem.
        warning: key of the error table whose Warning text goes with the answer; empty for none.
    """

    uid: str
    warning: str = ""


class Worklist:
    """All workitems of one service.

    Args:
        store: where they are kept.
        now: the clock, timezone-aware.
        committed: called after each change is durable and before it is answered.
        policy: what the site decides.
        subscriptions: of the same store.
        ae_title: of the service where it performs workitems itself: its claims have no lease, and it hears of a request
            to cancel (PS3.4 CC.2.1.3, CC.2.2.3). Empty where it does not.
    """

    def __init__(
        self,
        store: Store,
        now: Callable[[], datetime],
        committed: Callable[[str], None] = lambda _uid: None,
        policy: Policy | None = None,
        subscriptions: Subscriptions | None = None,
        ae_title: str = "",
    ) -> None:
        self._store, self._now, self._committed = store, now, committed
        self.policy = policy or Policy()
        self.subscriptions = subscriptions or Subscriptions(store, now)
        self.ae_title = ae_title

    def create(self, dataset: JsonDataset, uid: str | None = None) -> Outcome:
        """Add a workitem in state SCHEDULED (N-CREATE, RAD-80).

        Raises:
            BadInput: with every finding of the N-CREATE rules.
            Conflict: when there is a workitem of that UID.
        """
        uid = _creation_uid(dataset, uid)
        content = dict(dataset) if self.policy.strict else copy.deepcopy(dataset)
        modified = not self.policy.strict and with_type_2(content)
        findings = validate_create(content)
        if get(content, "ProcedureStepState", "SCHEDULED") != State.SCHEDULED:
            raise not_scheduled(findings)
        if findings:
            raise not_met("The workitem does not meet the requirements of N-CREATE", findings)
        if not text(content, "WorklistLabel"):
            put(content, "WorklistLabel", DEFAULT_LABEL)
            modified = True
        station = self.policy.station_for(content)
        if station and not assigned_station(content):
            put_codes(content, "ScheduledStationNameCodeSequence", station)
            modified = True
        workitem = self.new_workitem(content, uid)
        if not self.apply(Change(workitem, 0, self.creation_events(workitem))):
            raise duplicate(uid)
        return Outcome(uid, "created-with-modifications" if modified else "")

    def new_workitem(self, content: JsonDataset, uid: str, attempt: int = 1) -> Workitem:
        """A workitem of content that meets the rules, with what the server sets."""
        remove(content, "TransactionUID")
        put(content, "SOPClassUID", UPS_PUSH)
        put(content, "SOPInstanceUID", uid)
        return Workitem(uid, 1, State.SCHEDULED, self._stamped(content), attempt=attempt)

    def _stamped(self, content: JsonDataset) -> JsonDataset:
        """Content as it is stored: with its time (PS3.4 CC.2.6.3) and character set, in the order of tags."""
        put(content, "ScheduledProcedureStepModificationDateTime", dicom_datetime(self._now()))
        declare_character_set(content)
        return dict(sorted(content.items()))

    def creation_events(self, workitem: Workitem) -> tuple[Event, ...]:
        """What is told of a new workitem (PS3.4 CC.2.4.3)."""
        events = [event_of(EventKind.CREATED, workitem, self._now())]
        assigned = ("ScheduledStationNameCodeSequence", "ScheduledHumanPerformersSequence")
        if any(items(workitem.content, keyword) for keyword in assigned):
            events.append(event_of(EventKind.ASSIGNED, workitem, self._now()))
        return tuple(events)

    def retrieve(self, uid: str) -> JsonDataset:
        """The workitem's dataset, never with its Transaction UID (N-GET, RAD-83).

        Raises:
            NotFound: when there is no such workitem; Gone when retention has deleted it.
        """
        return self.find(uid).content

    def search(self, keys: Mapping[str, str], limit: int, offset: int = 0, *, fuzzy: bool = False) -> Page:
        """The workitems that match all keys, in order of creation (C-FIND, RAD-81); see `workitems.search.search`."""
        return search(self._store, keys, limit, offset, fuzzy=fuzzy)

    def matching(self, keys: Mapping[str, str], *, fuzzy: bool = False) -> Iterator[JsonDataset]:
        """Every workitem that matches all keys, a portion in memory at a time; see `workitems.search.matching`."""
        return matching(self._store, keys, fuzzy=fuzzy)

    def update(self, uid: str, changes: JsonDataset, transaction_uid: str | None) -> Outcome:
        """Change attributes of a workitem; all of them or none (N-SET, RAD-84). A claim's lease begins anew."""
        changes = {key: value for key, value in changes.items() if key != tag_of("TransactionUID")}

        def change(current: Workitem) -> Change:
            if findings := validate_update(changes):
                raise not_met("The update does not meet the requirements of N-SET", findings)
            changed = self.changed(current, changes)
            changed = replace(changed, lease_until=self._lease_until(changed.content, changed.performer, current.state))
            events = self._update_events(current, changed, changes)
            return Change(changed, current.revision, events, current)

        return self._decide_and_apply(uid, Request.UPDATE, transaction_uid, change)

    def changed(self, current: Workitem, changes: JsonDataset) -> Workitem:
        """The next revision of a workitem, with some attributes changed."""
        content = self._stamped({**current.content, **changes})
        return replace(current, revision=current.revision + 1, content=content)

    def _lease_until(self, content: JsonDataset, performer: str, state: State) -> datetime | None:
        held = state is State.IN_PROGRESS and not self._is_own(performer)
        lease = self.policy.lease_of(content, performer) if held else None
        return self._now() + timedelta(seconds=lease.seconds) if lease else None

    def _is_own(self, performer: str) -> bool:
        return bool(self.ae_title) and performer == self.ae_title

    def _update_events(self, before: Workitem, after: Workitem, changes: JsonDataset) -> tuple[Event, ...]:
        kinds = []
        if tag_of("ProcedureStepProgressInformationSequence") in changes and (
            progress_of(before.content) or progress_of(changes)
        ):
            kinds.append(EventKind.PROGRESS)
        if {tag_of("ScheduledStationNameCodeSequence"), tag_of("ScheduledHumanPerformersSequence")} & set(changes):
            kinds.append(EventKind.ASSIGNED)
        if get(before.content, "InputReadinessState") != get(after.content, "InputReadinessState"):
            kinds.append(EventKind.READINESS)
        return tuple(event_of(kind, after, self._now()) for kind in kinds)

    def change_state(self, uid: str, state: str, transaction_uid: str | None, requester: str = "") -> Outcome:
        """Claim, complete or cancel a workitem (N-ACTION 1, RAD-82 and RAD-85).

        Args:
            uid: the workitem.
            state: IN PROGRESS, COMPLETED or CANCELED.
            transaction_uid: the performer's lock.
            requester: AE title of the performer, as far as it told.
        """
        if state not in set(State):
            raise BadInput(
                f"Procedure Step State (0074,1000) is {state!r}; PS3.4 CC.2.1 allows IN PROGRESS, COMPLETED, CANCELED.",
                key="only-create-schedules",
            )
        target = State(state)
        request = _REQUESTS.get(target, Request.SCHEDULE)

        def change(current: Workitem) -> Change:
            content = dict(current.content)
            if target is State.CANCELED:
                fill_cancellation(content, self._now(), {})
            declare_character_set(content)
            if target.is_final and (findings := validate_final(content, target)):
                raise not_met(
                    f"The workitem does not meet the requirements for {target}", findings, "final-state-requirements"
                )
            changed = self.in_state(current, content, target)
            if target is State.IN_PROGRESS:
                until = self._lease_until(content, requester, target)
                changed = replace(
                    changed, transaction_uid=transaction_uid or "", performer=requester, lease_until=until
                )
            event = event_of(_KINDS[target], changed, self._now())
            return Change(changed, current.revision, (event,), current)

        return self._decide_and_apply(uid, request, transaction_uid, change)

    def request_cancel(self, uid: str, details: JsonDataset, requester: str = "") -> Outcome:
        """Ask, as a third party, that a workitem be canceled (N-ACTION 2, RAD-88).

        The performer that a workitem is assigned to rejects it this way before it claims (AIW-I 50.4.2.4); it is then
        assigned to another, and canceled only when there is none.

        Raises:
            Conflict: when it is COMPLETED, or its performer takes no events.
        """
        told = request_details(details, requester)

        def change(current: Workitem) -> Change:
            if current.state is State.IN_PROGRESS:
                if not (self._is_own(current.performer) or self.subscriptions.can_be_told(uid, current.performer)):
                    raise refusal("performer-not-contacted", uid, current.state)
                noted = replace(current, revision=current.revision + 1)
                event = event_of(EventKind.CANCEL_REQUESTED, noted, self._now(), told)
                return Change(noted, current.revision, (event,), current)
            if is_rejection(details) and requester and requester == assigned_station(current.content):
                rejected_by = (*current.rejected_by, requester)
                if station := self.policy.station_for(current.content, rejected_by):
                    return self._assign(current, station, rejected_by)
            return self.cancel_scheduled(current, details)

        return self._decide_and_apply(uid, Request.REQUEST_CANCEL, None, change)

    def _assign(self, current: Workitem, station: Code, rejected_by: tuple[str, ...]) -> Change:
        changes: JsonDataset = {}
        changed = self.changed(current, put_codes(changes, "ScheduledStationNameCodeSequence", station))
        changed = replace(changed, rejected_by=rejected_by)
        return Change(changed, current.revision, (event_of(EventKind.ASSIGNED, changed, self._now()),), current)

    def cancel_scheduled(self, current: Workitem, details: JsonDataset) -> Change:
        """The server cancels a SCHEDULED workitem: over IN PROGRESS, with both reports (PS3.4 CC.2.2.3)."""
        content = dict(current.content)
        fill_cancellation(content, self._now(), details)
        changed = self.in_state(current, content, State.CANCELED)
        events = (started_event(changed, self._now()), event_of(EventKind.CANCELED, changed, self._now()))
        return Change(changed, current.revision, events, current)

    def in_state(self, current: Workitem, content: JsonDataset, target: State) -> Workitem:
        """The next revision of a workitem, in another state."""
        put(content, "ProcedureStepState", str(target))
        return replace(
            current,
            revision=current.revision + 1,
            state=target,
            content=self._stamped(content),
            lease_until=None,
            final_at=self._now() if target.is_final else None,
        )

    def inputs_arrived(self, uid: str) -> bool:
        """Note that the inputs of an UNAVAILABLE workitem can be retrieved: it becomes READY (PS3.4 CC.2.6.3).

        Returns:
            Whether that was news.
        """

        def change(current: Workitem) -> Change | None:
            if current.state.is_final or get(current.content, "InputReadinessState") != "UNAVAILABLE":
                return None
            changes: JsonDataset = {}
            changed = self.changed(current, put(changes, "InputReadinessState", "READY"))
            return Change(changed, current.revision, self._update_events(current, changed, changes), current)

        return self.change_as_server(uid, change)

    def change_as_server(self, uid: str, change: Callable[[Workitem], Change | None]) -> bool:
        """Change a workitem as the server may (PS3.4 CC.2.1.3, CC.2.6.3); asked again when others are faster.

        Returns:
            False when the change was not wanted any more.
        """
        for _ in range(ATTEMPTS):
            wanted = change(self.find(uid))
            if wanted is None:
                return False
            if self.apply(wanted):
                return True
        raise _busy(uid)

    def _decide_and_apply(
        self, uid: str, request: Request, transaction_uid: str | None, change: Callable[[Workitem], Change]
    ) -> Outcome:
        """Ask the transition table, do what it says, and ask again when somebody else was faster."""
        for _ in range(ATTEMPTS):
            current = self.find(uid)
            decision = decide(request, current.state, _comparison(request, current, transaction_uid))
            if not decision.effect:
                return self._not_done(current, request, decision.outcome)
            if self.apply(change(current)):
                return Outcome(uid)
        raise _busy(uid)

    def _not_done(self, current: Workitem, request: Request, outcome: str) -> Outcome:
        if outcome in _NO_REFUSALS:
            return Outcome(current.uid, outcome)
        if request is Request.CLAIM:
            self._store.append((event_of(EventKind.CLAIM_REFUSED, current, self._now()),))
        raise refusal(outcome, current.uid, current.state)

    def find(self, uid: str) -> Workitem:
        """The workitem with what the server knows of it.

        Raises:
            NotFound: when there is no such workitem; Gone when retention has deleted it.
        """
        found = self._store.find(uid)
        if found is None:
            if self._store.was_deleted(uid):
                raise Gone(f"The workitem {uid} was deleted after its time of retention.")
            raise NotFound(f"There is no workitem {uid}.", key="no-such-workitem")
        return found

    def apply(self, *changes: Change) -> bool:
        """Make changes durable, all or none; False when others were faster."""
        applied = self._store.apply(*changes)
        if applied:
            for change in changes:
                self._committed(change.workitem.uid)
        return applied


def _busy(uid: str) -> Conflict:
    return Conflict(f"The workitem {uid} is changed by others all the time; try again.")


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
