"""Figures by which a mask is compared with a reference mask. All arrays are booleans of one shape."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ai_engines.images import StudyImages
from profiles.air import Mask

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def dice(mask: Mask, reference: Mask) -> float:
    """Twice the common voxels over the sum of both, 0 to 1; 1 when both are empty."""
    total = int(mask.sum()) + int(reference.sum())
    return 2.0 * int((mask & reference).sum()) / total if total else 1.0


def coverage(mask: Mask, reference: Mask) -> float:
    """The part of the reference that the mask covers, 0 to 1; 1 when the reference is empty."""
    size = int(reference.sum())
    return int((mask & reference).sum()) / size if size else 1.0


def on_grid(mask: Mask, images: StudyImages, shape: tuple[int, ...], affine: NDArray[np.float64]) -> Mask:
    """A mask on the voxels of a series, moved to those of a NIfTI image that shows the same with the same voxel size.

    Args:
        mask: of shape (slices, rows, columns).
        images: the series.
        shape: of the NIfTI image.
        affine: of the NIfTI image, from its indexes to millimetres (RAS).
    """
    indexes = np.argwhere(mask)
    there = np.linalg.inv(affine) @ _LPS_TO_RAS @ images.affine @ np.c_[indexes, np.ones(len(indexes))].T
    nearest = np.rint(there[:3]).astype(int)
    kept = nearest[:, np.all((nearest >= 0) & (nearest < np.array(shape)[:, None]), axis=0)]
    moved = np.zeros(shape, dtype=np.bool_)
    moved[tuple(kept)] = True
    return moved
