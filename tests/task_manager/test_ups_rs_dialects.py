"""Dialects of peers (docs/dialects.md), methods that are not for a resource, and Retrieve Capabilities (PS3.18 8.9)."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from actors.shared.ups_face.dialects import Dialect, DialectLog
from actors.shared.ups_face.resources import RESOURCES
from connectathon.workitems import new_workitem
from profiles.dicom import new_uid
from profiles.dicom.native_xml import write_native
from profiles.ups.subscriptions import FILTERED_GLOBAL_SUBSCRIPTION, GLOBAL_SUBSCRIPTION

JSON = "application/dicom+json"
TYPE = {"Content-Type": JSON}
WADL = "application/vnd.sun.wadl+xml"
CAPABILITIES = {"Accept": "application/json"}
LABEL = {"00741204": {"vr": "LO", "Value": ["changed"]}}


def body(dataset):
    return json.dumps([dataset])


def state(transaction):
    return body({"00741000": {"vr": "CS", "Value": ["IN PROGRESS"]}, "00081195": {"vr": "UI", "Value": [transaction]}})


def create(manager, query="", content=None, kind=JSON):
    content = content or body(new_workitem(now=datetime.now(UTC)))
    return manager.http.post(f"/workitems?{query}", content=content, headers={"Content-Type": kind})


def update(manager, query="{}", **inside):
    uid = manager.workitem_in("IN PROGRESS", transaction := new_uid())
    content = body({**LABEL, **({"00081195": {"vr": "UI", "Value": [transaction]}} if inside else {})})
    return manager.http.post(f"/workitems/{uid}?{query.format(transaction)}", content=content, headers=TYPE)


def claim(manager, form):
    uid = manager.create()
    return manager.http.put(f"/workitems/{uid}/state{form}", content=state(new_uid()), headers=TYPE)


SPOKEN = {
    Dialect.CREATE_UID_BARE: lambda manager: create(manager, new_uid()),
    Dialect.CREATE_UID_AFFECTED: lambda manager: create(manager, f"AffectedSOPInstanceUID={new_uid()}"),
    Dialect.TRANSACTION_UID_2019B: lambda manager: update(manager, "transaction-uid={}"),
    Dialect.TRANSACTION_UID_2014C: lambda manager: update(manager, "transaction={}"),
    Dialect.TRANSACTION_UID_BARE: lambda manager: update(manager, "{}"),
    Dialect.TRANSACTION_UID_IN_DATASET: lambda manager: update(manager, "", inside=True),
    Dialect.REQUESTER_MISSING: lambda manager: claim(manager, ""),
    Dialect.REQUESTER_IN_PATH: lambda manager: claim(manager, "/PERFORMER"),
    Dialect.FILTER_AS_PARAMETERS: lambda manager: manager.http.post(
        f"/workitems/{FILTERED_GLOBAL_SUBSCRIPTION}/subscribers/W1?WorklistLabel=NONE"
    ),
    Dialect.PAYLOAD_OBJECT: lambda manager: create(manager, content=json.dumps(new_workitem(now=datetime.now(UTC)))),
    Dialect.PAYLOAD_PLAIN_JSON: lambda manager: create(manager, kind="application/json"),
    Dialect.PAYLOAD_PLAIN_XML: lambda manager: create(
        manager, content=write_native(new_workitem(now=datetime.now(UTC))), kind="application/dicom+xml"
    ),
    Dialect.PLUS_IN_DATE_TIME: lambda manager: manager.http.get(
        "/workitems?ScheduledProcedureStepStartDateTime=20260101120000+0100-"
    ),
}


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.requirement("AIWI-TM-001", "AIWI-TM-017", "AIWI-TM-028", "AIWI-TM-063")
def test_each_dialect_is_understood(dialect, task_manager):
    answer = SPOKEN[dialect](task_manager)
    assert answer.is_success, answer.text


def test_a_dialect_is_logged_once_for_each_peer_and_shown_with_the_capabilities(mortal_task_manager):
    manager = mortal_task_manager.start()

    def dialects():
        return manager.http.options("/", headers=CAPABILITIES).json()["dialects"]

    assert dialects()["understood"] == [str(one) for one in Dialect]
    assert dialects()["seen"] == {}
    for _ in range(2):
        for speak in SPOKEN.values():
            speak(manager)
    logged = [(line["peer"], line["dialect"]) for line in manager.logged("dialect-seen")]
    assert sorted(logged) == sorted(("127.0.0.1", str(one)) for one in Dialect)
    assert dialects()["seen"] == {"127.0.0.1": sorted(Dialect)}


def test_the_newest_edition_is_no_dialect(mortal_task_manager):
    manager = mortal_task_manager.start()
    uid, transaction = new_uid(), new_uid()
    assert create(manager, f"workitem={uid}").status_code == 201
    claimed = manager.http.put(f"/workitems/{uid}/state?requester=AI", content=state(transaction), headers=TYPE)
    assert claimed.status_code == 200
    updated = manager.http.post(f"/workitems/{uid}?Transaction-uid={transaction}", content=body(LABEL), headers=TYPE)
    assert updated.status_code == 200
    filtered = f"/workitems/{FILTERED_GLOBAL_SUBSCRIPTION}/subscribers/AI?filter=WorklistLabel=NONE"
    assert manager.http.post(filtered).status_code == 201
    assert manager.logged("dialect-seen") == []


def test_no_more_peers_are_remembered_than_a_house_has():
    log = DialectLog()
    for number in range(5000):
        log.note(f"10.0.{number // 256}.{number % 256}", Dialect.PAYLOAD_OBJECT)
    assert len(log.seen()) == 4096


def test_the_documentation_names_every_dialect():
    text = (Path(__file__).parents[2] / "docs" / "dialects.md").read_text()
    assert [one for one in Dialect if f"`{one}`" not in text] == []


CONFLICTS = {
    "two workitem UIDs": lambda manager: create(manager, f"workitem={new_uid()}&AffectedSOPInstanceUID={new_uid()}"),
    "two bare UIDs": lambda manager: create(manager, f"{new_uid()}&{new_uid()}"),
    "two Transaction UIDs": lambda manager: update(manager, "transaction={}&Transaction-uid=1.2"),
    "two requesters": lambda manager: claim(manager, "/ONE?requester=TWO"),
    "a requester that is no AE title": lambda manager: claim(manager, "?requester=ABCDEFGHIJKLMNOPQ"),
    "a UID that is none": lambda manager: create(manager, "workitem=1.2.x"),
    "a UID that is too long": lambda manager: create(manager, f"workitem={'1' * 65}"),
}


@pytest.mark.parametrize("asked", CONFLICTS.values(), ids=CONFLICTS)
def test_what_is_said_twice_differently_or_wrongly_is_refused(asked, task_manager):
    answer = asked(task_manager)
    assert answer.status_code == 400
    assert "PS3" in answer.json()["message"]


def test_the_same_uid_said_twice_is_taken(task_manager):
    uid = new_uid()
    assert create(task_manager, f"workitem={uid}&AffectedSOPInstanceUID={uid}").status_code == 201


PLACES = [resource.template.format(uid="1.2.3", aetitle="W1", requester="W1") for resource in RESOURCES]


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.requirement("AIWI-TM-083")
def test_a_method_that_is_not_for_a_resource_is_refused_with_those_that_are(path, task_manager):
    (resource,) = (one for one, place in zip(RESOURCES, PLACES, strict=True) if place == path)
    allowed = resource.allowed.split(", ")
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "SEARCH"} - set(allowed):
        answer = task_manager.http.request(method, path, content=b"[{}]", headers=TYPE)
        assert answer.status_code == 405
        assert answer.headers["Allow"] == resource.allowed


@pytest.mark.requirement("AIWI-TM-083")
def test_head_is_get_without_a_payload(task_manager):
    uid = task_manager.create()
    path = f"/workitems/{uid}"
    got, head = task_manager.http.get(path), task_manager.http.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Type"] == got.headers["Content-Type"]
    assert task_manager.http.head("/workitems").status_code == 200
    assert task_manager.http.head(f"/workitems/{new_uid()}").status_code == 404


def test_a_path_below_the_service_that_is_no_resource_is_not_found(task_manager):
    for path in ("/workitem", "/workitems/1.2/states", "/workitems/1.2/subscribers", "/workitems//state", "/a/b/c/d/e"):
        assert task_manager.http.get(path).status_code == 404


def paths(resources, at=""):
    for one in resources:
        here = f"{at}/{one['path']}"
        yield here, {method["transaction"] for method in one["methods"]}
        yield from paths(one["resources"], here)


TREE = {
    "/workitems": {"Search", "Create"},
    "/workitems/{uid}": {"Retrieve", "Update"},
    "/workitems/{uid}/state": {"Change State"},
    "/workitems/{uid}/cancelrequest": {"Request Cancellation"},
    "/workitems/{uid}/subscribers/{aetitle}": {"Subscribe", "Unsubscribe"},
    **{
        f"/workitems/{uid}/subscribers/{{aetitle}}{end}": names
        for uid in (GLOBAL_SUBSCRIPTION, FILTERED_GLOBAL_SUBSCRIPTION)
        for end, names in {"": {"Subscribe", "Unsubscribe"}, "/suspend": {"Suspend Global Subscription"}}.items()
    },
    "/": {"Retrieve Capabilities"},
}


@pytest.mark.parametrize("path", ["/", ""])
@pytest.mark.requirement("AIWI-TM-083")
def test_the_capabilities_show_the_resources_and_what_the_service_can_do(path, task_manager):
    url = f"{task_manager.base}{path}"
    answer = task_manager.http.request("OPTIONS", url, headers=CAPABILITIES)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    document = answer.json()
    assert {at: names for at, names in paths(document["resources"]) if names} == TREE
    assert document["service"] == task_manager.base
    assert document["characterSets"] == ["ISO_IR 192"]
    assert document["matching"]["fuzzymatching"] is True
    assert document["matching"]["emptyvaluematching"] is False
    address = f"ws{task_manager.base.removeprefix('http')}/subscribers/{{requester}}"
    assert document["notification"]["webSocket"] == address


@pytest.mark.requirement("AIWI-TM-083")
def test_the_capabilities_are_wadl_to_whom_asks_for_it(task_manager):
    answer = task_manager.http.options("/", headers={"Accept": WADL})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, WADL)
    root = etree.fromstring(answer.content)
    names = {"w": "http://wadl.dev.java.net/2009/02"}
    assert root.xpath("name()") == "application"
    (resources,) = root.xpath("w:resources", namespaces=names)
    assert resources.get("base") == task_manager.base
    methods = {one.get("id"): one.get("name") for one in root.xpath("//w:method", namespaces=names)}
    assert methods == {
        **dict.fromkeys(("Search", "Retrieve"), "GET"),
        **dict.fromkeys(("Create", "Update", "RequestCancellation", "Subscribe", "SuspendGlobalSubscription"), "POST"),
        "ChangeState": "PUT",
        "Unsubscribe": "DELETE",
        "RetrieveCapabilities": "OPTIONS",
    }


@pytest.mark.requirement("AIWI-TM-083")
def test_capabilities_that_the_caller_knows_are_not_sent_again(task_manager):
    first = task_manager.http.options("/", headers=CAPABILITIES)
    tag = first.headers["ETag"]
    for known in (tag, f'"other", W/{tag}', "*"):
        again = task_manager.http.options("/", headers={**CAPABILITIES, "If-None-Match": known})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    other = task_manager.http.options("/", headers={**CAPABILITIES, "If-None-Match": '"other"'})
    assert other.status_code == 200
    assert task_manager.http.options("/", headers={"Accept": "image/png"}).status_code == 406
    assert task_manager.http.options("/", headers={"Accept": ""}).status_code == 406
