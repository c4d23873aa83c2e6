"""Studies that an engine for heads must refuse, and files that no archive should take."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pydicom
from pydicom.uid import CTImageStorage

from connectathon.fiction import DemoOrder
from connectathon.modality.heads import Head, load_head
from connectathon.modality.series import head_study, write_series

_MR_ONLY = (
    "ScanningSequence",
    "SequenceVariant",
    "ScanOptions",
    "MRAcquisitionType",
    "RepetitionTime",
    "EchoTime",
    "InversionTime",
    "EchoTrainLength",
    "FlipAngle",
    "MagneticFieldStrength",
    "AnatomicRegionSequence",
    "DerivationDescription",
)


def ct_phantom_study(order: DemoOrder, folder: Path, slices: int = 24) -> list[Path]:
    """A CT of a water cylinder: no MR, no head.

    Args:
        order: patient and order.
        folder: where the files go.
        slices: how many, 5 mm apart.
    """
    side = 128
    y, x = np.mgrid[:side, :side] - side / 2
    disc = np.where(x**2 + y**2 < (side / 3) ** 2, 0, -1000).astype(np.int16)
    affine = np.diag([2.0, 2.0, 5.0, 1.0])
    volume = np.repeat(disc.T[:, :, None], slices, axis=2)
    phantom = Head("phantom", "Water cylinder (phantom)", volume, affine)
    paths = write_series(phantom, order, folder, slice_axis=2)
    for path in paths:
        _as_ct(path)
    return paths


def _as_ct(path: Path) -> None:
    dataset = pydicom.dcmread(path)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    dataset.Modality = "CT"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.BodyPartExamined = "ABDOMEN"
    dataset.ProtocolName = "Phantom"
    dataset.ManufacturerModelName = "Simulated CT scanner"
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType, dataset.KVP = "0", "1", "HU", "120"
    for keyword in _MR_ONLY:
        del dataset[keyword]
    dataset.save_as(path, enforce_file_format=True)


def mr_phantom_study(order: DemoOrder, folder: Path, slices: int = 40) -> list[Path]:
    """An MR of a uniform ball: the right modality, but no head."""
    side = 96
    z, y, x = np.mgrid[:slices, :side, :side].astype(float)
    inside = ((x - side / 2) / 40) ** 2 + ((y - side / 2) / 40) ** 2 + ((z - slices / 2) / (slices / 2)) ** 2 < 1
    volume = np.transpose(np.where(inside, 400, 5).astype(np.int16), (2, 1, 0))
    return write_series(
        Head("ball", "Ball (phantom)", volume, np.diag([2.0, 2.0, 4.0, 1.0])), order, folder, slice_axis=2
    )


def single_slice_study(order: DemoOrder, folder: Path) -> list[Path]:
    """One slice through a head: too little to segment."""
    return write_series(load_head(), order, folder, slice_axis=0, slices=slice(88, 89))


def corrupt_file(folder: Path, order: DemoOrder | None = None) -> Path:
    """A head slice whose pixel data breaks off in the middle."""
    path = single_slice_study(order or DemoOrder(), folder)[0]
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def other_body_part_study(order: DemoOrder, folder: Path) -> list[Path]:
    """The head series, but described as a knee: the description, not the pixels, is what a selection rule reads."""
    paths = head_study(dataclasses.replace(order, procedure_description="MR knee"), folder)
    for path in paths:
        dataset = pydicom.dcmread(path)
        dataset.BodyPartExamined = "KNEE"
        dataset.ProtocolName = "T1w knee"
        dataset.AnatomicRegionSequence[0].CodeValue = "72696002"
        dataset.AnatomicRegionSequence[0].CodeMeaning = "Knee"
        dataset.save_as(path, enforce_file_format=True)
    return paths
