"""Search the worklist (PS3.4 CC.2.8, PS3.18 11.9): which workitems match, a page of them, how many more."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from profiles.dicom import JsonDataset
from profiles.errors import BadInput
from workitems.matching import UID_LIST, matches
from workitems.store import Store

_INDEXED = {
    "ProcedureStepState": "state",
    "SOPInstanceUID": "uid",
    "WorklistLabel": "label",
    "ScheduledWorkitemCodeSequence.CodeValue": "workitem_code",
    "ScheduledStationNameCodeSequence.CodeValue": "station",
    "ScheduledStationClassCodeSequence.CodeValue": "station_class",
    "StudyInstanceUID": "study",
    "ReferencedRequestSequence.AccessionNumber": "accession",
    "ReferencedRequestSequence.RequestedProcedureID": "requested_procedure",
    "PatientID": "patient_id",
    "InputReadinessState": "readiness",
    "ScheduledProcedureStepPriority": "priority",
}


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search: the datasets and how many more there are."""

    workitems: list[JsonDataset]
    remaining: int


def search(store: Store, keys: Mapping[str, str], limit: int, offset: int = 0) -> Page:
    """The workitems that match all keys, in order of creation (C-FIND, RAD-81)."""
    exact = {
        column: set(re.split(UID_LIST, keys[path])) if column in ("uid", "study") else {keys[path]}
        for path, column in _INDEXED.items()
        if keys.get(path) and not set(keys[path]) & set("*?")
    }
    if "TransactionUID" in keys:
        raise BadInput("Transaction UID (0008,1195) cannot be searched for (PS3.4 CC.2.8.1).")
    found = (dataset for dataset in store.scan(exact) if matches(dataset, keys))
    page = list(islice(islice(found, offset, None), limit))
    return Page(page, sum(1 for _ in found))
