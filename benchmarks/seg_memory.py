"""seg-memory: the most memory that a process holds while it encodes a segmentation, masks included.

Resident memory (VmHWM) and not what Python allocates, because that is what a machine must have; not ru_maxrss, which a
process inherits from a larger one that starts it. Each is measured in a process of its own, because its peak never
falls. Run as ``python -m benchmarks.seg_memory WHO KIND SLICES``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from benchmarks._air import ALGORITHM, KINDS, context, found_of, headers, plain, stacked
from profiles.air.segmentation_object import encode_segmentation

ROOT = Path(__file__).parent.parent
GOAL, SLICES, QUICK_SLICES, EDGE = 3.0, 300, 60, 512
FRACTIONS_OF = 4
MIB = 2**20


def run(quick: bool) -> list[dict[str, Any]]:
    """One row for each kind of segmentation; the ratio is the peak to the masks themselves."""
    return [_row(kind, QUICK_SLICES if quick else SLICES, quick) for kind in KINDS]


def _row(kind: str, slices: int, quick: bool) -> dict[str, Any]:
    slices //= FRACTIONS_OF if kind == "FRACTIONAL" else 1
    (peak, mask), (plain_peak, _) = (_measured(who, kind, slices) for who in ("ours", "plain"))
    return {
        "name": "seg-memory",
        "ratio": round(peak / mask, 2),
        "goal": GOAL,
        "better": "lower",
        "met": peak / mask <= GOAL,
        "value": round(peak, 1),
        "baseline": round(mask, 1),
        "unit": "MiB",
        "note": f"{kind}: peak of resident memory above that of the process before the masks were made; baseline the "
        f"masks, an array for each segment, {slices} slices of {EDGE} x {EDGE}; highdicom alone, masks stacked: "
        f"{plain_peak:.0f} MiB, {plain_peak / mask:.2f} times the masks{', 1/5 of the size' * quick}",
    }


def _measured(who: str, kind: str, slices: int) -> tuple[float, float]:
    """Peak and size of the masks, in MiB."""
    command = [sys.executable, "-m", "benchmarks.seg_memory", who, kind, str(slices)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    peak, mask = done.stdout.split()
    return float(peak), float(mask)


def _measure(who: str, kind: str, slices: int) -> str:
    small = headers(2, 16, 16)
    found = found_of(kind, small)
    encode_segmentation(found, small, context(small), ALGORITHM, 1)  # imports what encoding needs
    images = headers(slices, EDGE, EDGE)
    tied, before = context(images), psutil.Process().memory_info().rss
    found = found_of(kind, images)
    if who == "ours":
        encode_segmentation(found, images, tied, ALGORITHM, 1)
    else:
        plain(found, stacked(found), images, tied)
    return f"{(_peak() - before) / MIB} {sum(segment.mask.nbytes for segment in found.segments) / MIB}"


def _peak() -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    print(_measure(sys.argv[1], sys.argv[2], int(sys.argv[3])))
