"""Hearing when workitems end: a hint to look sooner, that is never lost; a worklist that tells nothing is polled."""

import pytest

from actors.shared import ups_watch
from actors.task_requester.results_back import listening as module
from actors.task_requester.results_back.collecting import Collector
from actors.task_requester.results_back.listening import ANY, Listening
from actors.task_requester.results_back.settings import ResultsSettings
from connectathon.waiting import eventually
from profiles.dicom import put
from profiles.errors import BadInput, Unavailable
from tests.task_requester.results_scene import ResultArchive
from tests.task_requester.workshop import Workshop


class Announcer:
    """A Task Manager whose notification connection is what a test plays."""

    def __init__(self, error=None):
        self.error, self.subscriptions = error, []

    def channel(self):
        if self.error:
            raise self.error
        return "ws://nowhere"

    def subscribe(self, target):
        self.subscriptions.append(target)
        return self.channel()


@pytest.fixture
def played(monkeypatch):
    """Lets a test say which events come; the connection then stays open until the end."""
    events = []

    def watch(_url, stopped, *, opened, lost):
        opened()
        yield from events
        stopped.wait()
        lost("the connection was closed")

    monkeypatch.setattr(module, "watch", watch)
    return events


def event(uid, state, kind="state"):
    return ups_watch.EventReport(kind, uid, 1, put({}, "ProcedureStepState", state))


@pytest.fixture
def listen():
    made = []

    def start(announcer):
        made.append(Listening(announcer))
        made[0].start()
        return made[0]

    yield start
    for one in made:
        one.close()


def heard(listening, count):
    """All hints, once there are so many."""
    found = set()

    def enough():
        found.update(listening.take())
        return len(found) >= count

    eventually(enough, what="the hints")
    return found


def test_only_the_ends_of_workitems_are_hints_and_each_is_taken_once(played, listen):
    states = {"1.1": "IN PROGRESS", "1.2": "COMPLETED", "1.3": "CANCELED"}
    played += [event("1.4", "COMPLETED", "progress"), *(event(uid, state) for uid, state in states.items())]
    announcer = Announcer()
    listening = listen(announcer)
    assert heard(listening, 3) == {ANY, "1.2", "1.3"}
    assert listening.take() == frozenset()
    assert listening.hears
    assert announcer.subscriptions == ["1.2.840.10008.5.1.4.34.5"]


def test_very_many_hints_stand_for_any(played, listen):
    played += [event(f"1.{number}", "COMPLETED") for number in range(600)]
    played.append(event("last", "COMPLETED"))
    listening = listen(Announcer())
    eventually(lambda: "last" in listening._hints, what="the hints")
    taken = listening.take()
    assert ANY in taken
    assert len(taken) <= 500


@pytest.mark.parametrize(
    "error", [BadInput("No subscriptions here."), Unavailable("It is away.")], ids=["none", "away"]
)
def test_a_worklist_that_tells_nothing_is_no_error(listen, error):
    listening = listen(Announcer(error))
    assert not listening.hears
    assert listening.take() == frozenset()


def test_what_is_heard_is_looked_at_at_once_and_all_else_seldom(tmp_path, images, worklist):
    class Heard:
        hears, hints = True, [frozenset()]

        def take(self):
            return self.hints.pop() if self.hints else frozenset()

    shop = Workshop(tmp_path / "task_requester", tmp_path, images, worklist)
    heard, looked = Heard(), []
    settings = ResultsSettings(poll_seconds=1, slowest_poll_seconds=1000)
    retrieve = worklist.retrieve
    worklist.retrieve = lambda uid: looked.append(uid) or retrieve(uid)
    collector = Collector(shop.database, worklist, ResultArchive(), settings, shop.now, heard)
    try:
        (uid,) = shop.send().arrive().work(4).worklist.open()
        looked.clear()
        told = [(0, ()), (500, ()), (0, {"1.2.3"}), (0, {uid}), (0, {ANY}), (1001, ())]
        for (seconds, hints), count in zip(told, (1, 1, 1, 2, 3, 4), strict=True):
            shop.passed += seconds
            heard.hints.append(frozenset(hints))
            collector.collect()
            assert len(looked) == count
    finally:
        shop.database.close()
