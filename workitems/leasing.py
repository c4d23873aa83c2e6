"""A claim whose lease ran out (DESIGN D7): canceled by the server with a reason, and replaced by a new workitem.

The server may end a claim when it has determined that its performer is disabled (PS3.4 CC.2.1.3); going back to
SCHEDULED is forbidden, so the task goes on as a new workitem that names the old one as replaced. Whoever claimed the
old one finds it CANCELED and can complete it no more: two performers never both complete one workitem.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from profiles.dicom import Code, JsonDataset, code, new_uid, put, put_codes, put_items
from profiles.ups import State
from workitems.cancellation import fill_cancellation
from workitems.model import Change, EventKind, Workitem
from workitems.notification import event_of
from workitems.policy import assigned_station
from workitems.store import Store
from workitems.worklist import UPS_PUSH, Worklist

_EMPTIED = ("ProcedureStepProgressInformationSequence", "UnifiedProcedureStepPerformedProcedureSequence")
_STATION = "ScheduledStationNameCodeSequence"
_RESCHEDULED, _TO_BE_DECIDED = "110528", "110529"


@dataclass(frozen=True, slots=True)
class Release:
    """A claim that the server ended.

    Attributes:
        canceled: the workitem that was claimed.
        heir: the workitem that replaces it; None for a dead letter, which a person must look at.
    """

    canceled: Workitem
    heir: Workitem | None


def release_expired(worklist: Worklist, store: Store, now: datetime) -> Iterator[Release]:
    """End every claim whose lease has run out; what another process ends or a performer renews first is left alone.

    Args:
        worklist: the domain.
        store: its store.
        now: the present.
    """
    while expired := store.expired_leases(now):
        done = [released for one in expired if (released := release(worklist, one, now))]
        yield from done
        if not done:
            return


def release(worklist: Worklist, expired: Workitem, now: datetime) -> Release | None:
    """End a claim: canceled with a reason, and replaced by a new workitem unless it was the last attempt.

    Args:
        worklist: that has it.
        expired: the claimed workitem, at the revision that was seen.
        now: the present.

    Returns:
        What was done; None when the workitem was changed since it was seen, then nothing was.
    """
    lease = worklist.policy.lease_of(expired.content, expired.performer)
    again = lease is None or expired.attempt < lease.attempts
    who = expired.performer or "its performer"
    words = f"The lease of {who} ran out in attempt {expired.attempt}; "
    words += "a new workitem replaces this one." if again else "no attempt is left, so a person must decide."
    canceled = _canceled(worklist, expired, code("DCM", _RESCHEDULED if again else _TO_BE_DECIDED), words, now)
    changes = [canceled, _replacement(worklist, expired)] if again else [canceled]
    if not worklist.apply(*changes):
        return None
    return Release(canceled.workitem, changes[1].workitem if again else None)


def _canceled(worklist: Worklist, expired: Workitem, reason: Code, words: str, now: datetime) -> Change:
    details: JsonDataset = {}
    put(details, "ReasonForCancellation", words)
    put_codes(details, "ProcedureStepDiscontinuationReasonCodeSequence", reason)
    content = copy.deepcopy(expired.content)
    fill_cancellation(content, now, details)
    canceled = worklist.in_state(expired, content, State.CANCELED)
    return Change(canceled, expired.revision, (event_of(EventKind.CANCELED, canceled, now),))


def _replacement(worklist: Worklist, expired: Workitem) -> Change:
    content = copy.deepcopy(expired.content)
    put(content, "ProcedureStepState", str(State.SCHEDULED))
    for keyword in _EMPTIED:
        put_items(content, keyword)
    reference: JsonDataset = {}
    put(reference, "ReferencedSOPClassUID", UPS_PUSH)
    put(reference, "ReferencedSOPInstanceUID", expired.uid)
    put_items(content, "ReplacedProcedureStepSequence", reference)
    _assign_to_others(worklist, content, expired)
    workitem = worklist.new_workitem(content, new_uid(), expired.attempt + 1)
    workitem = replace(workitem, rejected_by=expired.rejected_by)
    return Change(workitem, 0, worklist.creation_events(workitem), heir_of=expired.uid)


def _assign_to_others(worklist: Worklist, content: JsonDataset, expired: Workitem) -> None:
    """Take the assignment from whoever let the lease run out: to the next station, or open to every performer."""
    assigned = assigned_station(content)
    if not assigned or assigned != (expired.performer or assigned):
        return
    station = worklist.policy.station_for(content, (*expired.rejected_by, assigned))
    put_codes(content, _STATION, *([station] if station else []))
