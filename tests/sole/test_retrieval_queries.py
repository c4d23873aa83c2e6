"""ITI-82: what the parameters of a query mean."""

from datetime import UTC, datetime, timedelta

import pytest

from profiles.errors import BadInput
from profiles.sole.retrieval import parse_date, parse_query

DATE = ("date", "ge2026-01-01")


@pytest.mark.requirement("SOLE-057")
def test_a_query_without_date_is_refused_with_an_example():
    with pytest.raises(BadInput, match="date=ge"):
        parse_query([("hostname", "x")])


@pytest.mark.requirement("SOLE-058")
@pytest.mark.parametrize(
    ("value", "prefix", "low", "seconds"),
    [
        ("2026-01-02", "eq", datetime(2026, 1, 2, tzinfo=UTC), 86400),
        ("ge2026-01-02T03:04", "ge", datetime(2026, 1, 2, 3, 4, tzinfo=UTC), 60),
        ("lt2026-01-02T03:04:05Z", "lt", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), 1),
        ("gt2026-01-02T03:04:05.250+01:00", "gt", datetime(2026, 1, 2, 2, 4, 5, 250000, tzinfo=UTC), 0.001),
        ("le2026-01-02T03:04:05 01:00", "le", datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC), 1),
        ("eq2026-01-02T03:04:05.123456789Z", "eq", datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC), 0.000001),
    ],
)
def test_a_date_covers_the_span_of_its_precision(value, prefix, low, seconds):
    bound = parse_date(value)
    assert (bound.prefix, bound.low) == (prefix, low)
    assert bound.high - bound.low == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "value",
    ["", "ge", "2026", "2026-13-01", "2026-01-01T25:00", "sa2026-01-01", "ge2026-01-01T00:00:00X", "9999-12-31"],
)
def test_what_is_no_date_is_refused(value):
    with pytest.raises(BadInput):
        parse_date(value)


@pytest.mark.requirement("SOLE-059")
def test_repeated_parameters_all_hold_and_commas_mean_any_of():
    query = parse_query(
        [DATE, ("app-name", "IHE+SOLE"), ("MSG-ID", "SOLE114,SOLE115"), ("msgid", "SOLE115"), ("msg", "a,b")]
    )
    assert query.fields == (
        ("application", ("IHE+SOLE",)),
        ("message_id", ("SOLE114", "SOLE115")),
        ("message_id", ("SOLE115",)),
    )
    assert query.contents == ("a,b",)


@pytest.mark.parametrize("extra", [("hotsname", "x"), ("_count", "-1"), ("_count", "x"), ("_offset", "1" * 20)])
def test_unknown_parameters_and_broken_numbers_are_refused(extra):
    with pytest.raises(BadInput):
        parse_query([DATE, extra])
