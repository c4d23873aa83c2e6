"""What the Event Repository answers: ITI-82, parsed events, health; and that each question is audited."""

import itertools
from datetime import UTC, datetime
from xml.etree.ElementTree import Element

import httpx
import pytest
from defusedxml.ElementTree import fromstring

from connectathon.waiting import eventually
from profiles.sole import OperationalEvent, ResultReference, Source, Thread
from profiles.sole.syslog import compose
from sole_logging.reporter import sole_message

_numbers = itertools.count(1)
SOURCE = Source("querying", "host q", "42", "Test", "querying")
DAY = datetime(2031, 5, 6, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def repository(shared_repository):
    """With three messages of a day of their own, one per hour from 12:00, and a foreign one at 15:00."""
    for hour, step in enumerate(("order-received", "inference-started", "inference-ended"), start=12):
        at = DAY.replace(hour=hour)
        thread = Thread("MRN7^^^&1.2&ISO", "Q-1", "PL-1", "FI-1", "2.25.71", "2.25.72")
        results = (ResultReference("1.2.840.10008.5.1.4.1.1.66.4", "2.25.73"),)
        event = OperationalEvent(step, at, thread, results=results, details={"Progress": "50"})
        shared_repository.send(sole_message(event, SOURCE, at))
    foreign = compose(
        b"backup done 50% \xc3\xa9",
        pri=14,
        at=DAY.replace(hour=15),
        hostname="nas",
        application="backup",
        process="-",
        message_id="-",
    )
    shared_repository.send(foreign)
    shared_repository.await_events(3, accession="Q-1")
    eventually(lambda: found(shared_repository, ("hostname", "nas")), what="the foreign message")
    return shared_repository


def found(repository, *query, date="2031-05-06"):
    answer = httpx.get(f"{repository.url}/syslogsearch", params=[("date", date), *query])
    return [one["Timestamp"][11:13] for one in answer.raise_for_status().json()["Events"]]


@pytest.mark.requirement("SOLE-060")
def test_messages_are_answered_with_the_eight_members_as_text(repository):
    answer = httpx.get(f"{repository.url}/syslogsearch", params={"date": "2031-05-06", "hostname": "nas"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "Events": [
            {
                "Pri": "14",
                "Version": "1",
                "Timestamp": "2031-05-06T15:00:00.000000Z",
                "Hostname": "nas",
                "App-name": "backup",
                "Procid": "-",
                "Msg-id": "-",
                "Msg": "backup done 50% é",
            }
        ]
    }


@pytest.mark.requirement("SOLE-060")
def test_messages_are_answered_as_xml_where_that_is_asked_for(repository):
    answer = httpx.get(
        f"{repository.url}/syslogsearch",
        params={"date": "2031-05-06", "hostname": "nas"},
        headers={"accept": "application/xml"},
    )
    root: Element = fromstring(answer.content)
    assert root.tag == "Events"
    assert root.findtext("Event/Msg") == "backup done 50% é"
    assert root.findtext("Event/App-name") == "backup"


@pytest.mark.requirement("SOLE-058")
@pytest.mark.parametrize(
    ("bounds", "hours"),
    [
        (["2031-05-06"], "12 13 14 15"),
        (["ge2031-05-06T13:00:00Z", "le2031-05-06T14:00:00Z"], "13 14"),
        (["le2031-05-06T14:00:00Z", "ge2031-05-06T13:00:00Z"], "13 14"),
        (["gt2031-05-06T13:00:00Z", "lt2031-05-06T15:00:00Z"], "14"),
        (["eq2031-05-06T15:00+01:00"], "14"),
        (["gt2031-05-06"], ""),
        (["ge2031-05-06", "lt2031-05-06"], ""),
    ],
)
def test_bounds_on_time_hold_by_their_prefix_in_any_order(repository, bounds, hours):
    answer = httpx.get(f"{repository.url}/syslogsearch", params={"date": bounds}).raise_for_status()
    assert [one["Timestamp"][11:13] for one in answer.json()["Events"]] == hours.split()


@pytest.mark.requirement("SOLE-059")
@pytest.mark.parametrize(
    ("query", "hours"),
    [
        ((("app-name", "IHE+SOLE"),), "12 13 14"),
        ((("app-name", "ihe+sole"),), ""),
        ((("msg-id", "SOLE114,SOLE115"),), "13 14"),
        ((("msg-id", "SOLE114"), ("msg-id", "SOLE115")), ""),
        ((("procid", "42"), ("hostname", "hostq")), "12 13 14"),
        ((("pri", "14,85x"),), "15"),
        ((("version", "2"),), ""),
        ((("msg", "50%"),), "15"),
        ((("msg", "inference"),), ""),
        ((("msg", 'csd-code="AIX121"'),), "13"),
        ((("msg", "é"),), "15"),
        ((("_count", "2"), ("_offset", "1")), "13 14"),
        ((("_count", "0"),), ""),
    ],
)
def test_header_fields_and_text_narrow_the_answer(repository, query, hours):
    assert found(repository, *query) == hours.split()


@pytest.mark.requirement("SOLE-061")
def test_no_match_is_an_empty_answer(repository):
    assert found(repository, date="1999-01-01") == []


@pytest.mark.requirement("SOLE-057")
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/syslogsearch", 400),
        ("/syslogsearch?date=yesterday", 400),
        ("/syslogsearch?date=2031-05-06&hotsname=x", 400),
        ("/events?acession=x", 400),
        ("/events?limit=1001", 400),
        ("/events?limit=-1", 400),
        ("/events?accession=a&accession=b", 400),
        ("/events?since=x", 400),
        ("/nothing", 404),
    ],
)
def test_what_cannot_be_answered_is_refused_in_words(repository, path, status):
    answer = httpx.get(repository.url + path)
    assert answer.status_code == status
    assert "Traceback" not in answer.text


def test_a_media_type_that_there_is_not_is_refused(repository):
    answer = httpx.get(f"{repository.url}/syslogsearch?date=2031-05-06", headers={"accept": "text/csv"})
    assert answer.status_code == 406


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"accession": "Q-1"}, 3),
        ({"study": "2.25.71"}, 3),
        ({"workitem": "2.25.72"}, 3),
        ({"order": "PL-1"}, 3),
        ({"order": "FI-1"}, 3),
        ({"patient": "MRN7"}, 3),
        ({"patient": "MRN7^^^&1.2&ISO"}, 3),
        ({"patient": "MRN"}, 0),
        ({"patient": "MRN%"}, 0),
        ({"accession": "Q-1", "code": "SOLE114"}, 1),
        ({"accession": "Q-1", "step": "inference-ended"}, 1),
        ({"accession": "Q-1", "since": "2031-05-06T13:00:00Z"}, 2),
        ({"accession": "Q-1", "until": "2031-05-06T13:00:00Z"}, 2),
        ({"accession": "Q-1", "limit": "2"}, 2),
        ({"accession": "Q-1", "limit": "2", "offset": "2"}, 1),
        ({"accession": "Q-1", "family": "audit"}, 0),
        ({"accession": "Q-1", "family": "all"}, 3),
        ({"accession": "' OR 1=1 --"}, 0),
    ],
)
def test_events_are_found_by_what_they_are_about(repository, query, count):
    assert len(repository.events(**query)) == count


@pytest.mark.requirement("SOLE-043")
def test_events_come_in_order_of_time_and_without_the_patient(repository):
    events = repository.events(study="2.25.71")
    assert [event["step"] for event in events] == ["order-received", "inference-started", "inference-ended"]
    assert [event["at"] for event in events] == [f"2031-05-06T{hour}:00:00.000000Z" for hour in (12, 13, 14)]
    assert "MRN7" not in str(events)
    assert events[0]["orders"] == ["PL-1", "FI-1"]
    assert events[0]["results"][0]["sop_instance_uid"] == "2.25.73"


@pytest.mark.requirement("SOLE-066", "SOLE-068")
@pytest.mark.parametrize("path", ["/events?accession=x", "/syslogsearch?date=2031-05-06"])
def test_each_question_leaves_an_audit_event_apart_from_the_operational_ones(repository, path):
    def used():
        answer = repository.messages(("msg", 'csd-code="110101"')).json()["Events"]
        return [one for one in answer if one["Msg-id"] == "IHE+RFC-3881"]

    before = len(used())
    httpx.get(repository.url + path).raise_for_status()
    eventually(lambda: len(used()) > before + 1, what="the audit events of both questions")
    assert all(one["App-name"] != "IHE+SOLE" for one in used())


@pytest.mark.requirement("SOLE-069")
def test_the_start_of_the_repository_is_in_its_audit_trail(repository):
    starts = repository.messages(("msg", 'csd-code="110120"'), ("app-name", "Stepwell")).json()["Events"]
    assert len(starts) == 1


def test_health_says_how_much_is_stored(repository):
    health = httpx.get(f"{repository.url}/health").json()
    assert (health["actor"], health["state"]) == ("event_repository", "ready")
    assert health["stored"] >= 4
    assert health["flawed"] >= 1
