"""From a reporter to a repository over real connections: nothing reported is lost, nothing is stored twice."""

import os
import signal
import sqlite3
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from actors.shared import pki
from actors.shared.reporting import reporter_for
from connectathon.waiting import eventually, free_port
from profiles.errors import Unavailable
from profiles.sole import OperationalEvent, SecurityEvent, Source, Thread
from profiles.sole.syslog import parse_syslog
from sole_logging import Certificates, EventReporter, Spool, Target, Timing
from sole_logging.records import moment

QUICK = Timing(confirm_seconds=0.05, resend_seconds=30, backoff_seconds=0.3, flush_seconds=1)
SOURCE = Source("modality", "scanner1", "77", "Test", "scanner-instance")


def target_of(repository):
    side = repository.side("client")
    certificates = Certificates(side["authority"], side["certificate"], side["key"])
    return Target("127.0.0.1", repository.syslog, certificates, repository.url)


@pytest.fixture
def reporters():
    """Make reporters that are closed at the end."""
    made = []

    def make(path, *targets, limit=100_000, source=SOURCE, timing=QUICK, **given):
        reporter = EventReporter(source, Spool(path, limit), *targets, timing=timing, **given)
        made.append(reporter)
        return reporter

    yield make
    for reporter in made:
        reporter.close()


@pytest.fixture
def accession():
    return f"A-{uuid.uuid4()}"


def stored(repository, accession):
    """(occurrence's time, event id) of an accession's events, in the order in which the repository stored them."""
    repository.events(limit=1)  # answered once all that is stored was read
    path = repository.directory / "repository" / "event_repository" / "events.sqlite"
    reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        query = "SELECT event_id, at FROM event WHERE accession = ? ORDER BY number"
        return [(event_id, moment(at)) for event_id, at in reader.execute(query, (accession,))]
    finally:
        reader.close()


def report(reporter, make_event, accession, numbers):
    """Report a series of events, one second apart; returns (event id, time) of each."""
    told = []
    for number in numbers:
        event = make_event(accession, hour=number / 3600, occurrence=str(number))
        told.append((reporter.report(event), event.at))
    return told


@pytest.mark.requirement("SOLE-047")
def test_an_event_is_on_disk_before_report_returns(tmp_path, reporters, make_event):
    reporter = reporters(tmp_path / "spool.sqlite")
    identifier = reporter.report(make_event("A1"))
    reader = sqlite3.connect(f"file:{tmp_path}/spool.sqlite?mode=ro", uri=True)
    ((event_id, content),) = reader.execute("SELECT event_id, content FROM message").fetchall()
    reader.close()
    assert event_id == identifier
    assert b'ParticipantObjectID="A1"' in parse_syslog(content).content


def test_the_same_occurrence_waits_once_and_has_the_same_id(tmp_path, reporters, make_event):
    reporter = reporters(tmp_path / "spool.sqlite")
    first = reporter.report(make_event("A1", occurrence="1"))
    assert reporter.report(make_event("A1", occurrence="1")) == first
    assert reporter.report(make_event("A1", occurrence="2")) != first
    assert reporter.waiting == 2


@pytest.mark.requirement("SOLE-005", "SOLE-046")
def test_an_event_arrives_over_tls_and_leaves_the_spool_once_it_is_confirmed(
    shared_repository, tmp_path, reporters, make_event, accession
):
    reporter = reporters(tmp_path / "spool.sqlite", target_of(shared_repository))
    reporter.start()
    told = report(reporter, make_event, accession, range(1))
    eventually(lambda: reporter.waiting == 0, what="the confirmation")
    assert stored(shared_repository, accession) == told


@pytest.mark.requirement("SOLE-069")
def test_start_and_stop_of_a_reporter_are_in_the_audit_trail(shared_repository, tmp_path, accession):
    source = Source(accession, "scanner1", "77", "Test", accession)
    reporter = EventReporter(source, Spool(tmp_path / "spool.sqlite"), target_of(shared_repository), timing=QUICK)
    reporter.start()
    reporter.close()
    found = shared_repository.events(family="audit", limit="1000")
    mine = [[code["code"] for code in one["codes"]] for one in found if one["actor"] == accession]
    assert mine == [["110120"], ["110121"]]
    left = Spool(tmp_path / "spool.sqlite")
    assert len(left) == 0
    left.close()


@pytest.mark.requirement("SOLE-047")
def test_events_wait_while_the_repository_is_away_and_arrive_in_order_once(
    repository, tmp_path, reporters, make_event, accession
):
    reporter = reporters(tmp_path / "spool.sqlite", target_of(repository))
    reporter.start()
    told = report(reporter, make_event, accession, range(30))
    assert reporter.waiting == 31  # with the start of the application
    repository.start()
    eventually(lambda: reporter.waiting == 0, what="all confirmations")
    assert stored(repository, accession) == told


@pytest.mark.requirement("SOLE-047", "SOLE-049")
def test_a_repository_that_is_killed_in_the_middle_gets_the_rest_and_nothing_twice(
    repository, tmp_path, reporters, make_event, accession
):
    repository.start()
    reporter = reporters(tmp_path / "spool.sqlite", target_of(repository))
    reporter.start()
    told = report(reporter, make_event, accession, range(100))
    repository.end(signal.SIGKILL)
    told += report(reporter, make_event, accession, range(100, 150))
    repository.start()
    told += report(reporter, make_event, accession, range(150, 200))
    eventually(lambda: reporter.waiting == 0, what="all confirmations")
    assert stored(repository, accession) == told


REPORTING = """
import json, sys
from datetime import UTC, datetime
from actors.shared.logs import configure_logging
from actors.shared.reporting import reporter_for
from actors.shared.settings import CommonSettings
from profiles.sole import OperationalEvent, Thread
configure_logging("modality")
reporter = reporter_for("modality", CommonSettings(**json.loads(sys.argv[1])))
reporter.start()
for number in range(100000):
    event = OperationalEvent("order-received", datetime.now(UTC), Thread(accession_number=sys.argv[2]),
                             occurrence=str(number))
    print(reporter.report(event), flush=True)
"""


@pytest.mark.parametrize("away", [True, False], ids=["repository-away", "repository-there"])
@pytest.mark.requirement("SOLE-048", "SOLE-049")
def test_kill_of_a_reporting_process_loses_nothing_that_it_reported(repository, accession, away):
    if not away:
        repository.start()
    common = repository.common(read_back_url=repository.url)
    process = subprocess.Popen(
        [sys.executable, "-c", REPORTING, common.model_dump_json(), accession], stdout=subprocess.PIPE
    )
    told = [process.stdout.readline().decode().strip() for _ in range(60)]
    os.kill(process.pid, signal.SIGKILL)
    told += process.stdout.read().decode().split("\n")[:-1]
    process.stdout.close()
    process.wait(30)
    if away:
        repository.start()
    after = reporter_for("modality", common)
    after.start()
    eventually(lambda: after.waiting == 0, what="the events of the process before")
    after.close()
    found = [event_id for event_id, _ in stored(repository, accession)]
    assert found[: len(told)] == told
    assert len(found) - len(told) in (0, 1)  # the last may have been reported without having been told
    assert len(set(found)) == len(found)


@pytest.mark.requirement("SOLE-049")
def test_an_event_reported_again_after_a_restart_is_stored_once_and_does_not_wait_for_ever(
    shared_repository, tmp_path, reporters, make_event, accession
):
    first = reporters(tmp_path / "spool.sqlite", target_of(shared_repository))
    first.start()
    told = report(first, make_event, accession, range(2))
    eventually(lambda: first.waiting == 0, what="the confirmation")
    later = Source("modality", "scanner1", "78", "Test", "scanner-instance")
    second = reporters(tmp_path / "spool.sqlite", target_of(shared_repository), source=later)
    second.start()
    assert report(second, make_event, accession, range(3))[:2] == told
    eventually(lambda: second.waiting == 0, 20, what="the confirmation of what the repository has already")
    assert len(stored(shared_repository, accession)) == 3


def test_a_repository_of_another_authority_gets_nothing_and_the_events_wait(
    shared_repository, tmp_path, reporters, make_event, accession
):
    pki.init(tmp_path / "other", "Other")
    files = [tmp_path / "other" / name for name in ("authority.pem", "client.pem", "client.key")]
    target = Target("127.0.0.1", shared_repository.syslog, Certificates(*files), shared_repository.url)
    with structlog.testing.capture_logs() as logs:
        reporter = reporters(tmp_path / "spool.sqlite", target)
        reporter.start()
        report(reporter, make_event, accession, range(2))
        said = eventually(lambda: [one for one in logs if one["event"] == "event-repository-away"], what="the log")
    assert "CERTIFICATE_VERIFY_FAILED" in said[0]["reason"]
    assert reporter.waiting == 3
    assert stored(shared_repository, accession) == []


def test_certificates_that_are_not_there_are_said_and_the_events_wait(tmp_path, reporters, sink, make_event):
    missing = tmp_path / "missing.pem"
    with structlog.testing.capture_logs() as logs:
        reporter = reporters(tmp_path / "spool.sqlite", Target("127.0.0.1", sink.port, Certificates(*[missing] * 3)))
        reporter.start()
        reporter.report(make_event())
        said = eventually(lambda: [one for one in logs if one["event"] == "event-repository-away"], what="the log")
    assert "FileNotFoundError" in said[0]["reason"]
    assert reporter.waiting == 2


def test_an_absent_repository_is_logged_once_and_not_at_each_attempt(tmp_path, reporters):
    with structlog.testing.capture_logs() as logs:
        reporter = reporters(
            tmp_path / "spool.sqlite",
            Target("127.0.0.1", free_port()),
            timing=Timing(backoff_seconds=0.01, flush_seconds=0.1),
        )
        reporter.start()
        eventually(lambda: logs, what="the log")
        reporter.close()
    assert [one["event"] for one in logs] == ["event-repository-away", "events-not-sent"]
    assert "ConnectionRefusedError" in logs[0]["reason"]


def test_a_reporter_without_repository_keeps_its_events_for_one_that_comes(
    shared_repository, tmp_path, reporters, make_event, accession
):
    alone = reporters(tmp_path / "spool.sqlite")
    alone.start()
    told = report(alone, make_event, accession, range(3))
    alone.close()
    connected = reporters(tmp_path / "spool.sqlite", target_of(shared_repository))
    connected.start()
    eventually(lambda: connected.waiting == 0, what="all confirmations")
    assert stored(shared_repository, accession) == told


def test_a_full_spool_refuses_says_so_once_and_leaves_an_alert(tmp_path, reporters, make_event):
    reporter = reporters(tmp_path / "spool.sqlite", limit=2)
    with structlog.testing.capture_logs() as logs:
        report(reporter, make_event, "A1", range(2))
        for number in (3, 4):
            with pytest.raises(Unavailable, match="is full"):
                report(reporter, make_event, "A1", [number])
    assert reporter.refused >= 2
    assert [one["event"] for one in logs] == ["event-recording-stopped"]
    assert reporter.waiting == 3
    left = Spool(tmp_path / "spool.sqlite")
    assert b'csd-code="110113"' in left.after(0, 10)[-1].content  # Security Alert
    left.close()


def test_recording_goes_on_when_there_is_room_again(tmp_path, reporters, make_event):
    spool = Spool(tmp_path / "spool.sqlite", 1)
    reporter = EventReporter(SOURCE, spool)
    reporter.report(make_event("A1"))
    with pytest.raises(Unavailable):
        reporter.report(make_event("A2"))
    spool.reach("syslog", spool.after(0, 10)[-1].number)
    with structlog.testing.capture_logs() as logs:
        reporter.report(make_event("A2"))
        reporter.close()
    assert logs[0]["event"] == "event-recording-goes-on"


def test_a_spool_that_can_take_nothing_stops_no_application(tmp_path, reporters, make_event):
    reporter = reporters(tmp_path / "spool.sqlite", limit=-1)
    with structlog.testing.capture_logs() as logs:
        reporter.start()
        with pytest.raises(Unavailable):
            reporter.report(make_event())
    assert [one["event"] for one in logs] == [
        "event-recording-stopped",
        "event-recording-stopped-not-told",
        "activity-not-recorded",
    ]


def test_a_security_event_goes_into_the_same_spool_as_an_audit_message(tmp_path, reporters):
    reporter = reporters(tmp_path / "spool.sqlite")
    now = datetime.now(UTC)
    identifier = reporter.audit(SecurityEvent("request-refused", now, description="no", target="/workitems"))
    assert reporter.audit(SecurityEvent("request-refused", now, description="no", target="/workitems")) == identifier
    assert reporter.waiting == 1


def test_the_header_tells_when_it_was_reported_and_the_message_when_it_happened(tmp_path, reporters):
    happened = datetime(2031, 5, 6, tzinfo=UTC)
    reporter = reporters(tmp_path / "spool.sqlite", now=lambda: happened + timedelta(hours=2))
    reporter.report(OperationalEvent("order-received", happened, Thread(accession_number="A1")))
    left = Spool(tmp_path / "spool.sqlite")
    (message,) = left.after(0, 10)
    left.close()
    assert message.at == happened + timedelta(hours=2)
    header = parse_syslog(message.content)
    assert header.timestamp == "2031-05-06T02:00:00.000000Z"
    assert b'EventDateTime="2031-05-06T00:00:00' in header.content
    assert f'csd-code="{header.message_id}"'.encode() in header.content
