"""seg-encode: segmentations of many slices, against plain highdicom with the same voxels and arguments."""

from __future__ import annotations

from time import process_time
from typing import Any

import conformance
from benchmarks._air import ALGORITHM, KINDS, context, found_of, headers, plain, stacked, take_turns
from profiles.air.segmentation_object import encode_segmentation

GOAL, ROUNDS = 1.1, 3
SIZE, QUICK_SIZE = (300, 512, 512), (60, 256, 256)
FRACTIONS_OF = 6
"""By how much the slices of fractions are fewer: highdicom sorts their voxels, and takes minutes for all."""


def run(quick: bool) -> list[dict[str, Any]]:
    """One row for each kind of segmentation; the checks are timed apart."""
    slices, rows, columns = QUICK_SIZE if quick else SIZE
    return [
        _row(kind, (slices // (FRACTIONS_OF if kind == "FRACTIONAL" else 1), rows, columns), quick) for kind in KINDS
    ]


def _row(kind: str, size: tuple[int, int, int], quick: bool) -> dict[str, Any]:
    images = headers(*size)
    found, tied = found_of(kind, images), context(images)
    labels, voxels = found.labels(), stacked(found)
    ready = voxels if found.kind == "FRACTIONAL" or labels is None else labels
    ours, theirs, from_labels = take_turns(
        ROUNDS,
        lambda: encode_segmentation(found, images, tied, ALGORITHM, 1),
        lambda: plain(found, voxels, images, tied),
        lambda: plain(found, ready, images, tied),
    )
    made = encode_segmentation(found, images, tied, ALGORITHM, 1)
    same = made.PixelData == plain(found, voxels, images, tied).PixelData
    started = process_time()
    conformance.check_datasets([("SEG", made)])
    spent = process_time() - started
    also = f", {from_labels:.3g} s from a ready label map" if ready is labels else ""
    return {
        "name": "seg-encode",
        "ratio": round(ours / theirs, 3),
        "goal": GOAL,
        "better": "lower",
        "met": same and ours / theirs <= GOAL,
        "value": round(ours, 3),
        "baseline": round(theirs, 3),
        "unit": "s of processor time",
        "note": f"{kind}: {len(found.segments)} segments on {size[0]} slices of {size[1]} x {size[2]}, "
        f"{made.NumberOfFrames} frames, empty ones left out, pixels {'equal' if same else 'DIFFERENT'}; least of "
        f"{ROUNDS} rounds; baseline highdicom from a ready array of all masks{also}; our checks take {spent:.2f} s more"
        f"{', 1/20 of the size' * quick}",
    }
