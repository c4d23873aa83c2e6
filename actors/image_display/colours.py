"""Colours of segments: the recommended CIELab value (PS3.3 section C.10.7.1.1), else one of a palette."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Colour = tuple[int, int, int]
#: Told apart by people with colour vision deficiency too, and bright on grey images (after Okabe and Ito).
PALETTE: tuple[Colour, ...] = (
    (0, 200, 170),
    (230, 159, 0),
    (86, 180, 233),
    (240, 228, 66),
    (213, 94, 0),
    (204, 121, 167),
    (120, 200, 80),
)
_WHITE = np.array([0.9642, 1.0, 0.8251])  # D50
_TO_SRGB = np.array(  # XYZ (D50) to linear sRGB, Bradford-adapted
    [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]]
)
_KAPPA, _EPSILON, _LINEAR_BELOW = 7.787, 6 / 29, 0.0031308


def of_number(number: int) -> Colour:
    """A colour for a segment that recommends none."""
    return PALETTE[(number - 1) % len(PALETTE)]


def from_cielab(value: Sequence[int]) -> Colour:
    """SRGB of a PCS value as DICOM writes it: three 16-bit numbers for L* 0 to 100, a* and b* -128 to 127."""
    lightness = value[0] / 65535 * 100
    a, b = (part / 65535 * 255 - 128 for part in value[1:3])
    middle = (lightness + 16) / 116
    parts = np.array([middle + a / 500, middle, middle - b / 200])
    xyz = np.where(parts > _EPSILON, parts**3, (parts - 16 / 116) / _KAPPA) * _WHITE
    linear = np.clip(_TO_SRGB @ xyz, 0, 1)
    encoded = np.where(linear <= _LINEAR_BELOW, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = (int(part) for part in np.clip(np.rint(encoded * 255), 0, 255))
    return red, green, blue
