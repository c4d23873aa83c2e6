"""A real Event Repository in a process of its own, which tests may kill and start again."""

import json
import os
import signal
import socket
import ssl
from datetime import UTC, datetime

import httpx
import pytest

from actors.shared import pki
from actors.shared.settings import CommonSettings
from connectathon.bad_peers.forking import fork
from connectathon.waiting import eventually, free_port
from profiles.sole import OperationalEvent, Source, Thread
from profiles.sole.syslog import frame
from sole_logging.reporter import sole_message

SOURCE = Source("modality", "scanner1", "1", "Test", "scanner-instance")


class Repository:
    """One repository: its process, its addresses, and a syslog sender without any help of ours."""

    def __init__(self, directory, **settings):
        self.directory = directory
        self.pki = directory / "pki"
        pki.init(self.pki, "Test")
        self.port, self.syslog = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.kill_points = directory / "kill-points"
        self.kill_points.mkdir()
        self.udp = free_port()
        mine = {"port": self.port, "syslog_port": self.syslog, "tls": self.side("server"), "udp_port": self.udp}
        self.settings = {**mine, **settings}
        self.process = None

    def side(self, name):
        files = {"certificate": f"{name}.pem", "key": f"{name}.key", "authority": "authority.pem"}
        return {key: str(self.pki / value) for key, value in files.items()}

    def common(self, name="source", **changes):
        target = {"host": "127.0.0.1", "port": self.syslog, "tls": self.side("client"), "read_back_url": self.url}
        return CommonSettings(data_dir=self.directory / name, syslog={**target, **changes})

    @property
    def log(self):
        return (self.directory / "repository.log").read_text()

    def start(self):
        environment = {**os.environ, "STEPWELL_KILL_POINTS": str(self.kill_points)}
        arguments = ["good", "event_repository", str(self.directory / "repository"), json.dumps(self.settings)]
        self.process = fork(arguments, self.directory / "repository.log", environment)
        eventually(self._ready, what="the Event Repository to be ready")
        return self

    def _ready(self):
        if self.process.poll() is not None:
            pytest.fail(self.log)
        try:
            return httpx.get(f"{self.url}/health").is_success
        except httpx.TransportError:
            return False

    def end(self, number=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            os.kill(self.process.pid, number)
        if self.process:
            self.process.wait(30)

    def connect(self, name="client"):
        context = ssl.create_default_context(cafile=self.pki / "authority.pem")
        if name:
            context.load_cert_chain(self.pki / f"{name}.pem", self.pki / f"{name}.key")
        plain = socket.create_connection(("127.0.0.1", self.syslog), timeout=30)
        return context.wrap_socket(plain, server_hostname="127.0.0.1")

    def send(self, *messages):
        with self.connect() as connection:
            connection.sendall(b"".join(frame(one) for one in messages))
            connection.unwrap()

    @staticmethod
    def message(accession, step="order-received", occurrence="", **changes):
        """The syslog message of one event of a simulated modality."""
        now = datetime.now(UTC)
        event = OperationalEvent(step, now, Thread(accession_number=accession), occurrence=occurrence, **changes)
        return sole_message(event, SOURCE, now)

    def events(self, **query):
        return httpx.get(f"{self.url}/events", params=query).raise_for_status().json()

    def messages(self, *query, accept="application/json"):
        parameters = [("date", "ge2000-01-01"), *query]
        return httpx.get(f"{self.url}/syslogsearch", params=parameters, headers={"accept": accept})

    def await_events(self, count, **query):
        return eventually(
            lambda: found if len(found := self.events(**query)) >= count else None, what=f"{count} events of {query}"
        )


@pytest.fixture(scope="session")
def shared_repository(tmp_path_factory):
    limits = {"greatest_connections": 20, "patience_seconds": 1, "udp": True}
    repository = Repository(tmp_path_factory.mktemp("repository"), **limits).start()
    yield repository
    repository.end()


@pytest.fixture
def repository(tmp_path):
    """One that the test may kill."""
    own = Repository(tmp_path).start()
    yield own
    own.end(signal.SIGKILL)
