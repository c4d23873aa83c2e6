"""DICOM objects of the harness's own: one small, legal instance of each class that AIR and its images need.

They are built attribute by attribute with pydicom, so that nothing that is judged has made them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
CR = "1.2.840.10008.5.1.4.1.1.1"
SC = "1.2.840.10008.5.1.4.1.1.7"
SR = "1.2.840.10008.5.1.4.1.1.88.34"
SEG = "1.2.840.10008.5.1.4.1.1.66.4"
PM = "1.2.840.10008.5.1.4.1.1.30"
KOS = "1.2.840.10008.5.1.4.1.1.88.59"
_MODALITY = {CT: "CT", MR: "MR", CR: "CR", SC: "OT", SR: "SR", SEG: "SEG", PM: "OT", KOS: "KO"}
_SIZE = 8


def new_uid() -> str:
    """A UID that nobody has used."""
    return str(generate_uid(prefix=None))


@dataclass(frozen=True, slots=True)
class Study:
    """The head that all objects of one study share; the patient does not exist."""

    patient_name: str = "Fictional^Harness"
    patient_id: str = field(default_factory=lambda: f"HARNESS-{new_uid()[-8:]}")
    accession: str = field(default_factory=lambda: f"A{new_uid()[-10:]}")
    uid: str = field(default_factory=new_uid)
    frame_of_reference: str = field(default_factory=new_uid)
    date: str = "20260105"
    time: str = "101500"


def image(study: Study, sop_class: str = MR, *, series: str = "", number: int = 1) -> Dataset:
    """One slice of 8 x 8 pixels of 16 bits; slices of a series lie 1 mm apart."""
    dataset = _head(study, sop_class, series or new_uid(), number)
    dataset.Rows = dataset.Columns = _SIZE
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.FrameOfReferenceUID, dataset.PositionReferenceIndicator = study.frame_of_reference, ""
    dataset.ImageOrientationPatient, dataset.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, number - 1]
    dataset.PixelSpacing, dataset.SliceThickness = [1, 1], 1
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.PixelData = struct.pack(f"<{_SIZE * _SIZE}H", *((17 * one + number) % 4096 for one in range(_SIZE * _SIZE)))
    if sop_class == CT:
        dataset.RescaleIntercept, dataset.RescaleSlope, dataset.KVP, dataset.AcquisitionNumber = -1024, 1, 120, 1
    if sop_class == SC:
        dataset.ConversionType = "WSD"
    return dataset


def report(study: Study, evidence: Dataset, text: str = "volume") -> Dataset:
    """A Comprehensive 3D SR with a title, a language and one measured value, about one image."""
    dataset = _head(study, SR, new_uid(), 1)
    dataset.ValueType, dataset.ContinuityOfContent = "CONTAINER", "SEPARATE"
    dataset.ConceptNameCodeSequence = coded("126000", "DCM", "Imaging Measurement Report")
    template = Dataset()
    template.MappingResource, template.TemplateIdentifier = "DCMR", "1500"
    dataset.ContentTemplateSequence = Sequence([template])
    dataset.CompletionFlag, dataset.VerificationFlag = "COMPLETE", "UNVERIFIED"
    dataset.PerformedProcedureCodeSequence = Sequence()
    dataset.ReferencedPerformedProcedureStepSequence = Sequence()
    dataset.CurrentRequestedProcedureEvidenceSequence = _evidence(evidence)
    measured = Dataset()
    measured.RelationshipType, measured.ValueType = "CONTAINS", "NUM"
    measured.ConceptNameCodeSequence = coded("118565006", "SCT", text.capitalize())
    value = Dataset()
    value.NumericValue, value.MeasurementUnitsCodeSequence = "12.5", coded("mL", "UCUM", "milliliter")
    measured.MeasuredValueSequence = Sequence([value])
    dataset.ContentSequence = Sequence([measured])
    private = dataset.private_block(0x0099, "STEPWELL HARNESS", create=True)
    private.add_new(0x01, "LO", "kept as it is")
    return dataset


def segmentation(study: Study, source: Dataset) -> Dataset:
    """A BINARY segmentation of one segment in one frame over an image."""
    dataset = _derived(study, SEG, source)
    dataset.BitsAllocated = dataset.BitsStored = 1
    dataset.HighBit, dataset.SegmentationType = 0, "BINARY"
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    segment = Dataset()
    segment.SegmentNumber, segment.SegmentLabel, segment.SegmentAlgorithmType = 1, "organ", "AUTOMATIC"
    segment.SegmentAlgorithmName = "harness"
    segment.SegmentedPropertyCategoryCodeSequence = coded("123037004", "SCT", "Anatomical Structure")
    segment.SegmentedPropertyTypeCodeSequence = coded("12738006", "SCT", "Brain")
    dataset.SegmentSequence = Sequence([segment])
    frame = dataset.PerFrameFunctionalGroupsSequence[0]
    shown = Dataset()
    shown.ReferencedSegmentNumber = 1
    frame.SegmentIdentificationSequence = Sequence([shown])
    dataset.PixelData = b"\x0f" * (_SIZE * _SIZE // 8)
    return dataset


def parametric_map(study: Study, source: Dataset) -> Dataset:
    """A Parametric Map of one frame of 16 bits over an image."""
    dataset = _derived(study, PM, source)
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.ContentQualification = 15, "RESEARCH"
    dataset.ImageType = ["DERIVED", "PRIMARY", "VOLUME", "MAP"]
    mapping = Dataset()
    mapping.LUTLabel, mapping.LUTExplanation = "1", "harness"
    mapping.RealWorldValueFirstValueMapped, mapping.RealWorldValueLastValueMapped = 0, 4095
    mapping.RealWorldValueIntercept, mapping.RealWorldValueSlope = 0.0, 1.0
    mapping.MeasurementUnitsCodeSequence = coded("1", "UCUM", "no units")
    dataset.PerFrameFunctionalGroupsSequence[0].RealWorldValueMappingSequence = Sequence([mapping])
    dataset.PixelData = bytes(2 * _SIZE * _SIZE)
    return dataset


def key_objects(study: Study, source: Dataset, title: tuple[str, str] = ("113000", "Of Interest")) -> Dataset:
    """A Key Object Selection of one image; title (113001, DCM) makes it a rejection note."""
    dataset = _head(study, KOS, new_uid(), 1)
    dataset.ValueType, dataset.ContinuityOfContent = "CONTAINER", "SEPARATE"
    dataset.ConceptNameCodeSequence = coded(title[0], "DCM", title[1])
    template = Dataset()
    template.MappingResource, template.TemplateIdentifier = "DCMR", "2010"
    dataset.ContentTemplateSequence = Sequence([template])
    dataset.ReferencedPerformedProcedureStepSequence = Sequence()
    dataset.CurrentRequestedProcedureEvidenceSequence = _evidence(source)
    chosen = Dataset()
    chosen.RelationshipType, chosen.ValueType = "CONTAINS", "IMAGE"
    chosen.ReferencedSOPSequence = Sequence([reference(source)])
    dataset.ContentSequence = Sequence([chosen])
    return dataset


def as_file(dataset: Dataset, transfer_syntax: UID = ExplicitVRLittleEndian) -> bytes:
    """The dataset as a Part 10 file."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    meta.TransferSyntaxUID = transfer_syntax
    written = Dataset(dataset)
    written.file_meta = meta
    content = BytesIO()
    written.save_as(content, enforce_file_format=True)
    return content.getvalue()


def _head(study: Study, sop_class: str, series: str, number: int) -> Dataset:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, new_uid()
    dataset.StudyDate = dataset.ContentDate = dataset.SeriesDate = study.date
    dataset.StudyTime = dataset.ContentTime = dataset.SeriesTime = study.time
    dataset.AccessionNumber, dataset.StudyID, dataset.StudyInstanceUID = study.accession, "1", study.uid
    dataset.ReferringPhysicianName = dataset.PatientBirthDate = ""
    dataset.PatientName, dataset.PatientID, dataset.PatientSex = study.patient_name, study.patient_id, "O"
    dataset.Modality, dataset.SeriesInstanceUID = _MODALITY[sop_class], series
    dataset.SeriesNumber, dataset.InstanceNumber = 1, number
    dataset.SeriesDescription = f"harness {dataset.Modality}"
    dataset.Manufacturer, dataset.ManufacturerModelName = "Stepwell", "Harness"
    dataset.DeviceSerialNumber, dataset.SoftwareVersions = "1", "1"
    return dataset


def _derived(study: Study, sop_class: str, source: Dataset) -> Dataset:
    """What segmentation and parametric map share: one frame where the source image lies."""
    dataset = _head(study, sop_class, new_uid(), 1)
    dataset.FrameOfReferenceUID, dataset.PositionReferenceIndicator = study.frame_of_reference, ""
    dataset.Rows = dataset.Columns = _SIZE
    dataset.NumberOfFrames, dataset.SamplesPerPixel = 1, 1
    dataset.PhotometricInterpretation, dataset.PixelRepresentation = "MONOCHROME2", 0
    dataset.ContentLabel, dataset.ContentDescription, dataset.ContentCreatorName = "HARNESS", "harness", "harness"
    organization = Dataset()
    organization.DimensionOrganizationUID = new_uid()
    dataset.DimensionOrganizationSequence = Sequence([organization])
    index = Dataset()
    index.DimensionOrganizationUID = organization.DimensionOrganizationUID
    index.DimensionIndexPointer, index.FunctionalGroupPointer = 0x00200032, 0x00209113
    dataset.DimensionIndexSequence = Sequence([index])
    series = Dataset()
    series.SeriesInstanceUID, series.ReferencedInstanceSequence = (
        source.SeriesInstanceUID,
        Sequence([reference(source)]),
    )
    dataset.ReferencedSeriesSequence = Sequence([series])
    shared, frame = Dataset(), Dataset()
    measures, orientation, position, content = Dataset(), Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [1, 1], 1
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = Sequence([measures]), Sequence([orientation])
    position.ImagePositionPatient, content.DimensionIndexValues = [0, 0, 0], [1]
    frame.PlanePositionSequence, frame.FrameContentSequence = Sequence([position]), Sequence([content])
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    dataset.PerFrameFunctionalGroupsSequence = Sequence([frame])
    return dataset


def _evidence(source: Dataset) -> Sequence:
    study, series = Dataset(), Dataset()
    series.SeriesInstanceUID, series.ReferencedSOPSequence = source.SeriesInstanceUID, Sequence([reference(source)])
    study.StudyInstanceUID, study.ReferencedSeriesSequence = source.StudyInstanceUID, Sequence([series])
    return Sequence([study])


def reference(source: Dataset) -> Dataset:
    """A reference to an instance."""
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = source.SOPClassUID, source.SOPInstanceUID
    return reference


def coded(value: str, scheme: str, meaning: str) -> Any:
    """A code sequence with one item."""
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return Sequence([code])
