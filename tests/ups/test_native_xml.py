"""The Native DICOM Model (PS3.19 A.1) says the same as the DICOM JSON Model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.dicom.native_xml import MAXIMUM_DEPTH, read_native, write_native
from profiles.errors import BadInput

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=12).filter(
    lambda text: not any(character in "￾￿" for character in text)
)
LINES = st.text(st.sampled_from("aä患\t\n\r <>&\"'"), min_size=1, max_size=12)
NUMBERED = st.integers(-(2**31), 2**31 - 1)
#: Values by VR, each in its plain form.
VALUES = {
    **{vr: TEXTS for vr in ("AE", "AS", "CS", "DA", "DT", "LO", "SH", "TM", "UC", "UI", "UR")},
    **dict.fromkeys(("LT", "ST", "UT"), LINES),
    **dict.fromkeys(("SL", "SS", "UL", "US"), NUMBERED),
    **dict.fromkeys(("IS", "SV", "UV"), NUMBERED | st.just("0012")),
    **dict.fromkeys(("FL", "FD"), st.floats(allow_nan=False, allow_infinity=False) | NUMBERED),
    "DS": NUMBERED | st.floats(allow_nan=False, allow_infinity=False) | st.just("1.50"),
    "AT": st.integers(0, 2**32 - 1).map("{:08X}".format),
    "PN": st.dictionaries(
        st.sampled_from(["Alphabetic", "Ideographic", "Phonetic"]),
        st.lists(st.just("") | TEXTS.filter(lambda text: "^" not in text), min_size=1, max_size=5).map("^".join),
        min_size=1,
    ),
}
TAGS = st.integers(0x00080000, 0x00FFFFFF).map("{:08X}".format)


@st.composite
def elements(draw, items):
    vr = draw(st.sampled_from([*VALUES, "SQ", "OB", "OD", "OF", "OL", "OV", "OW", "UN"]))
    if vr == "SQ":
        values = draw(st.lists(items, max_size=3))
    elif vr in VALUES:
        values = draw(st.lists(st.none() | VALUES[vr], max_size=4))
        while values and values[-1] is None:
            values.pop()
    else:
        binary = draw(st.none() | st.just("AAECAw=="))
        return {"vr": vr, "InlineBinary": binary} if binary else {"vr": vr}
    return {"vr": vr, "Value": values} if values else {"vr": vr}


DATASETS = st.recursive(
    st.just({}),
    lambda items: st.dictionaries(TAGS, elements(items), max_size=4).map(lambda found: dict(sorted(found.items()))),
    max_leaves=6,
)


@given(DATASETS)
@pytest.mark.requirement("AIWI-TM-010")
def test_what_is_written_is_read_again_unchanged(dataset):
    assert read_native(write_native(dataset)) == dataset


def document(inside, head=""):
    return (
        f'{head}<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">{inside}</NativeDicomModel>'
    )


def test_values_have_the_names_and_places_that_the_model_gives_them():
    written = write_native(
        {
            "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}]},
            "00741210": {"vr": "SQ", "Value": [{"0040A30A": {"vr": "DS", "Value": [1.5]}}]},
        }
    ).decode()
    assert '<DicomAttribute tag="00100010" vr="PN" keyword="PatientName"><PersonName number="1">' in written
    assert "<Alphabetic><FamilyName>Yamada</FamilyName><GivenName>Tarou</GivenName></Alphabetic>" in written
    assert '<Item number="1"><DicomAttribute tag="0040A30A" vr="DS" keyword="NumericValue">' in written
    assert '<Value number="1">1.5</Value>' in written


def test_a_value_left_out_of_the_numbers_is_null():
    read = read_native(
        document('<DicomAttribute tag="00081030" vr="LO"><Value number="3">c</Value></DicomAttribute>').encode()
    )
    assert read == {"00081030": {"vr": "LO", "Value": [None, None, "c"]}}


def test_private_attributes_keep_their_creator():
    dataset = {
        "00090010": {"vr": "LO", "Value": ["ACME"]},
        "00091001": {"vr": "LO", "Value": ["x"]},
    }
    written = write_native(dataset)
    assert b'tag="00091001" vr="LO" privateCreator="ACME"' in written
    assert read_native(written) == dataset


def test_a_private_attribute_whose_block_only_its_creator_names_gets_one():
    inside = (
        '<DicomAttribute tag="00090010" vr="LO"><Value number="1">OTHER</Value></DicomAttribute>'
        '<DicomAttribute tag="00090001" vr="LO" privateCreator="ACME"><Value number="1">x</Value></DicomAttribute>'
        '<DicomAttribute tag="00090002" vr="LO" privateCreator="ACME"><Value number="1">y</Value></DicomAttribute>'
    )
    read = read_native(document(inside).encode())
    assert {tag: element["Value"] for tag, element in read.items()} == {
        "00090010": ["OTHER"],
        "00090011": ["ACME"],
        "00091101": ["x"],
        "00091102": ["y"],
    }


def test_a_prefix_for_the_namespace_and_another_encoding_are_understood():
    text = (
        '<?xml version="1.0" encoding="ISO-8859-1"?>'
        '<n:NativeDicomModel xmlns:n="http://dicom.nema.org/PS3.19/models/NativeDICOM">'
        '<n:DicomAttribute tag="00081030" vr="LO"><n:Value number="1">Müller</n:Value></n:DicomAttribute>'
        "</n:NativeDicomModel>"
    )
    assert read_native(text.encode("latin-1")) == {"00081030": {"vr": "LO", "Value": ["Müller"]}}


@pytest.mark.parametrize("text", ["nan", "1_000", "1e999", " 1", "٣", "x"])
def test_a_text_that_is_no_number_stays_text_and_is_not_guessed(text):
    inside = f'<DicomAttribute tag="00081030" vr="FD"><Value number="1">{text}</Value></DicomAttribute>'
    assert read_native(document(inside).encode())["00081030"]["Value"] == [text]


def test_characters_that_xml_cannot_hold_become_spaces():
    read = read_native(write_native({"00400400": {"vr": "LT", "Value": ["page\x0cbreak\x00"]}}))
    assert read["00400400"]["Value"] == ["page break "]


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"", "well-formed"),
        (b"<NativeDicomModel", "well-formed"),
        (b"<html/>", "html as the root"),
        (document("<Item/>").encode(), "Item in NativeDicomModel"),
        (document('<DicomAttribute tag="zz" vr="LO"/>').encode(), "is no tag"),
        (document('<DicomAttribute vr="LO"/>').encode(), "is no tag"),
        (document('<DicomAttribute tag="00081030" vr="LO"/>' * 2).encode(), "twice"),
        (document('<DicomAttribute tag="00081030" vr="LO"><Value number="0"/></DicomAttribute>').encode(), "count"),
        (
            document('<DicomAttribute tag="00081030" vr="LO"><Value number="9999999"/></DicomAttribute>').encode(),
            "count",
        ),
        (document("", '<!DOCTYPE x [<!ENTITY a "b">]>').encode(), "entity"),
        (document("", '<!DOCTYPE x SYSTEM "file:///etc/passwd">').encode(), "document type"),
        (document("&a;").encode(), "well-formed"),
        (b"\xff\xfe\xfd", "XML"),
        (
            document(
                "".join(f'<DicomAttribute tag="00090001" vr="LO" privateCreator="{n}"/>' for n in range(300))
            ).encode(),
            "no block left",
        ),
        (b'<?xml version="1.0" encoding="no-such"?>' + document("").encode(), "XML"),
        (document('<DicomAttribute tag="0040A370" vr="SQ"><Item number="1">' * 50).encode(), f"than {MAXIMUM_DEPTH}"),
    ],
)
def test_what_is_no_native_dicom_model_is_refused_with_the_reason(sent, words):
    with pytest.raises(BadInput, match=r"XML|Native DICOM Model|A.1.5|7.8.1") as refused:
        read_native(sent)
    assert words in refused.value.message
