"""Event reports of real Task Manager processes: over HTTP and WebSocket, over restarts, kills and several processes."""

import random
import signal
import threading
from datetime import UTC, datetime

import httpx
import pytest

from actors.task_manager.steps import Step
from connectathon.subscriber import Subscriber
from connectathon.waiting import eventually
from connectathon.workitems import STATION, new_workitem, performed
from profiles.dicom import new_uid, put, put_codes, put_items
from profiles.ups.subscriptions import FILTERED_GLOBAL_SUBSCRIPTION, GLOBAL_SUBSCRIPTION
from workitems.notification import is_reported
from workitems.store import Store, sqlite_url

SEED = 20261125


def subscribe(manager, target=GLOBAL_SUBSCRIPTION, name="WATCHER", **parameters):
    """Subscribe an AE, and where it opens its notification connection."""
    answer = manager.http.post(f"/workitems/{target}/subscribers/{name}", params=parameters)
    assert answer.status_code == 201, answer.text
    return answer.headers["Content-Location"]


def channel(manager, name="WATCHER"):
    return f"ws{manager.base.removeprefix('http')}/subscribers/{name}"


def everything_told(manager):
    """Message ID of every event in the store of a stopped Task Manager that a global subscriber is to be told of."""
    store = Store(sqlite_url(manager.data_dir / "task_manager" / "workitems.sqlite"))
    events = store.events_after(0, 100_000)
    store.close()
    return [event.sequence for event in events if is_reported(event.kind)]


def live(manager, transaction):
    """A whole life of a workitem over HTTP, with every kind of event that one can cause."""
    uid = manager.create()
    station = put_codes({}, "ScheduledStationNameCodeSequence", STATION)
    manager.post(f"/workitems/{uid}", station)
    manager.change_state(uid, "IN PROGRESS", transaction)
    progress = put_items({}, "ProcedureStepProgressInformationSequence", put({}, "ProcedureStepProgress", "50"))
    manager.post(f"/workitems/{uid}", progress, transaction)
    manager.http.post(f"/workitems/{uid}/cancelrequest?requester=RIS")
    manager.post(f"/workitems/{uid}", performed(datetime.now(UTC)), transaction)
    assert manager.change_state(uid, "COMPLETED", transaction).status_code == 200
    return uid


@pytest.mark.requirement("AIWI-TM-059", "AIWI-TM-060", "AIWI-TM-065", "AIWI-TM-066", "UPS-131")
def test_a_subscriber_is_told_a_whole_life_over_the_connection_that_its_subscription_names(task_managers):
    managers = task_managers()
    first, last = managers[0], managers[-1]  # over PostgreSQL, another process than the one that is asked
    url = subscribe(last)
    assert url == channel(last)
    with Subscriber(url) as watcher:
        uid = live(first, new_uid())
        eventually(lambda: watcher.states(uid) == ["SCHEDULED", "IN PROGRESS", "COMPLETED"])
        assert [kind for _, kind in watcher.told(uid)] == [1, 5, 1, 3, 2, 1]


@pytest.mark.requirement("AIWI-TM-014", "AIWI-TM-067")
def test_no_frame_has_the_transaction_uid_or_the_patient(task_manager):
    with Subscriber(subscribe(task_manager, name="CURIOUS")) as watcher:
        uid = live(task_manager, transaction := new_uid())
        eventually(lambda: watcher.states(uid)[-1:] == ["COMPLETED"])
        content = task_manager.retrieve(uid)
    said = "".join(watcher.frames)
    assert transaction not in said
    assert content["00100020"]["Value"][0] not in said
    assert content["00100010"]["Value"][0]["Alphabetic"] not in said
    task_manager.http.delete(f"/workitems/{GLOBAL_SUBSCRIPTION}/subscribers/CURIOUS")


@pytest.mark.requirement("AIWI-TM-061", "AIWI-TM-062", "UPS-132", "UPS-133", "UPS-134", "UPS-135")
def test_a_global_subscription_tells_of_old_workitems_only_with_lock_and_of_new_ones_always(mortal_task_manager):
    manager = mortal_task_manager.start()
    old = [manager.create() for _ in range(5)]
    subscribe(manager, name="UNLOCKED")
    subscribe(manager, name="LOCKED", deletionlock="true")
    dataset = put_codes(new_workitem(now=datetime.now(UTC)), "ScheduledStationNameCodeSequence", STATION)
    new = manager.create(dataset)
    with Subscriber(channel(manager, "UNLOCKED")) as unlocked, Subscriber(channel(manager, "LOCKED")) as locked:
        eventually(lambda: len(unlocked.frames) == 2 and len(locked.frames) == 7)
        assert [locked.states(uid) for uid in old] == [["SCHEDULED"]] * 5
        for watcher in (unlocked, locked):
            assert [kind for _, kind in watcher.told(new)] == [1, 5]


@pytest.mark.requirement("AIWI-TM-063", "UPS-183")
def test_a_filtered_subscription_tells_of_the_match_only(task_manager):
    label = new_uid()[-16:]
    url = subscribe(task_manager, FILTERED_GLOBAL_SUBSCRIPTION, "CHOOSY", filter=f"WorklistLabel={label}")
    with Subscriber(url) as watcher:
        task_manager.create()
        match = task_manager.create(new_workitem(now=datetime.now(UTC), label=label))
        eventually(lambda: watcher.frames)
        assert watcher.states(match) == ["SCHEDULED"]
        assert len(watcher.reports) == 1


@pytest.mark.requirement("AIWI-TM-068", "AIWI-TM-069", "UPS-172", "UPS-178")
def test_after_suspending_new_workitems_are_silent_and_after_unsubscribing_all_are(mortal_task_manager):
    manager = mortal_task_manager.start()
    subscribers = f"/workitems/{GLOBAL_SUBSCRIPTION}/subscribers/WATCHER"
    with Subscriber(subscribe(manager)) as watcher, Subscriber(subscribe(manager, name="OTHER")) as other:
        old = manager.create()
        assert manager.http.post(f"{subscribers}/suspend").status_code == 200
        new = manager.create()
        manager.change_state(old, "IN PROGRESS", new_uid())
        eventually(lambda: watcher.states(old) == ["SCHEDULED", "IN PROGRESS"])
        assert manager.http.delete(subscribers).status_code == 200
        assert manager.http.delete(subscribers).status_code == 404
        manager.http.post(f"/workitems/{old}/cancelrequest?requester=RIS")
        manager.change_state(new, "IN PROGRESS", new_uid())
        eventually(lambda: len(other.states(new)) == 2)
        assert watcher.told(new) == []
        assert len(watcher.told(old)) == 2


@pytest.mark.requirement("UPS-141", "UPS-142", "UPS-190", "UPS-191", "AIWI-TM-081", "AIWI-TM-072")
def test_a_restart_is_told_and_loses_neither_subscription_nor_event(mortal_task_manager):
    manager = mortal_task_manager.start()
    transaction = new_uid()
    with Subscriber(subscribe(manager)) as watcher:
        uid = manager.create()
        manager.change_state(uid, "IN PROGRESS", transaction)
        eventually(lambda: len(watcher.states(uid)) == 2)
        manager.stop()
        manager.start()
        manager.post(f"/workitems/{uid}", performed(datetime.now(UTC)), transaction)
        assert manager.change_state(uid, "COMPLETED", transaction).status_code == 200
        eventually(lambda: watcher.states(uid) == ["SCHEDULED", "IN PROGRESS", "COMPLETED"])
        status = [one for one in watcher.reports if one["00001002"]["Value"] == [4]]
    assert [one["00741242"]["Value"][0] for one in status] == ["GOING DOWN", "RESTARTED"]
    assert all(one["00741244"]["Value"] == one["00741246"]["Value"] == ["WARM START"] for one in status)
    assert all(one["00001000"]["Value"] == [GLOBAL_SUBSCRIPTION] for one in status)


@pytest.mark.requirement("UPS-141")
def test_who_the_site_names_is_told_of_a_restart_without_a_subscription(mortal_task_manager):
    mortal_task_manager.settings["fallback_receivers"] = ["NIGHT"]
    manager = mortal_task_manager.start()
    with Subscriber(channel(manager, "NIGHT")) as night:
        eventually(lambda: night.reports)
        assert night.reports[0]["00741242"]["Value"] == ["RESTARTED"]


@pytest.mark.requirement("AIWI-TM-072", "AIWI-TM-081", "UPS-136")
def test_the_event_of_a_change_that_was_durable_when_the_server_was_killed_is_told(mortal_task_manager):
    manager = mortal_task_manager.start()
    with Subscriber(subscribe(manager)) as watcher:
        uid = new_uid()
        (manager.kill_points / str(Step.CHANGE_COMMITTED)).touch()
        with pytest.raises(httpx.TransportError):
            manager.post("/workitems", new_workitem(now=datetime.now(UTC)), f"workitem={uid}")
        assert manager.process.wait(60) == -signal.SIGKILL
        manager.start()
        eventually(lambda: watcher.states(uid) == ["SCHEDULED"])


@pytest.mark.requirement("AIWI-TM-072", "UPS-190")
def test_a_subscriber_whose_server_was_killed_goes_on_at_another_of_the_same_worklist(task_managers):
    managers = task_managers()
    first, last = managers[0], managers[-1]
    uid = first.create()
    with Subscriber(subscribe(first, uid), reconnects=False) as watcher:
        eventually(lambda: watcher.states(uid) == ["SCHEDULED"])
    first.stop(signal.SIGKILL)
    survivor = last if last is not first else first.start()
    survivor.change_state(uid, "IN PROGRESS", new_uid())
    with Subscriber(channel(survivor)) as again:
        eventually(lambda: again.states(uid)[-1:] == ["IN PROGRESS"])


def work(manager, stopped):
    """Create and claim over HTTP, again and again, whether the server is there or not."""
    while not stopped.is_set():
        try:
            manager.change_state(manager.create(), "IN PROGRESS", new_uid())
        except httpx.TransportError:
            stopped.wait(0.05)


@pytest.mark.requirement("AIWI-TM-072", "AIWI-TM-081", "UPS-134", "UPS-136", "UPS-190")
def test_over_kills_at_any_moment_a_subscriber_gets_every_event_in_order(mortal_task_manager):
    manager, dice = mortal_task_manager.start(), random.Random(SEED)  # noqa: S311 - moments, no secrets
    stopped = threading.Event()
    with Subscriber(subscribe(manager)) as watcher:
        worker = threading.Thread(target=work, args=(manager, stopped))
        worker.start()
        for _ in range(4):
            goal = len(watcher.frames) + dice.randint(5, 60)
            eventually(lambda goal=goal: len(watcher.frames) >= goal, what="events to flow")
            manager.stop(signal.SIGKILL)
            manager.start()
        stopped.set()
        worker.join()
        last = manager.create()
        eventually(lambda: watcher.states(last))
        manager.stop(signal.SIGKILL)
        expected = everything_told(manager)
        assert [place for place, _ in watcher.told()] == expected
        assert len(expected) > 50


@pytest.mark.requirement("AIWI-TM-072")
def test_the_operator_is_told_whose_backlog_overflowed_and_the_subscriber_that_it_must_query(mortal_task_manager):
    mortal_task_manager.settings |= {"backlog_limit": 5, "housekeeping_seconds": 0.2}
    manager = mortal_task_manager.start()
    subscribe(manager)
    for _ in range(12):
        manager.create()
    eventually(lambda: manager.logged("backlog-overflow"), what="the log line")
    assert manager.logged("backlog-overflow")[0]["receiver"] == "WATCHER"
    with Subscriber(channel(manager)) as watcher:
        eventually(lambda: len(watcher.frames) >= 7)
        assert watcher.told()[0][1] == 4
