"""Who read what: told once, without secrets, and not again and again."""

from datetime import UTC, datetime

import pytest

from actors.shared.access import UNTOLD, AccessLog

NOW = datetime(2031, 5, 6, tzinfo=UTC)


class Trail(list):
    def audit_soon(self, event):
        self.append(event)


@pytest.fixture
def trail():
    return Trail()


@pytest.fixture
def seconds():
    return [0.0]


@pytest.fixture
def access(trail, seconds):
    return AccessLog(trail, lambda: NOW, lambda: seconds[0])


def test_a_worklist_that_is_polled_is_told_once_a_minute_for_each_caller_and_query(access, trail, seconds):
    asked = ((0, "a", "x"), (1, "a", "x"), (2, "b", "x"), (3, "a", "y"), (59, "a", "x"), (61, "a", "x"))
    for at, address, query in asked:
        seconds[0] = at
        access.tell("searched", address, query=query, repeats=True)
    assert [(one.address, one.query) for one in trail] == [("a", "x"), ("b", "x"), ("a", "y"), ("a", "x")]


def test_transfers_are_all_told(access, trail):
    for _ in range(2):
        access.tell("images-received", "a", studies=("1.2",))
    assert len({one.occurrence for one in trail}) == 2


def test_only_so_many_accesses_are_remembered(access, trail):
    for number in range(1_001):
        access.tell("searched", "a", query=str(number), repeats=True)
    access.tell("searched", "a", query="1000", repeats=True)
    assert len(trail) == 1_001
    access.tell("searched", "a", query="0", repeats=True)
    assert len(trail) == 1_002


@pytest.mark.requirement("SOLE-044")
@pytest.mark.parametrize("name", ["TransactionUID", "00081195", "0040A370.00081195"])
def test_a_transaction_uid_in_a_query_is_told_to_nobody(access, trail, name):
    access.tell("searched", "a", query=f"limit=3&{name}=2.25.7")
    assert trail[0].query == "limit=3"


def test_where_there_is_no_trail_nothing_is_found_out_either():
    UNTOLD.tell("images-sent", "a", patient_id=lambda: pytest.fail("nobody asked"))
