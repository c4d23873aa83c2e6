"""dcmqi, a second implementation on DCMTK and ITK, reads back voxels in their places, and numbers of their things."""

import json

import nibabel as nib
import numpy as np
import pydicom
import pytest

from tests.air.peers.catalogue import CASES
from tests.air.peers.conftest import run

#: dcmqi 1.5.7 places every segmentation in a space, and takes no map but one of 32 bit floats.
UNREADABLE = {"binary-on-a-radiograph", "map-float64", "map-uint16"}
SEGMENTED = [name for name in CASES if name.startswith(("binary", "fractional", "label")) or name == "two-series"]
SEGMENTED += ["canonical-tree", "words-of-all-scripts"]
MAPPED = [*(name for name in CASES if name.startswith("map-")), "canonical-tree"]
SPACING = (2, 2, 3, 1)


def corners(images):
    """Where each slice or frame of the images begins, in mm."""
    frames = images[0].get("PerFrameFunctionalGroupsSequence")
    places = [row.PlanePositionSequence[0] for row in frames] if frames else images
    return np.array([[float(part) for part in place.ImagePositionPatient] for place in places])


def on_sources(read, images):
    """What dcmqi made of an object, on the voxels of its source images; where it made nothing, zero."""
    found, sources = np.asarray(read.dataobj), corners(images)
    assert np.allclose(np.abs(np.diag(read.affine)), SPACING)
    back = np.zeros((len(sources), found.shape[1], found.shape[0]), dtype=found.dtype)
    for number in range(found.shape[2]):
        corner = (read.affine @ (0, 0, number, 1))[:3] * (-1, -1, 1)  # NIfTI looks from the other side
        (at,) = np.flatnonzero(np.isclose(sources, corner).all(axis=1))
        back[at] = found[:, :, number].T
    return back


@pytest.mark.requirement("AIR-141", "AIR-145")
@pytest.mark.parametrize("name", sorted(set(SEGMENTED) - UNREADABLE))
def test_every_voxel_of_every_segment_lies_where_it_was_drawn(written, name, tmp_path):
    found = written[name]
    for segmentation, path in zip(found.results.segmentations, found.of("SEG"), strict=True):
        status, said = run("segimage2itkimage", "--inputDICOM", path, "--outputDirectory", tmp_path, "-t", "nifti")
        assert status == 0, said
        of = [image for image in found.context.images if image.SOPInstanceUID in segmentation.source_instance_uids]
        for number, segment in enumerate(segmentation.segments, start=1):
            file = tmp_path / f"{1 if segmentation.label_map else number}.nii.gz"
            back = on_sources(nib.load(file), of)
            if segment.fraction:
                assert np.abs(back / 255 - segment.mask).max() <= 0.5 / 255 + 1e-6
            else:
                assert ((back == number if segmentation.label_map else back > 0) == segment.mask).all()


@pytest.mark.requirement("AIR-160", "AIR-162")
@pytest.mark.parametrize("name", sorted(set(MAPPED) - UNREADABLE))
def test_every_number_of_a_map_is_read(written, name, tmp_path):
    """In the order of the frames: dcmqi 1.5.7 does not look where each of them lies; ours says so, and is asked."""
    found = written[name]
    (path,), (said_of,) = found.of("OT"), found.results.maps
    status, said = run("paramap2itkimage", "--inputDICOM", path, "--outputDirectory", tmp_path, "-t", "nifti")
    assert status == 0, said
    read, ours = nib.load(tmp_path / "pmap.nii.gz"), pydicom.dcmread(path)
    if found.case.source == "radiograph":
        order = [0]
    else:
        frames, sources = corners([ours]), corners(found.context.images)
        order = [int(np.flatnonzero(np.isclose(sources, frame).all(axis=1))[0]) for frame in frames]
        assert sorted(order) == list(range(len(sources)))
    assert (np.moveaxis(np.asarray(read.dataobj), -1, 0).swapaxes(1, 2) == said_of.values[order]).all()
    meta = json.loads((tmp_path / "meta.json").read_text())
    assert float(meta["RealWorldValueSlope"]) == said_of.slope
    assert meta["MeasurementUnitsCode"]["CodeValue"] == said_of.unit.value
    assert meta["QuantityValueCode"]["CodeValue"] == said_of.quantity.value


def code_of(found):
    return found.value, found.scheme


def read_code(found):
    return found["CodeValue"], found["CodingSchemeDesignator"]


@pytest.mark.requirement("AIR-070", "AIR-075", "AIR-090", "AIR-093")
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not name.startswith("key-")])
def test_the_report_gives_every_thing_its_finding_and_numbers(written, name, tmp_path):
    found = written[name]
    (path,) = found.of("SR")
    status, said = run("tid1500reader", "--inputDICOM", path, "--outputMetadata", tmp_path / "report.json")
    assert status == 0, said
    groups = json.loads((tmp_path / "report.json").read_text()).get("Measurements", [])
    things = found.results.things()
    assert [group["TrackingIdentifier"] for group in groups] == [thing.tracking.identifier for thing in things]
    for group, thing in zip(groups, things, strict=True):
        items = group["measurementItems"]
        assert [(read_code(row["quantity"]), row["units"]["CodeValue"]) for row in items] == [
            (code_of(row.name), row.unit.value) for row in thing.measurements
        ]
        # dcmqi reads Numeric Value, which has room for 16 characters.
        assert [float(row["value"]) for row in items] == pytest.approx(
            [row.value for row in thing.measurements], rel=1e-9
        )
        if thing.finding and thing.finding.present:
            assert read_code(group["Finding"]) == code_of(thing.finding.what)
        if thing.segment:
            assert group["ReferencedSegment"] == thing.segment[1]
