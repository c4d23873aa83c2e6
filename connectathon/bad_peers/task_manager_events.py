"""Task Managers with one defect each in what they tell of events, and how."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from connectathon.bad_peers.defects import defect
from connectathon.bad_peers.spoiling_events import Report, Reports, both, change_reports, part, state_of

_CLASS, _LOCK, _READINESS = "00000002", "00081195", "00404041"
_EVENT = "1.2.840.10008.5.1.4.34.6.4"


@defect("tm-end-untold", "task_manager", "does not report that a workitem is COMPLETED", fails=both("AIWI-TM-065"))
def _end_untold() -> None:
    def change(_event: Any, kind: int, information: Report) -> Reports:
        return [] if state_of(information) == "COMPLETED" else [(kind, information)]

    change_reports(change)


@defect("tm-twice", "task_manager", "reports each claim twice", fails=both("AIWI-TM-065"))
def _twice() -> None:
    def change(_event: Any, kind: int, information: Report) -> Reports:
        return [(kind, information)] * (2 if state_of(information) == "IN PROGRESS" else 1)

    change_reports(change)


@defect(
    "tm-out-of-order",
    "task_manager",
    "reports a cancellation before the claim that it makes",
    fails=both("AIWI-TM-065"),
)
def _out_of_order() -> None:
    worklist = part("workitems.worklist:Worklist")

    honest = worklist.cancel_scheduled

    def cancel_scheduled(self: Any, *about: Any) -> Any:
        change = honest(self, *about)
        return replace(change, events=tuple(reversed(change.events)))

    worklist.cancel_scheduled = cancel_scheduled


@defect("tm-reassigned-untold", "task_manager", "does not report a new assignment", fails=both("AIWI-TM-066"))
def _reassigned_untold() -> None:
    kinds = part("workitems.model:EventKind")
    worklist = part("workitems.worklist:Worklist")

    honest = worklist._update_events

    def update_events(self: Any, *about: Any) -> Any:
        return tuple(one for one in honest(self, *about) if one.kind is not kinds.ASSIGNED)

    worklist._update_events = update_events


@defect(
    "tm-event-class",
    "task_manager",
    "reports events of the class UPS Event, as the example of PS3.18 does",
    fails=("AIWI-TM-067.rest",),
)
def _event_class() -> None:
    hub = part("actors.shared.ups_face.hub")
    honest = hub.event_frame
    hub.event_frame = lambda *about: {**honest(*about), _CLASS: {"vr": "UI", "Value": [_EVENT]}}


@defect(
    "tm-event-class-dimse", "task_manager", "sends N-EVENT-REPORT of the class UPS Event", fails=("AIWI-TM-067.dimse",)
)
def _event_class_dimse() -> None:
    channel = part("actors.shared.ups_dimse.channel")
    channel.UPS_PUSH = _EVENT


@defect("tm-binary-frames", "task_manager", "sends events in binary frames", fails=("AIWI-TM-067.rest",))
def _binary_frames() -> None:
    websocket = part("starlette.websockets:WebSocket")

    async def send_text(self: Any, data: str) -> None:
        await self.send_bytes(data.encode())

    websocket.send_text = send_text


@defect("tm-lock-in-events", "task_manager", "tells the Transaction UID in events", fails=both("AIWI-TM-067"))
def _lock_in_events() -> None:
    worklist = part("workitems.worklist")

    honest = worklist.event_of

    def event_of(kind: Any, workitem: Any, *about: Any, **more: Any) -> Any:
        event = honest(kind, workitem, *about, **more)
        event.content[_LOCK] = {"vr": "UI", "Value": [workitem.transaction_uid]}
        return event

    def change(event: Any, kind: int, information: Report) -> Reports:
        lock = event.content.get(_LOCK)
        return [(kind, {_LOCK: lock, **information} if lock and lock["Value"][0] else information)]

    worklist.event_of = event_of
    change_reports(change)


@defect("tm-cancel-as-progress", "task_manager", "reports requests to cancel as progress", fails=both("AIWI-TM-067"))
def _cancel_as_progress() -> None:
    change_reports(lambda _event, kind, information: [(3 if kind == 2 else kind, information)])  # noqa: PLR2004


@defect("tm-no-readiness", "task_manager", "leaves readiness out of reports of an end", fails=both("AIWI-TM-067"))
def _no_readiness() -> None:
    def change(_event: Any, kind: int, information: Report) -> Reports:
        if state_of(information) == "CANCELED":
            information = {tag: one for tag, one in information.items() if tag != _READINESS}
        return [(kind, information)]

    change_reports(change)


@defect(
    "tm-forgets-the-absent", "task_manager", "loses the events of who is not connected", warns=("AIWI-TM-072.rest",)
)
def _forgets_the_absent() -> None:
    hub = part("actors.shared.ups_face.hub:Hub")

    honest = hub._read_backlog

    def read_backlog(self: Any, receiver: str, position: int) -> Any:
        if position == 0:
            return [], False
        return honest(self, receiver, position)

    hub._read_backlog = read_backlog


@defect(
    "tm-waits-for-the-slowest", "task_manager", "loses events while one subscriber is slow", warns=("AIWI-TM-073.rest",)
)
def _waits_for_the_slowest() -> None:
    hub = part("actors.shared.ups_face.hub:Hub")

    honest, many = hub._offer, 4

    def offer(self: Any, event: Any, receivers: Any) -> None:
        listening = [one for receiver in receivers for one in self._listeners.get(receiver, ())]
        if len({*receivers}) == 1 or all(len(one._offered) <= many for one in listening):
            honest(self, event, receivers)

    hub._offer = offer
