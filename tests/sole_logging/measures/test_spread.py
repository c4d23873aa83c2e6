"""What a dashboard asks beside measures: values one by one, the longest cases, what is open now, and differences."""

from datetime import timedelta

import numpy as np
import pytest

from profiles.errors import BadInput, NotFound
from sole_logging.measures import windows
from sole_logging.measures.answering import MeasureQuery
from sole_logging.measures.comparing import compare
from sole_logging.measures.present import present
from sole_logging.measures.spread import events_of, longest, values_of
from tests.sole_logging.measures.log_scene import START, ai_run, entry, memory, read_study

UNTIL = START + timedelta(days=40)
SECOND = 1_000_000


def query(name, since=START, until=UNTIL, **filters):
    return MeasureQuery((name,), since, until, {one: tuple(values) for one, values in filters.items()})


def inference(number, seconds, **told):
    """A workitem whose inference took so many seconds."""
    named = {"workitem": f"2.999.9.{number}", "study": f"2.999.{number}", "engine": "lung", **told}
    return [
        entry("AIX101", number * 60, **named),
        entry("AIX103", number * 60 + 1, **named),
        entry("SOLE114+AIX121", number * 60 + 2, **named),
        entry("SOLE115+AIX122", number * 60 + 2 + seconds, **named),
    ]


@pytest.fixture(scope="module")
def facts():
    """Forty inferences of 1 to 40 seconds with version 1, twenty of 3 to 22 with version 2, one study without AI."""
    with memory() as made:
        for number in range(1, 41):
            made.apply(inference(number, number, engine_version="1"))
        for number in range(41, 61):
            made.apply(inference(number, number - 38, engine_version="2"))
        made.apply(read_study(99), ai_run(99, engine="other"))
        yield made


def asked(facts, function, *queries, **options):
    with facts.engine.connect() as connection:
        return function(connection, *queries, **options)


def test_the_values_of_a_window_are_those_of_its_cases(facts):
    found = asked(facts, values_of, query("A07", version=["1"]))["A07"]
    assert found.exact
    assert found.numbers.tolist() == [number * SECOND for number in range(1, 41)]
    assert found.between(np.array([0, 10.5, 1e6]) * SECOND).tolist() == [10, 30]


def test_a_window_with_many_cases_is_spread_out_from_its_counts(facts, monkeypatch):
    exact = asked(facts, values_of, query("A07", version=["1"]))["A07"]
    monkeypatch.setattr(windows, "MOST_EXACT", 5)
    found = asked(facts, values_of, query("A07", version=["1"]))["A07"]
    assert not found.exact
    assert found.count == exact.count
    assert found.at(np.array([0.5]))[0] == pytest.approx(20.5 * SECOND, rel=0.04)
    assert asked(facts, values_of, query("A07", version=["9"]))["A07"].count == 0


def test_the_longest_cases_come_first_and_only_when_there_are_enough_to_be_shown(facts):
    found, since = asked(facts, longest, query("A07", version=["1"]), limit=3)
    assert [one.value for one in found] == [40 * SECOND, 39 * SECOND, 38 * SECOND]
    assert (found[0].key, found[0].study, since) == ("2.999.9.40", "2.999.40", START)
    assert asked(facts, longest, query("K12")) == ([], START), "one study is too few to be shown"
    assert asked(facts, longest, query("A07", since=UNTIL, until=UNTIL + timedelta(days=1)))[0] == []


def test_the_events_of_a_case_are_found_by_each_of_its_numbers(facts):
    for name in ("2.999.99", "A99", "2.999.9.99"):
        events = asked(facts, events_of, name)
        assert len(events) == 21
        assert events == sorted(events, key=lambda one: one.at)
    with pytest.raises(NotFound):
        asked(facts, events_of, "2.999.404")


def test_measures_of_all_cases_together_have_no_values_to_spread(facts):
    for function in (values_of, longest):
        with pytest.raises(BadInput):
            asked(facts, function, query("A25"))
    with pytest.raises(BadInput):
        asked(facts, compare, query("A25"), query("A25"))


def test_what_is_open_now_is_counted_for_the_strata_asked(facts):
    now = asked(facts, present, {}, START)
    assert dict(now.states) == {"started": 60}
    assert now.unread == 0
    assert [one.source for one in now.sources] == ["pacs", "ai"] or [one.source for one in now.sources] == [
        "ai",
        "pacs",
    ]
    assert dict(asked(facts, present, {"version": ("2",)}, START).states) == {"started": 20}
    assert dict(asked(facts, present, {}, UNTIL).states) == {}, "nobody has heard of them for long"


def test_a_difference_of_medians_has_the_interval_of_the_bootstrap(facts):
    (found,) = asked(facts, compare, query("A07", version=["1"]), query("A07", version=["2"]))
    assert found.difference == (12.5 - 20.5) * SECOND
    random = np.random.default_rng(3)
    before, after = (
        np.median(random.choice(values, (20_000, len(values))), axis=1)
        for values in (np.arange(1, 41), np.arange(3, 23))
    )
    low, high = np.percentile(after - before, [2.5, 97.5])
    assert found.low / SECOND == pytest.approx(low, abs=1.1)
    assert found.high / SECOND == pytest.approx(high, abs=1.1)
    assert found.is_sure == (high < 0)


def test_a_difference_of_shares_is_told_with_its_bounds_and_few_cases_with_none():
    with memory() as facts:
        for number in range(1, 61):
            verdict = [entry("AIX107", 9000, workitem=f"2.999.9.{number}")]
            failed = [entry("AIX106", 9000, workitem=f"2.999.9.{number}", outcome=8, reason="110501")]
            version = "1" if number <= 30 else "2"
            ended = failed if version == "1" and number <= 15 else verdict
            facts.apply(inference(number, 5, engine_version=version), ended)
        (found,) = asked(facts, compare, query("A21", version=["1"]), query("A21", version=["2"]))
        assert found.difference == -0.5
        assert found.low < -0.5 < found.high < 0
        assert found.is_sure
        (few,) = asked(facts, compare, query("A21", version=["1"]), query("A21", version=["3"]))
        assert few.difference is None
        assert not few.is_sure
        reasons = facts.ask("A21", by="reason").results["A21"].groups
        assert {one.group: one.total for one in reasons} == {"": 0.0, "110501": 15.0}


def test_what_a_dashboard_asks_is_answered_alike_by_both_databases(facts_on_both):
    for number in range(1, 8):
        facts_on_both.apply(inference(number, number, engine_version="1"))
    found, _ = asked(facts_on_both, longest, query("A07"), limit=2)
    assert [one.key for one in found] == ["2.999.9.7", "2.999.9.6"]
    assert dict(asked(facts_on_both, present, {"version": ("1",)}, START).states) == {"started": 7}
    assert len(asked(facts_on_both, events_of, "2.999.7")) == 4
    assert asked(facts_on_both, values_of, query("A07"))["A07"].count == 7
