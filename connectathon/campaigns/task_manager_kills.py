"""kill -9 of the Task Manager at random moments, while requesters, performers and subscribers go on working."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from connectathon.campaigns.clients import Clients
from connectathon.campaigns.evidence import Outcome
from connectathon.campaigns.judging import judge
from connectathon.campaigns.mortal import Mortal
from connectathon.campaigns.records import Records
from connectathon.waiting import eventually, free_port
from workitems.store import Store, sqlite_url

FULL_SIZE = 1000
PERFORMERS, SUBSCRIBERS = 4, 3
_CHANGES_EACH = 5  # creation, claim, two updates, completion
_WORKITEMS_PER_KILL = 25
_FEWEST_KILLS = 3
_LATEST_SECONDS = 0.05
_LIMIT_SECONDS = 3600.0
_ALL = 10**6


def run(size: int, seed: int, folder: Path, say: Callable[[str], None] = lambda _words: None) -> Outcome:
    """Have so many workitems created, claimed, updated and completed while the Task Manager is killed again and again.

    Args:
        size: number of workitems.
        seed: of the moments of the kills, and of what performers choose.
        folder: for data, configuration and log.
        say: told how it goes on.

    Returns:
        What was counted, and every promise that was broken.
    """
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    kills = max(_FEWEST_KILLS, size // _WORKITEMS_PER_KILL)
    moments = sorted(chance.sample(range(1, _CHANGES_EACH * size), kills))
    port = free_port()
    manager = Mortal("task_manager", folder, {"task_manager": {"port": port}})
    records, over = Records(), threading.Event()
    clients = Clients(f"http://127.0.0.1:{port}/ups-rs", records, over)
    manager.start()
    try:
        with ThreadPoolExecutor(PERFORMERS + SUBSCRIBERS + 1) as pool:
            try:
                going = _start(clients, pool, size, chance)
                for number, moment in enumerate(moments, 1):
                    records.wait_for(moment, over)
                    over.wait(chance.uniform(0, _LATEST_SECONDS))
                    manager.kill()
                    say(f"kill {number} of {kills} after {records.acknowledged} acknowledged changes")
                    manager.start()
                store = Store(sqlite_url(manager.data / "task_manager" / "workitems.sqlite"))
                try:
                    eventually(lambda: _all_is_done(going, records, size), _LIMIT_SECONDS, "all workitems to be done")
                    eventually(lambda: _all_is_told(store), _LIMIT_SECONDS, "all events to be told")
                    return _outcome(size, seed, kills, records, store)
                finally:
                    store.close()
            finally:
                over.set()
    finally:
        manager.stop()


def _start(clients: Clients, pool: ThreadPoolExecutor, size: int, chance: random.Random) -> list[Future[None]]:
    going = []
    for number in range(SUBSCRIBERS):
        name = f"SUBSCRIBER_{number + 1}"
        going.append(pool.submit(clients.listen, name, clients.subscribe(name)))
    for number in range(PERFORMERS):
        going.append(pool.submit(clients.perform, f"PERFORMER_{number + 1}", chance.randrange(2**32)))
    going.append(pool.submit(clients.request, size))
    return going


def _all_is_done(going: list[Future[None]], records: Records, size: int) -> bool:
    for client in going:
        if client.done():
            client.result()  # a client that fell over ends the campaign
    return len(records.completed) >= size


def _all_is_told(store: Store) -> bool:
    """Whether each subscriber has confirmed everything."""
    return not store.deliveries_after(0, 1)


def _outcome(size: int, seed: int, kills: int, records: Records, store: Store) -> Outcome:
    events = store.events_after(0, _ALL)
    found = {uid: held for uid in {event.workitem_uid for event in events} if (held := store.find(uid))}
    counts: dict[str, int | str] = {
        "workitems": size,
        "kills": kills,
        "changes acknowledged": records.acknowledged,
        "requests that got no answer and were sent again": records.unanswered,
        "claims lost to somebody faster": records.lost_races,
        "events in the outbox": len(events),
        "event reports received by each of the subscribers": ", ".join(
            str(len(heard)) for _, heard in sorted(records.heard.items())
        ),
    }
    return Outcome("task-manager-kills", seed, counts, tuple(judge(records, found, events)))
