"""What is taken for a DICOM JSON dataset and what is not (PS3.18 Annex F), whoever sent it."""

import json
from contextlib import suppress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.shared.ups_face.elements import check_dataset
from actors.shared.ups_face.payload import read_dataset, refuse_duplicate_keys
from profiles.errors import BadInput

JSON = "application/dicom+json"

SPACES = st.sampled_from(["", " ", "\n", "\t ", "\r\n"])
KEYS = st.sampled_from(["a", "00100020", 'q"', 'q":', "b\\", '\\":', "é"])
TEXTS = st.sampled_from(["", "x", '":', '"a":1', '\\":', 'k" :', '{"a":1,"a":2}'])


@st.composite
def objects(draw, values):
    """The text of a JSON object, and whether it or one inside has a key twice."""
    pairs, twice, seen = [], False, set()
    for _ in range(draw(st.integers(0, 4))):
        key, (text, inner) = draw(KEYS), draw(values)
        twice = twice or inner or key in seen
        seen.add(key)
        quote = draw(st.sampled_from(['\\"', "\\u0022"]))
        written = "".join(quote if one == '"' else json.dumps(one)[1:-1] for one in key)
        pairs.append(f'{draw(SPACES)}"{written}"{draw(SPACES)}:{draw(SPACES)}{text}{draw(SPACES)}')
    return "{" + ",".join(pairs) + "}", twice


@st.composite
def arrays(draw, values):
    members = draw(st.lists(values, max_size=3))
    return f"[{','.join(text for text, _ in members)}]", any(twice for _, twice in members)


DOCUMENTS = st.recursive(
    TEXTS.map(lambda text: (json.dumps(text), False)), lambda inner: objects(inner) | arrays(inner), max_leaves=8
)


@given(DOCUMENTS)
@pytest.mark.requirement("AIWI-TM-009")
def test_a_key_that_is_twice_is_found_wherever_it_is_and_nothing_else_is(document):
    text, twice = document[0].encode(), document[1]
    if twice:
        with pytest.raises(BadInput, match="there twice"):
            refuse_duplicate_keys(text, orjson.loads(text))
    else:
        refuse_duplicate_keys(text, orjson.loads(text))


def element(vr, *values, tag="00091001"):
    return {tag: {"vr": vr, "Value": list(values)}}


@pytest.mark.parametrize(
    "dataset",
    [
        {},
        element("LO", "x", None, ""),
        element("LT", "two\r\nlines\f"),
        element("UI", "1.2.3"),
        element("IS", 1, "2", ""),
        element("DS", 1.5, 2, "-1e3", " 1.5"),
        element("FD", 1, 1.5),
        element("US", 1),
        element("SV", 2**63 - 1, "9223372036854775807"),
        element("AT", "00100010"),
        element("PN", {"Alphabetic": "A^B", "Phonetic": "x"}),
        element("SQ", {}, {"00100020": {"vr": "LO"}}),
        {"00091001": {"vr": "OB", "InlineBinary": "AAEC"}},
        {"00091001": {"vr": "UN", "InlineBinary": ""}},
        {"00080100": {"vr": "LO", "Value": ["SH by rights"]}},
        {"00280106": {"vr": "SS", "Value": [-1]}},
        {"0040A370": {"vr": "UN"}},
    ],
)
def test_what_annex_f_allows_is_taken(dataset):
    check_dataset(dataset)


@pytest.mark.parametrize(
    "dataset",
    [
        {"0010002": {"vr": "LO"}},
        {"0010002g": {"vr": "LO"}},
        {"0010000a": {"vr": "LO"}},
        {"PatientID": {"vr": "LO"}},
        {"00100020": None},
        {"00100020": {}},
        {"00100020": {"vr": 1}},
        {"00100020": {"vr": "XX"}},
        {"00100020": {"vr": "SQ"}},
        {"00100010": {"vr": "LO", "Value": ["A^B"]}},
        {"0040A370": {"vr": "LO", "Value": ["x"]}},
        {"00100020": {"vr": "LO", "Value": "x"}},
        {"00100020": {"vr": "LO", "Value": {"0": "x"}}},
        {"00100020": {"vr": "LO", "value": ["x"]}},
        {"00100020": {"vr": "LO", "BulkDataURI": "http://x/"}},
        {"00000902": {"vr": "LO"}},
        {"00020010": {"vr": "UI"}},
        element("LO", 1),
        element("LO", ["x"]),
        element("LO", {"a": 1}),
        element("LO", "x\x00"),
        element("UI", "1.2.x"),
        element("UI", "1..2"),
        element("UI", "1" * 65),
        element("IS", "one"),
        element("IS", 1.5),
        element("IS", "1" * 100_000),
        element("DS", "1" * 100_000 + "x"),
        element("DS", True),
        element("FD", "1.5"),
        element("US", 1.5),
        element("US", True),
        element("AT", 1048592),
        element("AT", "0010"),
        element("PN", "A^B"),
        element("PN", {"Alphabetisch": "A^B"}),
        element("PN", {"Alphabetic": 1}),
        element("PN", {"Alphabetic": "A\x00"}),
        element("SQ", None),
        element("SQ", "x"),
        element("SQ", {"0010002": {"vr": "LO"}}),
        element("OB", "AAEC"),
        {"00091001": {"vr": "LO", "InlineBinary": "AAEC"}},
        {"00091001": {"vr": "OB", "InlineBinary": "A A"}},
        {"00091001": {"vr": "OB", "InlineBinary": 1}},
        {"00091001": {"vr": "OB", "InlineBinary": "", "Value": []}},
    ],
)
@pytest.mark.requirement("AIWI-TM-009")
def test_what_annex_f_does_not_allow_is_refused(dataset):
    with pytest.raises(BadInput, match=r"PS3\.(18 F\.2|18 11|5 6\.2|6 says)"):
        check_dataset(dataset)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"0040A370":{"vr":"SQ","Value":['])
@pytest.mark.parametrize("depth", [20, 200, 900, 100_000])
@pytest.mark.requirement("AIWI-TM-009")
def test_what_is_nested_too_deeply_is_refused(opening, depth):
    ends = {b"[": b"]", b"{": b"}"}
    closing = b"".join(ends[bytes([one])] for one in reversed(opening) if bytes([one]) in ends)
    with pytest.raises(BadInput):
        read_dataset(b"[" + opening * depth + b"{}" + closing * depth + b"]", JSON, lambda _dialect: None)


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
@pytest.mark.requirement("AIWI-TM-009")
def test_no_bytes_whatever_are_more_than_bad_input(body):
    for kind in (JSON, "application/dicom+xml", "multipart/related; boundary=b"):
        with pytest.raises(BadInput):
            read_dataset(body, kind, lambda _dialect: None)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["vr", "Value", "InlineBinary", "00100010", "0040A370", "00741000"]), inner, max_size=4
        )
    ),
)


@given(st.dictionaries(st.sampled_from(["00100010", "0040A370", "00741000", "00091001", "x"]), JSON_VALUES))
@pytest.mark.requirement("AIWI-TM-009")
def test_any_json_is_a_dataset_or_bad_input(document):
    with suppress(BadInput):
        check_dataset(document)
