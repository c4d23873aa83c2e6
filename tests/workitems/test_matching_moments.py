"""Dates, times and date-times match by meaning (PS3.4 C.2.2.2.1, C.2.2.2.5)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.dicom import put
from workitems.matching import matches
from workitems.moments import offset_of, span

START = "ScheduledProcedureStepStartDateTime"
ISSUED = "IssueTimeOfImagingServiceRequest"
ZONE = "TimezoneOffsetFromUTC"

offsets = st.integers(-12 * 4, 14 * 4).map(lambda quarters: timedelta(minutes=15 * quarters))
moments = st.datetimes(datetime(1900, 1, 2), datetime(2100, 1, 1))  # noqa: DTZ001 - naive, and moved by offsets


def in_dicom(moment, offset):
    minutes = int(offset.total_seconds()) // 60
    sign = "-" if minutes < 0 else "+"
    local = moment + offset
    return local.strftime("%Y%m%d%H%M%S.%f") + f"{sign}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"


@pytest.mark.requirement("AIWI-TM-053")
@pytest.mark.parametrize(
    ("value", "wanted", "expected"),
    [
        ("20261124103000", "20261124-20261125", True),
        ("20261124103000", "20261124-20261124", True),
        ("20261124103000", "20261125-", False),
        ("20261124103000", "-20261123", False),
        ("20261124103000", "-20261124", True),
        ("20261124103000", "20261124103000", True),
        ("20261124103000", "20261124103000.000000", True),
        ("20261124103000", "202611241030", True),
        ("20261124103000", "20261124", True),
        ("20261124103000", "2026", True),
        ("20261124103000", "20261124103001", False),
        ("2026", "20260101-20260102", True),
        ("2026", "20260102-", False),
        ("20261124103000+0100", "20261124093000+0000", True),
        ("20261124003000+0100", "20261123", True),
        ("20261124003000+0100", "20261124", False),
        ("20261124103000-0500", "20261124153000-20261124153000", True),
        ("20261124153000", "20261124103000-0500-20261124103000-0500", True),
        ("20261124153000", "20261124103000-0500-", True),
        ("20261124152959", "20261124103000-0500-", False),
        ("20261124153000", "-20261124102959-0500", False),
        ("20261124235960", "20261125", True),
        ("tomorrow", "2026-", False),
        ("20261324", "2026-", False),
    ],
)
def test_date_times_match_by_the_moment_they_mean(value, wanted, expected):
    assert matches(put({}, START, value), {START: wanted}) is expected


@pytest.mark.parametrize(
    ("value", "wanted", "expected"),
    [
        ("1030", "103000", True),
        ("10:30:00", "1030", True),
        ("103000.5", "103000.500000", True),
        ("1030", "10", True),
        ("1030", "0900-1030", True),
        ("103059.999", "-1030", True),
        ("1031", "-1030", False),
        ("2500", "00-", False),
    ],
)
def test_times_match_within_their_day(value, wanted, expected):
    assert matches(put({}, ISSUED, value), {ISSUED: wanted}) is expected


def test_the_zone_of_the_keys_is_a_key_and_the_zone_of_a_workitem_is_its_own():
    at_ten = put({}, START, "20261124100000")
    assert matches(at_ten, {START: "20261124110000", ZONE: "+0100"})
    assert not matches(at_ten, {START: "20261124110000"})
    in_new_york = put(put({}, START, "20261124100000"), ZONE, "-0500")
    assert matches(in_new_york, {START: "20261124150000"})
    assert matches(in_new_york, {START: "20261124100000", ZONE: "-0500"})
    assert matches(in_new_york, {START: "20261124150000+0000", ZONE: "-0500"})


@given(moments, offsets, offsets)
def test_a_moment_is_the_same_however_far_east_it_is_written(moment, here, there):
    workitem = put({}, START, in_dicom(moment, here))
    key = in_dicom(moment, there)
    assert matches(workitem, {START: f"{key}-{key}"})
    assert matches(workitem, {START: f"{key}-"})
    assert matches(workitem, {START: f"-{key}"})
    later = in_dicom(moment + timedelta(microseconds=1), there)
    assert not matches(workitem, {START: f"{later}-"})


@given(moments, st.sampled_from([4, 6, 8, 10, 12, 14, 16, 20]))
def test_a_value_covers_all_that_begins_with_it(moment, digits):
    whole = moment.strftime("%Y%m%d%H%M%S%f")[:digits]
    text = whole if digits <= 14 else f"{whole[:14]}.{whole[14:]}"
    found = span("DT", text)
    for end in (found.first, found.last):
        assert end.strftime("%Y%m%d%H%M%S%f").startswith(whole)
    assert found.first <= moment <= found.last
    for outside in (found.first - timedelta(microseconds=1), found.last + timedelta(microseconds=1)):
        assert not outside.strftime("%Y%m%d%H%M%S%f").startswith(whole)


@pytest.mark.parametrize("wrong", ["", "0100", "+01", "+1500", "-1300", "+0160", "UTC"])
def test_what_is_no_offset_is_not_taken_for_one(wrong):
    assert offset_of(wrong) is None


def test_the_ends_of_the_calendar_are_no_accident():
    assert span("DT", "00010101000000+1400") is None
    assert span("DT", "9999") is None or span("DT", "9999").last.year == 9999
    assert span("DT", datetime.now(UTC).strftime("%Y")) is not None
