"""What a Watcher hears, and what it shows of it (PS3.4 Table CC.2.4-1, PS3.18 section 8.10.5)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import count

from conformance.harness import Trial, shows
from conformance.partners.attributes import Attributes, code, put
from conformance.partners.reports import Kind
from conformance.partners.sockets import Socket
from conformance.partners.steps import IN_PROGRESS, frame
from conformance.partners.ups_requests import GLOBAL
from conformance.suites.watcher.stage import LEAVES, Watched, workitem

_NUMBERS = count(40_000)
_TEXT, _PING, _CONTINUED, _LAST = 0x1, 0x9, 0x0, 0x80


@dataclass(frozen=True, slots=True)
class Told:
    """An event, and how it is to be understood.

    Attributes:
        kind: Event Type ID.
        information: what it says.
        text: that has to be read somewhere.
        meaning: of it, for the question to a person.
    """

    kind: Kind
    information: Attributes
    text: str
    meaning: str


def _events() -> list[Told]:
    """One event of each type."""
    progress = put(put({}, "ProcedureStepProgress", 42), "ProcedureStepProgressDescription", "halfway through")
    state = put(put({}, "InputReadinessState", "READY"), "ProcedureStepState", IN_PROGRESS)
    asked = put(put({}, "RequestingAE", "RADIOLOGIST"), "ReasonForCancellation", "order withdrawn")
    station = put({}, "ScheduledStationNameCodeSequence", code("AI_SEVEN", "L", "AI seven"))
    server = put(put({}, "SCPStatus", "RESTARTED"), "SubscriptionListStatus", "WARM START")
    return [
        Told(Kind.STATE, state, IN_PROGRESS, "that it is IN PROGRESS"),
        Told(Kind.CANCEL_REQUESTED, asked, "order withdrawn", "that somebody asks for its cancellation, and why"),
        Told(
            Kind.PROGRESS,
            put({}, "ProcedureStepProgressInformationSequence", progress),
            "halfway through",
            "that its progress is 42 percent",
        ),
        Told(
            Kind.SCP_STATUS,
            put(server, "UnifiedProcedureStepListStatus", "WARM START"),
            "RESTARTED",
            "that the worklist manager was restarted",
        ),
        Told(Kind.ASSIGNED, station, "AI seven", "that it is assigned to the station AI seven"),
    ]


@shows("AIWI-W-004", "Each type of event is shown with its meaning", leaves=LEAVES)
def each_type(trial: Trial, watched: Watched) -> None:
    """AIWI-W-004."""
    uid = watched.manager.add(workitem())
    socket = watched.connection(watched.watch(uid))
    for told in _events():
        about = GLOBAL if told.kind is Kind.SCP_STATUS else uid
        trial.step(f"send an event of type {told.kind:d}")
        _send(watched, socket, frame(told.kind, about, told.information, next(_NUMBERS)))
        shown = watched.shows(about, told.kind.name.lower(), told.text, f"Does the system show {told.meaning}?")
        trial.must(shown, f"an event of type {told.kind:d} is shown: {told.meaning}", "it is not shown")


@shows("AIWI-W-005", "Events and frames of an unknown or unusual shape do no harm", leaves=LEAVES)
def unusual(trial: Trial, watched: Watched) -> None:
    """AIWI-W-005."""
    uid = watched.manager.add(workitem())
    socket = watched.connection(watched.watch(uid))
    state = put(put({}, "InputReadinessState", "READY"), "ProcedureStepState", "SCHEDULED")
    extra = {**state, "00091001": {"vr": "LO", "Value": ["of a private kind"]}, "00080005": {"vr": "CS"}}
    backwards = dict(reversed(frame(Kind.STATE, uid, state, next(_NUMBERS)).items()))
    for name, content in (
        ("an event of type 99", frame(99, uid, state, next(_NUMBERS))),
        ("an event with other attributes besides its own", frame(Kind.STATE, uid, extra, next(_NUMBERS))),
        ("an event with its attributes in another order", backwards),
        ("an event without attributes", frame(Kind.PROGRESS, uid, {}, next(_NUMBERS))),
    ):
        trial.step(f"send {name}")
        _send(watched, socket, content)
    trial.step("send an event in three fragments with a ping between them")
    _send_in_fragments(watched, socket, frame(Kind.STATE, uid, state, next(_NUMBERS)))
    trial.step("send an ordinary event")
    watched.manager.change(uid, put({}, "ProcedureStepState", IN_PROGRESS))
    shown = watched.shows(uid, "state", IN_PROGRESS, "Does the system show that the workitem is IN PROGRESS now?")
    trial.must(shown, "what comes afterwards is shown as before", "it is not shown")
    trial.must(socket.open, "the connection is kept", "the system closed it")


@shows("AIWI-W-006", "What is shown of a workitem is what the worklist manager has now", leaves=LEAVES)
def current_data(trial: Trial, watched: Watched) -> None:
    """AIWI-W-006."""
    if not watched.declared.watcher.shows_content:
        trial.omit("the system shows events and no content")
    uid = watched.manager.add(workitem())
    watched.connection(watched.watch(uid))
    for label in ("Harness one", "Harness two"):
        trial.step(f"change the Procedure Step Label to {label}, and tell that the workitem is READY")
        watched.manager.change(uid, put({}, "ProcedureStepLabel", label))
        state = put(put({}, "InputReadinessState", "READY"), "ProcedureStepState", "SCHEDULED")
        watched.manager.tell(watched.manager.item(uid), Kind.STATE, state)
        done = trial.ask("show-workitem", f"Have the system show the workitem {uid}.", workitem=uid)
        trial.require(done, "the user can have the workitem shown", "not done")
        question = f"Does the system show the label “{label}” for the workitem?"
        shown = watched.shows(uid, "content", label, question)
        trial.must(shown, "the label that the manager has now is shown", f"{label} is not shown")
    came = watched.manager.of("retrieve", uid)
    proof = watched.manager.proof(trial, *came)
    trial.note(f"the workitem was retrieved {len(came)} times while it was shown twice", proof)


def _send(watched: Watched, socket: Socket, content: Attributes) -> None:
    watched.manager.send(socket, json.dumps(content))


def _send_in_fragments(watched: Watched, socket: Socket, content: Attributes) -> None:
    """One text message as three frames, with a ping in between (RFC 6455 section 5.4)."""
    raw = json.dumps(content).encode()
    third = len(raw) // 3
    pieces = (raw[:third], raw[third : 2 * third], raw[2 * third :])
    first, second, last = (
        _frame(code, piece) for code, piece in zip((_TEXT, _CONTINUED, _CONTINUED | _LAST), pieces, strict=True)
    )
    watched.trial.keep("websocket", "→ frame in three fragments, with a ping between them", raw, "json")
    watched.manager.write(socket.exchange.request, first + _frame(_PING | _LAST, b"harness") + second + last)


def _frame(head: int, payload: bytes) -> bytes:
    """A frame of a server, which masks nothing (RFC 6455 section 5.2)."""
    length = bytes([len(payload)]) if len(payload) < 126 else bytes([126]) + len(payload).to_bytes(2)  # noqa: PLR2004
    return bytes([head]) + length + payload
