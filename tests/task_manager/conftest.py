"""A real Task Manager process, spoken to as any foreign client would: plain HTTP with the standard's forms."""

import itertools
import json
import os
import re
import signal
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from actors.shared.steps import KILL_POINTS
from connectathon.bad_peers.forking import fork
from connectathon.waiting import eventually, free_port
from connectathon.workitems import new_workitem, performed
from profiles.dicom import new_uid

JSON = "application/dicom+json"


class RunningTaskManager:
    """One Task Manager process; can be killed and started again on the same data and port, with some settings."""

    def __init__(self, data_dir, **settings):
        self.settings = settings
        self.data_dir = Path(data_dir)
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.kill_points = self.data_dir / "kill"
        self.kill_points.mkdir(exist_ok=True)
        self.log = self.data_dir.parent / f"{self.data_dir.name}.log"
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}/ups-rs"
        self.http = httpx.Client(base_url=self.base, headers={"Accept": JSON}, timeout=60)
        self.process = None

    def launch(self):
        (self.data_dir / "run" / "task_manager.json").unlink(missing_ok=True)
        settings = json.dumps({**self.settings, "port": self.port})
        environment = {**os.environ, KILL_POINTS: str(self.kill_points)}
        self.process = fork(["good", "task_manager", str(self.data_dir), settings], self.log, environment)
        return self

    def start(self):
        return self.launch().wait_ready()

    def wait_ready(self):
        def ready():
            if self.process.poll() is not None:
                raise RuntimeError(self.log.read_text())
            return (self.data_dir / "run" / "task_manager.json").exists()

        eventually(ready, what="the Task Manager to be ready")
        return self

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(60)

    def create(self, dataset=None, uid=None):
        """A created workitem's UID."""
        answer = self.post("/workitems", dataset or new_workitem(now=datetime.now(UTC)), query=uid)
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"].rsplit("/", 1)[1]

    def post(self, path, dataset, query=None):
        return self.http.post(f"{path}?{query}" if query else path, content=json.dumps([dataset]), headers=TYPE)

    def change_state(self, uid, state, transaction):
        body = {"00741000": {"vr": "CS", "Value": [state]}}
        if transaction:
            body["00081195"] = {"vr": "UI", "Value": [transaction]}
        return self.http.put(f"/workitems/{uid}/state", content=json.dumps([body]), headers=TYPE)

    def retrieve(self, uid):
        answer = self.http.get(f"/workitems/{uid}")
        assert answer.status_code == 200, answer.text
        return answer.json()[0]

    def state(self, uid):
        return self.retrieve(uid)["00741000"]["Value"][0]

    def workitem_in(self, state, transaction):
        """A new workitem brought into a state; for ``none`` the UID of no workitem."""
        if state == "none":
            return new_uid()
        uid = self.create()
        if state != "SCHEDULED":
            self.change_state(uid, "IN PROGRESS", transaction)
        if state == "COMPLETED":
            self.post(f"/workitems/{uid}", performed(datetime.now(UTC)), transaction)
        if state in ("COMPLETED", "CANCELED"):
            assert self.change_state(uid, state, transaction).status_code == 200
        return uid

    def logged(self, event):
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in map(json.loads, lines) if line["event"] == event]

    def audited(self):
        """Descriptions of the security alerts in the event spool."""
        found = (re.search(r"<EventOutcomeDescription>([^<]*)<", message) for message in self.spooled())
        return [one[1] for one in found if one]

    def spooled(self):
        """Every message in the event spool."""
        spool = sqlite3.connect(self.data_dir / "task_manager" / "event-spool.sqlite")
        tables = [name for (name,) in spool.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = [row for table in tables for row in spool.execute(f"SELECT * FROM {table}")]  # noqa: S608 - its own names
        spool.close()
        values = (value for row in rows for value in row)
        return [value.decode(errors="replace") for value in values if isinstance(value, bytes)]


TYPE = {"Content-Type": JSON}
_numbers = itertools.count(1)


@pytest.fixture(params=["sqlite", "postgresql"])
def task_managers(request, tmp_path):
    """Makes the Task Managers of one worklist: one process over SQLite, three over PostgreSQL."""
    running = []

    def start(**settings):
        count = 1
        if request.param == "postgresql":
            count, settings["database_url"] = 3, request.getfixturevalue("postgres_url")
        running.extend(RunningTaskManager(tmp_path / f"data{number}", **settings).launch() for number in range(count))
        return [one.wait_ready() for one in running]

    yield start
    for one in running:
        one.stop(signal.SIGKILL)
        one.http.close()


@pytest.fixture(scope="session")
def task_manager(tmp_path_factory):
    """One Task Manager for every test that does not hurt it."""
    running = RunningTaskManager(tmp_path_factory.mktemp("manager") / "data").start()
    yield running
    running.stop()
    running.http.close()


@pytest.fixture
def mortal_task_manager(tmp_path):
    """A Task Manager of this test's own."""
    running = RunningTaskManager(tmp_path / "data")
    yield running
    running.stop(signal.SIGKILL)
    running.http.close()
