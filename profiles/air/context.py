"""What results are tied to: patient, study, order and equipment (AIW-I Appendix V, from ``tables/appendix_v.csv``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pydicom import Dataset

from profiles.air.errors import IllegalResult, require
from profiles.air.inherited import require_identified, require_legal_values, require_one_subject
from profiles.air.standing import Standing
from profiles.air.time_point import TimePoint
from profiles.air.values import require_person
from profiles.dicom import Code, JsonDataset, get_all, item, items, new_uid, tag_of, text, vr_of
from profiles.tables import read_table


def _our_version() -> str:
    try:
        return version("stepwell")
    except PackageNotFoundError:
        return "0"


@dataclass(frozen=True, slots=True)
class Equipment:
    """The Evidence Creator, that is the program which hosts the algorithm (General Equipment; AIR closed issue 26)."""

    manufacturer: str = "Stepwell"
    model: str = "Stepwell Task Performer"
    software_version: str = field(default_factory=_our_version)
    serial_number: str = "1"


@dataclass(frozen=True, eq=False, slots=True)
class ResultContext:
    """What the result objects of one run are tied to.

    Attributes:
        attributes: Patient and Study attributes of the results, as Appendix V says where they come from.
        requests: items of Referenced Request Sequence.
        protocol: Scheduled Protocol Code Sequence, from the workitem's code.
        images: headers of all images that the algorithm was given, pixels not needed.
        station: code value = AE title, meaning = station name (Performed Station Name Code Sequence).
        now: Content Date and Time of all objects of this run.
        seed: objects made with the same seed have the same UIDs; workitem UID and attempt, for example.
        equipment: the Evidence Creator.
        series_number: number of the SEG series; the SR series follows it.
        language: of the report (TID 1204).
        observer: a person who made the results with the algorithm, as VR PN; nobody when empty.
        standing: the flags of the report.
        priors: headers of images of the patient's earlier studies that the algorithm was given, too.
        replaces: headers of earlier reports that this one takes the place of (Predecessor Documents Sequence).
        time_point: where the study stands among the patient's studies (TID 1502).
    """

    attributes: Dataset
    requests: tuple[Dataset, ...]
    protocol: tuple[Code, ...]
    images: tuple[Dataset, ...]
    station: Code
    now: datetime
    seed: str = field(default_factory=new_uid)
    equipment: Equipment = field(default_factory=Equipment)
    series_number: int = 1001
    language: Code = field(default_factory=lambda: Code("en-US", "RFC5646", "English (United States)"))
    observer: str = ""
    standing: Standing = field(default_factory=Standing)
    priors: tuple[Dataset, ...] = ()
    replaces: tuple[Dataset, ...] = ()
    time_point: TimePoint | None = None

    def __post_init__(self) -> None:
        require(bool(self.images), "There are no source images; a result belongs to images (RAD TF-3 section 6.5.3).")
        require(
            self.now.tzinfo is not None,
            "The time of the result has no zone; give an aware datetime, e.g. datetime.now(UTC).",
        )
        require_identified(self.images)
        require_one_subject(self.images)
        for inherited in (self.attributes, *self.requests):
            require_legal_values(inherited)
        if self.observer:
            require_person(self.observer, "The person observer")
        _require_earlier(self.priors, self.attributes)

    @property
    def study_instance_uid(self) -> str:
        """The study that the results join."""
        return str(self.attributes.StudyInstanceUID)

    def content_moment(self) -> datetime:
        """The time of the result in the zone of the images, or of this machine when they name none (PS3.3 C.12.1.1)."""
        offset = str(self.images[0].get("TimezoneOffsetFromUTC", "") or "")
        if len(offset) == len("+0100") and offset[0] in "+-" and offset[1:].isdigit():
            shift = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:]))
            return self.now.astimezone(timezone(shift if offset[0] == "+" else -shift))
        return self.now.astimezone()


@dataclass(frozen=True, slots=True)
class _Row:
    result_attribute: str
    where: str
    workitem_attribute: str
    workitem_where: str
    fallback: str
    source: str


@cache
def _rows() -> tuple[_Row, ...]:
    return tuple(_Row(**row) for row in read_table("profiles.air", "appendix_v"))


def context_from_workitem(
    workitem: JsonDataset,
    images: Sequence[Dataset],
    *,
    station: Code,
    now: datetime,
    seed: str | None = None,
    equipment: Equipment | None = None,
    priors: Sequence[Dataset] = (),
) -> ResultContext:
    """Tie results to the workitem that asked for them (AIW-I Appendix V).

    A value comes from the workitem when it has the attribute, even an empty one, else from the images.

    Args:
        workitem: the claimed workitem, DICOM JSON Model.
        images: headers of the images that were processed.
        station: the performing station: AE title as value, station name as meaning.
        now: when the results were made, timezone-aware.
        seed: results made again with the same seed have the same UIDs; fresh when not given.
        equipment: the Evidence Creator; ours when not given.
        priors: headers of images of the patient's earlier studies that the results may refer to.

    Raises:
        IllegalResult: when workitem and images belong to different patients or studies, or there are no images.
    """
    require(bool(images), "There are no source images; a result belongs to images (RAD TF-3 section 6.5.3).")
    require_identified(images)
    _require_same_subject(workitem, images)
    attributes = _collect("root", workitem, item(workitem, "ReferencedRequestSequence"), images[0])
    requests = [
        _collect("request", workitem, request, images[0]) for request in items(workitem, "ReferencedRequestSequence")
    ]
    for request in requests:
        request.ReferencedStudySequence = []
    protocol = tuple(
        Code(text(found, "CodeValue"), text(found, "CodingSchemeDesignator"), text(found, "CodeMeaning"))
        for found in items(workitem, "ScheduledWorkitemCodeSequence")
    )
    return ResultContext(
        attributes=attributes,
        requests=tuple(requests),
        protocol=protocol,
        images=tuple(images),
        station=station,
        now=now,
        seed=seed or new_uid(),
        equipment=equipment or Equipment(),
        priors=tuple(priors),
    )


def _collect(where: str, workitem: JsonDataset, request: JsonDataset, image: Dataset) -> Dataset:
    """The result's attributes at one place, by the table."""
    collected = Dataset()
    for row in _rows():
        if row.where != where:
            continue
        places = [request, workitem] if row.workitem_where == "request" else [workitem]
        found = next((place for place in places if tag_of(row.workitem_attribute) in place), None)
        if found is not None and (get_all(found, row.workitem_attribute) or row.fallback != "image-if-empty"):
            _put(collected, row.result_attribute, found[tag_of(row.workitem_attribute)])
        elif row.fallback.startswith("image") and row.result_attribute in image:
            collected[row.result_attribute] = image[row.result_attribute]
        elif row.fallback != "absent" and row.result_attribute != "IssuerOfPatientID":
            _put(collected, row.result_attribute, {})
    return collected


def _put(target: Dataset, keyword: str, element: dict[str, Any]) -> None:
    """Set an attribute from its DICOM JSON element."""
    form = {tag_of(keyword): {"vr": vr_of(keyword), **element}}
    try:
        target.update(Dataset.from_json(form))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise IllegalResult(
            f"The workitem's {keyword} is no DICOM JSON element of VR {vr_of(keyword)} (PS3.18 Annex F.2); "
            "have the requester correct the workitem."
        ) from error


def _require_earlier(priors: Sequence[Dataset], attributes: Dataset) -> None:
    patient, study = str(attributes.get("PatientID", "") or ""), str(attributes.get("StudyInstanceUID", "") or "")
    for image in priors:
        theirs = str(image.get("PatientID", "") or "")
        require(
            bool(patient) and theirs == patient,
            "An earlier image's Patient ID is not that of the result; a result must not join two patients' records. "
            "Reconcile the studies first (IHE RAD Patient Information Reconciliation).",
        )
        require(
            str(image.StudyInstanceUID) != study,
            "An image of the very study is given as an earlier one; give it among the images.",
        )


def _require_same_subject(workitem: JsonDataset, images: Sequence[Dataset]) -> None:
    study, patient = text(workitem, "StudyInstanceUID"), text(workitem, "PatientID")
    for image in images:
        require(
            not study or image.StudyInstanceUID == study,
            "The images belong to another study than the workitem (Study Instance UID, AIW-I Appendix V). "
            "Retrieve the study that the workitem names.",
        )
        theirs = str(image.get("PatientID", "") or "")
        require(
            not patient or not theirs or theirs == patient,
            "The images' Patient ID differs from the workitem's; a result must not join another patient's record. "
            "Reconcile order and images first (IHE RAD Patient Information Reconciliation).",
        )
