"""The FHIR feed of ITI-20, and ITI-81: AuditEvents in and out."""

import itertools
from base64 import b64decode
from contextlib import closing
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
import pytest
from fhir.resources.R4B.auditevent import AuditEvent
from fhir.resources.R4B.bundle import Bundle

from actors.shared.reporting import reporter_for
from actors.shared.settings import CommonSettings
from connectathon.waiting import eventually
from profiles.fhir.audit import audit_event
from profiles.sole import OperationalEvent, Source, Thread
from profiles.sole.syslog import parse_syslog
from sole_logging.reporter import sole_message

_numbers = itertools.count(1)
SOURCE = Source("retrieving", "host-r", "43", "Klinik Süd", "retrieving")
DAY = datetime(2029, 6, 7, 12, 0, tzinfo=UTC)
DATES = [("date", "ge2029-06-07"), ("date", "le2029-06-07")]
STEPS = ("order-received", "inference-started", "inference-ended", "result-stored")
TYPE = {"content-type": "application/fhir+json"}


@pytest.fixture(scope="module")
def repository(shared_repository):
    """With four events of a day of their own, one each minute from 12:00."""
    for minute, step in enumerate(STEPS):
        at = DAY.replace(minute=minute)
        thread = Thread("MRN8^^^&1.2&ISO", "R-1", "PL-8", "FI-8", "2.25.81", "2.25.82")
        shared_repository.send(sole_message(OperationalEvent(step, at, thread, performer="AI1"), SOURCE, at))
    shared_repository.await_events(len(STEPS), accession="R-1")
    return shared_repository


@pytest.fixture
def accession():
    return f"FEED-{next(_numbers)}"


def search(repository, *query, dates=DATES):
    answer = httpx.get(f"{repository.url}/AuditEvent", params=[*dates, *query]).raise_for_status()
    assert answer.headers["content-type"] == "application/fhir+json"
    return answer.json()


def codes(bundle):
    return [one["resource"]["subtype"][0]["code"] for one in bundle.get("entry", [])]


@pytest.mark.requirement("SOLE-062", "SOLE-064")
def test_a_search_gives_a_bundle_of_valid_audit_events_in_order_of_time(repository):
    bundle = search(repository)
    Bundle.model_validate(bundle)
    assert (bundle["type"], bundle["total"]) == ("searchset", 4)
    resources = [one["resource"] for one in bundle["entry"]]
    for one in resources:
        AuditEvent.model_validate(one)
    assert [one["recorded"][11:16] for one in resources] == ["12:00", "12:01", "12:02", "12:03"]
    assert httpx.get(bundle["entry"][0]["fullUrl"]).json() == resources[0]


@pytest.mark.requirement("SOLE-063")
@pytest.mark.parametrize("code", ["RID45895", "SOLE114", "SOLE115", "AIX131", "SOLE112"])
def test_a_code_gives_the_events_that_iti_82_gives_by_its_message_id(repository, code):
    answer = httpx.get(f"{repository.url}/syslogsearch", params=[*DATES, ("msg-id", code)]).json()["Events"]
    assert codes(search(repository, ("subtype", code))) == [one["Msg-id"] for one in answer]


@pytest.mark.requirement("SOLE-062")
@pytest.mark.parametrize(
    ("dates", "count"),
    [
        ([("date", "2029-06-07")], 4),
        ([("date", "ge2029-06-07T12:01:00Z"), ("date", "lt2029-06-07T12:03:00Z")], 2),
        ([("date", "lt2029-06-07T12:03:00Z"), ("date", "ge2029-06-07T12:01:00Z")], 2),
        ([("date", "gt2029-06-07T12:01"), ("date", "le2029-06-07")], 2),
        ([("date", "eq2029-06-07T14:02:00+02:00")], 1),
        ([("date", "2029-06-08")], 0),
    ],
)
def test_bounds_hold_on_the_time_of_the_event(repository, dates, count):
    assert search(repository, dates=dates)["total"] == count


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ((("patient.identifier", "MRN8"), ("subtype", "SOLE114,SOLE115")), 2),
        ((("entity", "R-1"),), 4),
        ((("source", "retrieving@host-r"), ("outcome", "0")), 4),
        ((("site", "Klinik Süd"), ("type", "IHE-RAD|SOLE")), 4),
        ((("type", "http://dicom.nema.org/resources/ontology/DCM|110101"),), 0),
        ((("_count", "0"),), 0),
    ],
)
def test_parameters_narrow_the_answer(repository, query, count):
    assert len(search(repository, *query).get("entry", [])) == count


@pytest.mark.parametrize("order", ["date", "-date"])
def test_pages_lead_through_all_of_it_once(repository, order):
    bundle = search(repository, ("_count", "2"), ("_sort", order))
    found, pages = codes(bundle), 1
    while following := [one["url"] for one in bundle["link"] if one["relation"] == "next"]:
        assert "total" not in bundle
        bundle = httpx.get(following[0]).raise_for_status().json()
        found, pages = found + codes(bundle), pages + 1
    wanted = codes(search(repository))
    assert found == (wanted if order == "date" else wanted[::-1])
    assert pages == 2


def test_a_search_may_be_sent_as_a_form(repository):
    form = {"date": "2029-06-07", "subtype": "SOLE115"}
    bundle = httpx.post(f"{repository.url}/AuditEvent/_search", data=form).raise_for_status().json()
    assert codes(bundle) == ["SOLE115"]
    assert urlsplit(bundle["link"][0]["url"]).path == "/AuditEvent"


@pytest.mark.requirement("SOLE-062")
@pytest.mark.parametrize(
    ("path", "accept", "status"),
    [
        ("?subtype=SOLE115", "*/*", 400),
        ("?date=yesterday", "*/*", 400),
        ("?date=sa2029-06-07", "*/*", 400),
        ("?date=2029-06-07&colour=red", "*/*", 400),
        ("?date=2029-06-07&_format=xml", "*/*", 406),
        ("?date=2029-06-07", "application/fhir+xml", 406),
        ("/nobody", "*/*", 404),
        ("/00ff", "*/*", 404),
    ],
)
def test_a_refusal_is_an_operation_outcome(repository, path, accept, status):
    answer = httpx.get(f"{repository.url}/AuditEvent{path}", headers={"accept": accept})
    assert answer.status_code == status
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert answer.json()["issue"][0]["diagnostics"]


@pytest.mark.requirement("SOLE-066")
def test_a_search_leaves_both_audit_records_with_its_query(repository):
    mark = f"nothing-{next(_numbers)}"
    search(repository, ("entity", mark))

    def told():
        today = [("date", f"ge{datetime.now(UTC):%Y-%m-%d}"), ("entity-role", "24,13")]
        records = [one["resource"] for one in search(repository, dates=today)["entry"]]
        assert {one["agent"][1]["network"]["address"] for one in records} == {"127.0.0.1"}
        kinds = [one["type"]["code"] for one in records]
        queries = [b64decode(one["entity"][0].get("query", "")).decode() for one in records]
        return any(mark in query for query in queries) and kinds.count("110101") >= kinds.count("110112") > 0

    eventually(told, what="the records of the search")


def resource(repository, accession, **changes):
    message = repository.message(accession, **changes)
    header = parse_syslog(message)
    return audit_event(header.content, datetime.now(UTC), header=header)


@pytest.mark.requirement("SOLE-049")
def test_an_audit_event_is_stored_as_the_message_that_it_stands_for(repository, accession):
    told = resource(repository, accession, details={"Priority": "HIGH"})
    answers = [httpx.post(f"{repository.url}/AuditEvent", json=told, headers=TYPE) for _ in range(2)]
    assert [one.status_code for one in answers] == [201, 201]
    (event,) = repository.await_events(1, accession=accession)
    assert (event["step"], event["details"], event["malformed"]) == ("order-received", {"Priority": "HIGH"}, "")
    (message,) = repository.messages(("msg", accession)).json()["Events"]
    assert (message["App-name"], message["Msg-id"], message["Hostname"]) == ("IHE+SOLE", "RID45895", "scanner1")
    found = httpx.get(answers[0].headers["location"]).raise_for_status().json()
    assert {name: value for name, value in found.items() if name != "id"} == told
    assert answers[0].headers["location"] == answers[1].headers["location"]


def test_a_batch_takes_the_good_ones_and_says_what_is_wrong_with_the_others(repository, accession):
    entries = [{"resource": resource(repository, accession)}, {"resource": {"resourceType": "AuditEvent"}}, {}]
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
    answer = httpx.post(f"{repository.url}/", json=bundle, headers=TYPE)
    assert answer.status_code == 200
    Bundle.model_validate(answer.json())
    assert [one["response"]["status"] for one in answer.json()["entry"]] == ["201", "400", "400"]
    repository.await_events(1, accession=accession)


@pytest.mark.parametrize("kind", ["transaction", "collection"])
def test_any_other_bundle_is_taken_whole_or_not_at_all(repository, accession, kind):
    entries = [{"resource": resource(repository, accession, occurrence=one)} for one in "ab"]
    bundle = {"resourceType": "Bundle", "type": kind, "entry": [*entries, {"resource": {"resourceType": "Patient"}}]}
    answer = httpx.post(f"{repository.url}/AuditEvent", json=bundle, headers=TYPE)
    assert (answer.status_code, answer.json()["resourceType"]) == (400, "OperationOutcome")
    assert repository.messages(("msg", accession)).json()["Events"] == []
    answer = httpx.post(f"{repository.url}/AuditEvent", json={**bundle, "entry": entries}, headers=TYPE)
    assert [one["response"]["status"] for one in answer.json()["entry"]] == ["201", "201"]
    repository.await_events(2, accession=accession)


@pytest.mark.parametrize("transport", ["fhir", "udp"])
def test_our_own_reporters_events_arrive_by_every_way_in(repository, accession, tmp_path, transport):
    ways = {"fhir": {"feed_url": repository.url}, "udp": {"port": repository.udp}}
    common = CommonSettings(data_dir=tmp_path, syslog={"transport": transport, **ways[transport]})
    with closing(reporter_for("modality", common)) as reporter:
        reporter.start()
        reporter.report(OperationalEvent("order-received", datetime.now(UTC), Thread(accession_number=accession)))
        (event,) = repository.await_events(1, accession=accession)
        eventually(lambda: reporter.waiting == 0, what="the event to be acknowledged")
    assert (event["step"], event["family"], event["malformed"]) == ("order-received", "sole", "")


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/fhir+json", 400),
        (b"[]", "application/fhir+json", 400),
        (b'{"resourceType": "Bundle", "type": "batch"}', "application/json", 400),
        (b"<AuditEvent/>", "application/fhir+xml", 415),
    ],
)
def test_what_is_no_audit_event_is_refused(repository, content, kind, status):
    answer = httpx.post(f"{repository.url}/AuditEvent", content=content, headers={"content-type": kind})
    assert (answer.status_code, answer.json()["resourceType"]) == (status, "OperationOutcome")
