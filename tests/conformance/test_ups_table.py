"""The table of UPS rules and the functions that look for breaches fit each other."""

import re
from collections import Counter

from conformance import Severity
from conformance.rules import read_rules
from conformance.ups.book import BOOK
from profiles.tables import read_table
from tests.conformance.ups_cells import CELLS

TABLE = read_table("conformance", "ups_rules")
READ_WITH_THE_FILE = {"UPS-FILE", "UPS-FILE-ONE"}


def test_ids_are_unique():
    assert not [rule for rule, count in Counter(row["rule"] for row in TABLE).items() if count > 1]


def test_every_rule_says_what_it_wants_what_to_do_and_where_it_is_written():
    for row in TABLE:
        assert row["requirement"][0].isupper()
        assert not row["requirement"].endswith(".")
        assert row["fix"].endswith(".")
        assert re.search(r"PS3|RAD AIW-I|ups\.md|aiw-i\.md", row["source"]), row["rule"]


def test_nobody_is_in_error_by_a_rule_whose_source_was_not_seen():
    for row in TABLE:
        assert row["verified"] in {"read", "quoted", "project", "memory"}
        assert row["verified"] in {"read", "quoted"} or row["severity"] != Severity.ERROR or row["rule"] == "UPS-3808"


def test_what_only_vendors_say_of_the_profile_is_never_an_error():
    assert all(row["severity"] != Severity.ERROR for row in TABLE if "RAD AIW-I" in row["source"])


def test_every_rule_is_looked_at():
    assert not BOOK.unlooked
    assert set(BOOK.rules) == set(read_rules("ups_rules")) - READ_WITH_THE_FILE


def test_rules_with_the_id_of_a_requirement_are_about_that_requirement():
    known = {row["id"]: row for row in read_table("profiles.ups", "requirements")}
    for row in TABLE:
        if re.fullmatch(r"UPS-\d+", row["rule"]):
            assert known[row["rule"]]["kind"] in {"encoding", "value", "enumeration"}
            assert row["rule"] in row["source"]


def test_every_type_1_and_2_cell_that_a_dataset_can_break_is_among_the_proofs():
    """No row of the table is passed over, but those whose sequences may not be there at all."""
    proved = {(cell.moment, cell.path) for cell in CELLS}
    for row in read_table("profiles.ups", "ups_attributes"):
        path = row["path"]
        if row["ncreate"].partition("/")[0] in {"1", "2"} and "*" not in path:
            assert ("N-CREATE", path) in proved
        if row["cfind_return"] in {"1", "2"} and "*" not in path:
            assert ("C-FIND return", path) in proved
        if row["final_state"] in {"R", "P", "X"} and "*" not in path:
            assert ("final state", path) in proved
