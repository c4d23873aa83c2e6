"""Where the sample heads come from: published templates that packages carry. Real data, of nobody in particular."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from profiles.errors import NotFound

COLIN27 = Path("/usr/share/mricron/templates/ch2.nii.gz")


@dataclass(frozen=True, slots=True)
class Head:
    """A head volume.

    Attributes:
        name: ``pydeface`` or ``colin27``.
        description: what a series made of it is called (64 characters at most); says that it is an average.
        voxels: intensities, axes i, j, k of the file, 16-bit.
        affine: 4 by 4, from voxel indices to millimetres in RAS+ orientation (NIfTI).
    """

    name: str
    description: str
    voxels: NDArray[np.int16]
    affine: NDArray[np.float64]


_DESCRIPTIONS = {
    "pydeface": "T1w MPRAGE sagittal (average of real heads)",
    "colin27": "T1w axial (Colin27, average of 27 scans of one head)",
}


def load_head(source: str = "pydeface") -> Head:
    """Read a sample head.

    Args:
        source: ``pydeface`` (mean T1 template with skull and neck, carried by the PyPI package) or ``colin27`` (Debian
            package mricron-data).

    Raises:
        NotFound: when the package that carries it is not installed; the message names the command.
    """
    path = {"pydeface": _pydeface_path, "colin27": _colin27_path}[source]()
    image: Any = nib.load(path)
    voxels = np.ascontiguousarray(np.asarray(image.dataobj), dtype=np.int16)
    return Head(source, _DESCRIPTIONS[source], voxels, np.asarray(image.affine, dtype=np.float64))


def _pydeface_path() -> Path:
    """The file inside the installed package, without importing it (its imports need packages of their own)."""
    try:
        path = Path(str(distribution("pydeface").locate_file("pydeface/data/mean_reg2mean.nii.gz")))
    except PackageNotFoundError:
        path = Path()
    if not path.is_file():
        raise NotFound(
            "The sample head is not installed: the demo reads the mean T1 head of the package pydeface. "
            "Install it with: pip install --no-deps pydeface==2.1.0"
        )
    return path


def _colin27_path() -> Path:
    if not COLIN27.is_file():
        raise NotFound(f"{COLIN27} is not there. Install it with: apt-get install --no-install-recommends mricron-data")
    return COLIN27
