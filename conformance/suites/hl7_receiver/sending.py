"""What a system that sends orders itself does when it is refused or not answered (RAD-13 from its side)."""

from __future__ import annotations

from conformance.harness import Trial, shows
from conformance.hl7 import check_message
from conformance.hl7.frames import Frame
from conformance.hl7.kinds import is_old
from conformance.hl7.message import Message, read
from conformance.partners.mllp import MllpReceiver, Received, framed
from conformance.suites.hl7_receiver.stage import SENDS, Department

_WHY = "Application internal error"
_OUTCOMES = (("AE", "the message is refused"), ("AR", "the message is rejected"), ("", "nothing is answered"))


@shows("HL7-110", "A message that is refused or not answered is sent again or reported", option=SENDS)
def unanswered(trial: Trial, department: Department) -> None:
    """HL7-110."""
    receiver = department.receiver
    if receiver is None:
        trial.skip("the declaration says sends-orders, and [hl7] names no sends_port")
    for code, words in _OUTCOMES:
        trial.step(f"have the system send a message; {words}")
        before = len(receiver.received)
        refusals = [code]

        def answer(message: bytes, refusals: list[str] = refusals) -> bytes | None:
            told = refusals.pop() if refusals else "AA"
            return acknowledgement(message, told) if told else None

        receiver.answer = answer
        trial.ask("send-order-update", "Have the system send an order update (RAD-13) to the harness.", case=code)
        first = trial.wait_for(lambda before=before: _since(receiver, before))  # type: ignore[misc] # the loop's own
        trial.require(first, "a message comes", "none came")
        _judge(trial, receiver, before, code, words)


def _since(receiver: MllpReceiver, before: int) -> list[Received]:
    return receiver.received[before:]


def _judge(trial: Trial, receiver: MllpReceiver, before: int, code: str, words: str) -> None:
    first = receiver.received[before]
    trial.findings(check_message(framed(first.content), "message"), "the message breaks no rule", first.evidence)
    again = trial.wait_for(lambda: _since(receiver, before + 1))
    if code == "AE" and not again:
        reported = trial.ask(
            "is-refusal-reported", "Look whether the system shows that its message was refused.", "Does it show it?"
        )
        trial.must(reported, f"when {words}, it is sent again or reported", "neither", first.evidence)
        return
    proof = [first.evidence, *(one.evidence for one in again or ())]
    trial.must(again, f"when {words}, it is sent again", "it is not", proof)
    same = all(control_id(one.content) == control_id(first.content) for one in again or ())
    trial.must(same, "it is sent again under the same control id", "it has another", proof)


def acknowledgement(message: bytes, code: str) -> bytes:
    """The answer to a message of the system; a refusal says why in ERR, before 2.5 in MSA-3."""
    found = _read(message)
    if found is None:
        return f"MSH|^~\\&|||||||ACK|A{code}|P|2.5.1\rMSA|{code}|\r".encode()
    header = found.header
    sides = "|".join(header.field(number) for number in (5, 6, 3, 4))
    head = f"MSH|^~\\&|{sides}|{header.field(7)}||ACK^{header.part(9, 2)}^ACK|A{header.field(10)}"
    refused, old = code != "AA", is_old(found)
    text = f"|{_WHY}" if refused and old else ""
    error = f"ERR||MSH^1|207^{_WHY}^HL70357|E\r" if refused and not old else ""
    answer = f"{head}|{header.field(11)}|{header.field(12)}\rMSA|{code}|{header.field(10)}{text}\r{error}"
    return answer.encode()


def control_id(message: bytes) -> str:
    """MSH-10, or empty."""
    found = _read(message)
    return found.header.field(10) if found else ""


def _read(message: bytes) -> Message | None:
    return read(Frame(message, True))
