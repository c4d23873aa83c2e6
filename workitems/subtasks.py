"""Content of a child workitem, and what its parent takes over from its children (AIW-I 50.4.1.6, 50.4.2.3). Pure.

The profile has no attribute that links both; the child repeats the order, the study and the patient of its parent.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime

from profiles.dicom import (
    Code,
    JsonDataset,
    code,
    dicom_datetime,
    get,
    get_code,
    item,
    items,
    put,
    put_codes,
    put_items,
    remove,
    tag_of,
    text,
)
from profiles.errors import StepwellError
from profiles.ups.parameters import want_version
from workitems.model import Contract, Standing
from workitems.pipelines import Inputs, Pipeline, Step

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_OID, "stepwell.workitems.subtasks")
_PROGRESS = "ProcedureStepProgressInformationSequence"
_PERFORMED = "UnifiedProcedureStepPerformedProcedureSequence"
_REASON = "ProcedureStepDiscontinuationReasonCodeSequence"
_STATION = "ScheduledStationNameCodeSequence"
_OUTPUTS = "OutputInformationSequence"
_START, _END = "PerformedProcedureStepStartDateTime", "PerformedProcedureStepEndDateTime"
_NOT_THE_CHILDS = ("SOPClassUID", "SOPInstanceUID", "ScheduledProcedureStepModificationDateTime")
_OF_THE_WORK = (_PROGRESS, _PERFORMED)
_DESCRIPTION_LENGTH = 1024
_REQUEST = ("ReasonForCancellation", _REASON)
_REJECTED = code("DCM", "110530")


def child_uid(parent: str, step: str, attempt: int) -> str:
    """The UID of a child: the same whenever it is asked for, so that what a crash cut off is done again, not twice."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, chr(31).join((parent, step, str(attempt)))).int}"


def child_content(parent: JsonDataset, step: Step, contract: Contract, outputs: Sequence[JsonDataset]) -> JsonDataset:
    """The dataset that a child is created with.

    Args:
        parent: the workitem that is decomposed, or copied.
        step: that the child is.
        contract: says for which station.
        outputs: items of Output Information Sequence of the steps that this one comes after.
    """
    content = copy.deepcopy(parent)
    for keyword in _NOT_THE_CHILDS:
        remove(content, keyword)
    put(content, "TransactionUID")
    put(content, "ProcedureStepState", "SCHEDULED")
    put(content, "InputReadinessState", "READY")
    for keyword in _OF_THE_WORK:
        put_items(content, keyword)
    remove(content, "ReplacedProcedureStepSequence")
    put_codes(content, _STATION, *_station(parent, contract.station))
    if step.workitem_code:
        put_codes(content, "ScheduledWorkitemCodeSequence", step.workitem_code)
        want_version(content, step.engine_version)  # that of the parent is of something else
    if step.label:
        put(content, "ProcedureStepLabel", step.label)
    if step.inputs is Inputs.OUTPUTS:
        put_items(content, "InputInformationSequence", *copy.deepcopy(list(outputs)))
    if step.output_destination:
        storage = put({}, "StorageURL", step.output_destination)
        put_items(content, "OutputDestinationSequence", put_items({}, "STOWRSStorageSequence", storage))
    return dict(sorted(content.items()))


def _station(parent: JsonDataset, ae_title: str) -> list[Code]:
    """The code of a station; as the parent has it where it names the same one."""
    named = get_code(parent, _STATION)
    if not ae_title:
        return []
    return [named if named and named.value == ae_title else Code(ae_title, "L", ae_title)]


def result_of(child: JsonDataset) -> JsonDataset:
    """What is kept of a child in its final state: how it ended, and what was performed."""
    return {tag_of(keyword): child[tag_of(keyword)] for keyword in _OF_THE_WORK if tag_of(keyword) in child}


def reason_of(workitem: JsonDataset) -> tuple[Code | None, str]:
    """Why a workitem was discontinued, as a code and in words."""
    progress = item(workitem, _PROGRESS)
    return get_code(progress, _REASON), text(progress, "ReasonForCancellation")


def outputs_of(contracts: Mapping[str, Contract], steps: Sequence[str]) -> list[JsonDataset]:
    """Items of Output Information Sequence of steps that are COMPLETED."""
    done = [contracts[name] for name in steps if name in contracts and contracts[name].standing is Standing.COMPLETED]
    return [
        output for contract in done for one in items(contract.result, _PERFORMED) for output in items(one, _OUTPUTS)
    ]


def common_progress(
    pipeline: Pipeline, contracts: Mapping[str, Contract], seen: Mapping[str, JsonDataset]
) -> JsonDataset:
    """How far the whole has come, as an update of the parent: a step that has not begun counts as nothing.

    Args:
        pipeline: of the parent.
        contracts: the one that counts, by step.
        seen: the children that are not final, by step.
    """
    percents, words = [], ""
    for step in pipeline.steps:
        contract = contracts.get(step.name)
        if contract and contract.standing is Standing.COMPLETED:
            percents.append(100)
            continue
        progress = item(seen.get(step.name, {}), _PROGRESS)
        percents.append(_percent(progress))
        said = text(progress, "ProcedureStepProgressDescription")
        words = words or (f"{step.label}: {said}" if step.label and said else said)
    found = put({}, "ProcedureStepProgress", sum(percents) // len(percents))
    if words:
        put(found, "ProcedureStepProgressDescription", words[:_DESCRIPTION_LENGTH])
    return put_items({}, _PROGRESS, found)


def _percent(progress: JsonDataset) -> int:
    try:
        return max(0, min(100, int(float(get(progress, "ProcedureStepProgress", 0)))))
    except (TypeError, ValueError):
        return 0


def performed_whole(
    parent: JsonDataset, pipeline: Pipeline, contracts: Mapping[str, Contract], now: datetime
) -> JsonDataset:
    """What was performed, as an update of the parent: the outputs of the last steps, and who did them.

    What was done by one copy of the parent is taken over as it is; what a child does not say is supplied, so that the
    parent can be COMPLETED (PS3.4 Table CC.2.5-1).

    Args:
        parent: the workitem that was decomposed.
        pipeline: of the parent.
        contracts: the one that counts, by step.
        now: the present.
    """
    done = [contracts[name] for name in pipeline.last if name in contracts]
    done = [contract for contract in done if contract.standing is Standing.COMPLETED]
    of_last = [one for contract in done for one in items(contract.result, _PERFORMED)]
    of_all = [one for contract in contracts.values() for one in items(contract.result, _PERFORMED)]
    found = copy.deepcopy(of_last[0]) if len(of_last) == 1 else {}
    stations = [station for one in of_last for station in items(one, "PerformedStationNameCodeSequence")]
    named = [station for contract in done for station in _station(parent, contract.station)]
    put_items(found, "PerformedStationNameCodeSequence", *_distinct(stations))
    if not stations:
        put_codes(found, "PerformedStationNameCodeSequence", *named)
    scheduled = get_code(parent, "ScheduledWorkitemCodeSequence")
    is_copy = all(step.workitem_code is None for step in pipeline.steps)
    if scheduled and not (is_copy and items(found, "PerformedWorkitemCodeSequence")):
        put_codes(found, "PerformedWorkitemCodeSequence", scheduled)
    put(found, _START, min(filter(None, (text(one, _START) for one in of_all)), default=dicom_datetime(now)))
    put(found, _END, max(filter(None, (text(one, _END) for one in of_all)), default=dicom_datetime(now)))
    put_items(found, _OUTPUTS, *outputs_of(contracts, pipeline.last))
    return put_items({}, _PERFORMED, dict(sorted(found.items())))


def _distinct(found: list[JsonDataset]) -> list[JsonDataset]:
    return [one for number, one in enumerate(found) if one not in found[:number]]


def discontinued_whole(
    reason: Code | None, words: str, performed: Sequence[JsonDataset], progress: JsonDataset
) -> JsonDataset:
    """Why the whole is about to be canceled, as an update of the parent (PS3.4 Table CC.2.5-1).

    Args:
        reason: a code of CID 9300; None when nobody named one, then the server supplies one.
        words: in words; empty for none.
        performed: what a copy had performed all the same.
        progress: item of the parent that says how far it had come.
    """
    found = copy.deepcopy(progress)
    if words:
        put(found, "ReasonForCancellation", words[:_DESCRIPTION_LENGTH])
    if reason:
        put_codes(found, _REASON, reason)
    update = put_items({}, _PROGRESS, dict(sorted(found.items())))
    return put_items(update, _PERFORMED, *performed) if performed else update


def refused(station: str, error: StepwellError) -> JsonDataset:
    """What is kept of a child that a performer did not take: as if it had rejected the assignment."""
    words = f"{station or 'The worklist'} did not take the workitem: {error.row_key}."
    return as_result(put_codes(put({}, "ReasonForCancellation", words), _REASON, _REJECTED))


def request_in(result: JsonDataset) -> JsonDataset:
    """A request to cancel the others, for the reason for which a child was canceled."""
    return kept(item(result, _PROGRESS))


def as_result(details: JsonDataset) -> JsonDataset:
    """What is kept of a child that ended for a reason that was given."""
    return put_items({}, _PROGRESS, kept(details))


def kept(details: JsonDataset) -> JsonDataset:
    """Of a request to cancel, what is passed on."""
    return {tag_of(keyword): details[tag_of(keyword)] for keyword in _REQUEST if tag_of(keyword) in details}
