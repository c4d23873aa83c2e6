"""Codes (PS3.3 section 8), UIDs (PS3.5 section 9) and date-times (PS3.5 section 6.2)."""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID
from pydicom.valuerep import DT

from profiles.dicom import Code, code, dicom_datetime, new_uid, parse_dicom_datetime
from profiles.tables import read_table

OFFSETS = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1900, 1, 2), datetime(2199, 12, 30), timezones=OFFSETS)  # noqa: DTZ001 - bounds are naive


@given(st.text(), st.text(), st.text(), st.text())
def test_the_meaning_never_decides_whether_codes_are_the_same(value, scheme, one, other):
    """PS3.3 section 8.1."""
    assert Code(value, scheme, one).same_as(Code(value, scheme, other))


@pytest.mark.parametrize("other", [Code("1", "DCM", "A"), Code("2", "SCT", "A"), None])
def test_codes_of_another_value_or_scheme_are_others(other):
    assert not Code("1", "SCT", "A").same_as(other)


def test_a_code_reads_as_documents_write_it():
    assert str(Code("12738006", "SCT", "Brain")) == "(12738006, SCT, 'Brain')"


def test_the_table_gives_the_meaning_of_a_code():
    assert code("SCT", "12738006") == Code("12738006", "SCT", "Brain")


def test_a_code_that_the_table_lacks_is_refused():
    with pytest.raises(KeyError, match="0000"):
        code("SCT", "0000")


def test_the_table_has_each_code_once_with_scheme_value_meaning_and_source():
    rows = read_table("profiles.dicom", "codes")
    assert not [one for one, count in Counter((row["scheme"], row["value"]) for row in rows).items() if count > 1]
    assert all(row["scheme"] and row["value"] and row["meaning"] and row["source"] for row in rows)
    assert all(len(row["scheme"]) <= 16 and len(row["meaning"]) <= 64 for row in rows)


def test_quantities_and_their_units_are_in_the_table_of_codes():
    for row in read_table("profiles.dicom", "quantities"):
        assert code(row["scheme"], row["value"])
        assert all(code("UCUM", unit) for unit in row["units"].split())


def test_new_uids_are_valid_and_never_the_same():
    made = {new_uid() for _ in range(100)}
    assert len(made) == 100
    assert all(UID(one).is_valid and one.startswith("2.25.") for one in made)


@given(MOMENTS)
def test_a_moment_is_read_as_it_was_written(moment):
    written = dicom_datetime(moment)
    assert re.fullmatch(r"\d{14}\.\d{6}\+0000", written)
    assert parse_dicom_datetime(written) == moment


@given(MOMENTS)
def test_another_implementation_reads_the_same_moment(moment):
    assert DT(dicom_datetime(moment)) == moment


def test_a_moment_of_no_zone_is_refused():
    with pytest.raises(ValueError, match="timezone-aware"):
        dicom_datetime(datetime(2030, 1, 2))  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2030", datetime(2030, 1, 1, tzinfo=UTC)),
        ("203011", datetime(2030, 11, 1, tzinfo=UTC)),
        ("20301124", datetime(2030, 11, 24, tzinfo=UTC)),
        ("2030112407", datetime(2030, 11, 24, 7, tzinfo=UTC)),
        ("203011240730", datetime(2030, 11, 24, 7, 30, tzinfo=UTC)),
        ("20301124073015.25", datetime(2030, 11, 24, 7, 30, 15, 250000, tzinfo=UTC)),
        ("20301124073015+0130", datetime(2030, 11, 24, 6, 0, 15, tzinfo=UTC)),
        ("20301124073015-0500", datetime(2030, 11, 24, 12, 30, 15, tzinfo=UTC)),
    ],
)
def test_parts_of_a_date_time_may_be_left_out_from_the_right(value, moment):
    assert parse_dicom_datetime(value) == moment


@pytest.mark.parametrize("value", ["", "24.11.2030", "20301324", "20301124250000", "yesterday"])
def test_what_is_no_date_time_is_refused(value):
    with pytest.raises(ValueError, match=r"."):
        parse_dicom_datetime(value)
