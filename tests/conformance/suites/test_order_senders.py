"""Systems that send orders themselves, before the judge: one that tries again, and those that do not (HL7-110)."""

import socket
import threading

import pytest
from pydantic import ValidationError

from conformance.harness import Verdict
from conformance.harness.registry import suite
from conformance.hl7 import check_acknowledgement
from conformance.partners.mllp import framed
from conformance.partners.objects import Study
from conformance.partners.orders import OMI, ORM, Order, Parties, imaging_order, new_control_id
from conformance.suites.hl7_receiver.sending import acknowledgement
from connectathon.judging import judge
from connectathon.waiting import free_port


class Sender:
    """Sends one order update when told to, and again until it is accepted, as long as it is patient."""

    def __init__(self, port, tries=3, keeps_id=True, shows=True, orc="XO"):
        self.port, self.tries, self.keeps_id, self.orc = port, tries, keeps_id, orc
        self.shows = shows
        self.threads = []

    def act(self, told):
        del told
        thread = threading.Thread(target=self._send)
        self.threads.append(thread)
        thread.start()
        return True

    def _send(self):
        order, identity = Order(Study()), new_control_id()
        for _ in range(self.tries):
            message = imaging_order(order, Parties(), control=self.orc, status="CM", control_id=identity)
            with socket.create_connection(("127.0.0.1", self.port)) as connection:
                connection.settimeout(0.3)
                connection.sendall(framed(message))
                try:
                    answer = connection.recv(65536)
                except TimeoutError:
                    answer = b""
            if b"MSA|AA" in answer:
                return
            if not self.keeps_id:
                identity = new_control_id()


@pytest.fixture
def judging(tmp_path):
    """Judges one sender."""
    sender = []

    def play(**about):
        ports = [free_port() for _ in range(3)]
        one = Sender(ports[0], **about)
        sender.append(one)
        declaration = {
            "hl7": {"sends_port": ports[0]},
            "worklist": {"port": ports[1]},
            "archive": {"port": ports[2]},
            "options": ["sends-orders"],
            "limits": {"answer_seconds": 2, "reaction_seconds": 2, "quiet_seconds": 0.1},
        }
        actions = {"send-order-update": one.act, "is-refusal-reported": lambda _told: one.shows}
        return judge(suite("hl7_receiver"), declaration, tmp_path / "evidence", actions, ["HL7-110"])["HL7-110"]

    yield play
    for one in sender:
        for thread in one.threads:
            thread.join()


def broken(ended):
    return [one.text for one in ended.assertions if not one.holds]


@pytest.mark.requirement("HL7-110")
def test_a_sender_that_tries_again_under_the_same_control_id_passes(judging):
    ended = judging()
    assert (ended.verdict, broken(ended)) == (Verdict.PASS, [])


@pytest.mark.requirement("HL7-110")
def test_a_sender_that_loses_messages_is_seen(judging):
    ended = judging(tries=1)
    assert ended.verdict is Verdict.WARN
    assert set(broken(ended)) == {
        "when the message is rejected, it is sent again",
        "when nothing is answered, it is sent again",
    }


@pytest.mark.requirement("HL7-110")
def test_a_sender_that_hides_a_refusal_is_seen(judging):
    assert "when the message is refused, it is sent again or reported" in broken(judging(tries=1, shows=False))


@pytest.mark.requirement("HL7-110")
def test_a_sender_that_renews_the_control_id_is_seen(judging):
    assert set(broken(judging(keeps_id=False))) == {"it is sent again under the same control id"}


@pytest.mark.requirement("HL7-110")
def test_a_sender_of_bad_messages_is_seen(judging):
    assert set(broken(judging(orc="QQ"))) == {"the message breaks no rule"}


def test_a_sender_of_which_nothing_comes_is_seen(judging):
    ended = judging(tries=0)
    assert broken(ended) == ["a message comes"]


@pytest.mark.parametrize("kind", [OMI, ORM])
@pytest.mark.parametrize("code", ["AA", "AE", "AR"])
def test_what_the_harness_answers_breaks_no_rule(kind, code):
    message = imaging_order(Order(Study()), Parties(), kind)
    assert check_acknowledgement(framed(acknowledgement(message, code)), message, "answer") == []


def test_the_harness_answers_what_is_no_message_too():
    assert b"MSA|AR|" in acknowledgement(b"hello", "AR")


def test_a_system_that_only_sends_is_not_asked_to_take_anything(tmp_path):
    ports = [free_port() for _ in range(3)]
    declaration = {"hl7": {"sends_port": ports[0]}, "worklist": {"port": ports[1]}, "archive": {"port": ports[2]}}
    ended = judge(suite("hl7_receiver"), declaration, tmp_path / "evidence")
    assert {event.verdict for event in ended.values()} == {Verdict.OMIT}


def test_a_declaration_without_any_address_is_refused():
    with pytest.raises(ValidationError, match="needs port"):
        suite("hl7_receiver").declaration.model_validate(
            {"system": {"name": "x"}, "hl7": {}, "worklist": {"port": 1}, "archive": {"port": 2}}
        )
