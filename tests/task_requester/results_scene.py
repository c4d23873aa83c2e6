"""Completed workitems with real result objects, and receivers that answer as they are told."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pydicom

from actors.shared.mllp import MllpServer
from actors.task_requester.results_back.service import ResultsBack
from actors.task_requester.results_back.settings import ResultsSettings
from connectathon.modality import write_series
from connectathon.waiting import free_port
from profiles.air import (
    AlgorithmIdentification,
    Finding,
    PriorityHint,
    Results,
    Tracking,
    context_from_workitem,
    encode,
)
from profiles.dicom import Code, code, put, put_items
from profiles.errors import NotFound, Unavailable
from profiles.hl7 import MessageFinding, acknowledge, read
from tests.task_requester.test_requester_survives import small_head
from tests.task_requester.workshop import NOW

NODULE = code("SCT", "27925004")
ALGORITHM = AlgorithmIdentification("Finder", "1.0", "Example")


class Receiver:
    """An MLLP receiver; ``script`` says how it answers the next messages: "drop", or codes of tables 0008 and 0357."""

    def __init__(self, port=None):
        self.messages, self.script = [], []
        self.port = port or free_port()
        self.server = MllpServer(self.take, "127.0.0.1", self.port)
        self.server.start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def take(self, frame, _peer):
        self.messages.append(read(frame.content))
        answer = self.script.pop(0) if self.script else "AA"
        if answer == "drop":
            raise ConnectionResetError
        code, _, number = answer.partition(" ")
        findings = (MessageFinding("MSH", "No.", "", "", int(number)),) if number else ()
        return acknowledge(self.messages[-1], code, findings, control_id="1", now=NOW)

    def ids(self):
        return [one.get("MSH-10") for one in self.messages]

    def stop(self):
        self.server.stop()


class Hook:
    """An HTTP receiver of JSON; answers with the statuses of ``script``, or status and body, then 204."""

    def __init__(self):
        self.taken, self.script, self.headers = [], [], []
        hook = self

        class Face(BaseHTTPRequestHandler):
            def do_POST(self):
                content = self.rfile.read(int(self.headers["Content-Length"]))
                hook.taken.append(json.loads(content))
                hook.headers.append(dict(self.headers))
                answer = hook.script.pop(0) if hook.script else 204
                status, body = answer if isinstance(answer, tuple) else (answer, b"")
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Face)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/alerts"

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class ResultArchive:
    """Has the images and the results that a test made; the interface of `actors.shared.dicomweb.Archive`."""

    def __init__(self):
        self.objects, self.images, self.away = {}, {}, False

    def retrieve_instance(self, study, series, instance, into):
        if self.away:
            raise Unavailable("The archive is away.")
        if instance not in self.objects:
            raise NotFound("There is no such object.")
        path = into / f"{instance}.dcm"
        self.objects[instance].save_as(path, enforce_file_format=True)
        return path

    def series_metadata(self, study, series):
        return self.images[series]


def images_of(order, folder):
    paths = write_series(small_head(), order, folder, slice_axis=0)
    return [pydicom.dcmread(path, stop_before_pixels=True) for path in paths]


def found(urgent=False, present=True):
    hint = PriorityHint("HIGH", "look at once") if urgent else None
    return Results(findings=(Finding(NODULE, Tracking("Nodule 1"), present),), priority=hint)


def complete(uid, worklist, archive, images, results, seed="", patient_id=""):
    """A performer stores results of a workitem and completes it."""
    workitem = worklist.workitems[uid]
    series = {}
    put(series, "TypeOfInstances", "DICOM")
    put(series, "StudyInstanceUID", str(images[0].StudyInstanceUID))
    put(series, "SeriesInstanceUID", str(images[0].SeriesInstanceUID))
    workitem = put_items(dict(workitem), "InputInformationSequence", series)
    archive.images[str(images[0].SeriesInstanceUID)] = [one.to_json_dict() for one in images]
    station = Code("AI", "L", "AI")
    context = context_from_workitem(workitem, images, station=station, now=NOW, seed=seed or uid)
    if patient_id:
        context.attributes.PatientID = patient_id
    outputs = []
    for made in encode(results, context, ALGORITHM):
        archive.objects[str(made.SOPInstanceUID)] = made
        reference = put(put({}, "ReferencedSOPClassUID", str(made.SOPClassUID)), "ReferencedSOPInstanceUID",
                        str(made.SOPInstanceUID))  # fmt: skip
        one = put(put({}, "StudyInstanceUID", str(made.StudyInstanceUID)), "SeriesInstanceUID",
                  str(made.SeriesInstanceUID))  # fmt: skip
        outputs.append(put_items(one, "ReferencedSOPSequence", reference))
    performed = put_items({}, "OutputInformationSequence", *outputs)
    worklist.workitems[uid] = put_items(workitem, "UnifiedProcedureStepPerformedProcedureSequence", performed)
    worklist.states[uid] = "COMPLETED"


def results_back(shop, archive, events, audit=None, **settings):
    """What tells the results of a workshop's workitems, by the workshop's clock."""
    chosen = {"assigning_authority": "HOSP", "poll_seconds": 1, "retry_seconds": 4, "answer_seconds": 20, **settings}
    return ResultsBack(
        ResultsSettings(**chosen),
        shop.database,
        worklist=shop.worklist,
        archive=archive,
        reporter=events,
        audit=audit,
        clock=shop.now,
    )
