"""Two want the same workitem: one gets it (PS3.4 CC.2.1.2)."""

import threading
from collections import Counter
from datetime import UTC, datetime

import pytest

from connectathon.workitems import new_workitem
from profiles.dicom import new_uid
from profiles.errors import StepwellError
from workitems.model import EventKind
from workitems.store import Store


def run_together(count, work):
    """Call ``work(number)`` in that many threads which start at once; their answers in order of number."""
    barrier, answers = threading.Barrier(count), [None] * count

    def one(number):
        barrier.wait()
        answers[number] = work(number)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.requirement("UPS-007", "UPS-018", "AIWI-TM-021")
def test_of_many_claims_from_several_task_managers_one_wins(task_managers, store, desk_of):
    worklists = task_managers(3)
    for _ in range(10):
        uid = desk_of(worklists[0]).workitem_in("SCHEDULED")
        transactions = [new_uid() for _ in range(6)]

        def claim(number, uid=uid, transactions=transactions):
            try:
                worklists[number % 3].change_state(uid, "IN PROGRESS", transactions[number])
            except StepwellError as error:
                return error.row_key
            return "done"

        answers = run_together(6, claim)
        assert Counter(answers) == {"done": 1, "transaction-uid-incorrect": 5}
        assert store.find(uid).transaction_uid == transactions[answers.index("done")]
        kinds = Counter(event.kind for event in store.events_after(0, 10_000) if event.workitem_uid == uid)
        assert kinds[EventKind.CLAIMED] == 1
        assert kinds[EventKind.CLAIM_REFUSED] == 5


@pytest.mark.requirement("UPS-008")
def test_a_claim_sent_again_is_recognised_as_ones_own(desk):
    uid = desk.workitem_in("IN PROGRESS")
    assert desk.ask("claim", uid, desk.transaction) == "already-in-progress"


@pytest.mark.requirement("UPS-001", "UPS-002")
def test_of_many_creations_of_one_uid_one_wins(task_managers):
    worklists = task_managers(2)
    uid, dataset = new_uid(), new_workitem(now=datetime.now(UTC))

    def create(number):
        try:
            worklists[number % 2].create(dataset, uid)
        except StepwellError as error:
            return error.row_key
        return "done"

    assert Counter(run_together(6, create)) == {"done": 1, "duplicate-workitem": 5}


def test_updates_at_the_same_time_are_all_kept(desk, worklist):
    """Each names another attribute; a lost update would lose one of them."""
    uid = desk.workitem_in("IN PROGRESS")
    changes = [
        {"00741204": {"vr": "LO", "Value": ["label"]}},
        {"00741202": {"vr": "LO", "Value": ["list"]}},
        {"00400400": {"vr": "LT", "Value": ["comment"]}},
        {"00741200": {"vr": "CS", "Value": ["HIGH"]}},
    ]
    run_together(4, lambda number: worklist.update(uid, changes[number], desk.transaction))
    content = worklist.retrieve(uid)
    for change in changes:
        for tag, element in change.items():
            assert content[tag] == element


def test_events_become_visible_in_their_order_whoever_writes_them(task_managers, store, database_url, desk_of):
    """A reader that follows the outbox while three task managers write misses nothing."""
    worklists = task_managers(3)
    seen, stopped = [], threading.Event()

    def follow():
        reader = Store(database_url)
        while True:
            last = stopped.is_set()
            events = reader.events_after(seen[-1] if seen else 0)
            seen.extend(event.sequence for event in events)
            if last and not events:
                break
        reader.close()

    follower = threading.Thread(target=follow)
    follower.start()
    run_together(3, lambda number: [desk_of(worklists[number]).workitem_in("SCHEDULED") for _ in range(15)])
    stopped.set()
    follower.join()
    assert seen == [event.sequence for event in store.events_after(0, 1000)]
    assert len(seen) == 45
