"""Hold what clients know against what the store has: nothing acknowledged is lost, nobody won twice, all was told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from connectathon.campaigns.records import Heard, Records
from profiles.dicom import item, text
from profiles.ups import State
from workitems.model import Event, EventKind, Workitem
from workitems.notification import is_reported

_ONCE = (EventKind.CREATED, EventKind.CLAIMED, EventKind.COMPLETED)
_MESSAGE_IDS = 2**16


def judge(records: Records, workitems: Mapping[str, Workitem], events: Sequence[Event]) -> list[str]:
    """Every promise that was broken, in words; no Transaction UID in any.

    Args:
        records: of the clients.
        workitems: what the store has, by UID.
        events: the outbox, in order; fewer than a Message ID can tell apart.
    """
    return [
        *_lost_changes(records, workitems),
        *_double_winners(records, workitems),
        *_wrong_histories(events),
        *(line for subscriber, heard in sorted(records.heard.items()) for line in _untold(subscriber, heard, events)),
    ]


def _lost_changes(records: Records, workitems: Mapping[str, Workitem]) -> Iterator[str]:
    for uid in sorted(records.created - workitems.keys()):
        yield f"{uid}: its creation was acknowledged, but it is not there"
    for uid, workitem in sorted(workitems.items()):
        if uid in records.completed and workitem.state is not State.COMPLETED:
            yield f"{uid}: its completion was acknowledged, but it is {workitem.state}"
        told = item(workitem.content, "ProcedureStepProgressInformationSequence")
        progress = text(told, "ProcedureStepProgress")
        if uid in records.progress and progress != str(records.progress[uid]):
            yield f"{uid}: progress {records.progress[uid]} was acknowledged, but it has {progress or 'none'}"


def _double_winners(records: Records, workitems: Mapping[str, Workitem]) -> Iterator[str]:
    for uid, claims in sorted(records.claims.items()):
        if len(claims) > 1:
            yield f"{uid}: claimed by {', '.join(claim.performer for claim in claims)}, each with success"
        held = workitems.get(uid)
        if held is None or held.transaction_uid != claims[-1].transaction_uid:
            yield f"{uid}: the claim of {claims[-1].performer} was acknowledged, but it is not its owner"


def _wrong_histories(events: Sequence[Event]) -> Iterator[str]:
    histories: dict[str, list[EventKind]] = defaultdict(list)
    for event in events:
        if event.kind in _ONCE:
            histories[event.workitem_uid].append(event.kind)
    for uid, kinds in sorted(histories.items()):
        if tuple(kinds) != _ONCE:
            yield f"{uid}: the outbox tells of it {', '.join(kinds)}"


def _untold(subscriber: str, heard: Sequence[Heard], events: Sequence[Event]) -> Iterator[str]:
    told = [event for event in events if is_reported(event.kind)]
    if told and told[-1].sequence >= _MESSAGE_IDS:
        raise ValueError("the outbox is too long for Message IDs to tell its events apart")
    arrived: dict[int, int] = {}
    for place, report in enumerate(heard):
        arrived.setdefault(report.message_id, place)
    latest: dict[str, int] = defaultdict(int)
    for event in told:
        what = f"event {event.sequence}, {event.kind} of {event.workitem_uid}"
        if event.sequence not in arrived:
            yield f"{subscriber} never got {what}"
        elif arrived[event.sequence] < latest[event.workitem_uid]:
            yield f"{subscriber} got {what}, before an earlier one"
        else:
            latest[event.workitem_uid] = arrived[event.sequence]
