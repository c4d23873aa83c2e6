"""One connection over a store that grows while it is read: whatever stalls, nothing is lost, doubled or moved."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.shared.receipts import Receipts
from actors.shared.ups_face import hub
from actors.shared.ups_face.channel import EventChannels
from actors.shared.ups_face.hub import WINDOW, Listener, News
from connectathon.event_service import event_service
from connectathon.subscriber import Subscriber
from connectathon.waiting import eventually
from profiles.errors import Unavailable
from workitems.store import Store, sqlite_url
from workitems.subscriptions import Subscriptions

BATCH = 4
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 12)),
        st.tuples(st.just("run"), st.integers(1, 30)),
        st.tuples(st.sampled_from(["stall", "go"]), st.just(0)),
    ),
    max_size=40,
)


class Bench:
    """A listener over a store in memory and a peer that can be made to stall."""

    def __init__(self):
        self.places, self.sent, self.can_write = [], [], asyncio.Event()
        self.receipts = Receipts(lambda: asyncio.get_running_loop().call_soon(self.answer))
        self.listener = Listener("WATCHER", self.receipts, self.transmit)
        self.most_in_flight = 0

    def answer(self):
        self.receipts.pinged()
        self.receipts.answered()

    async def transmit(self, frame):
        await self.can_write.wait()
        self.sent.append(int(frame))
        self.most_in_flight = max(self.most_in_flight, len(self.sent) - self.sent_before(self.receipts.arrived))

    def sent_before(self, place):
        return sum(one <= place for one in self.sent)

    async def backlog(self, _receiver, position):
        await asyncio.sleep(0)
        found = [one for one in self.places if one > position][:BATCH]
        await asyncio.sleep(0)
        return [News(one, (str(one),)) for one in found], len(found) == BATCH

    def append(self, count):
        for _ in range(count):
            place = len(self.places) * 3 + 1
            self.places.append(place)
            self.listener.offer(News(place, (str(place),)))


async def play(steps):
    bench = Bench()
    task = asyncio.create_task(bench.listener.run(bench.backlog))
    for step, number in steps:
        match step:
            case "append":
                bench.append(number)
            case "run":
                for _ in range(number):
                    await asyncio.sleep(0)
            case "stall":
                bench.can_write.clear()
            case "go":
                bench.can_write.set()
    bench.can_write.set()
    for _ in range(10 * len(bench.places) + 100):
        await asyncio.sleep(0)
    task.cancel()
    return bench


@pytest.mark.requirement("AIWI-TM-072", "AIWI-TM-073")
@settings(max_examples=300, deadline=None)
@given(steps=STEPS)
def test_every_event_is_sent_once_and_in_order_however_the_peer_stalls(steps):
    allowed, hub.QUEUE = hub.QUEUE, 3
    try:
        bench = asyncio.run(play(steps))
    finally:
        hub.QUEUE = allowed
    assert bench.sent == bench.places
    assert bench.most_in_flight <= WINDOW + 1


class ReadOnly(Subscriptions):
    """Cannot write, as on a full disk."""

    def announce(self, status, fallback=()):
        raise Unavailable("The disk is full.")


def test_a_store_that_cannot_be_written_keeps_nobody_from_listening_or_stopping(tmp_path, monkeypatch):
    monkeypatch.setattr("connectathon.event_service.EventChannels", over_read_only)
    with event_service(sqlite_url(tmp_path / "w.sqlite"), ping_seconds=0.1) as service:
        service.subscribe()
        with Subscriber(service.url("WATCHER")) as watcher:
            uid = service.create()
            eventually(lambda: watcher.states(uid) == ["SCHEDULED"])
        asyncio.run(service.channels.say_goodbye())


def over_read_only(store, subscriptions, **more):
    return EventChannels(store, ReadOnly(store, subscriptions._now), **more)


@pytest.mark.requirement("AIWI-TM-072")
def test_a_store_that_is_away_for_a_while_delays_events_and_loses_none(tmp_path, monkeypatch):
    read, away = Store.told_after, [2]

    def told_after(self, *arguments):
        if away[0]:
            away[0] -= 1
            raise Unavailable("The database is away.")
        return read(self, *arguments)

    with event_service(sqlite_url(tmp_path / "w.sqlite"), ping_seconds=0.1) as service:
        service.subscribe()
        with Subscriber(service.url("WATCHER")) as watcher:
            monkeypatch.setattr(Store, "told_after", told_after)
            uid = service.create()
            eventually(lambda: watcher.states(uid) == ["SCHEDULED"])
