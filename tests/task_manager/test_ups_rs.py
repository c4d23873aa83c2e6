"""UPS-RS as a foreign client sees it (PS3.18 chapter 11): status, Warning, headers, for every cell of the table."""

import json
from datetime import UTC, datetime

import pytest

from connectathon.workitems import new_workitem, performed
from profiles.dicom import new_uid
from profiles.errors import error_row
from profiles.tables import read_table

JSON = "application/dicom+json"
CELLS = read_table("profiles.ups", "transitions")
STATES = {"claim": "IN PROGRESS", "schedule": "SCHEDULED", "complete": "COMPLETED", "cancel": "CANCELED"}
DONE = {"create": 201, "request-cancel": 202}


def ask(manager, request, uid, transaction):
    if request == "create":
        return manager.post("/workitems", new_workitem(now=datetime.now(UTC)), query=f"workitem={uid}")
    if request == "update":
        named = f"transaction-uid={transaction}" if transaction else None
        return manager.post(f"/workitems/{uid}", performed(datetime.now(UTC)), query=named)
    if request == "request-cancel":
        return manager.http.post(f"/workitems/{uid}/cancelrequest")
    return manager.change_state(uid, STATES[request], transaction)


def is_of_a_performer_that_hears(cell):
    return cell["outcome"] == "accepted" and cell["state"] == "IN PROGRESS"


@pytest.mark.parametrize("cell", CELLS, ids=[cell["id"] for cell in CELLS])
@pytest.mark.requirement(
    *("AIWI-TM-001", "AIWI-TM-003", "AIWI-TM-017", "AIWI-TM-018", "AIWI-TM-019", "AIWI-TM-021", "AIWI-TM-022"),
    *("AIWI-TM-023", "AIWI-TM-025", "AIWI-TM-026", "AIWI-TM-027", "AIWI-TM-028", "AIWI-TM-029", "AIWI-TM-030"),
    *("AIWI-TM-034", "AIWI-TM-036", "AIWI-TM-039", "AIWI-TM-040", "AIWI-TM-041", "AIWI-TM-044", "AIWI-TM-047"),
    *("AIWI-TM-048", "UPS-105", "UPS-106", "UPS-107", "UPS-108", "UPS-109", "UPS-110", "UPS-111", "UPS-112"),
)
def test_status_and_warning_are_those_of_the_cell(cell, task_manager):
    transaction = new_uid()
    uid = task_manager.workitem_in(cell["state"], transaction)
    if cell["effect"] == "complete":
        ask(task_manager, "update", uid, transaction)
    if is_of_a_performer_that_hears(cell):
        assert task_manager.http.post(f"/workitems/{uid}/subscribers/PERFORMER").status_code == 201
    used = {"ok": transaction, "wrong": new_uid()}.get(cell["transaction_uid"])
    answer = ask(task_manager, cell["request"], uid, used)
    if cell["outcome"] in ("done", "accepted"):
        assert answer.status_code == DONE.get(cell["request"], 200)
        assert "Warning" not in answer.headers
        assert not answer.content
    else:
        row = error_row(cell["outcome"])
        assert answer.status_code == row.http
        expected = f"299 {task_manager.base}: {row.warning}" if row.warning else None
        assert answer.headers.get("Warning") == expected


@pytest.mark.requirement("AIWI-TM-046", "UPS-068", "UPS-114")
def test_a_request_to_cancel_is_refused_when_nobody_hears_of_it(task_manager):
    transaction = new_uid()
    uid = task_manager.workitem_in("IN PROGRESS", transaction)
    answer = ask(task_manager, "request-cancel", uid, None)
    assert answer.status_code == 409
    assert answer.headers["Warning"] == f"299 {task_manager.base}: The performer cannot be contacted."
    assert task_manager.state(uid) == "IN PROGRESS"


@pytest.mark.requirement("AIWI-TM-045", "UPS-068", "UPS-138")
def test_a_request_to_cancel_is_taken_when_the_performer_is_subscribed_and_changes_no_state(task_manager):
    transaction = new_uid()
    uid = task_manager.workitem_in("IN PROGRESS", transaction)
    task_manager.http.post(f"/workitems/{uid}/subscribers/PERFORMER")
    answer = task_manager.http.post(
        f"/workitems/{uid}/cancelrequest?requester=REQUESTER",
        content=json.dumps([{"00741238": {"vr": "LT", "Value": ["order withdrawn"]}}]),
        headers={"Content-Type": JSON},
    )
    assert (answer.status_code, answer.content) == (202, b"")
    assert task_manager.state(uid) == "IN PROGRESS"


@pytest.mark.requirement("UPS-001", "UPS-101")
def test_creation_names_the_new_workitem_and_warns_when_it_was_completed(task_manager):
    dataset = new_workitem(now=datetime.now(UTC))
    dataset["00741202"] = {"vr": "LO"}
    answer = task_manager.post("/workitems", dataset)
    assert answer.status_code == 201
    uid = answer.headers["Location"].removeprefix(f"{task_manager.base}/workitems/")
    assert answer.headers["Warning"].endswith(error_row("created-with-modifications").warning)
    assert task_manager.retrieve(uid)["00741202"]["Value"] == ["WORKLIST"]


@pytest.mark.parametrize("query", ["{uid}", "workitem={uid}", "AffectedSOPInstanceUID={uid}"])
def test_the_workitem_uid_of_a_creation_is_taken_in_each_form_that_peers_use(query, task_manager):
    uid = new_uid()
    assert task_manager.create(uid=query.format(uid=uid)) == uid


@pytest.mark.parametrize("query", ["{uid}", "transaction-uid={uid}", "transaction={uid}", "in the dataset"])
def test_the_transaction_uid_of_an_update_is_taken_in_each_form_that_peers_use(query, task_manager):
    transaction = new_uid()
    uid = task_manager.workitem_in("IN PROGRESS", transaction)
    changes = {"00741204": {"vr": "LO", "Value": ["changed"]}}
    if query == "in the dataset":
        changes["00081195"] = {"vr": "UI", "Value": [transaction]}
    named = query.format(uid=transaction) if "{" in query else None
    assert task_manager.post(f"/workitems/{uid}", changes, named).status_code == 200
    assert task_manager.retrieve(uid)["00741204"]["Value"] == ["changed"]


def test_two_transaction_uids_that_differ_are_refused(task_manager):
    uid = task_manager.workitem_in("IN PROGRESS", transaction := new_uid())
    changes = {"00081195": {"vr": "UI", "Value": [new_uid()]}}
    assert task_manager.post(f"/workitems/{uid}", changes, f"transaction-uid={transaction}").status_code == 400


@pytest.mark.requirement("AIWI-TM-006")
def test_the_transaction_uid_is_in_no_answer_no_log_line_and_no_event(task_manager):
    transaction = new_uid()
    uid = task_manager.workitem_in("COMPLETED", transaction)
    refused = task_manager.post(f"/workitems/{uid}", {}, transaction)
    answers = [
        refused,
        task_manager.http.get(f"/workitems/{uid}"),
        task_manager.http.get("/workitems", params={"SOPInstanceUID": uid, "includefield": "all"}),
        task_manager.http.get("/workitems", params={"TransactionUID": transaction}),
    ]
    for answer in answers:
        assert transaction not in answer.text + str(answer.headers)
    assert transaction not in task_manager.log.read_text()
    assert not any(transaction in message for message in task_manager.spooled())


@pytest.mark.requirement("UPS-117")
def test_a_search_matches_pages_and_says_how_much_remains(task_manager):
    label = new_uid()[-16:]
    made = [task_manager.create(new_workitem(now=datetime.now(UTC), label=label)) for _ in range(5)]
    first = task_manager.http.get("/workitems", params={"WorklistLabel": label, "limit": 3})
    assert [one["00080018"]["Value"][0] for one in first.json()] == made[:3]
    assert first.headers["Warning"].endswith("There are 2 additional results that can be requested")
    rest = task_manager.http.get("/workitems", params={"00741202": label, "limit": 3, "offset": 3})
    assert [one["00080018"]["Value"][0] for one in rest.json()] == made[3:]
    assert "Warning" not in rest.headers
    nothing = task_manager.http.get("/workitems", params={"WorklistLabel": label, "ProcedureStepState": "CANCELED"})
    assert (nothing.status_code, nothing.content) == (204, b"")
    nested = task_manager.http.get(
        "/workitems", params={"WorklistLabel": label, "ScheduledWorkitemCodeSequence.CodeValue": "BRAINSEG"}
    )
    assert len(nested.json()) == 5


@pytest.mark.parametrize(
    ("what", "status", "words"),
    [
        (b"", 400, "not JSON"),
        (b"{", 400, "not JSON"),
        (b"[]", 400, "one dataset"),
        (b"[{}, {}]", 400, "one dataset"),
        (b'"text"', 400, "one dataset"),
        (b'{"PatientID": {"vr": "LO"}}', 400, "is no tag"),
        (b'{"00100020": "X"}', 400, "has no vr"),
        (b'{"00100020": {"vr": "LO", "Value": "X"}}', 400, "must be an array"),
        (b'{"0040A370": {"vr": "SQ", "Value": ["X"]}}', 400, "must be an item"),
        (b'{"00741000": {"vr": "CS", "Value": ["IN PROGRESS"]}}', 400, "must be SCHEDULED"),
        (b"{}", 400, "ScheduledProcedureStepPriority"),
        (b'{"0040A370": {"vr": "SQ", "Value": [' * 40 + b"{}" + b"]}}" * 40, 400, "nested"),
        (b"x" * (5 * 2**20), 413, "larger"),
    ],
)
def test_a_payload_that_cannot_be_taken_is_refused_with_the_reason_and_audited(what, status, words, task_manager):
    before = len(task_manager.audited())
    answer = task_manager.http.post("/workitems", content=what, headers={"Content-Type": JSON})
    assert answer.status_code == status
    assert words in answer.text
    assert "PS3" in answer.text or status == 413
    assert len(task_manager.audited()) > before
    assert task_manager.logged("refused")[-1]["status"] == str(status)


def test_a_refusal_lists_every_finding_with_its_path_and_requirement(task_manager):
    dataset = new_workitem(now=datetime.now(UTC))
    del dataset["00741200"], dataset["00404041"]
    dataset["0040A370"]["Value"][0].pop("00080050")
    answer = task_manager.post("/workitems", dataset)
    findings = {one["path"]: one["rule"] for one in answer.json()["findings"]}
    assert set(findings) == {
        "ScheduledProcedureStepPriority",
        "InputReadinessState",
        "ReferencedRequestSequence[1].AccessionNumber",
    }
    assert all("CC.2.5-3 (UPS-" in rule for rule in findings.values())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Accept": "text/html"}, 406),
        ({"Accept": ""}, 406),
        ({"Accept": "*/*"}, 200),
        ({"Accept": "application/json, text/plain"}, 200),
    ],
)
def test_only_what_the_client_takes_is_answered(headers, status, task_manager):
    uid = task_manager.create()
    answer = task_manager.http.get(f"/workitems/{uid}", headers=headers)
    assert answer.status_code == status


@pytest.mark.parametrize("kind", ["text/plain", "application/dicom", ""])
def test_payloads_of_other_types_are_refused(kind, task_manager):
    body = json.dumps([new_workitem(now=datetime.now(UTC))])
    assert task_manager.http.post("/workitems", content=body, headers={"Content-Type": kind}).status_code == 415


@pytest.mark.parametrize("query", ["limit=-1", "limit=x", "offset=1.5", "TransactionUID=1.2", "DA=-"])
def test_a_search_that_cannot_be_understood_is_refused(query, task_manager):
    query = query.replace("DA=", "ScheduledProcedureStepStartDateTime=")
    task_manager.create()
    assert task_manager.http.get(f"/workitems?{query}").status_code == 400


def test_an_address_that_is_no_uid_is_refused(task_manager):
    assert task_manager.post("/workitems", new_workitem(now=datetime.now(UTC)), "workitem=..%2Fetc").status_code == 400
    assert task_manager.http.get("/workitems/nonsense").status_code == 400


def test_health_and_description_are_there_for_the_operator(task_manager):
    base = task_manager.base.removesuffix("/ups-rs")
    assert task_manager.http.get(f"{base}/health").json() == {"actor": "task_manager", "state": "ready"}
    assert "/ups-rs/workitems/{uid}/state" in task_manager.http.get(f"{base}/openapi.json").json()["paths"]
