"""`stepwell outgoing`: a person sees what waits, and settles it."""

import getpass
import json

import pytest
from typer.testing import CliRunner

from stepwell.cli import app
from tests.task_requester.results_scene import Receiver, ResultArchive, complete, found, images_of, results_back
from tests.task_requester.workshop import Workshop


class Bench:
    """An urgent result that the receiver refused, and the command line beside it."""

    def __init__(self, tmp_path, images, worklist, events):
        self.receiver = Receiver()
        self.receiver.script = ["AE"]
        self.shop = Workshop(tmp_path / "task_requester", tmp_path, images, worklist)
        archive = ResultArchive()
        self.back = results_back(self.shop, archive, events, receiver=self.receiver.address)
        (self.uid,) = self.shop.send().arrive().work(4).worklist.open()
        complete(self.uid, worklist, archive, images_of(self.shop.order, tmp_path / "study"), found(urgent=True))
        self.back.turn()
        self.config = tmp_path / "stepwell.toml"
        self.config.write_text(f'[stepwell]\ndata_dir = "{tmp_path}"\n[task_requester]\nmllp_port = 2575\n')

    def run(self, *arguments):
        return CliRunner().invoke(app, ["outgoing", *arguments, "--config", str(self.config)])

    def close(self):
        self.back.close()
        self.shop.database.close()
        self.receiver.stop()


@pytest.fixture
def bench(tmp_path, images, worklist, events):
    made = Bench(tmp_path, images, worklist, events)
    yield made
    made.close()


@pytest.mark.requirement("HL7-066", "HL7-072")
def test_a_parked_message_is_listed_sent_again_and_withdrawn(bench):
    listed = bench.run("list")
    assert "parked" in listed.output
    assert "AE" in listed.output
    assert bench.shop.order.patient_id not in listed.output
    (one,) = json.loads(bench.run("list", "--json").stdout)["messages"]
    number = str(one["number"])
    assert bench.run("resend", number).exit_code == 0
    bench.back.turn()
    assert json.loads(bench.run("list", "--json").stdout)["messages"] == []
    assert bench.run("withdraw", number).exit_code == 0
    bench.back.turn()
    assert [one.get("OBR-25") for one in bench.receiver.messages] == ["R", "R", "C"]


def test_an_alert_is_listed_until_the_person_at_the_keyboard_acknowledges_it(bench):
    assert bench.uid in bench.run("alerts").output
    (alert,) = json.loads(bench.run("alerts", "--json").stdout)
    taken = bench.run("acknowledge", str(alert["number"]))
    assert getpass.getuser() in taken.output
    assert json.loads(bench.run("alerts", "--json").stdout) == []
    assert "acknowledged by" in bench.run("alerts", "--all").output
    assert bench.run("acknowledge", str(alert["number"])).exit_code == 1


def test_what_does_not_wait_cannot_be_settled(bench):
    for arguments in (("resend", "99"), ("withdraw", "1"), ("reread", "1.2.3"), ("acknowledge", "99")):
        assert bench.run(*arguments).exit_code != 0
