"""Requests over HTTP: FHIR ServiceRequest and Task of both versions, and a person who asks (orders.md 11.3)."""

import dataclasses
from importlib import import_module

import httpx
import pytest
import structlog
from typer.testing import CliRunner

from actors.shared.refusals import RefusalLog
from actors.task_requester.triggers.asking import Asking
from actors.task_requester.triggers.http import create_app, http_server
from actors.task_requester.triggers.standing import Standings
from connectathon.fiction import new_order
from connectathon.modality import mr_phantom_study, send_study
from connectathon.waiting import eventually, free_port
from profiles.dicom import Code, get_code, put, put_codes, put_items, text
from profiles.errors import BadInput
from profiles.fhir.elements import Version
from profiles.fhir.orders import read_request
from profiles.fhir.tasks import task_of, task_status
from stepwell.cli import app as command_line
from tests.task_requester.workshop import Workshop

BRAIN = "head-mr-brain-extraction"
VERSIONS = list(Version)
V2 = "http://terminology.hl7.org/CodeSystem/v2-0203"


def numbered(kind, value):
    return {"type": {"coding": [{"system": V2, "code": kind}]}, "system": "urn:oid:1.2.3", "value": value}


def study_reference(order):
    identifier = {"system": "urn:dicom:uid", "value": f"urn:oid:{order.study_instance_uid}"}
    return {"type": "ImagingStudy", "identifier": identifier}


def service_request(order, version, **changes):
    """An order as an EHR sends it."""
    is_r5 = version is Version.R5
    code = {"coding": [{"system": "http://snomed.info/sct", "code": "816077007", "display": "MR of head"}]}
    reason, study = {"text": "headache"}, study_reference(order)
    patient = {
        "resourceType": "Patient",
        "id": "p",
        "identifier": [{"value": order.patient_id, "assigner": {"display": order.issuer}}],
        "name": [{"family": "FICTIONAL", "given": ["ADA", "BEA"]}],
        "birthDate": "1970-01-01",
        "gender": "female",
    }
    return {
        "resourceType": "ServiceRequest",
        "contained": [patient],
        "identifier": [numbered("PLAC", order.placer_order_number), numbered("ACSN", order.accession_number)],
        "status": "active",
        "intent": "order",
        "priority": "stat",
        "subject": {"reference": "#p"},
        "code": {"concept": code} if is_r5 else code,
        **({"reason": [{"concept": reason}]} if is_r5 else {"reasonCode": [reason]}),
        "supportingInfo": [{"reference": study}] if is_r5 else [study],
        "requester": {"display": "REFERRER^FICTIONAL"},
        "occurrenceDateTime": "2026-03-01T10:00:00+01:00",
        "note": [{"text": "left handed"}],
        **changes,
    }


def task(order, code, **changes):
    """A request for one piece of work."""
    return {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "code": {"coding": [code]},
        "for": {"identifier": {"value": order.patient_id}},
        "focus": study_reference(order),
        **changes,
    }


class Desk:
    """A workshop with its HTTP face."""

    def __init__(self, shop, port):
        self.shop, self.order = shop, shop.order
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False)

    def send(self, resource, version=Version.R4B, name=""):
        """Create a resource, or update the one of that name."""
        url = f"/fhir/{version}/{resource['resourceType']}"
        if name:
            return self.client.put(f"{url}/{name}", json={**resource, "id": name})
        return self.client.post(url, json=resource)


@pytest.fixture
def desk(tmp_path, images, worklist):
    shop = Workshop(tmp_path / "task_requester", tmp_path, images, worklist)
    asking = Asking(shop.ledger, images, shop.follower._rules, shop.now)
    port = free_port()
    app = create_app(asking, Standings(shop.database, worklist), RefusalLog())
    with http_server(app, "127.0.0.1", port):
        made = Desk(shop, port)
        with made.client:
            yield made
    shop.database.close()


def issues(answer):
    """Elements that an OperationOutcome of either version names."""
    said = answer.json()
    for package in ("fhir.resources.R4B", "fhir.resources"):
        import_module(f"{package}.operationoutcome").OperationOutcome.model_validate(said)
    return [one["expression"][0] for one in said["issue"]]


@pytest.mark.requirement("HL7-067")
@pytest.mark.parametrize("version", VERSIONS)
def test_a_service_request_becomes_an_order_and_its_workitem(desk, worklist, version):
    answer = desk.send(service_request(desk.order, version), version)
    assert answer.status_code == 201, answer.text
    number = answer.json()["id"]
    assert answer.headers["Location"] == f"/fhir/{version}/ServiceRequest/{number}"
    known = desk.shop.ledger.content(desk.shop.ledger.order(int(number)))
    assert known.origin == "fhir"
    assert (known.placer.value, known.placer.universal_id) == (desk.order.placer_order_number, "1.2.3")
    assert (known.procedure, known.priority) == (Code("816077007", "SCT", "MR of head"), "S")
    assert (known.reason, known.comments) == ("headache", "left handed")
    assert known.requesting_physician.name == "REFERRER^FICTIONAL"
    assert (known.patient.name, known.patient.birth_date, known.patient.sex) == ("FICTIONAL^ADA^BEA", "19700101", "F")
    desk.shop.arrive(patient_id=desk.order.patient_id).work()
    (workitem,) = worklist.open().values()
    assert text(workitem, "ScheduledProcedureStepPriority") == "HIGH"
    read = desk.client.get(answer.headers["Location"]).json()
    package = "fhir.resources.R4B" if version is Version.R4B else "fhir.resources"
    import_module(f"{package}.servicerequest").ServiceRequest.model_validate(read)
    assert read["status"] == "active"


@pytest.mark.requirement("HL7-031")
@pytest.mark.parametrize("version", VERSIONS)
def test_a_service_request_is_changed_and_revoked(desk, worklist, version):
    first = service_request(desk.order, version)
    number = desk.send(first, version).json()["id"]
    desk.shop.arrive(patient_id=desk.order.patient_id).work()
    desk.shop.passed += 1
    assert desk.send({**first, "priority": "routine"}, version, number).status_code == 200
    desk.shop.work()
    assert desk.shop.ledger.content(desk.shop.ledger.order(int(number))).priority == "R"
    assert desk.send({**first, "status": "revoked"}, version, number).status_code == 200
    desk.shop.work()
    assert worklist.open() == {}
    assert desk.client.get(f"/fhir/{version}/ServiceRequest/{number}").json()["status"] == "revoked"


@pytest.mark.requirement("HL7-039")
@pytest.mark.parametrize(("status", "phase"), [("on-hold", "held"), ("completed", "active"), ("draft", None)])
def test_each_status_does_what_the_table_says(desk, status, phase):
    order = desk.order
    answer = desk.send(service_request(order, Version.R4B, status=status))
    assert answer.status_code == 201
    if phase:
        assert desk.shop.ledger.order(int(answer.json()["id"])).phase == phase
    else:
        assert answer.json()["id"] == "0", "a draft is kept by nobody"


@pytest.mark.requirement("HL7-071")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "code", [{"system": "urn:x:99STEPWELL", "code": "BRAINSEG"}, {"code": BRAIN}], ids=["workitem code", "rule"]
)
def test_a_task_asks_for_one_rule_and_follows_its_workitem(desk, worklist, version, code):
    answer = desk.send(task(desk.order, code), version)
    assert answer.status_code == 201, answer.text
    place = answer.headers["Location"]
    assert desk.client.get(place).json()["status"] == "received"
    desk.shop.arrive(patient_id=desk.order.patient_id, body_part="KNEE").work()
    (uid,) = worklist.open()
    assert get_code(worklist.workitems[uid], "ScheduledWorkitemCodeSequence").value == "BRAINSEG"
    assert desk.client.get(place).json()["status"] == "ready"
    worklist.states[uid] = "IN PROGRESS"
    assert desk.client.get(f"/fhir/{version}/Task/{uid}").json()["status"] == "in-progress"
    worklist.states[uid] = "COMPLETED"
    query = {"focus:identifier": f"urn:dicom:uid|urn:oid:{desk.order.study_instance_uid}"}
    found = desk.client.get(f"/fhir/{version}/Task", params=query).json()
    package = "fhir.resources.R4B" if version is Version.R4B else "fhir.resources"
    import_module(f"{package}.bundle").Bundle.model_validate(found)
    assert [one["resource"]["status"] for one in found["entry"]] == ["completed"]


@pytest.mark.requirement("HL7-071")
@pytest.mark.parametrize(
    ("state", "readiness", "begun", "status"),
    [
        ("SCHEDULED", "INCOMPLETE", False, "requested"),
        ("SCHEDULED", "UNAVAILABLE", False, "requested"),
        ("SCHEDULED", "READY", False, "ready"),
        ("IN PROGRESS", "READY", True, "in-progress"),
        ("COMPLETED", "READY", True, "completed"),
        ("CANCELED", "READY", False, "cancelled"),
        ("CANCELED", "READY", True, "failed"),
        ("", "", False, "requested"),
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_task_status_follows_the_state_of_the_workitem(state, readiness, begun, status, version):
    assert task_status(state, readiness, begun=begun) == status
    workitem = put(put({}, "ProcedureStepState", state or None), "InputReadinessState", readiness or None)
    put_codes(workitem, "ScheduledWorkitemCodeSequence", Code("A", "99STEPWELL", "A"))
    put(workitem, "PatientID", "P")
    put(workitem, "StudyInstanceUID", "1.2.3")
    if begun:
        put_items(workitem, "UnifiedProcedureStepPerformedProcedureSequence", {})
    made = task_of("1.2.3.4", workitem, version)
    package = "fhir.resources.R4B" if version is Version.R4B else "fhir.resources"
    import_module(f"{package}.task").Task.model_validate(made)
    assert made["status"] == status


@pytest.mark.requirement("HL7-067")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("changes", "element"),
    [
        ({"status": "done"}, "ServiceRequest.status"),
        ({"intent": "proposal"}, "ServiceRequest.intent"),
        ({"priority": "soon"}, "ServiceRequest.priority"),
        ({"doNotPerform": True}, "ServiceRequest.doNotPerform"),
        ({"implicitRules": "http://example.org/rules"}, "ServiceRequest.implicitRules"),
        ({"subject": {"reference": "Patient/1"}}, "ServiceRequest.subject.identifier"),
        ({"identifier": [], "supportingInfo": []}, "ServiceRequest.identifier"),
        ({"colour": "red"}, "ServiceRequest.colour"),
        ({"occurrenceDateTime": "soon"}, "ServiceRequest.occurrenceDateTime"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_refusal_names_the_element(desk, version, changes, element):
    answer = desk.send(service_request(desk.order, version, **changes), version)
    assert answer.status_code == 422
    assert issues(answer) == [element]
    assert desk.order.patient_id not in answer.text


@pytest.mark.requirement("HL7-067")
def test_a_study_that_is_no_uid_is_refused(desk):
    wrong = dataclasses.replace(desk.order, study_instance_uid="1.02.x")
    answer = desk.send(task(wrong, {"code": BRAIN}))
    assert (answer.status_code, issues(answer)) == (422, ["Task.focus.identifier"])


@pytest.mark.requirement("HL7-071")
def test_a_task_whose_code_no_rule_knows_is_refused(desk):
    answer = desk.send(task(desk.order, {"code": "MAKE-COFFEE"}))
    assert (answer.status_code, issues(answer)) == (422, ["Task.code"])


@pytest.mark.requirement("HL7-053")
def test_a_request_for_a_study_of_another_patient_is_a_conflict(desk):
    desk.shop.send()
    other = dataclasses.replace(desk.order, patient_id="SOMEBODY-ELSE")
    answer = desk.send(task(other, {"code": BRAIN}))
    assert answer.status_code == 409
    assert answer.json()["issue"][0]["code"] == "conflict"


@pytest.mark.requirement("HL7-067")
def test_what_cannot_be_a_request_is_refused(desk):
    url, client = "/fhir/R4B/ServiceRequest", desk.client
    assert client.post(url, content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
    json = {"Content-Type": "application/fhir+json"}
    for content, status in ((b"{", 400), (b"[]", 400), (b'{"a":"' + b"b" * 2**20 + b'"}', 413)):
        assert client.post(url, content=content, headers=json).status_code == status
    assert client.post("/fhir/R4B/Patient", json={"resourceType": "Patient"}).status_code == 404
    assert client.post(url, json={"resourceType": "Task"}).status_code == 422
    assert client.put(f"{url}/1", json={"resourceType": "ServiceRequest", "id": "2"}).status_code == 422
    assert client.get("/fhir/R4B/Task").status_code == 422
    assert client.get("/fhir/R4B/Task/99").status_code == 404
    assert client.get("/fhir/R4B/Task/1.2.3").status_code == 404
    assert client.get("/health").json()["state"] == "ready"
    with pytest.raises(BadInput):
        read_request({"resourceType": "Patient"}, Version.R5)


@pytest.mark.requirement("HL7-061")
def test_a_person_asks_for_a_rule_by_name(desk, worklist):
    desk.shop.arrive(patient_id=desk.order.patient_id, body_part="KNEE")
    wanted = {"study": desk.order.study_instance_uid, "rule": BRAIN, "priority": "stat"}
    answer = desk.client.post("/requests", json=wanted)
    assert answer.status_code == 201, answer.text
    assert desk.client.post("/requests", json=wanted).json()["order"] == answer.json()["order"]
    desk.shop.work()
    (workitem,) = worklist.open().values()
    assert text(workitem, "ScheduledProcedureStepPriority") == "HIGH"


@pytest.mark.requirement("HL7-061")
@pytest.mark.parametrize(
    ("changes", "status"),
    [({"rule": "none"}, 400), ({"priority": "soon"}, 400), ({"study": "1.2.3"}, 404), ({"study": 5}, 400)],
    ids=["rule", "priority", "study", "kind"],
)
def test_a_person_is_told_what_is_wrong_with_a_request(desk, changes, status):
    desk.shop.arrive(patient_id=desk.order.patient_id)
    wanted = {"study": desk.order.study_instance_uid, "rule": BRAIN, **changes}
    with structlog.testing.capture_logs() as logged:
        answer = desk.client.post("/requests", json=wanted)
    assert answer.status_code == status
    assert "refused" in [one["event"] for one in logged]


@pytest.mark.requirement("HL7-061")
def test_the_command_line_asks_a_running_requester(task_requester, archive_and_manager, tmp_path):
    archive, manager = archive_and_manager
    port, images = free_port(), free_port()
    triggers = {"dimse_port": images, "quiet_seconds": 3600.0, "http_port": port}
    running = task_requester(archive_url=archive, task_manager_url=manager, triggers=triggers).start()
    config = tmp_path / "stepwell.toml"
    config.write_text(f"[task_requester.triggers]\nhttp_port = {port}\n")
    order = new_order()
    send_study(mr_phantom_study(order, tmp_path / "study"), dimse=("127.0.0.1", images), called_ae="STEPWELL_TR")
    arguments = ["request", order.study_instance_uid, "--rule", BRAIN, "--config", str(config)]
    done = CliRunner().invoke(command_line, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "stepwell trace" in done.output
    eventually(lambda: running.logged("workitem-created"), what="the workitem")
    running.stop()
