"""Retention, bounded backlogs and forgotten events; several processes over one database keep house at once."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from connectathon.workitems import new_workitem
from profiles.dicom import new_uid
from profiles.errors import Gone, NotFound
from profiles.ups.subscriptions import GLOBAL_SUBSCRIPTION
from workitems.housekeeping import Limits, keep_house
from workitems.model import Channel
from workitems.policy import SHORTEST_RETENTION
from workitems.store import Store
from workitems.worklist import Worklist

MINUTE = timedelta(minutes=1)
LATER = SHORTEST_RETENTION + MINUTE


def finished(worklist):
    uid, transaction = worklist.create(new_workitem(now=datetime.now(UTC))).uid, new_uid()
    worklist.change_state(uid, "IN PROGRESS", transaction, "PERFORMER")
    worklist.change_state(uid, "CANCELED", transaction)
    return uid


def kept(worklist, store, after=LATER, **limits):
    """Keep house so long after now."""
    return keep_house(worklist, store, Limits(**limits), datetime.now(UTC) + after)


@pytest.mark.requirement("UPS-185")
def test_a_final_workitem_is_kept_for_its_time_and_then_gone_not_unknown(worklist, store):
    uid, open_one = finished(worklist), worklist.create(new_workitem(now=datetime.now(UTC))).uid
    assert kept(worklist, store, MINUTE).deleted == ()
    assert worklist.retrieve(uid)
    assert kept(worklist, store).deleted == (uid,)
    with pytest.raises(Gone):
        worklist.retrieve(uid)
    with pytest.raises(NotFound) as unknown:
        worklist.retrieve(new_uid())
    assert not isinstance(unknown.value, Gone)
    assert worklist.retrieve(open_one)


@pytest.mark.requirement("UPS-185", "UPS-187", "AIWI-TM-070")
def test_a_deletion_lock_holds_a_final_workitem_until_the_last_is_released(worklist, store):
    uid = finished(worklist)
    for receiver in ("ONE", "TWO"):
        worklist.subscriptions.subscribe(receiver, uid, Channel.WEBSOCKET, locked=True)
    worklist.subscriptions.unsubscribe("ONE", uid)
    assert kept(worklist, store, LATER + timedelta(days=365)).deleted == ()
    worklist.subscriptions.subscribe("TWO", uid, Channel.WEBSOCKET, locked=False)
    assert kept(worklist, store).deleted == (uid,)


def test_more_than_a_portion_is_deleted_in_one_go(worklist, store, monkeypatch):
    monkeypatch.setattr("workitems.housekeeping._PORTION", 2)
    made = {finished(worklist) for _ in range(5)}
    assert set(kept(worklist, store).deleted) == made


def test_the_oldest_events_of_a_subscriber_that_takes_none_are_dropped(worklist, store):
    worklist.subscriptions.subscribe("AWAY", GLOBAL_SUBSCRIPTION, Channel.WEBSOCKET)
    for _ in range(4):
        worklist.create(new_workitem(now=datetime.now(UTC)))
    newest = [one.event.sequence for one in store.deliveries_after(0, 100, "AWAY")][-3:]
    assert kept(worklist, store, backlog=3).overflowed == (("AWAY", 1),)
    assert [one.event.sequence for one in store.deliveries_after(0, 100, "AWAY")] == newest
    assert kept(worklist, store, backlog=3).overflowed == ()


def test_events_are_forgotten_when_everybody_has_them_and_never_before(worklist, store):
    worklist.subscriptions.subscribe("SLOW", GLOBAL_SUBSCRIPTION, Channel.WEBSOCKET)
    finished(worklist)
    first, last = store.events_after(0)[0].sequence, store.last_sequence()
    assert kept(worklist, store).forgotten == 0  # the log has not read them
    store.move_cursor("sole", last)
    age = {"events": timedelta(0)}
    assert kept(worklist, store, **age).forgotten == 0  # a subscriber waits for each
    store.confirm("SLOW", first)
    assert kept(worklist, store, **age).forgotten == 1
    assert kept(worklist, store, timedelta(days=-1), **age).forgotten == 0  # not old enough


def test_a_new_event_never_takes_the_place_of_one_that_was_forgotten(worklist, store):
    """A reader's cursor would pass it by, and nobody would ever be told."""
    finished(worklist)
    place = store.last_sequence()
    store.move_cursor("sole", place)
    kept(worklist, store, events=timedelta(0))
    worklist.create(new_workitem(now=datetime.now(UTC)))
    assert [event.sequence for event in store.events_after(place)] == [place + 1]


@pytest.fixture
def four_of_them(database_url):
    stores = [Store(database_url) for _ in range(4)]
    yield [Worklist(one, lambda: datetime.now(UTC)) for one in stores], stores
    for one in stores:
        one.close()


def all_together(work, arguments):
    barrier, answers, failures = threading.Barrier(len(arguments)), [], []

    def one(argument):
        barrier.wait()
        try:
            answers.append(work(*argument))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=one, args=(argument,)) for argument in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    return answers


def test_of_several_that_keep_house_at_once_each_thing_is_done_by_one(four_of_them):
    worklists, stores = four_of_them
    worklists[0].subscriptions.subscribe("AWAY", GLOBAL_SUBSCRIPTION, Channel.WEBSOCKET)
    for _ in range(3):
        made = {finished(worklists[0]) for _ in range(6)}
        waiting = len(stores[0].deliveries_after(0, 1000, "AWAY"))
        answers = all_together(
            lambda worklist, store: kept(worklist, store, backlog=5), list(zip(*four_of_them, strict=True))
        )
        deleted = [uid for answer in answers for uid in answer.deleted]
        assert sorted(deleted) == sorted(made)
        assert [dropped for answer in answers for dropped in answer.overflowed] == [("AWAY", waiting - 5)]
        assert len(stores[0].deliveries_after(0, 1000, "AWAY")) == 5


@pytest.mark.requirement("UPS-185")
def test_a_lock_that_was_granted_holds_however_close_retention_was(four_of_them):
    """Whoever asks for a lock while the workitem is being deleted gets the lock or is told that it is gone."""
    worklists, stores = four_of_them
    for _ in range(8):
        uid = finished(worklists[0])

        def lock(uid=uid):
            try:
                worklists[1].subscriptions.subscribe("WATCHER", uid, Channel.WEBSOCKET, locked=True)
            except NotFound:
                return False
            return True

        def delete():
            return kept(worklists[2], stores[2])

        granted = next(one for one in all_together(lambda work: work(), [(lock,), (delete,)]) if isinstance(one, bool))
        assert (stores[3].find(uid) is not None) is granted
