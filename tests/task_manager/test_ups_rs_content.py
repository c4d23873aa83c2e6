"""What a creation and an update may hold, and what of it comes back (PS3.18 11.4 to 11.6, PS3.4 Table CC.2.5-3)."""

import json
from datetime import UTC, datetime

import pytest

from connectathon.workitems import new_workitem, performed
from profiles.dicom import new_uid, put, tag_of
from profiles.errors import error_row
from profiles.ups.attributes import attribute_rules
from tests.contract.http import Service
from workitems.store import Store, sqlite_url

TYPE = {"Content-Type": "application/dicom+json"}
TYPE_1 = [
    "ScheduledProcedureStepPriority",
    "ProcedureStepLabel",
    "ScheduledProcedureStepStartDateTime",
    "InputReadinessState",
]
TYPE_2 = [rule.path[0] for rule in attribute_rules() if len(rule.path) == 1 and rule.ncreate.startswith("2/")]
NOT_TO_BE_UPDATED = ["PatientName", "PatientID", "SOPClassUID", "ReferencedRequestSequence", "AdmissionID"]
FINAL = [
    "PerformedStationNameCodeSequence",
    "PerformedProcedureStepStartDateTime",
    "PerformedProcedureStepEndDateTime",
    "PerformedWorkitemCodeSequence",
    "OutputInformationSequence",
]


def workitem(**values):
    dataset = new_workitem(now=datetime.now(UTC))
    for keyword, value in values.items():
        put(dataset, keyword, *value if isinstance(value, list) else [value])
    return dataset


def without(dataset, *keywords):
    return {tag: element for tag, element in dataset.items() if tag not in {tag_of(one) for one in keywords}}


@pytest.fixture
def refused(task_manager):
    """Creates a workitem that must be refused, and sees that nothing came of it."""

    def check(dataset):
        uid = new_uid()
        answer = task_manager.post("/workitems", dataset, f"workitem={uid}")
        assert answer.status_code == 400, answer.text
        assert task_manager.http.get(f"/workitems/{uid}").status_code == 404
        return answer

    return check


def in_order(dataset):
    below = [item for element in dataset.values() if element["vr"] == "SQ" for item in element.get("Value", [])]
    return list(dataset) == sorted(dataset) and all(map(in_order, below))


@pytest.mark.requirement("AIWI-TM-013")
@pytest.mark.parametrize("query", ["", "?includefield=all"])
def test_attributes_come_in_the_order_of_their_tags_at_every_depth(task_manager, query):
    """PS3.18 section F.2.2."""
    sent, uid = workitem(), new_uid()
    [request] = sent[tag_of("ReferencedRequestSequence")]["Value"]
    sent[tag_of("ReferencedRequestSequence")]["Value"] = [dict(sorted(request.items(), reverse=True))]
    task_manager.post("/workitems", dict(sorted(sent.items(), reverse=True)), f"workitem={uid}")
    found = task_manager.http.get(f"/workitems{query}" if query else f"/workitems/{uid}").json()
    assert [in_order(one) for one in found if one[tag_of("SOPInstanceUID")]["Value"] == [uid]] == [True]


@pytest.mark.requirement("AIWI-TM-001", "AIWI-TM-013")
def test_a_workitem_comes_back_as_it_was_sent_with_what_the_server_fills(task_manager):
    sent, uid = workitem(), new_uid()
    created = task_manager.post("/workitems", sent, f"workitem={uid}")
    assert created.headers["Location"] == f"{task_manager.base}/workitems/{uid}"
    found = task_manager.http.get(created.headers["Location"])
    assert (found.status_code, found.headers["Content-Type"]) == (200, "application/dicom+json")
    (got,) = found.json()
    filled = {tag_of(one) for one in ("SOPClassUID", "SOPInstanceUID", "ScheduledProcedureStepModificationDateTime")}
    assert set(got) - set(sent) == filled
    assert {tag: got[tag] for tag in sent if tag in got} == without(sent, "TransactionUID")
    assert got["00080016"]["Value"] == ["1.2.840.10008.5.1.4.34.6.1"]
    assert list(got) == sorted(got)


@pytest.mark.requirement("AIWI-TM-001")
def test_the_address_of_a_workitem_is_right_also_inside_another_application(tmp_path):
    store = Store(sqlite_url(tmp_path / "workitems.sqlite"))
    with Service(store, mounted_at="/deep/down") as service:
        created = service.http.post("/workitems", content=json.dumps([workitem()]), headers=TYPE)
        assert created.headers["Location"].startswith(f"{service.base}/workitems/2.25.")
        assert service.http.get(created.headers["Location"]).status_code == 200
        assert service.http.options("/").json()["service"] == service.base
    store.close()


@pytest.mark.requirement("AIWI-TM-001")
@pytest.mark.parametrize("host", ["worklist.example", "worklist.example:8443", "[::1]:8080"])
def test_the_address_of_a_workitem_is_below_the_host_that_the_caller_named(host, task_manager):
    created = task_manager.http.post("/workitems", content=json.dumps([workitem()]), headers={**TYPE, "Host": host})
    assert created.headers["Location"].startswith(f"http://{host}/ups-rs/workitems/")


@pytest.mark.requirement("AIWI-TM-002")
def test_the_workitem_uid_may_be_in_the_payload_only(task_manager):
    uid = new_uid()
    assert task_manager.create(workitem(SOPInstanceUID=uid)) == uid


@pytest.mark.requirement("AIWI-TM-002")
def test_a_workitem_uid_in_the_payload_that_differs_from_the_address_is_refused(task_manager):
    answer = task_manager.post("/workitems", workitem(SOPInstanceUID=new_uid()), f"workitem={new_uid()}")
    assert answer.status_code == 400


@pytest.mark.requirement("AIWI-TM-003")
def test_a_second_creation_of_a_uid_changes_nothing(task_manager):
    uid = task_manager.create(workitem(ProcedureStepLabel="first"))
    answer = task_manager.post("/workitems", workitem(ProcedureStepLabel="second"), f"workitem={uid}")
    assert answer.status_code == 409
    assert task_manager.retrieve(uid)["00741204"]["Value"] == ["first"]


@pytest.mark.parametrize("state", ["IN PROGRESS", "COMPLETED", "CANCELED", None])
@pytest.mark.requirement("AIWI-TM-004")
def test_a_workitem_begins_in_state_scheduled(state, refused):
    refused(workitem(ProcedureStepState=state) if state else without(workitem(), "ProcedureStepState"))


@pytest.mark.parametrize("keyword", TYPE_1)
@pytest.mark.requirement("AIWI-TM-005")
def test_an_attribute_of_type_1_must_be_there_with_a_value(keyword, refused):
    assert keyword in refused(without(workitem(), keyword)).text
    assert keyword in refused(workitem(**{keyword: []})).text


@pytest.mark.parametrize(
    ("keyword", "value"), [("ScheduledProcedureStepPriority", "URGENT"), ("InputReadinessState", "MAYBE")]
)
@pytest.mark.requirement("AIWI-TM-006")
def test_a_value_that_is_none_of_the_enumerated_ones_is_refused(keyword, value, refused):
    assert keyword in refused(workitem(**{keyword: value})).text


@pytest.mark.parametrize(
    "element",
    [
        {"00081195": {"vr": "UI", "Value": ["1.2.3"]}},
        {"00741002": {"vr": "SQ", "Value": [{"00741004": {"vr": "DS", "Value": [50]}}]}},
        {"00741216": {"vr": "SQ", "Value": [{"00404050": {"vr": "DT", "Value": ["20260101"]}}]}},
    ],
)
@pytest.mark.requirement("AIWI-TM-007")
def test_what_must_be_empty_at_creation_may_have_no_value(element, refused):
    refused({**workitem(), **element})


@pytest.mark.parametrize("keyword", TYPE_2)
@pytest.mark.requirement("AIWI-TM-087")
def test_an_attribute_of_type_2_must_be_there(keyword, refused):
    assert keyword in refused(without(workitem(), keyword)).text


@pytest.mark.parametrize("name", ["Müller^Jürgen", "Чайковский^Пётр", "山田^太郎"])
@pytest.mark.requirement("AIWI-TM-011")
def test_names_of_all_scripts_come_back_unchanged(name, task_manager):
    groups = {"Alphabetic": "Yamada^Tarou", "Ideographic": name}
    uid = task_manager.create(workitem(SpecificCharacterSet="ISO_IR 192", PatientName=[groups]))
    assert task_manager.retrieve(uid)["00100010"]["Value"] == [groups]


@pytest.mark.requirement("AIWI-TM-012")
def test_a_workitem_with_500_input_references_is_kept_whole(task_manager):
    references = [
        {
            "00081150": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
            "00081155": {"vr": "UI", "Value": [new_uid()]},
        }
        for _ in range(500)
    ]
    inputs = {
        "00081199": {"vr": "SQ", "Value": references},
        "0020000D": {"vr": "UI", "Value": [new_uid()]},
        "0020000E": {"vr": "UI", "Value": [new_uid()]},
        "0040E020": {"vr": "CS", "Value": ["DICOM"]},
        "0040E021": {"vr": "SQ", "Value": [{"00080054": {"vr": "AE", "Value": ["ARCHIVE"]}}]},
    }
    uid = task_manager.create({**workitem(), "00404021": {"vr": "SQ", "Value": [inputs]}})
    (got,) = task_manager.retrieve(uid)["00404021"]["Value"]
    assert got["00081199"]["Value"] == references


@pytest.mark.requirement("AIWI-TM-014")
def test_the_transaction_uid_is_not_disclosed_after_a_claim(task_manager):
    transaction = new_uid()
    uid = task_manager.workitem_in("IN PROGRESS", transaction)
    found = task_manager.http.get("/workitems", params={"SOPInstanceUID": uid, "includefield": "TransactionUID"})
    assert "00081195" not in task_manager.retrieve(uid)
    assert "00081195" not in found.json()[0]
    assert transaction not in found.text


@pytest.mark.parametrize("state", ["DONE", None])
@pytest.mark.requirement("AIWI-TM-024")
def test_a_state_that_is_none_or_missing_is_refused(state, task_manager):
    uid = task_manager.create()
    body = {"00081195": {"vr": "UI", "Value": [new_uid()]}}
    if state:
        body["00741000"] = {"vr": "CS", "Value": [state]}
    answer = task_manager.http.put(f"/workitems/{uid}/state", content=json.dumps([body]), headers=TYPE)
    assert answer.status_code == 400
    assert task_manager.state(uid) == "SCHEDULED"


@pytest.mark.requirement("AIWI-TM-026")
def test_an_update_changes_what_it_names_and_the_time_of_modification(task_manager):
    uid = task_manager.create()
    before = task_manager.retrieve(uid)
    answer = task_manager.post(f"/workitems/{uid}", {"00741204": {"vr": "LO", "Value": ["other"]}})
    assert (answer.status_code, answer.content) == (200, b"")
    after = task_manager.retrieve(uid)
    assert {tag for tag in after if after[tag] != before.get(tag)} == {"00741204", "00404010"}
    assert after["00404010"]["Value"] > before["00404010"]["Value"]


@pytest.mark.parametrize("keyword", ["ProcedureStepState", *NOT_TO_BE_UPDATED])
@pytest.mark.requirement("AIWI-TM-031", "AIWI-TM-032")
def test_an_update_of_what_may_not_be_updated_is_refused_whole(keyword, task_manager):
    uid = task_manager.create()
    before = task_manager.retrieve(uid)
    forbidden = {tag_of(keyword): before[tag_of(keyword)]}
    answer = task_manager.post(f"/workitems/{uid}", {"00741204": {"vr": "LO", "Value": ["other"]}, **forbidden})
    assert answer.status_code == 400
    assert keyword in answer.text
    assert task_manager.retrieve(uid) == before


@pytest.mark.requirement("AIWI-TM-033")
def test_an_update_replaces_a_sequence_whole(task_manager):
    def destinations(*names):
        stores = [{"00404071": {"vr": "SQ", "Value": [{"21000140": {"vr": "AE", "Value": [one]}}]}} for one in names]
        return {"00404070": {"vr": "SQ", "Value": stores}}

    uid = task_manager.create({**workitem(), **destinations("ONE", "TWO", "THREE")})
    assert task_manager.post(f"/workitems/{uid}", destinations("ONE")).status_code == 200
    assert task_manager.retrieve(uid)["00404070"] == destinations("ONE")["00404070"]


@pytest.mark.requirement("AIWI-TM-035")
def test_progress_is_kept_as_the_performer_tells_it(task_manager):
    transaction = new_uid()
    uid = task_manager.workitem_in("IN PROGRESS", transaction)
    for progress in (0, 50, 100):
        item = {
            "00741004": {"vr": "DS", "Value": [progress]},
            "00741006": {"vr": "ST", "Value": [f"slice {progress}"]},
        }
        told = {"00741002": {"vr": "SQ", "Value": [item]}}
        assert task_manager.post(f"/workitems/{uid}", told, f"Transaction-uid={transaction}").status_code == 200
        assert task_manager.retrieve(uid)["00741002"]["Value"] == [item]


@pytest.mark.parametrize("missing", [None, *FINAL])
@pytest.mark.requirement("AIWI-TM-037", "AIWI-TM-038")
def test_a_workitem_is_not_completed_without_what_its_final_state_requires(missing, task_manager):
    transaction = new_uid()
    uid = task_manager.workitem_in("IN PROGRESS", transaction)
    if missing:
        done = performed(datetime.now(UTC))
        del done["00741216"]["Value"][0][tag_of(missing)]
        task_manager.post(f"/workitems/{uid}", done, f"Transaction-uid={transaction}")
    answer = task_manager.change_state(uid, "COMPLETED", transaction)
    assert answer.status_code == 409
    assert answer.headers["Warning"].endswith(error_row("final-state-requirements").warning)
    assert missing is None or missing in answer.text
    assert task_manager.state(uid) == "IN PROGRESS"


@pytest.mark.requirement("AIWI-TM-042", "AIWI-TM-043")
@pytest.mark.parametrize("reason", ["110521", None])
def test_a_canceled_workitem_has_a_time_and_a_reason_given_or_not(reason, task_manager):
    transaction = new_uid()
    uid = task_manager.workitem_in("IN PROGRESS", transaction)
    if reason:
        code = {
            "00080100": {"vr": "SH", "Value": [reason]},
            "00080102": {"vr": "SH", "Value": ["DCM"]},
            "00080104": {"vr": "LO", "Value": ["Objects incorrectly formatted"]},
        }
        progress = {"0074100E": {"vr": "SQ", "Value": [code]}}
        told = {"00741002": {"vr": "SQ", "Value": [progress]}}
        assert task_manager.post(f"/workitems/{uid}", told, f"Transaction-uid={transaction}").status_code == 200
    assert task_manager.change_state(uid, "CANCELED", transaction).status_code == 200
    (progress,) = task_manager.retrieve(uid)["00741002"]["Value"]
    assert progress["00404052"]["Value"]
    (found,) = progress["0074100E"]["Value"]
    assert found["00080100"]["Value"] == [reason or "110513"]


@pytest.mark.requirement("AIWI-TM-044")
def test_a_canceled_request_keeps_its_reason_and_contact(task_manager):
    uid = task_manager.create()
    details = {
        "0074100A": {"vr": "UR", "Value": ["tel:+15550100"]},
        "0074100C": {"vr": "LO", "Value": ["Reading room"]},
        "00741238": {"vr": "LT", "Value": ["order withdrawn"]},
    }
    answer = task_manager.post(f"/workitems/{uid}/cancelrequest", details, "requester=REQUESTER")
    assert (answer.status_code, answer.content) == (202, b"")
    assert task_manager.state(uid) == "CANCELED"
    kept = json.dumps(task_manager.retrieve(uid))
    assert all(element["Value"][0] in kept for element in details.values())


@pytest.mark.requirement("AIWI-TM-049")
def test_a_request_to_cancel_may_be_empty_but_not_wrong(task_manager):
    uid = task_manager.create()
    wrong = task_manager.http.post(f"/workitems/{uid}/cancelrequest", content=b"[{", headers=TYPE)
    assert (wrong.status_code, task_manager.state(uid)) == (400, "SCHEDULED")
    assert task_manager.http.post(f"/workitems/{uid}/cancelrequest").status_code == 202
    assert task_manager.http.post(f"/workitems/{new_uid()}/cancelrequest").status_code == 404
