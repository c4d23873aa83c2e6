"""Objects of other vendors: the judge answers on each, with the outcome that was looked at before it was recorded.

``foreign_samples.csv`` holds the outcomes, not the samples, which are published by IHE (connectathon-artifacts).
"""

import csv
import os
from pathlib import Path

import pytest

from conformance import check
from conformance.rules import read_rules

with (Path(__file__).parent / "foreign_samples.csv").open(newline="") as table:
    EXPECTED = {row["file"]: row["rules"].split() for row in csv.DictReader(table)}


def samples():
    return Path(os.environ["STEPWELL_SAMPLES"]) / "air_samples"


@pytest.mark.samples
@pytest.mark.parametrize(("name", "rules"), EXPECTED.items())
def test_each_sample_breaks_the_rules_that_were_recorded(name, rules):
    assert sorted({found.rule for found in check("air", [samples() / name])}) == rules


@pytest.mark.samples
def test_every_sample_has_its_recorded_outcome():
    found = {path.relative_to(samples()).as_posix() for path in samples().rglob("*") if path.is_file()}
    assert found == set(EXPECTED)


@pytest.mark.samples
def test_all_samples_together_are_judged_as_one_set():
    rules = read_rules("air_rules")
    findings = check("air", [samples()])
    assert {found.rule for found in findings} <= set(rules)
    assert all(found.severity is rules[found.rule].severity for found in findings)


def test_recorded_outcomes_name_rules_that_there_are():
    assert {rule for rules in EXPECTED.values() for rule in rules} <= set(read_rules("air_rules"))
