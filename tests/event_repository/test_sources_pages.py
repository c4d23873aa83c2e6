"""Who sends, and what is wrong: ``/sources`` and ``/quarantine``, and all bad input that the log must live with."""

import itertools
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from actors.event_repository.sources import clock_of, legible
from connectathon.waiting import eventually
from profiles.sole import OperationalEvent, Source, Thread
from profiles.sole.syslog import compose, frame
from sole_logging.reporter import sole_message

_numbers = itertools.count(1)
HTML = {"accept": "text/html,application/xhtml+xml,*/*"}
JSON = {"accept": "application/json"}


@pytest.fixture
def repository(shared_repository):
    return shared_repository


@pytest.fixture
def host():
    return f"scanner-{next(_numbers)}.example.org"


def source(repository, name):
    found = httpx.get(f"{repository.url}/sources", headers=JSON).raise_for_status().json()
    return next((one for one in found if name in (one["host"], one["name"])), None)


def await_source(repository, name, **wanted):
    def there():
        found = source(repository, name)
        return found if found and all(found[key] == value for key, value in wanted.items()) else None

    return eventually(there, what=f"{name} with {wanted}")


def event(host, seconds=0.0, occurrence="", step="order-received", **thread):
    at = datetime.now(UTC) + timedelta(seconds=seconds)
    told = OperationalEvent(step, at, Thread(**{"accession_number": "S-1", **thread}), occurrence=occurrence)
    return sole_message(told, Source("modality", host, "1", "Test", host), at)


def raw(content, host, application="IHE+SOLE"):
    at = datetime.now(UTC)
    names = {"hostname": host, "application": application, "process": "1", "message_id": "RID45895"}
    return compose(content, pri=85, at=at, **names)


def document(occurrence, *, without="", code="RID45895", at="2026-01-01T00:00:00Z"):
    parts = {
        "event": f'<EventIdentification EventDateTime="{at}" EventOutcomeIndicator="0" EventActionCode="E">'
        '<EventID csd-code="SOLE" codeSystemName="IHE-RAD" originalText="x"/>'
        f'<EventTypeCode csd-code="{code}" codeSystemName="RadLex" originalText="{occurrence}"/></EventIdentification>',
        "participant": '<ActiveParticipant UserID="a" UserIsRequestor="true"/>',
        "source": '<AuditSourceIdentification AuditSourceID="s"/>',
    }
    inside = "".join(part for name, part in parts.items() if name != without)
    return f"<AuditMessage>{inside}</AuditMessage>".encode()


def test_a_source_is_seen_with_its_count_and_for_how_long_it_is_silent(repository, host):
    repository.send(*(event(host, occurrence=str(number)) for number in range(3)))
    found = await_source(repository, host, messages=3)
    assert (found["name"], found["application"], found["duplicates"], found["flaws"]) == (
        f"modality@{host}",
        "IHE+SOLE",
        0,
        0,
    )
    assert 0 <= found["silent_seconds"] < 120
    assert found["first_seen"] <= found["last_seen"]
    assert found["clock"] == ""


@pytest.mark.requirement("SOLE-049")
def test_the_same_event_a_thousand_times_is_one_event_and_999_duplicates(repository, host):
    message = event(host)
    repository.send(*[message] * 500, *(event(host) for _ in range(500)))
    found = await_source(repository, host, duplicates=999)
    assert found["messages"] == 1


@pytest.mark.parametrize(("seconds", "clock"), [(600, "ahead"), (-600, "behind, or"), (86_400 * 400, "ahead")])
def test_a_clock_that_is_off_is_seen(repository, host, seconds, clock):
    repository.send(*(event(host, seconds, str(number)) for number in range(5)))
    found = await_source(repository, host, messages=5, duplicates=0)
    assert found["clock"].startswith(clock)
    assert found["delay_seconds"] == pytest.approx(-seconds, abs=60)
    page = httpx.get(f"{repository.url}/sources", headers=HTML).text
    assert clock in page


@pytest.mark.parametrize(
    ("delay", "words"), [(None, ""), (0.0, ""), (-1.9, ""), (-2.1, "ahead"), (59.0, ""), (61.0, "behind, or sent late")]
)
def test_small_differences_are_no_news(delay, words):
    assert clock_of(delay) == words


FLAWED = {
    "an entity bomb": (
        b"<!DOCTYPE a [<!ENTITY x 'xxxx'><!ENTITY y '&x;&x;&x;'>]><AuditMessage>&y;</AuditMessage>",
        "entit",
    ),
    "an external entity": (
        b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><AuditMessage>&x;</AuditMessage>",
        "entit",
    ),
    "octets that are no UTF-8": (b"<AuditMessage>\xff\xfe\x00</AuditMessage>", "UTF-8"),
    "XML cut off": (b"<AuditMessage><EventIdentification", "well-formed"),
    "no EventIdentification": (document("1", without="event"), "EventIdentification"),
    "no source": (document("2", without="source"), "AuditSourceIdentification"),
    "a time that is none": (document("3", at="2026-13-45"), "EventDateTime"),
    "deep nesting": (b"<AuditMessage>" + b"<a>" * 500 + b"</a>" * 500 + b"</AuditMessage>", "nested"),
    "free text": (b"the disk is full", "well-formed"),
}


@pytest.mark.requirement("SOLE-055")
@pytest.mark.parametrize("name", FLAWED)
def test_what_is_wrong_is_kept_and_told_with_its_reason(repository, host, name):
    content, reason = FLAWED[name]
    repository.send(raw(content, host))
    found = await_source(repository, host, flaws=1)
    assert reason in found["last_flaw"]
    rows = httpx.get(f"{repository.url}/quarantine", headers=JSON).raise_for_status().json()
    (row,) = [one for one in rows if one["host"] == host]
    assert reason in row["reason"]
    kept = httpx.get(f"{repository.url}/quarantine/{row['number']}/raw").raise_for_status()
    assert kept.content.endswith(content)
    assert kept.headers["content-disposition"].startswith("attachment")
    assert kept.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("code", ["RID99999", "AIX999", "X-1"])
def test_events_of_unknown_codes_are_kept_and_found(repository, host, code):
    repository.send(raw(document(f"{host}-{code}", code=code), host))
    found = await_source(repository, host, messages=1)
    assert found["flaws"] == 0
    assert [one for one in repository.events(code=code) if one["host"] == host]


def test_a_message_without_participants_is_kept_and_told_as_audit_event_all_the_same(repository, host):
    repository.send(raw(document(host, without="participant", at="2028-01-01T00:00:00Z"), host))
    await_source(repository, host, messages=1)
    answer = httpx.get(f"{repository.url}/AuditEvent", params={"date": "2028-01-01", "subtype": "RID45895"}).json()
    (found,) = [one["resource"] for one in answer["entry"] if host in str(one)]
    assert found["agent"] == [{"who": {"display": "unknown"}, "requestor": False}]


def test_counts_that_lie_are_seen_at_the_address_that_sent_them(repository):
    before = (source(repository, "127.0.0.1") or {"flaws": 0})["flaws"]
    with repository.connect() as connection:
        connection.sendall(b"99999999999999999999 <85>1")
    found = eventually(
        lambda: told if (told := source(repository, "127.0.0.1")) and told["flaws"] > before else None,
        what="the flaw of the stream",
    )
    assert "count" in found["last_flaw"]


def test_a_frame_that_was_cut_in_the_middle_is_seen_at_the_address_that_sent_it(repository):
    with repository.connect() as connection:
        connection.sendall(frame(event("cut.example.org"))[:99])
    eventually(
        lambda: (source(repository, "127.0.0.1") or {"last_flaw": ""})["last_flaw"].endswith("inside a message"),
        what="the flaw of the connection",
    )


def test_a_date_in_the_future_is_a_flaw_of_the_event_which_counts_all_the_same(repository, host):
    repository.send(event(host, 90_000, "far"), event(host, 80_000, "near"))
    found = await_source(repository, host, messages=2)
    assert (found["flaws"], found["last_flaw"]) == (1, "EventDateTime is more than a day after the message came")
    assert len([one for one in repository.events(accession="S-1", limit=1000) if one["host"] == host]) == 2


def test_a_batch_that_was_refused_is_seen_too(repository):
    httpx.post(f"{repository.url}/bulk-syslog-events", json={"Events": []})
    eventually(
        lambda: (source(repository, "127.0.0.1") or {"last_flaw": ""})["last_flaw"].startswith("RAD-124"),
        what="the flaw of the batch",
    )


def test_a_message_can_be_looked_at_safely(repository, host):
    attack = b"<script>alert('x')</script>\x00\x1b[31m\xff"
    repository.send(raw(attack, host, "<img src=x>"))
    await_source(repository, host, flaws=1)
    rows = httpx.get(f"{repository.url}/quarantine", headers=JSON).json()
    (number,) = [one["number"] for one in rows if one["host"] == host]
    for path in ("/sources", "/quarantine", f"/quarantine/{number}"):
        page = httpx.get(f"{repository.url}{path}", headers=HTML).raise_for_status()
        assert "<script>alert" not in page.text
        assert "<img src" not in page.text
        assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "&lt;script&gt;alert" in page.text
    assert "\\x00\\x1b[31m\\xff" in page.text


def test_octets_are_legible_whatever_they_are():
    assert legible(b"a\n\xc3\xa9\x00\xff\r") == "a\né\\x00\\xff\\x0d"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/quarantine/999999999", 404),
        ("/quarantine/x", 400),
        ("/quarantine?offset=-1", 400),
        ("/quarantine/1x/raw", 400),
    ],
)
@pytest.mark.parametrize("accept", [HTML, JSON], ids=["html", "json"])
def test_what_is_not_there_is_said_as_it_was_asked_for(repository, path, status, accept):
    answer = httpx.get(repository.url + path, headers=accept)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html" if accept is HTML else "application/json")


def test_pages_of_the_quarantine_lead_on(repository, host):
    repository.send(*(raw(f"no audit message {number}".encode(), host) for number in range(101)))
    await_source(repository, host, flaws=101)
    first = httpx.get(f"{repository.url}/quarantine", headers=HTML).text
    assert "/quarantine?offset=100" in first
    assert "/quarantine?offset=0" in httpx.get(f"{repository.url}/quarantine?offset=100", headers=HTML).text


def memory(repository):
    status = Path(f"/proc/{repository.process.pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def test_a_source_that_sends_100_megabytes_is_taken_or_slowed_down_and_memory_stays_bounded(repository, host):
    """Messages of 500 kB, a few of them known; nobody waits for their being read."""
    before = memory(repository)
    message = raw(os.urandom(375_000).hex().encode()[:500_000], host)
    greatest = 0
    with repository.connect() as connection:
        for number in range(200):
            connection.sendall(frame(message + str(number % 4).encode()))
            greatest = max(greatest, memory(repository))
        connection.unwrap()
    await_source(repository, host, messages=4, duplicates=196)
    assert greatest - before < 200_000_000
    repository.send(event(host, accession_number=host))
    repository.await_events(1, accession=host)


@pytest.mark.parametrize("path", ["/nothing", "/dashboard/nothing", "/dashboard/efficiency?since=yesterday"])
def test_a_wrong_address_is_told_in_the_form_that_was_asked_for_and_leads_on(repository, path):
    said = httpx.get(f"{repository.url}{path}", headers=JSON)
    assert set(said.json()) == {"error", "message"}
    page = httpx.get(f"{repository.url}{path}", headers=HTML)
    assert page.status_code == said.status_code >= 400
    assert page.headers["content-type"].startswith("text/html")
    links = {link for link in re.findall(r'href="(/[^"]*)"', page.text) if "." not in link}
    assert {"/dashboard", "/sources", "/quarantine"} <= links
    for link in links:
        assert httpx.get(f"{repository.url}{link}", headers=HTML, follow_redirects=True).status_code == 200, link
