"""The table of AIR rules and the functions that look for breaches fit each other."""

import re
from collections import Counter

import pytest

from conformance import Severity
from conformance.air.books import OBJECT, SET
from conformance.finding import Finding
from conformance.rules import Rulebook, read_rules
from profiles.tables import read_table

#: Looked at while reading files, not by a function of the books.
READING = {"AIR-001"}
#: Of the digest's rules, those that no object shows.
NOT_OF_OBJECTS = {"AIR-215"}


def test_ids_are_unique_and_are_those_of_the_digest():
    ids = [row["rule"] for row in read_table("conformance", "air_rules")]
    assert not [one for one, count in Counter(ids).items() if count > 1]
    assert all(re.fullmatch(r"AIR-\d{3}(-[A-Z]+)?", one) for one in ids)
    assert not {one[:7] for one in ids} & NOT_OF_OBJECTS


def test_every_rule_says_what_it_wants_what_to_do_and_where_it_is_written():
    for rule in read_rules("air_rules").values():
        assert rule.requirement
        assert rule.fix.endswith(".")
        assert f"air.md {rule.rule[:7]}" in rule.source


def test_only_a_rule_whose_source_was_read_or_quoted_is_an_error():
    for rule in read_rules("air_rules").values():
        assert rule.verified in {"read", "quoted", "seen", "memory", "project"}, rule.rule
        assert rule.severity is not Severity.ERROR or rule.verified in {"read", "quoted"}, rule.rule


def test_every_rule_is_looked_at_by_one_function():
    assert not OBJECT.unlooked | SET.unlooked
    looked = Counter([*OBJECT.rules, *SET.rules])
    assert looked == Counter(set(read_rules("air_rules")) - READING)


def test_a_function_for_a_rule_that_is_not_in_the_table_is_refused():
    with pytest.raises(KeyError, match="AIR-999"):
        Rulebook("air_rules", ["any"]).rule("AIR-999")


def test_a_finding_says_all_that_the_rule_says():
    found = read_rules("air_rules")["AIR-032"].broken("sr.dcm", "CompletionFlag", "is DONE")
    assert (found.file, found.rule, found.severity) == ("sr.dcm", "AIR-032", Severity.ERROR)
    assert (found.path, found.message) == ("CompletionFlag", "is DONE")
    assert "Completion Flag" in found.fix
    assert found.source == "PS3.3 C.17.2; air.md AIR-032 (read)"


def test_a_rule_that_fails_is_told_and_stops_no_other():
    book = Rulebook("air_rules", ["kos"])
    for rule in book.rules:
        book.rule(rule)(lambda subject: subject.nothing_of_that_name)
    told = list(book.look(object(), "ko.dcm", ["kos"]))
    assert len(told) == len(book.rules)
    assert {one.rule for one in told} == {"HARNESS"}
    assert {one.severity for one in told} == {Severity.INFO}
    assert isinstance(told[0], Finding)
    assert all(rule in one.message for rule, one in zip(book.rules, told, strict=True))
