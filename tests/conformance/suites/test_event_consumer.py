"""Event Consumers before the judge: ours, and a small one."""

import json

import pytest
from typer.testing import CliRunner

from conformance.harness import Verdict
from conformance.harness.registry import suite
from connectathon.judging import broken, judge
from connectathon.waiting import free_port
from stepwell.cli import app

from .event_peers import judged_consumer


class OwnConsumer:
    """`stepwell sole search --from`, and somebody who reads what it prints."""

    def __init__(self, url):
        self.url, self.events, self.said = url, [], ""

    def ask(self, told):
        window = ("--since", told.values["from"], "--until", told.values["to"])
        command = ["sole", "search", "--from", self.url, *window, "--limit", "20000", "--json"]
        answer = CliRunner().invoke(app, command)
        self.events = json.loads(answer.stdout) if answer.exit_code == 0 else []
        self.said = str(answer.exception or "")
        return True

    def shows(self, told):
        return set(told.values["codes"].split(",")) <= {event["code"] for event in self.events}

    def counts(self, told):
        return len(self.events) == int(told.values["count"])

    def failed(self, _told):
        return bool(self.said) and not self.events

    def took(self, told):
        mine = [event for event in self.events if event["accession"] == told.values["accession"]]
        (start, end) = [event["at"][11:16] for event in mine]
        minutes = (int(end[:2]) * 60 + int(end[3:]) - int(start[:2]) * 60 - int(start[3:])) % 1440
        return [event["code"] for event in mine] == ["SOLE114", "SOLE115"] and minutes == int(told.values["minutes"])


@pytest.mark.requirement("SOLE-EC-001", "SOLE-EC-002", "SOLE-EC-003", "SOLE-EC-004", "SOLE-EC-005")
def test_our_consumer_passes_everything(tmp_path):
    port = free_port()
    consumer = OwnConsumer(f"http://127.0.0.1:{port}")
    acts = {
        "ask-events": consumer.ask,
        "see-events": consumer.shows,
        "count-events": consumer.counts,
        "see-failure": consumer.failed,
        "see-duration": consumer.took,
    }
    ended = judge(suite("event_consumer"), {"repository": {"port": port}}, tmp_path, acts)
    assert broken(ended) == []
    assert {event.verdict for event in ended.values()} == {Verdict.PASS}


def test_a_small_consumer_passes_everything(tmp_path):
    with judged_consumer(tmp_path) as judge:
        assert broken(judge()) == []
