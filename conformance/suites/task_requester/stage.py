"""How a Task Requester is set to work: by an order over HL7 where it takes orders, else by its user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from conformance.partners.orders import Order
from conformance.partners.simulating import Exchange
from conformance.suites.hl7_receiver.stage import Department, Hl7, Scan, Surroundings

LEAVES = "what the system keeps of its requests"


class TaskRequester(Surroundings):
    """A system that plays the Task Requester; without an ``[hl7]`` table its user is asked to act."""

    hl7: Hl7 = Hl7()


class Requesting(Department):
    """The department around a Task Requester."""

    def ask_for(self, scan: Scan, message: bytes = b"") -> None:
        """Have the system request its task for a study, by an order or by its user."""
        if self.declared.hl7.port:
            super().ask_for(scan, message)
            return
        order = scan.order
        words = f"Have the system request its task for the study with accession number {order.study.accession}."
        done = self.trial.ask("request-task", words, **_told(order))
        self.trial.require(done, "the task can be requested", "the user could not")

    def withdraw(self, scan: Scan) -> None:
        """Have the user of the system, or the order placer, cancel what was requested."""
        if self.declared.hl7.port:
            self.send(scan, control="CA", status="CA")
            return
        words = f"Cancel the task that was requested for accession number {scan.order.study.accession}."
        self.trial.require(self.trial.ask("cancel-task", words, **_told(scan.order)), "the task can be cancelled")

    def made(self, scan: Scan) -> Exchange:
        """Store a study, have its task requested, and wait for the workitem."""
        self.store(scan)
        self.ask_for(scan)
        return self.requested(scan)

    def tried(self, scan: Scan) -> list[Exchange]:
        """Every request to create a workitem for a study, whatever was answered."""
        return [one for one in self.worklist.of("create") if scan.uid in one.request.body.decode("latin-1")]


def _told(order: Order) -> dict[str, str]:
    study = order.study
    return {"study": study.uid, "accession": study.accession, "patient": study.patient_id, "priority": order.priority}


@contextmanager
def stage(declared: TaskRequester) -> Iterator[Requesting]:
    """The department, for the length of a run."""
    with ExitStack() as opened:
        yield Requesting(declared, opened)
