"""Steps that several workitems have in common: each is done once, and all that ask for it go on from its end.

A step is the same when it does the same with the same inputs of the same patient, whichever pipeline it is of. The
workitem that does it carries the order of whoever asked first, and the urgency of the most urgent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import orjson

from profiles.dicom import JsonDataset, get_code, items, parse_dicom_datetime, put, text
from profiles.ups import State
from workitems.model import Change, Contract, Standing, Workitem
from workitems.store import Store
from workitems.worklist import Worklist

_PRIORITY, _BEGIN = "ScheduledProcedureStepPriority", "ScheduledProcedureStepStartDateTime"
_PRIORITIES = ("HIGH", "MEDIUM", "LOW")
_CODES = ("ScheduledWorkitemCodeSequence", "ScheduledStationClassCodeSequence")
_TEXTS = ("PatientID", "IssuerOfPatientID", "StudyInstanceUID")
_ITEMS = ("ScheduledProcessingParametersSequence", "InputInformationSequence", "OutputDestinationSequence")


def digest_of(content: JsonDataset) -> str:
    """What a child is about, as a digest: for whom, what is done with which inputs, and where the results go."""
    codes = [(code.value, code.scheme) if (code := get_code(content, keyword)) else None for keyword in _CODES]
    texts = [text(content, keyword) for keyword in _TEXTS]
    several = [sorted(map(_written, items(content, keyword))) for keyword in _ITEMS]
    return hashlib.sha256(orjson.dumps([codes, texts, several])).hexdigest()


def _written(item: JsonDataset) -> str:
    return orjson.dumps(item, option=orjson.OPT_SORT_KEYS).decode()


def joined(contract: Contract, shared: str, others: Sequence[Contract]) -> Contract:
    """A contract of a step that may be shared: about the child that others have of it, unless that did not end well.

    Args:
        contract: about a child of its own.
        shared: digest of what is done.
        others: the contracts with this digest.
    """
    for one in others:
        if one.standing is Standing.COMPLETED or not (one.recalled or one.standing.is_final):
            return replace(contract, shared=shared, child=one.child, standing=one.standing, result=one.result)
    return replace(contract, shared=shared)


def is_needed_elsewhere(store: Store, contract: Contract) -> bool:
    """Whether another workitem waits for the child of a contract that is to be recalled."""
    others = store.contracts_sharing(contract.shared) if contract.shared else []
    return any(
        one.child == contract.child and one.parent != contract.parent and not (one.recalled or one.standing.is_final)
        for one in others
    )


def hurry(worklist: Worklist, child: str, parent: JsonDataset) -> None:
    """Have a child that waits be done as soon as one more parent wants it."""

    def change(current: Workitem) -> Change | None:
        update = sooner(current.content, parent)
        if current.state is not State.SCHEDULED or not update:
            return None
        return Change(worklist.changed(current, update), current.revision, (), current)

    worklist.change_as_server(child, change)


def sooner(child: JsonDataset, parent: JsonDataset) -> JsonDataset:
    """What a child takes over, as an update, from a parent that is more urgent or begins earlier than it; else nothing.

    Args:
        child: that several parents share, or will.
        parent: one of them.
    """
    update: JsonDataset = {}
    if _rank(parent) < _rank(child):
        put(update, _PRIORITY, text(parent, _PRIORITY))
    try:
        is_earlier = parse_dicom_datetime(text(parent, _BEGIN)) < parse_dicom_datetime(text(child, _BEGIN))
    except (TypeError, ValueError):
        return update
    return put(update, _BEGIN, text(parent, _BEGIN)) if is_earlier else update


def _rank(workitem: JsonDataset) -> int:
    priority = text(workitem, _PRIORITY)
    return _PRIORITIES.index(priority) if priority in _PRIORITIES else len(_PRIORITIES)
