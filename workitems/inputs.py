"""The inputs of a workitem (Input Information Sequence), and which workitems wait for theirs (PS3.4 Table CC.2.5-3)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from profiles.dicom import JsonDataset, items, text
from profiles.ups import State
from workitems.store import Store


@dataclass(frozen=True, slots=True)
class Series:
    """A series by the UIDs of its study and its own."""

    study: str
    series: str


def inputs_of(workitem: JsonDataset) -> Mapping[Series, frozenset[str]] | None:
    """SOP Instance UIDs of the inputs by their series.

    Returns:
        None when nobody can tell from the list whether all are there: it is empty, or names something else than DICOM
        instances with their study and series.
    """
    wanted: dict[Series, set[str]] = defaultdict(set)
    for one in items(workitem, "InputInformationSequence"):
        series = Series(text(one, "StudyInstanceUID"), text(one, "SeriesInstanceUID"))
        uids = {text(reference, "ReferencedSOPInstanceUID") for reference in items(one, "ReferencedSOPSequence")}
        if text(one, "TypeOfInstances") != "DICOM" or not (series.study and series.series and uids) or "" in uids:
            return None
        wanted[series] |= uids
    return {series: frozenset(uids) for series, uids in wanted.items()} or None


def waiting_for_inputs(store: Store) -> list[JsonDataset]:
    """The workitems whose inputs are listed but cannot be retrieved yet: UNAVAILABLE and not final."""
    states = {str(state) for state in State if not state.is_final}
    return list(store.scan({"readiness": {"UNAVAILABLE"}, "state": states}))
