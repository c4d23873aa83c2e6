"""How a workitem differs from the one that is wanted now, and what is to be done about it (orders.md 4.3, 9.3, 10.3).

Pure. A workitem of ours can be changed by N-SET only while it is SCHEDULED, and patient and request never
(PS3.4 Table CC.2.5-3). What is done in which state is a table: ``tables/revisions.csv``.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any

from profiles.dicom import JsonDataset, get_code, item, items, put, put_items, tag_of, text
from profiles.tables import read_table

_UPS_PUSH = "1.2.840.10008.5.1.4.34.6.1"
#: Moments that follow from when it was decided: by themselves they are no news.
_MOMENTS = (
    "ScheduledProcedureStepStartDateTime",
    "ExpectedCompletionDateTime",
    "ScheduledProcedureStepExpirationDateTime",
)
_NO_NEWS = (*_MOMENTS, "ReplacedProcedureStepSequence")
#: Another engine is another request, though N-SET would allow it (orders.md 4.3 row XO).
_ENGINE = ("ScheduledWorkitemCodeSequence", "ScheduledStationClassCodeSequence", "ScheduledStationNameCodeSequence")


class Response(StrEnum):
    """What is done about a difference."""

    NOTHING = "nothing"
    UPDATE = "update"
    REPLACE = "replace"
    CANCEL = "cancel"
    NOTE = "note"
    AGAIN = "again"


@dataclass(frozen=True, slots=True)
class Difference:
    """What tells the wanted workitem from the one that there is.

    Attributes:
        kind: ``none``, ``update`` (N-SET would do), ``replace``, or ``serious`` (also while it is being worked on).
        keywords: of the attributes.
        changes: the dataset for N-SET.
    """

    kind: str
    keywords: tuple[str, ...] = ()
    changes: JsonDataset = field(default_factory=dict)


def difference(there: JsonDataset, wanted: JsonDataset) -> Difference:
    """Compare two workitems, as they were or would be sent to be created."""
    keywords = tuple(keyword for keyword in _keywords() if _value(there, keyword) != _value(wanted, keyword))
    told = tuple(keyword for keyword in keywords if keyword not in _NO_NEWS)
    if not told:
        return Difference("none")
    if not _is_same_patient(there, wanted) or _procedure(there) != _procedure(wanted):
        return Difference("serious", told)
    if any(keyword in _ENGINE or keyword in _never_set() for keyword in told):
        return Difference("replace", told)
    changed = [one for one in keywords if one != "ReplacedProcedureStepSequence"]
    empty: dict[str, JsonDataset] = {tag_of(one): put({}, one)[tag_of(one)] for one in changed}
    return Difference("update", told, {tag: wanted.get(tag) or empty[tag] for tag in sorted(empty)})


def respond(state: str, kind: str) -> Response:
    """What is done about a difference of a kind (or ``unwanted``) while the workitem is in a state."""
    return Response(_responses().get((state, kind), "nothing"))


def replacing(workitem: JsonDataset, uid: str) -> JsonDataset:
    """The workitem as the replacement of a cancelled one (PS3.3 C.30.1, Replaced Procedure Step Sequence; HL7-040).

    Args:
        workitem: for creation.
        uid: of the one that it replaces; none when empty.
    """
    changed = dict(workitem)
    if not uid:
        changed.pop(tag_of("ReplacedProcedureStepSequence"), None)
        return changed
    reference: JsonDataset = put({}, "ReferencedSOPClassUID", _UPS_PUSH)
    put_items(changed, "ReplacedProcedureStepSequence", put(reference, "ReferencedSOPInstanceUID", uid))
    return dict(sorted(changed.items()))


def with_readiness(workitem: JsonDataset, readiness: str) -> JsonDataset:
    """The workitem with another Input Readiness State: INCOMPLETE while its order is held (HL7-039)."""
    return put(copy.deepcopy(workitem), "InputReadinessState", readiness)


def _is_same_patient(there: JsonDataset, wanted: JsonDataset) -> bool:
    """Whether it is one patient: a performer that works for another one has to stop, but not because of a merge."""
    known = [_identifier(one) for one in (wanted, *items(wanted, "OtherPatientIDsSequence"))]
    return _identifier(there) in known


def _identifier(dataset: JsonDataset) -> tuple[str, str]:
    return text(dataset, "PatientID"), text(dataset, "IssuerOfPatientID")


def _procedure(workitem: JsonDataset) -> tuple[str, str] | None:
    code = get_code(item(workitem, "ReferencedRequestSequence"), "RequestedProcedureCodeSequence")
    return (code.value, code.scheme) if code else None


def _value(workitem: JsonDataset, keyword: str) -> Any:
    """The value; of the inputs without the order in which an archive lists series and instances."""
    if keyword == "InputInformationSequence":
        return sorted(str(_input(one)) for one in items(workitem, keyword))
    return (workitem.get(tag_of(keyword)) or {}).get("Value") or []


def _input(one: JsonDataset) -> Mapping[str, Any]:
    references = items(one, "ReferencedSOPSequence")
    instances = sorted(text(reference, "ReferencedSOPInstanceUID") for reference in references)
    return {**one, tag_of("ReferencedSOPSequence"): instances}


@cache
def _keywords() -> tuple[str, ...]:
    rows = read_table("profiles.ups", "ups_attributes")
    return tuple(dict.fromkeys(row["keyword"] for row in rows if "." not in row["path"] and row["path"] != "*"))


@cache
def _never_set() -> frozenset[str]:
    rows = read_table("profiles.ups", "ups_attributes")
    return frozenset(row["keyword"] for row in rows if "." not in row["path"] and row["nset"] == "NA")


@cache
def _responses() -> dict[tuple[str, str], str]:
    rows = read_table("actors.task_requester", "revisions")
    return {(row["state"], row["difference"]): row["response"] for row in rows}
