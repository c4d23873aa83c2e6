"""Taking messages: framing, acknowledgement, refusal, and the same message again."""

from __future__ import annotations

from collections.abc import Callable

from conformance.harness import Trial, shows
from conformance.partners.mllp import Reply, framed
from conformance.partners.orders import control_id_of, discharge, imaging_order
from conformance.suites.hl7_receiver.stage import LEAVES, Department, Scan

_SECONDS = 5.0
_OF_THE_VERSION = {"HL7-010-ECHO", "HL7-013-VERSION"}
Change = Callable[[bytes], bytes]


@shows("HL7-101", "A valid order is acknowledged with AA within 5 s, in a frame and by its control id", leaves=LEAVES)
def acknowledged(trial: Trial, department: Department) -> None:
    """HL7-101."""
    for kind in department.kinds:
        scan = department.scan()
        message = imaging_order(scan.order, department.parties, kind)
        trial.step(f"send a new order as {kind}")
        reply = department.placer.send(message, f"new order as {kind}")
        _judge_answer(trial, department, reply, message)
        trial.must(reply.code == "AA", "the order is accepted with AA", reply.words, reply.evidence)
        words = f"{reply.seconds:.1f} s"
        trial.should(reply.seconds <= _SECONDS, "the answer comes within 5 s", words, reply.evidence)


def _judge_answer(trial: Trial, department: Department, reply: Reply, message: bytes) -> None:
    own = control_id_of(message)
    trial.must(reply.control_id == own, "MSA-2 is MSH-10 of the message", reply.words, reply.evidence)
    trial.findings(department.judged(reply, message), "the answer is a good acknowledgement", reply.evidence)


@shows("HL7-105", "The same message again is accepted again and makes no second workitem", leaves=LEAVES)
def resent(trial: Trial, department: Department) -> None:
    """HL7-105."""
    scan = department.scan()
    message = imaging_order(scan.order, department.parties, department.kind)
    department.store(scan)
    for words in ("send an order", "send the same message again"):
        trial.step(words)
        reply = department.placer.send(message, words)
        trial.must(reply.accepted, "it is accepted", reply.words, reply.evidence)
    department.requested(scan)
    trial.step("send the same message once more, now that there is a workitem")
    again = department.placer.send(message, "the same message once more")
    trial.must(again.accepted, "it is accepted", again.words, again.evidence)
    _only_one(trial, department, scan)


def _only_one(trial: Trial, department: Department, scan: Scan) -> None:
    department.nothing_more()
    found = department.created(scan)
    trial.must(len(found) == 1, "there is one workitem for the study", f"{len(found)}", department.proof(*found))


@shows("HL7-111", "Messages are taken however they are cut into TCP segments", leaves=LEAVES)
def segments(trial: Trial, department: Department) -> None:
    """HL7-111."""
    first, second, third = (
        imaging_order(department.scan().order, department.parties, department.kind) for _ in range(3)
    )
    with department.placer.connected() as connection:
        trial.step("send two messages in one segment")
        connection.write(framed(first) + framed(second), "two messages in one segment")
        for message in (first, second):
            reply = connection.reply()
            own = control_id_of(message)
            trial.must(reply.control_id == own, "both are answered, in their order", reply.words, reply.evidence)
        trial.step("send one message in three segments")
        whole = framed(third)
        cuts = (1, len(whole) // 2)
        connection.write(whole[: cuts[0]], "one message, first segment")
        trial.quiet()
        connection.write(whole[cuts[0] : cuts[1]], "second segment")
        trial.quiet()
        connection.write(whole[cuts[1] :], "third segment")
        reply = connection.reply()
        trial.must(reply.accepted, "it is answered", reply.words, reply.evidence)
        trial.must(connection.silent(), "it is answered once", "a second answer came", reply.evidence)
    _unfinished(trial, department)
    for words, end in (("LF", b"\n"), ("CR LF", b"\r\n")):
        message = imaging_order(department.scan().order, department.parties, department.kind).replace(b"\r", end)
        reply = department.placer.send(message, f"segments that end with {words}")
        trial.should(reply.accepted, f"segments may also end with {words}", reply.words, reply.evidence)


def _unfinished(trial: Trial, department: Department) -> None:
    trial.step("send a message without its end")
    lost = department.scan()
    with department.placer.connected() as connection:
        evidence = connection.write(
            framed(imaging_order(lost.order, department.parties, department.kind))[:-2], "a message without 1C 0D"
        )
        trial.must(connection.silent(), "a message without its end is not acknowledged", "it was", evidence)
        with department.placer.connected() as other:
            good = imaging_order(department.scan().order, department.parties, department.kind)
            other.write(framed(good), "meanwhile, over another connection")
            reply = other.reply()
        trial.must(reply.accepted, "other connections are served meanwhile", reply.words, reply.evidence)
        rest = imaging_order(department.scan().order, department.parties, department.kind)
        connection.write(framed(rest), "a whole message after it, over the same connection")
        answers = [connection.reply()]
        own = control_id_of(rest)
        if answers[0].control_id != own and not connection.silent():
            answers.append(connection.reply())
    trial.must(
        answers[-1].control_id == own,
        "a whole message after it is answered",
        answers[-1].words,
        [one for answer in answers for one in answer.evidence],
    )


def _without(segment: bytes, number: int, value: bytes = b"") -> Change:
    """The change that puts another value into a field of the first segment of a name."""

    def change(message: bytes) -> bytes:
        lines = message.split(b"\r")
        place = next(place for place, line in enumerate(lines) if line.startswith(segment))
        fields = lines[place].split(b"|")
        fields[number - 1 if segment == b"MSH" else number] = value
        lines[place] = b"|".join(fields)
        return b"\r".join(lines)

    return change


_BROKEN: tuple[tuple[str, Change], ...] = (
    ("of a type that does not exist", _without(b"MSH", 9, b"ZZZ^Z99^ZZZ_Z99")),
    ("without a type in MSH-9", _without(b"MSH", 9)),
    ("of a version that does not exist", _without(b"MSH", 12, b"9.9")),
    ("without a patient identifier in PID-3", _without(b"PID", 3)),
    ("without an order control in ORC-1", _without(b"ORC", 1)),
)


@shows("HL7-104", "Messages that cannot be taken are refused with a reason, and make nothing", leaves=LEAVES)
def refused(trial: Trial, department: Department) -> None:
    """HL7-104."""
    scans = []
    for kind in department.kinds:
        for words, change in _BROKEN:
            trial.step(f"send an order as {kind} {words}")
            scan = department.scan()
            scans.append(scan)
            department.store(scan)
            message = change(imaging_order(scan.order, department.parties, kind))
            reply = department.placer.send(message, f"message {words}")
            trial.must(reply.refused, f"a message {words} is refused with AR or AE", reply.words, reply.evidence)
            if reply.refused:
                _judge_refusal(trial, department, reply, message)
    _unused(trial, department)
    trial.step("send nonsense in a frame")
    reply = department.placer.send(b"hello", "nonsense")
    trial.must(not reply.accepted, "nonsense is not accepted", reply.words, reply.evidence)
    department.nothing_more()
    made = [one for scan in scans for one in department.created(scan)]
    trial.must(not made, "nothing is created for what was refused", f"{len(made)}", department.proof(*made))


def _unused(trial: Trial, department: Department) -> None:
    trial.step("send an event that is known and not acted upon")
    message = discharge(department.scan().order, department.parties)
    reply = department.placer.send(message, "a discharge")
    accepts = department.declared.hl7.unused_events == "accept"
    words = "an event that is not acted upon is answered as declared"
    trial.must(reply.accepted is accepts and reply.refused is not accepts, words, reply.words, reply.evidence)


def _judge_refusal(trial: Trial, department: Department, reply: Reply, message: bytes) -> None:
    """From 2.5 on a refusal has ERR, before MSA-3 is enough; a version that does not exist may be repeated or not."""
    own = control_id_of(message)
    trial.must(reply.control_id == own, "the refusal names the message in MSA-2", reply.words, reply.evidence)
    found = [one for one in department.judged(reply, message) if one.rule not in _OF_THE_VERSION]
    trial.findings(found, "the refusal is a good acknowledgement with a reason", reply.evidence)
