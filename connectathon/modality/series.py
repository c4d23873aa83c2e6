"""Write a head as an MR series: one MR Image Storage instance per slice (PS3.3 section A.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from connectathon.fiction import DemoOrder
from connectathon.modality.heads import Head, load_head
from profiles.dicom import new_uid

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_MAKER = "Stepwell connectathon"


@dataclass(frozen=True, slots=True)
class _Stack:
    """Slices in the patient's coordinate system (LPS, millimetres)."""

    slices: NDArray[np.int16]  # slice, row, column
    positions: NDArray[np.float64]  # slice, xyz
    along_row: NDArray[np.float64]  # unit vector, direction of increasing column index
    along_column: NDArray[np.float64]
    row_spacing: float
    column_spacing: float
    slice_spacing: float


def head_study(order: DemoOrder, folder: Path, source: str = "pydeface", slices: slice | None = None) -> list[Path]:
    """Make a study of one MR series from a sample head.

    Args:
        order: patient, accession number and Study Instance UID.
        folder: where the files ``IM0001.dcm`` … go; made when missing.
        source: ``pydeface`` (176 sagittal slices) or ``colin27`` (181 axial slices).
        slices: which of them; all when None.

    Returns:
        The files, in slice order.

    Raises:
        NotFound: when the package with the head is not installed.
    """
    return write_series(load_head(source), order, folder, slice_axis=0 if source == "pydeface" else 2, slices=slices)


def write_series(
    head: Head, order: DemoOrder, folder: Path, *, slice_axis: int, slices: slice | None = None
) -> list[Path]:
    """Write a volume as MR slices.

    Args:
        head: the volume.
        order: patient and order.
        folder: where the files go.
        slice_axis: the volume axis along which slices follow each other: 0 sagittal, 1 coronal, 2 axial if it is RAS.
        slices: which slices to write; all when None.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stack = _stack(head, slice_axis)
    common = _common(head, order, stack)
    paths = []
    for index in range(len(stack.slices))[slices or slice(None)]:
        path = folder / f"IM{index + 1:04d}.dcm"
        _slice(common, stack, index, order.ordered).save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def _stack(head: Head, slice_axis: int) -> _Stack:
    """Turn the volume so that slices, rows and columns run as radiologists look at them, and follow the affine."""
    row_axis, column_axis = {0: (2, 1), 1: (2, 0), 2: (1, 0)}[slice_axis]  # rows run down, columns run to the right
    affine = _RAS_TO_LPS @ head.affine
    voxels = np.transpose(head.voxels, (slice_axis, row_axis, column_axis))
    axes = [affine[:3, axis].copy() for axis in (slice_axis, row_axis, column_axis)]
    origin = affine[:3, 3].copy()
    # Down is towards the feet (-z) or the back (+y); right is towards the back (+y) or the patient's left (+x).
    wanted = {0: ((2, -1), (1, 1)), 1: ((2, -1), (0, 1)), 2: ((1, 1), (0, 1))}[slice_axis]
    for position, (component, sign) in zip((1, 2), wanted, strict=True):
        if axes[position][component] * sign < 0:
            origin += axes[position] * (voxels.shape[position] - 1)
            axes[position] = -axes[position]
            voxels = np.flip(voxels, position)
    if np.dot(np.cross(axes[2], axes[1]), axes[0]) < 0:  # slices follow the normal: row direction x column direction
        origin += axes[0] * (voxels.shape[0] - 1)
        axes[0] = -axes[0]
        voxels = np.flip(voxels, 0)
    spacings = [float(np.linalg.norm(axis)) for axis in axes]
    positions = origin + np.arange(voxels.shape[0])[:, None] * axes[0]
    return _Stack(
        np.ascontiguousarray(voxels, dtype="<i2"),
        positions,
        axes[2] / spacings[2],
        axes[1] / spacings[1],
        spacings[1],
        spacings[2],
        spacings[0],
    )


def _common(head: Head, order: DemoOrder, stack: _Stack) -> Dataset:
    """What all slices share."""
    dataset = Dataset()
    for part in (_patient_and_study(order), _series(head, order), _acquisition(stack)):
        dataset.update(part)
    low, high = np.percentile(stack.slices, (1, 99.5))
    dataset.WindowCenter = f"{(low + high) / 2:.1f}"
    dataset.WindowWidth = f"{max(1.0, high - low):.1f}"
    return dataset


def _patient_and_study(order: DemoOrder) -> Dataset:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = order.patient_name
    dataset.PatientID = order.patient_id
    dataset.IssuerOfPatientID = order.issuer
    dataset.PatientBirthDate = order.patient_birth_date
    dataset.PatientSex = order.patient_sex
    dataset.StudyInstanceUID = order.study_instance_uid
    dataset.StudyDate = order.ordered.strftime("%Y%m%d")
    dataset.StudyTime = order.ordered.strftime("%H%M%S")
    dataset.TimezoneOffsetFromUTC = order.ordered.strftime("%z") or "+0000"
    dataset.AccessionNumber = order.accession_number
    dataset.ReferringPhysicianName = order.referring_physician
    dataset.StudyID = order.study_id
    dataset.StudyDescription = order.procedure_description
    return dataset


def _series(head: Head, order: DemoOrder) -> Dataset:
    dataset = Dataset()
    dataset.Modality = "MR"
    dataset.SeriesInstanceUID = new_uid()
    dataset.SeriesNumber = 1
    dataset.SeriesDescription = head.description
    dataset.SeriesDate = dataset.AcquisitionDate = dataset.ContentDate = order.ordered.strftime("%Y%m%d")
    dataset.SeriesTime = dataset.AcquisitionTime = dataset.ContentTime = order.ordered.strftime("%H%M%S")
    dataset.ProtocolName = "T1w head"
    dataset.BodyPartExamined = "HEAD"
    dataset.PatientPosition = "HFS"
    dataset.PerformedProcedureStepID = "PPS1"
    dataset.PerformedProcedureStepStartDate = dataset.SeriesDate
    dataset.PerformedProcedureStepStartTime = dataset.SeriesTime
    dataset.PerformedProcedureStepDescription = order.procedure_description
    dataset.RequestAttributesSequence = [_request(order)]
    dataset.AnatomicRegionSequence = [_code("69536005", "SCT", "Head")]
    dataset.Manufacturer = _MAKER
    dataset.ManufacturerModelName = "Simulated MR scanner"
    dataset.DeviceSerialNumber = "0001"
    dataset.SoftwareVersions = "1"
    dataset.InstitutionName = "Fictional Hospital"
    dataset.StationName = "MR1"
    dataset.ImageComments = "Made from a published template of real heads; not an acquisition of the patient named."
    return dataset


def _request(order: DemoOrder) -> Dataset:
    item = Dataset()
    item.AccessionNumber = order.accession_number
    item.RequestedProcedureID = order.requested_procedure_id
    item.ScheduledProcedureStepID = order.scheduled_step_id
    item.RequestedProcedureDescription = order.procedure_description
    return item


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _acquisition(stack: _Stack) -> Dataset:
    """MR Image, Image Plane and Image Pixel modules; acquisition times are those usual for such a sequence."""
    dataset = Dataset()
    dataset.FrameOfReferenceUID = new_uid()
    dataset.PositionReferenceIndicator = ""
    dataset.ImageType = ["DERIVED", "PRIMARY", "OTHER"]
    dataset.DerivationDescription = "Slices of a published average head template"
    dataset.ScanningSequence = ["GR", "IR"]
    dataset.SequenceVariant = "MP"
    dataset.ScanOptions = ""
    dataset.MRAcquisitionType = "3D"
    dataset.RepetitionTime, dataset.EchoTime, dataset.InversionTime = "2300", "2.98", "900"
    dataset.EchoTrainLength, dataset.FlipAngle, dataset.MagneticFieldStrength = "1", "9", "3"
    dataset.AcquisitionNumber = 1
    dataset.ImageOrientationPatient = [_decimal(one) for one in (*stack.along_row, *stack.along_column)]
    dataset.PixelSpacing = [_decimal(stack.row_spacing), _decimal(stack.column_spacing)]
    dataset.SliceThickness = dataset.SpacingBetweenSlices = _decimal(stack.slice_spacing)
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = stack.slices.shape[1:]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 1
    dataset.LossyImageCompression = "00"
    return dataset


def _decimal(number: float) -> str:
    """A decimal string of at most 16 characters (PS3.5 section 6.2, VR DS)."""
    text = f"{number:.10f}".rstrip("0").rstrip(".")
    return text if text not in {"-0", ""} else "0"


def _slice(common: Dataset, stack: _Stack, index: int, acquired: datetime) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = pydicom.uid.UID(new_uid())
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    values: dict[Any, Any] = {element.tag: element for element in common}
    dataset = FileDataset("", values, preamble=b"\0" * 128, file_meta=meta)
    dataset.SOPClassUID = MRImageStorage
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.InstanceCreationDate = acquired.strftime("%Y%m%d")
    dataset.InstanceCreationTime = acquired.strftime("%H%M%S")
    dataset.InstanceNumber = index + 1
    dataset.ImagePositionPatient = [_decimal(one) for one in stack.positions[index]]
    dataset.SliceLocation = _decimal(
        float(np.dot(stack.positions[index], np.cross(stack.along_row, stack.along_column)))
    )
    plane = stack.slices[index]
    dataset.SmallestImagePixelValue, dataset.LargestImagePixelValue = int(plane.min()), int(plane.max())
    dataset["SmallestImagePixelValue"].VR = dataset["LargestImagePixelValue"].VR = "SS"
    dataset.PixelData = plane.tobytes()
    dataset["PixelData"].VR = "OW"
    return dataset


def series_identity(paths: Sequence[Path]) -> tuple[str, str]:
    """Study and Series Instance UID of written files."""
    dataset = pydicom.dcmread(paths[0], specific_tags=["StudyInstanceUID", "SeriesInstanceUID"])
    return str(dataset.StudyInstanceUID), str(dataset.SeriesInstanceUID)
