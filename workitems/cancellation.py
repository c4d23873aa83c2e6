"""What a canceled workitem says of its cancellation (PS3.4 CC.2.5.1.3.2), and what a request to cancel may say."""

from __future__ import annotations

import copy
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
    tag_of,
)

DISCONTINUED = Code("110513", "DCM", "Discontinued for unspecified reason")
#: Requesting AE is type 1, but PS3.18 2024e has no place to name the requester.
UNNAMED = "UNKNOWN"
_PROGRESS = "ProcedureStepProgressInformationSequence"
_REASON = "ProcedureStepDiscontinuationReasonCodeSequence"
_CONTACT = ("ContactURI", "ContactDisplayName")
_REQUEST = ("ReasonForCancellation", _REASON, *_CONTACT)


def request_details(details: JsonDataset, requester: str) -> JsonDataset:
    """What subscribers are told of a request to cancel (PS3.4 Table CC.2.4-1, event 2)."""
    told = {tag_of(keyword): details[tag_of(keyword)] for keyword in _REQUEST if tag_of(keyword) in details}
    return put(told, "RequestingAE", requester or UNNAMED)


def is_rejection(details: JsonDataset) -> bool:
    """Whether a request to cancel says that the assigned resource rejects the workitem (AIW-I 50.4.2.4)."""
    return code("DCM", "110530").same_as(get_code(details, _REASON))


def fill_cancellation(content: JsonDataset, now: datetime, details: JsonDataset) -> None:
    """Supply what a CANCELED workitem needs and the server may: when, why, and whom to ask (ups.md 6.3, 11.4)."""
    progress = copy.deepcopy(item(content, _PROGRESS))
    for keyword in ("ReasonForCancellation", _REASON):
        if (details.get(tag_of(keyword)) or {}).get("Value"):
            progress[tag_of(keyword)] = details[tag_of(keyword)]
    contact = {tag_of(keyword): details[tag_of(keyword)] for keyword in _CONTACT if tag_of(keyword) in details}
    if get(contact, "ContactURI"):
        known = items(progress, "ProcedureStepCommunicationsURISequence")
        put_items(progress, "ProcedureStepCommunicationsURISequence", *known, contact)
    if not get(progress, "ProcedureStepCancellationDateTime"):
        put(progress, "ProcedureStepCancellationDateTime", dicom_datetime(now))
    if not items(progress, _REASON):
        put_codes(progress, _REASON, DISCONTINUED)
    put_items(content, _PROGRESS, dict(sorted(progress.items())))
