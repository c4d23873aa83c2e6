"""Messages of other projects: the judge answers on each, with the outcome that was looked at before it was recorded.

``hl7_samples.csv`` holds the outcomes and their reasons, not the samples, which dcm4che and MONAI publish.
"""

import csv
import os
from pathlib import Path

import pytest

from conformance import check
from conformance.rules import read_rules

with (Path(__file__).parent / "hl7_samples.csv").open(newline="") as table:
    ROWS = list(csv.DictReader(table))


def samples():
    return Path(os.environ["STEPWELL_SAMPLES"]) / "hl7_samples"


@pytest.mark.samples
@pytest.mark.parametrize("row", ROWS, ids=[row["file"] for row in ROWS])
def test_each_sample_breaks_the_rules_that_were_recorded(row):
    assert sorted({found.rule for found in check("hl7", [samples() / row["file"]])}) == row["rules"].split()


@pytest.mark.samples
def test_every_sample_has_its_recorded_outcome():
    assert {path.name for path in samples().iterdir()} == {row["file"] for row in ROWS}


def test_recorded_outcomes_name_rules_that_there_are_and_say_why():
    assert {rule for row in ROWS for rule in row["rules"].split()} <= set(read_rules("hl7_rules"))
    assert all(row["reason"] for row in ROWS)
