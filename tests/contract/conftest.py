"""One real Task Manager process with both faces, and a subscriber on each."""

import threading

import pytest

from actors.shared.ups_dimse.receiver import EventReceiver
from actors.shared.ups_watch import watch
from connectathon.waiting import eventually, free_port
from profiles.dicom import new_uid
from profiles.ups.subscriptions import GLOBAL_SUBSCRIPTION
from tests.contract.faces import DimseFace, RestFace
from tests.task_manager.conftest import RunningTaskManager

DIMSE_WATCHER, REST_WATCHER = "DIMSE_WATCHER", "REST_WATCHER"


class Subscriber:
    """An AE that is subscribed to everything, and what it was told."""

    def __init__(self, reports, stopped):
        self.told = []
        self._stopped = stopped
        self._thread = threading.Thread(target=self._gather, args=(reports,))
        self._thread.start()

    def _gather(self, reports):
        for report in reports:
            self.told.append(report)

    def of(self, uid):
        return [one for one in self.told if one.workitem_uid == uid]

    def has(self, uid, count):
        return eventually(lambda: len(self.of(uid)) >= count and self.of(uid), what=f"{count} reports of {uid}")

    def close(self):
        self._stopped.set()
        self._thread.join()


@pytest.fixture(scope="session")
def event_receiver():
    with EventReceiver(DIMSE_WATCHER) as receiver:
        yield receiver


@pytest.fixture(scope="session")
def manager(tmp_path_factory, event_receiver):
    """The Task Manager."""
    running = RunningTaskManager(
        tmp_path_factory.mktemp("contract") / "data",
        dimse_port=free_port(),
        peers={DIMSE_WATCHER: {"host": "127.0.0.1", "port": event_receiver.port}},
    ).start()
    yield running
    running.stop()
    running.http.close()


@pytest.fixture(scope="session")
def faces(manager):
    """Both faces by name."""
    made = {"rest": RestFace(manager.base), "dimse": DimseFace(manager.settings["dimse_port"])}
    yield made
    for one in made.values():
        one.close()


@pytest.fixture(params=["rest", "dimse"])
def face(request, faces):
    """Each face in turn."""
    return faces[request.param]


@pytest.fixture
def other(face, faces):
    """The face that ``face`` is not."""
    return faces["dimse" if face.name == "rest" else "rest"]


@pytest.fixture(scope="session")
def subscribers(faces, event_receiver):
    """A subscriber of everything on each face; the claims of CALLER can be asked to be canceled."""
    stopped = threading.Event()
    dimse, rest = faces["dimse"].client(DIMSE_WATCHER), faces["rest"].client(REST_WATCHER)
    dimse.subscribe(GLOBAL_SUBSCRIPTION)
    url = rest.subscribe(GLOBAL_SUBSCRIPTION)
    caller = faces["rest"].client("CALLER")
    caller.subscribe(GLOBAL_SUBSCRIPTION)
    sources = {"dimse": event_receiver.events(stopped), "rest": watch(url, stopped)}
    made = {name: Subscriber(reports, stopped) for name, reports in sources.items()}
    yield made
    for one in (*made.values(), dimse, rest, caller):
        one.close()


@pytest.fixture
def workitem_in(faces):
    """Makes a workitem in a state, over UPS-RS; for ``none`` the UID of no workitem."""

    def make(state, transaction):
        uid, rest = new_uid(), faces["rest"]
        steps = {"SCHEDULED": [], "IN PROGRESS": ["claim"], "COMPLETED": ["claim", "update", "complete"]}
        for request in [] if state == "none" else ["create", *steps.get(state, ["claim", "cancel"])]:
            assert rest.ask(request, uid, transaction) == rest.expected(request, "done")
        return uid

    return make
