"""Images to work on: a head as a small MR volume made by formula, or the images that the system under test needs.

Each study has UIDs that follow from its seed, so that two runs of one seed can be compared. Nobody has such a head.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID, generate_uid

from conformance.partners import objects
from profiles.errors import BadInput

_SLICES, _SIZE, _SPACING = 20, 24, 10
_RADII = (80.0, 90.0, 75.0)
_NEW_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")


@dataclass(frozen=True, slots=True)
class Series:
    """One series.

    Attributes:
        study: Study Instance UID.
        uid: Series Instance UID.
        images: in the order of their Instance Numbers.
    """

    study: str
    uid: str
    images: tuple[Dataset, ...]

    @property
    def instances(self) -> tuple[str, ...]:
        """SOP Instance UIDs."""
        return tuple(str(one.SOPInstanceUID) for one in self.images)


def new_study(seed: str) -> objects.Study:
    """Patient and study of a seed."""
    number = f"{int(_uid(seed, 'number').rpartition('.')[2]) % 10**8:08}"
    return objects.Study(
        patient_id=f"HARNESS-{number}",
        accession=f"A{number}",
        uid=_uid(seed, "study"),
        frame_of_reference=_uid(seed, "frame"),
    )


def head(study: objects.Study, name: str = "head", slices: int = _SLICES) -> Series:
    """An ellipsoid of 2.3 litres with structure inside, in slices of 24 x 24 pixels, 10 mm apart.

    Args:
        study: whose.
        name: of the series; another name is another series in the same place.
        slices: how many.
    """
    series = _uid(study.uid, name)
    return Series(study.uid, series, tuple(_slice(study, series, name, number) for number in range(1, slices + 1)))


def photograph(study: objects.Study) -> Series:
    """A series that no engine for medical volumes can work on: one secondary capture of a few pixels."""
    series = _uid(study.uid, "photograph")
    return Series(study.uid, series, (objects.image(study, objects.SC, series=series),))


def copied(folder: Path, study: objects.Study) -> list[Series]:
    """The series in a folder, under new UIDs and for the patient of a study.

    Args:
        folder: looked through with everything below it.
        study: whose the copies are.

    Raises:
        BadInput: when there are no images in it.
    """
    found: dict[str, list[Dataset]] = {}
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        try:
            image = pydicom.dcmread(path)
        except (InvalidDicomError, OSError):
            continue
        if "SOPInstanceUID" in image and "SeriesInstanceUID" in image:
            found.setdefault(str(image.SeriesInstanceUID), []).append(image)
    if not found:
        raise BadInput(f"There are no DICOM images in {folder}.")
    return [_relabelled(images, study) for images in found.values()]


def files(series: Iterable[Series]) -> list[bytes]:
    """Every image of some series as a Part 10 file."""
    return [as_file(one) for each in series for one in each.images]


def as_file(image: Dataset) -> bytes:
    """An image as a Part 10 file, in the transfer syntax that it has."""
    syntax = getattr(getattr(image, "file_meta", None), "TransferSyntaxUID", None)
    return objects.as_file(image, syntax) if syntax else objects.as_file(image)


def _slice(study: objects.Study, series: str, name: str, number: int) -> Dataset:
    image = objects.image(study, objects.MR, series=series, number=number)
    image.SOPInstanceUID = _uid(series, str(number))
    image.SeriesDescription, image.BodyPartExamined = f"harness {name}", "HEAD"
    image.Rows = image.Columns = _SIZE
    image.PixelSpacing, image.SliceThickness = [_SPACING, _SPACING], _SPACING
    image.ImagePositionPatient = [-_SIZE * _SPACING / 2, -_SIZE * _SPACING / 2, (number - _SLICES / 2) * _SPACING]
    image.ScanningSequence, image.SequenceVariant, image.ScanOptions = "GR", "NONE", ""
    image.MRAcquisitionType, image.EchoTime, image.RepetitionTime, image.EchoTrainLength = "3D", 3, 2300, 1
    image.PatientPosition = "HFS"
    image.PixelData = struct.pack(f"<{_SIZE * _SIZE}H", *_pixels((number - 0.5 - _SLICES / 2) * _SPACING))
    image["PixelData"].VR = "OW"
    return image


def _pixels(z: float) -> list[int]:
    """One slice at a height above the middle, in millimetres: dark air, bright tissue that fades outwards."""
    places = [(index - (_SIZE - 1) / 2) * _SPACING for index in range(_SIZE)]
    return [_value(x, y, z) for y in places for x in places]


def _value(x: float, y: float, z: float) -> int:
    inside = 1.0 - sum((place / radius) ** 2 for place, radius in zip((x, y, z), _RADII, strict=True))
    return 300 + int(700 * inside) if inside > 0 else int(abs(x + y)) % 7


def _relabelled(images: Sequence[Dataset], study: objects.Study) -> Series:
    series = _uid(study.uid, str(images[0].SeriesInstanceUID))
    for image in images:
        image.walk(lambda dataset, element: _rename(dataset, element.keyword, study.uid))
        image.StudyInstanceUID, image.SeriesInstanceUID = study.uid, series
        image.PatientName, image.PatientID = study.patient_name, study.patient_id
        image.PatientBirthDate, image.AccessionNumber = "", study.accession
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    ordered = sorted(images, key=lambda image: int(image.get("InstanceNumber") or 0))
    return Series(study.uid, series, tuple(ordered))


def _rename(dataset: Dataset, keyword: str, seed: str) -> None:
    if keyword in _NEW_UIDS or keyword == "ReferencedSOPInstanceUID":
        dataset[keyword].value = UID(_uid(seed, str(dataset[keyword].value)))


def _uid(*seed: str) -> str:
    return str(generate_uid(entropy_srcs=list(seed)))
