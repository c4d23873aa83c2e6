"""The timeline of events that were really reported: spool, syslog over TLS, Event Repository, page."""

import json
import os
import signal
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from actors.shared import pki
from actors.shared.reporting import reporter_for
from actors.shared.settings import CommonSettings
from connectathon.bad_peers.forking import fork
from connectathon.waiting import eventually, free_port
from profiles.sole.event import Algorithm, OperationalEvent, Outcome, Thread


@pytest.fixture
def repository(tmp_path):
    """A real Event Repository in a process of its own: its address, and settings that send to it."""
    pki.init(tmp_path / "pki", "Test")

    def side(name):
        files = {"certificate": f"{name}.pem", "key": f"{name}.key", "authority": "authority.pem"}
        return {key: str(tmp_path / "pki" / value) for key, value in files.items()}

    port, syslog = free_port(), free_port()
    settings = json.dumps({"port": port, "syslog_port": syslog, "tls": side("server")})
    url = f"http://127.0.0.1:{port}"
    arguments = ["good", "event_repository", str(tmp_path / "repository"), settings]
    process = fork(arguments, tmp_path / "repository.log")

    def ready():
        if process.poll() is not None:
            pytest.fail((tmp_path / "repository.log").read_text())
        try:
            return httpx.get(f"{url}/health").is_success
        except httpx.TransportError:
            return False

    eventually(ready, what="the Event Repository to be ready")
    target = {"host": "127.0.0.1", "port": syslog, "tls": side("client")}
    yield url, CommonSettings(data_dir=tmp_path / "source", syslog=target)
    os.kill(process.pid, signal.SIGTERM)
    process.wait(30)


def test_reported_steps_are_told_with_engine_times_and_failures(repository, pages, worklist_url):
    url, common = repository
    thread = Thread(accession_number="ACC1", study_instance_uid="2.25.7", workitem_uid="2.25.8")
    start = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    reporter = reporter_for("task_performer", common)
    reporter.start()
    engine = Algorithm("ball finder", "1.2.3")
    for step, seconds, outcome in (
        ("inference-started", 0, Outcome.SUCCESS),
        ("inference-ended", 5, Outcome.SUCCESS),
        ("result-stored", 6, Outcome.SERIOUS_FAILURE),
    ):
        reporter.report(OperationalEvent(step, start + timedelta(seconds=seconds), thread, outcome, algorithm=engine))
    web = pages(task_manager_url=worklist_url, event_repository_url=url)
    try:
        eventually(lambda: "Result stored" in web.get("/timeline/ACC1").text, what="the events to arrive")
    finally:
        reporter.close()
    page = web.get("/timeline/ACC1").text.partition("<h2>Events</h2>")[2]
    assert page.index("Inference started") < page.index("Inference ended") < page.index("Result stored")
    for words in ("ball finder 1.2.3", "12:00:05.000", "+5.0 s", "task_performer", "failed"):
        assert words in page, words
    assert page.count('class="failed"') == 1
