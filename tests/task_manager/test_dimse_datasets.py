"""Datasets of DIMSE messages and the DICOM JSON Model: the same both ways, in any character set, or refused."""

import struct
from contextlib import suppress
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pynetdicom.dsutils import decode, encode

from actors.shared.ups_dimse.dataset import MAXIMUM_DEPTH, parse, to_dataset, to_json
from connectathon.workitems import new_workitem, performed
from profiles.dicom import get_all, put, put_items
from profiles.errors import BadInput
from tests.contract.dimse import now

PLAIN = st.text("abcXYZ09-.+äöüßåŁжЯ山田太郎やまだ홍", min_size=1, max_size=20)
NUMBERS = st.integers(-(10**11), 10**11) | st.floats(-1e6, 1e6).map(lambda value: round(value, 3))
VALUES = {
    "ProcedureStepLabel": PLAIN,
    "CommentsOnTheScheduledProcedureStep": PLAIN,
    "PatientName": st.fixed_dictionaries({"Alphabetic": PLAIN}, optional={"Ideographic": PLAIN, "Phonetic": PLAIN}),
    "ScheduledProcedureStepStartDateTime": st.just("20261125093000.000000+0000"),
    "StudyInstanceUID": st.just("2.25.1"),
    "ProcedureStepProgress": NUMBERS,
    "ReferencedFrameNumber": st.integers(0, 2**31 - 1),
    "ReferencedSegmentNumber": st.integers(0, 2**16 - 1),
    "FrameIncrementPointer": st.sampled_from(["00181063", "30040000"]),
    "FloatingPointValue": st.floats(allow_nan=False, allow_infinity=False),
}


@st.composite
def datasets(draw, depth=2):
    found = {}
    for keyword in draw(st.sets(st.sampled_from(sorted(VALUES)))):
        put(found, keyword, *draw(st.lists(VALUES[keyword], max_size=1)))
    if depth and draw(st.booleans()):
        put_items(found, "ReferencedRequestSequence", *draw(st.lists(datasets(depth - 1), max_size=2)))
    return dict(sorted(found.items()))


def sent(content, implicit):
    return BytesIO(encode(to_dataset(content), implicit, True))


@settings(max_examples=60, deadline=None)
@given(content=datasets(), implicit=st.booleans())
@pytest.mark.requirement("AIWI-TM-011", "AIWI-TM-075")
def test_what_is_sent_is_what_is_read_in_both_syntaxes(content, implicit):
    back = parse(sent(content, implicit), implicit=implicit)
    charset = back.pop("00080005", None)
    assert back == content
    assert (charset is not None) == (not is_ascii(content))


def is_ascii(value):
    if isinstance(value, dict):
        return all(map(is_ascii, value.values()))
    if isinstance(value, list):
        return all(map(is_ascii, value))
    return not isinstance(value, str) or value.isascii()


@pytest.mark.parametrize("implicit", [True, False])
def test_a_whole_workitem_stays_as_it_is(implicit):
    content = dict(sorted({**new_workitem(now=now()), **performed(now())}.items()))
    assert parse(sent(content, implicit), implicit=implicit) == content
    assert to_json(decode(sent(content, implicit), implicit, True)) == content


@pytest.mark.parametrize(
    ("terms", "name", "groups"),
    [
        ("ISO_IR 100", "Müller^Jörg", {"Alphabetic": "Müller^Jörg"}),
        ("ISO_IR 144", "Иванов^Пётр", {"Alphabetic": "Иванов^Пётр"}),
        ("ISO_IR 192", "Wang^XiaoDong=王^小东", {"Alphabetic": "Wang^XiaoDong", "Ideographic": "王^小东"}),
        ("GB18030", "Wang^XiaoDong=王^小东", {"Alphabetic": "Wang^XiaoDong", "Ideographic": "王^小东"}),
        (
            ["", "ISO 2022 IR 87"],
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
            {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"},
        ),
        (
            ["ISO 2022 IR 13", "ISO 2022 IR 87"],
            "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎",
            {"Alphabetic": "ﾔﾏﾀﾞ^ﾀﾛｳ", "Ideographic": "山田^太郎"},
        ),
        (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동", None),
    ],
)
@pytest.mark.requirement("AIWI-TM-011")
def test_names_in_every_character_set_become_the_same_unicode(terms, name, groups):
    dataset = Dataset()
    dataset.SpecificCharacterSet = terms
    dataset.PatientName = name
    item = Dataset()
    item.RequestedProcedureDescription = name.partition("=")[0]
    dataset.ReferencedRequestSequence = [item]
    encoded = BytesIO(encode(dataset, False, True))
    found = parse(encoded, implicit=False)
    expected = groups or dict(zip(("Alphabetic", "Ideographic", "Phonetic"), name.split("="), strict=True))
    assert get_all(found, "PatientName") == [expected]
    assert get_all(get_all(found, "ReferencedRequestSequence")[0], "RequestedProcedureDescription") == [
        name.partition("=")[0]
    ]
    assert get_all(found, "SpecificCharacterSet") == ["ISO_IR 192"]


def element(tag, value):
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, len(value)) + value


@pytest.mark.parametrize(
    ("encoded", "name"),
    [
        (element(0x00100010, b"M\xfcller"), "PatientName"),
        (element(0x00080005, b"ISO_IR 192") + element(0x00100010, b"M\xfcller"), "PatientName"),
        (element(0x00080018, b"1.2.x "), "SOPInstanceUID"),
        (element(0x00741004, b"half"), "ProcedureStepProgress"),
        (element(0x00741004, b"inf "), "ProcedureStepProgress"),
        (element(0x00620006 - 2, b"\x01"), "SegmentNumber"),
        (element(0x00100010, b"Miller")[:-2], "PatientName"),
        (b"\xff" * 40, "dataset"),
        (element(0x0040A370, b"\x01\x02\x03\x04\x05\x06"), "dataset"),
    ],
)
def test_what_cannot_be_decoded_is_refused_and_its_value_not_told(encoded, name):
    with pytest.raises(BadInput) as refused:
        parse(BytesIO(encoded), implicit=True)
    assert name in refused.value.message
    assert "ller" not in refused.value.message


def test_a_character_set_that_is_unknown_is_refused_with_what_it_would_decode():
    with pytest.raises(BadInput):
        parse(BytesIO(element(0x00080005, b"ISO_IR 999") + element(0x00100010, b"Miller")), implicit=True)


@settings(deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_a_dataset_or_a_refusal(encoded, implicit):
    with suppress(BadInput):
        assert isinstance(parse(BytesIO(encoded), implicit=implicit), dict)


def test_sequences_have_a_depth_beyond_which_they_are_refused():
    inner = {}
    for _ in range(MAXIMUM_DEPTH + 1):
        inner = put_items({}, "ReferencedRequestSequence", inner)
    with pytest.raises(BadInput, match="nested deeper"):
        parse(sent(inner, False), implicit=False)


@pytest.mark.parametrize("implicit", [True, False])
def test_private_attributes_come_back_as_bytes(implicit):
    content = {"00090010": {"vr": "LO", "Value": ["SITE"]}, "00091001": {"vr": "UN", "InlineBinary": "AQIDBA=="}}
    assert parse(sent(content, implicit), implicit=implicit) == content


def test_what_dicom_cannot_encode_is_left_out_and_named():
    content = new_workitem(now=now())
    content["00280010"] = {"vr": "US", "Value": ["wide"]}
    content["00280011"] = {"vr": "US", "Value": [70_000]}
    content["00000002"] = {"vr": "UI", "Value": ["1.2"]}
    left_out = []
    dataset = to_dataset(content, told=left_out.append)
    assert left_out == ["00280010", "00280011"]
    assert "PatientName" in dataset
    assert encode(dataset, True, True)
