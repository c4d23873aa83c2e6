"""The validation figures that descriptions state, measured again."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ai_engines import engine, run_isolated
from ai_engines.images import read_study, volume_of
from ai_engines.validation import coverage, dice, on_grid
from connectathon.fiction import DemoOrder
from connectathon.modality import head_study

REFERENCE = Path("/usr/share/mricron/templates/ch2bet.nii.gz")
MASKS = arrays.arrays(np.bool_, (3, 4, 5))


@pytest.fixture(scope="module")
def colin_series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("colin")
    head_study(DemoOrder(), folder, source="colin27")
    return folder


@pytest.mark.tier2
def test_brain_extraction_reaches_its_stated_figures_on_colin27(colin_series: Path, tmp_path: Path) -> None:
    run = run_isolated("brain-extraction", colin_series, tmp_path)
    assert run.results is not None, run.failure
    reference = nib.load(REFERENCE)
    brain = np.asarray(reference.dataobj) > 0
    images = volume_of(read_study(colin_series)[0])
    mask = on_grid(run.results.segmentations[0].segments[0].mask, images, brain.shape, reference.affine)
    measured = {"Dice": dice(mask, brain), "part of the reference that is covered": coverage(mask, brain)}
    for figure in engine("brain-extraction").describe().validation:
        assert measured[figure.measure] == pytest.approx(figure.value, abs=0.002), figure.measure


@pytest.mark.tier2
def test_the_head_mask_contains_the_brain_of_colin27(colin_series: Path, tmp_path: Path) -> None:
    run = run_isolated("head-mask", colin_series, tmp_path)
    assert run.results is not None, run.failure
    reference = nib.load(REFERENCE)
    brain = np.asarray(reference.dataobj) > 0
    images = volume_of(read_study(colin_series)[0])
    mask = on_grid(run.results.segmentations[0].segments[0].mask, images, brain.shape, reference.affine)
    (figure,) = engine("head-mask").describe().validation
    assert coverage(mask, brain) == pytest.approx(figure.value, abs=0.002)


@given(MASKS, MASKS)
def test_dice_is_symmetric_and_one_only_for_equal_masks(one: np.ndarray, other: np.ndarray) -> None:
    assert dice(one, other) == dice(other, one)
    assert (dice(one, other) == 1.0) == bool((one == other).all())
    assert 0.0 <= dice(one, other) <= 1.0


@given(MASKS, st.integers(0, 59))
def test_a_mask_covers_each_of_its_parts(mask: np.ndarray, count: int) -> None:
    part = mask.copy()
    part.ravel()[:count] = False
    assert coverage(mask, part) == 1.0
