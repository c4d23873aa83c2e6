"""The tables of rules agree with each other, with the data dictionary, and leave no cell unexplained."""

from pydicom.datadict import tag_for_keyword

from profiles.tables import read_table
from profiles.ups import requirements
from profiles.ups.attributes import Moment, attribute_rules, rules_within
from profiles.ups.validation.conditions import conditions, conditions_among
from profiles.ups.validation.values import representations

#: PS3.5 Table 6.2-1.
VRS = "AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV"


def test_every_keyword_of_every_table_is_one_of_the_data_dictionary():
    keywords = {rule.keyword for rule in attribute_rules()}
    asked = {keyword for one in conditions() for keyword in one.keywords}
    listed = {row["keyword"] for name in ("enumerated", "vr_differences") for row in read_table("profiles.ups", name)}
    assert asked <= keywords
    assert all(tag_for_keyword(keyword) for keyword in keywords | listed)


def test_every_value_representation_has_one_row_with_its_requirement():
    assert [row["vr"] for row in read_table("profiles.ups", "values")] == VRS.split()
    for row in read_table("profiles.ups", "values"):
        assert requirements()[row["id"]].subject == row["vr"]
        assert row["id"] in representations()[row["vr"]].source


def test_every_list_of_terms_has_its_requirement():
    for row in read_table("profiles.ups", "enumerated"):
        requirement = requirements()[row["id"]]
        assert (requirement.kind, requirement.subject) == ("enumeration", row["keyword"])
        assert [one.replace("(empty)", "") for one in requirement.rule.split(" | ")] == row["values"].split("|")


def test_every_conditional_cell_is_decided_by_a_condition_or_said_to_be_undecided():
    for within, rules in rules_within().items():
        held = {keyword for one in conditions_among([rule.keyword for rule in rules]) for keyword in one.keywords}
        conditional = {
            rule.keyword
            for rule in rules
            for moment in (Moment.CREATION, Moment.UPDATE)
            if rule.cell(moment).scu.endswith("C") or rule.final == "RC"
        }
        assert conditional <= held, within


def test_every_condition_holds_somewhere_and_cites_its_section():
    for one in conditions():
        levels = [
            rules for rules in rules_within().values() if one in conditions_among([rule.keyword for rule in rules])
        ]
        assert levels
        assert one.source.startswith("PS3.")
        assert one.remedy


def test_an_attribute_is_at_one_place_of_the_table_only():
    paths = [rule.path for rule in attribute_rules()]
    assert len(paths) == len(set(paths))
