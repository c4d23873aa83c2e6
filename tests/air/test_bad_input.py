"""Bad input is refused by its name with the way to mend it, or handled as the standard says; nothing is half made."""

from __future__ import annotations

import dataclasses
import io
import math

import numpy as np
import pydicom
import pytest

import conformance
from profiles.air import (
    AlgorithmIdentification,
    Confidence,
    Finding,
    IllegalResult,
    ImageReference,
    Location,
    Mark,
    Measurement,
    ParametricMap,
    Results,
    Segment,
    Segmentation,
    Space,
    Tracking,
    context_from_workitem,
    encode,
)
from profiles.dicom import Code, code, item, put, remove

from .conftest import NOW, STATION, workitem_for

CATEGORY, NODULE, ONE = code("SCT", "49755003"), code("SCT", "27925004"), Tracking("Nodule 1")
VOLUME, DIAMETER, ML, MM = code("SCT", "118565006"), code("SCT", "81827009"), code("UCUM", "mL"), code("UCUM", "mm")
IT = Finding(NODULE, ONE)
SHAPE = (12, 20, 24)


def segmented(images, mask, **more) -> Results:
    uids = tuple(str(image.SOPInstanceUID) for image in images)
    return Results((Segmentation((Segment("Nodule 1", CATEGORY, NODULE, mask, ONE),), uids, **more),))


def tied(images, workitem=None):
    return context_from_workitem(workitem or workitem_for(images[0]), images, station=STATION, now=NOW)


@pytest.fixture
def attempt(images, algorithm: AlgorithmIdentification):
    return lambda results, of=images: encode(results, tied(of), algorithm)


@pytest.mark.requirement("AIR-141")
@pytest.mark.parametrize(
    ("order", "words"),
    [
        ((0, 2, 1), "24 rows and 20 columns"),
        ((2, 1, 0), "The masks have 24 slices but 12"),
        ((1, 0, 2), "The masks have 20 slices but 12"),
    ],
)
def test_a_mask_whose_axes_are_in_another_order_is_refused(attempt, images, order, words) -> None:
    """Square slices with rows and columns swapped cannot be told from others: the numbers are as legal."""
    with pytest.raises(IllegalResult, match=words):
        attempt(segmented(images, np.ones(SHAPE, np.bool_).transpose(order).copy()))


@pytest.mark.requirement("AIR-141", "AIR-142")
@pytest.mark.parametrize(
    ("keyword", "words"),
    [
        ("FrameOfReferenceUID", "several Frames of Reference"),
        ("SeriesInstanceUID", "several series"),
        ("ImagePositionPatient", "ImagePositionPatient"),
        ("ImageOrientationPatient", "ImageOrientationPatient"),
    ],
)
def test_voxels_on_slices_that_do_not_lie_together_are_refused(attempt, images, keyword, words) -> None:
    if keyword.endswith("UID"):
        images[5][keyword].value = "1.2.3.4"
    else:
        del images[5][keyword]
    with pytest.raises(IllegalResult, match=words):
        attempt(segmented(images, np.ones(SHAPE, np.bool_)))


@pytest.mark.parametrize("keyword", ["ImagePositionPatient", "FrameOfReferenceUID", "PixelSpacing"])
def test_a_stack_of_slices_without_a_place_is_refused(attempt, images, keyword) -> None:
    for image in images:
        del image[keyword]
    with pytest.raises(IllegalResult, match="without a place"):
        attempt(segmented(images, np.ones(SHAPE, np.bool_)))


@pytest.mark.requirement("AIR-104")
def test_points_in_the_space_of_another_frame_of_reference_are_refused(attempt) -> None:
    point = Location(Mark.POINT, ((1.0, 2.0, 3.0),), Space("1.2.3.4"), ONE)
    with pytest.raises(IllegalResult, match=r"Frame of Reference 1\.2\.3\.4"):
        attempt(Results(findings=(IT,), locations=(point,)))


@pytest.mark.requirement("AIR-092", "AIR-099")
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Measurement(VOLUME, 1.0, None, ONE), "Measurement unit needs a code value"),
        (lambda: Measurement(VOLUME, 1.0, Code("", "UCUM", ""), ONE), "Measurement unit needs a code value"),
        (lambda: Measurement(VOLUME, 1.0, Code("ml", "", "ml"), ONE), "coding scheme"),
        (lambda: Measurement(VOLUME, math.nan, ML, ONE), "Volume is nan; leave out"),
        (lambda: Measurement(DIAMETER, -math.inf, MM, ONE), "Diameter is -inf"),
        (lambda: Confidence(math.nan), "from 0 to 100"),
        (lambda: Location(Mark.POINT, ((math.inf, 1.0),), ImageReference("1.2"), ONE), "NaN"),
        (lambda: Finding(Code("NEW", "99LOCAL"), ONE), "a meaning"),
    ],
)
def test_numbers_without_unit_or_value_and_codes_without_a_part_are_refused(make, words) -> None:
    with pytest.raises(IllegalResult) as refusal:
        make()
    assert words in refusal.value.message


def test_a_code_that_no_table_knows_is_named_with_what_to_do() -> None:
    with pytest.raises(KeyError, match=r"\(1234567, SCT\) is not in .*codes\.csv.*Code\('1234567', 'SCT', meaning\)"):
        code("SCT", "1234567")


@pytest.mark.requirement("AIR-123", "AIR-210")
@pytest.mark.parametrize("keyword", ["PatientID", "IssuerOfPatientID", "StudyInstanceUID"])
@pytest.mark.parametrize("in_workitem", [True, False])
def test_images_of_two_patients_or_studies_are_refused_whatever_the_workitem_says(images, keyword, in_workitem) -> None:
    workitem = workitem_for(images[0])
    if not in_workitem:
        for known in ("PatientID", "StudyInstanceUID", "ReferencedRequestSequence"):
            remove(workitem, known)
    images[7][keyword].value = "1.2.3.4"
    with pytest.raises(IllegalResult, match=r"two patients|two studies|another patient|another study") as refusal:
        tied(images, workitem)
    assert "1.2.3.4" not in refusal.value.message


@pytest.mark.parametrize("keyword", ["SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "Rows"])
@pytest.mark.parametrize("absent", [True, False])
def test_images_that_nothing_can_refer_to_are_refused(images, keyword, absent) -> None:
    workitem = workitem_for(images[0])
    if absent:
        del images[3][keyword]
    else:
        images[3][keyword].value = None
    with pytest.raises(IllegalResult, match=f"no {keyword}"):
        tied(images, workitem)


@pytest.mark.requirement("AIR-213")
def test_source_slices_that_are_not_there_are_named_by_the_first(attempt, images) -> None:
    results = segmented(images, np.ones(SHAPE, np.bool_))
    with pytest.raises(IllegalResult, match=f"2 of the source slices.*{images[10].SOPInstanceUID}"):
        attempt(results, images[:10])


TOO_LONG = {
    "PatientID": "P" * 65,
    "PatientName": "N" * 65,
    "IssuerOfPatientID": "I" * 65,
    "PatientBirthDate": "1970",
    "PatientSex": "MALE",
    "StudyID": "1" * 17,
    "StudyInstanceUID": f"1.{'2' * 63}",
}
TOO_LONG_OF_THE_REQUEST = {
    "AccessionNumber": "A" * 17,
    "StudyInstanceUID": f"1.{'2' * 63}",
    "RequestedProcedureID": "R" * 17,
    "RequestedProcedureDescription": "R" * 65,
    "ReasonForTheRequestedProcedure": "R" * 65,
    "PlacerOrderNumberImagingServiceRequest": "P" * 65,
    "FillerOrderNumberImagingServiceRequest": "F" * 65,
}


@pytest.mark.requirement("AIR-003", "AIR-004")
@pytest.mark.filterwarnings("ignore:.*exceeds the maximum", "ignore:Invalid value")  # pydicom's word on what is refused
@pytest.mark.parametrize(
    ("keyword", "in_request"),
    [*((keyword, False) for keyword in TOO_LONG), *((keyword, True) for keyword in TOO_LONG_OF_THE_REQUEST)],
)
def test_values_of_the_workitem_that_no_object_may_carry_are_refused_by_name(images, keyword, in_request) -> None:
    workitem = workitem_for(images[0])
    value = (TOO_LONG_OF_THE_REQUEST if in_request else TOO_LONG)[keyword]
    put(item(workitem, "ReferencedRequestSequence") if in_request else workitem, keyword, value)
    if not in_request and keyword in {"PatientID", "StudyInstanceUID"}:
        for image in images:
            image[keyword].value = value
    with pytest.raises(IllegalResult, match=pydicom.datadict.dictionary_description(keyword)) as refusal:
        tied(images, workitem)
    assert "PS3." in refusal.value.message
    assert value not in refusal.value.message


@pytest.mark.filterwarnings("ignore:.*exceeds the maximum")  # pydicom's word on what is refused
def test_a_study_id_of_the_images_that_is_too_long_is_refused_by_name(images) -> None:
    workitem = workitem_for(images[0])
    for image in images:
        image.StudyID = "1" * 17
    with pytest.raises(IllegalResult, match=r"Study ID \(0020,0010\).*16 characters"):
        tied(images, workitem)


CHARACTER_SETS = [
    ("ISO_IR 100", "Müller^Jürgen"),
    ("ISO_IR 144", "Жданов^Юлий"),
    (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    (["ISO 2022 IR 13", "ISO 2022 IR 87"], "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
    (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
    ("GB18030", "Wang^XiaoDong=王^小东"),
    ("ISO_IR 192", "Müller^Åse=王^小东=やまだ^たろう"),
    ("", "ASCII^ONLY"),
]


@pytest.mark.requirement("AIR-007", "AIR-210")
@pytest.mark.parametrize(("character_set", "name"), CHARACTER_SETS, ids=[str(pair[0]) for pair in CHARACTER_SETS])
def test_names_of_images_in_any_character_set_come_out_the_same_in_utf_8(
    images, algorithm, character_set, name
) -> None:
    """PS3.3 C.12.1.1.2: the empty first value is legal, and usual in Japan and Korea."""
    stored = []
    for image in images:
        image.SpecificCharacterSet, image.PatientName, image.ReferringPhysicianName = character_set, name, name
        file = io.BytesIO()
        image.save_as(file, enforce_file_format=True)
        file.seek(0)
        stored.append(pydicom.dcmread(file))
    made = encode(segmented(stored, np.ones(SHAPE, np.bool_)), tied(stored), algorithm)
    for dataset in made:
        file = io.BytesIO()
        dataset.save_as(file, enforce_file_format=True)
        file.seek(0)
        read = pydicom.dcmread(file)
        assert read.SpecificCharacterSet == "ISO_IR 192"
        assert (str(read.PatientName), str(read.ReferringPhysicianName)) == (name, name)
        everything = [("result", read), *((str(image.SOPInstanceUID), image) for image in stored)]
        assert [found for found in conformance.check_datasets(everything) if found.rule == "AIR-210"] == []
    assert [image.SpecificCharacterSet for image in stored] == [character_set] * len(stored)


def test_nothing_is_made_when_a_later_part_of_the_results_is_refused(attempt, images) -> None:
    mask = np.ones(SHAPE, np.bool_)
    good = segmented(images, mask).segmentations[0]
    bad = dataclasses.replace(
        good,
        segments=(dataclasses.replace(good.segments[0], mask=mask[:, :10], label="2", tracking=Tracking("Nodule 2")),),
    )
    with pytest.raises(IllegalResult, match="10 rows"):
        attempt(Results((good, bad)))


@pytest.mark.parametrize("absent", [True, False])
def test_slices_that_tell_no_thickness_are_as_thick_as_they_lie_apart(judge, images, absent) -> None:
    for image in images:
        if absent:
            del image.SliceThickness
        else:
            image.SliceThickness = None
    judge.context = tied(images)
    made, _ = judge(segmented(images, np.ones(SHAPE, np.bool_)))
    assert made.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SliceThickness == 3
    assert not images[0].get("SliceThickness")


def test_a_mammogram_with_a_frame_of_reference_but_no_place_has_segments_and_maps(judge, projection) -> None:
    projection.FrameOfReferenceUID, projection.PositionReferenceIndicator = "1.2.3", ""
    projection.ImagerPixelSpacing = projection.PixelSpacing
    del projection.PixelSpacing
    judge.context = tied([projection])
    uids, mask = (str(projection.SOPInstanceUID),), np.ones((1, 20, 24), np.bool_)
    made = ParametricMap(mask.astype(np.float32), code("DCM", "130404"), code("UCUM", "1"), uids, ONE, "Saliency")
    judge(
        Results((Segmentation((Segment("Nodule 1", CATEGORY, NODULE, mask, ONE),), uids),), maps=(made,)),
        ["AIR-167", "AIR-168-RESEARCH"],
    )


def test_a_single_slice_that_tells_no_thickness_is_refused(attempt, images) -> None:
    (alone,) = images[3:4]
    del alone.SliceThickness
    del alone.SpacingBetweenSlices
    with pytest.raises(IllegalResult, match="Slice Thickness"):
        attempt(segmented([alone], np.ones((1, 20, 24), np.bool_)), [alone])
