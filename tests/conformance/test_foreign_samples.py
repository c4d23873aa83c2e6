"""Objects of other vendors: the judge answers on each, with the outcome that was looked at before it was recorded.

``foreign_samples.csv`` holds the outcomes and ``foreign_reasons.csv`` why each is right; the samples themselves are
published by IHE (connectathon-artifacts), not kept here, and not all conformant.
"""

import csv
import os
from pathlib import Path

import pytest

from conformance import Severity, check
from conformance.rules import read_rules

HERE = Path(__file__).parent
#: Findings of dciodvfy have a rule of their own, which no table of ours holds.
IOD = "AIR-IOD"


def rows_of(name):
    with (HERE / name).open(newline="") as table:
        return list(csv.DictReader(table))


EXPECTED = {row["file"]: row["rules"].split() for row in rows_of("foreign_samples.csv")}
REASONS = [(row["rule"], row["where"]) for row in rows_of("foreign_reasons.csv")]


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
    assert {found.rule for found in findings} <= {*rules, IOD}
    assert all(found.severity is rules[found.rule].severity for found in findings if found.rule != IOD)
    assert {found.severity for found in findings if found.rule == IOD} <= {Severity.ERROR, Severity.WARNING}


def test_recorded_outcomes_name_rules_that_there_are():
    assert {rule for rules in EXPECTED.values() for rule in rules} <= {*read_rules("air_rules"), IOD}


def test_each_recorded_outcome_has_its_reason_and_each_reason_an_outcome():
    used = set()
    for name, rules in EXPECTED.items():
        for rule in rules:
            fitting = [(known, where) for known, where in REASONS if known == rule and name.startswith(where)]
            assert len(fitting) == 1, (name, rule, fitting)
            used |= set(fitting)
    assert used == set(REASONS)
