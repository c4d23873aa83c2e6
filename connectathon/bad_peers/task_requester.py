"""Task Requesters, which also receive HL7 orders, with one defect each."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from actors.shared.mllp import Frame
from connectathon.bad_peers.defects import defect
from profiles.dicom import JsonDataset, tag_of

ACTOR = "task_requester"


def spoil_answers(change: Callable[[list[list[bytes]], Frame], None], *, orders: bool) -> None:
    """Every acceptance passes through a function, as fields of its segments, before it leaves.

    Args:
        change: changes the fields in place.
        orders: whether it is answers to orders, or those to patient messages.
    """
    from actors.task_requester.intake import Intake

    honest = Intake.take

    def take(self: Intake, frame: Frame, peer: str) -> bytes:
        answer = honest(self, frame, peer)
        if (b"|ADT^" in frame.content[:200]) is orders or b"MSA|AA" not in answer:
            return answer
        segments = [line.split(b"|") for line in answer.split(b"\r")]
        change(segments, frame)
        return b"\r".join(b"|".join(fields) for fields in segments)

    Intake.take = take  # type: ignore[method-assign]


def spoil_workitems(change: Callable[[JsonDataset], None]) -> None:
    """Every workitem passes through a function before it is created."""
    from actors.shared.ups_client import UpsClient

    honest = UpsClient.create

    def create(self: UpsClient, workitem: JsonDataset, uid: str | None = None) -> str:
        change(workitem)
        return honest(self, workitem, uid)

    UpsClient.create = create  # type: ignore[method-assign]


def _put(home: object, name: str, value: object) -> None:
    """Put something else in the place of what a module or class calls by a name."""
    setattr(home, name, value)


def _item(dataset: JsonDataset, sequence: str) -> JsonDataset:
    found: JsonDataset = dataset[tag_of(sequence)]["Value"][0]
    return found


# -- messages and their answers --------------------------------------------------------------------------------------


@defect("tr-parties-not-exchanged", ACTOR, "acknowledgements come from the sender itself", fails=("HL7-101",))
def _parties_not_exchanged() -> None:
    def change(segments: list[list[bytes]], frame: Frame) -> None:
        segments[0][2:6] = frame.content.split(b"|")[2:6]

    spoil_answers(change, orders=True)


@defect(
    "tr-cancel-unheard",
    ACTOR,
    "cancelled orders keep their workitems",
    fails=("HL7-103", "AIWI-TR-011"),
    warns=("AIWI-TR-012",),
)
def _cancel_unheard() -> None:
    from actors.task_requester.publishing import Publisher

    _put(Publisher, "_request_cancel", lambda _self, _row: None)


@defect("tr-any-version", ACTOR, "takes messages of versions that do not exist", fails=("HL7-104",))
def _any_version() -> None:
    from actors.task_requester import intake
    from profiles.hl7 import Message, MessageRefused, require_acceptable

    def lenient(message: Message, processing_ids: Any) -> None:
        try:
            require_acceptable(message, processing_ids)
        except MessageRefused as error:
            if any(finding.code != 203 for finding in error.message_findings):  # noqa: PLR2004 - unsupported version
                raise

    _put(intake, "require_acceptable", lenient)


@defect("tr-refuses-resent", ACTOR, "a message that is sent again is refused", warns=("HL7-105", "AIWI-TR-013"))
def _refuses_resent() -> None:
    from actors.task_requester.intake import Intake

    honest, seen = Intake.take, set[bytes]()

    def take(self: Intake, frame: Frame, peer: str) -> bytes:
        answer = honest(self, frame, peer)
        again = frame.content in seen
        seen.add(frame.content)
        return answer.replace(b"MSA|AA", b"MSA|AE") if again else answer

    Intake.take = take  # type: ignore[method-assign]


@defect("tr-deaf-to-charset", ACTOR, "every message is read as Latin-1", warns=("HL7-106",))
def _deaf_to_charset() -> None:
    from actors.task_requester import intake
    from profiles.hl7 import Message, read

    def as_latin_1(content: bytes, default: str) -> Message:
        return read(content.replace(b"UNICODE UTF-8", b"8859/1"), default)

    _put(intake, "read", as_latin_1)


@defect("tr-all-urgent", ACTOR, "routine orders become workitems of priority HIGH", warns=("HL7-107",))
def _all_urgent() -> None:
    def change(workitem: JsonDataset) -> None:
        workitem[tag_of("ScheduledProcedureStepPriority")]["Value"] = ["HIGH"]

    spoil_workitems(change)


@defect("tr-not-urgent", ACTOR, "urgent orders become workitems of priority MEDIUM", warns=("AIWI-TR-006", "HL7-107"))
def _not_urgent() -> None:
    def change(workitem: JsonDataset) -> None:
        workitem[tag_of("ScheduledProcedureStepPriority")]["Value"] = ["MEDIUM"]

    spoil_workitems(change)


@defect("tr-hasty", ACTOR, "does not wait for the rest of the images", fails=("HL7-109",), warns=("AIWI-TR-009",))
def _hasty() -> None:
    from actors.task_requester.following import Follower

    honest = Follower._look_at

    def look_at(self: Follower, row: Any, watch: Any) -> bool:
        watch.unchanged_since = float("-inf")
        watch.counts = _Anything()
        return honest(self, row, watch)

    Follower._look_at = look_at  # type: ignore[method-assign]


class _Anything(dict[str, dict[str, int]]):
    """Equal to whatever was counted."""

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, dict)

    def __ne__(self, other: object) -> bool:
        return not self == other


@defect("tr-one-message-a-connection", ACTOR, "answers the first message of a connection only", fails=("HL7-111",))
def _one_message() -> None:
    from actors.shared.mllp import FrameReader

    honest = FrameReader.feed

    def feed(self: FrameReader, portion: bytes) -> list[Frame]:
        found = honest(self, portion)
        return found[:1] if len(found) > 1 else found

    FrameReader.feed = feed  # type: ignore[method-assign]


@defect("tr-patient-answer-of-another", ACTOR, "answers to patient messages name no message", warns=("HL7-112",))
def _patient_answer() -> None:
    def change(segments: list[list[bytes]], _frame: Frame) -> None:
        segments[1][2:3] = [b"0"]

    spoil_answers(change, orders=False)


# -- workitems -------------------------------------------------------------------------------------------------------


@defect("tr-no-accession", ACTOR, "workitems have no accession number", fails=("AIWI-TR-005", "HL7-102"))
def _no_accession() -> None:
    def change(workitem: JsonDataset) -> None:
        _item(workitem, "ReferencedRequestSequence")[tag_of("AccessionNumber")].pop("Value", None)

    spoil_workitems(change)


@defect("tr-plain-text", ACTOR, "sends workitems as text/plain", fails=("AIWI-TR-001",))
def _plain_text() -> None:
    import httpx

    honest = httpx.Client.request

    def request(self: httpx.Client, method: str, url: Any, **said: Any) -> httpx.Response:
        headers = dict(said.pop("headers", None) or {})
        if str(url).endswith("/workitems"):
            headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
            headers["Content-Type"] = "text/plain"
        return honest(self, method, url, headers=headers, **said)

    httpx.Client.request = request  # type: ignore[method-assign]


@defect("tr-type-2-missing", ACTOR, "leaves out attributes that may be empty", fails=("AIWI-TR-002",))
def _type_2_missing() -> None:
    spoil_workitems(lambda workitem: workitem.pop(tag_of("ProcedureStepProgressInformationSequence"), None) and None)


@defect("tr-no-work-code", ACTOR, "does not say what is to be done", fails=("AIWI-TR-003",))
def _no_work_code() -> None:
    spoil_workitems(lambda workitem: workitem[tag_of("ScheduledWorkitemCodeSequence")].pop("Value", None) and None)


@defect("tr-archive-of-another", ACTOR, "names an archive that does not have the images", fails=("AIWI-TR-004",))
def _archive_of_another() -> None:
    def change(workitem: JsonDataset) -> None:
        url = _item(_item(workitem, "InputInformationSequence"), "WADORSRetrievalSequence")[tag_of("RetrieveURL")]
        url["Value"] = [re.sub(r"//[^/]+", "//archive.invalid", url["Value"][0])]

    spoil_workitems(change)


@defect("tr-no-destination", ACTOR, "does not say where results are to be stored", warns=("AIWI-TR-010",))
def _no_destination() -> None:
    spoil_workitems(lambda workitem: workitem.pop(tag_of("OutputDestinationSequence"), None) and None)


# -- the worklist manager --------------------------------------------------------------------------------------------


@defect("tr-gives-up", ACTOR, "does not try again what got no answer", warns=("AIWI-TR-007",))
def _gives_up() -> None:
    from actors.task_requester.publishing import Publisher
    from profiles.errors import Unavailable

    honest = Publisher._ask

    def ask(self: Publisher, row: Any) -> Any:
        try:
            return honest(self, row)
        except Unavailable as error:
            return self._refused(row, error)

    _put(Publisher, "_ask", ask)


@defect("tr-hammers", ACTOR, "repeats a request that was refused, again and again", warns=("AIWI-TR-007",))
def _hammers() -> None:
    from actors.task_requester.database import WorkitemState
    from actors.task_requester.publishing import Publisher

    honest = Publisher._ask

    def ask(self: Publisher, row: Any) -> Any:
        for _ in range(40):
            outcome = honest(self, row)
            if outcome[0] is not WorkitemState.REFUSED:
                break
        return outcome

    _put(Publisher, "_ask", ask)


@defect("tr-deaf-to-modifications", ACTOR, "does not report that a workitem was modified", warns=("AIWI-TR-008",))
def _deaf_to_modifications() -> None:
    from actors.task_requester import main

    _put(main, "log_modified", lambda _uid, _words: None)


@defect(
    "tr-cancels-itself",
    ACTOR,
    "changes the state of workitems that it wants cancelled",
    fails=("AIWI-TR-011", "HL7-103"),
)
def _cancels_itself() -> None:
    from actors.shared.ups_client import UpsClient
    from profiles.errors import StepwellError

    honest = UpsClient.request_cancel

    def request_cancel(self: UpsClient, uid: str, *args: Any, **said: Any) -> None:
        body: JsonDataset = {
            tag_of("ProcedureStepState"): {"vr": "CS", "Value": ["CANCELED"]},
            tag_of("TransactionUID"): {"vr": "UI", "Value": ["2.25.1"]},
        }
        with suppress(StepwellError):
            self._send("PUT", f"/workitems/{uid}/state", dataset=[body])
        honest(self, uid, *args, **said)

    UpsClient.request_cancel = request_cancel  # type: ignore[method-assign]


@defect("tr-silent-about-cancels", ACTOR, "does not say what became of a cancellation", warns=("AIWI-TR-012",))
def _silent_about_cancels() -> None:
    from actors.task_requester import publishing

    honest = publishing._log.info

    def info(event: str, **said: Any) -> None:
        if event != "cancel-requested":
            honest(event, **said)

    publishing._log = _Quiet(publishing._log, info)


class _Quiet:
    """A log of which one method is another."""

    def __init__(self, log: Any, info: Callable[..., None]) -> None:
        self._log, self.info = log, info

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)
