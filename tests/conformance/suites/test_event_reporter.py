"""Our own Event Reporter before the judge."""

import socket
from collections import Counter

import pytest

from conformance.harness import Verdict
from conformance.harness.registry import suite
from conformance.partners.syslog import send_datagram
from conformance.rules import read_rules
from connectathon.judging import LIMITS, broken, judge
from connectathon.waiting import free_port
from profiles.errors import Unavailable
from profiles.tables import read_table
from tests.conformance.sole_messages import ended

from .event_peers import judged_manager, judged_reporter


@pytest.mark.requirement(
    "SOLE-REP-001",
    "SOLE-REP-002",
    "SOLE-REP-003",
    "SOLE-REP-004",
    "SOLE-REP-005",
    "SOLE-REP-006",
    "SOLE-REP-007",
    "SOLE-REP-008",
    "SOLE-REP-009",
    "SOLE-REP-010",
    "SOLE-REP-011",
    "SOLE-REP-012",
)
def test_our_reporter_passes_everything(tmp_path):
    with judged_reporter(tmp_path) as judge:
        ended = judge()
    assert broken(ended) == []
    assert {event.verdict for event in ended.values()} == {Verdict.PASS}


def test_our_task_manager_passes_everything_that_applies(tmp_path):
    with judged_manager(tmp_path) as judge:
        assert broken(judge()) == []


@pytest.mark.requirement("SOLE-REP-003")
@pytest.mark.parametrize(("cut", "verdict"), [(None, Verdict.PASS), (1024, Verdict.FAIL)])
def test_a_datagram_has_to_hold_the_whole_message(tmp_path, cut, verdict):
    port, udp = free_port(), free_port()

    def send(_asked):
        send_datagram("127.0.0.1", udp, ended()[:cut])
        return True

    judged = judge(
        suite("event_reporter"),
        {"repository": {"port": port, "udp_port": udp}, "events": {"codes": ["SOLE115"]}, "options": ["udp"]},
        tmp_path,
        {"cause-event-udp": send},
        ["SOLE-REP-003"],
    )
    assert judged["SOLE-REP-003"].verdict is verdict


def test_a_system_that_sends_nothing_is_told_so_in_every_test(tmp_path):
    told = {
        "repository": {"port": free_port(), "udp_port": free_port()},
        "events": {"codes": ["SOLE115"]},
        "options": ["udp", "workflow", "cancellation"],
        "limits": {**LIMITS, "reaction_seconds": 0.05},
    }
    names = [
        "cause-event",
        "cause-event-udp",
        "cause-event-with-text",
        "run-workitem",
        "cancel-on-request",
        "cancel-because-of-error",
    ]
    judged = judge(suite("event_reporter"), told, tmp_path, {name: lambda _: True for name in names})
    assert {event.verdict for event in judged.values()} <= {Verdict.FAIL, Verdict.WARN}, broken(judged)


def test_without_anybody_to_act_nothing_is_decided(tmp_path):
    told = {"repository": {"port": free_port()}, "events": {"codes": ["SOLE115"]}}
    judged = judge(suite("event_reporter"), told, tmp_path)
    assert {event.verdict for event in judged.values()} == {Verdict.INCONCLUSIVE, Verdict.OMIT}


def test_a_port_that_somebody_else_holds_is_told_before_anything_is_asked(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as holder, pytest.raises(Unavailable, match="cannot listen"):
        judge(
            suite("event_reporter"),
            {"repository": {"port": holder.getsockname()[1]}, "events": {"codes": ["SOLE115"]}},
            tmp_path,
        )


def test_every_rule_for_messages_is_judged_by_one_row():
    """All but those for bodies of RAD-124, which no reporter's syslog has."""
    assigned = Counter(row["rule"] for row in read_table("conformance", "sole_reporter_rules"))
    assert assigned == Counter(set(read_rules("sole_rules")) - {"SOLE-060"})
    rows = {case.requirement.id for case in suite("event_reporter").cases}
    assert {row["row"] for row in read_table("conformance", "sole_reporter_rules")} <= rows
