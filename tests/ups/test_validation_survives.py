"""Whatever is sent, validation answers with findings: it never raises, and it never repeats what it read."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectathon.full_workitems import full_workitem
from profiles.dicom import tag_of
from profiles.ups import State, declare_character_set, validate_create, validate_final, validate_update, with_type_2
from profiles.ups.attributes import Moment, attribute_rules
from profiles.ups.validation.tree import level_of

TAGS = sorted({rule.tag for rule in attribute_rules()})
MARK = "GEHEIM"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=4) | st.sampled_from(["vr", "Value", "Alphabetic", *TAGS[:9]]), inner, max_size=3
        )
    ),
    max_leaves=12,
)
vrs = st.sampled_from(["SQ", "PN", "CS", "DT", "DA", "UI", "LO", "DS", "US", "UN", "OB", "zz", ""]) | json_values
elements = st.recursive(
    json_values | st.fixed_dictionaries({"vr": vrs}, optional={"Value": json_values, "InlineBinary": json_values}),
    lambda inner: st.fixed_dictionaries(
        {"vr": st.just("SQ"), "Value": st.lists(st.dictionaries(st.sampled_from(TAGS), inner, max_size=3), max_size=2)}
    ),
    max_leaves=6,
)
datasets = st.dictionaries(st.sampled_from(TAGS) | st.text(max_size=8), elements, max_size=6)


def examine(dataset):
    """All that is asked of a dataset."""
    findings = [*validate_create(dataset), *validate_update(dataset)]
    for state in (State.COMPLETED, State.CANCELED):
        findings += validate_final(dataset, state)
    return findings


@given(datasets)
@pytest.mark.requirement("AIWI-TM-009", "UPS-3802", "UPS-3803", "UPS-3804")
def test_no_dataset_however_odd_makes_the_rules_fall_over(dataset):
    before = copy.deepcopy(dataset)
    findings = examine(dataset)
    assert repr(dataset) == repr(before), "looking changes nothing"
    assert all(finding.message and finding.rule and finding.remedy for finding in findings)
    with_type_2(dataset)
    declare_character_set(dataset)


@given(st.data())
def test_no_element_however_odd_makes_the_rules_fall_over_in_a_good_workitem(data):
    workitem = full_workitem()
    place = workitem
    for _ in range(data.draw(st.integers(0, 3))):
        sequences = sorted(tag for tag, element in place.items() if element["vr"] == "SQ" and element.get("Value"))
        if not sequences:
            break
        place = place[data.draw(st.sampled_from(sequences))]["Value"][0]
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(elements)
    examine(workitem)


@pytest.mark.parametrize("depth", [17, 5000])
@pytest.mark.requirement("UPS-3808")
def test_sequences_nested_without_end_are_refused(depth):
    dataset = {}
    for _ in range(depth):
        dataset = {"00091001": {"vr": "SQ", "Value": [dataset]}}
    assert any("nested deeper" in finding.message for finding in validate_create(dataset))
    declare_character_set(dataset)


def test_sequences_nested_sixteen_deep_are_looked_into():
    dataset = {"00741204": {"vr": "SH"}}
    for _ in range(16):
        dataset = {"00091001": {"vr": "SQ", "Value": [dataset]}}
    (finding,) = validate_update(dataset)
    assert finding.path == "00091001[1]." * 16 + "ProcedureStepLabel"


@pytest.mark.parametrize(
    ("element", "words"),
    [
        (None, "no object"),
        ([], "no object"),
        ("words", "no object"),
        ({}, "has no vr"),
        ({"vr": "LO", "Value": "words"}, "no array"),
        ({"vr": "LO", "Value": {}}, "no array"),
        ({"vr": "LO", "Value": 0}, "no array"),
    ],
)
@pytest.mark.requirement("UPS-3803")
def test_an_element_that_is_none_is_named(element, words):
    (finding,) = validate_update({"00741204": element})
    assert finding.path == "ProcedureStepLabel"
    assert words in finding.message
    assert words.replace("has no vr", "no object") in validate_update({"00091001": element})[0].message


@pytest.mark.requirement("UPS-3804")
def test_an_item_that_is_none_is_named_with_its_number():
    (finding,) = validate_update({"00404021": {"vr": "SQ", "Value": [None]}})
    assert finding.path == "InputInformationSequence[1]"


@pytest.mark.requirement("UPS-3802")
@pytest.mark.parametrize("tag", ["", "7412", "0074120g", "0010001a", "00101010 ", "٠٠٧٤١٢٠٤", "ProcedureStepLabel"])
def test_a_name_that_is_no_tag_is_refused_and_not_repeated(tag):
    (finding,) = validate_update({"00741204": {"vr": "LO", "Value": ["words"]}, tag: {"vr": "LO"}})
    assert finding.path == "(element 2)"


def every_value(dataset):
    """Each element of a dataset and of its items."""
    for element in dataset.values():
        yield element
        for value in element.get("Value", ()):
            if element["vr"] == "SQ":
                yield from every_value(value)


@pytest.mark.parametrize(
    "spoil",
    [
        f"{MARK}\x00",
        f"{MARK}=\\",
        MARK.lower() * 2000,
        f"{MARK}^a^b^c^d^e^f",
        f"{MARK}ä",
        MARK * 3,
        f"a{MARK}",
    ],
    ids=range(7),
)
def test_no_value_is_repeated_whatever_is_wrong_with_it(spoil):
    for number, _ in enumerate(every_value(full_workitem())):
        workitem = full_workitem()
        element = list(every_value(workitem))[number]
        if element["vr"] != "SQ":
            element["Value"] = [{"Alphabetic": spoil} if element["vr"] == "PN" else spoil]
        said = "\n".join(f"{finding} {finding.rule}" for finding in examine(workitem))
        assert MARK not in said.upper()


def test_a_transaction_uid_is_repeated_by_no_finding():
    workitem = full_workitem()
    workitem[tag_of("TransactionUID")] = {"vr": "UI", "Value": ["1.2.34567.8.9"]}
    assert "34567" not in json.dumps([str(finding) for finding in examine(workitem)])


@given(st.sets(st.sampled_from(sorted(level_of(Moment.CREATION).needed))))
def test_what_the_server_supplies_in_a_lenient_service_is_all_that_may_be_empty(missing):
    workitem = full_workitem()
    for tag in missing:
        del workitem[tag]
    with_type_2(workitem)
    kinds = level_of(Moment.CREATION).attributes
    assert {tag_of(finding.path) for finding in validate_create(workitem)} == {
        tag for tag in missing if kinds[tag].kind == "1"
    }
    assert list(workitem) == sorted(workitem)


def test_what_the_server_supplies_is_supplied_in_items_too_and_once():
    workitem = full_workitem()
    request = workitem["0040A370"]["Value"][0]
    del request[tag_of("OrderFillerIdentifierSequence")]
    del workitem["00100024"]["Value"][0][tag_of("IdentifierTypeCode")]
    assert with_type_2(workitem)
    assert request[tag_of("OrderFillerIdentifierSequence")] == {"vr": "SQ"}
    assert list(request) == sorted(request)
    assert validate_create(workitem) == []
    assert not with_type_2(workitem)


def test_the_server_declares_unicode_where_text_needs_it_and_nothing_is_declared():
    workitem = {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "A", "Ideographic": "山田"}]}}
    assert declare_character_set(workitem)
    assert workitem["00080005"] == {"vr": "CS", "Value": ["ISO_IR 192"]}
    assert not declare_character_set(workitem)
    assert not declare_character_set({"00741204": {"vr": "LO", "Value": ["plain"]}})
