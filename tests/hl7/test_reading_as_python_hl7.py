"""python-hl7 reads the same values as we do, from messages that are whole and from broken ones (HL7-076)."""

import hl7
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectathon.fiction import new_order
from connectathon.ris import build_order
from profiles.hl7 import read

PLACES = ((1, 1, 1), (2, 1, 1), (1, 2, 1), (1, 1, 2), (2, 2, 2), (3, 1, 1))
HEADER = "MSH|^~\\&|RIS|SITE|STEPWELL|AI|20260101||OMI^O23|1|P|2.5.1\r"


def theirs(segment, *place):
    """A leaf as python-hl7 has it: field, repetition, component, subcomponent; what is not divided is its own part."""
    node, (field, *parts) = segment, place
    node = segment[field] if field < len(segment) else ""
    for number in parts:
        if isinstance(node, str):
            node = node if number == 1 else ""
        else:
            node = node[number - 1] if number <= len(node) else ""
    return str(node)


def agree(text):
    ours, other = read(text.encode()).segments, hl7.parse(text)
    assert [str(segment) for segment in ours] == [str(segment) for segment in other]
    for mine, their in zip(ours[1:], list(other)[1:], strict=True):
        for field in range(len(their) + 1):
            assert mine.raw(field) == (str(their[field]) if field < len(their) else "")
            for repetition, component, subcomponent in (
                (1, 1, 1),
                (2, 1, 1),
                (1, 2, 1),
                (1, 1, 2),
                (2, 2, 2),
                (3, 1, 1),
            ):
                expected = theirs(their, field, repetition, component, subcomponent)
                assert mine.get(field, component, subcomponent, repetition) == expected


@pytest.mark.requirement("HL7-076")
@pytest.mark.parametrize("kind", ["OMI^O23", "ORM^O01"])
def test_an_order_is_read_as_python_hl7_reads_it(kind):
    agree(build_order(new_order(), kind).decode())


@pytest.mark.requirement("HL7-076", "HL7-024")
@given(st.lists(st.text("A1|^~&", max_size=20), min_size=1, max_size=4))
def test_any_text_is_divided_as_python_hl7_divides_it(contents):
    agree(HEADER + "".join(f"ZZZ|{content}\r" for content in contents))
