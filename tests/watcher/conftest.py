"""The real worklist behind its real UPS-RS face, an event repository's search, and the pages, each on a socket."""

from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from actors.shared.pages import create_app
from actors.shared.ups_client import UpsClient
from actors.shared.ups_face import ups_router
from actors.watcher.routes import create_router
from actors.watcher.settings import Settings
from profiles.aiwi import InputInstance, InputSeries, InputStudy, Request, workitem_for_order
from profiles.dicom import Code, dicom_datetime, new_uid, put, put_codes, put_items
from profiles.hl7.values import EntityIdentifier, ImagingOrder, Patient
from tests.serving import serving
from workitems.store import Store, sqlite_url
from workitems.worklist import Worklist

STATION = Code("AI_ONE", "L", "AI one")


@pytest.fixture
def worklist_url(tmp_path):
    store = Store(sqlite_url(tmp_path / "workitems.sqlite"))
    app = FastAPI()
    app.include_router(ups_router(Worklist(store, lambda: datetime.now(UTC)), lambda *_: None), prefix="/ups-rs")
    with serving(app) as url:
        yield f"{url}/ups-rs"
    store.close()


@pytest.fixture
def ups(worklist_url):
    with UpsClient(worklist_url, ae_title="TEST") as client:
        yield client


class EventSearch:
    """Answers GET /events with what the test lays in; anything else than a list of events too."""

    def __init__(self):
        self.events, self.asked, self.broken = [], [], ""
        self.app = FastAPI()
        self.app.get("/events")(self.search)

    def search(self, accession: str = "", study: str = "", workitem: str = "", limit: int = 0):
        self.asked.append({"accession": accession, "study": study, "workitem": workitem})
        return PlainTextResponse(self.broken, 500) if self.broken else self.events


@pytest.fixture
def event_search():
    found = EventSearch()
    with serving(found.app) as url:
        found.url = url
        yield found


@pytest.fixture
def pages():
    """Serves the Watcher over given services: ``pages(task_manager_url=…)`` is a client of its pages."""
    with_pages = []

    def start(**settings):
        context = serving(create_app("watcher", [create_router(Settings(**settings))]))
        client = httpx.Client(base_url=context.__enter__(), timeout=30)
        with_pages.append((context, client))
        return client

    yield start
    for context, client in with_pages:
        client.close()
        context.__exit__(None, None, None)


@pytest.fixture
def web(pages, worklist_url, event_search):
    return pages(task_manager_url=worklist_url, event_repository_url=event_search.url)


@pytest.fixture
def add(ups):
    """Creates workitems: ``add(name=…, label=…)`` is the UID."""

    def create(*, name="FICTIONAL^ADA", label="Brain extraction", accession="ACC1", study=None, **request):
        patient = Patient(EntityIdentifier("P-77", "HOUSE"), name=name, birth_date="19700101", sex="F")
        order = ImagingOrder(accession=EntityIdentifier(accession), patient=patient, requested_procedure_id="RP1")
        series = InputSeries(new_uid(), (InputInstance("1.2.840.10008.5.1.4.1.1.4", new_uid()),))
        workitem = workitem_for_order(
            order,
            InputStudy(study or new_uid(), (series,)),
            Request(Code("BE", "99X", "Brain mask and volume"), label, **request),
            archive_url="http://127.0.0.1:9/dicom-web",
            destination_url="http://127.0.0.1:9/dicom-web/studies",
            now=datetime.now(UTC),
        )
        return ups.create(workitem)

    return create


def performed(study, segmentation, ended=None):
    """The performed content of aiw-i.md 8.2: station, times, and one SEG as output."""
    output = put(put({}, "StudyInstanceUID", study), "SeriesInstanceUID", new_uid())
    instance = put(
        put({}, "ReferencedSOPClassUID", "1.2.840.10008.5.1.4.1.1.66.4"), "ReferencedSOPInstanceUID", segmentation
    )
    put_items(output, "ReferencedSOPSequence", instance)
    put_items(output, "WADORSRetrievalSequence", put({}, "RetrieveURL", "http://127.0.0.1:9/dicom-web/studies/1"))
    put(output, "TypeOfInstances", "DICOM")
    found = {}
    put_codes(found, "PerformedStationNameCodeSequence", STATION)
    put_codes(found, "PerformedWorkitemCodeSequence", Code("BE", "99X", "Brain mask and volume"))
    put(found, "PerformedProcedureStepStartDateTime", dicom_datetime(datetime.now(UTC)))
    put(found, "PerformedProcedureStepEndDateTime", dicom_datetime(ended or datetime.now(UTC)))
    put_items(found, "OutputInformationSequence", output)
    return found


@pytest.fixture
def complete(ups):
    """Claims a workitem and completes it with one SEG as its output."""

    def finish(uid, study, segmentation):
        transaction = new_uid()
        ups.claim(uid, transaction)
        content = performed(study, segmentation)
        ups.update(uid, put_items({}, "UnifiedProcedureStepPerformedProcedureSequence", content), transaction)
        ups.complete(uid, transaction)

    return finish
