"""The worklist manager that the harness plays: scripted, recording, and failing on purpose."""

import json
from types import SimpleNamespace

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from conformance.partners.attributes import code, codes, matches, put, text
from conformance.partners.manager import Manager
from conformance.partners.simulating import Fault
from conformance.partners.steps import COMPLETED, IN_PROGRESS
from conformance.partners.ups_requests import FILTERED, GLOBAL
from conformance.partners.xml_model import document
from conformance.ups.native_xml import read_xml
from connectathon.waiting import eventually, free_port
from profiles.errors import Unavailable

from .trials import new_trial

LOCK, OTHER = "1.2.3.4.5.6", "1.2.3.4.5.7"


@pytest.fixture
def trial(tmp_path):
    return new_trial(tmp_path / "evidence")


@pytest.fixture
def manager(trial):
    found = Manager("127.0.0.1", free_port())
    found.begin(trial)
    yield found
    found.close()


@pytest.fixture
def client(manager):
    with httpx.Client(base_url=manager.url, timeout=20) as found:
        yield found


def workitem(label="HEADS", **changes):
    dataset = put({}, "ProcedureStepState", "SCHEDULED")
    put(dataset, "InputReadinessState", "READY")
    put(dataset, "WorklistLabel", label)
    put(dataset, "ScheduledWorkitemCodeSequence", code("HEADMASK", "99STEPWELL", "Head mask"))
    for keyword, value in changes.items():
        put(dataset, keyword, value)
    return dataset


def state(client, uid, wanted, lock=LOCK):
    body = put(put({}, "TransactionUID", lock), "ProcedureStepState", wanted)
    return client.put(f"/workitems/{uid}/state", json=[body])


def test_a_workitem_goes_from_creation_to_its_end(manager, client):
    made = client.post("/workitems", params={"workitem": "1.2.9"}, json=[workitem()])
    assert (made.status_code, made.headers["location"]) == (201, f"{manager.url}/workitems/1.2.9")
    assert client.post("/workitems?1.2.9", json=workitem()).status_code == 409
    assert state(client, "1.2.9", COMPLETED).status_code == 409
    assert state(client, "1.2.9", IN_PROGRESS).status_code == 200
    assert state(client, "1.2.9", IN_PROGRESS).status_code == 409
    assert state(client, "1.2.9", IN_PROGRESS, OTHER).status_code == 400
    changes = put({}, "WorklistLabel", "OTHERS")
    assert client.post("/workitems/1.2.9", json=[changes]).status_code == 400
    assert client.post("/workitems/1.2.9", params={"transaction-uid": LOCK}, json=[changes]).status_code == 200
    assert state(client, "1.2.9", COMPLETED).status_code == 200
    again = state(client, "1.2.9", COMPLETED)
    assert (again.status_code, "already" in again.headers["warning"]) == (200, True)
    assert client.post("/workitems/1.2.9?transaction=" + LOCK, json=[changes]).status_code == 400
    (found,) = client.get("/workitems/1.2.9").json()
    assert (text(found, "ProcedureStepState"), text(found, "WorklistLabel")) == (COMPLETED, "OTHERS")
    assert LOCK not in json.dumps(found)
    assert client.get("/workitems/1.2.10").status_code == 404
    assert [one.reply.status for one in manager.of("state", "1.2.9", COMPLETED)] == [409, 200, 200]


def test_a_search_finds_what_matches_and_says_what_is_left(manager, client):
    manager.add(workitem("HEADS"), "1.1")
    manager.add(workitem("HANDS"), "1.2")
    manager.abbreviates = True
    found = client.get("/workitems", params={"WorklistLabel": "H?ADS", "includefield": "all"})
    assert [text(one, "SOPInstanceUID") for one in found.json()] == ["1.1"]
    keys = {"ScheduledWorkitemCodeSequence.CodeValue": "HEADMASK", "00741000": "SCHEDULED", "limit": "1"}
    page = client.get("/workitems", params=keys)
    assert len(page.json()) == 1
    assert "1 additional" in page.headers["warning"]
    assert client.get("/workitems", params={"WorklistLabel": "FEET"}).status_code == 204


def test_keys_of_one_sequence_hold_in_one_item():
    dataset = put({}, "ScheduledWorkitemCodeSequence", code("A", "99X", "a"), code("B", "99Y", "b"))
    pair = [
        ("ScheduledWorkitemCodeSequence.CodeValue", "A"),
        ("ScheduledWorkitemCodeSequence.CodingSchemeDesignator", "99Y"),
    ]
    assert not matches(dataset, pair)
    assert matches(dataset, [*pair[:1], ("Nonsense", "x")])
    put(dataset, "ScheduledProcedureStepStartDateTime", "20260105101500")
    for wanted, holds in (
        ("20260105-20260106", True),
        ("20260106-", False),
        ("-20260105", True),
        ("20260105101500", True),
    ):
        assert matches(dataset, [("ScheduledProcedureStepStartDateTime", wanted)]) is holds


def test_subscribers_hear_of_what_happens(manager, client):
    uid = manager.add(workitem())
    with connect(manager.url.replace("http", "ws") + "/subscribers/WATCHER", compression=None) as channel:
        asked = client.post(f"/workitems/{GLOBAL}/subscribers/WATCHER?deletionlock=true")
        assert (asked.status_code, asked.headers["content-location"][:5]) == (201, "ws://")

        def heard():
            event = json.loads(channel.recv(20))
            return event["00001002"]["Value"][0], text(event, "ProcedureStepState"), text(event, "00001000")

        assert heard() == (1, "SCHEDULED", uid)
        state(client, uid, IN_PROGRESS)
        assert heard() == (1, IN_PROGRESS, uid)
        assert client.post(f"/workitems/{uid}/cancelrequest").status_code == 202
        assert heard()[0] == 2
        manager.change(uid, put({}, "ScheduledStationNameCodeSequence", code("AI", "L", "AI")))
        assert heard()[0] == 5
        client.post(
            f"/workitems/{uid}",
            params={"Transaction-uid": LOCK},
            json=[put({}, "ProcedureStepProgressInformationSequence", {})],
        )
        assert heard()[0] == 3
        assert client.post(f"/workitems/{GLOBAL}/subscribers/WATCHER/suspend").status_code == 200
        assert client.delete(f"/workitems/{GLOBAL}/subscribers/WATCHER").status_code == 404
        assert client.post(f"/workitems/{uid}/cancelrequest").status_code == 409
        (socket,) = manager.open_sockets("WATCHER")
        manager.send(socket, b"\x00odd")
        assert channel.recv(20) == b"\x00odd"
        manager.drop(socket)
        eventually(lambda: not manager.open_sockets(), what="the broken connection to be seen")
    assert len(manager.standing) == 4


def test_a_filtered_subscription_is_about_what_matches(manager, client):
    filters = {"filter": "WorklistLabel=HEADS"}
    assert client.post(f"/workitems/{FILTERED}/subscribers/A", params=filters).status_code == 201
    assert client.post(f"/workitems/{FILTERED}/subscribers/A", params={"WorklistLabel": "HANDS"}).status_code == 201
    manager.add(workitem("HEADS"), "1.1")
    item = SimpleNamespace(uid="1.1", content=manager.item("1.1").content)
    assert [one.covers(item) for one in manager.subscriptions] == [True, False]
    manager.takes_subscriptions = False
    assert client.post(f"/workitems/{FILTERED}/subscribers/B", params=filters).status_code == 403


def test_it_fails_as_it_is_told_to(manager, client):
    uid = manager.add(workitem())
    manager.fail(Fault(manager.when("create"), warning="The Workitem was created with modifications."))
    assert "modifications" in client.post("/workitems", json=workitem()).headers["warning"]
    race = manager.lose_race(uid, 400)
    assert state(client, uid, IN_PROGRESS).status_code == 400
    assert (race.met, manager.item(uid).state) == (1, IN_PROGRESS)
    late = manager.fail(Fault(manager.when("retrieve"), status=503, after=1))
    assert [client.get(f"/workitems/{uid}").status_code for _ in range(3)] == [200, 503, 200]
    assert late.met == 1
    manager.fail(Fault(manager.when("retrieve", uid), lost=True))
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(f"/workitems/{uid}")
    assert manager.of("retrieve")[-1].lost


def test_it_can_be_away_and_come_back(manager, client):
    uid = manager.add(workitem())
    manager.down()
    manager.down()
    with pytest.raises(httpx.ConnectError):
        client.get(f"/workitems/{uid}")
    manager.up()
    assert client.get(f"/workitems/{uid}").status_code == 200


def test_the_evidence_holds_a_token_for_each_transaction_uid(manager, client, trial):
    uid = manager.add(workitem())
    state(client, uid, IN_PROGRESS)
    client.post(f"/workitems/{uid}?transaction-uid={OTHER}", json=[workitem()])
    kept = "".join((trial.evidence.folder / item.file).read_text() for item in trial.evidence.items)
    assert LOCK not in kept
    assert OTHER not in kept
    assert "TXUID-1" in kept
    assert "TXUID-2" in kept


def test_what_nobody_claimed_is_gone_after_the_trial(manager, client, tmp_path):
    left, claimed = manager.add(workitem()), manager.add(workitem())
    state(client, claimed, IN_PROGRESS)
    (seen,) = manager.of("state")
    manager.end()
    assert client.get(f"/workitems/{left}").status_code == 404
    assert client.get(f"/workitems/{claimed}").status_code == 200
    other = new_trial(tmp_path / "other")
    manager.begin(other)
    assert manager.exchanges == []
    assert [one.uid for one in manager.items] == [claimed]
    assert manager.proof(other, seen) == manager.proof(other, seen)


def test_it_speaks_xml_to_those_who_do(manager, client):
    dataset = workitem(PatientName="Müller^Jörg")
    made = client.post(
        "/workitems?workitem=1.2.9", content=document(dataset), headers={"Content-Type": "application/dicom+xml"}
    )
    assert made.status_code == 201
    assert manager.item("1.2.9").content.items() >= dataset.items()
    answer = client.get("/workitems/1.2.9", headers={"Accept": "application/dicom+xml"})
    assert answer.headers["content-type"] == "application/dicom+xml"
    assert read_xml(answer.content) == manager.item("1.2.9").content
    found = client.get("/workitems", headers={"Accept": 'multipart/related; type="application/dicom+xml"'})
    assert found.headers["content-type"].startswith("multipart/related")
    assert found.content.count(b"NativeDicomModel ") == 1
    broken = client.post("/workitems", content=b"<no", headers={"Content-Type": "application/dicom+xml"})
    assert broken.status_code == 400


def test_what_is_no_request_is_answered_all_the_same(manager, client):
    uid = manager.add(workitem())
    assert client.options("/").status_code == 200
    assert client.get("/nonsense").status_code == 404
    assert client.post("/workitems", content=b"no JSON").status_code == 400
    assert client.post(f"/workitems/{uid}", content=b"[1, 2]").status_code == 400
    assert state(client, uid, "PAUSED").status_code == 400
    assert state(client, uid, IN_PROGRESS, "").status_code == 400
    locked = client.post(f"/workitems/{uid}?Transaction-uid={LOCK}", json=put({}, "WorklistLabel", "X"))
    assert locked.status_code == 409
    assert client.post("/workitems/1.9/subscribers/A").status_code == 404
    rejected = put({}, "ProcedureStepDiscontinuationReasonCodeSequence", code("110530", "DCM", "Rejected"))
    assert client.post(f"/workitems/{uid}/cancelrequest", json=[rejected]).status_code == 202
    assert client.post(f"/workitems/{uid}/cancelrequest").status_code == 202
    reason = "ProcedureStepProgressInformationSequence.ProcedureStepDiscontinuationReasonCodeSequence"
    assert codes(manager.item(uid).content, reason) == [("110530", "DCM")]
    done = manager.add(workitem())
    manager.change(done, put({}, "ProcedureStepState", COMPLETED))
    assert client.post(f"/workitems/{done}/cancelrequest").status_code == 409


def test_a_notification_connection_is_refused_when_it_is_told_so(manager):
    manager.fail(Fault(manager.when("channel"), status=403))
    with pytest.raises(InvalidStatus):
        connect(manager.url.replace("http", "ws") + "/subscribers/WATCHER", compression=None)


def test_a_port_that_is_taken_is_said_so(manager):
    port = int(manager.url.split(":")[2].split("/")[0])
    with pytest.raises(Unavailable, match="cannot listen"):
        Manager("127.0.0.1", port)
