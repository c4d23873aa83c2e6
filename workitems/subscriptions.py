"""Subscriptions: who is told of which workitem's events (PS3.4 CC.2.3, PS3.18 11.10 to 11.12). Every face calls it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import Connection, insert, literal, select

from profiles.dicom import put, put_items, text, vr_of
from profiles.errors import BadInput, NotAuthorised, NotFound
from profiles.ups.subscriptions import (
    FILTERED_GLOBAL_SUBSCRIPTION,
    GLOBAL_SUBSCRIPTION,
    Held,
    SubscriptionAction,
    decide_subscription,
)
from workitems import notification
from workitems.matching import matches
from workitems.model import Channel, Event, EventKind, GlobalSubscription, Workitem
from workitems.search import matching_in
from workitems.store import Store, outbox
from workitems.store import subscriptions as held
from workitems.store.rows import SUBSCRIPTION, WORKITEM, keys_text
from workitems.store.store import find_in

GLOBAL = (GLOBAL_SUBSCRIPTION, FILTERED_GLOBAL_SUBSCRIPTION)
_PROBES = {"DA": "20260101", "TM": "120000", "DT": "20260101120000"}
_AE_TITLE = re.compile(r"[ !-\[\]-~]{1,16}")


class Subscriptions:
    """The subscriptions of one service.

    Args:
        store: where they are kept.
        now: the clock, timezone-aware.
        grants_locks: whether deletion locks are given; a server may refuse them (PS3.4 CC.2.3.3).
    """

    def __init__(self, store: Store, now: Callable[[], datetime], *, grants_locks: bool = True) -> None:
        self._store, self._now, self._grants_locks = store, now, grants_locks

    def subscribe(
        self,
        receiver: str,
        target: str,
        channel: Channel,
        *,
        locked: bool = False,
        keys: Mapping[str, str] | None = None,
        authorised: bool = True,
    ) -> str:
        """Subscribe an AE to a workitem, to all, or to those that match (N-ACTION 3, RAD-86).

        Args:
            receiver: Receiving AE.
            target: UID of a workitem, or of a global subscription.
            channel: over what the AE is told.
            locked: with a deletion lock.
            keys: matching keys, for the filtered global subscription and no other.
            authorised: whether the caller may subscribe this AE.

        Returns:
            Key of the error table whose Warning goes with the answer; empty for none.

        Raises:
            BadInput: for what is no AE title, or a filtered subscription without filter.
            NotAuthorised: when the caller may not subscribe this AE.
            NotFound: when there is no such workitem.
        """
        receiver = ae_title(receiver)
        _require_authorised(receiver, authorised)
        lock = locked and self._grants_locks
        if target == FILTERED_GLOBAL_SUBSCRIPTION and not keys:
            raise BadInput(
                "The filtered global subscription needs matching keys: filter=attribute=value (PS3.18 11.10.1.2).",
                key="filter-missing",
            )
        for path, value in (keys or {}).items():
            _require_evaluable(path, value)
        with self._store.appending() as connection:
            if target in GLOBAL:
                wanted = GlobalSubscription(receiver, lock, keys or {} if target != GLOBAL_SUBSCRIPTION else {})
                self._subscribe_globally(connection, wanted)
            else:
                self._subscribe_to(connection, receiver, target, lock)
            held.put_subscriber(connection, receiver, channel)
        return "deletion-lock-not-granted" if locked and not lock else ""

    def unsubscribe(self, receiver: str, target: str, *, authorised: bool = True) -> None:
        """End a subscription (N-ACTION 4); ending the global one ends every other of that AE too.

        Raises:
            NotFound: when the AE has no such subscription.
        """
        receiver = ae_title(receiver)
        _require_authorised(receiver, authorised)
        with self._store.appending() as connection:
            if target == GLOBAL_SUBSCRIPTION:
                ended = held.end_global(connection, receiver, filtered=True, plain=True)
                ended += held.end(connection, receiver)
            elif target == FILTERED_GLOBAL_SUBSCRIPTION:
                ended = held.end_global(connection, receiver, filtered=True, plain=False)
                ended += held.end(connection, receiver, filtered=True)
            else:
                _find(connection, target)
                ended = held.end(connection, receiver, uid=target)
            if not ended:
                raise NotFound(f"{receiver} has no subscription to {target}.", key="no-such-subscription")
            held.forget_idle(connection, receiver)

    def suspend(self, receiver: str, target: str, *, authorised: bool = True) -> None:
        """Subscribe an AE to no further workitems; what it has stays (N-ACTION 5).

        Raises:
            NotFound: when the AE has no such global subscription.
        """
        receiver = ae_title(receiver)
        _require_authorised(receiver, authorised)
        if target not in GLOBAL:
            raise BadInput(
                "Only a global subscription can be suspended (PS3.18 11.12); unsubscribe from the workitem instead.",
                key="action-not-appropriate",
            )
        filtered = target == FILTERED_GLOBAL_SUBSCRIPTION
        with self._store.appending() as connection:
            if not held.end_global(connection, receiver, filtered=filtered, plain=not filtered):
                raise NotFound(f"{receiver} has no global subscription {target}.", key="no-such-subscription")

    def _subscribe_to(self, connection: Connection, receiver: str, uid: str, locked: bool) -> None:
        workitem = _find(connection, uid)
        action = SubscriptionAction.SUBSCRIBE_LOCKED if locked else SubscriptionAction.SUBSCRIBE_UNLOCKED
        cell = decide_subscription(action, _held(held.lock_of(connection, uid, receiver)))
        held.put_lock(connection, uid, receiver, cell.becomes is Held.LOCKED)
        if cell.initial_event:
            self._tell_present_state(connection, receiver, workitem)

    def _subscribe_globally(self, connection: Connection, wanted: GlobalSubscription) -> None:
        action = (
            SubscriptionAction.SUBSCRIBE_GLOBALLY_LOCKED
            if wanted.locked
            else SubscriptionAction.SUBSCRIBE_GLOBALLY_UNLOCKED
        )
        cell = decide_subscription(action, Held.NONE)
        held.put_global(connection, wanted.receiver, keys_text(wanted), wanted.locked)
        if not wanted.keys and not cell.initial_event:
            _subscribe_to_all(connection, wanted)
            return
        known = held.subscribed_workitems(connection, wanted.receiver)
        for content in matching_in(connection, wanted.keys):
            uid = text(content, "SOPInstanceUID")
            if uid in known:
                continue
            held.add(connection, [(uid, wanted.receiver, wanted.locked, keys_text(wanted))])
            if cell.initial_event:
                self._tell_present_state(connection, wanted.receiver, _find(connection, uid))

    def _tell_present_state(self, connection: Connection, receiver: str, workitem: Workitem) -> None:
        event = notification.event_of(EventKind.SUBSCRIBED, workitem, self._now(), receivers=(receiver,))
        outbox.append(connection, (event,))

    def can_be_told(self, uid: str, performer: str) -> bool:
        """Whether the performer of a workitem hears of a request to cancel it (PS3.4 CC.2.2.3).

        Args:
            uid: the workitem.
            performer: AE title that claimed it; empty when it is not known, then any subscriber may be it.
        """
        with self._store.reading() as connection:
            receivers = held.receivers_of(connection, uid)
        return performer in receivers if performer else bool(receivers)

    def take_overflow(self, receiver: str) -> Event | None:
        """What an AE is to be told when it lost events: that the server's lists are worth a query (event 4).

        The event is waiting for the AE from now on, last of all; whoever delivers tells it first besides.

        Returns:
            None when nothing was lost since this was last asked.
        """
        with self._store.reading() as connection:
            if not held.has_overflowed(connection, receiver):
                return None
        with self._store.appending() as connection:
            if not held.take_overflow(connection, receiver):
                return None
            return outbox.append(connection, (notification.scp_status_event("RESTARTED", self._now(), (receiver,)),))[0]

    def announce(self, status: str, fallback: tuple[str, ...] = ()) -> None:
        """Tell every subscriber, and whom the site names besides, that the server's status changed (event 4)."""
        with self._store.appending() as connection:
            receivers = tuple(sorted(held.all_receivers(connection) | set(fallback)))
            if receivers:
                outbox.append(connection, (notification.scp_status_event(status, self._now(), receivers),))


def _require_evaluable(path: str, value: str) -> None:
    """See that a matching key can be asked of any workitem, so that no later creation fails for it."""
    keyword, *outer = reversed(path.split("."))
    try:
        probe = put({}, keyword, _PROBES.get(vr_of(keyword), "1"))
        for sequence in outer:
            probe = put_items({}, sequence, probe)
    except KeyError as error:
        raise BadInput(f"{path} is no attribute that can be matched; write its keyword (PS3.18 8.3.4.1).") from error
    matches(probe, {path: value})


def _subscribe_to_all(connection: Connection, wanted: GlobalSubscription) -> None:
    known = select(SUBSCRIPTION.c.workitem_uid).where(SUBSCRIPTION.c.receiver == wanted.receiver)
    rows = select(WORKITEM.c.uid, literal(wanted.receiver), literal(wanted.locked), literal("")).where(
        WORKITEM.c.uid.not_in(known)
    )
    names = ["workitem_uid", "receiver", "locked", "origin"]
    connection.execute(insert(SUBSCRIPTION).from_select(names, rows))


def _held(locked: bool | None) -> Held:
    return Held.NONE if locked is None else Held.LOCKED if locked else Held.UNLOCKED


def _find(connection: Connection, uid: str) -> Workitem:
    workitem = find_in(connection, uid)
    if workitem is None:
        raise NotFound(f"There is no workitem {uid}.", key="no-such-workitem")
    return workitem


def ae_title(text: str) -> str:
    """An AE title without the spaces around it, which mean nothing (PS3.5 6.2).

    Raises:
        BadInput: when it is none.
    """
    if not _AE_TITLE.fullmatch(text) or not text.strip():
        raise BadInput(
            f"{text[:32]!r} is no AE title: 1 to 16 characters, no backslash, no control character (PS3.5 6.2)."
        )
    return text.strip()


def _require_authorised(receiver: str, authorised: bool) -> None:
    if not authorised:
        raise NotAuthorised(f"The caller may not subscribe or unsubscribe {receiver} (PS3.4 CC.2.3.3).")
