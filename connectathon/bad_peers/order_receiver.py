"""Task Requesters with one defect each in how they take HL7 messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actors.shared.mllp import Frame
from connectathon.bad_peers.defects import defect
from profiles.dicom import JsonDataset

ACTOR = "task_requester"


def put_instead(home: object, name: str, value: object) -> None:
    """Put something else in the place of what a module or class calls by a name."""
    setattr(home, name, value)


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
    from actors.task_requester.amending import Amender

    put_instead(Amender, "_request_cancel", lambda _self, _row: None)


@defect("tr-any-version", ACTOR, "takes messages of versions that do not exist", fails=("HL7-104",))
def _any_version() -> None:
    from actors.task_requester import intake
    from profiles.hl7 import Message, MessageRefused, require_acceptable

    def lenient(message: Message, *accepted: Any) -> None:
        try:
            require_acceptable(message, *accepted)
        except MessageRefused as error:
            if any(finding.code != 203 for finding in error.message_findings):  # noqa: PLR2004 - unsupported version
                raise

    put_instead(intake, "require_acceptable", lenient)


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

    put_instead(intake, "read", as_latin_1)


@defect("tr-one-message-a-connection", ACTOR, "answers the first message of a connection only", fails=("HL7-111",))
def _one_message() -> None:
    from actors.shared.mllp import FrameReader

    honest = FrameReader.feed

    def feed(self: FrameReader, portion: bytes) -> list[Frame]:
        found = honest(self, portion)
        return found[:1] if len(found) > 1 else found

    FrameReader.feed = feed  # type: ignore[method-assign]


@defect("tr-whole-segments-only", ACTOR, "loses messages that come in several TCP segments", fails=("HL7-111",))
def _whole_segments_only() -> None:
    from actors.shared.mllp import FrameReader

    honest = FrameReader.feed

    def feed(self: FrameReader, portion: bytes) -> list[Frame]:
        found = honest(self, portion)
        self._inside = False
        return found

    put_instead(FrameReader, "feed", feed)


def _spoil_taking(refused: Callable[[bytes], bool]) -> None:
    """Messages of some kind are answered AE, although they are taken."""
    from actors.task_requester.intake import Intake

    honest = Intake.take

    def take(self: Intake, frame: Frame, peer: str) -> bytes:
        answer = honest(self, frame, peer)
        return answer.replace(b"MSA|AA", b"MSA|AE") if refused(frame.content) else answer

    put_instead(Intake, "take", take)


@defect("tr-no-line-feeds", ACTOR, "refuses messages whose segments end with LF", warns=("HL7-111",))
def _no_line_feeds() -> None:
    _spoil_taking(lambda content: b"\n" in content)


@defect("tr-refuses-unused", ACTOR, "refuses events that it says to accept", fails=("HL7-104",))
def _refuses_unused() -> None:
    _spoil_taking(lambda content: b"ADT^A03" in content)


@defect("tr-first-order-only", ACTOR, "takes only the first order of a message", warns=("HL7-102",))
def _first_order_only() -> None:
    from actors.task_requester import intake
    from profiles.hl7 import orders_from

    put_instead(intake, "orders_from", lambda message, now: orders_from(message, now)[:1])


@defect("tr-late-cancel-refused", ACTOR, "refuses the cancellation of what was completed", fails=("HL7-103",))
def _late_cancel_refused() -> None:
    from actors.shared.ups_client import UpsClient
    from profiles.dicom import text

    known: dict[bytes, tuple[UpsClient, str]] = {}
    honest = UpsClient.create

    def create(self: UpsClient, workitem: JsonDataset, uid: str | None = None) -> str:
        known[text(workitem, "StudyInstanceUID").encode()] = (self, uid or "")
        return honest(self, workitem, uid)

    def is_late(content: bytes) -> bool:
        found = [about for study, about in known.items() if study in content and b"ORC|CA" in content]
        return any(text(client.retrieve(uid), "ProcedureStepState") == "COMPLETED" for client, uid in found)

    put_instead(UpsClient, "create", create)
    _spoil_taking(is_late)


@defect("tr-patient-answer-of-another", ACTOR, "answers to patient messages name no message", warns=("HL7-112",))
def _patient_answer() -> None:
    def change(segments: list[list[bytes]], _frame: Frame) -> None:
        segments[1][2:3] = [b"0"]

    spoil_answers(change, orders=False)
