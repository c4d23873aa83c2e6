"""The fact table against the plain computation: every measure, by every stratum (sole.md 8.2 to 8.5)."""

import json
from datetime import datetime
from itertools import islice

import pytest
from typer.testing import CliRunner

from connectathon.campaigns import repository_measures
from connectathon.campaigns.repository_measures import differences, run, uncovered
from connectathon.operational_log import Hospital, operational_log
from connectathon.plain_measures.answers import Question, answer
from connectathon.plain_measures.reading import micros
from connectathon.plain_measures.table import read
from sole_logging.exchange import write_entries
from sole_logging.measures import standing, windows
from stepwell.cli import app

SIZE = 6_000


def test_the_plain_computation_knows_every_measure():
    assert uncovered() == set()


@pytest.fixture
def small_hospital(monkeypatch):
    """The campaign's log is that of some days of a small hospital, taken in as it comes."""
    monkeypatch.setattr(repository_measures, "STUDIES_A_DAY", 60.0)
    monkeypatch.setattr(repository_measures, "EVENTS_A_DAY", 1400)
    monkeypatch.setattr(repository_measures, "BATCH", 700)


@pytest.mark.requirement("SOLE-084", "SOLE-085", "SOLE-086", "SOLE-088")
def test_every_measure_equals_its_plain_computation_by_every_stratum(small_hospital, tmp_path):
    outcome = run(SIZE, 11, tmp_path)
    assert outcome.findings == ()
    assert outcome.counts["figures compared"] > SIZE


@pytest.mark.requirement("SOLE-085", "SOLE-086")
def test_answers_from_counts_of_days_and_months_equal_it_too(small_hospital, tmp_path, monkeypatch):
    for module in (windows, standing):
        monkeypatch.setattr(module, "MOST_EXACT", 40)
    outcome = run(SIZE, 12, tmp_path)
    assert outcome.findings == ()
    assert outcome.counts["answers from counts"] > SIZE // 100


@pytest.mark.requirement("SOLE-085", "SOLE-086")
@pytest.mark.parametrize("ending", [".jsonl", ".csv"])
def test_the_command_says_of_a_file_what_the_plain_computation_says(ending, tmp_path):
    path = tmp_path / f"log{ending}"
    write_entries(path, islice(operational_log(Hospital(3, 300.0)), SIZE // 2))
    names = ("K12", "K15", "A07", "A14", "A21", "A25")
    asked = ("--since", "2026-01-05T00:00:00Z", "--until", "2026-01-06T12:00:00Z", "--by", "modality", "--json")
    said = CliRunner().invoke(app, ["sole", "measure", *names, "--from", str(path), *asked])
    assert said.exit_code == 0, said.output
    document = json.loads(said.stdout)
    log, question = read(path), Question(*(micros_of(document[name]) for name in ("since", "until")), "modality")
    for result in document["measures"]:
        name = result["id"]
        compared, found = differences(name, result, {name: answer(log, name, question)})
        assert compared > 0
        assert found == []


def micros_of(text):
    return micros(datetime.fromisoformat(text))


def result(**told):
    group = {"group": "CT", "count": 100, "median": 1000.0, "mean": 0.5, "total": 50.0, "hidden": False}
    return {"exact": True, "groups": [{**group, **told.pop("group", {})}], **told}


PLAIN = {"K12": {"CT": {"count": 100, "median": 1000.0, "mean": 0.5, "total": 50.0}}}
DEFECTS = {
    "a count that is one more": {"count": 101},
    "a median that is a little more": {"median": 1000.1},
    "a group that is hidden": {"hidden": True, "count": None},
    "a group of another name": {"group": "MR"},
    "cases that are left out": {"incomplete": 1},
}


def test_the_comparison_finds_nothing_where_figures_are_equal():
    assert differences("K12", result(), PLAIN)[1] == []


@pytest.mark.parametrize("defect", DEFECTS)
def test_the_comparison_sees(defect):
    assert differences("K12", result(group=DEFECTS[defect]), PLAIN)[1]


def test_percentiles_of_many_cases_may_be_one_percent_off_and_counts_may_not():
    assert differences("K12", result(group={"median": 1009.0}, exact=False), PLAIN)[1] == []
    assert differences("K12", result(group={"median": 1012.0}, exact=False), PLAIN)[1]
    assert differences("K12", result(group={"count": 101}, exact=False), PLAIN)[1]
