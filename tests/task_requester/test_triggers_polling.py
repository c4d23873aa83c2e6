"""An archive that tells of nothing by itself is searched for new studies (orders.md 9.1, QIDO-RS polling)."""

import dataclasses
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import structlog
from pydantic import ValidationError

from actors.shared.dicomweb import Archive
from actors.shared.refusals import RefusalLog
from actors.shared.ups_client import UpsClient
from actors.task_requester.database import Database
from actors.task_requester.rules import load_rules
from actors.task_requester.triggers.bulk import BulkRequests
from actors.task_requester.triggers.polling import Poller
from actors.task_requester.triggers.releasing import Releaser
from actors.task_requester.triggers.searching import conditions_of, find_studies
from actors.task_requester.triggers.settings import Bulk, Polling, Triggers
from connectathon.fiction import new_order
from connectathon.modality import mr_phantom_study
from connectathon.peers.namespace import python, run_inside
from connectathon.waiting import eventually, free_port
from profiles.dicom import text
from profiles.errors import BadInput, Unavailable
from tests.task_requester.pacs import Pacs
from tests.task_requester.workshop import NOW, Workshop

HERE = Path(__file__).parent


class Desk:
    """A poller whose time only the test moves, and what it records."""

    def __init__(self, shop, pacs, polling=None, **triggers):
        self.shop, self.told = shop, []
        settings = Triggers(
            polling=polling or Polling(interval_seconds=10, slowest_seconds=40),
            **{"quiet_seconds": 20, "quiet_seconds_by_modality": {"CT": 60}, **triggers},
        )
        self.poller = Poller(
            shop.database,
            self._record,
            pacs,
            settings,
            refusals=RefusalLog(),
            clock=shop.now,
            monotonic=lambda: shop.passed,
        )

    def _record(self, told):
        self.told.append(told.order.study_instance_uid)
        return self.shop.ledger.record(told)

    def wait(self, seconds):
        """Look again and again for so long; how many were told of until then."""
        for _ in range(seconds):
            self.shop.passed += 1
            self.poller.look()
        return len(self.told)


@pytest.fixture
def pacs():
    return Pacs()


@pytest.fixture
def shop(tmp_path, pacs, worklist):
    made = Workshop(tmp_path / "task_requester", tmp_path, pacs, worklist)
    yield made
    made.database.close()


@pytest.fixture
def desk(shop, pacs):
    return Desk(shop, pacs)


@pytest.mark.requirement("HL7-060", "HL7-061")
def test_a_study_that_is_found_and_stands_still_is_an_event_and_gets_its_workitem(desk, shop, pacs, worklist):
    pacs.add(shop.order)
    assert desk.wait(20) == 0
    assert desk.wait(10) == 1
    assert desk.wait(200) == 1, "it is told of once"
    shop.work()
    assert len(worklist.workitems) == 1
    assert (shop.thread()["origin"], shop.state) == ("query", "published")


@pytest.mark.requirement("HL7-060")
def test_growth_restarts_the_quiet_time_and_the_slowest_modality_decides(desk, shop, pacs):
    pacs.add(shop.order, 10)
    desk.wait(15)
    pacs.add(shop.order, 20)
    assert desk.wait(20) == 0
    pacs.put(shop.order.study_instance_uid, 5, modality="CT", series="2")
    assert desk.wait(60) == 0
    assert desk.wait(20) == 1


@pytest.mark.requirement("HL7-060")
def test_a_study_that_never_stands_still_is_taken_as_it_is(shop, pacs):
    desk = Desk(shop, pacs, force_seconds=100)
    for count in range(10, 20):
        pacs.add(shop.order, count)
        desk.wait(9)
    assert desk.told == []
    for count in range(20, 24):
        pacs.add(shop.order, count)
        desk.wait(9)
    assert len(desk.told) == 1


@pytest.mark.requirement("HL7-061", "HL7-063")
def test_late_images_are_told_of_and_a_restart_or_overlap_makes_no_second_workitem(desk, shop, pacs, worklist):
    pacs.add(shop.order)
    desk.wait(40)
    shop.work()
    again = Desk(shop, pacs)
    assert again.wait(100) == 0, "what was told of is in the store"
    pacs.add(shop.order, 40)
    assert again.wait(50) == 1
    shop.work()
    assert len(worklist.open()) == 1


@pytest.mark.requirement("HL7-061")
def test_a_study_that_is_told_of_twice_after_a_crash_makes_one_workitem(desk, shop, pacs, worklist, monkeypatch):
    pacs.add(shop.order)

    def crash(told):
        shop.ledger.record(told)
        raise Unavailable("Nobody noted that it was told of.")

    with monkeypatch.context() as patch:
        patch.setattr(desk.poller, "_record", crash)
        desk.wait(30)
    shop.work()
    again = Desk(shop, pacs)
    assert again.wait(50) == 1
    shop.work()
    assert [one["origin"] for one in shop.thread()["messages"]] == ["query", "query"]
    assert len(worklist.workitems) == 1


@pytest.mark.requirement("HL7-061")
def test_the_order_and_the_study_that_was_found_are_one(desk, shop, pacs, worklist):
    shop.send()
    pacs.add(shop.order)
    shop.work()
    desk.wait(50)
    shop.work()
    assert len(worklist.workitems) == 1
    assert [one["origin"] for one in shop.thread()["messages"]] == ["hl7", "query"]


@pytest.mark.requirement("HL7-062")
@pytest.mark.parametrize(("modality", "maker"), [("SEG", "X"), ("SR", "X"), ("MR", "Stepwell")])
def test_results_and_documents_ask_for_nothing(desk, shop, pacs, modality, maker):
    own = new_order()
    pacs.makers[f"{own.study_instance_uid}.1"] = pacs.makers[f"{shop.order.study_instance_uid}.9"] = maker
    pacs.add(own, modality=modality)
    pacs.add(shop.order)
    assert desk.wait(50) == 1
    pacs.put(shop.order.study_instance_uid, 2, modality=modality, series="9")
    assert desk.wait(100) == 1


@pytest.mark.requirement("HL7-060")
def test_the_window_reaches_back_by_the_overlap_and_moves_on_over_restarts(shop, pacs):
    today = NOW.astimezone().date()

    def window():
        desk = Desk(shop, pacs)
        desk.wait(1)
        return pacs.asked[-1]["StudyDate"]

    pacs.add(shop.order)
    assert window() == f"{today - timedelta(days=2):%Y%m%d}-{today + timedelta(days=1):%Y%m%d}"
    shop.passed += 5 * 86400
    assert window() == f"{today - timedelta(days=2):%Y%m%d}-{today + timedelta(days=6):%Y%m%d}"
    assert window().startswith(f"{today:%Y%m%d}-"), "the study is not told of, so it stays in sight"
    Desk(shop, pacs).wait(60)
    assert window().startswith(f"{today + timedelta(days=3):%Y%m%d}-")
    assert window().startswith(f"{today + timedelta(days=3):%Y%m%d}-")


@pytest.mark.requirement("HL7-060")
def test_an_archive_that_is_away_is_logged_once_and_asked_ever_more_seldom(desk, shop, pacs):
    pacs.add(shop.order)
    desk.wait(15)
    pacs.away = True
    before = len(pacs.asked)
    with structlog.testing.capture_logs() as logged:
        desk.wait(300)
        assert len(pacs.asked) - before < 300 / 10 / 2
        pacs.away = False
        assert desk.wait(20) == 0, "it has to stand still anew"
        assert desk.wait(60) == 1
    events = [one["event"] for one in logged]
    assert events.count("polled-archive-away") == events.count("polled-archive-back") == 1


@pytest.mark.requirement("HL7-060")
def test_a_study_that_cannot_be_read_keeps_no_other_one_waiting(desk, shop, pacs):
    broken = new_order()
    pacs.add(broken, day="20260228")
    pacs.add(shop.order)
    pacs.unreadable = broken.study_instance_uid
    assert desk.wait(50) == 1
    pacs.unreadable = ""
    assert desk.wait(50) == 2


@pytest.mark.requirement("HL7-053")
def test_a_study_of_another_patient_than_its_order_is_told_of_once_and_makes_nothing(desk, shop, pacs, worklist):
    shop.send()
    pacs.add(dataclasses.replace(shop.order, patient_id="SOMEBODY-ELSE"))
    with structlog.testing.capture_logs() as logged:
        desk.wait(100)
    assert [one["event"] for one in logged if "refused" in one["event"]] == ["polled-study-refused"]
    assert "SOMEBODY-ELSE" not in str(logged)
    shop.work()
    assert worklist.workitems == {}


@pytest.mark.requirement("HL7-060")
@pytest.mark.parametrize("most", [1, 3, 100])
def test_all_pages_are_read_whatever_the_limit_of_the_archive(pacs, most):
    pacs.most = most
    orders = [new_order() for _ in range(7)]
    for order in orders:
        pacs.add(order)
    assert len(find_studies(pacs, {"StudyDate": "20260101-"})) == 7
    assert len(find_studies(pacs, {"StudyDate": "20260101-"}, most=2)) == 2
    assert find_studies(pacs, {"StudyDate": "-20251231"}) == []


@pytest.mark.requirement("HL7-060")
def test_an_archive_that_passes_over_keys_or_offsets_gives_no_other_studies(pacs, monkeypatch):
    pacs.add(new_order())
    everything = pacs.search_studies({})
    monkeypatch.setattr(pacs, "search_studies", lambda filters: everything)
    assert find_studies(pacs, {"ModalitiesInStudy": "CT"}) == []
    assert len(find_studies(pacs, {"ModalitiesInStudy": "M*"})) == 1


def test_an_archive_that_counts_no_instances_is_asked_for_its_series(desk, shop, pacs):
    pacs.counts = False
    pacs.add(shop.order)
    assert desk.wait(50) == 1


@pytest.mark.parametrize(
    "query",
    ["", "MR", "Modality=", "NoSuchWord=1", "limit=5", "StudyDate=yesterday", "StudyDate=-", "a=1&&b"],
)
def test_a_query_that_is_none_is_refused_in_words(query):
    with pytest.raises(BadInput):
        conditions_of(query)


def test_filters_that_cannot_be_are_refused_with_the_configuration():
    with pytest.raises(ValidationError, match="NoSuchWord"):
        Polling(filters="NoSuchWord=1")
    with pytest.raises(ValidationError, match="overlap_days"):
        Polling(filters="StudyDate=20250101-")
    assert Polling(filters="ModalitiesInStudy=MR").filters


@pytest.mark.requirement("HL7-060", "HL7-061")
def test_a_running_requester_finds_a_study_in_our_image_manager(task_requester, archive_and_manager, tmp_path):
    archive, manager = archive_and_manager
    port, order = free_port(), new_order()
    polling = {"archive_url": archive, "interval_seconds": 0.3, "filters": "ModalitiesInStudy=MR"}
    triggers = {"polling": polling, "quiet_seconds": 0.5, "http_port": port}
    running = task_requester(archive_url=archive, task_manager_url=manager, triggers=triggers).start()
    with Archive(archive) as stored:
        stored.store(mr_phantom_study(order, tmp_path / "study"))
    eventually(lambda: running.logged("workitem-created"), what="the workitem")
    assert [line["study"] for line in running.logged("study-found")] == [order.study_instance_uid]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, follow_redirects=True) as client:
        assert client.get("/bulk").json() == []
        assert "Ask for work on a study" in client.get("/").text, "the pages are served, too"
        assert order.accession_number in client.get(f"/desk/studies?identifier={order.study_instance_uid}").text
    running.stop()
    with Archive(archive) as stored, UpsClient(manager, ae_title="TEST") as worklist:
        stored.store(mr_phantom_study(other := new_order(), tmp_path / "other"))
        database = Database(tmp_path / "store")
        bulk = BulkRequests(database, stored, load_rules(None), lambda: datetime.now(UTC))
        bulk.ask(f"AccessionNumber={other.accession_number}", bulk.rules[0].table.name)
        limits = Bulk(interval_seconds=0.01)
        releaser = Releaser(database, stored, worklist, limits, clock=bulk.clock, monotonic=time.monotonic)
        assert releaser.look() == 0, "the study that was found waits for a performer"
        for one in worklist.search({"ProcedureStepState": "SCHEDULED"}):
            worklist.request_cancel(text(one, "SOPInstanceUID"))
        eventually(releaser.look, what="the turn of the bulk request")
        database.close()


@pytest.mark.tier2
@pytest.mark.requirement("HL7-060")
def test_a_study_in_orthanc_is_found(tmp_path):
    command = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "inside"))
    answer = run_inside([*command, str(HERE / "orthanc_polled.py")])
    assert answer.returncode == 0, answer.stdout + answer.stderr
