"""The table of rules, the functions that look for breaches, and the list of what proves them fit each other."""

import re
from collections import Counter

from conformance import Severity
from conformance.rules import read_rules
from conformance.sole.content import DOCUMENT
from conformance.sole.frames import FRAMES
from conformance.sole.header import HEADER
from conformance.sole.objects import OBJECTS
from conformance.sole.stream import STREAM
from conformance.sole.structure import misfits
from profiles.tables import read_table
from tests.conformance import test_sole_message_rules, test_sole_stream_rules

BOOKS = (HEADER, DOCUMENT, OBJECTS, FRAMES, STREAM)
DEFECTS = [*test_sole_message_rules.MESSAGE.rows, *test_sole_stream_rules.STREAM.rows]


def table():
    return read_table("conformance", "sole_rules")


def test_ids_are_unique_and_are_those_of_the_digest():
    ids = [row["rule"] for row in table()]
    assert not [one for one, count in Counter(ids).items() if count > 1]
    assert all(re.fullmatch(r"SOLE-\d{3}(-[A-Z]+)?", one) for one in ids)


def test_every_rule_says_what_it_wants_what_to_do_and_where_it_is_written():
    for rule in read_rules("sole_rules").values():
        assert rule.requirement
        assert rule.fix.endswith(".")
        assert re.search(rf"sole\.md .*{rule.rule[:8]}", rule.source), rule.rule


def test_nobody_is_in_error_by_a_rule_whose_source_was_not_seen():
    for row in table():
        assert row["verified"] in {"read", "quoted", "project"}
        assert row["verified"] != "project" or row["severity"] == Severity.WARNING, row["rule"]


def test_every_rule_is_looked_at_by_one_function():
    assert not [book.unlooked for book in BOOKS if book.unlooked]
    looked = Counter(rule_id for book in BOOKS for rule_id in book.rules)
    assert looked == Counter(set(read_rules("sole_rules")) - {"SOLE-009"})  # looked at while reading


def test_the_tables_of_the_structure_name_rules_of_the_structure():
    named = {row["rule"] for name in ("sole_elements", "sole_attributes") for row in read_table("conformance", name)}
    assert named <= {row["rule"] for row in table() if row["applies"] == "structure"}
    assert callable(misfits)


def test_codes_of_the_tables_are_codes_of_the_catalogue():
    known = {row["code"] for row in read_table("profiles.sole", "sole_events")}
    for row in read_table("conformance", "sole_ai_events"):
        assert {row["code"], row["behind"]} - {""} <= known


def test_the_list_of_what_proves_each_rule_is_what_the_tests_run():
    """Each defect is run by the tests of messages and of streams, and breaks exactly its rule."""
    listed = [(row["rule"], row["defect"]) for row in read_table("conformance", "proved_sole")]
    assert listed == [(rule, defect.__name__) for rule, defect in sorted(DEFECTS, key=lambda row: row[0])]
    assert {row["kind"] for row in read_table("conformance", "proved_sole")} == {"mutation"}
    assert {rule for rule, _ in listed} == set(read_rules("sole_rules"))
