"""Pages of alerts: the unacknowledged first; who takes one on gives a name, confirms, and is audited."""

import asyncio
import re
from datetime import timedelta

import httpx
import pytest

from actors.task_requester.database import Database, OrderRow, WorkitemRow, moment
from actors.task_requester.results_back.pages import AlertDesk, create_app, in_words
from actors.task_requester.results_back.store import AlertRow
from tests.serving import serving
from tests.task_requester.workshop import NOW

OK, WRONG, MISSING, CONFLICT = 200, 400, 404, 409
WATCHER, DISPLAY = "http://127.0.0.1:8083", "http://127.0.0.1:8084"


def add_alert(database, number, minutes, *, escalated=False, why="finding 27925004|SCT"):
    """An alert of an order and workitem of its own."""
    raised = moment(NOW - timedelta(minutes=minutes))
    with database.write() as session:
        order = OrderRow(
            key=f"k{number}", accession=f"ACC{number}", content="{}", state="published", message_number=1,
            received_at=raised, updated_at=raised,
        )  # fmt: skip
        session.add(order)
        session.flush()
        uid, study = f"1.9.{number}", f"1.2.{number}"
        session.add(
            WorkitemRow(uid=uid, order_number=order.number, study_uid=study, rule="r", content="{}", state="created",
                        planned_at=raised)
        )  # fmt: skip
        alert = AlertRow(number=number, workitem_uid=uid, order_number=order.number, why=why, raised_at=raised)
        alert.escalated_at = moment(NOW) if escalated else ""
        session.add(alert)


class Pages:
    """The pages over an order store with three alerts."""

    def __init__(self, folder):
        self.database, self.audited = Database(folder), []
        add_alert(self.database, 1, 2)
        add_alert(self.database, 2, 10, why="priority HIGH")
        add_alert(self.database, 3, 5, escalated=True, why="finding <b>|99X")
        desk = AlertDesk(self.database, self.audited.append, "eva", 900, lambda: NOW)
        self.app = create_app(desk, watcher_url=WATCHER, results_url=DISPLAY)

    def ask(self, method, path, **details):
        async def send():
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return await client.request(method, path, **details)

        return asyncio.run(send())

    def get(self, path, **details):
        return self.ask("GET", path, **details)

    def post(self, path, **fields):
        token = re.search(r'name="token" value="([^"]+)"', self.get("/alerts/2").text)
        return self.ask("POST", path, data={"token": token[1] if token else "", **fields})


@pytest.fixture
def pages(tmp_path):
    made = Pages(tmp_path)
    yield made
    made.database.close()


def test_the_escalated_come_first_and_then_those_that_wait_longest_with_links(pages):
    shown = pages.get("/").text
    assert re.findall(r'href="/alerts/(\d)"', shown) == ["3", "2", "1"]
    assert "3 to be acknowledged" in shown
    assert f'href="{WATCHER}/workitems/1.9.2"' in shown
    assert f'href="{DISPLAY}/results/1.2.2"' in shown
    assert "Nodule (27925004, SCT)" in shown
    assert "escalated in 5 min" in shown
    assert "<b>" not in shown


def test_an_alert_is_taken_on_with_a_name_and_a_confirmation_and_shown_last_from_then_on(pages):
    confirm = pages.post("/alerts/2/confirm", name="  Dr  <Ada> ")
    assert "Dr &lt;Ada&gt; takes care of this?" in confirm.text
    assert pages.audited == []
    taken = pages.post("/alerts/2/acknowledge", name="Dr Ada")
    assert "Acknowledged by <strong>Dr Ada</strong>" in taken.text
    (event,) = pages.audited
    assert (event.kind, event.caller) == ("alert-acknowledged", "Dr Ada")
    assert "eva" in event.description
    assert re.findall(r'href="/alerts/(\d)"', pages.get("/list").text) == ["3", "1", "2"]
    assert "<form" not in pages.get("/alerts/2").text
    add = pages.ask("POST", "/alerts/2/acknowledge", data={"token": "guessed", "name": "Else"})
    assert add.status_code == WRONG


def test_somebody_else_cannot_take_on_what_is_taken(pages):
    token = re.search(r'name="token" value="([^"]+)"', pages.get("/alerts/1").text)[1]
    for name, status in (("Ada", OK), ("Eve", CONFLICT)):
        assert pages.ask("POST", "/alerts/1/acknowledge", data={"token": token, "name": name}).status_code == status
    assert "Ada" in pages.get("/").text
    assert len(pages.audited) == 1


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "a\x07b"], ids=["none", "blank", "long", "control"])
def test_nobody_takes_on_an_alert_without_a_name(pages, name):
    for step in ("confirm", "acknowledge"):
        assert pages.post(f"/alerts/1/{step}", name=name).status_code == WRONG
    assert pages.audited == []


def test_what_is_not_there_or_comes_from_elsewhere_is_refused(pages):
    assert pages.get("/alerts/99").status_code == MISSING
    assert pages.post("/alerts/99/acknowledge", name="Ada").status_code == MISSING
    assert pages.get("/", headers={"Host": "evil.example"}).status_code == WRONG
    assert pages.ask("POST", "/alerts/1/confirm", data={"name": "Ada"}).status_code == WRONG


def test_an_unknown_code_is_shown_as_it_is():
    assert in_words("finding 1|99X") == "Finding 1 (99X)"
    assert in_words("priority HIGH") == "The report has the highest priority"


@pytest.mark.tier2
def test_a_person_takes_on_an_alert_in_a_real_browser_and_a_new_one_appears_by_itself(pages, browser, tmp_path):
    seen = []
    with serving(pages.app) as url:
        page = browser.new_page(viewport={"width": 1000, "height": 800})
        page.on("pageerror", lambda error: seen.append(str(error)))
        page.on("console", lambda line: seen.append(line.text) if line.type in {"error", "warning"} else None)
        page.goto(url)
        page.get_by_role("button", name="Acknowledge alert 3").click()
        page.get_by_label("Your name").fill("Dr Ada")
        page.get_by_role("button", name="Acknowledge").click()
        page.get_by_role("button", name="Yes, I take care of it").click()
        assert "Acknowledged by Dr Ada" in page.get_by_role("status").inner_text()
        page.get_by_role("button", name="Back to the alerts").click()
        assert page.locator("#waiting tbody tr").count() == len(["2", "1"])
        assert "Dr Ada" in page.locator("#settled").inner_text()
        add_alert(pages.database, 4, 1)
        page.get_by_text("ACC4").wait_for(timeout=60_000)
        page.screenshot(path=str(tmp_path / "alerts.png"), full_page=True)
        page.close()
    assert seen == []
