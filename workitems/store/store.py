"""The store: one mutating call, which applies a change and appends its events in one transaction (DESIGN D3)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from profiles.dicom import JsonDataset
from profiles.ups import State
from workitems.matching import matches
from workitems.model import Change, Channel, Contract, Delivery, Event, Workitem
from workitems.store import contracts, outbox, searching, statements, subscriptions
from workitems.store.database import Database
from workitems.store.exclusive import Exclusive
from workitems.store.rows import (
    HELD,
    SUBSCRIPTION,
    TOMBSTONE,
    WORKITEM,
    changed_row,
    filled,
    keys_text,
    workitem_of,
    workitem_row,
)
from workitems.store.rows import moment as as_text


class _Stale(Exception):
    """Somebody else changed or created a workitem first."""


class Store:
    """Workitems, outbox, subscriptions in SQLite (WAL, synchronous FULL, one writer) or PostgreSQL.

    Args:
        url: SQLAlchemy database URL.

    Raises:
        Unavailable: when the database cannot be opened or written, or is newer than this code.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self.on_append = self._database.on_append
        self.wait_for_events = self._database.wait
        self.reading = self._database.read
        self.alone = self._database.alone

    def close(self) -> None:
        """Give all connections back."""
        self._database.close()

    @contextmanager
    def appending(self) -> Iterator[Connection]:
        """A transaction in which subscriptions may change and events be appended; others wait for its end."""
        with self._database.write() as connection:
            self._database.lock_outbox(connection)
            yield connection
        self._database.wake()

    def apply(self, *changes: Change) -> bool:
        """Make changes durable, with their events, all or none.

        Returns:
            False when somebody else changed or created one of the workitems first.
        """
        told = any(change.events for change in changes)
        try:
            with self._database.write() as connection:
                for change in changes:
                    self._put(connection, change)
                if told or not all(change.expected_revision for change in changes):
                    self._database.lock_outbox(connection)
                for change in changes:
                    if not change.expected_revision:
                        self._enrol(connection, change)
                    outbox.append(connection, change.events)
        except (IntegrityError, _Stale):
            return False
        if told:
            self._database.wake()
        return True

    def _put(self, connection: Connection, change: Change) -> None:
        workitem = change.workitem
        if change.expected_revision:
            row = changed_row(workitem, change.before) if change.before else workitem_row(workitem)
            held = {"held_uid": workitem.uid, "held_revision": change.expected_revision}
            if statements.change(tuple(row)).run(connection, row | held).rowcount != 1:
                raise _Stale
        else:
            statements.CREATE.run(connection, {"uid": workitem.uid, **workitem_row(workitem)})
        contracts.add(connection, change.contracts)

    def _enrol(self, connection: Connection, change: Change) -> None:
        """Subscribe whoever wants every new workitem, or those like this, or the one it replaces (Table CC.2.3-2)."""
        workitem = change.workitem
        wanted: dict[str, tuple[bool, str]] = {}
        for one in subscriptions.global_subscriptions(connection):
            if matches(workitem.content, one.keys):
                locked, origin = wanted.get(one.receiver, (False, keys_text(one)))
                wanted[one.receiver] = (locked or one.locked, min(origin, keys_text(one)))
        if change.heir_of:
            for receiver in subscriptions.receivers_of(connection, change.heir_of):
                wanted.setdefault(receiver, (False, ""))
        rows = [(workitem.uid, receiver, locked, origin) for receiver, (locked, origin) in wanted.items()]
        subscriptions.add(connection, rows)

    def append(self, events: tuple[Event, ...]) -> None:
        """Append events that no change goes with, e.g. a refused claim."""
        with self.appending() as connection:
            outbox.append(connection, events)

    def find(self, uid: str) -> Workitem | None:
        """The workitem of a UID, or None."""
        with self._database.read() as connection:
            return find_in(connection, uid)

    def was_deleted(self, uid: str) -> bool:
        """Whether there was a workitem of that UID, which retention has deleted."""
        with self._database.read() as connection:
            return connection.execute(select(TOMBSTONE.c.uid).where(TOMBSTONE.c.uid == uid)).first() is not None

    def scan(self, values: Mapping[str, Collection[str]]) -> Iterator[JsonDataset]:
        """Workitems by values of their columns, in order of creation, read in portions."""
        with self._database.read() as connection:
            yield from searching.rows_with(connection, values)

    def events_after(self, sequence: int, limit: int = 100) -> list[Event]:
        """The events that follow a place in the outbox, in order."""
        with self._database.read() as connection:
            return outbox.events_after(connection, sequence, limit)

    def deliveries_after(
        self, sequence: int, limit: int = 100, receiver: str | None = None, channel: Channel | None = None
    ) -> list[Delivery]:
        """What was not confirmed yet and follows a place, in order; of one receiver or of all."""
        with self._database.read() as connection:
            return outbox.deliveries_after(connection, sequence, limit, receiver, channel)

    def receivers_waiting(self, channel: Channel) -> list[str]:
        """For whom something waits that is told over a channel."""
        with self._database.read() as connection:
            return outbox.receivers_waiting(connection, channel)

    def exclusive(self, name: str) -> Exclusive:
        """A right that one process at a time can have."""
        return Exclusive(self._database, name)

    def told_after(self, sequence: int, limit: int, channel: Channel) -> list[tuple[Event, list[str]]]:
        """The events that follow a place, in order, each with whoever is to be told of it over a channel."""
        with self._database.read() as connection:
            return outbox.told_after(connection, sequence, limit, channel)

    def last_sequence(self) -> int:
        """The place of the newest event."""
        with self._database.read() as connection:
            return outbox.last_sequence(connection)

    def confirm(self, receiver: str, sequence: int) -> None:
        """Note durably that a subscriber has taken everything up to a place."""
        with self._database.write() as connection:
            outbox.confirm(connection, receiver, sequence)

    def confirm_all(self, taken: Mapping[str, int]) -> None:
        """Note durably, for several subscribers at once, up to where each has taken everything."""
        with self._database.write() as connection:
            outbox.confirm_all(connection, taken)

    def cursor(self, reader: str) -> int:
        """How far a reader of the whole outbox has come; 0 for a new one."""
        with self._database.read() as connection:
            return outbox.cursor(connection, reader)

    def move_cursor(self, reader: str, sequence: int) -> None:
        """Note durably that a reader has dealt with everything up to a place."""
        with self._database.write() as connection:
            outbox.move_cursor(connection, reader, sequence)

    def contracts_of(self, parent: str) -> list[Contract]:
        """The contracts of a workitem, by step and attempt."""
        with self._database.read() as connection:
            return contracts.of_parent(connection, parent)

    def add_contracts(self, *added: Contract) -> None:
        """Add contracts that no change of a workitem goes with; nothing happens when they are there."""
        with suppress(IntegrityError), self._database.write() as connection:
            contracts.add(connection, added)

    def put_contract(self, contract: Contract) -> None:
        """Note durably how far a contract has come."""
        with self._database.write() as connection:
            contracts.put(connection, contract)

    def open_parents(self) -> list[str]:
        """UIDs of the workitems IN PROGRESS that have contracts."""
        with self._database.read() as connection:
            return contracts.open_parents(connection)

    def parents_of(self, child: str) -> list[str]:
        """UIDs of the workitems that a child is a step of; none for what is no child."""
        with self._database.read() as connection:
            return contracts.parents_of(connection, child)

    def contracts_sharing(self, shared: str) -> list[Contract]:
        """The contracts that have a digest of what is done."""
        with self._database.read() as connection:
            return contracts.sharing(connection, shared)

    def cancel_request(self, uid: str) -> JsonDataset | None:
        """What was said when somebody last asked for a workitem to be canceled; None when nobody did."""
        with self._database.read() as connection:
            return contracts.cancel_request(connection, uid)

    def bound_backlogs(self, limit: int) -> list[tuple[str, int]]:
        """Keep at most so many events for each subscriber; who lost some, and how many."""
        with self._database.read() as connection:
            if not outbox.over_limit(connection, limit):
                return []
        with self._database.write() as connection:
            self._database.lock_outbox(connection)
            return outbox.bound_backlogs(connection, limit)

    def expired_leases(self, now: datetime, limit: int = 100) -> list[Workitem]:
        """Claimed workitems whose lease has run out."""
        where = filled(WORKITEM.c.lease_until) & (WORKITEM.c.lease_until < as_text(now))
        where &= WORKITEM.c.state == str(State.IN_PROGRESS)
        with self._database.read() as connection:
            return [workitem_of(row) for row in connection.execute(select(*HELD).where(where).limit(limit))]

    def delete_final(self, before: datetime, limit: int = 100) -> list[str]:
        """Delete workitems that have been final since before a moment and that no deletion lock holds (CC.2.1.3).

        Returns:
            Their UIDs; they are remembered as deleted.
        """
        held = select(SUBSCRIPTION.c.workitem_uid).where(SUBSCRIPTION.c.locked)
        where = filled(WORKITEM.c.final_at) & (WORKITEM.c.final_at < as_text(before)) & WORKITEM.c.uid.not_in(held)
        query = select(WORKITEM.c.uid).where(where).limit(limit)
        with self._database.read() as connection:
            if connection.execute(query).first() is None:
                return []
        with self._database.write() as connection:
            self._database.lock_outbox(connection)  # a deletion lock is granted before this, or finds nothing to hold
            uids = list(connection.execute(query).scalars())
            for uid in uids:
                connection.execute(delete(WORKITEM).where(WORKITEM.c.uid == uid))
                subscriptions.end_all_of(connection, uid)
                contracts.end_all_of(connection, uid)
                connection.execute(insert(TOMBSTONE).values(uid=uid, deleted_at=as_text(before)))
        return uids

    def forget(self, events_before: datetime) -> int:
        """Remove events that happened before a moment and that nobody waits for; how many."""
        with self._database.write() as connection:
            return outbox.forget_events(connection, events_before.isoformat())


def find_in(connection: Connection, uid: str) -> Workitem | None:
    """The workitem of a UID as a transaction sees it."""
    row = statements.FIND.run(connection, {"uid": uid}).first()
    return workitem_of(row) if row is not None else None
