"""Every kind of segmentation is read as PS3.3 section C.8.20 lays it down."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from actors.image_display.colours import from_cielab
from actors.image_display.segmentation import Segmentation
from profiles.errors import BadInput


def dataset(kind, pixels, bits, segments=(1,)):
    found = Dataset()
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found.SOPClassUID, found.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.66.4", "2.25.1"
    found.SegmentationType = kind
    found.NumberOfFrames, found.Rows, found.Columns = pixels.shape
    found.SamplesPerPixel, found.PhotometricInterpretation = 1, "MONOCHROME2"
    found.BitsAllocated = found.BitsStored = bits
    found.HighBit, found.PixelRepresentation = bits - 1, 0
    found.PerFrameFunctionalGroupsSequence = [Dataset() for _ in pixels]
    found.SegmentSequence = []
    for number in segments:
        one = Dataset()
        one.SegmentNumber, one.SegmentLabel = number, f"Part {number}"
        found.SegmentSequence.append(one)
    content = np.packbits(pixels.ravel(), bitorder="little").tobytes() if bits == 1 else pixels.tobytes()
    found.PixelData = content + b"\0" * (len(content) % 2)
    return found


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(1, 5), st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_binary_frames_run_on_without_padding_between_them(count, rows, columns, seed):
    pixels = np.random.default_rng(seed).random((count, rows, columns)) > 0.5
    segmentation = Segmentation(dataset("BINARY", pixels, 1))
    for frame in segmentation.frames:
        assert (segmentation.mask(frame, 1) == pixels[frame.index]).all()


def test_a_label_map_holds_all_segments_in_each_frame_and_its_background_is_no_segment():
    pixels = np.array([[[0, 1], [2, 1]]], np.uint8)
    segmentation = Segmentation(dataset("LABELMAP", pixels, 8, segments=(0, 1, 2)))
    assert [one.number for one in segmentation.segments] == [1, 2]
    assert segmentation.mask(segmentation.frames[0], 1).tolist() == [[False, True], [False, True]]
    assert segmentation.mask(segmentation.frames[0], 2).tolist() == [[False, False], [True, False]]


def test_a_fractional_pixel_counts_from_half_of_the_maximum():
    found = dataset("FRACTIONAL", np.array([[[0, 99], [100, 200]]], np.uint8), 8)
    found.MaximumFractionalValue = 200
    segmentation = Segmentation(found)
    assert segmentation.mask(segmentation.frames[0], 1).tolist() == [[False, False], [True, True]]


def test_pixel_data_that_end_too_early_are_refused():
    found = dataset("BINARY", np.ones((4, 8, 8), bool), 1)
    found.PixelData = found.PixelData[:8]
    segmentation = Segmentation(found)
    with pytest.raises(BadInput, match="shorter"):
        segmentation.mask(segmentation.frames[3], 1)


def test_an_object_without_pixels_is_refused():
    found = dataset("BINARY", np.ones((1, 2, 2), bool), 1)
    del found.PixelData
    with pytest.raises(BadInput, match=r"C\.8\.20\.2"):
        Segmentation(found)


@pytest.mark.parametrize(
    ("lab", "colour"),
    [
        ((65535, 32896, 32896), (255, 255, 255)),
        ((0, 32896, 32896), (0, 0, 0)),
        ((34885, 53485, 50171), (255, 0, 0)),
    ],
)
def test_a_recommended_colour_is_shown_as_it_is_meant(lab, colour):
    """White, black, and sRGB red, whose CIELab under D50 is 54.29, 80.80, 69.89."""
    assert np.abs(np.array(from_cielab(lab)) - colour).max() <= 6
