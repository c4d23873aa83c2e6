"""What the archive has of a study, as values: for the decision, and for the workitem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from profiles.aiwi import InputInstance, InputSeries, InputStudy
from profiles.dicom import JsonDataset, get, text
from profiles.hl7 import EntityIdentifier, ImagingOrder

#: Modalities of results and documents: they never make a study ready (HL7-062).
NO_IMAGES = frozenset({"SR", "SEG", "PR", "KO", "RTSTRUCT", "REG", "FID", "RWV", "DOC", "AU", "ANN", "PLAN", "M3D"})
_PATIENT = ("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex")


class ImageSource(Protocol):
    """The part of `actors.shared.dicomweb.Archive` that is needed here."""

    def search_studies(self, filters: Mapping[str, str] | None = None) -> list[JsonDataset]:
        """QIDO-RS for studies."""

    def search_series(self, study: str, filters: Mapping[str, str] | None = None) -> list[JsonDataset]:
        """QIDO-RS for series."""

    def search_instances(
        self, study: str, series: str | None = None, filters: Mapping[str, str] | None = None
    ) -> list[JsonDataset]:
        """QIDO-RS for instances."""

    def instance_metadata(self, study: str, series: str, instance: str) -> JsonDataset:
        """WADO-RS metadata of one instance."""


@dataclass(frozen=True, slots=True)
class ImageSeries:
    """One series of images: its instances, and the dataset of the first of them."""

    uid: str
    modality: str
    instances: tuple[InputInstance, ...]
    first: JsonDataset


@dataclass(frozen=True, slots=True)
class ImageStudy:
    """All image series of one study."""

    uid: str
    series: tuple[ImageSeries, ...]

    @property
    def count(self) -> int:
        """How many images there are."""
        return sum(len(series.instances) for series in self.series)

    @property
    def identity(self) -> JsonDataset:
        """Patient and study attributes as the images have them."""
        return self.series[0].first if self.series else {}

    def input(self, series_uids: tuple[str, ...]) -> InputStudy:
        """The series chosen by a rule, as the input of a workitem."""
        chosen = tuple(InputSeries(one.uid, one.instances) for one in self.series if one.uid in series_uids)
        return InputStudy(self.uid, chosen, self.identity)


def matching_studies(archive: ImageSource, order: ImagingOrder) -> list[JsonDataset]:
    """The studies that an order is about: by Study Instance UID, else by accession number."""
    if order.study_instance_uid:
        filters = {"StudyInstanceUID": order.study_instance_uid}
    else:
        filters = {"AccessionNumber": order.accession.value}
    filters |= {"includefield": "IssuerOfPatientID"}
    return [study for study in archive.search_studies(filters) if text(study, "StudyInstanceUID")]


def is_other_patient(order: ImagingOrder, study: JsonDataset) -> bool:
    """Whether the images are of somebody else: another Patient ID, or another issuer where both name one."""
    found = EntityIdentifier(text(study, "PatientID"), text(study, "IssuerOfPatientID"))
    known = (order.patient.identifier, *order.patient.other_identifiers)
    return bool(found) and bool(known[0]) and not any(one.same_as(found) for one in known)


def image_counts(archive: ImageSource, study_uid: str) -> dict[str, int]:
    """Images by series, results and documents left out."""
    counts = {}
    for series in archive.search_series(study_uid):
        uid = text(series, "SeriesInstanceUID")
        if not uid or text(series, "Modality") in NO_IMAGES:
            continue
        count = get(series, "NumberOfSeriesRelatedInstances")
        counts[uid] = int(count) if count is not None else len(archive.search_instances(study_uid, uid))
    return counts


def read_study(archive: ImageSource, study_uid: str) -> ImageStudy:
    """Everything that is needed of a study that is complete."""
    found = []
    for series in archive.search_series(study_uid):
        uid, modality = text(series, "SeriesInstanceUID"), text(series, "Modality")
        if not uid or modality in NO_IMAGES:
            continue
        instances = [
            InputInstance(text(instance, "SOPClassUID"), text(instance, "SOPInstanceUID"))
            for instance in archive.search_instances(study_uid, uid)
        ]
        if instances:
            first = archive.instance_metadata(study_uid, uid, instances[0].sop_instance_uid)
            found.append(ImageSeries(uid, modality, tuple(instances), first))
    return ImageStudy(study_uid, tuple(found))
