"""Try a rule file over one study, which may be files in a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pydicom
from pydicom.errors import InvalidDicomError

from actors.task_requester.images import ImageSource, is_other_patient, read_study
from actors.task_requester.rules.applying import decide_all
from actors.task_requester.rules.deciding import Rule
from actors.task_requester.rules.language import show
from actors.task_requester.rules.requesting import explain_request
from profiles.dicom import JsonDataset, put, text
from profiles.errors import NotFound
from profiles.hl7 import EntityIdentifier, ImagingOrder, Patient


class FolderOfImages:
    """DICOM files in a folder, asked as an archive is; other files are passed over.

    Args:
        folder: with the files, at any depth.

    Raises:
        NotFound: when there is no DICOM file in it.
    """

    def __init__(self, folder: Path) -> None:
        self._images = [dataset for path in sorted(folder.rglob("*")) if path.is_file() for dataset in _dataset(path)]
        if not self._images:
            raise NotFound(f"There is no DICOM file in {folder}.")

    def studies(self) -> list[str]:
        """Their Study Instance UIDs."""
        return [text(one, "StudyInstanceUID") for one in self._first_by("StudyInstanceUID", {})]

    def search_studies(self, filters: Mapping[str, str] | None = None) -> list[JsonDataset]:
        """One dataset for each study with the Patient ID, Study Instance UID and accession number asked for."""
        asked = {"PatientID", "StudyInstanceUID", "AccessionNumber"}
        wanted = {key: value for key, value in (filters or {}).items() if key in asked}
        found = self._first_by("StudyInstanceUID", wanted)
        return [put({**one}, "ModalitiesInStudy", *self._modalities(one)) for one in found]

    def search_series(self, study: str, filters: Mapping[str, str] | None = None) -> list[JsonDataset]:
        """One dataset for each series of a study."""
        return self._first_by("SeriesInstanceUID", {"StudyInstanceUID": study, **(filters or {})})

    def search_instances(
        self, study: str, series: str | None = None, filters: Mapping[str, str] | None = None
    ) -> list[JsonDataset]:
        """All images of a series."""
        wanted = {"StudyInstanceUID": study, **({"SeriesInstanceUID": series} if series else {}), **(filters or {})}
        return self._first_by("SOPInstanceUID", wanted)

    def instance_metadata(self, study: str, series: str, instance: str) -> JsonDataset:
        """One image, without its pixels."""
        return self._first_by("SOPInstanceUID", {"StudyInstanceUID": study, "SOPInstanceUID": instance})[0]

    def _first_by(self, keyword: str, wanted: Mapping[str, str]) -> list[JsonDataset]:
        fitting = [one for one in self._images if all(text(one, key) == value for key, value in wanted.items())]
        return list({text(one, keyword): one for one in reversed(fitting)}.values())[::-1]

    def _modalities(self, study: JsonDataset) -> list[str]:
        return sorted({text(one, "Modality") for one in self.search_series(text(study, "StudyInstanceUID"))})


def _dataset(path: Path) -> Iterator[JsonDataset]:
    try:
        read = pydicom.dcmread(path, stop_before_pixels=True)
    except (InvalidDicomError, OSError):
        return
    if "SOPInstanceUID" in read:
        yield read.to_json_dict(suppress_invalid_tags=True)


@dataclass(frozen=True, slots=True)
class Tried:
    """What one rule says about one study, for people: with the values of the patient."""

    study: str
    rule: str
    matches: bool
    stopped: bool
    explanation: str
    values: Mapping[str, Any]
    series: Sequence[str]
    priors: Sequence[str]


def try_rules(
    rules: Sequence[Rule],
    archive: ImageSource,
    study_uid: str,
    order: ImagingOrder | None,
    now: datetime,
) -> list[Tried]:
    """What each rule says about a study.

    Args:
        rules: all of them.
        archive: has the study.
        study_uid: of the study.
        order: what was ordered; an order as the images tell it when there is none.
        now: the present, timezone-aware.

    Raises:
        NotFound: when the archive has no image of the study.
    """
    study = read_study(archive, study_uid)
    if not study.series:
        raise NotFound(f"There is no image of the study {study_uid}.")
    order = order or order_of_images(study.identity)
    found = []
    if is_other_patient(order, study.identity):
        words = "the images have another Patient ID than the order: nothing is made of them, whatever the rules say"
        found.append(Tried(study_uid, "(all)", False, True, words, {}, (), ()))
    for decision in decide_all(rules, order, study, archive, now):
        words = decision.explanation
        words += f"; {explain_request(decision, order, now)}" if decision.matches else ""
        priors = [one.study_instance_uid for one in decision.priors]
        values = {name: show(value) for name, value in decision.values.items()}
        is_matched, is_stopped = decision.matches, decision.stopped
        tried = Tried(study_uid, decision.rule.name, is_matched, is_stopped, words, values, decision.series, priors)
        found.append(tried)
    return found


def order_of_images(images: JsonDataset) -> ImagingOrder:
    """The order that images without one stand for."""
    return ImagingOrder(
        accession=EntityIdentifier(text(images, "AccessionNumber")),
        patient=Patient(identifier=EntityIdentifier(text(images, "PatientID"), text(images, "IssuerOfPatientID"))),
        study_instance_uid=text(images, "StudyInstanceUID"),
        origin="arrival",
    )


__all__ = ["FolderOfImages", "Tried", "order_of_images", "try_rules"]
