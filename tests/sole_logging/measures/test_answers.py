"""Questions about the log, against computations made apart from it."""

import random
import statistics
from datetime import datetime, timedelta

import numpy as np
import pytest

from profiles.errors import BadInput
from sole_logging import measure
from sole_logging.measures import windows
from sole_logging.measures.answering import document_of
from sole_logging.measures.bins import bins_of, counted, middle_of, percentile
from tests.sole_logging.measures.log_scene import START, ai_run, entry, memory, read_study

SECOND = 1_000_000


def some_hospital(studies=60, seed=7):
    """Studies of two sites whose readers and engines are of different speed, seeded."""
    dice = random.Random(seed)  # noqa: S311 - a play, no secret
    entries = []
    for number in range(1, studies + 1):
        named = {"study": f"2.999.{number}", "accession": f"A{number}", "site": dice.choice(("North", "South"))}
        named["priority"] = dice.choice(("HIGH", "LOW"))
        start = number * 97.0
        times = {
            "RID45847": start,
            "RID45914": start + dice.uniform(1, 60),
            "RID45893": start + dice.uniform(100, 4000),
        }
        times["RID45924"] = times["RID45893"] + dice.uniform(60, 7200)
        entries += [entry(code, second, **named) for code, second in times.items()]
        if dice.random() < 0.9:
            run = {"AIX101": start + 61, "AIX103": start + 62, "RID45833+AIX132": start + dice.uniform(70, 4000)}
            entries += [entry(code, at, workitem=f"2.999.9.{number}", **named) for code, at in run.items()]
    return entries


LOG = some_hospital()


@pytest.fixture(scope="module")
def hospital():
    with memory() as facts:
        yield facts.apply(LOG)


def first(code, study, entries=LOG):
    return min((one.at for one in entries if code in one.codes and one.study == study), default=None)


def studies(entries=LOG):
    return sorted({one.study for one in entries})


def seconds_between(start, end, site=None):
    chosen = {one.study for one in LOG if site in (None, one.site)}
    pairs = ((first(start, study), first(end, study)) for study in chosen)
    return sorted((b - a).total_seconds() for a, b in pairs if a and b)


@pytest.mark.requirement("SOLE-086")
def test_percentiles_are_those_of_an_independent_computation(hospital):
    expected = seconds_between("RID45847", "RID45924")
    quantiles = statistics.quantiles(expected, n=100, method="inclusive")
    group = hospital.one("K12")
    assert group.count == len(expected)
    assert group.median / SECOND == pytest.approx(quantiles[49], abs=1e-5)
    assert group.p90 / SECOND == pytest.approx(quantiles[89], abs=1e-5)
    assert group.p95 / SECOND == pytest.approx(quantiles[94], abs=1e-5)
    assert group.maximum / SECOND == pytest.approx(max(expected), abs=1e-5)
    assert group.mean / SECOND == pytest.approx(statistics.fmean(expected), abs=1e-5)


@pytest.mark.requirement("SOLE-085")
def test_the_share_of_results_that_were_ready_is_that_of_brute_force(hospital):
    ready, both = 0, 0
    for study in studies():
        available, opened = first("AIX132", study), first("RID45893", study)
        if available and opened:
            both += 1
            ready += available <= opened
    group = hospital.one("A14")
    assert (group.count, group.total) == (both, ready)
    assert group.mean == ready / both


def test_groups_and_filters_by_stratum_are_the_same_cases(hospital):
    by_site = {one.group: one for one in hospital.ask("K12", by="site").results["K12"].groups}
    assert set(by_site) == {"North", "South"}
    for site, group in by_site.items():
        expected = seconds_between("RID45847", "RID45924", site)
        assert group.count == len(expected)
        assert group.median / SECOND == pytest.approx(statistics.median(expected), abs=1e-5)
        alone = hospital.one("K12", filters={"site": (site,)})
        assert (alone.median, alone.count) == (group.median, group.count)


def test_entries_at_hand_are_measured_as_those_of_a_repository(hospital):
    asked = hospital.ask("K12", "A14").query
    assert measure(iter(LOG), asked).results == hospital.ask("K12", "A14").results


def test_small_groups_are_not_shown():
    with memory() as facts:
        facts.apply(*(read_study(number) for number in range(1, 5)))
        group = facts.one("K12")
        assert group.hidden
        assert (group.median, group.count, group.pending) == (None, None, None)
        facts.apply(read_study(5))
        assert facts.one("K12").count == 5
        facts.apply(read_study(6, site="Tiny"))
        groups = facts.ask("K18", "K12", by="site").results
        assert [one.hidden for one in groups["K12"].groups] == [False, True]
        assert [one.hidden for one in groups["K18"].groups] == [False, True]


def test_compliance_is_by_the_limit_of_each_priority(hospital):
    limits = {"HIGH": timedelta(minutes=30), "LOW": timedelta(minutes=90)}
    kept = 0
    for study in studies():
        limit = limits[next(one.priority for one in LOG if one.study == study)]
        kept += first("RID45924", study) - first("RID45847", study) <= limit
    assert hospital.one("K15", limits=limits).total == kept


def test_the_backlog_is_counted_at_every_moment(hospital):
    waits = [(first("RID45914", study), first("RID45924", study)) for study in studies()]
    since, until = START + timedelta(minutes=20), START + timedelta(minutes=80)
    moments = sorted({at for pair in waits for at in pair if since <= at < until} | {since})
    levels = [sum(begin <= at < end for begin, end in waits) for at in moments]
    lengths = [(b - a).total_seconds() for a, b in zip(moments, [*moments[1:], until], strict=True)]
    group = hospital.one("K18", since=since, until=until)
    assert group.maximum == max(levels)
    assert group.mean == pytest.approx(sum(a * b for a, b in zip(levels, lengths, strict=True)) / 3600)
    assert group.total == sum(begin < until <= end for begin, end in waits)
    hours = hospital.ask("K18", since=START, until=START + timedelta(hours=3), by="hour").results["K18"].groups
    assert [one.group for one in hours] == [f"2026-03-02T{hour:02}:00Z" for hour in (8, 9, 10)]


def test_the_daily_backlog_of_many_cases_goes_on_from_day_to_day(monkeypatch):
    with memory() as facts:
        for day in range(40):
            some = [entry("AIX101", day * 86400, workitem=f"2.999.{day}.{number}") for number in range(10)]
            if day < 20:
                some += [entry("AIX107", day * 86400 + 60, workitem=f"2.999.{day}.{number}") for number in range(9)]
            facts.apply(some)
        exact = facts.one("A25", since=START + timedelta(days=10))
        monkeypatch.setattr(windows, "MOST_EXACT", 5)
        from sole_logging.measures import standing

        monkeypatch.setattr(standing, "MOST_EXACT", 5)
        rough = facts.one("A25", since=START + timedelta(days=10))
        assert rough.total == exact.total == 20 + 200
        assert rough.mean == pytest.approx(exact.mean, rel=0.1)
        by_month = facts.ask("A25", by="month").results["A25"].groups
        assert [one.group for one in by_month][:2] == ["2026-02", "2026-03"]
        with pytest.raises(BadInput, match="By hour"):
            facts.ask("A26", by="hour")
        with pytest.raises(BadInput, match="By hour"):
            facts.ask("A02", by="hour")
        with pytest.raises(BadInput, match="A30"):
            facts.apply(*(read_study(number) for number in range(1, 9))).ask("A30")


def test_throughput_is_ended_workitems_per_hour():
    with memory() as facts:
        facts.apply(*(ai_run(number, shift=number * 600) for number in range(1, 13)))
        window = {"since": START, "until": START + timedelta(hours=4)}
        assert facts.one("A26", **window).mean == 3.0
        by_hour = facts.ask("A26", by="hour", **window).results["A26"].groups
        assert sum(one.count for one in by_hour) == 12
        assert facts.ask("A26", by="engine", **window).results["A26"].groups[0].count == 12


@pytest.mark.requirement("SOLE-088")
def test_an_outage_of_known_length_gives_the_availability():
    with memory() as facts:
        facts.apply(
            [
                entry("AIX151+110120", 0, performer="AI1", source="ai"),
                entry("AIX152+110121", 3600, performer="AI1", source="ai"),
                entry("AIX151+110120", 5400, performer="AI1", source="ai"),
                entry("AIX152+110121", 9000, performer="AI2", source="ai"),
                entry("RID45994", 0, source="pacs"),
                entry("RID45995", 600, source="pacs"),
                entry("RID45993", 100, source="ris"),
            ]
        )
        window = {"since": START, "until": START + timedelta(seconds=10_000)}
        together, one, two = facts.ask("A28", **window).results["A28"].groups
        assert (one.group, one.mean) == ("AI1", pytest.approx(0.82))
        assert (two.group, two.mean) == ("AI2", pytest.approx(0.9))
        assert together.mean == pytest.approx(0.86)
        down = {group.group: group.total / SECOND for group in facts.ask("K21", **window).results["K21"].groups}
        assert down == {"": 700, "pacs": 600, "ris": 100}
        assert facts.one("K21", filters={"site": ("nowhere",)}, **window).total == 0


def test_utilisation_is_what_was_used_of_what_was_there():
    with memory() as facts:
        facts.apply(*(read_study(number) + ai_run(number) for number in range(1, 6)))
        rooms = [("RID45988", 0), ("RID45935", 100), ("RID45936", 600), ("RID45989", 1000)]
        scanner = [("RID45986", 0), ("RID45987", 6000)]
        facts.apply([entry(code, second, source="room1") for code, second in rooms + scanner])
        window = {"since": START, "until": START + timedelta(seconds=10_000)}
        assert facts.one("K06", **window).mean == 0.5
        assert facts.one("K07", **window).mean == 0.5  # five exams of ten minutes
        assert facts.one("A27", **window).mean == pytest.approx(5 * 48 / 10_000)
        assert facts.one("A27", servers=2, **window).mean == pytest.approx(5 * 48 / 20_000)
        assert facts.one("A27", filters={"engine": ("none",)}, **window).mean == 0


def test_events_of_no_case_and_of_sources_without_name_are_no_error(facts):
    facts.apply([entry("RID45813", 0, source=""), entry("110100", 0, source="x")])
    assert facts.one("K01").count == 0
    assert facts.ask("K01").data_as_of is not None


def test_what_ai_found_splits_turnaround_and_the_rest_is_seen_apart():
    with memory() as facts:
        for number in range(1, 7):
            facts.apply(read_study(number) + ai_run(number), read_study(number + 50))
        answer = facts.ask("A29", "A31")
        assert {one.group: one.count for one in answer.results["A29"].groups} == {"": 6, "positive": 6}
        assert answer.results["A31"].groups[0].count == 6


def test_a_wait_is_shared_among_those_ahead():
    with memory() as facts:
        facts.apply(*(read_study(number, shift=number * 10) for number in range(1, 7)))
        group = facts.one("A30")
        assert group.maximum == 840 * SECOND
        assert group.median < 840 * SECOND


@pytest.mark.parametrize(
    "asked",
    [
        {"measures": ("K99",)},
        {"measures": ("K01",), "by": "patient"},
        {"measures": ("K01",), "filters": {"reader": ("x",)}},
        {"measures": ("K01",), "until": START - timedelta(days=900)},
        {"measures": ("K01",), "since": datetime(2026, 1, 1)},  # noqa: DTZ001 - that is the mistake
        {"measures": ("K18",), "by": "hour", "since": START - timedelta(days=900)},
    ],
)
def test_a_question_that_makes_no_sense_is_refused_in_words(hospital, asked):
    with pytest.raises(BadInput):
        hospital.ask(*asked.pop("measures"), **asked)


def test_an_answer_is_json_ready_and_says_its_method(hospital):
    document = document_of(hospital.ask("K12", "A14", by="week"))
    assert document["percentiles"].startswith("linear interpolation")
    assert document["measures"][0]["groups"][0]["group"] == "2026-03-02"
    assert document["measures"][1]["unit"] == "share"


def test_bins_are_two_percent_wide_and_percentiles_interpolate():
    values = np.array([0, 1, -1, 999_999, -86_400_000_000, 12_345_678_901_234], np.int64)
    middles = middle_of(bins_of(values))
    assert np.all(np.abs(middles - values) <= np.abs(values) * 0.0101)
    assert len(counted(np.zeros(0, np.int64), np.zeros(0, np.int64))) == 0
    assert percentile(np.array([0, 1]), np.array([1, 1]), 0.5) == pytest.approx(middle_of(np.array([1]))[0] / 2)
