"""The table of rules and the functions that look for breaches fit each other."""

import re
from collections import Counter

import pytest

from conformance import Severity
from conformance.air.header import HEADER
from conformance.air.report import REPORT
from conformance.air.segmentation import SEGMENTATION
from conformance.air.sets import SET
from conformance.rules import Rulebook, read_rules
from profiles.tables import read_table

BOOKS = (HEADER, REPORT, SEGMENTATION, SET)


def test_ids_are_unique_and_are_those_of_the_digest():
    ids = [row["rule"] for row in read_table("conformance", "air_rules")]
    assert not [one for one, count in Counter(ids).items() if count > 1]
    assert all(re.fullmatch(r"AIR-\d{3}(-[A-Z]+)?", one) for one in ids)


def test_every_rule_says_what_it_wants_what_to_do_and_where_it_is_written():
    for rule in read_rules("air_rules").values():
        assert rule.requirement
        assert rule.fix.endswith(".")
        assert f"air.md {rule.rule[:7]}" in rule.source


def test_every_rule_is_looked_at_by_one_function():
    assert not [book.unlooked for book in BOOKS if book.unlooked]
    looked = Counter(rule_id for book in BOOKS for rule_id in book.rules)
    assert looked == Counter(set(read_rules("air_rules")) - {"AIR-001"})  # AIR-001 is looked at while reading


def test_a_function_for_a_rule_that_is_not_in_the_table_is_refused():
    with pytest.raises(KeyError, match="AIR-999"):
        Rulebook("air_rules", ["any"]).rule("AIR-999")


def test_a_finding_says_all_that_the_rule_says():
    found = read_rules("air_rules")["AIR-032"].broken("sr.dcm", "CompletionFlag", "is DONE")
    assert (found.file, found.rule, found.severity) == ("sr.dcm", "AIR-032", Severity.ERROR)
    assert (found.path, found.message) == ("CompletionFlag", "is DONE")
    assert "Completion Flag" in found.fix
    assert "PS3.3" in found.source
