"""A small Task Performer over DIMSE, good or with one defect, as a system under test."""

import socket
from contextlib import contextmanager
from io import BytesIO
from threading import Event, Thread

import httpx
import pydicom
from pydicom import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE

from conformance.partners import objects
from conformance.partners.attributes import code, codes, put, text, values
from conformance.partners.dicomweb import DicomWeb
from conformance.partners.manager_dimse import PULL, PUSH

AE_TITLE = "DIMSE_TEST"
READ = ("SOPInstanceUID", "ScheduledStationNameCodeSequence", "InputInformationSequence", "OutputDestinationSequence")


class DimsePerformer:
    """Works until it is stopped; a subclass has a defect."""

    sop_class = PUSH
    wanted_state = "SCHEDULED"

    def __init__(self, port, called):
        self.port, self.called = port, called
        self.stopped = Event()
        self.thread = Thread(target=self.run)
        self.thread.start()

    def run(self):
        entity = AE(ae_title=AE_TITLE)
        entity.add_requested_context(PULL)
        while not self.stopped.wait(0.1):
            if not self.is_there():
                continue
            association = entity.associate("127.0.0.1", self.port, ae_title=self.called)
            if association.is_established:
                try:
                    for uid in self.found(association):
                        self.perform(association, uid)
                finally:
                    association.release()

    def is_there(self):
        """Whether anybody listens; the harness comes later and goes sooner than its system under test."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def found(self, association):
        keys = put(put({}, "SOPInstanceUID"), "ProcedureStepState", *filter(None, [self.wanted_state]))
        put(keys, "ScheduledWorkitemCodeSequence", code("HEADMASK", "99STEPWELL", ""))
        put(keys, "ScheduledStationNameCodeSequence")
        answers = association.send_c_find(Dataset.from_json(keys), PULL)
        found = [answer.to_json_dict() for _, answer in answers if answer is not None]
        return [text(one, "SOPInstanceUID") for one in found if self.is_mine(one)]

    def is_mine(self, workitem):
        stations = [value for value, _ in codes(workitem, "ScheduledStationNameCodeSequence")]
        return text(workitem, "ProcedureStepState") == "SCHEDULED" and stations in ([], [AE_TITLE])

    def perform(self, association, uid):
        lock = str(generate_uid(prefix=None))
        if not self.change_state(association, uid, "IN PROGRESS", lock):
            return
        workitem = self.read(association, uid)
        made = self.results(workitem)
        self.finish(association, uid, lock, workitem, made)

    def finish(self, association, uid, lock, workitem, made):
        self.store(workitem, made)
        self.report(association, uid, lock, made)
        self.change_state(association, uid, "COMPLETED", lock)

    def change_state(self, association, uid, state, lock):
        asked = Dataset.from_json(put(put({}, "TransactionUID", lock), "ProcedureStepState", state))
        status, _ = association.send_n_action(asked, 1, self.sop_class, uid, meta_uid=PULL)
        return status and status.Status == 0

    def read(self, association, uid, *more):
        tags = [pydicom.datadict.tag_for_keyword(keyword) for keyword in (*READ, *more)]
        _, found = association.send_n_get(tags, self.sop_class, uid, meta_uid=PULL)
        return found.to_json_dict()

    def results(self, workitem):
        url = text(workitem, "InputInformationSequence.WADORSRetrievalSequence.RetrieveURL")
        answer = httpx.get(url, headers={"Accept": 'multipart/related; type="application/dicom"'}, timeout=20)
        body = answer.content.split(b"\r\n\r\n", 1)[1]
        image = pydicom.dcmread(BytesIO(body))
        study = objects.Study(uid=str(image.StudyInstanceUID))
        return objects.report(study, image)

    def store(self, workitem, made):
        kept = []

        class Http:
            def send(self, method, path, *, headers, body):
                url = text(workitem, "OutputDestinationSequence.STOWRSStorageSequence.StorageURL")
                kept.append(httpx.request(method, url, headers=headers, content=body, timeout=20))

        DicomWeb(Http()).store([objects.as_file(made)])
        assert kept[0].status_code == 200

    def report(self, association, uid, lock, made):
        output = put({}, "TypeOfInstances", "DICOM")
        put(output, "StudyInstanceUID", str(made.StudyInstanceUID))
        put(output, "SeriesInstanceUID", str(made.SeriesInstanceUID))
        reference = put({}, "ReferencedSOPClassUID", str(made.SOPClassUID))
        put(output, "ReferencedSOPSequence", put(reference, "ReferencedSOPInstanceUID", str(made.SOPInstanceUID)))
        performed = put({}, "OutputInformationSequence", output)
        changes = put(put({}, "TransactionUID", lock), "UnifiedProcedureStepPerformedProcedureSequence", performed)
        association.send_n_set(Dataset.from_json(changes), self.sop_class, uid, meta_uid=PULL)

    def stop(self):
        self.stopped.set()
        self.thread.join(60)


class NamesPull(DimsePerformer):
    """Its commands name UPS Pull."""

    sop_class = PULL


class SearchesAll(DimsePerformer):
    """It searches in every state."""

    wanted_state = ""


class TakesAll(DimsePerformer):
    """It claims work of other stations."""

    def is_mine(self, workitem):
        return text(workitem, "ProcedureStepState") == "SCHEDULED"

    def results(self, workitem):
        mine = values(workitem, "ScheduledStationNameCodeSequence.CodeValue") == [AE_TITLE]
        return super().results(workitem) if mine else objects.report(objects.Study(), objects.image(objects.Study()))


class ReadsLock(DimsePerformer):
    """It asks for the Transaction UID."""

    def read(self, association, uid, *more):
        return super().read(association, uid, "TransactionUID", *more)


class EndsUnderAnother(DimsePerformer):
    """It completes under another Transaction UID before it uses its own."""

    def finish(self, association, uid, lock, workitem, made):
        self.change_state(association, uid, "COMPLETED", str(generate_uid(prefix=None)))
        super().finish(association, uid, lock, workitem, made)


class EndsFirst(DimsePerformer):
    """It completes before it stores."""

    def finish(self, association, uid, lock, workitem, made):
        self.report(association, uid, lock, made)
        self.change_state(association, uid, "COMPLETED", lock)
        self.store(workitem, made)


GOOD = DimsePerformer
BAD = (NamesPull, SearchesAll, TakesAll, ReadsLock, EndsUnderAnother, EndsFirst)


@contextmanager
def working(kind, port, called="HARNESS"):
    """A performer, until the block is left."""
    performer = kind(port, called)
    try:
        yield
    finally:
        performer.stop()
