"""Results of completed workitems as FHIR transactions (orders.md 11.3), through the same outbox as HL7."""

import json

import httpx
import pytest
from fhir.resources.R4B.bundle import Bundle
from sqlmodel import select

from actors.task_requester.database import WorkitemRow
from actors.task_requester.results_back.desk import Desk
from actors.task_requester.results_back.fhir import answer_of, fhir_channel, report_of
from actors.task_requester.results_back.settings import ResultsSettings
from actors.task_requester.results_back.store import OutgoingRow
from profiles.errors import Conflict, Unavailable
from tests.task_requester.results_scene import Hook, ResultArchive, complete, found, images_of, results_back
from tests.task_requester.workshop import Workshop

REFUSAL = {
    "resourceType": "OperationOutcome",
    "issue": [
        {"severity": "warning", "code": "informational", "diagnostics": "never mind"},
        {
            "severity": "error",
            "code": "not-found",
            "details": {"text": "Patient SECRET is unknown"},
            "expression": ["Bundle.entry[2].resource.subject"],
        },
    ],
}


def body(told):
    return json.dumps(told).encode()


def of_kind(bundle, kind):
    return [one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == kind]


class Scene:
    """A workshop with one workitem, a FHIR server, and what tells the results."""

    def __init__(self, tmp_path, images, worklist, events, server):
        self.shop = Workshop(tmp_path / "task_requester", tmp_path, images, worklist)
        self.server, self.archive, self.folder, self.audited = server, ResultArchive(), tmp_path, []
        self.back = results_back(
            self.shop,
            self.archive,
            events,
            audit=self.audited.append,
            fhir_url=server.url,
            retrieve_url="http://pacs/dicom-web",
        )
        self.desk = Desk(self.shop.database, self.shop.now)
        (self.uid,) = self.shop.send().arrive().work(4).worklist.open()
        self.complete(self.uid, "study")

    def complete(self, uid, folder, **details):
        images = images_of(self.shop.order, self.folder / folder)
        complete(uid, self.shop.worklist, self.archive, images, found(**details))

    def turn(self, seconds=0.0):
        self.shop.passed += seconds
        self.back.turn()
        return self.server.taken

    def close(self):
        self.back.close()
        self.shop.database.close()


@pytest.fixture
def server():
    made = Hook()
    yield made
    made.stop()


@pytest.fixture
def scene(tmp_path, images, worklist, events, server):
    made = Scene(tmp_path, images, worklist, events, server)
    yield made
    made.close()


@pytest.mark.requirement("HL7-067", "HL7-066")
def test_a_result_is_told_once_as_a_transaction_for_the_orders_patient(scene, server):
    scene.turn()
    (bundle,) = scene.turn(600)
    Bundle.model_validate(bundle)
    assert bundle["type"] == "transaction"
    assert server.headers[0]["Content-Type"] == "application/fhir+json"
    (report,) = of_kind(bundle, "DiagnosticReport")
    assert report["subject"]["identifier"]["value"] == scene.shop.order.patient_id
    assert report["status"] in {"partial", "preliminary"}
    assert scene.uid in json.dumps(of_kind(bundle, "Provenance"))
    assert "http://pacs/dicom-web/studies/" in json.dumps(report)


@pytest.mark.requirement("HL7-066")
def test_a_server_that_is_away_gets_the_same_transaction_again(scene, server):
    server.script = [503, (500, body(REFUSAL)), (200, b"<html>log in</html>"), 200]
    for seconds in (0, 10, 20, 40):
        scene.turn(seconds)
    assert len(server.taken) == 4
    assert all(one == server.taken[0] for one in server.taken)
    assert [one["state"] for one in scene.desk.messages(every=True)] == ["sent"]


@pytest.mark.requirement("HL7-066", "HL7-073")
def test_a_refused_transaction_is_parked_with_the_outcome_and_the_trail_has_none_of_its_words(scene, server):
    server.script = [(422, body(REFUSAL))]
    scene.turn()
    scene.turn(600)
    assert len(server.taken) == 1
    (shown,) = scene.desk.messages()
    assert shown["state"] == "parked"
    assert shown["reason"] == "HTTP 422: not-found Patient SECRET is unknown at Bundle.entry[2].resource.subject"
    assert [int(event.outcome) for event in scene.audited] == [4]
    assert "SECRET" not in str(scene.audited)
    scene.desk.resend(shown["number"])
    assert len(scene.turn()) == 2
    assert scene.desk.messages() == []


@pytest.mark.requirement("HL7-072")
def test_a_later_result_of_the_order_names_the_earlier_and_a_sent_one_is_withdrawn_once(scene):
    scene.turn()
    with scene.shop.database.write() as session:
        row = session.get_one(WorkitemRow, scene.uid)
        session.add(WorkitemRow(**{**row.model_dump(), "uid": f"{scene.uid}.2", "revision": 2, "replaces": scene.uid}))
    scene.shop.worklist.workitems[f"{scene.uid}.2"] = scene.shop.worklist.workitems[scene.uid]
    scene.complete(f"{scene.uid}.2", "again", present=False)
    earlier, later = scene.turn()
    (report,) = of_kind(later, "DiagnosticReport")
    assert report["status"] == "preliminary"  # nobody verified it: it is no amended report either
    (provenance,) = of_kind(later, "Provenance")
    assert report_of(body(earlier)) in json.dumps([one for one in provenance["entity"] if one["role"] == "revision"])

    with scene.shop.database.read() as session:
        number = max(session.exec(select(OutgoingRow.number)))
    scene.desk.withdraw(number)
    withdrawn = scene.turn()[-1]
    Bundle.model_validate(withdrawn)
    stated = {one["status"] for kind in ("DiagnosticReport", "Observation") for one in of_kind(withdrawn, kind)}
    assert stated == {"entered-in-error"}
    assert [one["request"] for one in withdrawn["entry"]] == [one["request"] for one in later["entry"]]
    with pytest.raises(Conflict, match="withdrawn already"):
        scene.desk.withdraw(number)


@pytest.mark.requirement("HL7-066")
@pytest.mark.parametrize(
    ("status", "content", "accepted", "later"),
    [
        (200, b"", True, False),
        (201, body({"resourceType": "Bundle", "entry": [{"response": {"status": "201 Created"}}]}), True, False),
        (200, body({"resourceType": "Bundle", "entry": [{"response": {"status": "422 No"}}]}), False, False),
        (400, b"no JSON", False, False),
        (400, body({"issue": "no list"}), False, False),
        (409, body(REFUSAL), False, True),
        (412, body(REFUSAL), False, False),
        (500, b"", False, True),
    ],
    ids=str,
)
def test_only_a_whole_transaction_counts_as_taken(status, content, accepted, later):
    answer = answer_of(status, content)
    assert (answer.accepted, answer.later) == (accepted, later)
    assert bool(answer.reason) != accepted


@pytest.mark.requirement("HL7-066")
def test_a_token_is_sent_as_it_stands_in_its_file_and_its_refusal_parks_nothing(server, tmp_path):
    token = tmp_path / "token"
    with httpx.Client(trust_env=False) as client:
        deliver = fhir_channel(server.url, client, token)
        with pytest.raises(Unavailable, match="cannot be read"):
            deliver(b"{}")
        server.script = [401]
        token.write_text("old\n")
        with pytest.raises(Unavailable, match="401"):
            deliver(b"{}")
        token.write_text("new")
        assert deliver(b"{}").accepted
    assert [one["Authorization"] for one in server.headers] == ["Bearer old", "Bearer new"]


@pytest.mark.parametrize("url", [None, "http://ehr.example/fhir"], ids=["none", "http"])
def test_a_token_is_not_sent_where_anybody_could_read_it(url, tmp_path):
    with pytest.raises(ValueError, match="https"):
        ResultsSettings(fhir_url=url, fhir_token=tmp_path)
    assert ResultsSettings(fhir_url="https://ehr.example/fhir", fhir_token=tmp_path).fhir_token == tmp_path


@pytest.mark.parametrize(("status", "content"), [(503, b""), (429, b""), (200, b"<html>"), (200, b"[]")], ids=str)
def test_what_is_no_answer_of_a_fhir_server_counts_as_none(status, content):
    with pytest.raises(Unavailable):
        answer_of(status, content)
