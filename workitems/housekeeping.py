"""What a worklist does of itself from time to time: leases, retention, backlogs, and the events nobody waits for.

Several processes may do it at once over one database: each thing is done by whoever comes first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from workitems.leasing import Release, release_expired
from workitems.store import Store
from workitems.worklist import Worklist

_PORTION = 100


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept.

    Attributes:
        backlog: events that wait for one subscriber before the oldest are dropped.
        events: age of events that everybody has taken, before they are forgotten.
    """

    backlog: int = 10_000
    events: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Kept:
    """What was done.

    Attributes:
        released: claims whose lease had run out.
        deleted: UIDs of workitems whose time of retention was over.
        overflowed: subscribers that lost events, and how many.
        forgotten: number of events removed.
    """

    released: tuple[Release, ...]
    deleted: tuple[str, ...]
    overflowed: tuple[tuple[str, int], ...]
    forgotten: int


def keep_house(worklist: Worklist, store: Store, limits: Limits, now: datetime) -> Kept:
    """Do what is due: end expired claims (D7), delete what retention lets go (ups.md 6.5), bound what waits (D6).

    Args:
        worklist: the domain; its policy has the time of retention.
        store: its store.
        limits: how much is kept.
        now: the present.

    Raises:
        Unavailable: when the store cannot be used; what was done until then is done.
    """
    return Kept(
        released=tuple(release_expired(worklist, store, now)),
        deleted=_delete_final(store, now - worklist.policy.retention),
        overflowed=tuple(store.bound_backlogs(limits.backlog)),
        forgotten=store.forget(now - limits.events),
    )


def _delete_final(store: Store, before: datetime) -> tuple[str, ...]:
    deleted: list[str] = []
    while portion := store.delete_final(before, _PORTION):
        deleted += portion
    return tuple(deleted)
