"""Task Managers with one defect each in who is subscribed to what."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from connectathon.bad_peers.defects import defect
from connectathon.bad_peers.spoiling import Exchange, spoil_answers
from connectathon.bad_peers.spoiling_events import Report, Reports, both, change_reports, part
from profiles.errors import BadInput, Gone
from profiles.ups.subscriptions import FILTERED_GLOBAL_SUBSCRIPTION, GLOBAL_SUBSCRIPTION

_CREATED, _NOT_FOUND, _OK = 201, 404, 200
_STATE = "00741000"


def _subscribes(exchange: Exchange) -> bool:
    return exchange.method == "POST" and "/subscribers/" in exchange.path and not exchange.path.endswith("/suspend")


# -- what a subscription is answered ----------------------------------------------------------------------------------


@defect(
    "tm-location-only", "task_manager", "names the connection in Location and nowhere else", fails=("AIWI-TM-059.rest",)
)
def _location_only() -> None:
    def change(exchange: Exchange) -> None:
        if _subscribes(exchange):
            exchange.headers.pop("content-location", None)

    spoil_answers(change)


@defect("tm-http-channel", "task_manager", "gives the connection an http address", fails=("AIWI-TM-059.rest",))
def _http_channel() -> None:
    def change(exchange: Exchange) -> None:
        if _subscribes(exchange) and "content-location" in exchange.headers:
            exchange.headers["content-location"] = exchange.headers["content-location"].replace("ws:", "http:")

    spoil_answers(change)


@defect(
    "tm-subscribes-nothing", "task_manager", "takes subscriptions to unknown workitems", fails=("AIWI-TM-071.rest",)
)
def _subscribes_nothing() -> None:
    def change(exchange: Exchange) -> None:
        if _subscribes(exchange) and exchange.status == _NOT_FOUND:
            exchange.status, exchange.body = _CREATED, b""

    spoil_answers(change)


@defect("tm-long-titles", "task_manager", "takes AE titles of more than 16 characters", fails=("AIWI-TM-071.rest",))
def _long_titles() -> None:
    subscriptions = part("workitems.subscriptions")

    subscriptions._AE_TITLE = re.compile(r"[ !-\[\]-~]{1,64}")


@defect("tm-unsubscribes-nobody", "task_manager", "ends subscriptions that nobody has", fails=("AIWI-TM-068.rest",))
def _unsubscribes_nobody() -> None:
    def change(exchange: Exchange) -> None:
        if exchange.method == "DELETE" and exchange.status == _NOT_FOUND:
            exchange.status, exchange.body = _OK, b""

    spoil_answers(change)


@defect(
    "tm-no-filter-needed", "task_manager", "takes a filtered subscription without a filter", warns=both("AIWI-TM-064")
)
def _no_filter_needed() -> None:
    handlers = part("actors.shared.ups_face.handlers")
    subscriptions = part("workitems.subscriptions:Subscriptions")

    honest, honest_filter = subscriptions.subscribe, handlers.read_filter

    def subscribe(self: Any, receiver: str, target: str, *args: Any, keys: Any = None, **about: Any) -> Any:
        bare = target == FILTERED_GLOBAL_SUBSCRIPTION and not keys
        return honest(self, receiver, GLOBAL_SUBSCRIPTION if bare else target, *args, keys=keys, **about)

    def read_filter(*about: Any) -> Any:
        try:
            return honest_filter(*about)
        except BadInput:
            return {}, []

    subscriptions.subscribe = subscribe
    handlers.read_filter = read_filter


# -- who is told ------------------------------------------------------------------------------------------------------


@defect(
    "tm-no-initial-report", "task_manager", "does not tell a subscriber the present state", fails=both("AIWI-TM-060")
)
def _no_initial_report() -> None:
    subscriptions = part("workitems.subscriptions:Subscriptions")

    honest = subscriptions._subscribe_to

    def subscribe_to(self: Any, *about: Any) -> None:
        told, self._tell_present_state = self._tell_present_state, lambda *_about: None
        try:
            honest(self, *about)
        finally:
            self._tell_present_state = told

    subscriptions._subscribe_to = subscribe_to


@defect("tm-old-initial-report", "task_manager", "tells a new subscriber SCHEDULED always", fails=both("AIWI-TM-060"))
def _old_initial_report() -> None:
    def change(event: Any, kind: int, information: Report) -> Reports:
        if event.kind == "subscribed":
            information = {**information, _STATE: {"vr": "CS", "Value": ["SCHEDULED"]}}
        return [(kind, information)]

    change_reports(change)


@defect(
    "tm-new-unassigned", "task_manager", "tells nobody to whom a new workitem is assigned", fails=both("AIWI-TM-061")
)
def _new_unassigned() -> None:
    kinds = part("workitems.model:EventKind")
    worklist = part("workitems.worklist:Worklist")

    honest = worklist.creation_events

    def creation_events(self: Any, workitem: Any) -> Any:
        return tuple(one for one in honest(self, workitem) if one.kind is not kinds.ASSIGNED)

    worklist.creation_events = creation_events


@defect(
    "tm-global-misses-new",
    "task_manager",
    "a global subscription is about the workitems there are, and no new ones",
    fails=(*both("AIWI-TM-061"), *both("AIWI-TM-063"), *both("AIWI-TM-069")),
)
def _global_misses_new() -> None:
    subscriptions = part("workitems.store.subscriptions")

    subscriptions.global_subscriptions = lambda _connection, _receiver=None: []


@defect(
    "tm-lock-ignored",
    "task_manager",
    "takes a global subscription with a lock for one without",
    fails=both("AIWI-TM-062"),
)
def _lock_ignored() -> None:
    subscriptions = part("workitems.subscriptions:Subscriptions")

    honest = subscriptions._subscribe_globally

    def subscribe_globally(self: Any, connection: Any, wanted: Any) -> None:
        honest(self, connection, replace(wanted, locked=False))

    subscriptions._subscribe_globally = subscribe_globally


@defect("tm-filter-ignored", "task_manager", "a filtered subscription reports everything", fails=both("AIWI-TM-063"))
def _filter_ignored() -> None:
    store = part("workitems.store.store")

    store.matches = lambda _content, _keys: True


@defect("tm-unsubscribe-ignored", "task_manager", "goes on telling who has unsubscribed", fails=both("AIWI-TM-068"))
def _unsubscribe_ignored() -> None:
    subscriptions = part("workitems.store.subscriptions")

    honest = subscriptions.end

    def end(connection: Any, receiver: str, uid: str | None = None, *, filtered: bool = False) -> Any:
        if uid is not None:
            return int(subscriptions.lock_of(connection, uid, receiver) is not None)
        return honest(connection, receiver, uid, filtered=filtered)

    subscriptions.end = end


@defect("tm-suspend-ignored", "task_manager", "goes on subscribing who has suspended", fails=both("AIWI-TM-069"))
def _suspend_ignored() -> None:
    subscriptions = part("workitems.subscriptions:Subscriptions")

    subscriptions.suspend = lambda *_args, **_about: None


@defect("tm-suspend-ends-all", "task_manager", "takes suspending for unsubscribing", fails=both("AIWI-TM-069"))
def _suspend_ends_all() -> None:
    subscriptions = part("workitems.subscriptions:Subscriptions")

    subscriptions.suspend = subscriptions.unsubscribe


@defect(
    "tm-lock-forgotten",
    "task_manager",
    "forgets a workitem at its end although it is locked",
    warns=both("AIWI-TM-070"),
)
def _lock_forgotten() -> None:
    subscriptions = part("workitems.store.subscriptions")
    worklist = part("workitems.worklist:Worklist")

    honest, honest_lock, locked = worklist.retrieve, subscriptions.put_lock, set[str]()

    def put_lock(connection: Any, uid: str, receiver: str, wanted: bool) -> None:
        honest_lock(connection, uid, receiver, wanted)
        (locked.add if wanted else locked.discard)(uid)

    def retrieve(self: Any, uid: str) -> Any:
        if uid in locked and self.find(uid).state.is_final:
            raise Gone("It is gone.")
        return honest(self, uid)

    subscriptions.put_lock = put_lock
    worklist.retrieve = retrieve
