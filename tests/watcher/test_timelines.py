"""Events become a timeline: in order, with gaps and spans, whatever they hold."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.shared.pages import words
from actors.watcher.timeline import timeline

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def event(step, seconds, **values):
    return {"step": step, "at": (START + timedelta(seconds=seconds)).isoformat(), "outcome": 0, **values}


def test_each_event_says_how_long_after_the_start_and_after_the_last_it_came():
    found = timeline([event("order-received", 0), event("workitem-created", 4), event("workitem-claimed", 4.5)])
    assert [entry.since_start for entry in found.entries] == [0, 4, 4.5]
    assert [entry.since_last for entry in found.entries] == [0, 4, 0.5]
    assert found.entries[0].words == "Order received"


def test_a_span_reaches_from_the_first_start_to_the_last_end():
    events = [event("inference-started", 2), event("inference-started", 3), event("inference-ended", 7)]
    span = next(one for one in timeline(events).spans if one.words == "Inference")
    assert (span.seconds, span.start, span.length) == (5, 0, 1)


def test_a_step_that_no_table_knows_is_told_by_its_meaning():
    assert timeline([event("", 0, meaning="Coffee fetched")]).entries[0].words == "Coffee fetched"


def test_a_failed_outcome_is_marked():
    assert [one.failed for one in timeline([event("a", 0, outcome=8), event("b", 1, outcome="0")]).entries] == [
        True,
        False,
    ]


ODD = st.one_of(
    st.none(),
    st.integers(),
    st.text("a<é", max_size=3),
    st.dictionaries(st.sampled_from(["name", "a"]), st.text("a<é", max_size=3), max_size=2),
    st.just(START.isoformat()),
)
KEYS = st.sampled_from(["at", "step", "details", "algorithm", "outcome", "meaning", "source"])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.dictionaries(KEYS, ODD, max_size=5), max_size=4))
def test_no_event_however_odd_breaks_a_timeline(events):
    assert timeline(events).seconds >= 0


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0.00 s"), (0.444, "0.44 s"), (12.34, "12.3 s"), (59.94, "59.9 s"), (59.96, "1 min 00 s"), (250, "4 min 10 s"),
     (3599.6, "1 h 00 min"), (7500, "2 h 05 min"), (190000, "2 d 4 h"), (-5, "-5.0 s")],
)  # fmt: skip
def test_durations_are_told_in_fitting_units(seconds, shown):
    assert words.duration(seconds) == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Doe^Jane", "Doe, Jane"), ("Doe^Jane^Mary^Dr^", "Doe, Jane Mary"), ("Doe", "Doe"), ("^Jane", "Jane"), ("", ""),
     ("山田^太郎=ignored", "山田, 太郎")],
)  # fmt: skip
def test_person_names_are_told_for_reading(name, shown):
    assert words.person_name(name) == shown


def test_times_are_in_utc_with_the_zone_said():
    shown = words.moment(datetime.fromisoformat("2026-11-24T13:00:00+02:00"))
    assert "2026-11-24 11:00:00" in shown
    assert 'datetime="2026-11-24T11:00:00.000Z"' in shown
