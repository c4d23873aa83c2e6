"""What a Task Performer does when work cannot be done, is to be stopped, or is interrupted (RAD-85, 87, 88)."""

from __future__ import annotations

from conformance.harness import Trial, shows
from conformance.partners.attributes import codes, text, values
from conformance.partners.simulating import Exchange, Fault
from conformance.partners.steps import CANCELED, COMPLETED, FINAL, IN_PROGRESS, Item
from conformance.suites.task_performer.stage import LEAVES, Performing

_REASON = "ProcedureStepProgressInformationSequence.ProcedureStepDiscontinuationReasonCodeSequence"
_OUTPUTS = "UnifiedProcedureStepPerformedProcedureSequence.OutputInformationSequence"
_LONG = 1800.0
_PATIENCE = 2


@shows(
    "AIWI-TP-011",
    "A workitem whose images are no use is canceled with a coded reason",
    leaves=LEAVES,
    limit_seconds=_LONG,
)
def unsuitable_input(trial: Trial, performing: Performing) -> None:
    """AIWI-TP-011."""
    trial.step("let an image be no DICOM file")
    broken = performing.scene()
    unreadable = performing.schedule(broken)
    for series in broken.series:
        for image in series.images:
            performing.archive.keep_file(image, b"This is no DICOM file." * 40)
    trial.step("schedule work on a single photograph")
    photograph = performing.scene(photograph=True)
    unsuitable = performing.schedule(photograph)
    performing.require_attention(unreadable, unsuitable)
    for words, uid, scene in (
        ("images that cannot be read", unreadable, broken),
        ("an image that the work cannot be done on", unsuitable, photograph),
    ):
        performing.await_end(uid)
        item, ends = performing.manager.item(uid), performing.endings(uid)
        if item.state == COMPLETED and values(item.content, _OUTPUTS):
            trial.note(f"work on {words} is declared as completed in part", performing.proof(*ends))
            continue
        _judge_canceled(trial, performing, item, words)
        stored = [one for one in performing.archive.stored if one.dataset.StudyInstanceUID == scene.study.uid]
        trial.must(not stored, "nothing is stored", f"{len(stored)} instances are", performing.proof_of(*stored))


@shows(
    "AIWI-TP-012",
    "A workitem whose images are missing in the archive is canceled with a coded reason, in time",
    leaves=LEAVES,
    limit_seconds=_LONG,
)
def missing_input(trial: Trial, performing: Performing) -> None:
    """AIWI-TP-012."""
    limit = performing.declared.timing.cancel_seconds
    uid = performing.schedule(missing=True)
    performing.require_attention(uid)
    performing.await_end(uid, limit)
    _judge_canceled(trial, performing, performing.manager.item(uid), f"images that are missing, within {limit:g} s,")


def _judge_canceled(trial: Trial, performing: Performing, item: Item, words: str) -> None:
    updates = performing.manager.of("update", item.uid)
    rejections = performing.manager.of("cancelrequest", item.uid)
    proof = performing.proof(*updates[-2:], *rejections, *performing.endings(item.uid))
    trial.must(item.state == CANCELED, f"work on {words} is canceled", f"it is {item.state}", proof)
    reasons = codes(item.content, _REASON)
    trial.must(
        item.state != CANCELED or (reasons and all(reasons[0])),
        f"the reason is told as a code for {words}",
        "there is none",
        proof,
    )


@shows(
    "AIWI-TP-014",
    "A request to cancel leads to exactly one final state",
    leaves=LEAVES,
    limit_seconds=_LONG,
)
def cancel_requested(trial: Trial, performing: Performing) -> None:
    """AIWI-TP-014."""
    trial.step("schedule a workitem, hold back its images, and ask that it be canceled")
    performing.archive.hold()
    scene = performing.scene()
    uid = performing.schedule(scene)
    performing.require_claim(uid)
    trial.wait_for(lambda: performing.archive.of("search", scene.study.uid) or _fetching(performing, uid))
    told = performing.manager.request_cancel(uid, "RADIOLOGIST", "No longer needed")
    trial.quiet()
    performing.archive.release()
    state = performing.await_end(uid)
    performing.await_claim(performing.sentinel())
    ends = performing.endings(uid)
    proof = performing.proof(*ends)
    trial.must(state in FINAL, "the workitem comes to its end", f"it is {state}", proof)
    wanted = {text(one.request.dataset, "ProcedureStepState") for one in ends}
    trial.must(len(wanted) <= 1, "one final state is asked for", " and ".join(sorted(wanted)), proof)
    if performing.declared.task.cancels and told:
        trial.should(state == CANCELED, "the request is honoured, as declared", f"it is {state}", proof)
    trial.note(f"{'it was told of the request' if told else 'it could not be told'}, and ended as {state}", proof)
    if state == CANCELED:
        stored = [one for one in performing.archive.stored if one.dataset.StudyInstanceUID == scene.study.uid]
        trial.should(not stored, "nothing is stored of canceled work", f"{len(stored)}", performing.proof_of(*stored))


def _fetching(performing: Performing, uid: str) -> bool:
    """Whether there is a sign that work goes on: the images themselves are held back."""
    return bool(performing.manager.of("update", uid))


@shows(
    "AIWI-TP-017",
    "Completion is asked for again when the worklist is away or an answer is lost",
    leaves=LEAVES,
    limit_seconds=_LONG,
)
def lost_completion(trial: Trial, performing: Performing) -> None:
    """AIWI-TP-017."""
    manager, away = performing.manager, performing.declared.timing.away_seconds
    trial.step("break the connection when completion is asked for, and be away")
    uid = performing.schedule()
    is_completion = manager.when("state", uid, COMPLETED)
    broken = manager.fail(Fault(is_completion, status=503, lost=True, times=None))
    performing.require_claim(uid)
    trial.wait_for(lambda: broken.met, performing.declared.timing.work_seconds)
    trial.require(broken.met, "completion is asked for", f"the workitem is {performing.state(uid)}")
    manager.down()
    trial.wait_for(lambda: None, away)
    manager.spare()
    lost = manager.fail(Fault(is_completion, lost=True))
    trial.step("be there again, and lose the answer to the next request")
    manager.up()
    patience = performing.declared.limits.reaction_seconds + away
    trial.wait_for(lambda: lost.met and len(_after(performing, uid)) > 0, patience)
    performing.await_claim(performing.sentinel())
    asked = performing.endings(uid)
    proof = performing.proof(*asked)
    trial.must(lost.met, "completion is asked for again when the worklist is back", "it is not", proof)
    trial.must(_after(performing, uid), "it is asked for again when the answer was lost", "it is not", proof)
    strange = [one for one in asked if text(one.request.dataset, "TransactionUID") != manager.item(uid).owner]
    trial.must(not strange, "always under the same Transaction UID", f"{len(strange)} are not", proof)
    others = [one for one in asked if not is_completion(one.request)]
    more = _after(performing, uid)[1:]
    trial.must(
        not others and len(more) <= _PATIENCE,
        "that it is COMPLETED already is taken for success",
        f"{len(others) + len(more)} further requests",
        proof,
    )


def _after(performing: Performing, uid: str) -> list[Exchange]:
    """Completions that were answered, after those that were lost."""
    return [one for one in performing.manager.of("state", uid, COMPLETED) if not one.lost]


@shows(
    "AIWI-TP-020",
    "A performer that was killed still owns its workitem afterwards, or cancels it",
    leaves=LEAVES,
    limit_seconds=_LONG,
)
def killed(trial: Trial, performing: Performing) -> None:
    """AIWI-TP-020."""
    trial.step("schedule a workitem, and hold back its images")
    performing.archive.hold()
    scene = performing.scene()
    uid = performing.schedule(scene)
    performing.require_claim(uid)
    trial.wait_for(lambda: performing.state(uid) == IN_PROGRESS)
    words = "Kill the system under test without letting it end its work, and start it again."
    trial.require(trial.ask("kill-and-restart", words), "it can be started again", "it could not")
    performing.archive.release()
    state = performing.await_end(uid)
    proof = performing.proof(*performing.claims(uid), *performing.endings(uid))
    trial.must(state in FINAL, "the workitem comes to its end", f"it is {state}", proof)
    used = {text(one.request.dataset, "TransactionUID") for one in (*performing.claims(uid), *performing.endings(uid))}
    trial.must(len(used) == 1, "under the Transaction UID of the claim", f"{len(used)} are used", proof)
