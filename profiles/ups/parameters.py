"""Scheduled Processing Parameters Sequence (0074,1210): what an algorithm is told, as content items (PS3.3 C.30.2)."""

from __future__ import annotations

from profiles.dicom import Code, JsonDataset, code, get_code, items, put, put_codes, put_items, text

_SEQUENCE, _CONCEPT = "ScheduledProcessingParametersSequence", "ConceptNameCodeSequence"
#: The concept by which a performer also says what ran (TID 4019).
ALGORITHM_VERSION = code("DCM", "111003")


def text_parameter(concept: Code, value: str) -> JsonDataset:
    """A content item of value type TEXT."""
    found: JsonDataset = put({}, "ValueType", "TEXT")
    put_codes(found, _CONCEPT, concept)
    return put(found, "TextValue", value)


def wanted_version(workitem: JsonDataset) -> str:
    """The only version of the algorithm that may do a workitem; empty when any may."""
    return next((text(one, "TextValue").strip() for one in items(workitem, _SEQUENCE) if _is_version(one)), "")


def want_version(workitem: JsonDataset, version: str) -> JsonDataset:
    """Ask for one version of the algorithm, or for any by an empty text; returns the workitem."""
    others = [one for one in items(workitem, _SEQUENCE) if not _is_version(one)]
    asked = [text_parameter(ALGORITHM_VERSION, version)] if version else []
    return put_items(workitem, _SEQUENCE, *others, *asked)


def _is_version(parameter: JsonDataset) -> bool:
    return ALGORITHM_VERSION.same_as(get_code(parameter, _CONCEPT))
