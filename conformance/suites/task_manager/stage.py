"""What a Task Manager declares, and the clients that stand opposite it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from conformance.harness.declaration import Declaration, Strict
from conformance.harness.trial import Trial
from conformance.partners.attributes import Attributes
from conformance.partners.event_scp import EventScp
from conformance.partners.http import RecordingClient
from conformance.partners.manager import Manager as Performer
from conformance.partners.storage import Address
from conformance.partners.workitems import discontinued, new_uid, performed, workitem
from conformance.partners.worklist import DimseWorklist, Reply, RestWorklist, Worklist
from conformance.ups import check_workitem

IN_PROGRESS, COMPLETED, CANCELED = "IN PROGRESS", "COMPLETED", "CANCELED"
BOTH = ("rest", "dimse")


class Rest(Strict):
    """The ``[rest]`` table: where UPS-RS is.

    Attributes:
        base_url: of the service; ``/workitems`` is below it.
        websocket_url: of the notification connection; empty when the answer to a subscription tells it;
            ``{ae}`` in it stands for the AE title.
        bare_uids: whether UIDs stand in a query without a name (``?1.2.3`` and not ``?workitem=1.2.3``).
        keeps_events: whether events of somebody who is not connected are told when he is again.
    """

    base_url: str
    websocket_url: str = ""
    bare_uids: bool = False
    keeps_events: bool = False


class Dimse(Strict):
    """The ``[dimse]`` table: where the UPS SOP classes are.

    Attributes:
        harness_host: where the harness listens for N-EVENT-REPORT.
        harness_port: 0 for nowhere; then the system is taken for one that sends no event reports.
        unknown_ae_title: an AE title that the system does not know.
        sop_classes: the UPS classes that the system serves.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, lt=65536)
    ae_title: str = "WORKLIST"
    harness_host: str = "127.0.0.1"
    harness_port: int = Field(default=0, ge=0, lt=65536)
    unknown_ae_title: str = "NOBODY_KNOWS_ME"
    sop_classes: frozenset[Literal["Push", "Watch", "Pull", "Event", "Query"]] = frozenset(
        {"Push", "Watch", "Pull", "Event", "Query"}
    )


class PushedTo(Strict):
    """The ``[performer]`` table: where the harness is a performer that tasks are pushed to; port 0: nowhere.

    Attributes:
        station: code value of the Scheduled Station Name by which the system knows that performer.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, lt=65536)
    path: str = "/ups-rs"
    station: str = "HARNESS_PUSH"


class TaskManager(Declaration):
    """A system that plays the Task Manager.

    Attributes:
        harness_ae_title: the AE title under which the harness comes; the system must know it.
        second_ae_title: another one, for a second subscriber.
    """

    rest: Rest
    dimse: Dimse = Dimse()
    performer: PushedTo = PushedTo()
    harness_ae_title: str = "HARNESS"
    second_ae_title: str = "HARNESS_2"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A workitem that the harness has claimed."""

    uid: str
    transaction_uid: str


class Manager:
    """The system under test, seen as the transport of the test sees it."""

    def __init__(self, declared: TaskManager) -> None:
        """It listens from now on for event reports over DIMSE and as a performer, where the declaration says so."""
        self.declared, dimse, place = declared, declared.dimse, declared.performer
        self.events = EventScp(dimse.harness_host, dimse.harness_port) if dimse.harness_port else None
        self.performer = Performer(place.host, place.port, place.path) if place.port else None
        self.channels: dict[str, str] = {}
        self.http = RecordingClient(declared.rest.base_url)
        self.rest = RestWorklist(self.http, declared.harness_ae_title, bare=declared.rest.bare_uids)
        self._trial: Trial | None = None
        self._worklist: Worklist = self.rest

    @property
    def trial(self) -> Trial:
        """The trial that is on."""
        if self._trial is None:
            raise RuntimeError("no test is on")
        return self._trial

    @property
    def worklist(self) -> Worklist:
        """The worklist over the transport of the trial."""
        return self._worklist

    def begin(self, trial: Trial) -> None:
        """What is seen from now on is that trial's evidence."""
        self._trial = self.http.trial = trial
        for listening in (self.events, self.performer):
            if listening:
                listening.begin(trial)
        self._worklist = self.over_dimse() if trial.transport == "dimse" else self.rest

    def end(self) -> None:
        """No trial is on."""
        self._trial = self.http.trial = None
        self._worklist = self.rest
        for listening in (self.events, self.performer):
            if listening:
                listening.end()

    def close(self) -> None:
        """Give everything back."""
        self.http.close()
        for listening in (self.events, self.performer):
            if listening:
                listening.close()

    def over_dimse(self) -> DimseWorklist:
        """The worklist over DIMSE, whatever the transport of the trial is."""
        where = self.declared.dimse
        address = Address(where.host, where.port, where.ae_title)
        return DimseWorklist(self.trial, address, self.declared.harness_ae_title)

    # -- what tests need before they begin ---------------------------------------------------------------------------

    def label(self) -> str:
        """A Worklist Label that nobody else uses, so that a search finds the items of one test only."""
        return f"H{new_uid()[-12:]}"

    def created(self, content: Attributes | None = None) -> str:
        """A workitem in SCHEDULED; canceled when the test has ended, if nobody did it before."""
        uid = new_uid()
        answer = self.worklist.create(workitem() if content is None else content, uid)
        self.trial.require(answer.ok, "the workitem that the test needs is created", answer.words, answer.evidence)
        self.trial.defer(lambda: self.worklist.request_cancel(uid))
        return uid

    def claimed(self, content: Attributes | None = None) -> Claimed:
        """A workitem in IN PROGRESS, owned by the harness; canceled when the test has ended."""
        item, answer = self.claim(self.created(content))
        self.trial.require(answer.ok, "the workitem that the test needs is claimed", answer.words, answer.evidence)
        return item

    def claim(self, uid: str) -> tuple[Claimed, Reply]:
        """Claim a workitem; it is canceled when the test has ended."""
        transaction_uid = self.trial.transaction_uid()
        answer = self.worklist.change_state(uid, IN_PROGRESS, transaction_uid)

        def give_up() -> None:
            if self.worklist.state(uid) == IN_PROGRESS:
                self.worklist.update(uid, discontinued(), transaction_uid)
                self.worklist.change_state(uid, CANCELED, transaction_uid)

        self.trial.defer(give_up)
        return Claimed(uid, transaction_uid), answer

    def completed(self) -> Claimed:
        """A workitem in COMPLETED."""
        item = self.claimed()
        self.finished(item)
        return item

    def finished(self, item: Claimed) -> Reply:
        """Bring a claimed workitem to COMPLETED."""
        self.worklist.update(item.uid, performed(), item.transaction_uid)
        answer = self.worklist.change_state(item.uid, COMPLETED, item.transaction_uid)
        self.trial.require(answer.ok, "the workitem that the test needs is completed", answer.words, answer.evidence)
        return answer

    def canceled(self) -> Claimed:
        """A workitem in CANCELED, by its owner."""
        item = self.claimed()
        self.worklist.update(item.uid, discontinued(), item.transaction_uid)
        answer = self.worklist.change_state(item.uid, CANCELED, item.transaction_uid)
        self.trial.require(answer.ok, "the workitem that the test needs is canceled", answer.words, answer.evidence)
        return item

    # -- what many tests judge ---------------------------------------------------------------------------------------

    def must_be_unchanged(self, uid: str, before: Reply, what: str) -> None:
        """The workitem is as it was, the moment of its modification included or not."""
        after = self.worklist.retrieve(uid)
        changed = sorted(
            tag
            for tag in {*before.dataset, *after.dataset} - _MOVING
            if before.dataset.get(tag) != after.dataset.get(tag)
        )
        self.trial.must(
            after.ok and not changed, f"{what} leaves the workitem as it was", f"changed {changed}", after.evidence
        )

    def must_be_legal(self, found: Reply, moment: str, uid: str) -> None:
        """What was answered breaks no rule for workitems."""
        form = "dicom" if found.code else "json"
        rules = [finding for one in found.datasets for finding in check_workitem(one, moment, uid, form=form)]
        self.trial.findings(rules, "what is answered keeps the rules for workitems", found.evidence)

    def must_be(self, uid: str, state: str) -> None:
        """The workitem is in a state."""
        after = self.worklist.retrieve(uid)
        found = after.dataset.get("00741000", {}).get("Value", [""])[0]
        self.trial.must(found == state, f"the workitem is {state}", f"{found or after.words}", after.evidence)


_MOVING = {"00404010"}  # Scheduled Procedure Step Modification DateTime


@contextmanager
def stage(declared: TaskManager) -> Iterator[Manager]:
    """The clients, for the length of a run."""
    manager = Manager(declared)
    try:
        yield manager
    finally:
        manager.close()
