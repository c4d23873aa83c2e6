"""A worklist served over DIMSE in this process, and a plain peer of it: pynetdicom, nothing of ours on the wire."""

from contextlib import contextmanager
from datetime import UTC, datetime

from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.sop_class import (
    UnifiedProcedureStepEvent,
    UnifiedProcedureStepPull,
    UnifiedProcedureStepPush,
    UnifiedProcedureStepQuery,
    UnifiedProcedureStepWatch,
    Verification,
)

from actors.shared.ups_dimse.dataset import to_dataset, to_json
from actors.shared.ups_dimse.server import Listening, ups_dimse_server
from actors.shared.ups_dimse_client import DimseUpsClient
from connectathon.workitems import new_workitem, performed
from profiles.dicom import new_uid, put, tag_of
from workitems.store import Store, sqlite_url
from workitems.worklist import UPS_PUSH, Worklist

CLASSES = (
    UnifiedProcedureStepPush,
    UnifiedProcedureStepPull,
    UnifiedProcedureStepWatch,
    UnifiedProcedureStepQuery,
    UnifiedProcedureStepEvent,
)
SYNTAXES = (ImplicitVRLittleEndian, ExplicitVRLittleEndian)
SERVER = "STEPWELL_TM"


def now():
    return datetime.now(UTC)


class DimseTaskManager:
    """A worklist over DIMSE; peers may be added while it runs."""

    def __init__(self, store, worklist, port, peers):
        self.store, self.worklist, self.port, self.peers = store, worklist, port, peers

    def client(self, ae_title="CALLER"):
        return DimseUpsClient("127.0.0.1", self.port, called_ae=SERVER, ae_title=ae_title)

    def wire(self, **options):
        return wire(self.port, **options)

    def workitem_in(self, state, transaction):
        """A new workitem brought into a state; for ``none`` the UID of no workitem."""
        if state == "none":
            return new_uid()
        uid = self.worklist.create(new_workitem(now=now())).uid
        if state != "SCHEDULED":
            self.worklist.change_state(uid, "IN PROGRESS", transaction)
        if state == "COMPLETED":
            self.worklist.update(uid, performed(now()), transaction)
        if state in ("COMPLETED", "CANCELED"):
            self.worklist.change_state(uid, state, transaction)
        return uid


@contextmanager
def dimse_task_manager(folder, *, peers=None, url=None, worklist_of=Worklist, **listening):
    """Serve a new worklist while the block runs."""
    store = Store(url or sqlite_url(folder / "workitems.sqlite"))
    try:
        worklist = worklist_of(store, now)
        where = Listening("127.0.0.1", 0, SERVER, **listening)
        with ups_dimse_server(worklist, store, where, peers=peers) as port:
            yield DimseTaskManager(store, worklist, port, peers)
    finally:
        store.close()


class Wire:
    """One association; answers are a status dataset, and what came with it."""

    def __init__(self, association):
        self.association = association

    def create(self, workitem, uid, sop_class=UPS_PUSH, context=UnifiedProcedureStepPush):
        return self.association.send_n_create(to_dataset(workitem), sop_class, uid, meta_uid=context)[0]

    def get(self, uid, keywords=(), sop_class=UPS_PUSH, context=UnifiedProcedureStepPull):
        tags = [Tag(keyword) for keyword in keywords] or None
        status, found = self.association.send_n_get(tags, sop_class, uid, meta_uid=context)
        return status, to_json(found) if found else {}

    def set(self, uid, changes, sop_class=UPS_PUSH, context=UnifiedProcedureStepPull):
        return self.association.send_n_set(to_dataset(changes), sop_class, uid, meta_uid=context)[0]

    def act(self, kind, uid, information, sop_class=UPS_PUSH, context=UnifiedProcedureStepWatch):
        dataset = to_dataset(information) if information else None
        return self.association.send_n_action(dataset, kind, sop_class, uid, meta_uid=context)[0]

    def change_state(self, uid, state, transaction=None):
        wanted = {}
        if transaction:
            put(wanted, "TransactionUID", transaction)
        put(wanted, "ProcedureStepState", state)
        return self.act(1, uid, wanted, context=UnifiedProcedureStepPull)

    def subscribe(self, receiver, target, lock="FALSE", keys=None):
        wanted = {**(keys or {})}
        put(wanted, "DeletionLock", lock)
        put(wanted, "ReceivingAE", receiver)
        return self.act(3, target, dict(sorted(wanted.items())))

    def end(self, kind, receiver, target):
        wanted = {}
        return self.act(kind, target, put(wanted, "ReceivingAE", receiver))

    def find(self, identifier, context=UnifiedProcedureStepPull):
        """Statuses in order, and what was found."""
        codes, found = [], []
        for status, dataset in self.association.send_c_find(to_dataset(identifier), context):
            codes.append(code(status))
            if dataset is not None:
                found.append(to_json(dataset))
        return codes, found


def code(status):
    """The status as PS3.4 writes it; empty when nothing was answered."""
    return f"{status.Status:04X}" if "Status" in status else ""


@contextmanager
def wire(port, *, ae_title="CALLER", syntaxes=SYNTAXES, classes=CLASSES, called=SERVER):
    """An association with a server for as long as the block runs."""
    ae = AE(ae_title=ae_title)
    ae.dimse_timeout = ae.acse_timeout = ae.network_timeout = 30
    for one in (Verification, *classes):
        ae.add_requested_context(one, list(syntaxes))
    association = ae.associate("127.0.0.1", port, ae_title=called)
    assert association.is_established
    try:
        yield Wire(association)
    finally:
        association.release()


def keys(*empty, **values):
    """An identifier: keywords alone for universal keys, with a value for others."""
    found = {}
    for keyword in empty:
        put(found, keyword)
    for keyword, value in values.items():
        put(found, keyword, *([value] if value != "" else []))
    return dict(sorted(found.items()))


def without(dataset, *keywords):
    return {tag: element for tag, element in dataset.items() if tag not in map(tag_of, keywords)}
