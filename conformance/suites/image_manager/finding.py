"""Searching with QIDO-RS (PS3.18 section 10.6; RAD-129 and RAD-137)."""

from __future__ import annotations

from typing import Any

from conformance.harness import Trial, shows
from conformance.partners import objects
from conformance.partners.dicomweb import values
from conformance.suites.image_manager.stage import Archive
from conformance.suites.image_manager.storing import LEAVES

_STUDY, _SERIES, _INSTANCE = "0020000D", "0020000E", "00080018"
_OF_A_STUDY = ("00080020", "00080030", "00080050", "00080061", "00100010", "00100020", _STUDY, "00201206", "00201208")
_OF_A_SERIES = ("00080060", _SERIES, "00200011", "00201209")
_OF_AN_INSTANCE = ("00080016", _INSTANCE, "00200013")
_COUNT, _PAGE = 7, 3


def uids(matches: list[dict[str, Any]], tag: str) -> list[str]:
    """That UID of each match, in order."""
    return [str(value) for match in matches for value in values(match, tag)]


@shows("AIR-IM-008", "Studies are found by patient, accession number and the modalities in them", leaves=LEAVES)
def studies(trial: Trial, archive: Archive) -> None:
    """AIR-IM-008."""
    study, other = objects.Study(), objects.Study()
    source = objects.image(study)
    archive.stored(trial, source, objects.report(study, source))
    archive.stored(trial, objects.image(other))
    for key, value in (
        ("PatientID", study.patient_id),
        ("00100020", study.patient_id),
        ("AccessionNumber", study.accession),
        ("StudyInstanceUID", study.uid),
    ):
        answer, matches = archive.web.search("/studies", f"{key}={value}")
        found = uids(matches, _STUDY)
        trial.must(found == [study.uid], f"a search by {key} finds the study alone", f"{len(found)}", answer.evidence)
    answer, matches = archive.web.search("/studies", f"ModalitiesInStudy=SR&PatientID={study.patient_id}")
    trial.must(uids(matches, _STUDY) == [study.uid], "a search by ModalitiesInStudy finds it", "", answer.evidence)
    lacking = [tag for tag in _OF_A_STUDY if matches and tag not in matches[0]]
    trial.must(matches and not lacking, "the match has what each must have", f"lacks {lacking}", answer.evidence)
    answer, matches = archive.web.search("/studies", f"ModalitiesInStudy=SR&PatientID={other.patient_id}")
    trial.must(not matches, "a study without a report is not found as one with", f"{len(matches)}", answer.evidence)


@shows("AIR-IM-009", "Series and instances are found by modality and class, whole and page by page", leaves=LEAVES)
def series_and_instances(trial: Trial, archive: Archive) -> None:
    """AIR-IM-009."""
    study, series = objects.Study(), objects.new_uid()
    images = [objects.image(study, series=series, number=number) for number in range(1, _COUNT + 1)]
    mask = objects.segmentation(study, images[0])
    archive.stored(trial, *images, mask)
    home = f"/studies/{study.uid}"
    answer, matches = archive.web.search(f"{home}/series", "Modality=SEG")
    found = uids(matches, _SERIES)
    trial.must(found == [mask.SeriesInstanceUID], "series are found by Modality", f"{len(found)}", answer.evidence)
    lacking = [tag for tag in _OF_A_SERIES if matches and tag not in matches[0]]
    trial.must(matches and not lacking, "a series has what each must have", f"lacks {lacking}", answer.evidence)
    answer, matches = archive.web.search(f"{home}/instances", f"SOPClassUID={objects.SEG}")
    found = uids(matches, _INSTANCE)
    trial.must(found == [mask.SOPInstanceUID], "instances are found by class", f"{len(found)}", answer.evidence)
    lacking = [tag for tag in _OF_AN_INSTANCE if matches and tag not in matches[0]]
    trial.must(matches and not lacking, "an instance has what each must have", f"lacks {lacking}", answer.evidence)
    _included(trial, archive, home, mask.SOPInstanceUID)
    _paged(trial, archive, f"{home}/series/{series}/instances", {str(one.SOPInstanceUID) for one in images})
    answer, matches = archive.web.search("/studies", f"StudyInstanceUID={objects.new_uid()}")
    trial.must(not matches, "what is not there is not found", f"{len(matches)} matches", answer.evidence)
    trial.should(answer.status == 204, "no match is told by 204", answer.words, answer.evidence)  # noqa: PLR2004


def _included(trial: Trial, archive: Archive, home: str, instance: str) -> None:
    query = f"SOPInstanceUID={instance}&includefield=ContentLabel&includefield=00081115"
    answer, matches = archive.web.search(f"{home}/instances", query)
    label = values(matches[0], "00700080") if matches else []
    trial.should(label == ["HARNESS"], "includefield brings Content Label", f"{label}", answer.evidence)
    referenced = values(matches[0], "00081115") if matches else []
    trial.should(referenced, "includefield brings Referenced Series Sequence (RAD-137)", "absent", answer.evidence)


def _paged(trial: Trial, archive: Archive, path: str, wanted: set[str]) -> None:
    seen: list[str] = []
    for offset in range(0, _COUNT, _PAGE):
        answer, matches = archive.web.search(path, f"limit={_PAGE}&offset={offset}")
        found = uids(matches, _INSTANCE)
        trial.must(len(found) <= _PAGE, "a page has no more than its limit", f"{len(found)}", answer.evidence)
        seen += found
    trial.must(
        len(seen) == len(set(seen)) and set(seen) == wanted,
        "pages have each instance once",
        f"{len(seen)} seen, {len(set(seen) & wanted)} of {len(wanted)} of the series",
        answer.evidence,
    )


@shows("AIR-IM-013", "Metadata are legal DICOM JSON", leaves=LEAVES)
def metadata(trial: Trial, archive: Archive) -> None:
    """AIR-IM-013."""
    study = objects.Study()
    source = objects.image(study)
    report = objects.report(study, source)
    archive.stored(trial, source, report)
    path = f"/studies/{study.uid}/series/{report.SeriesInstanceUID}/instances/{report.SOPInstanceUID}/metadata"
    answer = archive.web.retrieve(path, "application/dicom+json")
    trial.require(answer.ok, "the metadata are answered", answer.words, answer.evidence)
    told = answer.json()
    trial.require(
        isinstance(told, list) and len(told) == 1 and isinstance(told[0], dict),
        "they are an array of one object",
        type(told).__name__,
        answer.evidence,
    )
    faults = list(_faults(told[0], ""))
    trial.must(not faults, "every element has the form of PS3.18 Annex F.2", "; ".join(faults[:5]), answer.evidence)
    trial.must(values(told[0], "0040A730"), "the content tree is among them", "absent", answer.evidence)


def _faults(entry: dict[str, Any], path: str) -> list[str]:
    found: list[str] = []
    for tag, element in entry.items():
        where = f"{path}{tag}"
        if len(tag) != 8 or any(char not in "0123456789ABCDEF" for char in tag):  # noqa: PLR2004 - digits of a tag
            found.append(f"{where} is no tag of eight upper-case hexadecimal digits")
        if not isinstance(element, dict) or len(str(element.get("vr", ""))) != 2:  # noqa: PLR2004 - letters of a VR
            found.append(f"{where} has no vr")
            continue
        if element.get("Value") == []:
            found.append(f"{where} has an empty Value")
        if element["vr"] == "SQ":
            for number, item in enumerate(values(entry, tag), start=1):
                found += _faults(item, f"{where}[{number}].") if isinstance(item, dict) else [f"{where}[{number}]"]
    return found
