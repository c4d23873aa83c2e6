"""Result objects of other vendors are read to primitives, or a reason is stated why not.

``samples.csv`` holds the outcome for each file, looked at before it was recorded; the samples themselves are published
by IHE, not kept here, and not all conformant.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pydicom
import pytest

from profiles.air.reading import Reading, read_results

with (Path(__file__).parent / "samples.csv").open(encoding="utf-8", newline="") as table:
    EXPECTED = {row["file"]: row for row in csv.DictReader(table)}


def samples() -> Path:
    return Path(os.environ["STEPWELL_SAMPLES"]) / "air_samples"


def outcome(name: str, read: Reading) -> dict[str, str]:
    """What was read, as a row of the table."""
    results = read.results
    return {
        "file": name,
        "kind": str(read.objects[0].kind),
        "things": str(len(results.things()) if results else 0),
        "measurements": str(len(results.measurements) if results else 0),
        "shapes": str(len(results.regions) + len(results.locations) if results else 0),
        "nodes": str(len(read.trees)),
        "unread": str(len(read.unread)),
        "algorithms": ", ".join(one.name for one in read.algorithms),
    }


@pytest.mark.samples
@pytest.mark.parametrize("name", EXPECTED)
def test_each_sample_is_read_as_was_recorded(name: str) -> None:
    read = read_results([pydicom.dcmread(samples() / name)])
    assert outcome(name, read) == EXPECTED[name]
    assert read.results is not None or read.trees or read.unread


@pytest.mark.samples
def test_every_sample_has_its_recorded_outcome() -> None:
    found = {path.relative_to(samples()).as_posix() for path in samples().rglob("*") if path.is_file()}
    assert found == set(EXPECTED)


@pytest.mark.samples
def test_no_reason_tells_of_the_patient() -> None:
    for name in EXPECTED:
        sample = pydicom.dcmread(samples() / name)
        said = " ".join(one.reason + one.what for one in read_results([sample]).unread)
        for keyword in ("PatientName", "PatientID", "PatientBirthDate"):
            value = str(sample.get(keyword, "") or "")
            assert len(value) < 3 or value not in said
