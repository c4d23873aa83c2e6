"""A claim whose lease ran out (DESIGN D7): canceled by the server with a reason, and replaced by a new workitem."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import datetime

from profiles.dicom import Code, JsonDataset, code, new_uid, put, put_codes, put_items
from profiles.ups import State
from workitems.cancellation import fill_cancellation
from workitems.model import Change, EventKind, Workitem
from workitems.notification import event_of
from workitems.policy import assigned_station
from workitems.worklist import UPS_PUSH, Worklist

_EMPTIED = ("ProcedureStepProgressInformationSequence", "UnifiedProcedureStepPerformedProcedureSequence")


def release(worklist: Worklist, expired: Workitem, now: datetime) -> Workitem | None:
    """End a claim: canceled with a reason, and replaced by a new workitem unless it was the last attempt.

    Args:
        worklist: that has it.
        expired: the claimed workitem, at the revision that was seen; when it was changed since, nothing happens.
        now: the present.

    Returns:
        The replacement; None when there is none.
    """
    lease = worklist.policy.lease_of(expired.content, expired.performer)
    again = lease is None or expired.attempt < lease.attempts
    who = expired.performer or "its performer"
    words = f"The lease of {who} ran out in attempt {expired.attempt}; "
    words += "a new workitem replaces this one." if again else "no attempt is left, so a person must decide."
    changes = [_canceled(worklist, expired, code("DCM", "110528" if again else "110529"), words, now)]
    if again:
        changes.append(_replacement(worklist, expired))
    return changes[-1].workitem if worklist.apply(*changes) and again else None


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
    failed = (*expired.rejected_by, expired.performer or assigned_station(expired.content))
    if assigned_station(content) and (station := worklist.policy.station_for(content, failed)):
        put_codes(content, "ScheduledStationNameCodeSequence", station)
    workitem = worklist.new_workitem(content, new_uid(), expired.attempt + 1)
    workitem = replace(workitem, rejected_by=expired.rejected_by)
    return Change(workitem, 0, worklist.creation_events(workitem), heir_of=expired.uid)
