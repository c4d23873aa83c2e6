"""Legal systems that do otherwise than ours are not blamed for it: the simulated worklist manager, and its dialects."""

from contextlib import closing

import pytest

from conformance.harness import Verdict
from conformance.harness.registry import suite
from conformance.partners.manager import Manager
from conformance.partners.simulating import Fault, Reply
from conformance.suites.task_manager.subscriber import channel_of
from connectathon.judging import broken, judge
from connectathon.waiting import free_port

SUITE = suite("task_manager")


class Dialect(Manager):
    """A worklist manager that says where its notification connections are in a way of its own."""

    header, address = "location", "/ups-rs/subscribers/HARNESS"

    def answer(self, request):
        reply = super().answer(request)
        if "content-location" not in reply.headers:
            return reply
        return Reply(reply.status, reply.body, {self.header: self.address} if self.header else {})


class Silent(Dialect):
    """It says nothing."""

    header = ""


class OldFilters(Manager):
    """It knows the keys of a filter as parameters of their own only, as editions before 2024 have them."""

    def __init__(self, *where):
        super().__init__(*where)
        self.fail(Fault(lambda request: "filter=" in request.query, status=400, times=None))


class GrantsNoLocks(Manager):
    """It grants no deletion locks, and says so."""

    def __init__(self, *where):
        super().__init__(*where)
        self.fail(Fault(lambda request: "deletionlock=true" in request.query, warning="Deletion Lock not granted."))


def judged(kind, folder, *cases):
    with closing(kind("127.0.0.1", free_port())) as manager:
        declaration = {"rest": {"base_url": manager.url}, "options": ["filtered-subscription"]}
        return judge(SUITE, declaration, folder, begins=cases)


@pytest.mark.parametrize("kind", [Manager, Dialect, Silent])
def test_a_subscriber_finds_its_connection_wherever_it_is_told(tmp_path, kind):
    ended = judged(kind, tmp_path, "AIWI-TM-060.rest", "AIWI-TM-061.rest", "AIWI-TM-065.rest", "AIWI-TM-068.rest")
    assert broken(ended) == []


def test_keys_of_a_filter_may_be_parameters_of_their_own(tmp_path):
    assert broken(judged(OldFilters, tmp_path, "AIWI-TM-063.rest")) == []


def test_a_lock_need_not_be_granted(tmp_path):
    ended = judged(GrantsNoLocks, tmp_path, "AIWI-TM-070.rest")
    assert broken(ended) == []
    assert "does not grant" in ended["AIWI-TM-070.rest"].assertions[-1].text


@pytest.mark.parametrize(
    ("told", "address"),
    [
        ("ws://events.example/x", "ws://events.example/x"),
        ("wss://events.example:444/x?y", "wss://events.example:444/x?y"),
        ("/events/HARNESS", "ws://host:8080/events/HARNESS"),
        ("subscribers/HARNESS", "ws://host:8080/ups-rs/subscribers/HARNESS"),
    ],
)
def test_the_address_of_a_connection_may_be_relative(told, address):
    assert channel_of("http://host:8080/ups-rs", told) == address


def test_what_is_not_declared_is_not_judged(tmp_path):
    ended = judged(Manager, tmp_path, "AIWI-TM-062.dimse", "AIWI-TM-086.rest")
    assert {event.verdict for event in ended.values()} == {Verdict.OMIT}
