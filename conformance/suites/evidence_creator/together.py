"""What object rules alone do not say: the capability document, negative results, and the workitem."""

from __future__ import annotations

from typing import Any

from pydicom import Dataset

from conformance.harness import Trial, shows
from conformance.suites.evidence_creator.stage import RESULTS, Studio, kind_of

_TRACKING, _NEGATIVE = "112040", ("373572006", "SCT")
_OUTPUTS, _PERFORMED = "00404033", "00741216"


@shows("AIR-EC-007", "A tracking UID that comes again in another run is told")
def tracking(trial: Trial, studio: Studio) -> None:
    """AIR-EC-007."""
    first = _tracked(studio.results.of("sr"))
    if studio.negative is None:
        trial.omit("there is no second run to compare with")
    shared = first & _tracked(studio.negative.of("sr"))
    trial.note(f"{len(shared)} of {len(first)} tracking UIDs come again in the second run")
    trial.must(True, "the tracking UIDs of two runs were compared")


@shows("AIR-EC-021", "A study without a finding has a result that says so", option="negative-result")
def negative(trial: Trial, studio: Studio) -> None:
    """AIR-EC-021."""
    if studio.negative is None:
        trial.skip("the declaration names no folder [samples] negative")
    reports = [dataset for _, dataset in studio.negative.of("sr")]
    trial.require(reports, "there is a report at all", "no SR among the files")
    said = [item for report in reports for item in _items(report) if _concept(item) == _NEGATIVE]
    cad = [item for report in reports for item in _items(report) if _concept(item)[0] == "111017"]
    trial.must(said or cad, "it says in codes that nothing was found", "neither (373572006, SCT) nor a CAD summary")


@shows("AIR-EC-026", "The workitem's output references are the stored objects", option="workitem")
def outputs(trial: Trial, studio: Studio) -> None:
    """AIR-EC-026."""
    workitem = studio.workitem()
    if workitem is None:
        trial.skip("the declaration names no [samples] workitem")
    evidence = trial.keep("text", "the completed workitem", workitem, "json")
    named = set(_references(workitem.get(_PERFORMED, {}), _OUTPUTS))
    stored = {str(dataset.SOPInstanceUID) for _, dataset in studio.results.of("any")}
    trial.must(stored <= named, "every stored object is an output", f"{len(stored - named)} are not", evidence)
    trial.must(named <= stored, "every output is stored", f"{len(named - stored)} are not", evidence)


@shows("AIR-EC-028", "The capability document is complete and says what was made")
def capability(trial: Trial, studio: Studio) -> None:
    """AIR-EC-028."""
    told = studio.declared.produces
    trial.must(told.description, "it says in a sentence what the algorithm does", "nothing")
    trial.must(told.objects <= RESULTS, "it names objects of AIR only", f"{sorted(told.objects - RESULTS)}")
    made = {kind_of(dataset) for _, dataset in studio.results.of("any")}
    trial.must(made == told.objects, "it names what was made", f"made {sorted(made)}, told {sorted(told.objects)}")
    trial.should(told.primitives, "it names the result primitives", "none")


def _tracked(reports: list[tuple[Any, Dataset]]) -> set[str]:
    return {
        str(item.get("UID", "")) for _, report in reports for item in _items(report) if _concept(item)[0] == _TRACKING
    }


def _items(dataset: Dataset) -> list[Dataset]:
    found = []
    for item in dataset.get("ContentSequence", []) or []:
        found += [item, *_items(item)]
    return found


def _concept(item: Dataset) -> tuple[str, str]:
    names = item.get("ConceptNameCodeSequence") or [Dataset()]
    return str(names[0].get("CodeValue", "")), str(names[0].get("CodingSchemeDesignator", ""))


def _references(element: Any, inside: str) -> list[str]:
    """SOP Instance UIDs referred to below the sequence ``inside``, in DICOM JSON."""
    found: list[str] = []
    for item in element.get("Value", []) if isinstance(element, dict) else []:
        for tag, below in item.items() if isinstance(item, dict) else ():
            if tag == inside:
                found += _uids(below)
            else:
                found += _references(below, inside)
    return found


def _uids(element: Any) -> list[str]:
    found: list[str] = []
    for item in element.get("Value", []) if isinstance(element, dict) else []:
        for tag, below in item.items() if isinstance(item, dict) else ():
            found += [str(one) for one in below.get("Value", [])] if tag == "00081155" else _uids(below)
    return found
