"""Where the head is in an MR volume, by a threshold: no learning, no library beyond numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ai_engines.images import Volume
from profiles.air import Mask

_LOW, _HIGH = 2.0, 98.0
_FRACTION = 0.1
_COARSE_MM = 4.0


def head_threshold(volume: Volume) -> float:
    """The value above which a voxel is tissue: a tenth of the way between the 2nd and the 98th percentile.

    The rule is that of the brain extraction tool BET (Human Brain Mapping 17:143, 2002), "robust" thresholding.
    """
    low, high = np.percentile(volume[::2, ::2, ::2], [_LOW, _HIGH])
    return float(low + _FRACTION * (high - low))


def head_mask(volume: Volume, spacing: tuple[float, float, float]) -> Mask:
    """The largest body of tissue with the cavities that it encloses.

    Args:
        volume: of shape (slices, rows, columns).
        spacing: millimetres between voxels along these axes.

    Returns:
        Booleans of the same shape; all false when there is no tissue.
    """
    steps = tuple(max(1, round(_COARSE_MM / size)) for size in spacing)
    tissue = volume > head_threshold(volume)
    coarse = _block_means(tissue, steps) > 0.5  # noqa: PLR2004 - most of the block
    body = _connected_to(_centre(coarse), coarse)
    return tissue_and_cavities(tissue & _grown(body, steps, tissue.shape))


def tissue_and_cavities(tissue: Mask) -> Mask:
    """Tissue, and every voxel that has tissue before and behind it along all three axes."""
    inside = np.ones_like(tissue)
    for axis in range(3):
        before = np.maximum.accumulate(tissue, axis=axis)
        behind = np.flip(np.maximum.accumulate(np.flip(tissue, axis), axis=axis), axis)
        inside &= before & behind
    return inside


def _block_means(tissue: Mask, steps: tuple[int, ...]) -> NDArray[np.float32]:
    """Means over blocks; blocks at the far ends that are not whole are filled up with the outermost voxels."""
    missing = [(0, -size % step) for size, step in zip(tissue.shape, steps, strict=True)]
    padded = np.pad(tissue, missing, mode="edge")
    shape = [part for size, step in zip(padded.shape, steps, strict=True) for part in (size // step, step)]
    means: NDArray[np.float32] = padded.reshape(shape).mean(axis=(1, 3, 5), dtype=np.float32)
    return means


def _centre(coarse: Mask) -> Mask:
    """The tissue next to the centre of mass, where a flood is to start."""
    start = np.zeros_like(coarse)
    found = np.argwhere(coarse)
    if len(found):
        nearest = np.abs(found - found.mean(axis=0)).sum(axis=1).argmin()
        start[tuple(found[nearest])] = True
    return start


def _connected_to(start: Mask, within: Mask) -> Mask:
    """Everything within the mask that can be reached from the start through faces."""
    reached, count = start, -1
    while (now := int(reached.sum())) != count:
        count = now
        reached = _one_further(reached) & within
    return reached


def _one_further(mask: Mask) -> Mask:
    grown = mask.copy()
    for axis in range(3):
        ahead, behind = [slice(None)] * 3, [slice(None)] * 3
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        grown[tuple(ahead)] |= mask[tuple(behind)]
        grown[tuple(behind)] |= mask[tuple(ahead)]
    return grown


def _grown(body: Mask, steps: tuple[int, ...], shape: tuple[int, ...]) -> Mask:
    """The coarse body on the fine grid, one block wider, so that no tissue at its edge is cut off."""
    fine = _one_further(body)
    for axis, step in enumerate(steps):
        fine = np.repeat(fine, step, axis=axis)
    return fine[tuple(slice(size) for size in shape)]
