"""Real Task Performers, in this process and as processes, with a real Task Manager and real Image Managers."""

import json
import os
import secrets
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest

from actors.shared.dicomweb import Archive
from actors.shared.reporting import reporter_for
from actors.shared.settings import CommonSettings
from actors.shared.ups_client import UpsClient
from actors.task_performer.journal import Journal
from actors.task_performer.main import usable_engines
from actors.task_performer.patience import Patience
from actors.task_performer.service import TaskPerformer
from actors.task_performer.settings import Settings
from actors.task_performer.work import Means
from connectathon.bad_peers.forking import fork
from connectathon.fiction import new_order
from connectathon.modality import Head, write_series
from connectathon.waiting import eventually, free_port
from connectathon.workitems import new_workitem
from profiles.dicom import Code, get_code, item, items, put, put_codes, put_items, text

HERE = Path(__file__).parent
FINAL = ("COMPLETED", "CANCELED")


class RunningActor:
    """One actor in a process of its own; can be killed and started again on the same data and ports."""

    def __init__(self, actor, data_dir, **settings):
        self.actor, self.settings = actor, settings
        self.data_dir = Path(data_dir)
        self.kill_points = self.data_dir / "kill"
        self.kill_points.mkdir(exist_ok=True, parents=True)
        self.log = self.data_dir / f"{actor}.log"
        self.process = None

    @property
    def url(self):
        """Base URL of an archive or a worklist."""
        return f"http://127.0.0.1:{self.settings['port']}/{'ups-rs' if self.actor == 'task_manager' else 'dicom-web'}"

    def launch(self):
        """Start the process without waiting for it."""
        (self.data_dir / "run" / f"{self.actor}.json").unlink(missing_ok=True)
        paths = [str(HERE), *(entry for entry in sys.path if entry)]
        environment = {
            **os.environ,
            "STEPWELL_KILL_POINTS": str(self.kill_points),
            "PYTHONPATH": os.pathsep.join(paths),
        }
        settings, common = json.dumps(self.settings), json.dumps({"log_level": "DEBUG"})
        self.process = fork(["good", self.actor, str(self.data_dir), settings, common], self.log, environment)
        return self

    def start(self):
        """Start the process and wait until it serves."""
        return self.launch().await_ready()

    def await_ready(self):
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

    def kill(self):
        self.process.kill()
        self.process.wait(60)

    def stop(self):
        """End the process, if it runs."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)

    def logged(self, event):
        """The log lines of one event."""
        lines = (json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [line for line in lines if line.get("event") == event]

    def records(self):
        """The performer's journal: file by workitem UID."""
        return {path.stem: path for path in (self.data_dir / "task_performer" / "journal").glob("*.json")}


def new_archive(folder):
    """An Image Manager that is not started yet."""
    return RunningActor("image_manager", folder, port=free_port(), dimse_port=free_port())


@pytest.fixture(scope="session")
def peers(tmp_path_factory):
    """A real Image Manager and a real Task Manager for all tests; each test schedules for a station of its own."""
    folder = tmp_path_factory.mktemp("peers")
    archive = new_archive(folder)
    manager = RunningActor("task_manager", folder, port=free_port())
    try:
        for actor in (archive, manager):
            actor.launch()
        yield archive.await_ready(), manager.await_ready()
    finally:
        for actor in (archive, manager):
            actor.stop()


@pytest.fixture
def own_archive(tmp_path):
    """A started Image Manager for one test, which may stop it and start it again."""
    archive = new_archive(tmp_path / "archive").start()
    yield archive
    archive.stop()


@pytest.fixture
def own_manager(tmp_path):
    """A started Task Manager for one test, which may stop it and start it again."""
    manager = RunningActor("task_manager", tmp_path / "manager", port=free_port()).start()
    yield manager
    manager.stop()


class Ward:
    """What one test schedules and sees, at the archive and the Task Manager that all tests share."""

    def __init__(self, archive, manager, folder):
        self.archive_url, self.manager_url, self.folder = archive.url, manager.url, folder
        self.ae_title = f"TP{secrets.token_hex(5)}"
        self.client = UpsClient(manager.url, ae_title="TESTER")
        self.runs = folder / "runs"
        self.runs.mkdir()

    def images(self, archive_url=None, *, stored=True, **changes):
        """Store one small series; its files."""
        order, folder = new_order(), self.folder / f"images-{secrets.token_hex(4)}"
        values = np.arange(8 * 8 * 3, dtype=np.int16).reshape(8, 8, 3)
        paths = write_series(Head("small", "Small", values, np.diag([2.0, 2.0, 3.0, 1.0])), order, folder, slice_axis=2)
        if stored:
            with Archive(archive_url or self.archive_url) as archive:
                archive.store(paths)
        return Study(order, paths)

    def workitem(self, study, engine="quick", archive_url=None):
        """A workitem for a study, assigned to this test's station."""
        workitem = new_workitem(study.order, now=datetime.now(UTC))
        put_codes(workitem, "ScheduledWorkitemCodeSequence", Code(engine.upper(), "99TEST", f"{engine} analysis"))
        put_codes(workitem, "ScheduledStationNameCodeSequence", Code(self.ae_title, "L", "Test station"))
        base = archive_url or self.archive_url
        put_items(workitem, "InputInformationSequence", study.as_input(base))
        storage = put({}, "StorageURL", f"{base}/studies")
        return put_items(workitem, "OutputDestinationSequence", put_items({}, "STOWRSStorageSequence", storage))

    def schedule(self, study=None, engine="quick", archive_url=None):
        """Store images, if there are none yet, and create a workitem for them; its UID."""
        study = study or self.images(archive_url)
        return self.client.create(dict(sorted(self.workitem(study, engine, archive_url).items())))

    def state(self, uid):
        return text(self.client.retrieve(uid), "ProcedureStepState")

    def await_final(self, uid):
        """Wait for COMPLETED or CANCELED, and return the workitem."""
        eventually(lambda: self.state(uid) in FINAL, what=f"the end of {uid}")
        return self.client.retrieve(uid)

    def await_state(self, uid, state):
        eventually(lambda: self.state(uid) == state, what=f"{uid} to be {state}")

    def results(self, uid, archive_url=None):
        """What the archive holds of a workitem's study besides the images: modality by SOP Instance UID."""
        study = text(self.client.retrieve(uid), "StudyInstanceUID")
        with Archive(archive_url or self.archive_url) as archive:
            found = archive.search_instances(study)
        kinds = {text(one, "SOPInstanceUID"): text(one, "Modality") for one in found}
        return {instance: kind for instance, kind in kinds.items() if kind != "MR"}

    def outputs(self, uid):
        """SOP Instance UIDs that a workitem names as its outputs."""
        performed = item(self.client.retrieve(uid), "UnifiedProcedureStepPerformedProcedureSequence")
        return [
            text(reference, "ReferencedSOPInstanceUID")
            for series in items(performed, "OutputInformationSequence")
            for reference in items(series, "ReferencedSOPSequence")
        ]

    def reason(self, uid):
        """Code value of the reason for which a workitem was discontinued."""
        progress = item(self.client.retrieve(uid), "ProcedureStepProgressInformationSequence")
        found = get_code(progress, "ProcedureStepDiscontinuationReasonCodeSequence")
        return found and found.value

    def runs_of(self, study):
        """How often an engine processed a study."""
        return len(list(self.runs.glob(f"{study.series_uid}-*")))

    def let_go(self):
        """Let engines that are held go on."""
        (self.runs / "go-on").touch()

    def settings(self, **changes):
        """Settings of a performer at this test's station."""
        values = {
            "ae_title": self.ae_title,
            "task_manager_url": self.manager_url,
            "archive_url": self.archive_url,
            "engines": tuple(f"performer_engines:{name}" for name in ("Quick",)),
            "poll_seconds": 0.1,
            "cancel_check_seconds": 0.2,
            "threads": 1,
        }
        return {**values, **changes}


class Study:
    """One series of a fictional patient."""

    def __init__(self, order, paths):
        self.order, self.paths = order, paths
        headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in paths]
        self.series_uid = str(headers[0].SeriesInstanceUID)
        self.instances = [(str(header.SOPClassUID), str(header.SOPInstanceUID)) for header in headers]

    def as_input(self, archive_url):
        """An item of Input Information Sequence."""
        found = put({}, "TypeOfInstances", "DICOM")
        put(found, "StudyInstanceUID", self.order.study_instance_uid)
        put(found, "SeriesInstanceUID", self.series_uid)
        references = [
            put(put({}, "ReferencedSOPClassUID", sop_class), "ReferencedSOPInstanceUID", instance)
            for sop_class, instance in self.instances
        ]
        put_items(found, "ReferencedSOPSequence", *references)
        url = put({}, "RetrieveURL", f"{archive_url}/studies/{self.order.study_instance_uid}")
        return dict(sorted(put_items(found, "WADORSRetrievalSequence", url).items()))


@pytest.fixture
def new_ward(tmp_path, monkeypatch):
    """Makes wards over given actors."""
    made = []

    def make(archive, manager):
        made.append(Ward(archive, manager, tmp_path))
        monkeypatch.setenv("PERFORMER_TEST_RUNS", str(made[-1].runs))
        monkeypatch.setattr(sys, "path", [str(HERE), *sys.path])
        return made[-1]

    yield make
    for one in made:
        one.let_go()
        one.client.close()


@pytest.fixture
def ward(peers, new_ward):
    return new_ward(*peers)


@pytest.fixture
def performer_process(ward):
    """Makes performers as processes; ends them afterwards."""
    made = []

    def make(name="performer", **changes):
        made.append(RunningActor("task_performer", ward.folder / name, **ward.settings(**changes)))
        return made[-1]

    yield make
    for one in made:
        one.stop()


class Told:
    """A reporter that also remembers what was reported."""

    def __init__(self, reporter):
        self._reporter, self.events, self.audited = reporter, [], []

    def report(self, event):
        self.events.append(event)
        return self._reporter.report(event)

    def audit_soon(self, event):
        self.audited.append(event)


class RunningPerformer:
    """A performer on a thread of this process."""

    def __init__(self, folder, settings):
        self.settings, self.folder = Settings(**settings), folder
        self.reporter = reporter_for("task_performer", CommonSettings(data_dir=folder))
        self.told = Told(self.reporter)
        self.stopped = threading.Event()
        self.client = UpsClient(self.settings.task_manager_url, ae_title=self.settings.ae_title)
        self.journal = Journal(folder / "task_performer" / "journal")
        means = Means(
            self.settings,
            self.journal,
            self.client,
            self.told,
            Patience(self.stopped),
            (folder / "task_performer").resolve(),
            lambda: datetime.now(UTC),
        )
        self.performer = TaskPerformer(means, usable_engines(self.settings.engines))
        self.thread = threading.Thread(target=self.performer.run, name="performer")
        self.thread.start()

    def steps(self, uid):
        """The steps reported of one workitem, in order."""
        return [event.step for event in self.told.events if event.thread.workitem_uid == uid]

    @property
    def listens(self):
        """Whether every worklist tells it of new work."""
        return self.performer.listens

    def told_words(self):
        """Everything that was reported, as text."""
        return repr(self.told.events)

    def await_idle(self):
        """Wait until everything that was begun is done with."""
        eventually(lambda: not self.journal.records(), what="an empty journal")

    def stop(self):
        self.stopped.set()
        self.thread.join(60)
        assert not self.thread.is_alive()
        self.client.close()
        self.reporter.close()


@pytest.fixture
def performer(request, tmp_path):
    """Makes performers on threads; ends them afterwards. They work for the test's ward."""
    made = []

    def make(*engines, at=None, **changes):
        names = tuple(f"performer_engines:{name}" for name in engines or ("Quick",))
        ward = at or request.getfixturevalue("ward")
        made.append(RunningPerformer(tmp_path / f"performer-{len(made)}", ward.settings(engines=names, **changes)))
        return made[-1]

    yield make
    for one in made:
        one.stop()
