"""The pages on which a person asks for a rule on a study, having seen what would come of it (orders.md 9)."""

import re

import httpx
import pytest
from fastapi import FastAPI

from actors.shared.pages.rendering import SHARED_ASSETS
from actors.shared.refusals import RefusalLog
from actors.task_requester.rules import load_rules
from actors.task_requester.triggers.asking import Asking
from actors.task_requester.triggers.bulk import BulkRequests
from actors.task_requester.triggers.http import create_app, http_server
from actors.task_requester.triggers.pages import PLACE, create_pages
from actors.task_requester.triggers.standing import Standings
from connectathon.fiction import new_order
from connectathon.waiting import free_port
from profiles.dicom import text
from tests.task_requester.pacs import Pacs
from tests.task_requester.workshop import Workshop

BRAIN = "head-mr-brain-extraction"
ATTACK = "<script>alert(1)</script>^<img src=x onerror=alert(2)>"
OK, WRONG, MISSING = 200, 400, 404


class Pages:
    """The pages over a workshop."""

    def __init__(self, shop, pacs):
        self.shop, self.pacs, self.order = shop, pacs, shop.order
        rules = load_rules(None)
        asking = Asking(shop.ledger, pacs, rules, shop.now)
        self.bulk = BulkRequests(shop.database, pacs, rules, shop.now)
        self.app = create_app(asking, Standings(shop.database, shop.worklist), RefusalLog())
        self.app.include_router(SHARED_ASSETS.router())
        self.app.mount(PLACE, create_pages(asking, self.bulk))

    def get(self, path, **headers):
        return self.client.get(PLACE + path, headers=headers)

    def post(self, path, **fields):
        page = self.get(f"/studies/{self.order.study_instance_uid}")
        token = re.search(r'name="token" value="([^"]+)"', page.text)
        return self.client.post(PLACE + path, data={"token": token[1] if token else "", **fields})


class Served:
    """One server for all tests; each brings its own application."""

    def __init__(self, url):
        self.url, self.app = url, FastAPI()

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def served():
    port = free_port()
    made = Served(f"http://127.0.0.1:{port}")
    with http_server(made, "127.0.0.1", port):
        yield made


@pytest.fixture
def pages(tmp_path, worklist, served):
    pacs = Pacs()
    shop = Workshop(tmp_path / "task_requester", tmp_path, pacs, worklist)
    made = Pages(shop, pacs)
    pacs.add(made.order, body_part="KNEE")
    served.app = made.app
    with httpx.Client(base_url=served.url, trust_env=False) as made.client:
        yield made
    shop.database.close()


def words_of(page):
    """A page as a person reads it."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


@pytest.mark.requirement("HL7-061")
def test_a_study_is_found_by_accession_number_or_uid_and_each_rule_says_what_it_would_do(pages):
    for identifier in (pages.order.accession_number, pages.order.study_instance_uid):
        page = pages.get(f"/studies?identifier={identifier}")
        assert page.status_code == OK
        words = words_of(page)
        assert "no rule head-mr-brain-extraction: no, the study is not" in words
        assert "yes rule head-mr-brain-extraction: yes, it was asked for by name; input: 1 of 1 image series" in words
    assert pages.order.patient_id in words


@pytest.mark.requirement("HL7-061")
def test_an_accession_number_of_two_studies_lets_the_person_choose(pages):
    other = new_order()
    pages.pacs.add(other, accession=pages.order.accession_number)
    page = pages.get(f"/studies?identifier={pages.order.accession_number}")
    for order in (pages.order, other):
        assert f'href="/desk/studies/{order.study_instance_uid}"' in page.text


@pytest.mark.requirement("HL7-061")
def test_nothing_is_asked_for_before_the_person_confirmed(pages, worklist):
    study = f"/studies/{pages.order.study_instance_uid}"
    confirm = pages.post(f"{study}/confirm", rule=BRAIN, priority="stat")
    assert f"Ask for {BRAIN}?" in confirm.text
    pages.shop.work()
    assert worklist.workitems == {}
    said = pages.post(f"{study}/ask", rule=BRAIN, priority="stat")
    assert "Request 1: new order" in said.text
    pages.shop.work()
    (workitem,) = worklist.open().values()
    assert text(workitem, "ScheduledProcedureStepPriority") == "HIGH"
    listed = words_of(pages.get("/"))
    assert pages.order.accession_number in listed
    assert "published" in listed
    assert "There is a workitem of it already" in pages.get(study).text


@pytest.mark.requirement("HL7-061")
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/studies?identifier=", WRONG),
        ("/studies?identifier=A*", WRONG),
        (f"/studies?identifier={'9' * 65}", WRONG),
        ("/studies?identifier=NOBODY", MISSING),
        ("/studies/1.2.3", MISSING),
        ("/studies/<script>", WRONG),
        ("/nothing", MISSING),
    ],
)
def test_wrong_input_is_answered_in_words(pages, path, status):
    page = pages.get(path)
    assert page.status_code == status
    assert "<script>alert" not in page.text
    assert 'role="alert"' in page.text


@pytest.mark.requirement("HL7-061")
@pytest.mark.parametrize("fields", [{}, {"rule": "none"}, {"rule": BRAIN, "priority": "soon"}], ids=len)
def test_a_choice_that_is_none_is_refused(pages, fields):
    study = f"/studies/{pages.order.study_instance_uid}"
    assert pages.post(f"{study}/confirm", **fields).status_code == WRONG
    assert pages.post(f"{study}/ask", **fields).status_code == WRONG


def test_a_form_of_another_page_and_a_request_under_another_name_do_nothing(pages, worklist):
    url = f"{PLACE}/studies/{pages.order.study_instance_uid}/ask"
    for fields in ({}, {"token": "guessed"}):
        assert pages.client.post(url, data={"rule": BRAIN, **fields}).status_code == WRONG
    assert pages.get("/", Host="evil.example").status_code == WRONG
    pages.shop.work()
    assert worklist.workitems == {}


@pytest.mark.requirement("HL7-061")
def test_bulk_requests_are_listed_and_stopped(pages):
    pages.bulk.ask("ModalitiesInStudy=MR", BRAIN)
    assert "1 waiting" in words_of(pages.get("/"))
    assert "1 studies of bulk request 1" in pages.post("/bulk/1/stop").text
    assert "1 stopped" in words_of(pages.get("/"))
    assert pages.post("/bulk/7/stop").status_code == MISSING


def test_an_archive_that_is_away_is_said_so(pages):
    pages.pacs.away = True
    assert pages.get(f"/studies?identifier={pages.order.accession_number}").status_code == 503


@pytest.mark.tier2
@pytest.mark.requirement("HL7-061")
def test_a_person_finds_looks_confirms_and_is_told_in_a_real_browser(pages, served, browser):
    pages.pacs.name = ATTACK
    seen, url = [], f"{served.url}{PLACE}/"
    page = browser.new_page()
    page.on("dialog", lambda dialog: (seen.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("pageerror", lambda error: seen.append(f"error {error}"))
    page.on("console", lambda line: seen.append(line.text) if line.type == "error" else None)
    page.goto(url)
    page.get_by_role("button", name="Look what").click()
    assert page.url == url, "the browser itself asks for a value"
    page.get_by_label("Accession number").fill(pages.order.accession_number)
    page.get_by_role("button", name="Look what").click()
    assert "<script>alert(1)</script>" in page.inner_text("h1")
    page.get_by_role("button", name="Go on").click()
    assert page.get_by_role("heading", name="What the rules say").is_visible(), "no rule was chosen"
    page.get_by_label(BRAIN).check()
    page.get_by_label("Priority").select_option("stat")
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Ask for it").click()
    assert "Request 1: new order" in page.inner_text("main")
    page.get_by_role("link", name="Requests").first.click()
    assert pages.order.accession_number in page.inner_text("table")
    assert seen == []
    page.get_by_label("Accession number").fill("<script>alert(3)</script>")
    page.get_by_role("button", name="Look what").click()
    assert page.get_by_role("alert").is_visible()
    page.close()
    assert [line for line in seen if "404" not in line and "400" not in line] == []
