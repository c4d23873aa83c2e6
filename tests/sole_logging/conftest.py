"""Events, their messages, a store on disk, and receivers: a real repository, and a sink."""

import contextlib
import itertools
import signal
import socket
import threading
from datetime import UTC, datetime, timedelta

import pytest

from profiles.sole import OperationalEvent, Source, Thread
from profiles.sole.syslog import FrameDecoder
from sole_logging.projecting import Projector
from sole_logging.records import Receipt
from sole_logging.reporter import sole_message
from sole_logging.store import EventStore

from ..event_repository.conftest import Repository

_numbers = itertools.count(1)
START = datetime(2031, 5, 6, 8, 0, tzinfo=UTC)
SOURCE = Source("modality", "scanner1", "77", "Test", "scanner-instance")


def event_of(accession="A1", step="order-received", hour=0, **changes):
    """An event at an hour of a day that is not today; identifiers of the thread by name."""
    names = ("patient_id", "placer_order_number", "filler_order_number", "study_instance_uid", "workitem_uid")
    thread = {name: changes.pop(name) for name in names if name in changes}
    return OperationalEvent(
        step, START + timedelta(hours=hour), Thread(accession_number=accession, **thread), **changes
    )


def message_of(accession="A1", step="order-received", hour=0, **changes):
    """Its syslog message, written a second after it happened."""
    event = event_of(accession, step, hour, **changes)
    return sole_message(event, SOURCE, event.at + timedelta(seconds=1))


def receipt_of(raw, hour=0):
    """That message, received two seconds later."""
    return Receipt(raw, START + timedelta(hours=hour, seconds=3), "syslog-tls", "127.0.0.1")


@pytest.fixture
def source():
    return SOURCE


@pytest.fixture
def make_event():
    return event_of


@pytest.fixture
def make_message():
    return message_of


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request, tmp_path):
    """A place for a store: a file, or a schema of PostgreSQL."""
    if request.param == "sqlite":
        return tmp_path / "events.sqlite"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def store(where):
    opened = EventStore(where)
    yield opened
    opened.close()


@pytest.fixture
def keep(store):
    """Store messages as received and read them; returns how many were new."""

    def taken(*messages, hour=0):
        new = store.add([receipt_of(raw, hour) for raw in messages])
        Projector(store).catch_up()
        return new

    return taken


class Sink:
    """A plain syslog receiver that keeps what it takes in memory and stores nothing."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.connections = []
        self.messages = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections.append(connection)
                threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection):
        decoder = FrameDecoder(1_000_000)
        with contextlib.suppress(OSError):
            while data := connection.recv(65536):
                self.messages.extend(decoder.feed(data))

    def hang_up(self):
        """End all connections, as a relay that restarts would."""
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def close(self):
        self.hang_up()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


@pytest.fixture
def sink():
    opened = Sink()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def shared_repository(tmp_path_factory):
    """A real repository that nobody ends."""
    running = Repository(tmp_path_factory.mktemp("repository")).start()
    yield running
    running.end()


@pytest.fixture
def repository(tmp_path):
    """A real repository, not started yet, that a test may start, kill and start again."""
    own = Repository(tmp_path)
    yield own
    own.end(signal.SIGKILL)
