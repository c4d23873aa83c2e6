"""Which keys a search takes: one test per matching requirement of PS3.4 Table CC.2.5-3."""

import copy
from datetime import UTC, datetime

import pytest

from connectathon.workitems import new_workitem
from profiles.dicom import items, put, put_items, tag_of, vr_of
from profiles.errors import BadInput
from profiles.ups.attributes import attribute_rules
from profiles.ups.requirements import requirements
from workitems.matching import ZONE, matches
from workitems.matching_keys import legal_keys, supported_keys, unsupported_keys
from workitems.model import Change, Workitem
from workitems.search import search
from workitems.store import Store, sqlite_url
from workitems.store.columns import SEARCHED

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
RULES = [one for one in requirements().values() if one.kind == "attribute" and one.moment == "C-FIND matching"]
MATCHED = [one for one in RULES if one.rule in ("R", "U", "O") and not one.subject.endswith("*")]
#: Two values of each representation that attributes with a matching requirement have.
VALUES = {
    "AE": ("AE_ONE", "AE_TWO"),
    "CS": ("ONE", "TWO"),
    "DA": ("20260101", "20270101"),
    "DT": ("20260101120000", "20270101120000"),
    "IS": ("1", "2"),
    "PN": ("First^Person", "Second^Person"),
    "TM": ("1000", "1100"),
    "UI": ("1.2.3", "1.2.4"),
    "US": (1, 2),
}
TEXTS = ("one", "two")


def path_of(requirement):
    return requirement.subject.partition("/")[2]


def each(requirements_):
    return [
        pytest.param(path_of(one), id=f"{one.id}-{path_of(one)}", marks=pytest.mark.requirement(one.id))
        for one in requirements_
    ]


def values_of(path):
    return VALUES.get(vr_of(path.rpartition(".")[2]), TEXTS)


def with_value(dataset, path, value):
    """A dataset with a value at a path; sequences get an item before, which has another."""
    head, _, rest = path.partition(".")
    if not rest:
        return put(dataset, head, value)
    inner = copy.deepcopy(items(dataset, head)[0]) if items(dataset, head) else {}
    return put_items(dataset, head, {}, with_value(inner, rest, value))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    made = Store(sqlite_url(tmp_path_factory.mktemp("keys") / "workitems.sqlite"))
    yield made
    made.close()


def stored(store, path, value):
    """The UID of a stored workitem with a value at a path, however its state came about."""
    uid = f"1.2.3.{abs(hash((path, str(value))))}"
    content = put(new_workitem(now=NOW), "SOPInstanceUID", uid)
    content = with_value(content, path, value)
    assert store.apply(Change(Workitem(uid, 1, content["00741000"]["Value"][0], content), 0))
    return uid


ORDINARY = [one for one in MATCHED if path_of(one) not in ("SOPInstanceUID", "ProcedureStepState")]


@pytest.mark.parametrize("path", each([one for one in ORDINARY if vr_of(path_of(one).rpartition(".")[2]) != "SQ"]))
def test_an_attribute_that_can_be_matched_finds_the_workitems_that_have_the_value(store, path):
    first, second = values_of(path)
    uid, other = stored(store, path, first), stored(store, path, second)
    assert path in supported_keys()
    uids = [
        {one["00080018"]["Value"][0] for one in search(store, {path: str(value)}, 10_000).workitems}
        for value in (first, second)
    ]
    assert uid in uids[0] - uids[1]
    assert other in uids[1] - uids[0]


@pytest.mark.parametrize("path", each([one for one in MATCHED if vr_of(path_of(one).rpartition(".")[2]) == "SQ"]))
def test_a_sequence_is_matched_by_what_its_items_hold_and_stands_alone_for_all(path):
    assert unsupported_keys([path]) == ()
    assert legal_keys({path: ""}) == {}
    with pytest.raises(BadInput, match="name an attribute of its items"):
        matches({}, legal_keys({path: "one"}))


@pytest.mark.parametrize("path", ["SOPInstanceUID", "ProcedureStepState"])
@pytest.mark.requirement(*(one.id for one in MATCHED if path_of(one) in ("SOPInstanceUID", "ProcedureStepState")))
def test_identity_and_state_are_matched(path):
    assert path in supported_keys()
    assert matches(put({}, path, "SCHEDULED"), legal_keys({path: "SCHEDULED"}))


def test_supported_is_what_the_table_says_and_the_zone():
    assert supported_keys() == {path_of(one) for one in MATCHED} | {ZONE}
    refused = {".".join(rule.path) for rule in attribute_rules() if rule.find_match == "-"} - supported_keys()
    assert set(unsupported_keys(refused)) == refused
    assert set(SEARCHED.values()) <= supported_keys()


@pytest.mark.parametrize(
    "path",
    [
        "ScheduledProcedureStepPriority",
        "InputReadinessState",
        "ProcedureStepState",
        *(f"ScheduledStationNameCodeSequence.{value}" for value in ("CodeValue", "LongCodeValue", "URNCodeValue")),
    ],
)
def test_keys_of_a_single_value_take_no_wildcards(path):
    for wanted in ("A*", "?"):
        with pytest.raises(BadInput, match=r"single value only, without wildcards \(PS3\.4 Table CC\.2\.5-3"):
            legal_keys({path: wanted})
    assert legal_keys({path: "*"}) == {}  # universal (PS3.4 C.2.2.2.4)


def test_every_tag_in_a_refusal_is_that_of_its_keyword():
    with pytest.raises(BadInput, match=r"\(0074,1200\)"):
        legal_keys({"ScheduledProcedureStepPriority": "H*"})
    assert tag_of("ScheduledProcedureStepPriority") == "00741200"
