"""A voxel of the mask lands on the pixel of the slice that lies at the same place, however the frames are laid."""

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from actors.image_display.overlay import Overlay
from actors.image_display.planes import slices_of
from actors.image_display.segmentation import Segmentation

FRAME_OF_REFERENCE = "2.25.4711"


class Lattice:
    """Voxels at regular places in the patient: axis vectors in millimetres per step, and an origin."""

    def __init__(self, shape, axes, origin):
        self.shape, self.axes, self.origin = shape, np.asarray(axes, float), np.asarray(origin, float)

    def place(self, *indices):
        return self.origin + np.asarray(indices) @ self.axes

    def turned(self, order, flips):
        """The same voxels with axes in another order, some of them backwards."""
        axes = [self.axes[axis] * (-1 if flip else 1) for axis, flip in zip(order, flips, strict=True)]
        starts = [0, 0, 0]
        for axis, flip in zip(order, flips, strict=True):
            starts[axis] = self.shape[axis] - 1 if flip else 0
        return Lattice([self.shape[axis] for axis in order], axes, self.place(*starts))


def turned(array, order, flips):
    found = np.transpose(array, order)
    return found[tuple(slice(None, None, -1 if flip else 1) for flip in flips)]


def placed(dataset, lattice, index):
    """Write plane position, orientation and measures of one slice of a lattice into a dataset."""
    _, down, across = lattice.axes
    dataset.ImagePositionPatient = [f"{value:.9f}" for value in lattice.place(index, 0, 0)]
    directions = [*(across / np.linalg.norm(across)), *(down / np.linalg.norm(down))]
    dataset.ImageOrientationPatient = [f"{value:.12f}" for value in directions]
    dataset.PixelSpacing = [f"{np.linalg.norm(down):.9f}", f"{np.linalg.norm(across):.9f}"]


def source_series(lattice, order=None):
    """Metadata of a single-frame series, in any order of the instances."""
    found = []
    for index in range(lattice.shape[0]):
        dataset = Dataset()
        dataset.SOPInstanceUID = f"2.25.1{index}"
        dataset.InstanceNumber = index + 1
        dataset.Rows, dataset.Columns = lattice.shape[1:]
        dataset.FrameOfReferenceUID = FRAME_OF_REFERENCE
        placed(dataset, lattice, index)
        found.append(dataset.to_json_dict())
    return [found[index] for index in order or range(len(found))]


def segmentation(frames, lattice, order, *, references=None, positions=True, space=FRAME_OF_REFERENCE):
    """A BINARY segmentation of one segment with frames in a given order."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPInstanceUID, dataset.FrameOfReferenceUID = "2.25.99", space
    dataset.SegmentationType = "BINARY"
    dataset.Rows, dataset.Columns = frames.shape[1:]
    dataset.NumberOfFrames = len(order)
    groups = []
    for index in order:
        group = Dataset()
        if positions:
            plane = Dataset()
            placed(plane, lattice, index)
            for macro, keywords in (
                ("PlanePositionSequence", ["ImagePositionPatient"]),
                ("PlaneOrientationSequence", ["ImageOrientationPatient"]),
                ("PixelMeasuresSequence", ["PixelSpacing"]),
            ):
                one = Dataset()
                for keyword in keywords:
                    setattr(one, keyword, getattr(plane, keyword))
                setattr(group, macro, [one])
            group.PixelMeasuresSequence[0].SpacingBetweenSlices = f"{np.linalg.norm(lattice.axes[0]):.9f}"
        identification = Dataset()
        identification.ReferencedSegmentNumber = 1
        group.SegmentIdentificationSequence = [identification]
        if references is not None:
            image = Dataset()
            image.ReferencedSOPInstanceUID = f"2.25.1{references[index]}"
            derivation = Dataset()
            derivation.SourceImageSequence = [image]
            group.DerivationImageSequence = [derivation]
        groups.append(group)
    dataset.PerFrameFunctionalGroupsSequence = groups
    segment = Dataset()
    segment.SegmentNumber, segment.SegmentLabel = 1, "Part"
    dataset.SegmentSequence = [segment]
    packed = np.packbits(frames[list(order)].ravel(), bitorder="little").tobytes()
    dataset.PixelData = packed + b"\0" * (len(packed) % 2)
    return Segmentation(dataset)


@st.composite
def situations(draw):
    """A patient lattice turned anyhow, a mask on it, and another way to lay the same voxels in frames."""
    shape = [draw(st.integers(2, 6)) for _ in range(3)]
    steps = [draw(st.floats(0.4, 4.0)) for _ in range(3)]
    turn = np.linalg.qr(
        np.array(draw(st.lists(st.floats(-1, 1), min_size=9, max_size=9))).reshape(3, 3) + np.eye(3) * 3
    )[0]
    origin = [draw(st.floats(-200, 200)) for _ in range(3)]
    lattice = Lattice(shape, [direction * step for direction, step in zip(turn, steps, strict=True)], origin)
    mask = np.array(draw(st.lists(st.booleans(), min_size=int(np.prod(shape)), max_size=int(np.prod(shape)))))
    order = draw(st.sampled_from(list(itertools.permutations(range(3)))))
    flips = draw(st.tuples(st.booleans(), st.booleans(), st.booleans()))
    return lattice, mask.reshape(shape), order, flips, draw(st.randoms(use_true_random=False))


@pytest.mark.requirement("AIR-ID-005")
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(situations())
def test_a_mask_voxel_lands_on_its_pixel_of_its_slice_however_frames_and_slices_are_laid(situation):
    lattice, mask, order, flips, random = situation
    frames, frame_lattice = turned(mask, order, flips), lattice.turned(order, flips)
    frame_order = list(range(frames.shape[0]))
    random.shuffle(frame_order)
    slice_order = list(range(lattice.shape[0]))
    random.shuffle(slice_order)
    slices = slices_of(source_series(lattice, slice_order))
    overlay = Overlay(segmentation(frames, frame_lattice, frame_order), slices)
    for index, one in enumerate(slices):
        number = int(one.instance.removeprefix("2.25.1"))
        assert (overlay.mask(index, 1) == mask[number]).all(), f"slice {number}"


def axial(count=4, rows=5, columns=7):
    return Lattice((count, rows, columns), [[0, 0, 3.0], [0, 1.0, 0], [1.0, 0, 0]], [0, 0, 0])


def numbered(count=4, rows=5, columns=7):
    """Frames that can be told apart: frame k has its k-th row set."""
    frames = np.zeros((count, rows, columns), bool)
    for index in range(count):
        frames[index, index] = True
    return frames


@pytest.mark.requirement("AIR-ID-005")
def test_frames_left_out_because_they_are_empty_move_no_other_frame():
    slices = slices_of(source_series(axial()))
    overlay = Overlay(segmentation(numbered(), axial(), [1, 3]), slices)
    assert overlay.touched == [1, 3]
    assert overlay.mask(3, 1)[3].all()
    assert not overlay.mask(2, 1).any()


def test_frames_without_position_lie_on_the_images_that_they_name():
    slices = slices_of(source_series(axial()))
    overlay = Overlay(segmentation(numbered(), axial(), [0, 1, 2, 3], references=[3, 2, 1, 0], positions=False), slices)
    assert overlay.mask(3, 1)[0].all()
    assert overlay.contradictions == 0


def test_positions_of_another_frame_of_reference_are_not_compared():
    slices = slices_of(source_series(axial()))
    seg = segmentation(numbered(), axial(), [0, 1, 2, 3], references=[3, 2, 1, 0], space="2.25.1234")
    overlay = Overlay(seg, slices)
    assert overlay.mask(3, 1)[0].all()


def test_a_frame_that_names_another_image_than_it_lies_on_is_drawn_where_it_lies_and_counted():
    slices = slices_of(source_series(axial()))
    overlay = Overlay(segmentation(numbered(), axial(), [0, 1, 2, 3], references=[3, 1, 2, 0]), slices)
    assert overlay.mask(0, 1)[0].all()
    assert overlay.contradictions == 2


def test_a_thick_frame_covers_every_thin_slice_within_it():
    thick = Lattice((2, 5, 7), [[0, 0, 6.0], [0, 1.0, 0], [1.0, 0, 0]], [0, 0, 1.5])
    frames = np.zeros((2, 5, 7), bool)
    frames[0, 0], frames[1, 4] = True, True
    slices = slices_of(source_series(axial()))
    overlay = Overlay(segmentation(frames, thick, [0, 1]), slices)
    assert [int(np.flatnonzero(overlay.mask(index, 1).all(axis=1))[0]) for index in range(4)] == [0, 0, 4, 4]


def test_slices_follow_their_position_not_their_number():
    series = source_series(axial())
    for number, instance in enumerate(reversed(series), 1):
        instance["00200013"]["Value"] = [number]
    assert [one.instance for one in slices_of(series)] == ["2.25.10", "2.25.11", "2.25.12", "2.25.13"]


def test_of_several_frames_within_reach_the_nearest_is_drawn():
    """Frames closer together than they are thick, as interpolated results have them."""
    close = Lattice((4, 5, 7), [[0, 0, 1.0], [0, 1.0, 0], [1.0, 0, 0]], [0, 0, -1.0])
    found = segmentation(numbered(), close, [0, 1, 2, 3])
    for group in found.dataset.PerFrameFunctionalGroupsSequence:
        group.PixelMeasuresSequence[0].SpacingBetweenSlices = "3.0"
    overlay = Overlay(found, slices_of(source_series(axial())))
    assert np.flatnonzero(overlay.mask(0, 1).any(axis=1)).tolist() == [1]
