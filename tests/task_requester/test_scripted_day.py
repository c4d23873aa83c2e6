"""One day at a hospital that changes its mind: real processes, the listener killed twice, on both databases."""

import dataclasses
import signal
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from actors.shared.dicomweb import Archive
from actors.shared.ups_client import UpsClient
from actors.task_requester.orders_store import order_thread
from actors.task_requester.steps import Step
from connectathon.fiction import new_order
from connectathon.modality import Head, write_series
from connectathon.ris import build_order, send_order
from connectathon.waiting import eventually
from profiles.dicom import item, items, text

MORNING = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
ENOUGH = 24


class Day:
    """A requester, an archive and a Task Manager, each a process, and the orders of the day by name."""

    def __init__(self, requester, database_url, archive_url, manager_url, folder):
        self.requester, self.folder = requester, folder
        self.outside = database_url or requester.data_dir
        self.archive_url, self.manager_url = archive_url, manager_url
        names = ("new", "changed", "cancelled", "late", "resent", "early", "held", "never", "merged")
        self.orders = {name: new_order() for name in names}
        self.files = {}

    def send(self, name, control="NW", status="SC", minute=0, order=None, **changes):
        """Send a message about an order until it is answered AA."""
        order = order or self.orders[name]
        at = MORNING + timedelta(minutes=minute)
        message = build_order(order, control=control, status=status, now=at, **changes)
        assert self.tell(message).code == "AA"
        return message

    def merge(self, name, survivor, minute):
        """Tell that the patient of an order is another one (ADT A40)."""
        order, at = self.orders[name], f"{MORNING + timedelta(minutes=minute):%Y%m%d%H%M%S}"
        segments = (
            f"MSH|^~\\&|ADT|STEPWELL-DEMO|||{at}||ADT^A40^ADT_A39|M{at}|P|2.5",
            f"EVN||{at}",
            f"PID|||{survivor}^^^{order.issuer}^PI||{order.patient_name}",
            f"MRG|{order.patient_id}^^^{order.issuer}^PI",
        )
        assert self.tell(("\r".join(segments) + "\r").encode()).code == "AA"

    def tell(self, message):
        """Send a message until it is answered."""
        return send_order("127.0.0.1", self.requester.settings["mllp_port"], message, limit_seconds=60)

    def acquire(self, name, count=None):
        """Let images of an order's study arrive: the first so many, or all that are not there yet."""
        if name not in self.files:
            voxels = np.random.default_rng(0).integers(0, 500, (ENOUGH + 4, 16, 16), dtype=np.int16)
            head = Head("small", "T1w (noise)", voxels, np.diag([1.0, 1.0, 1.0, 1.0]))
            self.files[name] = list(write_series(head, self.orders[name], self.folder / name, slice_axis=0))
        arriving = self.files[name][:count]
        del self.files[name][:count]
        with Archive(self.archive_url) as archive:
            archive.store(arriving)

    def kill(self):
        """kill -9, and another process on the same data."""
        self.requester.process.send_signal(signal.SIGKILL)
        self.requester.process.wait(60)
        self.requester.start()

    def thread(self, name):
        """What the store says of an order."""
        (found,) = order_thread(self.outside, self.orders[name].accession_number)
        return found

    def await_state(self, name, state):
        """Wait until an order stands so."""
        eventually(
            lambda: self.thread(name)["state"] == state, what=f"the order {name} to be {state}", limit_seconds=120
        )

    def workitems(self, name):
        """The workitems of an order as the Task Manager has them."""
        key = {"ReferencedRequestSequence.AccessionNumber": self.orders[name].accession_number}
        with UpsClient(self.manager_url, ae_title="TEST") as client:
            return sorted(client.search(key), key=lambda one: text(one, "ProcedureStepState"))

    def states(self, name):
        """States of the workitems of an order."""
        return [text(one, "ProcedureStepState") for one in self.workitems(name)]


@pytest.fixture(params=["sqlite", "postgresql"])
def day(request, task_requester, archive_and_manager, tmp_path):
    archive_url, manager_url = archive_and_manager
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    requester = task_requester(
        archive_url=archive_url, task_manager_url=manager_url, slowest_poll_seconds=0.5, database_url=url
    )
    requester.start()
    return Day(requester, url, archive_url, manager_url, tmp_path)


def inputs(workitem):
    """How many images a workitem is about."""
    return sum(len(items(one, "ReferencedSOPSequence")) for one in items(workitem, "InputInformationSequence"))


def priority(workitem):
    """How urgent a workitem is."""
    return text(workitem, "ScheduledProcedureStepPriority")


@pytest.mark.requirement(
    "HL7-011",
    "HL7-028",
    "HL7-029",
    "HL7-031",
    "HL7-032",
    "HL7-035",
    "HL7-036",
    "HL7-039",
    "HL7-044",
    "HL7-061",
    "HL7-063",
)
def test_a_day_of_changes_ends_with_exactly_the_expected_workitems(day):
    changed = dataclasses.replace(day.orders["changed"], procedure_description="MR head with contrast")
    resent = day.send("resent")
    day.send("new")
    day.send("never")
    day.send("cancelled")
    day.send("early", "CA", "CA", minute=30)
    day.send("changed", "XO", minute=20, order=changed, priority="S")
    day.kill()
    day.send("changed", minute=5)
    day.send("early", minute=10)
    day.send("held")
    day.send("held", "HD", "HD", minute=15)
    day.send("late")
    assert day.tell(resent).code == "AA"
    day.send("resent")
    day.send("merged")
    for name in ("new", "changed", "cancelled", "early", "resent", "held", "merged"):
        day.acquire(name)
    day.acquire("late", ENOUGH)
    for name in ("new", "changed", "cancelled", "resent", "late", "merged"):
        day.await_state(name, "published")
    day.requester.arm(Step.WORKITEM_CREATED)
    day.send("held", "RL", "", minute=40)
    day.requester.await_death()
    day.requester.start()
    day.acquire("late")
    day.merge("merged", "SURVIVOR", minute=42)
    day.send("cancelled", "CA", "CA", minute=45)
    day.send("new", "XO", minute=50, priority="S")
    day.send("changed", "SC", "CM", minute=55)
    day.await_state("held", "published")
    eventually(lambda: day.states("cancelled") == ["CANCELED"], what="the workitem to be cancelled", limit_seconds=120)
    eventually(lambda: inputs(day.workitems("late")[0]) == ENOUGH + 4, what="the late images", limit_seconds=120)
    eventually(
        lambda: priority(day.workitems("new")[0]) == "HIGH", what="the new priority to be known", limit_seconds=120
    )
    eventually(lambda: len(day.states("merged")) == 2, what="the workitem of the survivor", limit_seconds=120)
    expected = {
        "new": ["SCHEDULED"],
        "changed": ["SCHEDULED"],
        "cancelled": ["CANCELED"],
        "late": ["SCHEDULED"],
        "resent": ["SCHEDULED"],
        "early": [],
        "held": ["SCHEDULED"],
        "never": [],
        "merged": ["CANCELED", "SCHEDULED"],
    }
    assert {name: day.states(name) for name in expected} == expected
    (workitem,) = day.workitems("changed")
    assert priority(workitem) == "HIGH"
    request = item(workitem, "ReferencedRequestSequence")
    assert text(request, "RequestedProcedureDescription") == "MR head with contrast"
    assert text(day.workitems("merged")[1], "PatientID") == "SURVIVOR"
    assert {day.thread(name)["state"] for name in ("early", "cancelled")} == {"canceled"}
    assert day.thread("never")["state"] == "pending"
    assert text(day.workitems("held")[0], "InputReadinessState") == "READY"
