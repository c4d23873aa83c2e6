"""Good sets of results of every kind, for tests to break: made from the set that our encoder makes."""

import copy
from datetime import UTC, datetime

import highdicom as hd
import numpy as np
from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian

from profiles.air import AlgorithmIdentification, context_from_workitem
from profiles.air.mending import finish, identity, tied_to
from profiles.dicom import Code
from tests.conformance.air_parts import (
    LUNG,
    MM,
    MM2,
    OUTLINE,
    answer,
    container,
    content,
    group,
    image_item,
    in_space,
    laterality,
    number,
    on_image,
    plane,
    pointer,
    purpose,
    site,
    text,
)
from tests.conformance.breaking import coded, named

ALGORITHM = AlgorithmIdentification("brain-extraction", "1.0.2", "Stepwell", build="weights")
_LENGTH, _AREA = ("410668003", "SCT", "Length"), ("42798000", "SCT", "Area")


def context_of(images, workitem):
    station, now = Code("STEPWELL", "L", "AI room"), datetime(2090, 1, 2, 3, 4, 5, tzinfo=UTC)
    return context_from_workitem(workitem, images, station=station, now=now, seed="workitem attempt")


def drawn(objects, workitem):
    """The report also has a box, a contour in space, a frame of the segmentation, and a derived number."""
    image, brain = objects.images[2], objects.seg.SegmentSequence[0]
    rows, columns = (float(part) for part in image.PixelSpacing)
    square = plane(image, (0, 0), (6, 0), (6, 4), (0, 4), (0, 0))
    outlined = purpose(OUTLINE), in_space(image, "POLYGON", square)
    box = group(
        "Box",
        site(LUNG, laterality()),
        purpose(),
        on_image(image),
        number(_AREA, round(30 * rows * columns, 3), MM2),
        number(("111012", "DCM", "Certainty of Finding"), 90, ("%", "UCUM", "percent")),
        template="1410",
    )
    frame = image_item(
        ("121214", "DCM", "Referenced Segmentation Frame"),
        objects.seg,
        ReferencedFrameNumber=1,
    )
    frame.ObservationUID = "2.25.771000"
    source = image_item(("121233", "DCM", "Source image for segmentation"), image)
    kind = brain.SegmentedPropertyTypeCodeSequence[0]
    slice_ = group("Slice", frame, source, template="1410", finding=(kind.CodeValue, "SCT", kind.CodeMeaning))
    slice_.ContentSequence.append(copy.deepcopy(named(named(objects.sr, "125007"), "363698007")))
    named(slice_, "112039").TextValue, named(slice_, "112040").UID = brain.TrackingID, brain.TrackingUID
    whole = group(
        "Image",
        image_item(("121112", "DCM", "Source of Measurement"), image),
        answer("HAS CONCEPT MOD", ("370129005", "SCT", "Measurement Method"), ("126410", "DCM", "SUV method")),
        number(_LENGTH, 3, MM, *properties()),
    )
    measurements = named(objects.sr, "126010").ContentSequence
    measurements.extend([box, group("Plate", *outlined, template="1410"), slice_, whole])
    mean = ("373098007", "SCT", "Mean Value of population")
    place = next(
        n for n, row in enumerate(objects.sr.ContentSequence, 1) if "126010" in str(row.ConceptNameCodeSequence)
    )
    of_area = pointer("INFERRED FROM", 1, place, len(measurements) - 3, 7)
    objects.sr.ContentSequence.append(
        container(("126011", "DCM", "Derived Imaging Measurements"), number(mean, 3, MM2, of_area))
    )
    objects.sr.ContentSequence.append(container(("C0034375", "UMLS", "Qualitative Evaluations"), summary("111242")))


def properties():
    return (
        answer("HAS CONCEPT MOD", ("121401", "DCM", "Derivation"), ("373098007", "SCT", "Mean")),
        answer("HAS PROPERTIES", ("121402", "DCM", "Normality"), ("17621005", "SCT", "Normal")),
    )


def summary(value):
    return answer("CONTAINS", ("111017", "DCM", "CAD Processing and Findings Summary"), (value, "DCM", "summary"))


def mapped(objects, workitem):
    """A parametric map, to which the report refers as the explanation of a finding."""
    context = context_of(objects.images, workitem)
    values = np.linspace(0, 1, num=12 * 20 * 24, dtype=np.float32).reshape(12, 20, 24)
    mapping = hd.pm.RealWorldValueMapping(
        lut_label="SALIENCY",
        lut_explanation="How much a voxel mattered",
        unit=codes.UCUM.NoUnits,
        value_range=(0.0, 1.0),
        slope=1.0,
        intercept=0.0,
        quantity_definition=codes.DCM.Saliency,
    )
    objects.pm = hd.pm.ParametricMap(
        source_images=tied_to(objects.images, context),
        pixel_array=values,
        contains_recognizable_visual_features=True,
        real_world_value_mappings=[mapping],
        voi_lut_transformations=[hd.VOILUTTransformation(window_center=0.5, window_width=1.0)],
        content_label="SALIENCY_MAP",
        content_description="Saliency",
        content_qualification="PRODUCT",
        **identity(context, ALGORITHM, "OT", "map", series_number=1003),
    )
    finish(objects.pm, context, ALGORITHM)
    anatomy = Dataset()
    anatomy.FrameLaterality, anatomy.AnatomicRegionSequence = "U", [coded("12738006", "SCT", "Brain")]
    objects.pm.SharedFunctionalGroupsSequence[0].FrameAnatomySequence = [anatomy]
    shown = group("Explained", image_item(("130401", "DCM", "Visual explanation"), objects.pm))
    shown.ContentSequence[-1].ContentSequence = [
        answer("HAS CONCEPT MOD", ("246205007", "SCT", "Quantity"), ("130404", "DCM", "Saliency"))
    ]
    named(objects.sr, "126010").ContentSequence.append(shown)
    objects.listed(objects.pm)


def keyed(objects, workitem):
    """A selection of two key images."""
    context = context_of(objects.images, workitem)
    device = hd.sr.ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
            uid=ALGORITHM.device_uid, manufacturer_name=ALGORITHM.manufacturer, model_name=ALGORITHM.name
        ),
    )
    chosen = tied_to(objects.images[:2], context)
    selection = KeyObjectSelection(
        document_title=codes.DCM.OfInterest,
        referenced_objects=chosen,
        observer_device_context=device,
        description="The largest cross sections",
    )
    series = identity(context, ALGORITHM, "KO", "key images", series_number=1004)
    for taken in ("contributing_equipment", "content_date", "content_time", "series_date", "series_time"):
        del series[taken]
    objects.kos = KeyObjectSelectionDocument(evidence=chosen, content=selection, **series)
    objects.kos.ContributingEquipmentSequence = copy.deepcopy(objects.sr.ContributingEquipmentSequence)
    objects.kos.ContentDate, objects.kos.ContentTime = objects.sr.ContentDate, objects.sr.ContentTime
    finish(objects.kos, context, ALGORITHM)


def arranged(objects, workitem):
    """A result tree that puts the report and the segmentation in order."""
    tree = copy.deepcopy(objects.sr)
    tree.SOPClassUID = tree.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    tree.SOPInstanceUID = tree.file_meta.MediaStorageSOPInstanceUID = "2.25.772000"
    tree.InstanceNumber = 2
    tree.ContentTemplateSequence[0].TemplateIdentifier = "IHERADAIR1"
    tree.ConceptNameCodeSequence = [coded("AIR111", "99IHE", "Pneumothorax Assessment")]
    scheme = Dataset()
    scheme.CodingSchemeDesignator = "99IHE"
    tree.CodingSchemeIdentificationSequence = [*(tree.get("CodingSchemeIdentificationSequence") or ()), scheme]
    observed = named(objects.sr, "121071").ObservationUID
    kept = [row for row in tree.ContentSequence if row.RelationshipType == "HAS OBS CONTEXT"]
    label = ("125309", "DCM", "Short Label")
    node = container(
        ("AIR004", "99IHE", "Child Node"),
        text("CONTAINS", label, "Brain"),
        image_item(("AIR035", "99IHE", "Region"), objects.seg, kind="COMPOSITE"),
    )
    language = next(row for row in tree.ContentSequence if "121049" in str(row.ConceptNameCodeSequence))
    tree.ContentSequence = [
        language,
        *kept,
        text("CONTAINS", label, "Assessment"),
        image_item(("AIR003", "99IHE", "Root Result"), objects.sr, kind="COMPOSITE"),
        content("CONTAINS", "UIDREF", ("AIR005", "99IHE", "Referenced Observation UID"), UID=observed),
        node,
    ]
    objects.tree = tree
    objects.listed(objects.sr, tree)


def captured(objects, workitem):
    """A Secondary Capture that shows the result."""
    made = Dataset()
    for keyword in _SHARED:
        if keyword in objects.sr:
            made[keyword] = copy.deepcopy(objects.sr[keyword])
    made.file_meta = copy.deepcopy(objects.sr.file_meta)
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = "2.25.773000"
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.Modality, made.ConversionType, made.SeriesNumber, made.InstanceNumber = "OT", "WSD", 1005, 1
    made.SeriesInstanceUID, made.BodyPartExamined = "2.25.773001", "HEAD"
    made.SeriesDescription = "brain-extraction 1.0.2 rendering"
    made.BurnedInAnnotation, made.ImageType, made.PatientOrientation = "YES", ["DERIVED", "SECONDARY"], ""
    made.ContributingEquipmentSequence = copy.deepcopy(objects.sr.ContributingEquipmentSequence)
    made.SamplesPerPixel, made.PhotometricInterpretation, made.Rows, made.Columns = 1, "MONOCHROME2", 2, 2
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 8, 8, 7, 0
    made.PixelData = bytes(4)
    objects.capture = made


_SHARED = (
    "SpecificCharacterSet",
    "TimezoneOffsetFromUTC",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
    "Manufacturer",
)

SCENES = {"run": None, "drawn": drawn, "map": mapped, "keys": keyed, "tree": arranged, "capture": captured}
"""What is added to the set of one run, by the name of the scene."""
