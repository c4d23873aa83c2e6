"""What a Task Performer fetches, stores and reports of a workitem that it performs without trouble (RAD-84, RAD-85)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

from conformance.air import check_datasets
from conformance.harness import Trial, shows
from conformance.partners.attributes import codes, text, values
from conformance.partners.simulating import Exchange
from conformance.partners.steps import COMPLETED, IN_PROGRESS
from conformance.suites.task_performer.stage import LEAVES, Performing, Run
from conformance.ups import check_workitem

_PERFORMED = "UnifiedProcedureStepPerformedProcedureSequence"
_OUTPUTS = f"{_PERFORMED}.OutputInformationSequence"
_PROGRESS = "ProcedureStepProgressInformationSequence.ProcedureStepProgress"
_LONG = 1800.0


def performed(trial: Trial, performing: Performing) -> Run:
    """The ordinary workitem, which must have been claimed for the test to make sense."""
    run = performing.ordinary()
    claimed = any(performing.manager.when("state", run.item.uid, IN_PROGRESS)(one.request) for one in run.worklist)
    trial.require(claimed, "the workitem is claimed", "no claim came")
    return run


def _of(performing: Performing, run: Run, kind: str, state: str = "") -> list[Exchange]:
    is_meant = performing.manager.when(kind, run.item.uid, state)
    return [one for one in run.worklist if is_meant(one.request)]


def _stores(performing: Performing, run: Run) -> list[Exchange]:
    return [one for one in run.archive if performing.archive.when("store")(one.request)]


@shows(
    "AIWI-TP-006",
    "Exactly the instances that the workitem lists are retrieved, over WADO-RS as it says",
    leaves=LEAVES,
    limit_seconds=_LONG,
)
def inputs(trial: Trial, performing: Performing) -> None:
    """AIWI-TP-006."""
    run = performed(trial, performing)
    fetched = [one for one in run.archive if performing.archive.when("retrieve")(one.request) and one.ok]
    came = {uid for one in fetched for uid in one.reply.about}
    proof = performing.proof(*fetched)
    lacking = run.scene.instances - came
    trial.must(not lacking, "every listed instance is retrieved", f"{len(lacking)} are not", proof)
    results = {one.uid for one in run.stored}
    beyond = came - run.scene.instances - results
    trial.must(not beyond, "no instance is retrieved that is not listed", f"{len(beyond)} are", proof)


@shows("AIWI-TP-007", "Progress is told by the owner, from 0 to 100 and never back", leaves=LEAVES, limit_seconds=_LONG)
def progress(trial: Trial, performing: Performing) -> None:
    """AIWI-TP-007."""
    run = performed(trial, performing)
    told = [one for one in _of(performing, run, "update") if values(one.request.dataset, _PROGRESS)]
    proof = performing.proof(*told)
    trial.must(told, "progress is told at least once", "it is not", proof)
    refused = [one for one in told if not one.ok]
    trial.must(
        not refused, "it is told by the owner", f"{len(refused)} updates are refused", performing.proof(*refused)
    )
    numbers = [_number(text(one.request.dataset, _PROGRESS)) for one in told]
    outside = [one for one in numbers if not 0 <= one <= 100]  # noqa: PLR2004 - percent
    trial.must(not outside, "it is a percentage from 0 to 100", f"{len(outside)} are not", proof)
    back = sum(later < earlier for earlier, later in pairwise(numbers))
    trial.must(not back, "it never goes back", f"{[f'{one:g}' for one in numbers]}", proof)


@shows(
    "AIWI-TP-008",
    "What was performed is told in whole before the workitem is completed",
    leaves=LEAVES,
    limit_seconds=_LONG,
)
def performed_procedure(trial: Trial, performing: Performing) -> None:
    """AIWI-TP-008."""
    run = performed(trial, performing)
    content, task = run.item.content, performing.declared.task
    proof = performing.proof(*_of(performing, run, "update")[-2:], *_of(performing, run, "state", COMPLETED)[:1])
    trial.require(values(content, _PERFORMED), "what was performed is told", "it is not", proof)
    station = codes(content, f"{_PERFORMED}.PerformedStationNameCodeSequence")
    trial.must(station and all(station[0]), "the station is named by a code", "it is not", proof)
    named = {value for value, _ in station}
    trial.should(task.ae_title in named, "its Code Value is the AE title", f"{sorted(named)}", proof)
    work = codes(content, f"{_PERFORMED}.PerformedWorkitemCodeSequence")
    trial.must(work and all(work[0]), "there is a performed workitem code", "there is none", proof)
    trial.should(work[:1] == [task.workitem_code[:2]], "it is the scheduled one", f"{work}", proof)
    _judge_times(trial, content, proof)
    trial.must(values(content, f"{_OUTPUTS}.ReferencedSOPSequence"), "the outputs are listed", "none is", proof)
    if not values(content, f"{_PERFORMED}.PerformedProcessingParametersSequence"):
        trial.note("no processing parameters are told; none were scheduled", proof)
    found = check_workitem(content, "completed", "workitem")
    about = [one for one in found if one.path.startswith(_PERFORMED)]
    trial.findings(about, "what was performed is told by the rules of the attribute table", proof)


def _judge_times(trial: Trial, content: object, proof: list[str]) -> None:
    begin, end = (
        _moment(text(content, f"{_PERFORMED}.PerformedProcedureStep{one}DateTime")) for one in ("Start", "End")
    )
    trial.must(begin and end, "start and end are told as date and time", "they are not", proof)
    if begin and end:
        trial.must(begin <= end, "the start is not after the end", "it is", proof)


@shows(
    "AIWI-TP-009",
    "Results are stored and acknowledged before the workitem is completed",
    leaves=LEAVES,
    limit_seconds=_LONG,
)
def stored_first(trial: Trial, performing: Performing) -> None:
    """AIWI-TP-009."""
    run = performed(trial, performing)
    stores, ends = _stores(performing, run), _of(performing, run, "state", COMPLETED)
    trial.require(stores and ends, "results are stored, and the workitem is completed", "not both came")
    late = [one for one in stores if one.answered > ends[0].request.at]
    trial.must(
        not late,
        "every result is acknowledged when completion is asked for",
        f"{len(late)} of {len(stores)} stores end later",
        performing.proof(*stores[:5], ends[0]),
    )


@shows("AIWI-TP-010", "The workitem is completed once, by its owner", leaves=LEAVES, limit_seconds=_LONG)
def completed_once(trial: Trial, performing: Performing) -> None:
    """AIWI-TP-010."""
    run = performed(trial, performing)
    ends = _of(performing, run, "state", COMPLETED)
    proof = performing.proof(*ends)
    trial.require(ends, "completion is asked for", f"the workitem is {run.item.state}")
    strange = [one for one in ends if text(one.request.dataset, "TransactionUID") != run.item.owner]
    trial.must(not strange, "it is asked for under the claim's Transaction UID", f"{len(strange)} are not", proof)
    trial.must(len(ends) == 1, "it is asked for once", f"{len(ends)} times", proof)
    trial.must(run.item.state == COMPLETED, "the workitem is COMPLETED", f"it is {run.item.state}", proof)


@shows("AIWI-TP-019", "Every result that was stored is listed, and nothing else", leaves=LEAVES, limit_seconds=_LONG)
def outputs(trial: Trial, performing: Performing) -> None:
    """AIWI-TP-019."""
    run = performed(trial, performing)
    trial.require(run.stored, "results are stored", "none is")
    made = {one.uid: str(one.dataset.SOPClassUID) for one in run.stored}
    items = values(run.item.content, f"{_OUTPUTS}.ReferencedSOPSequence")
    listed = {text(one, "ReferencedSOPInstanceUID"): text(one, "ReferencedSOPClassUID") for one in items}
    proof = performing.proof(*_of(performing, run, "update")[-2:]) + performing.proof_of(*run.stored)
    lacking, dangling = made.keys() - listed.keys(), listed.keys() - made.keys() - run.scene.instances
    trial.must(not lacking, "every stored result is listed", f"{len(lacking)} of {len(made)} are not", proof)
    trial.must(not dangling, "every listed result is stored", f"{len(dangling)} of {len(listed)} are not", proof)
    wrong = [uid for uid in made.keys() & listed.keys() if made[uid] != listed[uid]]
    trial.must(not wrong, "each is listed with its own SOP class", f"{len(wrong)} are not", proof)
    bare = [one for one in values(run.item.content, _OUTPUTS) if not _where(one)]
    trial.must(not bare, "it is told where the results are", f"of {len(bare)} series it is not", proof)


def _where(output: object) -> bool:
    return any(
        values(output, f"{keyword}RetrievalSequence") for keyword in ("DICOM", "WADO", "WADORS", "XDS", "DICOMMedia")
    )


@shows("AIWI-TP-021", "The stored results are AIR objects by the rules for them", leaves=LEAVES, limit_seconds=_LONG)
def air_objects(trial: Trial, performing: Performing) -> None:
    """AIWI-TP-021."""
    run = performed(trial, performing)
    trial.require(run.stored, "results are stored", "none is")
    made = [(one.dataset.SOPClassUID.name, one.dataset) for one in run.stored]
    sources = [("source image", image) for series, _ in run.scene.listed for image in series.images]
    found = check_datasets([*made, *sources])
    trial.findings(found, "the results keep the rules of AIR", performing.proof_of(*run.stored))


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return -1.0


def _moment(value: str) -> datetime | None:
    """A DT value; without an offset it is taken as UTC, which is the same for both ends of a step."""
    main, sign, offset = next(
        ((head, one, tail) for one in "+-" for head, found, tail in [value.partition(one)] if found), (value, "", "")
    )
    whole, _, fraction = main.partition(".")
    try:
        found = datetime.strptime(whole.ljust(14, "0")[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        found += timedelta(microseconds=int(fraction.ljust(6, "0")[:6]))
        if sign:
            ahead = timedelta(hours=int(offset[:2]), minutes=int(offset[2:4] or 0))
            found = found.replace(tzinfo=timezone(ahead if sign == "+" else -ahead))
    except ValueError:
        return None
    return found
