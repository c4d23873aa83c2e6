"""SEG and SR as independent programs see them: a validator, and a second implementation that reads them back."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from pydicom import Dataset

import conformance
from profiles.air import IllegalResult, Results, Segmentation, encode
from profiles.dicom import Code

PROGRAMS = Path(sys.executable).parent


def run(program: str, *arguments: str | Path) -> str:
    found = subprocess.run(
        [PROGRAMS / program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DCMDICTPATH": ""},
    )
    return found.stdout + found.stderr


def as_bytes(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.fixture
def objects(results, make_context, algorithm) -> list[Dataset]:
    return encode(results, make_context(), algorithm)


@pytest.fixture
def files(objects, tmp_path: Path) -> tuple[Path, Path]:
    paths = []
    for dataset in objects:
        paths.append(tmp_path / f"{dataset.Modality}.dcm")
        dataset.save_as(paths[-1], enforce_file_format=True)
    return paths[0], paths[1]


def test_the_validator_finds_no_error_in_seg_or_sr(files) -> None:
    for path in files:
        said = run("dciodvfy", "-new", path)
        assert "Error" not in said, said
        assert said.splitlines()[0] in {"Segmentation", "Comprehensive3DSR"} or "SR" in said


def test_source_seg_and_sr_are_consistent_entities(files, source_files) -> None:
    assert "Error" not in run("dcentvfy", *files, *source_files)


def test_our_own_checks_find_nothing(files, source_files) -> None:
    assert conformance.check("air", [*files, *source_files]) == []


def test_a_second_implementation_reads_the_volumes_that_we_wrote(files, results, tmp_path: Path) -> None:
    said = run("segimage2itkimage", "--inputDICOM", files[0], "--outputDirectory", tmp_path, "-t", "nii")
    for number, segment in enumerate(results.segmentations[0].segments, start=1):
        (found,) = tmp_path.glob(f"{number}.nii*")
        image = nib.load(found)
        millilitres = float((np.asarray(image.dataobj) > 0).sum() * abs(np.linalg.det(image.affine[:3, :3])) / 1000)
        (measured,) = results.measurements_of(segment.tracking)
        assert millilitres == pytest.approx(measured.value, abs=1e-3), said
    run("tid1500reader", "--inputDICOM", files[1], "--outputMetadata", tmp_path / "sr.json")
    read = json.loads((tmp_path / "sr.json").read_text())
    assert [float(group["measurementItems"][0]["value"]) for group in read["Measurements"]] == [
        row.value for row in results.measurements
    ]
    assert [group["ReferencedSegment"] for group in read["Measurements"]] == [1, 2]
    assert read["Measurements"][0]["measurementAlgorithmIdentification"]["AlgorithmVersion"] == "1.0.2"
    assert read["VerificationFlag"] == "UNVERIFIED"


def test_the_same_work_done_again_gives_the_same_bytes(results, make_context, algorithm) -> None:
    once, again = (encode(results, make_context(), algorithm) for _ in range(2))
    assert [as_bytes(one) for one in once] == [as_bytes(one) for one in again]


def test_another_attempt_gives_other_instances_of_the_same_things(results, make_context, algorithm) -> None:
    one, other = (encode(results, make_context(seed), algorithm) for seed in ("attempt-1", "attempt-2"))
    assert not {found.SOPInstanceUID for found in one} & {found.SOPInstanceUID for found in other}
    assert [segment.TrackingUID for segment in one[0].SegmentSequence] == [
        segment.TrackingUID for segment in other[0].SegmentSequence
    ]


def test_the_objects_join_the_study_with_order_and_equipment(objects, images) -> None:
    for dataset in objects:
        assert dataset.StudyInstanceUID == images[0].StudyInstanceUID
        assert dataset.AccessionNumber == images[0].AccessionNumber
        assert dataset.PatientID == images[0].PatientID
        assert dataset.IssuerOfPatientID == images[0].IssuerOfPatientID
        assert dataset.StationName == "AI room"
        assert dataset.Manufacturer == "Stepwell"
    segmentation, report = objects
    assert report.ReferencedRequestSequence[0].PlacerOrderNumberImagingServiceRequest == "P9"
    assert segmentation.RequestAttributesSequence[0].ScheduledProtocolCodeSequence[0].CodeValue == "BRAINSEG"
    assert (report.CompletionFlag, report.VerificationFlag) == ("COMPLETE", "UNVERIFIED")
    assert segmentation.SegmentsOverlap == "YES"
    assert segmentation.FrameOfReferenceUID == images[0].FrameOfReferenceUID


def test_the_evidence_lists_every_source_image_and_the_segmentation(objects, images) -> None:
    segmentation, report = objects
    listed = {
        instance.ReferencedSOPInstanceUID
        for study in report.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    }
    assert listed == {segmentation.SOPInstanceUID, *(image.SOPInstanceUID for image in images)}


def test_each_frame_is_derived_from_the_slice_under_it(objects, images) -> None:
    by_uid = {image.SOPInstanceUID: image for image in images}
    for frame in objects[0].PerFrameFunctionalGroupsSequence:
        (source,) = frame.DerivationImageSequence[0].SourceImageSequence
        assert [float(value) for value in frame.PlanePositionSequence[0].ImagePositionPatient] == [
            float(value) for value in by_uid[source.ReferencedSOPInstanceUID].ImagePositionPatient
        ]


def test_the_masks_come_back_as_they_went_in(files, results, images) -> None:
    from highdicom.seg import segread

    read = segread(files[0])
    back = read.get_pixels_by_source_instance(
        [image.SOPInstanceUID for image in images],
        ignore_spatial_locations=True,
        assert_missing_frames_are_empty=True,  # empty frames are left out
    )
    for number, segment in enumerate(results.segmentations[0].segments):
        assert (back[..., number].astype(bool) == segment.mask).all()


def test_the_procedure_is_the_ordered_one_or_the_kind_of_imaging(results, make_context, algorithm, workitem) -> None:
    def procedure() -> str:
        report = encode(results, make_context(), algorithm)[1]
        (found,) = (
            row.ConceptCodeSequence[0].CodeValue
            for row in report.ContentSequence
            if row.ConceptNameCodeSequence[0].CodeValue == "121058"
        )
        return found

    assert procedure() == "24590-2"
    del workitem["0040A370"]["Value"][0]["00321064"]
    assert procedure() in {"113091000", "24590-2"}


def test_masks_that_do_not_fit_the_images_are_refused(results, make_context, algorithm) -> None:
    found = results.segmentations[0]
    stranger = Segmentation(found.segments, tuple(f"1.2.{number}" for number in range(12)), "BRAIN")
    with pytest.raises(IllegalResult, match="not among the images"):
        encode(Results((stranger,)), make_context(), algorithm)


def test_an_unknown_modality_without_procedure_is_refused(results, workitem, images, algorithm, make_context) -> None:
    del workitem["0040A370"]
    for image in images:
        image.Modality = "XX"
        if "ProcedureCodeSequence" in image:
            del image.ProcedureCodeSequence
    with pytest.raises(IllegalResult, match=r"procedures\.csv"):
        encode(results, make_context(), algorithm)


def test_text_outside_ascii_survives(results, make_context, algorithm, workitem, tmp_path: Path) -> None:
    workitem["00100010"] = {"vr": "PN", "Value": [{"Alphabetic": "FICTÍCIA^ŁUCJA", "Ideographic": "虚構^花子"}]}
    for dataset in encode(results, make_context(), algorithm):
        dataset.save_as(tmp_path / "one.dcm", enforce_file_format=True)
        assert str(pydicom.dcmread(tmp_path / "one.dcm").PatientName) == "FICTÍCIA^ŁUCJA=虚構^花子"
        assert "Error" not in run("dciodvfy", "-new", tmp_path / "one.dcm")


def test_encoding_leaves_the_images_as_they_were(results, make_context, algorithm, images, workitem) -> None:
    before = {str(image.PatientName) for image in images}
    workitem["00100010"] = {"vr": "PN", "Value": [{"Alphabetic": "OTHER^NAME"}]}
    made = encode(results, make_context(), algorithm)
    assert {str(one.PatientName) for one in made} == {"OTHER^NAME"}
    assert {str(image.PatientName) for image in images} == before != {"OTHER^NAME"}


def test_importing_the_profile_loads_no_encoder() -> None:
    code = "import sys, profiles.air; print('highdicom' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"


def test_a_laterality_is_written_in_both_objects(results, make_context, algorithm) -> None:
    import dataclasses

    from profiles.air import FindingSite

    left = Code("7771000", "SCT", "Left")
    first, second = results.segmentations[0].segments
    sided = dataclasses.replace(first, sites=(FindingSite(first.property_type, left),))
    changed = dataclasses.replace(results.segmentations[0], segments=(sided, second))
    segmentation, report = encode(Results((changed,), results.measurements), make_context(), algorithm)
    region = segmentation.SegmentSequence[0].AnatomicRegionSequence[0]
    assert region.AnatomicRegionModifierSequence[0].CodeValue == "7771000"
    assert "7771000" in str(report)


def test_objects_of_one_run_share_nothing_that_can_be_changed(make_context, results, algorithm) -> None:
    context = make_context()
    segmentation, report = encode(results, context, algorithm)
    segmentation["PatientID"].value = "CHANGED"
    report.ReferencedRequestSequence[0].AccessionNumber = "CHANGED"
    assert context.attributes.PatientID == report.PatientID != "CHANGED"
    assert context.requests[0].AccessionNumber != "CHANGED"
