"""A mended message differs in the places that were named and in nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.errors import BadInput
from profiles.hl7 import read
from profiles.hl7.mending import mend
from profiles.hl7.paths import FieldPath, value_at

OMI = (
    "MSH|^~\\&|RIS|SITE1|AITM|AI|20270104101500+0100||OMI^O23^OMI_O23|R000002|P|2.5.1||||||UNICODE UTF-8\r"
    "PID|||4711^^^SITE1&1.2.826.0.1.99&ISO^PI~99||Muster^Eva^A||19610322|F\r"
    "ORC|NW|P100^EHR|F200^RIS||SC||||20270104101400+0100|||77^Ord^Otto\r"
    "OBR|1|P100^EHR|F200^RIS|MRHEAD^MR head^L\r"
    "IPC|ACC500^RIS|RP600^RIS|1.2.826.0.1.99.1^RIS|SPS1^RIS|MR|PLO^Low dose^LP\r"
)
TEXT = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
PATHS = st.builds(
    FieldPath,
    segment=st.sampled_from(["PID", "ORC", "OBR", "IPC", "ZDS"]),
    field=st.integers(1, 50),
    occurrence=st.just(1),
    repetition=st.integers(0, 3),
    component=st.integers(1, 9),
    subcomponent=st.integers(0, 4),
)


@pytest.mark.requirement("HL7-019")
@given(path=PATHS, value=TEXT)
def test_any_text_stands_where_it_was_put_and_nothing_else_changes(path, value):
    before = read(OMI.encode())
    raw, _ = mend(OMI.encode(), {path: value})
    after = read(raw)
    assert value_at(after, path) == value
    for number in range(1, 51):
        for name in ("MSH", "PID", "ORC", "OBR", "IPC"):
            if (name, number) != (path.segment, path.field):
                assert after.segment(name).raw(number) == before.segment(name).raw(number)


@given(path=PATHS)
def test_a_place_reads_back_as_it_is_written(path):
    assert FieldPath.parse(str(path)) == path


@pytest.mark.parametrize("path", ["PID-3", "OBR[2]-18", "PID-3(2).1", "PID-3.4.2", "MSH-18"])
def test_places_are_written_as_they_are_read(path):
    assert str(FieldPath.parse(path)) == path


@pytest.mark.parametrize(
    "path", ["", "PID", "pid-3", "PID-0", "PID-3.0", "PID[0]-3", "PID-1000", "MSH-1", "PID-3.1.1.1"]
)
def test_what_is_no_place_is_refused(path):
    with pytest.raises(BadInput):
        FieldPath.parse(path)


@pytest.mark.requirement("HL7-016")
def test_a_value_that_the_character_set_lacks_is_refused(orm):
    with pytest.raises(BadInput, match="character set"):
        mend(orm.encode(), {FieldPath.parse("PID-5.1"): "\N{SNOWMAN}"})


@pytest.mark.requirement("HL7-018")
def test_the_separators_of_the_message_are_used(omi):
    other = omi.replace("|", "$").replace("^", "*").replace("MSH$*~\\&", "MSH$*~\\&", 1)
    raw, (change,) = mend(other.encode(), {FieldPath.parse("OBR-18.2"): "a$b*c|d"})
    assert value_at(read(raw), FieldPath.parse("OBR-18.2")) == "a$b*c|d"
    assert (change.before, "|d" in change.after) == ("", True)


def test_a_second_occurrence_is_mended_alone(omi):
    raw, _ = mend(omi.encode(), {FieldPath.parse("IPC[2]-4.1"): "SPS9"})
    assert [segment.get(4) for segment in read(raw).all("IPC")] == ["SPS1", "SPS9"]
    with pytest.raises(BadInput, match="has 2 segments IPC"):
        mend(omi.encode(), {FieldPath.parse("IPC[3]-4.1"): "SPS9"})
