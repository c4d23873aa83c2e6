"""Subscribe, Unsubscribe and Suspend over HTTP (PS3.18 11.10 to 11.12, RAD-86), and who is told what then (RAD-87)."""

from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from connectathon.subscriber import Subscriber
from connectathon.waiting import eventually
from connectathon.workitems import STATION, new_workitem
from profiles.dicom import new_uid, put_codes
from profiles.errors import error_row
from profiles.ups.subscriptions import FILTERED_GLOBAL_SUBSCRIPTION as FILTERED
from profiles.ups.subscriptions import GLOBAL_SUBSCRIPTION as GLOBAL
from tests.contract.http import Service
from workitems.policy import Policy
from workitems.store import Store, sqlite_url
from workitems.subscriptions import Subscriptions

STATE_REPORT, ASSIGNED = 1, 5


def now():
    return datetime.now(UTC)


def workitem(label="BRAIN", *, assigned=False):
    dataset = new_workitem(now=now(), label=label)
    if assigned:
        put_codes(dataset, "ScheduledStationNameCodeSequence", STATION)
    return dataset


def aet():
    return f"W{new_uid()[-12:]}"


def subscribe(manager, receiver, target, query=""):
    return manager.http.post(f"/workitems/{target}/subscribers/{receiver}{query}")


def ws_url(manager, receiver):
    return f"ws://127.0.0.1:{manager.port}/ups-rs/subscribers/{receiver}"


@contextmanager
def listening(manager, receiver):
    """A subscriber whose connection is open; its global subscriptions end with it."""
    with Subscriber(ws_url(manager, receiver)) as subscriber:
        yield subscriber
    manager.http.delete(f"/workitems/{GLOBAL}/subscribers/{receiver}")


def kinds(subscriber, uid):
    return [kind for _, kind in subscriber.told(uid)]


@pytest.mark.parametrize("target", [None, GLOBAL, f"{FILTERED}"])
@pytest.mark.requirement("AIWI-TM-059")
def test_the_answer_names_the_notification_connection_in_both_headers(target, task_manager):
    receiver = aet()
    query = "?filter=WorklistLabel=NONE" if target == FILTERED else ""
    answer = subscribe(task_manager, receiver, target or task_manager.create(), query)
    assert (answer.status_code, answer.content) == (201, b"")
    assert answer.headers["Content-Location"] == answer.headers["Location"] == ws_url(task_manager, receiver)
    assert "Warning" not in answer.headers


@pytest.mark.requirement("AIWI-TM-059")
def test_the_address_of_the_connection_can_be_opened(task_manager):
    answer = subscribe(task_manager, "READING%20ROOM", task_manager.create())
    assert answer.headers["Location"] == ws_url(task_manager, "READING%20ROOM")
    with Subscriber(answer.headers["Location"]) as subscriber:
        eventually(lambda: subscriber.reports, what="the event that waited")


@pytest.mark.requirement("AIWI-TM-060", "UPS-131")
def test_a_subscriber_is_told_the_present_state_at_once(task_manager):
    uid, receiver = task_manager.create(), aet()
    with listening(task_manager, receiver) as subscriber:
        assert subscribe(task_manager, receiver, uid).status_code == 201
        eventually(lambda: subscriber.states(uid) == ["SCHEDULED"], what="the State Report")
        (report,) = subscriber.reports
        assert report["00404041"]["Value"] == ["READY"]


@pytest.mark.requirement("AIWI-TM-061", "UPS-134", "UPS-135")
def test_a_global_subscriber_is_told_of_new_workitems_and_their_assignment(task_manager):
    receiver = aet()
    with listening(task_manager, receiver) as subscriber:
        subscribe(task_manager, receiver, GLOBAL)
        plain, assigned = task_manager.create(), task_manager.create(workitem(assigned=True))
        eventually(lambda: kinds(subscriber, assigned) == [STATE_REPORT, ASSIGNED], what="the assignment")
        assert kinds(subscriber, plain) == [STATE_REPORT]
        assert subscriber.states(plain) == ["SCHEDULED"]


@pytest.mark.requirement("AIWI-TM-062", "UPS-132", "UPS-155")
def test_a_global_subscriber_with_lock_is_told_of_every_workitem_there_is(mortal_task_manager):
    manager = mortal_task_manager.start()
    uids = [manager.create() for _ in range(5)]
    with listening(manager, "WATCHER") as subscriber:
        assert subscribe(manager, "WATCHER", GLOBAL, "?deletionlock=true").status_code == 201
        eventually(lambda: all(subscriber.states(uid) == ["SCHEDULED"] for uid in uids), what="five reports")


FILTERS = {
    "literal": "filter=WorklistLabel={},ScheduledProcedureStepPriority=MEDIUM",
    "whole value encoded": "filter=WorklistLabel%3D{}%2CScheduledProcedureStepPriority%3DMEDIUM",
    "as tags": "filter=00741202={},00741200=MEDIUM",
    "nested": "filter=WorklistLabel={},ScheduledWorkitemCodeSequence.CodeValue=BRAINSEG",
    "plain parameters": "WorklistLabel={}&00741200=MEDIUM",
    "comma inside": "filter=WorklistLabel={}%2Cx",
    "comma inside, whole value encoded": "filter=WorklistLabel%3D{}%252Cx",
}


@pytest.mark.parametrize("query", FILTERS.values(), ids=FILTERS)
@pytest.mark.requirement("AIWI-TM-063", "UPS-183")
def test_a_filtered_subscriber_is_told_of_what_matches_only_however_the_filter_is_written(query, task_manager):
    receiver, label = aet(), new_uid()[-12:]
    with listening(task_manager, receiver) as subscriber:
        assert subscribe(task_manager, receiver, FILTERED, f"?{query.format(label)}").status_code == 201
        other = task_manager.create(workitem("OTHER"))
        match = task_manager.create(workitem(f"{label},x" if "2Cx" in query else label))
        eventually(lambda: subscriber.states(match) == ["SCHEDULED"], what="the match")
        assert subscriber.told(other) == []


@pytest.mark.requirement("AIWI-TM-063")
def test_a_list_of_uids_in_a_filter_is_one_key(task_manager):
    receiver, studies = aet(), [new_uid(), new_uid()]
    with listening(task_manager, receiver) as subscriber:
        query = f"?filter=StudyInstanceUID={studies[0]},{studies[1]},WorklistLabel=BRAIN"
        assert subscribe(task_manager, receiver, FILTERED, query).status_code == 201
        dataset = workitem()
        dataset["0020000D"]["Value"] = [studies[1]]
        uid = task_manager.create(dataset)
        eventually(lambda: subscriber.states(uid) == ["SCHEDULED"], what="the match")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "filter=attribute=value"),
        ("?filter=", "filter=attribute=value"),
        ("?filter=colour=blue", "filter=attribute=value"),
        ("?filter=WorklistLabel", "attribute=value"),
        ("?filter=WorklistLabel=A,B", "attribute=value"),
        ("?filter=WorklistLabel=A,00741202=B", "there twice"),
        ("?filter=WorklistLabel=A&WorklistLabel=B", "there twice"),
        ("?filter=WorklistLabel=A&deletionlock=perhaps", "true or false"),
        ("?filter=TransactionUID=1.2", "Transaction UID"),
        ("?filter=WorklistLabel=A%00B", "control character"),
        ("?filter=WorklistLabel%3DA%2500B", "control character"),
    ],
)
@pytest.mark.requirement("AIWI-TM-064")
def test_a_filtered_subscription_without_a_filter_that_can_be_understood_is_refused(query, words, task_manager):
    receiver = aet()
    answer = subscribe(task_manager, receiver, FILTERED, query)
    assert answer.status_code == 400
    assert words in answer.json()["message"]
    assert task_manager.http.delete(f"/workitems/{FILTERED}/subscribers/{receiver}").status_code == 404


@pytest.mark.requirement("AIWI-TM-063")
def test_what_is_no_attribute_in_a_filter_is_ignored_with_a_warning(task_manager):
    receiver = aet()
    answer = subscribe(task_manager, receiver, FILTERED, "?filter=WorklistLabel=NONE,colour=blue")
    assert answer.status_code == 201
    assert answer.headers["Warning"].endswith("were ignored: colour")


@pytest.mark.requirement("AIWI-TM-068", "UPS-172", "UPS-173")
def test_whoever_unsubscribed_hears_no_more(task_manager):
    uid, receiver = task_manager.create(), aet()
    with listening(task_manager, receiver) as subscriber:
        subscribe(task_manager, receiver, uid)
        answer = task_manager.http.delete(f"/workitems/{uid}/subscribers/{receiver}")
        assert (answer.status_code, answer.content) == (200, b"")
        task_manager.change_state(uid, "IN PROGRESS", new_uid())
        subscribe(task_manager, receiver, other := task_manager.create())
        eventually(lambda: subscriber.told(other), what="a later event")
        assert subscriber.states(uid) in ([], ["SCHEDULED"])


@pytest.mark.requirement("AIWI-TM-068")
def test_what_is_not_there_cannot_be_ended_or_suspended(task_manager):
    receiver, uid = aet(), task_manager.create()
    delete, post = task_manager.http.delete, task_manager.http.post
    assert delete(f"/workitems/{uid}/subscribers/{receiver}").status_code == 404
    assert delete(f"/workitems/{new_uid()}/subscribers/{receiver}").status_code == 404
    assert delete(f"/workitems/{GLOBAL}/subscribers/{receiver}").status_code == 404
    assert post(f"/workitems/{GLOBAL}/subscribers/{receiver}/suspend").status_code == 404
    assert post(f"/workitems/{uid}/subscribers/{receiver}/suspend").status_code == 400


@pytest.mark.requirement("AIWI-TM-069", "UPS-178", "UPS-181")
def test_a_suspended_subscriber_hears_of_old_workitems_and_of_no_new_ones(task_manager):
    receiver = aet()
    with listening(task_manager, receiver) as subscriber:
        subscribe(task_manager, receiver, GLOBAL)
        old = task_manager.create()
        answer = task_manager.http.post(f"/workitems/{GLOBAL}/subscribers/{receiver}/suspend")
        assert (answer.status_code, answer.content) == (200, b"")
        new = task_manager.create()
        task_manager.change_state(old, "IN PROGRESS", new_uid())
        eventually(lambda: subscriber.states(old) == ["SCHEDULED", "IN PROGRESS"], what="news of the old one")
        assert subscriber.told(new) == []


@pytest.mark.parametrize("receiver", ["ABCDEFGHIJKLMNOPQ", "A%5CB", "%20", "A%00B", "A%0D%0AB", "%C3%84"])
@pytest.mark.requirement("AIWI-TM-071")
def test_what_is_no_ae_title_is_refused(receiver, task_manager):
    answer = subscribe(task_manager, receiver, task_manager.create())
    assert answer.status_code == 400
    assert "AE title" in answer.json()["message"]


@pytest.mark.requirement("AIWI-TM-071")
def test_nobody_can_subscribe_to_what_is_not_there(task_manager):
    assert subscribe(task_manager, aet(), new_uid()).status_code == 404
    assert subscribe(task_manager, aet(), "nonsense").status_code == 400


@pytest.fixture
def store(tmp_path):
    with_store = Store(sqlite_url(tmp_path / "workitems.sqlite"))
    yield with_store
    with_store.close()


@pytest.mark.parametrize("method", ["subscribe", "unsubscribe", "suspend"])
@pytest.mark.requirement("UPS-189", "AIWI-TM-059")
def test_only_an_operator_or_whom_the_site_lets_subscribes_somebody_else(method, store):
    ask = {
        "subscribe": lambda http, caller: http.post(
            f"/workitems/{GLOBAL}/subscribers/WATCHER", headers={"X-Caller": caller}
        ),
        "unsubscribe": lambda http, caller: http.delete(
            f"/workitems/{GLOBAL}/subscribers/WATCHER", headers={"X-Caller": caller}
        ),
        "suspend": lambda http, caller: http.post(
            f"/workitems/{GLOBAL}/subscribers/WATCHER/suspend", headers={"X-Caller": caller}
        ),
    }
    with Service(store, policy=Policy(gift_givers={"GIVER"})) as service:
        for caller, allowed in {"OTHER": False, "OTHER;operator": True, "GIVER": True, "WATCHER": True}.items():
            ask["subscribe"](service.http, "WATCHER")
            answer = ask[method](service.http, caller)
            assert answer.is_success is allowed, (caller, answer.text)
            assert answer.status_code in (200, 201, 403)
    assert service.refused == ["not-authorised"]


@pytest.mark.requirement("UPS-115", "UPS-186", "AIWI-TM-070")
def test_a_deletion_lock_that_is_not_granted_is_said_not_to_be(store):
    with Service(store, subscriptions=Subscriptions(store, now, grants_locks=False)) as service:
        url = f"/workitems/{GLOBAL}/subscribers/WATCHER?deletionlock=TRUE"
        answer = service.http.post(url, headers={"X-Caller": "WATCHER"})
    assert answer.status_code == 201
    expected = error_row("deletion-lock-not-granted").warning
    assert answer.headers["Warning"] == f"299 http://127.0.0.1:{service.port}/ups-rs: {expected}"
