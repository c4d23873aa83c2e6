"""Watchers with one defect each."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from connectathon.bad_peers.defects import defect


def _change_subscriptions(change: Callable[[str, dict[str, Any]], tuple[str, dict[str, Any]]]) -> None:
    """From now on path and parameters of every subscription pass through a function."""
    from actors.shared.ups_client import UpsClient

    honest = UpsClient._send

    def send(self: Any, method: str, path: str, *, params: Any = None, dataset: Any = None) -> Any:
        if method == "POST" and "/subscribers/" in path:
            path, params = change(path, dict(params or {}))
        return honest(self, method, path, params=params, dataset=dataset)

    UpsClient._send = send  # type: ignore[method-assign]


@defect("w-listens-for-others", "watcher", "opens a connection for another AE title too", fails=("AIWI-W-001",))
def _listens_for_others() -> None:
    ups_watch: Any = import_module("actors.shared.ups_watch")

    honest, opened = ups_watch.connect, list[Any]()

    def connect(url: str, **about: Any) -> Any:
        if not opened:
            opened.append(honest(url.rpartition("/")[0] + "/SOMEBODY_ELSE", **about))
        return honest(url, **about)

    ups_watch.connect = connect


@defect("w-lock-yes", "watcher", "says deletionlock=no instead of false", fails=("AIWI-W-002",))
def _lock_yes() -> None:
    _change_subscriptions(lambda path, params: (path, {**params, "deletionlock": "no"}))


@defect("w-long-title", "watcher", "subscribes under an AE title of 17 characters", fails=("AIWI-W-002",))
def _long_title() -> None:
    from actors.shared.ups_client import UpsClient

    honest = UpsClient.__init__

    def init(self: Any, base_url: str, *, ae_title: str, **about: Any) -> None:
        honest(self, base_url, ae_title=ae_title.ljust(17, "X"), **about)

    UpsClient.__init__ = init  # type: ignore[method-assign]


@defect("w-other-uid", "watcher", "watches everything under a UID of its own", fails=("AIWI-W-003",))
def _other_uid() -> None:
    def change(path: str, params: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return path.replace("/1.2.840.10008.5.1.4.34.5/", "/1.2.840.10008.5.1.4.34.5.2/"), params

    _change_subscriptions(change)


@defect("w-filter-colon", "watcher", "writes a colon in filters instead of an equals sign", fails=("AIWI-W-003",))
def _filter_colon() -> None:
    def change(path: str, params: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return path, {name: value.replace("=", ":") if name == "filter" else value for name, value in params.items()}

    _change_subscriptions(change)


@defect("w-types-confused", "watcher", "takes assignments for requests to cancel", fails=("AIWI-W-004",))
def _types_confused() -> None:
    ups_watch: Any = import_module("actors.shared.ups_watch")

    ups_watch.EVENTS[5] = ups_watch.EVENTS[2]


@defect("w-no-progress", "watcher", "is silent about progress", fails=("AIWI-W-004",))
def _no_progress() -> None:
    ups_watch: Any = import_module("actors.shared.ups_watch")

    honest = ups_watch.read_event

    def read(frame: str | bytes) -> Any:
        found = honest(frame)
        return None if found and found.kind == "progress" else found

    ups_watch.read_event = read


@defect("w-dies-of-unknown", "watcher", "ends when an event has a type it does not know", warns=("AIWI-W-005",))
def _dies_of_unknown() -> None:
    ups_watch: Any = import_module("actors.shared.ups_watch")

    honest = ups_watch.read_event

    def read(frame: str | bytes) -> Any:
        found = honest(frame)
        if found and found.kind.startswith("event-"):
            raise ValueError(found.kind)
        return found

    ups_watch.read_event = read


@defect("w-old-page", "watcher", "shows a workitem as it was when it was first looked at", warns=("AIWI-W-006",))
def _old_page() -> None:
    from actors.watcher.sources import TaskManagerWorklist

    honest, seen = TaskManagerWorklist.retrieve, dict[str, Any]()

    def retrieve(self: TaskManagerWorklist, uid: str) -> Any:
        if uid not in seen:
            seen[uid] = honest(self, uid)
        return seen[uid]

    TaskManagerWorklist.retrieve = retrieve  # type: ignore[method-assign]


@defect("w-cancel-is-silent", "watcher", "keeps the Warning of a refused cancellation to itself", fails=("AIWI-W-007",))
def _cancel_is_silent() -> None:
    from actors.shared import ups_client

    honest = ups_client._error

    def error(answer: Any) -> Any:
        found = honest(answer)
        return type(found)("The Task Manager refuses.")

    ups_client._error = error


@defect("w-gives-up", "watcher", "does not open a lost connection again", fails=("AIWI-W-008",))
def _gives_up() -> None:
    ups_watch: Any = import_module("actors.shared.ups_watch")
    honest, opened = ups_watch.connect, list[str]()

    def connect(url: str, **about: Any) -> Any:
        opened.append(url)
        if len(opened) > 1:
            raise SystemExit(0)
        return honest(url, **about)

    ups_watch.connect = connect


@defect("w-hammers", "watcher", "tries a lost connection again without a pause", fails=("AIWI-W-008",))
def _hammers() -> None:
    ups_watch: Any = import_module("actors.shared.ups_watch")

    ups_watch.wait_exponential = lambda *_limits: lambda _state: 0.0


@defect("w-looks-ahead-only", "watcher", "does not ask for what it missed", fails=("AIWI-W-008",))
def _looks_ahead_only() -> None:
    from actors.shared.ups_client import UpsClient

    honest, asked = UpsClient.subscribe, list[str]()

    def subscribe(self: UpsClient, target: str, **about: Any) -> str:
        if asked:
            return self.channel()
        asked.append(target)
        return honest(self, target, **about)

    UpsClient.subscribe = subscribe  # type: ignore[method-assign]


@defect("w-stays-subscribed", "watcher", "does not unsubscribe when it ends", fails=("AIWI-W-009",))
def _stays_subscribed() -> None:
    from actors.shared.ups_client import UpsClient

    UpsClient.unsubscribe = lambda *_args, **_about: None  # type: ignore[method-assign]


@defect("w-refusal-is-silent", "watcher", "ends without a word when it is refused", warns=("AIWI-W-010",))
def _refusal_is_silent() -> None:
    from actors.shared.ups_client import UpsClient
    from profiles.errors import StepwellError

    honest = UpsClient.subscribe

    def subscribe(self: UpsClient, target: str, **about: Any) -> str:
        try:
            return honest(self, target, **about)
        except StepwellError:
            raise SystemExit(0) from None

    UpsClient.subscribe = subscribe  # type: ignore[method-assign]


@defect("w-class-conflict", "watcher", "refuses event reports of the class UPS Push", warns=("AIWI-W-011",))
def _class_conflict() -> None:
    from actors.shared.ups_dimse.receiver import EventReceiver

    EventReceiver._take = lambda _self, _event: (0x0119, None)  # type: ignore[method-assign,assignment]
