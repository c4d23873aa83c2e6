"""Retrieving with WADO-RS (PS3.18 section 10.4; RAD-107)."""

from __future__ import annotations

from io import BytesIO

import pydicom
from pydicom import Dataset
from pydicom.errors import InvalidDicomError

from conformance.harness import SystemFailed, Trial, shows
from conformance.partners import objects
from conformance.partners.dicomweb import DICOM, parts
from conformance.partners.http import Answer
from conformance.suites.image_manager.stage import Archive
from conformance.suites.image_manager.storing import LEAVES

WHOLE = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_COERCED = {"InstanceCreationDate", "InstanceCreationTime", "OriginalAttributesSequence", "RetrieveURL"}


def address(dataset: Dataset) -> str:
    """Where the instance is."""
    return f"/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}/instances/{dataset.SOPInstanceUID}"


def instances(answer: Answer) -> list[Dataset]:
    """The instances of a multipart answer.

    Raises:
        SystemFailed: when a part is no DICOM file.
    """
    found: list[Dataset] = []
    for part in parts(answer):
        try:
            found.append(pydicom.dcmread(BytesIO(part.body)))
        except (InvalidDicomError, OSError, ValueError) as error:
            raise SystemFailed(f"a part is no DICOM file ({type(error).__name__})", [answer.evidence]) from error
    return found


def differences(sent: Dataset, came: Dataset) -> list[str]:
    """Attributes that are not as they were sent, by keyword or tag."""
    found = []
    for element in sent:
        there = came.get(element.tag)
        if element.keyword not in _COERCED and (
            there is None or there.VR != element.VR or there.value != element.value
        ):
            found.append(element.keyword or str(element.tag))
    added = [element for element in came if element.tag not in sent]
    return found + [f"{one.keyword or one.tag} added" for one in added if one.keyword not in _COERCED]


@shows("AIR-IM-007", "What is retrieved is what was stored, attribute by attribute", leaves=LEAVES)
def unchanged(trial: Trial, archive: Archive) -> None:
    """AIR-IM-007."""
    study = objects.Study(patient_name="Müller^Jörg")
    source = objects.image(study)
    for made in (source, objects.report(study, source), objects.segmentation(study, source)):
        archive.stored(trial, made)
        answer = archive.web.retrieve(address(made), WHOLE)
        trial.require(answer.ok, "the instance is retrieved", answer.words, answer.evidence)
        came = instances(answer)
        trial.require(len(came) == 1, "it comes once", f"{len(came)} parts", answer.evidence)
        changed = differences(made, came[0])
        trial.must(
            not changed,
            f"{made.SOPClassUID.name} comes back as it was stored, private attributes and VRs included",
            ", ".join(changed),
            answer.evidence,
        )


@shows(
    "AIR-IM-010", "Study, series, instance, metadata and frames are retrieved; what is not there is 404", leaves=LEAVES
)
def resources(trial: Trial, archive: Archive) -> None:
    """AIR-IM-010."""
    study, series = objects.Study(), objects.new_uid()
    images = [objects.image(study, series=series, number=number) for number in (1, 2, 3)]
    mask = objects.segmentation(study, images[0])
    archive.stored(trial, *images, mask)
    home = f"/studies/{study.uid}"
    for path, wanted in ((home, 4), (f"{home}/series/{series}", 3), (address(images[0]), 1)):
        answer = archive.web.retrieve(path, WHOLE)
        trial.require(answer.status == 200, "the resource is answered with 200", answer.words, answer.evidence)  # noqa: PLR2004
        came = parts(answer)
        trial.must(
            len(came) == wanted, "it comes in one part per instance", f"{len(came)} of {wanted}", answer.evidence
        )
        kinds = {part.headers.get("content-type", "").split(";")[0] for part in came}
        trial.must(kinds == {DICOM}, "each part says that it is application/dicom", f"{kinds}", answer.evidence)
        told = archive.web.retrieve(f"{path}/metadata", "application/dicom+json")
        count = len(told.json()) if told.ok else 0
        trial.must(count == wanted, "its metadata have one object per instance", f"{count} of {wanted}", told.evidence)
    frames = archive.web.retrieve(
        f"{address(images[0])}/frames/1", 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
    )
    trial.must(
        frames.ok and [part.body for part in parts(frames)] == [images[0].PixelData],
        "a frame comes as its pixels",
        frames.words,
        frames.evidence,
    )
    for path in (f"/studies/{objects.new_uid()}", f"{home}/series/{series}/instances/{objects.new_uid()}"):
        answer = archive.web.retrieve(path, WHOLE)
        trial.must(answer.status == 404, "what is not there is answered 404", answer.words, answer.evidence)  # noqa: PLR2004


@shows(
    "AIR-IM-011",
    "Accept headers are understood in every legal spelling, and 406 says what cannot be had",
    leaves=LEAVES,
)
def negotiation(trial: Trial, archive: Archive) -> None:
    """AIR-IM-011."""
    made = objects.image(objects.Study())
    archive.stored(trial, made)
    for accept in (
        'multipart/related; type="application/dicom"',
        "multipart/related; type=application/dicom",
        WHOLE,
        'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.1',
        'image/x-nothing;q=0.9, multipart/related; type="application/dicom";q=0.5',
    ):
        answer = archive.web.retrieve(address(made), accept)
        trial.must(answer.status == 200, f"Accept: {accept} is answered", answer.words, answer.evidence)  # noqa: PLR2004
    answer = archive.web.retrieve(address(made), 'multipart/related; type="application/x-nothing"')
    trial.must(answer.status == 406, "a type that nobody has is answered 406", answer.words, answer.evidence)  # noqa: PLR2004
