"""The table of HL7 rules and the functions that look for breaches fit each other."""

import re
from collections import Counter

import pytest

from conformance.hl7.answer import ACKNOWLEDGEMENT, EXCHANGE
from conformance.hl7.checking import FILE
from conformance.hl7.header import HEADER
from conformance.hl7.order import BY_IHE, ORDER
from conformance.hl7.patient import ADT, PATIENT
from conformance.hl7.result import IMAGING, RESULT
from conformance.hl7.standard import VERSIONS, edition
from conformance.rules import read_rules
from profiles.tables import read_table

BOOKS = (HEADER, PATIENT, BY_IHE, ORDER, ADT, RESULT, IMAGING, ACKNOWLEDGEMENT, EXCHANGE, FILE)
ROWS = read_table("conformance", "hl7_rules")


def test_ids_are_unique_and_name_a_row_or_a_section_of_the_digest():
    ids = [row["rule"] for row in ROWS]
    assert not [one for one, count in Counter(ids).items() if count > 1]
    assert all(re.fullmatch(r"HL7-(\d{3}|S\d+-[A-Z]+)(-[A-Z]+)*", one) for one in ids)


@pytest.mark.parametrize("row", ROWS, ids=[row["rule"] for row in ROWS])
def test_every_rule_says_what_it_wants_what_to_do_and_how_far_its_source_was_verified(row):
    assert row["requirement"]
    assert row["fix"].endswith(".")
    assert "orders.md" in row["source"]
    assert row["verified"] in {"read", "quoted", "memory", "project"}


def test_only_rules_whose_source_was_verified_are_errors():
    assert {row["verified"] for row in ROWS if row["severity"] == "error"} <= {"read", "quoted"}


def test_every_rule_is_looked_at_by_one_function():
    assert not [book.unlooked for book in BOOKS if book.unlooked]
    looked = Counter(rule for book in BOOKS for rule in book.rules)
    framing = {row["rule"] for row in ROWS if row["applies"] == "frame"}  # looked at while the message is read
    assert looked == Counter(set(read_rules("hl7_rules")) - framing)


def test_fields_and_codes_of_the_tables_exist_in_hl7():
    known = [edition(version) for version in ("2.3.1", "2.5.1")]
    for row in [*read_table("conformance", "hl7_fields"), *read_table("conformance", "hl7_codes")]:
        assert row["segment"] == "ZDS" or any(one.knows(row["segment"]) for one in known), row
    for row in read_table("conformance", "hl7_codes"):
        assert edition("2.5.1").codes(row["table"]), row


def test_structures_of_the_table_are_those_of_hl7():
    for row in read_table("conformance", "hl7_messages"):
        assert edition("2.5.1").structure(row["structure"]), row
        assert not row["before_2_4"] or edition("2.3.1").structure(row["before_2_4"]), row


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_of_hl7_can_be_judged_by(version):
    assert edition(version).required("MSH") >= (1, 2)
    assert edition(version).structure("ACK")
