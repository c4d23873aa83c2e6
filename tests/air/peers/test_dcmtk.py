"""DCMTK of the system reads every attribute, and every content item with the value that we wrote."""

import json
import math
import re

import pydicom
import pytest
from pydicom import Dataset

from tests.air.peers.catalogue import CASES
from tests.air.peers.conftest import run

pytestmark = pytest.mark.tier2

#: DCMTK 3.6.7 does not know the class of label maps, and refuses a segment number beside it.
UNREADABLE = {"label-map"}
ITEM = re.compile(r'( *)<(?:([a-z ]+) )?([A-Z0-9]+):\((\w[^,]*),(\w+),"([^"]*)"\)=(.*)>')


def text(value):
    return '"' + value.replace("\n", "\\n") + '"'


def coded(found):
    return f'({found.CodeValue},{found.CodingSchemeDesignator},"{found.CodeMeaning}")'


def number(item):
    (value,) = item.MeasuredValueSequence
    return f'"{value.NumericValue.original_string}" {coded(value.MeasurementUnitsCodeSequence[0])}'


def graphic(item, size):
    data = [f"{float(part):g}" for part in item.GraphicData]
    points = ["/".join(data[at : at + size]) for at in range(0, len(data), size)]
    return ",".join([item.GraphicType, *([""] if size == 3 else []), *points])


#: How dsrdump shows the value of a content item; other kinds refer to objects, attribute by attribute.
SHOWN = {
    "TEXT": lambda item: text(item.TextValue),
    "PNAME": lambda item: text(str(item.PersonName)),
    "UIDREF": lambda item: text(item.UID),
    "CODE": lambda item: coded(item.ConceptCodeSequence[0]),
    "NUM": number,
    "SCOORD": lambda item: f"({graphic(item, 2)})",
    "SCOORD3D": lambda item: f"({graphic(item, 3)})",
}


def written_items(item, depth=0):
    """Depth, relationship, kind, name and value of a content item and all below it."""
    (name,) = item.ConceptNameCodeSequence
    names = (name.CodeValue, name.CodingSchemeDesignator, name.CodeMeaning)
    yield (
        depth,
        item.get("RelationshipType", "").lower(),
        item.ValueType,
        *names,
        SHOWN.get(item.ValueType, lambda _: None)(item),
    )
    for child in item.get("ContentSequence", []):
        yield from written_items(child, depth + 1)


def read_items(said):
    for line in said.splitlines():
        found = ITEM.fullmatch(line)
        if found:
            indent, relationship, kind, *names, value = found.groups()
            yield len(indent) // 2, relationship or "", kind, *names, value


@pytest.mark.requirement("AIR-045", "AIR-047", "AIR-050")
@pytest.mark.parametrize("name", sorted(CASES.keys() - UNREADABLE))
def test_every_content_item_is_read_with_its_value(written, name):
    for path in [*written[name].of("SR"), *written[name].of("KO")]:
        status, said = run("dsrdump", "-q", "+Pc", "+Pl", path)
        assert status == 0, said
        for theirs, ours in zip(read_items(said), written_items(pydicom.dcmread(path)), strict=True):
            assert theirs[:-1] == ours[:-1]
            assert ours[-1] in {None, theirs[-1]}


def differences(theirs, ours, path=""):
    """Where two datasets differ; DCMTK prints 16 digits of a double, one too few for some."""
    for tag in sorted({*theirs.keys(), *ours.keys()}):
        one, other = theirs.get(tag), ours.get(tag)
        if one is None or other is None:
            yield f"{path}{tag}"
        elif one.VR == other.VR == "SQ" and len(one.value) == len(other.value):
            for place, (row, our_row) in enumerate(zip(one.value, other.value, strict=True)):
                yield from differences(row, our_row, f"{path}{other.keyword}[{place}]/")
        elif one != other and not (one.VR == other.VR == "FD" and math.isclose(one.value, other.value, rel_tol=1e-15)):
            yield f"{path}{other.keyword}: {one.value!r} for {other.value!r}"


@pytest.mark.parametrize("name", CASES)
def test_every_attribute_is_read_with_its_value(written, name):
    for path in written[name].paths:
        status, said = run("dcm2json", path)
        assert status == 0, said
        assert list(differences(Dataset.from_json(json.loads(said)), pydicom.dcmread(path))) == []


@pytest.mark.parametrize("name", CASES)
def test_every_file_is_parsed_without_a_remark(written, name):
    for path in written[name].paths:
        status, said = run("dcmdump", "--print-all", path)
        assert status == 0
        assert [line for line in said.splitlines() if line.startswith(("W:", "E:"))] == []
