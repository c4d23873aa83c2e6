"""A Task Performer that works off a worklist over DIMSE (RAD-81 to RAD-85; PS3.4 Annex CC)."""

from __future__ import annotations

from conformance.harness import Trial, shows
from conformance.partners.attributes import code, tag_of, text, values
from conformance.partners.manager_dimse import PULL, PUSH, QUERY, DimseManager, Message
from conformance.partners.steps import COMPLETED, FINAL, IN_PROGRESS
from conformance.suites.task_performer.declared import DIMSE
from conformance.suites.task_performer.stage import LEAVES, OTHER_STATION, URGENT, Performing

_OUTPUTS = "UnifiedProcedureStepPerformedProcedureSequence.OutputInformationSequence.ReferencedSOPSequence"


@shows(
    "AIWI-TP-022",
    "A workitem is found, claimed, read, updated and completed over DIMSE",
    option=DIMSE,
    leaves=LEAVES,
    limit_seconds=1800,
)
def over_dimse(trial: Trial, performing: Performing) -> None:
    """AIWI-TP-022."""
    worklist = performing.dimse
    if worklist is None:
        trial.skip("[harness] dimse_port is not declared")
    trial.step("schedule a workitem for another station, and one for the station under test")
    other = {"ScheduledStationNameCodeSequence": code(OTHER_STATION, "L", "Another station")}
    foreign = performing.schedule(None, {**URGENT, **other}, missing=True)
    uid = performing.schedule()
    claimed = trial.wait_for(lambda: worklist.of("state", uid, IN_PROGRESS), performing.claim_seconds)
    performing.require_life()
    trial.require(claimed, "the workitem is claimed by N-ACTION", "it is not", _proof(worklist.of("find")[:3]))
    performing.await_end(uid)
    _judge_search(trial, worklist)
    wrong = worklist.of("state", foreign)
    trial.must(not wrong, "the workitem for another station is left alone", "it is claimed", _proof(wrong))
    messages = [one for kind in ("get", "set", "state") for one in worklist.of(kind, uid)]
    odd = [one for one in messages if one.sop_class != PUSH or one.context != PULL]
    trial.must(
        not odd,
        "commands name the SOP class UPS Push, on a context of UPS Pull (PS3.4 section CC.3.1)",
        f"{len(odd)} of {len(messages)} do not",
        _proof(odd or messages[:1]),
    )
    _judge_order(trial, performing, worklist, uid)


def _judge_search(trial: Trial, worklist: DimseManager) -> None:
    found = worklist.of("find")
    bad = [one for one in found if one.context not in {PULL, QUERY}]
    trial.must(found and not bad, "work is searched for by C-FIND of UPS Pull", f"{len(bad)} do not", _proof(found[:3]))
    wide = [one for one in found if text(one.content, "ProcedureStepState") != "SCHEDULED"]
    trial.must(not wide, "the searches narrow to SCHEDULED", f"{len(wide)} do not", _proof(wide[:3]))


def _judge_order(trial: Trial, performing: Performing, worklist: DimseManager, uid: str) -> None:
    claims, ends = worklist.of("state", uid, IN_PROGRESS), worklist.of("state", uid, COMPLETED)
    updates, read = worklist.of("set", uid), worklist.of("get", uid)
    item = performing.manager.item(uid)
    trial.must(read, "the workitem is read by N-GET", "it is not", _proof(claims))
    secret = [one for one in read if tag_of("TransactionUID") in one.content]
    trial.must(not secret, "the Transaction UID is never asked for", "it is", _proof(secret))
    refused = [one for one in (*claims, *updates, *ends) if not one.ok]
    trial.must(not refused, "no command is refused", f"{len(refused)} are", _proof(refused[:5]))
    used = {text(one.content, "TransactionUID") for one in (*claims, *updates, *ends)}
    trial.must(used == {item.owner}, "all are under the claim's Transaction UID", f"{len(used)} are used", _proof(ends))
    trial.must(len(ends) == 1, "completion is asked for once", f"{len(ends)} times", _proof(ends))
    state = item.state
    trial.must(state in FINAL, "the workitem comes to its end", f"it is {state}", _proof(ends))
    stored = performing.archive.of("store")
    late = [one for one in stored if ends and one.answered > ends[0].at]
    trial.must(stored and not late, "results are stored before", f"{len(late)} later", performing.proof(*stored))
    listed = {text(one, "ReferencedSOPInstanceUID") for one in values(item.content, _OUTPUTS)}
    lacking = {one.uid for one in performing.archive.stored} - listed
    trial.must(not lacking, "every stored result is listed", f"{len(lacking)} are not", _proof(updates[-1:]))


def _proof(messages: list[Message]) -> list[str]:
    return [one.evidence for one in messages]
