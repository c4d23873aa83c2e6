"""RAD-84: who may change what, and when (PS3.18 section 11.6; PS3.4 section CC.2.6)."""

from __future__ import annotations

from conformance.harness import Trial, shows
from conformance.partners.attributes import Attributes, code, put, text, values
from conformance.partners.workitems import new_uid, progress
from conformance.suites.task_manager.stage import BOTH, COMPLETED, IN_PROGRESS, Manager

_LABEL, _MODIFIED = "ProcedureStepLabel", "ScheduledProcedureStepModificationDateTime"
_STATIONS = "ScheduledStationNameCodeSequence"


@shows("AIWI-TM-026", "A scheduled workitem is updated without a Transaction UID", transports=BOTH)
def scheduled(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-026."""
    uid = manager.created()
    before = manager.worklist.retrieve(uid)
    answer = manager.worklist.update(uid, put({}, _LABEL, "Changed by the harness"))
    trial.require(answer.ok, "the update is done", answer.words, answer.evidence)
    after = manager.worklist.retrieve(uid)
    now = text(after.dataset, _LABEL)
    trial.must(now == "Changed by the harness", "the attribute has the new value", now, after.evidence)
    others = [tag for tag in {*before.dataset, *after.dataset} if before.dataset.get(tag) != after.dataset.get(tag)]
    trial.must(
        set(others) <= {"00741204", "00404010"}, "only what was sent changed", f"{sorted(others)}", after.evidence
    )
    moved = text(after.dataset, _MODIFIED)
    trial.should(moved, "Scheduled Procedure Step Modification DateTime is set", "absent", after.evidence)


@shows("AIWI-TM-027", "An update of a scheduled workitem with a Transaction UID is refused", transports=BOTH)
def scheduled_with_lock(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-027."""
    uid = manager.created()
    before = manager.worklist.retrieve(uid)
    answer = manager.worklist.update(uid, put({}, _LABEL, "Changed"), trial.transaction_uid())
    trial.must(answer.refused, "the update is refused", answer.words, answer.evidence)
    manager.must_be_unchanged(uid, before, "the refusal")


@shows("AIWI-TM-028", "The owner updates a workitem in progress", transports=BOTH)
def owned(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-028."""
    item = manager.claimed()
    answer = manager.worklist.update(item.uid, put({}, _LABEL, "Changed by its owner"), item.transaction_uid)
    trial.require(answer.ok, "the update is done", answer.words, answer.evidence)
    after = manager.worklist.retrieve(item.uid)
    now = text(after.dataset, _LABEL)
    trial.must(now == "Changed by its owner", "the attribute has the new value", now, after.evidence)


@shows("AIWI-TM-029", "Nobody else updates a workitem in progress", transports=BOTH)
def not_owned(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-029."""
    item = manager.claimed()
    before = manager.worklist.retrieve(item.uid)
    for words, lock in (("a wrong Transaction UID", trial.transaction_uid()), ("no Transaction UID", "")):
        answer = manager.worklist.update(item.uid, put({}, _LABEL, "Changed"), lock)
        trial.must(answer.refused, f"an update with {words} is refused", answer.words, answer.evidence)
        if answer.code:
            trial.must(answer.code == "C301", "the status is C301", answer.words, answer.evidence)
    manager.must_be_unchanged(item.uid, before, "the refusal")


@shows("AIWI-TM-030", "What has ended is not updated any more", transports=BOTH)
def final(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-030."""
    for item in (manager.completed(), manager.canceled()):
        before = manager.worklist.retrieve(item.uid)
        answer = manager.worklist.update(item.uid, put({}, _LABEL, "Changed"), item.transaction_uid)
        trial.must(answer.refused, "the update is refused", answer.words, answer.evidence)
        if answer.code:
            trial.must(answer.code == "C300", "the status is C300", answer.words, answer.evidence)
        manager.must_be_unchanged(item.uid, before, "the refusal")


@shows("AIWI-TM-031", "An update does not change the state", transports=BOTH)
def state_by_update(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-031."""
    item = manager.claimed()
    answer = manager.worklist.update(item.uid, put({}, "ProcedureStepState", COMPLETED), item.transaction_uid)
    trial.must(
        not answer.ok or answer.warned, "the update is refused, or done with a warning", answer.words, answer.evidence
    )
    trial.must(answer.ok or answer.refused or answer.code, "it is no internal error", answer.words, answer.evidence)
    manager.must_be(item.uid, IN_PROGRESS)


@shows("AIWI-TM-032", "What an update may not touch stays as it is", transports=BOTH)
def not_allowed(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-032."""
    uid = manager.created()
    before = manager.worklist.retrieve(uid)
    for keyword, value in (
        ("PatientName", "Other^Patient"),
        ("PatientID", "OTHER"),
        ("ReferencedRequestSequence", {}),
        ("SOPClassUID", "1.2.840.10008.5.1.4.34.6.2"),
    ):
        answer = manager.worklist.update(uid, put({}, keyword, value))
        words = f"an update of {keyword} is refused, or ignored with a warning"
        trial.must(not answer.ok or answer.warned, words, answer.words, answer.evidence)
    manager.must_be_unchanged(uid, before, "what is not allowed")


@shows("AIWI-TM-033", "A sequence is replaced as a whole", transports=BOTH)
def sequences(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-033."""
    uid = manager.created()
    three = [code(f"AI_{number}", "99HARNESS", f"AI {number}") for number in (1, 2, 3)]
    first = manager.worklist.update(uid, put({}, _STATIONS, *three))
    trial.require(first.ok, "a sequence of three items is taken", first.words, first.evidence)
    count = len(values(manager.worklist.retrieve(uid).dataset, _STATIONS))
    trial.require(count == 3, "three items are there", f"{count}", first.evidence)  # noqa: PLR2004
    second = manager.worklist.update(uid, put({}, _STATIONS, three[1]))
    trial.require(second.ok, "a sequence of one item is taken", second.words, second.evidence)
    found = manager.worklist.retrieve(uid)
    left = [text(item, "CodeValue") for item in values(found.dataset, _STATIONS)]
    trial.must(left == ["AI_2"], "only the new item is there", f"{left}", found.evidence)


@shows("AIWI-TM-034", "An update of what is not there is answered as such", transports=BOTH)
def nothing_there(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-034."""
    answer = manager.worklist.update(new_uid(), put({}, _LABEL, "Changed"))
    trial.must(answer.absent, "it is answered 404 (C307 over DIMSE)", answer.words, answer.evidence)


@shows("AIWI-TM-035", "Progress is told as it comes", transports=BOTH)
def progressing(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-035."""
    item = manager.claimed()
    for percent in (0, 50, 100):
        answer = manager.worklist.update(item.uid, progress(percent, f"at {percent} percent"), item.transaction_uid)
        trial.require(answer.ok, f"progress of {percent} is taken", answer.words, answer.evidence)
        found = manager.worklist.retrieve(item.uid)
        told: Attributes = next(iter(values(found.dataset, "ProcedureStepProgressInformationSequence")), {})
        shown = text(told, "ProcedureStepProgress")
        is_there = shown != "" and float(shown) == percent
        trial.must(is_there, f"a reader sees {percent} percent", shown or "nothing", found.evidence)
        words = text(told, "ProcedureStepProgressDescription")
        trial.must(words == f"at {percent} percent", "and its description", words, found.evidence)
