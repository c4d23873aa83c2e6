"""Task Requesters: in this process over stand-ins for archive and worklist, and as processes of their own."""

import itertools
import json
import os
import resource
import signal
from pathlib import Path

import pytest

from actors.shared.refusals import RefusalLog
from actors.shared.ups_client import DuplicateWorkitem
from actors.task_requester.mllp import mllp_server
from actors.task_requester.orders_store import orders_by_accession
from actors.task_requester.rules import load_rules
from actors.task_requester.service import TaskRequester
from actors.task_requester.settings import Settings
from connectathon.bad_peers.forking import fork
from connectathon.ris import send_order
from connectathon.waiting import eventually, free_port
from profiles.dicom import put, text
from profiles.errors import Conflict, NotFound, Unavailable

_numbers = itertools.count(1)
MR = "1.2.840.10008.5.1.4.1.1.4"


class Images:
    """An archive that holds what a test put there; the interface of `actors.shared.dicomweb.Archive`."""

    def __init__(self):
        self.studies = {}
        self.searches = 0
        self.away = False

    def put(self, study, count, *, accession="", patient_id="", body_part="HEAD", modality="MR", series="1"):
        """Let one series of a study have so many images."""
        found = self.studies.setdefault(study, {"accession": accession, "patient_id": patient_id, "series": {}})
        found["series"][f"{study}.{series}"] = (modality, body_part, count)

    def _present(self):
        if self.away:
            raise Unavailable("The archive is away.")

    def search_studies(self, filters=None):
        self._present()
        self.searches += 1
        found = []
        for uid, study in self.studies.items():
            wanted = filters.get("StudyInstanceUID", uid), filters.get("AccessionNumber", study["accession"])
            if wanted == (uid, study["accession"]):
                dataset = put(put({}, "StudyInstanceUID", uid), "PatientID", study["patient_id"] or None)
                found.append(dataset)
        return found

    def search_series(self, study, filters=None):
        self._present()
        found = []
        for uid, (modality, _, count) in self.studies[study]["series"].items():
            dataset = put(put({}, "SeriesInstanceUID", uid), "Modality", modality)
            found.append(put(dataset, "NumberOfSeriesRelatedInstances", count))
        return found

    def search_instances(self, study, series=None, filters=None):
        self._present()
        count = self.studies[study]["series"][series][2]
        numbers = range(1, count + 1)
        return [put(put({}, "SOPClassUID", MR), "SOPInstanceUID", f"{series}.{number}") for number in numbers]

    def instance_metadata(self, study, series, instance):
        modality, body_part, _ = self.studies[study]["series"][series]
        dataset = put(put({}, "Modality", modality), "BodyPartExamined", body_part)
        put(dataset, "ImageType", "ORIGINAL", "PRIMARY")
        return put(dataset, "AccessionNumber", self.studies[study]["accession"])


class Worklist:
    """A Task Manager that keeps what it was given; the interface of `actors.shared.ups_client.UpsClient`."""

    def __init__(self):
        self.workitems = {}
        self.states = {}
        self.requests = 0
        self.refusals, self.refusals_of_updates = [], []
        self.cancellations = []
        self.updates = []
        self.cancel_refusal = None

    def create(self, workitem, uid=None):
        self.requests += 1
        if self.refusals:
            raise self.refusals.pop(0)
        if uid in self.workitems:
            raise DuplicateWorkitem("There is one already.")
        self.workitems[uid] = workitem
        self.states[uid] = "SCHEDULED"
        return uid

    def retrieve(self, uid):
        if uid not in self.workitems:
            raise NotFound("There is none.")
        return put(dict(self.workitems[uid]), "ProcedureStepState", self.states[uid])

    def search(self, matches=None):
        found = [put(self.retrieve(uid), "SOPInstanceUID", uid) for uid in self.workitems]
        return [one for one in found if all(text(one, key) == value for key, value in (matches or {}).items())]

    def update(self, uid, changes, transaction_uid):
        if self.refusals_of_updates:
            raise self.refusals_of_updates.pop(0)
        if (self.states[uid], transaction_uid) != ("SCHEDULED", None):
            raise Conflict("409: it is claimed.")
        self.updates.append((uid, changes))
        self.workitems[uid] = {**self.workitems[uid], **changes}

    def request_cancel(self, uid, reason=None, text=""):
        if self.cancel_refusal:
            raise self.cancel_refusal
        self.retrieve(uid)
        if self.states[uid] in {"COMPLETED", "CANCELED"}:
            raise Conflict(f"The Task Manager answered 409: it is {self.states[uid]} already.")
        self.cancellations.append((uid, reason.value, text))
        if self.states[uid] == "SCHEDULED":
            self.states[uid] = "CANCELED"

    def open(self):
        """The workitems that have not ended, by UID."""
        return {uid: one for uid, one in self.workitems.items() if self.states[uid] in {"SCHEDULED", "IN PROGRESS"}}


class Events:
    """A reporter that keeps what it was told."""

    def __init__(self):
        self.events = []
        self.failing = False

    def report(self, event):
        if self.failing:
            raise OSError(28, "No space left on device")
        self.events.append(event)
        return str(len(self.events))

    def steps(self):
        return [event.step for event in self.events]


@pytest.fixture
def images():
    return Images()


@pytest.fixture
def worklist():
    return Worklist()


@pytest.fixture
def events():
    return Events()


class RunningActor:
    """One actor in a process of its own; can be killed and started again on the same data and ports."""

    def __init__(self, actor, data_dir, **settings):
        self.actor, self.settings = actor, settings
        self.data_dir = Path(data_dir)
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.kill_points = self.data_dir / "kill"
        self.kill_points.mkdir(exist_ok=True)
        self.process = None
        self.log = self.data_dir / f"{actor}.log"

    def launch(self, largest_file=0):
        """Start the process without waiting for it."""
        (self.data_dir / "run" / f"{self.actor}.json").unlink(missing_ok=True)
        environment = {**os.environ, "STEPWELL_KILL_POINTS": str(self.kill_points)}
        arguments = ["good", self.actor, str(self.data_dir), json.dumps(self.settings)]
        self.process = fork(arguments, self.log, environment)
        if largest_file:
            resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (largest_file, largest_file))
        return self

    def start(self, largest_file=0):
        """Start the process and wait until it serves."""
        self.launch(largest_file)

        def ready():
            if self.process.poll() is not None:
                raise RuntimeError(self.log.read_text())
            return (self.data_dir / "run" / f"{self.actor}.json").exists()

        eventually(ready, what=f"{self.actor} to be ready")
        return self

    def arm(self, step):
        """Let the process die at a step."""
        (self.kill_points / str(step)).touch()

    def await_death(self):
        """Wait until the armed step killed the process."""
        assert self.process.wait(60) == -signal.SIGKILL
        assert not list(self.kill_points.iterdir())

    def stop(self):
        """End the process, if it runs."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def logged(self, event):
        """The log lines of one event."""
        lines = (json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [line for line in lines if line.get("event") == event]


@pytest.fixture(scope="module")
def archive_and_manager(tmp_path_factory):
    """A real Image Manager and a real Task Manager; their addresses."""
    folder = tmp_path_factory.mktemp("peers")
    images, manager = free_port(), free_port()
    actors = [
        RunningActor("image_manager", folder, port=images, dimse_port=free_port()),
        RunningActor("task_manager", folder, port=manager),
    ]
    try:
        for actor in actors:
            actor.launch()
        for actor in actors:
            eventually((folder / "run" / f"{actor.actor}.json").exists, what=f"{actor.actor} to be ready")
        yield f"http://127.0.0.1:{images}/dicom-web", f"http://127.0.0.1:{manager}/ups-rs"
    finally:
        for actor in actors:
            actor.stop()


@pytest.fixture
def task_requester(tmp_path):
    """Makes Task Requester processes on the test's own directory; ends them afterwards."""
    made = []

    def make(name="data", **settings):
        values = {"mllp_port": free_port(), "quiet_seconds": 0.3, "poll_seconds": 0.1, **settings}
        made.append(RunningActor("task_requester", tmp_path / name, **values))
        return made[-1]

    yield make
    for one in made:
        one.stop()


class Department:
    """A Task Requester in this process with its MLLP face, over the stand-ins."""

    def __init__(self, data_dir, images, worklist, events, **settings):
        self.data_dir = data_dir
        values = {"mllp_port": free_port(), "quiet_seconds": 0.2, "poll_seconds": 0.05, "slowest_poll_seconds": 0.2}
        self.settings = Settings(**{**values, **settings})
        self.requester = TaskRequester(
            self.settings,
            data_dir / "task_requester",
            rules=load_rules(self.settings.rules),
            archive=images,
            worklist=worklist,
            reporter=events,
            refusals=RefusalLog(),
        )
        self.server = mllp_server(self.requester, self.settings)

    def start(self):
        self.requester.start()
        self.server.start()
        return self

    def stop(self):
        self.server.stop()
        self.requester.close()

    def send(self, message):
        """Send one message and read its answer."""
        return send_order("127.0.0.1", self.settings.mllp_port, message, limit_seconds=0)

    def orders(self, accession):
        """What became of the orders; what was answered and is still to be worked out, is awaited."""
        eventually(lambda: self.requester.waiting == 0, what="the messages to be worked out")
        return orders_by_accession(self.data_dir, accession)

    def state(self, accession):
        """The state of the only order with an accession number."""
        (order,) = self.orders(accession)
        return order["state"]

    def await_state(self, accession, state):
        """Wait until the order stands so."""
        eventually(lambda: self.state(accession) == state, what=f"order {accession} to be {state}")
        return self.orders(accession)[0]


@pytest.fixture
def department(tmp_path, images, worklist, events):
    """Makes and starts a Task Requester over the stand-ins; a second one takes up the first one's data."""
    made = []

    def make(**settings):
        for earlier in made:
            earlier.stop()
        made[:] = [Department(tmp_path, images, worklist, events, **settings).start()]
        return made[0]

    yield make
    for one in made:
        one.stop()
