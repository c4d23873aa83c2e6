"""What DICOM datasets of images, MPPS and archives say of an order."""

from __future__ import annotations

from typing import Any

from profiles.dicom import JsonDataset, text
from profiles.hl7 import EntityIdentifier, ImagingOrder, Patient

_SEXES = ("F", "M", "O")


def order_of_dataset(dataset: Any, **said: Any) -> ImagingOrder:
    """The order that a pydicom dataset of an image tells of.

    Args:
        dataset: with patient and study attributes.
        said: further attributes of the order.
    """

    def word(keyword: str) -> str:
        return str(dataset.get(keyword) or "").strip()

    return _order(word, word("PatientName"), said)


def order_of_study(study: JsonDataset, **said: Any) -> ImagingOrder:
    """The order that the archive's answer to a search for studies tells of."""

    def word(keyword: str) -> str:
        return text(study, keyword).strip()

    return _order(word, word("PatientName"), said)


def _order(word: Any, name: str, said: dict[str, Any]) -> ImagingOrder:
    sex = word("PatientSex").upper()
    patient = Patient(
        identifier=EntityIdentifier(word("PatientID"), word("IssuerOfPatientID")),
        name=name.partition("=")[0],
        birth_date=word("PatientBirthDate"),
        sex=sex if sex in _SEXES else "",
    )
    return ImagingOrder(
        study_instance_uid=word("StudyInstanceUID"),
        accession=EntityIdentifier(word("AccessionNumber")),
        patient=patient,
        **said,
    )
