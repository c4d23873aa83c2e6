"""The fact table: cases put together from events in any order, exactly once, on both databases."""

import dataclasses
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from sole_logging.measures import rollups, windows
from sole_logging.measures.definitions import measures
from sole_logging.measures.facts import LARGEST_CASE, packed, unpacked
from sole_logging.measures.gaps import KINDS, count_gaps, gaps
from sole_logging.measures.tables import CASE_KEY, CASE_ROW, FACT, FACT_STATE, METADATA, ROLLUP
from tests.sole_logging.measures.log_scene import START, ai_run, entry, memory, read_study

EVERY = tuple(measures())
HOURS = timedelta(hours=1)


def day(studies=6, first=1, shift=0.0):
    entries = []
    for number in range(first, first + studies):
        entries += read_study(number, shift=shift + number * 120) + ai_run(number, shift=shift + number * 120)
    return entries


def said(facts, *names, **asked):
    return facts.ask(*(names or EVERY), **asked).results


LOG = day()
EXPECTED = []


@pytest.mark.requirement("SOLE-087")
@settings(max_examples=6)
@given(st.permutations(LOG), st.lists(st.sampled_from(LOG), max_size=20), st.sampled_from((9, 50)))
def test_measures_do_not_change_when_the_log_comes_in_another_order_or_twice(order, again, size):
    if not EXPECTED:
        with memory() as facts:
            EXPECTED.append(said(facts.apply(LOG)))
    stream = [*order, *again]
    with memory() as facts:
        facts.apply(*(stream[start : start + size] for start in range(0, len(stream), size)))
        assert said(facts) == EXPECTED[0]


@pytest.mark.requirement("SOLE-087")
def test_facts_are_the_same_on_both_databases_in_one_batch_or_many(facts_on_both):
    facts_on_both.apply(LOG[::2], LOG[1::2], LOG)
    with memory() as other:
        assert said(facts_on_both) == said(other.apply(LOG))


def test_an_entry_that_names_two_cases_joins_them_later(facts_on_both):
    order = [entry("RID45813", 0, accession="A1")]
    images = [entry("RID46000", 900, study="2.999.1")]
    work = [entry("AIX101", 1000, workitem="2.999.9.1")]
    facts_on_both.apply(order, images, work)
    with facts_on_both.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(CASE_ROW)).scalar() == 3
    facts_on_both.apply([entry("RID45914", 950, study="2.999.1", accession="A1")])
    facts_on_both.apply([entry("AIX103", 1010, study="2.999.1", workitem="2.999.9.1")])
    with facts_on_both.engine.connect() as connection:
        assert connection.execute(select(func.count(func.distinct(CASE_KEY.c.case_id)))).scalar() == 1
        assert connection.execute(select(func.count()).select_from(CASE_ROW)).scalar() == 1
        assert connection.execute(select(FACT.c.level).order_by(FACT.c.level)).scalars().all() == ["study", "workitem"]


def test_a_late_event_opens_its_window_again(facts):
    late = [one for one in LOG if "RID45924" in one.codes]
    facts.apply([one for one in LOG if one not in late])
    assert facts.one("K12").pending == 6
    facts.apply([entry("RID45813", 86400 * 20, accession="other")], late)
    assert facts.one("K12").count == 6


def test_counted_days_and_months_say_what_the_cases_say(facts, monkeypatch):
    for number in range(0, 40, 4):
        facts.apply(day(6, 1 + number * 6, number * 86400.0))
    exact = said(facts)
    by_month = said(facts, "A07", "A14", by="month")
    monkeypatch.setattr(windows, "MOST_EXACT", 10)
    names = [name for name in EVERY if name != "A30"]
    for name, result in said(facts, *names).items():
        for group, other in zip(exact[name].groups, result.groups, strict=True):
            assert (group.count, group.hidden, group.incomplete) == (other.count, other.hidden, other.incomplete)
            if group.median is not None:
                assert group.mean == pytest.approx(other.mean)
                assert group.total == other.total
                assert group.median == pytest.approx(other.median, rel=0.011)
                assert group.p95 == pytest.approx(other.p95, rel=0.011)
    assert [(one.group, one.count) for one in said(facts, "A14", by="month")["A14"].groups] == [
        (one.group, one.count) for one in by_month["A14"].groups
    ]
    with facts.engine.connect() as connection:
        grains = dict(connection.execute(select(ROLLUP.c.grain, func.count()).group_by(ROLLUP.c.grain)).all())
        assert grains["day"] > grains["month"] > 0
        assert len(rollups.marked(connection, "study", "day")) <= 3


def test_facts_that_are_deleted_stay_counted_and_are_not_made_again(facts):
    for number in range(10):
        facts.apply(day(6, 1 + number * 6, number * 86400.0))
    before = said(facts, "K12", "A15")
    with facts.engine.begin() as connection:
        moment = START + timedelta(days=5)
        assert [facts.table.forget(connection, moment, at_most=20) for _ in range(3)] == [20, 10, 0]
    assert {name: one.groups[0].count for name, one in said(facts, "K12", "A15").items()} == {
        name: one.groups[0].count for name, one in before.items()
    }
    facts.apply(day())
    assert said(facts, "K12")["K12"].groups[0].count == 60


def test_when_measures_or_strata_change_all_cases_are_folded_again(facts_on_both):
    facts_on_both.apply(LOG)
    expected = said(facts_on_both)
    with facts_on_both.engine.begin() as connection:
        connection.execute(FACT_STATE.update().values(value="other measures"))
        connection.execute(text("ALTER TABLE stratum DROP COLUMN finding"))
        facts_on_both.table.create(connection)
    assert said(facts_on_both) == expected


def test_events_of_impossible_times_are_left_out(facts):
    ahead = dataclasses.replace(entry("RID45813", 0, study="2.999.1"), at=START + timedelta(days=400))
    before = dataclasses.replace(entry("RID45813", 0, study="2.999.1"), at=START - timedelta(days=20000))
    facts.apply([ahead, before])
    with facts.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(CASE_ROW)).scalar() == 0


def test_a_number_that_everybody_uses_does_not_grow_without_bound(facts):
    facts.apply([entry("RID45893", second, accession="0") for second in range(LARGEST_CASE + 10)])
    with facts.engine.connect() as connection:
        assert len(unpacked(connection.execute(select(CASE_ROW.c.entries)).scalar_one())) == LARGEST_CASE


def test_entries_are_packed_without_loss():
    assert unpacked(packed(LOG)) == LOG


def test_no_table_of_facts_has_a_column_for_a_person_or_patient():
    names = {column.name for table in METADATA.tables.values() for column in table.columns}
    assert not names & {"patient", "patient_id", "person", "reader"}


@pytest.mark.requirement("SOLE-083")
def test_gaps_are_told_by_kind_with_what_is_missing(facts):
    named = {"study": "2.999.7", "accession": "A7", "performer": "AI1"}
    facts.apply(
        LOG,
        [entry("AIX101", 0, workitem="2.999.9.71", **named)],
        [entry("AIX103", 0, workitem="2.999.9.72", **named)],
        [entry("AIX103", 0, workitem="2.999.9.73", **named), entry("SOLE114+AIX121", 9, workitem="2.999.9.73")],
        [entry("AIX103", 0, workitem="2.999.9.74"), entry("AIX107", 9, workitem="2.999.9.74")],
        [entry("AIX107", 9, workitem="2.999.9.75", outcome=0), entry("AIX106", 9, workitem="2.999.9.75", outcome=8)],
        [entry("RID45914", 0, study="2.999.8")],
        [one for one in read_study(90) + ai_run(90) if "AIX141" not in one.codes],
    )
    with facts.engine.connect() as connection:
        found = gaps(connection, START + 4 * HOURS)
        kinds = {one.kind for one in found}
        assert {"never-claimed", "never-started", "never-ended", "no-result", "never-seen", "two-ends"} <= kinds
        assert "never-read" not in kinds
        ended = next(one for one in found if one.kind == "never-ended")
        assert (ended.workitem, ended.study, ended.source) == ("2.999.9.73", "2.999.7", "AI1")
        later = count_gaps(connection, START + timedelta(days=30))
        assert later["never-read"] == 1
        assert later["silent-source"] == 2
        assert set(later) == set(KINDS)
        assert gaps(connection, START + 4 * HOURS, since=START + 4 * HOURS) == []
