"""Values by their representation, against an independent judge: the validation of pydicom."""

import calendar
import warnings
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydicom import config
from pydicom.valuerep import validate_value

from conformance.ups import check_workitem
from conformance.ups.elements import tag_of
from conformance.ups.values import forms
from tests.conformance.ups_good import created

TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x17F, blacklist_characters="\\\x7f"), max_size=20)
NEAR = {
    "AE": st.text("AB_ -", max_size=18),
    "AS": st.from_regex("[0-9]{2,3}[DWMYX]", fullmatch=True),
    "CS": st.text("AZ09_ az-", max_size=18),
    "DA": st.from_regex("[12][0-9]{3}[01][0-9][0-3][0-9]{1,2}", fullmatch=True),
    "DS": st.from_regex(r"[-+]?[0-9]{1,10}(\.[0-9]{0,8})?([eE][0-9])?", fullmatch=True),
    "IS": st.from_regex("[-+]?[0-9]{1,13}", fullmatch=True),
    "SH": st.text("ab ", max_size=18),
    "TM": st.from_regex(r"[0-3][0-9]([0-6][0-9]([0-6][0-9](\.[0-9]{1,7})?)?)?", fullmatch=True),
    "UI": st.from_regex(r"(0|[0-9]{1,20})(\.[0-9]{1,20}){0,5}\.?", fullmatch=True),
    "UR": st.text("ab:/. ", max_size=12),
}


def refused_by_pydicom(vr, value):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            validate_value(vr, value, config.RAISE)
        except ValueError:
            return True
    return False


@pytest.mark.parametrize("vr", sorted(NEAR))
def test_two_judges_agree_on_what_a_representation_allows(vr):
    @given(NEAR[vr] | TEXT)
    def agree(value):
        assume(value.strip() == value and value)
        ours = bool(forms()[vr].fault(value))
        theirs = refused_by_pydicom(vr, value)
        assert ours or not theirs, f"{value!r} is passed"
        if theirs is False and vr not in {"DA", "IS", "UR"} and value.isascii():
            assert not ours, f"{value!r} is refused"

    agree()


@pytest.mark.requirement("UPS-3839")
@pytest.mark.parametrize("value", ["http://a/{b}", 'http://a/"b"', "http://a/<b>", "http://a/b|c", "http://a/b^c"])
def test_an_address_has_no_character_that_rfc_3986_does_not_have(value):
    assert forms()["UR"].fault(value)
    assert not forms()["UR"].fault("http://[::1]:80/a-b._~!$&'()*+,;=:@/?c=%7B#d")


@pytest.mark.requirement("UPS-3836")
@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=6))
def test_every_uid_of_numbers_is_one_and_none_with_a_leading_zero(numbers):
    uid = ".".join(map(str, numbers))
    assert not forms()["UI"].fault(uid)
    assert forms()["UI"].fault(f"{uid}.0{numbers[0]}")
    assert forms()["UI"].fault(f"{uid}.")


@pytest.mark.requirement("UPS-3815", "UPS-3813", "UPS-3834")
@given(st.datetimes(min_value=datetime(1000, 1, 1)), st.integers(4, 14), st.sampled_from(["", "+0100", "-1200"]))  # noqa: DTZ001 - without a zone, as DT may be
def test_every_date_and_time_may_end_after_any_part(moment, length, zone):
    written = moment.replace(tzinfo=UTC).strftime("%Y%m%d%H%M%S")
    length -= length % 2
    assert not forms()["DT"].fault(written[:length] + zone)
    assert not forms()["DA"].fault(written[:8])
    assert not forms()["TM"].fault(written[8:12])
    after = calendar.monthrange(moment.year, moment.month)[1] + 1
    assert forms()["DA"].fault(f"{written[:6]}{after:02}")
    assert forms()["DT"].fault(f"{written[:6]}{after:02}{written[8:]}{zone}")


@given(st.sampled_from(sorted(forms())), st.none() | st.booleans() | st.integers() | st.floats() | TEXT)
def test_no_value_of_any_kind_makes_the_judge_fail(vr, value):
    workitem = created()
    workitem[tag_of("SelectorAttributeName")] = {"vr": vr, "Value": [value]}
    workitem["00411001"] = {"vr": vr, "Value": [value]}
    assert "HARNESS" not in {one.rule for one in check_workitem(workitem, "create", "x")}
