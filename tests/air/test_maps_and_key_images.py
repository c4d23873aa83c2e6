"""Parametric maps and key images: refused when illegal, and read back with the values that went in."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from profiles.air import (
    Confidence,
    Finding,
    FindingSite,
    IllegalResult,
    ImageReference,
    KeyImages,
    ParametricMap,
    Qualification,
    Results,
    Segment,
    Segmentation,
    SeriesReference,
    Tracking,
)
from profiles.dicom import Code, code

ONE, NODULE = Tracking("Nodule 1"), code("SCT", "27925004")
IT = (Finding(NODULE, ONE),)
SALIENCY, ADC, NONE = code("DCM", "130404"), code("DCM", "113041"), code("UCUM", "1")
DIFFUSION = Code("mm2/s", "UCUM", "mm2/s")
#: What is made here is for research, and the judge says so of every such map.
RESEARCH = ["AIR-168-RESEARCH"]
VALUES = np.linspace(-1, 2, 12 * 20 * 24, dtype=np.float32).reshape(12, 20, 24)


def a_map(**changes) -> ParametricMap:
    usual = {
        "values": VALUES,
        "quantity": SALIENCY,
        "unit": NONE,
        "source_instance_uids": tuple(f"1.2.{number}" for number in range(1, 13)),
        "of": ONE,
        "label": "Saliency",
        "site": FindingSite(code("SCT", "12738006")),
    }
    return ParametricMap(**{**usual, **changes})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: a_map(quantity=Code("", "", "")), "The quantity of a map"),
        (lambda: a_map(unit=Code("x", "99X", "x")), "code('UCUM', '1')"),
        (lambda: a_map(unit=Code("", "", "")), "The unit of a map"),
        (lambda: a_map(label="x" * 17), "allows 16"),
        (lambda: a_map(content_label="small"), "VR CS"),
        (lambda: a_map(description="x" * 65), "Content Description"),
        (lambda: a_map(qualification="SOLD"), "PRODUCT, RESEARCH, SERVICE"),
        (lambda: a_map(values=VALUES[0]), "(slices, rows, columns)"),
        (lambda: a_map(values=VALUES.astype(np.int16)), "shift negative integers"),
        (lambda: a_map(values=VALUES * np.nan), "NaN or infinity"),
        (lambda: a_map(slope=0.0), "the slope is not 0"),
        (lambda: a_map(source_instance_uids=("1.2",)), "name one per slice"),
        (lambda: KeyImages((), "Why"), "Key images are none"),
        (lambda: KeyImages((ImageReference("1.2"),), " "), "Key Object Description is empty"),
        (lambda: KeyImages((ImageReference("1.2"),), "Why", Code("113001", "DCM", "Rejected")), "113013"),
        (lambda: SeriesReference("x"), "no UID"),
    ],
)
@pytest.mark.requirement("AIR-180", "AIR-181", "AIR-184")
def test_what_is_no_map_or_key_image_is_refused_with_the_way_to_mend_it(make, words: str) -> None:
    with pytest.raises(IllegalResult) as refusal:
        make()
    assert words in refusal.value.message


@pytest.fixture
def uids(images) -> tuple[str, ...]:
    return tuple(str(image.SOPInstanceUID) for image in images)


def slices_of(made, uids: tuple[str, ...]) -> list[int]:
    """Which source slice each frame is derived from."""
    return [
        uids.index(frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID)
        for frame in made.PerFrameFunctionalGroupsSequence
    ]


@pytest.mark.requirement("AIR-160", "AIR-162", "AIR-163", "AIR-165", "AIR-174", "AIR-212")
@pytest.mark.parametrize("stored", [np.float32, np.float64, np.uint16])
def test_the_values_of_a_map_come_back_with_quantity_unit_and_range(judge, images, uids, stored) -> None:
    values = (VALUES if np.issubdtype(stored, np.floating) else (VALUES + 1) * 80).astype(stored)
    found = a_map(values=values, source_instance_uids=uids, slope=0.5, intercept=-1.0)
    made, report = judge(Results(findings=(Finding(NODULE, ONE, confidence=Confidence(70)),), maps=(found,)), RESEARCH)
    assert made.FrameOfReferenceUID == images[0].FrameOfReferenceUID
    slices = slices_of(made, uids)
    assert sorted(slices) == list(range(12))
    assert (made.pixel_array == values[slices]).all()
    for frame, number in zip(made.PerFrameFunctionalGroupsSequence, slices, strict=True):
        assert frame.PlanePositionSequence[0].ImagePositionPatient == images[number].ImagePositionPatient
    (mapping,) = made.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence
    assert (mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept) == (0.5, -1.0)
    assert mapping.MeasurementUnitsCodeSequence[0].CodeValue == "1"
    assert mapping.QuantityDefinitionSequence[0].ConceptCodeSequence[0].CodeValue == "130404"
    (explanation,) = judge.named(report, "130401")
    assert explanation.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == made.SOPInstanceUID


@pytest.mark.requirement("AIR-168")
def test_a_quantitative_map_is_named_by_its_quantity(judge, uids) -> None:
    found = a_map(
        quantity=ADC, unit=DIFFUSION, source_instance_uids=uids, qualification=Qualification.PRODUCT, label="ADC"
    )
    made, report = judge(Results(findings=IT, maps=(found,)))
    assert made.ContentQualification == "PRODUCT"
    assert len(judge.named(report, "113041")) == 1
    assert not judge.named(report, "130401")


def test_a_map_of_a_single_value_can_be_shown(judge, uids) -> None:
    made, _ = judge(Results(findings=IT, maps=(a_map(values=VALUES * 0, source_instance_uids=uids),)), RESEARCH)
    (window,) = made.SharedFunctionalGroupsSequence[0].FrameVOILUTSequence
    assert float(window.WindowWidth) == 1


@pytest.mark.requirement("AIR-161")
def test_a_map_on_a_radiograph_has_a_space_of_its_own(judge, projection) -> None:
    judge.context = dataclasses.replace(judge.context, images=(projection,))
    made, _ = judge(
        Results(findings=IT, maps=(a_map(values=VALUES[:1], source_instance_uids=(str(projection.SOPInstanceUID),)),)),
        RESEARCH,
    )
    assert str(made.FrameOfReferenceUID).startswith("2.25.")
    assert "FrameOfReferenceUID" not in projection
    assert (made.pixel_array.reshape(1, 20, 24) == VALUES[:1]).all()


def test_a_map_on_the_frames_of_one_image_has_their_order(judge, multi_frame) -> None:
    judge.context = dataclasses.replace(judge.context, images=(multi_frame,))
    found = a_map(source_instance_uids=(str(multi_frame.SOPInstanceUID),), multi_frame=True)
    made, _ = judge(Results(findings=IT, maps=(found,)), RESEARCH)
    assert (made.pixel_array == VALUES).all()


@pytest.mark.requirement("AIR-182", "AIR-183", "AIR-185")
def test_key_images_and_series_are_selected_with_the_reason(judge, images, uids) -> None:
    keys = KeyImages((ImageReference(uids[3]),), "The largest extent.", code("DCM", "113013"))
    series = KeyImages((SeriesReference(str(images[0].SeriesInstanceUID)),), "All of it.")
    one, other = judge(Results(key_images=(keys, series)))
    assert one.ConceptNameCodeSequence[0].CodeValue == "113013"
    assert judge.named(one, "113012")[0].TextValue == "The largest extent."
    assert [item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in judge.named(one, "260753009")] == [
        uids[3]
    ]
    assert one.ContributingEquipmentSequence[1].DeviceUID == judge.named(one, "121012")[0].UID
    assert len(judge.named(other, "260753009")) == len(images)
    assert (one.InstanceNumber, other.InstanceNumber) == (1, 2)
    (study,) = one.CurrentRequestedProcedureEvidenceSequence
    assert len(study.ReferencedSeriesSequence[0].ReferencedSOPSequence) == 1


def test_frames_can_be_key_images(judge, multi_frame) -> None:
    judge.context = dataclasses.replace(judge.context, images=(multi_frame,))
    keys = KeyImages((ImageReference(str(multi_frame.SOPInstanceUID), (2, 3)),), "Two frames.")
    (made,) = judge(Results(key_images=(keys,)))
    (item,) = judge.named(made, "260753009")
    assert list(item.ReferencedSOPSequence[0].ReferencedFrameNumber) == [2, 3]


def test_a_series_that_the_algorithm_was_not_given_is_refused(judge) -> None:
    with pytest.raises(IllegalResult, match="No image of series"):
        judge(Results(key_images=(KeyImages((SeriesReference("1.2.3"),), "Why"),)))


@pytest.mark.requirement("AIR-210", "AIR-211", "AIR-213")
def test_all_objects_of_one_run_hang_together(judge, images, uids) -> None:
    mask = VALUES > 0
    segmentation = Segmentation((Segment("Nodule", code("SCT", "49755003"), NODULE, mask, ONE),), uids)
    results = Results(
        (segmentation,),
        findings=(Finding(NODULE, ONE),),
        maps=(a_map(source_instance_uids=uids),),
        key_images=(KeyImages((ImageReference(uids[0]),), "First."),),
    )
    made = judge(results, RESEARCH)
    assert [one.Modality for one in made] == ["SEG", "OT", "SR", "KO"]
    for keyword in ("StudyInstanceUID", "PatientID", "PatientName", "AccessionNumber", "ContentDate", "ContentTime"):
        assert len({str(one[keyword].value) for one in made}) == 1
    assert len({one.SeriesInstanceUID for one in made}) == 4
    report = made[2]
    listed = {
        row.ReferencedSOPInstanceUID
        for study in report.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for row in series.ReferencedSOPSequence
    }
    assert {made[0].SOPInstanceUID, made[1].SOPInstanceUID} <= listed
    assert not judge.named(report, "363698007")
