"""What a Watcher declares, and the worklist manager that it watches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import Field

from conformance.harness.declaration import Declaration, Strict
from conformance.harness.trial import Trial
from conformance.partners.attributes import Attributes, code, put
from conformance.partners.manager import Manager
from conformance.partners.objects import new_uid
from conformance.partners.simulating import Exchange
from conformance.partners.sockets import Socket
from conformance.partners.ups_requests import kind_of

LEAVES = "what the system remembers of workitems that it watched"


class Worklist(Strict):
    """The ``[worklist]`` table: where the harness plays the worklist manager; the system must be told to watch it."""

    host: str = "127.0.0.1"
    port: int = Field(gt=0, lt=65536)
    path: str = "/ups-rs"


class Watching(Strict):
    """The ``[watcher]`` table.

    Attributes:
        ae_title: under which the system subscribes; not checked when empty.
        watches_all: whether it can watch the whole worklist.
        watches_filtered: whether it can watch the workitems with a given Worklist Label.
        shows_content: whether it can show a workitem, and not only its events.
        host, port: where it takes associations that bring event reports over DIMSE; port 0: it takes none.
        harness_ae_title: calling AE title of those associations.
    """

    ae_title: str = Field(default="", max_length=16)
    watches_all: bool = True
    watches_filtered: bool = True
    shows_content: bool = True
    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, lt=65536)
    harness_ae_title: str = Field(default="HARNESS", max_length=16)


class Watcher(Declaration):
    """A system that plays the Watcher."""

    worklist: Worklist
    watcher: Watching = Watching()


class Watched:
    """The worklist manager that the system watches, and what a user of the system is asked to do."""

    def __init__(self, declared: Watcher) -> None:
        """It listens from now on."""
        self.declared = declared
        self.manager = Manager(declared.worklist.host, declared.worklist.port, declared.worklist.path)
        self._trial: Trial | None = None
        self._watches = False

    def begin(self, trial: Trial) -> None:
        """What is seen from now on is that trial's evidence."""
        self._trial = trial
        self.manager.begin(trial)

    def end(self) -> None:
        """No trial is on."""
        self.manager.end()
        self._trial = None

    @property
    def trial(self) -> Trial:
        """The test that is on."""
        if self._trial is None:
            raise RuntimeError("no test is on")
        return self._trial

    # -- asking the user ---------------------------------------------------------------------------------------------

    def watch(self, uid: str) -> Exchange:
        """Have the user watch one workitem; the subscription that came, without which the test makes no sense."""
        self._begin("watch-workitem", f"Watch the workitem {uid}.", workitem=uid)
        found = self.subscriptions(uid)
        self.trial.require(found, "the system subscribes: POST …/workitems/{UID}/subscribers/{AE title}", "it does not")
        return found[0]

    def watch_all(self) -> None:
        """Have the user watch the whole worklist."""
        self._begin("watch-all", "Watch all workitems of the worklist.")

    def watch_label(self, label: str) -> None:
        """Have the user watch the workitems with a Worklist Label."""
        self._begin("watch-filtered", f"Watch the workitems with the Worklist Label {label}.", label=label)

    def stop(self) -> None:
        """Have the user stop watching, if it watches."""
        if self._watches:
            self._watches = False
            self.trial.ask("stop-watching", "Stop watching.")

    def shows(self, uid: str, event: str, text: str, question: str) -> bool:
        """Whether the user sees something.

        Args:
            uid: of the workitem that it is about.
            event: kind of the event, of ``Kind`` in lower case.
            text: that is to be read, or empty.
            question: for a person.
        """
        values = {"workitem": uid, "event": event, "says": text}
        return self.trial.ask("is-shown", f"Look at what the system tells of {uid}.", question, **values)

    def _begin(self, action: str, words: str, **values: str) -> None:
        self._watches = True
        self.trial.defer(self.stop)
        done = self.trial.ask(action, words, **values)
        self.trial.require(done, "the user of the system can do that", "it could not be done")

    # -- seeing ------------------------------------------------------------------------------------------------------

    def subscriptions(self, target: str) -> list[Exchange]:
        """Subscriptions to a workitem, or to a well-known UID, of this test; waits for the first."""
        return self.trial.wait_for(lambda: self.manager.of("subscribe", target)) or []

    def connection(self, subscription: Exchange) -> Socket:
        """The notification connection that carries the events of a subscription; without it the test makes no sense."""
        title = subscriber(subscription)
        found = self.trial.wait_for(lambda: self.manager.open_sockets(title)) or []
        self.trial.require(
            found,
            "the system opens a notification connection for the AE title that is subscribed",
            "none is open",
            self.manager.proof(self.trial, subscription),
        )
        return found[-1]


def subscriber(subscription: Exchange) -> str:
    """The AE title that a request about a subscription names."""
    return kind_of(subscription.request)[2]


def workitem(label: str = "HARNESS") -> Attributes:
    """A workitem that is to be watched, as a manager keeps it."""
    content: Attributes = {}
    put(content, "ProcedureStepState", "SCHEDULED")
    put(content, "ScheduledProcedureStepPriority", "MEDIUM")
    put(content, "ProcedureStepLabel", "Analysis that the harness asks for")
    put(content, "WorklistLabel", label)
    put(content, "ScheduledProcedureStepStartDateTime", "20260101080000")
    put(content, "ScheduledProcedureStepModificationDateTime", "20260101080000")
    put(content, "InputReadinessState", "READY")
    put(content, "StudyInstanceUID", new_uid())
    put(content, "ScheduledWorkitemCodeSequence", code("110004", "DCM", "Computer Aided Detection"))
    return content


@contextmanager
def stage(declared: Watcher) -> Iterator[Watched]:
    """The worklist manager, for the length of a run."""
    watched = Watched(declared)
    try:
        yield watched
    finally:
        watched.manager.close()
