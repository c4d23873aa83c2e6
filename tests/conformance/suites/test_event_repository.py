"""Our own Event Repository before the judge."""

import pytest

from conformance.harness import Verdict
from conformance.harness.registry import suite
from conformance.partners.event_archive import EventArchive
from connectathon.bad_peers.proofs import proofs
from connectathon.judging import LIMITS, broken, judge, unlike_verified
from connectathon.waiting import free_port
from profiles.tables import read_table

from .event_peers import judged_repository, judged_small_repository


@pytest.mark.requirement(
    "SOLE-ER-001",
    "SOLE-ER-002",
    "SOLE-ER-003",
    "SOLE-ER-004",
    "SOLE-ER-005",
    "SOLE-ER-006",
    "SOLE-ER-007",
    "SOLE-ER-008",
    "SOLE-ER-009",
    "SOLE-ER-010",
    "SOLE-ER-011",
)
def test_our_repository_passes_everything(tmp_path):
    with judged_repository(tmp_path) as judging:
        ended = judging()
    assert broken(ended) == []
    assert {event.verdict for event in ended.values()} == {Verdict.PASS}
    assert unlike_verified(ended) == []


def test_a_small_repository_passes_as_well(tmp_path):
    with judged_small_repository(tmp_path) as judging:
        ended = judging()
    assert broken(ended) == []
    assert {event.verdict for event in ended.values()} == {Verdict.PASS}


def test_rows_about_traffic_are_proved_by_peers_that_break_exactly_one_case():
    """``proved_sole_wire.csv`` names for each row of the digest the case that judges it, and a peer that breaks it."""
    proved = {(row, name) for row, _, name in proofs()}
    for row in read_table("conformance", "proved_sole_wire"):
        assert row["kind"] == "peer"
        assert tuple(row["defect"].split()) in proved, row["rule"]


def test_a_repository_that_is_not_there_fails_in_every_test(tmp_path):
    told = {
        "syslog": {"port": free_port()},
        "queries": {"base_url": f"http://127.0.0.1:{free_port()}"},
        "limits": {**LIMITS, "answer_seconds": 1.0, "reaction_seconds": 0.1},
    }
    ended = judge(suite("event_repository"), told, tmp_path)
    assert {event.verdict for event in ended.values()} <= {Verdict.FAIL, Verdict.WARN, Verdict.OMIT}, broken(ended)


@pytest.mark.parametrize("body", [b"[]]", b"{}", b'{"Events": [1]}', b"\xff"])
def test_an_answer_that_holds_no_messages_is_the_systems_failure(tmp_path, body):
    archive = EventArchive("127.0.0.1", port := free_port())
    archive.answer_with(body)
    told = {"syslog": {"port": port}, "queries": {"base_url": f"http://127.0.0.1:{port}"}}
    ended = judge(suite("event_repository"), told, tmp_path, begins=["SOLE-ER-007", "SOLE-ER-010"])
    archive.close()
    assert {event.verdict for event in ended.values()} <= {Verdict.FAIL, Verdict.WARN}, broken(ended)
