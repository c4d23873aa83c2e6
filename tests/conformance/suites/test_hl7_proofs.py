"""Rows of the digest of orders that only traffic shows are proved by the peers that the table names."""

import pytest

from conformance.harness.registry import catalogue, suite
from connectathon.bad_peers import bad_peers
from profiles.tables import read_table

from . import test_announced_images, test_order_senders

#: the case of the suite that shows a row of the digest
SHOWN_BY = {
    "HL7-002": "HL7-111",
    "HL7-003": "HL7-111",
    "HL7-017": "HL7-106",
    "HL7-021": "HL7-111",
    "HL7-026": "HL7-102",
    "HL7-028": "HL7-102",
    "HL7-029": "HL7-105",
    "HL7-032": "HL7-103",
    "HL7-033": "HL7-103",
    "HL7-034": "HL7-103",
    "HL7-078": "HL7-104",
}
SCRIPTED = {
    "HL7-108": test_announced_images.test_a_system_that_does_not_is_seen,
    "HL7-110": test_order_senders.test_a_sender_that_loses_messages_is_seen,
}
ROWS = [row for row in read_table("conformance", "proved_hl7") if row["kind"] != "object"]


@pytest.mark.parametrize("row", [row for row in ROWS if row["kind"] == "peer"], ids=lambda row: row["rule"])
def test_the_named_peer_fails_exactly_the_case_that_shows_the_row(row):
    peer = bad_peers("task_requester")[row["defect"]]
    ended = {case for case in (*peer.fails, *peer.warns) if catalogue()[case].actor == "hl7_receiver"}
    assert ended == {SHOWN_BY[row["rule"]]}


def test_every_row_of_the_table_is_shown_by_a_case_that_exists():
    cases = {case.id for case in suite("hl7_receiver").cases}
    assert set(SHOWN_BY.values()) | set(SCRIPTED) <= cases
    assert {row["rule"] for row in ROWS} == {*SHOWN_BY, *SCRIPTED}


def test_scripted_systems_cite_the_row_that_they_prove():
    for rule, test in SCRIPTED.items():
        cited = [name for mark in test.pytestmark if mark.name == "requirement" for name in mark.args]
        assert cited == [rule]
