"""The pages of the quarantine: looking, mending with a confirmation, setting aside; for nobody but who started them."""

import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from urllib.request import urlopen

import httpx
import pytest

from actors.shared.mllp_client import MllpClient
from actors.task_requester.desk import create_app
from actors.task_requester.orders_store import quarantined_message
from actors.task_requester.quarantine import Quarantine, open_store
from connectathon.fiction import new_order
from connectathon.ris import build_order
from connectathon.waiting import eventually, free_port
from tests.serving import serving

OK, WRONG, MISSING, CONFLICT = 200, 400, 404, 409


class Pages:
    """The pages in this process, over a running listener."""

    def __init__(self, running):
        self.running, self.audited = running, []
        self.database = open_store(running.data_dir)
        quarantine = Quarantine(self.database, self.audited.append, "eva", lambda: datetime.now(UTC))
        self.app = create_app(quarantine, self.send, default_charset="cp1252")
        self.order = new_order()
        assert running.send(build_order(self.order).replace(b"ORC|NW", b"ORC|??")).code == "AE"

    def send(self, message):
        with MllpClient("127.0.0.1", self.running.settings.mllp_port) as client:
            return client.send(message)

    def get(self, path):
        return self.client.get(path)

    def post(self, path, **fields):
        token = re.search(r'name="token" value="([^"]+)"', self.get("/messages/1").text)
        return self.client.post(path, data={"token": token[1] if token else "", **fields})


@pytest.fixture
def pages(department):
    made = Pages(department())
    with serving(made.app) as url, httpx.Client(base_url=url, timeout=60) as made.client:
        yield made
    made.database.close()


@pytest.mark.requirement("HL7-053", "HL7-042")
def test_refused_messages_are_listed_and_shown_without_the_patient(pages):
    assert 'href="/messages/1"' in pages.get("/").text
    shown = pages.get("/messages/1").text
    assert "<td>ORC-1</td><td>??</td><td><strong>refused</strong></td>" in shown
    assert pages.order.patient_id not in shown
    assert pages.order.patient_id in pages.get("/messages/1?with_patient=true").text


@pytest.mark.requirement("HL7-042", "HL7-073")
def test_a_message_is_mended_after_a_confirmation(pages):
    confirm = pages.post("/messages/1/mend", values="ORC-1=NW\nPID-3.1=OTHER")
    assert "<td>ORC-1</td><td>??</td><td>NW</td>" in confirm.text
    assert "<td>PID-3.1</td><td>(hidden)</td><td>(hidden)</td>" in confirm.text
    assert pages.running.orders(pages.order.accession_number) == []
    said = pages.post("/messages/1/send", values="ORC-1=NW")
    assert "answered AA" in said.text
    assert pages.running.state(pages.order.accession_number) == "pending"
    assert "Nothing waits" in pages.get("/").text
    assert "ORC-1 by eva" in pages.get("/?every=true").text
    assert [(one.kind, one.caller) for one in pages.audited] == [("order-message-settled", "eva")]
    assert b"ORC|??" in quarantined_message(pages.running.data_dir, 1)


def test_a_message_can_be_sent_as_it_came(pages):
    assert "as it came" in pages.post("/messages/1/mend").text
    assert "answered AE" in pages.post("/messages/1/send").text


def test_a_message_is_set_aside_with_a_reason(pages):
    assert pages.post("/messages/1/dismiss", reason=" ").status_code == WRONG
    assert "set aside" in pages.post("/messages/1/dismiss", reason="a test").text
    assert "a test" in pages.get("/messages/1").text
    assert pages.post("/messages/1/dismiss", reason="again").status_code == CONFLICT


@pytest.mark.parametrize("path", ["mend", "send", "dismiss"])
def test_a_form_of_another_page_does_nothing(pages, path):
    for fields in ({}, {"token": "guessed"}):
        answer = pages.client.post(f"/messages/1/{path}", data={"values": "ORC-1=NW", "reason": "x", **fields})
        assert answer.status_code == WRONG
    assert 'href="/messages/1"' in pages.get("/").text
    assert pages.audited == []


def test_a_request_under_another_name_is_refused(pages):
    assert pages.client.get("/", headers={"Host": "evil.example"}).status_code == WRONG


def test_what_cannot_be_done_is_said_on_a_page(pages):
    assert pages.get("/messages/99").status_code == MISSING
    assert pages.post("/messages/1/mend", values="nonsense").status_code == WRONG
    assert pages.post("/messages/1/mend", values="A" * 70_000).status_code in {WRONG, 413}


def test_values_of_a_sender_are_text_on_the_page(pages):
    raw = build_order(new_order()).replace(b"ORC|NW", b"ORC|<script>")
    assert pages.running.send(raw).code == "AE"
    shown = pages.get("/messages/2").text
    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown


def test_the_pages_are_served_until_they_are_stopped(department, tmp_path):
    running, port = department(), free_port()
    assert running.send(build_order(new_order()).replace(b"ORC|NW", b"ORC|??")).code == "AE"
    config = tmp_path / "stepwell.toml"
    config.write_text(
        f'[stepwell]\ndata_dir = "{tmp_path}"\n[task_requester]\nmllp_port = {running.settings.mllp_port}\n',
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "stepwell", "orders", "desk", "--port", str(port), "--config", str(config)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ})
    try:
        eventually((tmp_path / "run" / "orders_desk.json").exists, what="the desk to be ready")
        with urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
            assert (answer.status, b"/messages/1" in answer.read()) == (OK, True)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
