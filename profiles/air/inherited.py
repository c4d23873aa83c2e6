"""What result objects inherit from workitem and images: refused by its name where no legal object could carry it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydicom import DataElement, Dataset, config
from pydicom.multival import MultiValue
from pydicom.valuerep import MAX_VALUE_LEN, validate_value

from profiles.air.errors import IllegalResult, require

_IDENTITY = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "Rows", "Columns")
_PLACE = ("FrameOfReferenceUID", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
_SEXES = ("M", "F", "O", "")


def require_legal_values(inherited: Dataset) -> None:
    """Refuse values that break their Value Representation: too long, or no date, no UID.

    Raises:
        IllegalResult: with the attribute's name, and never its value, which may say who the patient is.
    """
    for element in inherited:
        if element.VR == "SQ":
            for row in element.value:
                require_legal_values(row)
        else:
            _require_legal(element)
    require(
        str(inherited.get("PatientSex", "") or "") in _SEXES,
        "Patient's Sex (0010,0040) of workitem or images is none of M, F, O (PS3.3 C.7.1.1). Have it corrected where "
        "it comes from.",
    )


def _require_legal(element: DataElement) -> None:
    limit = MAX_VALUE_LEN.get(element.VR)
    try:
        for value in element.value if isinstance(element.value, MultiValue) else [element.value]:
            validate_value(element.VR, str(value) if element.VR == "PN" else value, config.RAISE)
    except ValueError as error:
        allowed = f", at most {limit} characters" if limit else ""
        raise IllegalResult(
            f"{element.name} {element.tag} of workitem or images is no {element.VR} (PS3.5 Table 6.2-1{allowed}). "
            "Have it corrected where it comes from."
        ) from error


def require_identified(images: Iterable[Dataset]) -> None:
    """Refuse images that nothing can refer to.

    Raises:
        IllegalResult: when one lacks a UID, or its size.
    """
    for image in images:
        for keyword in _IDENTITY:
            require(
                bool(image.get(keyword)),
                f"A source image has no {keyword} (type 1, PS3.3 C.7.3.1, C.7.6.3 and C.12.1); retrieve the images "
                "again, or have the study corrected.",
            )


def require_one_subject(images: Sequence[Dataset]) -> None:
    """Refuse images of two patients, or of two studies.

    Raises:
        IllegalResult: when they disagree.
    """
    for keyword in ("PatientID", "IssuerOfPatientID"):
        require(
            len({str(image.get(keyword, "") or "") for image in images} - {""}) <= 1,
            f"The source images are of two patients ({keyword}); a result must not join two patients' records. "
            "Reconcile the images first (IHE RAD Patient Information Reconciliation).",
        )
    require(
        len({str(image.get("StudyInstanceUID", "")) for image in images}) <= 1,
        "The source images are of two studies (StudyInstanceUID); give those of the earlier study as priors.",
    )


def require_placed(sources: Sequence[Dataset]) -> None:
    """Refuse slices of which it is not known where they lie; one image alone needs no place, as a radiograph.

    Raises:
        IllegalResult: when an attribute of a slice's place is missing.
    """
    if "NumberOfFrames" in sources[0] or (len(sources) == 1 and not sources[0].get("ImagePositionPatient")):
        return
    require(
        all(image.get(keyword) for image in sources for keyword in _PLACE),
        f"A source slice lacks one of {', '.join(_PLACE)} (type 1, PS3.3 C.7.4.1, C.7.6.2 and A.51.3); voxels "
        "cannot lie on slices without a place.",
    )
    require(
        len(sources) > 1 or any(sources[0].get(keyword) for keyword in ("SliceThickness", "SpacingBetweenSlices")),
        "The only source slice tells no Slice Thickness (0018,0050), which its voxels need (PS3.3 C.7.6.16.2.1); have "
        "the image corrected.",
    )
