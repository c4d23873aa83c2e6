"""A person's way through the pages in a real browser: worklist, workitem, result, timeline. Screenshots are kept."""

from datetime import UTC, datetime

import pytest
from fastapi import FastAPI

from actors.image_display.routes import create_router as display_router
from actors.image_display.settings import Settings as DisplaySettings
from actors.shared.pages import create_app
from actors.shared.ups_client import UpsClient
from actors.shared.ups_face import ups_router
from actors.watcher.routes import create_router as watcher_router
from actors.watcher.settings import Settings as WatcherSettings
from connectathon.waiting import free_port
from profiles.aiwi import InputInstance, InputSeries, InputStudy, Request, workitem_for_order
from profiles.dicom import Code, dicom_datetime, new_uid, put, put_codes, put_items
from profiles.hl7.values import EntityIdentifier, ImagingOrder, Patient
from tests.serving import serving
from workitems.store import Store, sqlite_url
from workitems.worklist import Worklist

pytestmark = pytest.mark.tier2
ATTACK = "<img src=x onerror=alert(1)><script>alert(2)</script>"
CODE = Code("BE", "99X", "Brain mask and volume")


@pytest.fixture(scope="module")
def department(tmp_path_factory, archive_actor):
    """One worklist and the pages of both actors on one port, as an installation runs them."""
    store = Store(sqlite_url(tmp_path_factory.mktemp("worklist") / "workitems.sqlite"))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    watcher = WatcherSettings(task_manager_url=f"{url}/ups-rs", event_repository_url="", refresh_seconds=0.5)
    display = DisplaySettings(archive_url=f"{archive_actor.url}/dicom-web")
    app = create_app("web", [watcher_router(watcher), display_router(display)])
    worklist = FastAPI()
    worklist.include_router(ups_router(Worklist(store, lambda: datetime.now(UTC)), lambda *_: None))
    app.mount("/ups-rs", worklist)
    with serving(app, port):
        yield url
    store.close()


@pytest.fixture
def look(browser, tmp_path):
    """Opens pages and notes whatever a page should not do: dialogs, errors, refused or foreign requests."""
    seen = []

    def start(url, **options):
        origin = "/".join(url.split("/")[:3])
        context = browser.new_context(viewport=options.pop("viewport", {"width": 1280, "height": 900}), **options)
        page = context.new_page()
        page.on("dialog", lambda dialog: (seen.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("pageerror", lambda error: seen.append(f"error {error}"))
        page.on("console", lambda line: seen.append(line.text) if line.type in {"error", "warning"} else None)
        page.on("request", lambda one: None if one.url.startswith((origin, "data:")) else seen.append(one.url))
        page.goto(url)
        return page

    yield start
    assert seen == []


def ups(department):
    return UpsClient(f"{department}/ups-rs", ae_title="TEST")


def add(client, study, name="FICTIONAL^ADA", label="Brain extraction"):
    order = ImagingOrder(accession=EntityIdentifier("ACC1"), patient=Patient(EntityIdentifier("P-77"), name=name))
    series = InputSeries(new_uid(), (InputInstance("1.2.840.10008.5.1.4.1.1.4", new_uid()),))
    archive = "http://127.0.0.1:9/dicom-web"
    workitem = workitem_for_order(
        order, InputStudy(study, (series,)), Request(CODE, label), archive_url=archive,
        destination_url=f"{archive}/studies", now=datetime.now(UTC),
    )  # fmt: skip
    return client.create(workitem)


def complete(client, uid, study, segmentation):
    transaction, now = new_uid(), dicom_datetime(datetime.now(UTC))
    client.claim(uid, transaction)
    output = put(put({}, "StudyInstanceUID", study), "SeriesInstanceUID", new_uid())
    reference = put({}, "ReferencedSOPClassUID", "1.2.840.10008.5.1.4.1.1.66.4")
    put_items(output, "ReferencedSOPSequence", put(reference, "ReferencedSOPInstanceUID", segmentation))
    put_items(output, "WADORSRetrievalSequence", put({}, "RetrieveURL", "http://127.0.0.1:9/dicom-web"))
    put(output, "TypeOfInstances", "DICOM")
    performed = put_codes({}, "PerformedStationNameCodeSequence", Code("AI_ONE", "L", "AI one"))
    put_codes(performed, "PerformedWorkitemCodeSequence", CODE)
    put(put(performed, "PerformedProcedureStepStartDateTime", now), "PerformedProcedureStepEndDateTime", now)
    put_items(performed, "OutputInformationSequence", output)
    client.update(uid, put_items({}, "UnifiedProcedureStepPerformedProcedureSequence", performed), transaction)
    client.complete(uid, transaction)


@pytest.mark.requirement("AIR-ID-005", "AIR-ID-007", "AIR-ID-009")
def test_from_the_worklist_to_the_result(department, look, stored, tmp_path):
    import pydicom

    study = stored(patient_name="FICTIONAL^ADA")
    segmentation = str(pydicom.dcmread(study.results[0], stop_before_pixels=True).SOPInstanceUID)
    page = look(department)
    page.get_by_text("The worklist is empty").wait_for()
    with ups(department) as client:
        uid = add(client, study.uid)
        page.get_by_role("link", name="Brain extraction").wait_for()  # it came by itself
        page.screenshot(path=tmp_path / "worklist.png")
        page.get_by_role("link", name="Brain extraction").click()
        page.get_by_text("to claim it").wait_for()
        complete(client, uid, study.uid, segmentation)
    page.get_by_role("button", name="Show the result").wait_for()
    assert page.locator("time").first.get_attribute("title"), "local time on hover"
    page.screenshot(path=tmp_path / "workitem.png", full_page=True)
    page.get_by_role("button", name="Show the result").click()
    page.get_by_text("1.57").wait_for()
    page.screenshot(path=tmp_path / "result.png")
    page.get_by_role("link", name="timeline").click()
    page.get_by_role("heading", name="Accession ACC1").wait_for()


def coloured(page):
    """Whether the screen shows colour, that is, a mask over the grey slice."""
    import io

    import numpy as np
    from PIL import Image

    shown = np.asarray(Image.open(io.BytesIO(page.locator("#screen").screenshot())).convert("RGB")).astype(int)
    return float((np.ptp(shown, axis=2) > 40).mean())


@pytest.mark.requirement("AIR-ID-005")
def test_the_slider_moves_slice_and_mask_together_and_the_mask_can_be_switched_off(department, look, stored, tmp_path):
    study = stored(patient_name="FICTIONAL^ADA")
    page = look(f"{department}/results/{study.uid}")
    page.wait_for_load_state("networkidle")
    largest = coloured(page)
    assert largest > 0.02
    page.locator("#all-masks").uncheck()
    assert coloured(page) == 0
    page.locator("#all-masks").check()
    assert coloured(page) == pytest.approx(largest)
    page.locator("#opacity").fill("0")
    assert coloured(page) == 0
    page.locator("#opacity").fill("100")
    page.locator("#number").fill("1")
    page.locator('#screen[data-shown="1"]').wait_for()
    assert coloured(page) == 0, "the mask does not reach the first slice"
    assert page.locator("#slice").get_attribute("href").endswith("/slices/1.png")
    assert page.locator(".mask").get_attribute("href").endswith("/1/1.png")
    page.screenshot(path=tmp_path / "first-slice.png")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_markup_in_names_runs_nowhere_and_a_phone_needs_no_sideways_scrolling(
    department, look, stored, tmp_path, scheme
):
    study = stored(patient_name=f"{ATTACK}^X", label=ATTACK)
    name = ATTACK.replace("=", " ")  # the worklist refuses names with an equals sign (PS3.5 6.2)
    with ups(department) as client:
        uid = add(client, study.uid, name=f"{name}^X", label=ATTACK[:60])
    page = look(department, viewport={"width": 390, "height": 800}, color_scheme=scheme)
    addresses = ("/", f"/workitems/{uid}", f"/results/{study.uid}", "/results", "/timeline/ACC1")
    for number, address in enumerate(addresses):
        page.goto(f"{department}{address}")
        page.wait_for_load_state("load")
        page.screenshot(path=tmp_path / f"{scheme}-{number}.png", full_page=True)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, f"{address} is {width} pixels wide"
