"""What read objects are tied to, and what made them: so that others' results can be told again, in other forms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from pydicom import Dataset
from pydicom.valuerep import DT

from profiles.air.algorithm import AlgorithmIdentification
from profiles.air.context import Equipment, ResultContext
from profiles.air.errors import require
from profiles.air.reading.outcome import Reading
from profiles.air.standing import Standing, Verification
from profiles.dicom import Code

_INHERITED = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
)
_NOT_STATED = "not stated"


def context_of(objects: Sequence[Dataset], images: Sequence[Dataset]) -> ResultContext:
    """What result objects are tied to, as they say themselves; the report speaks for all when there is one.

    Args:
        objects: the objects of one result.
        images: headers of the images that they are about, pixels not needed.

    Raises:
        IllegalResult: when there are no objects or no images of their study, or a value is illegal.
    """
    require(bool(objects), "There are no result objects to read a context from; name some.")
    first = next((one for one in objects if one.get("Modality") == "SR"), objects[0])
    study = str(first.get("StudyInstanceUID", ""))
    of_the_study = tuple(image for image in images if str(image.get("StudyInstanceUID", "")) == study)
    require(
        bool(of_the_study),
        "None of the images that the result is about is there; give them with the result objects, their headers at "
        "least.",
    )
    attributes = Dataset()
    for keyword in _INHERITED:
        if keyword in first:
            attributes[keyword] = first[keyword]
    return ResultContext(
        attributes=attributes,
        requests=tuple(first.get("ReferencedRequestSequence", [])),
        protocol=(),
        images=of_the_study,
        station=Code(_NOT_STATED, "L", str(first.get("StationName", "") or _NOT_STATED)),
        now=_moment(first, "ContentDate", "ContentTime"),
        seed=str(first.get("SOPInstanceUID", "")),
        equipment=Equipment(
            *(
                str(first.get(keyword, "") or _NOT_STATED)
                for keyword in ("Manufacturer", "ManufacturerModelName", "SoftwareVersions", "DeviceSerialNumber")
            )
        ),
        standing=_standing(first),
    )


def algorithm_of(reading: Reading) -> AlgorithmIdentification:
    """The algorithm that read objects name first; a part that none names is said to be not stated."""
    found = next(iter(reading.algorithms), None)
    if found is None:
        return AlgorithmIdentification(_NOT_STATED, _NOT_STATED, _NOT_STATED)
    return AlgorithmIdentification(
        found.name or _NOT_STATED,
        found.version or _NOT_STATED,
        found.manufacturer or _NOT_STATED,
        found.device_uid,
        parameters=found.parameters,
    )


def _standing(report: Dataset) -> Standing:
    partial = report.get("CompletionFlag", "COMPLETE") == "PARTIAL"
    reason = str(report.get("CompletionFlagDescription", "") or _NOT_STATED) if partial else ""
    words = report.get("VerifyingObserverSequence") if report.get("VerificationFlag") == "VERIFIED" else None
    return Standing(
        complete=not partial,
        incomplete_because=reason,
        preliminary=report.get("PreliminaryFlag") == "PRELIMINARY",
        verification=_verification(words[0], report) if words and not partial else None,
    )


def _verification(word: Dataset, report: Dataset) -> Verification:
    at = DT(str(word.get("VerificationDateTime", "") or "")) if word.get("VerificationDateTime") else None
    return Verification(
        str(word.get("VerifyingObserverName", "")),
        str(word.get("VerifyingOrganization", "") or _NOT_STATED),
        _aware(at, report) if at else _moment(report, "ContentDate", "ContentTime"),
    )


def _moment(report: Dataset, date: str, time: str) -> datetime:
    """A date and a time in the object's zone; in UTC when it names none, and long ago when it has no date."""
    joined = f"{report.get(date, '') or '19000101'}{report.get(time, '') or ''}"
    return _aware(DT(joined), report)


def _aware(moment: datetime, report: Dataset) -> datetime:
    if moment.tzinfo is not None:
        return moment
    offset = str(report.get("TimezoneOffsetFromUTC", "") or "")
    zone = DT(f"19000101000000{offset}").tzinfo if offset else None
    return moment.replace(tzinfo=zone or UTC)
