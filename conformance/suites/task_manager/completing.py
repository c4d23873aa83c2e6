"""RAD-85: how a workitem ends (PS3.18 section 11.7; PS3.4 sections CC.2.1 and CC.2.5.1)."""

from __future__ import annotations

from conformance.harness import Trial, shows
from conformance.partners.attributes import codes, text, values
from conformance.partners.workitems import FAILURE, discontinued, performed
from conformance.suites.task_manager.stage import BOTH, CANCELED, COMPLETED, IN_PROGRESS, Manager

_DONE = "UnifiedProcedureStepPerformedProcedureSequence"
_PROGRESS = "ProcedureStepProgressInformationSequence"
_NEEDED = (
    "PerformedStationNameCodeSequence",
    "PerformedProcedureStepStartDateTime",
    "PerformedProcedureStepEndDateTime",
    "PerformedWorkitemCodeSequence",
    "OutputInformationSequence",
)


@shows("AIWI-TM-036", "The owner completes, and what was performed is kept", transports=BOTH)
def complete(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-036."""
    item = manager.claimed()
    answer = manager.worklist.update(item.uid, performed(), item.transaction_uid)
    trial.require(answer.ok, "what was performed is taken", answer.words, answer.evidence)
    answer = manager.worklist.change_state(item.uid, COMPLETED, item.transaction_uid)
    trial.require(answer.ok, "COMPLETED is taken", answer.words, answer.evidence)
    manager.must_be(item.uid, COMPLETED)
    found = manager.worklist.retrieve(item.uid)
    kept = values(found.dataset, f"{_DONE}.PerformedStationNameCodeSequence")
    trial.must(kept, "what was performed is kept", "it is gone", found.evidence)
    manager.must_be_legal(found, "stored", item.uid)


@shows("AIWI-TM-037", "Nothing is COMPLETED before it says what was performed", transports=BOTH)
def nothing_performed(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-037."""
    item = manager.claimed()
    answer = manager.worklist.change_state(item.uid, COMPLETED, item.transaction_uid)
    trial.must(answer.refused, "COMPLETED is refused", answer.words, answer.evidence)
    if answer.code:
        trial.must(answer.code == "C304", "the status is C304", answer.words, answer.evidence)
    manager.must_be(item.uid, IN_PROGRESS)


@shows("AIWI-TM-038", "COMPLETED asks for each attribute of the final state", transports=BOTH)
def final_attributes(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-038."""
    for keyword in _NEEDED:
        item = manager.claimed()
        update = manager.worklist.update(item.uid, performed(keyword), item.transaction_uid)
        if not update.ok:
            words = f"an update without {keyword} is refused as a bad request"
            trial.must(update.bad, words, update.words, update.evidence)
            continue
        answer = manager.worklist.change_state(item.uid, COMPLETED, item.transaction_uid)
        trial.must(answer.refused, f"COMPLETED without {keyword} is refused", answer.words, answer.evidence)


@shows("AIWI-TM-039", "What nobody has claimed cannot end by its owner", transports=BOTH)
def not_claimed(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-039."""
    uid = manager.created()
    before = manager.worklist.retrieve(uid)
    for state in (COMPLETED, CANCELED):
        answer = manager.worklist.change_state(uid, state, trial.transaction_uid())
        trial.must(answer.refused, f"{state} is refused", answer.words, answer.evidence)
        if answer.code:
            trial.must(answer.code in {"C310", "C301"}, "the status is C310", answer.words, answer.evidence)
    manager.must_be_unchanged(uid, before, "the refusal")


@shows("AIWI-TM-040", "Nobody but the owner completes", transports=BOTH)
def not_owned(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-040."""
    item = manager.claimed()
    manager.worklist.update(item.uid, performed(), item.transaction_uid)
    before = manager.worklist.retrieve(item.uid)
    answer = manager.worklist.change_state(item.uid, COMPLETED, trial.transaction_uid())
    trial.must(answer.refused, "COMPLETED under a wrong Transaction UID is refused", answer.words, answer.evidence)
    if answer.code:
        trial.must(answer.code == "C301", "the status is C301", answer.words, answer.evidence)
    manager.must_be_unchanged(item.uid, before, "the refusal")


@shows("AIWI-TM-041", "COMPLETED once more by the owner is a success with a warning", transports=BOTH)
def once_more(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-041."""
    item = manager.completed()
    answer = manager.worklist.change_state(item.uid, COMPLETED, item.transaction_uid)
    trial.must(answer.ok, "it is a success", answer.words, answer.evidence)
    said = answer.code == "B306" or "completed" in answer.warning.lower()
    trial.must(said, "a warning says that it is COMPLETED already", answer.words, answer.evidence)


@shows("AIWI-TM-042", "The owner discontinues, and the reason is kept", transports=BOTH)
def discontinue(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-042."""
    item = manager.claimed()
    answer = manager.worklist.update(item.uid, discontinued("Harness ended it"), item.transaction_uid)
    trial.require(answer.ok, "the reason is taken", answer.words, answer.evidence)
    answer = manager.worklist.change_state(item.uid, CANCELED, item.transaction_uid)
    trial.require(answer.ok, "CANCELED is taken", answer.words, answer.evidence)
    manager.must_be(item.uid, CANCELED)
    found = manager.worklist.retrieve(item.uid)
    when = text(found.dataset, f"{_PROGRESS}.ProcedureStepCancellationDateTime")
    trial.must(when, "it says when it was canceled", "absent", found.evidence)
    why = codes(found.dataset, f"{_PROGRESS}.ProcedureStepDiscontinuationReasonCodeSequence")
    trial.must(why == [FAILURE[:2]], "it says why, as it was told", f"{why}", found.evidence)


@shows("AIWI-TM-043", "CANCELED without a reason is refused, or has a reason added", transports=BOTH)
def no_reason(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-043."""
    item = manager.claimed()
    answer = manager.worklist.change_state(item.uid, CANCELED, item.transaction_uid)
    if answer.ok:
        found = manager.worklist.retrieve(item.uid)
        why = values(found.dataset, f"{_PROGRESS}.ProcedureStepDiscontinuationReasonCodeSequence")
        trial.must(why, "a reason was added", "there is none", found.evidence)
        trial.note("CANCELED without a reason is taken, and a reason is added", answer.evidence)
    else:
        trial.must(answer.refused, "it is refused for the final state", answer.words, answer.evidence)
        trial.note("CANCELED without a reason is refused", answer.evidence)
