"""A suite of its own for the harness's own tests, and systems that misbehave on the wire (injected faults)."""

import socket
import socketserver
import threading
from contextlib import contextmanager

import pytest

from conformance.finding import Severity
from conformance.harness import Case, Evidence, NobodyThere, Suite
from conformance.harness.declaration import Declaration, Limits, SystemName
from conformance.harness.engine import run
from conformance.harness.model import Requirement
from conformance.harness.operators import FunctionOperator
from conformance.partners.http import RecordingClient
from conformance.reports.results import Gathering, gathered


class Site(Declaration):
    base_url: str = "http://127.0.0.1:9"


class ClientStage:
    """One recording client."""

    def __init__(self, declared):
        self.http = RecordingClient(declared.base_url)

    def begin(self, trial):
        self.http.trial = trial

    def end(self):
        self.http.trial = None


@contextmanager
def client_stage(declared):
    stage = ClientStage(declared)
    try:
        yield stage
    finally:
        stage.http.close()


def requirement(identifier="AIWI-TM-001", severity=Severity.ERROR, verified="read"):
    return Requirement(
        identifier, "UPS", "task_manager", "RAD-80", "PS3.18 section 11.4", verified, severity, False, "wire"
    )


def case(body, title="It does what it should", row=None, **about):
    return Case(row or requirement(), title, body, **about)


@pytest.fixture
def judged(tmp_path):
    """Runs bodies of tests against an address, and gives the run's result."""

    def play(*cases, base_url="http://127.0.0.1:9", actions=None, limits=None, **declared):
        site = Site(
            system=SystemName(name="Widget", vendor="Widget Works", version="1.0"),
            limits=limits or Limits(answer_seconds=5, reaction_seconds=5, quiet_seconds=0.05),
            base_url=base_url,
            **declared,
        )
        made = tuple(one if isinstance(one, Case) else case(one) for one in cases)
        suite = Suite("task_manager", "Task Manager", Site, client_stage, made)
        operator = FunctionOperator(actions) if actions else NobodyThere()
        evidence = Evidence(tmp_path / "evidence")
        play.evidence = evidence
        return gathered(run(suite, site, operator, evidence), Gathering("Widget Works", "1.0", "test"))

    return play


@contextmanager
def peer(conversation):
    """A TCP server on the loopback address that holds a conversation of its own with every client."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            try:
                conversation(self.request)
            except OSError:
                return

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def read_request(connection: socket.socket) -> bytes:
    """The head of a request."""
    received = b""
    while b"\r\n\r\n" not in received:
        got = connection.recv(65536)
        if not got:
            break
        received += got
    return received
