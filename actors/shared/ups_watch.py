"""Follow a notification connection (RAD-87, RAD-109; PS3.18 8.10.4): open it, open it again when it is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from tenacity import (
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_delay,
    stop_any,
    stop_when_event_set,
    wait_exponential,
)
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from profiles.dicom import JsonDataset
from profiles.errors import Unavailable

EVENTS = {1: "state", 2: "cancel-requested", 3: "progress", 4: "scp-status", 5: "assigned"}
_POLL_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0
_COMMAND = ("00000002", "00000100", "00000110", "00000800", "00001000", "00001001", "00001002")


@dataclass(frozen=True, slots=True)
class EventReport:
    """One event report as it arrived.

    Attributes:
        kind: name of `EVENTS`; ``event-N`` for a type that is unknown.
        workitem_uid: Affected SOP Instance UID.
        message_id: Message ID; the same for an event that is sent again.
        information: Event Information, without command elements.
    """

    kind: str
    workitem_uid: str
    message_id: int
    information: JsonDataset


def read_event(frame: str | bytes) -> EventReport | None:
    """An event report from a frame; None for what is none. Takes what editions and peers write differently."""
    try:
        dataset = orjson.loads(frame)
    except orjson.JSONDecodeError:
        return None
    if isinstance(dataset, list) and len(dataset) == 1:
        dataset = dataset[0]
    if not isinstance(dataset, dict):
        return None
    number, uid = _first(dataset, "00001002"), _first(dataset, "00001000")
    if number is None or uid is None:
        return None
    information = {tag: element for tag, element in dataset.items() if tag not in _COMMAND}
    message_id = _first(dataset, "00000110")
    kind = int(number) if str(number).isdecimal() else 0
    return EventReport(
        EVENTS.get(kind, f"event-{number}"),
        str(uid),
        int(message_id) if str(message_id).isdecimal() else 0,
        information,
    )


def _first(dataset: JsonDataset, tag: str) -> Any:
    element = dataset.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return values[0] if isinstance(values, list) and values else None


def watch(
    url: str,
    stopped: threading.Event,
    *,
    opened: Callable[[], None] = lambda: None,
    lost: Callable[[str], None] = lambda _reason: None,
    give_up_seconds: float | None = None,
) -> Iterator[EventReport]:
    """The events of a notification connection as they come, until told to stop.

    Args:
        url: ws or wss URL that a subscription returned, or of the ``/subscribers/{requester}`` template.
        stopped: ends it.
        opened: called after each opening, before the first event; the place to subscribe, or to query for what was
            missed with servers that keep no events.
        lost: told why a connection is tried again.
        give_up_seconds: how long a server may be away; for ever when not given.

    Raises:
        Unavailable: when the server was away for longer.
    """
    limits = [stop_after_delay(give_up_seconds)] if give_up_seconds is not None else []
    while not stopped.is_set():
        retrying = Retrying(
            retry=retry_if_exception_type((OSError, WebSocketException)),
            wait=wait_exponential(0.2, _LONGEST_PAUSE_SECONDS),
            stop=stop_any(stop_when_event_set(stopped), *limits),
            sleep=sleep_using_event(stopped),
            before_sleep=lambda state: lost(str(state.outcome.exception()) if state.outcome else ""),
            reraise=True,
        )
        try:
            connection = retrying(connect, url, max_size=2**22, compression=None)
        except (OSError, WebSocketException) as error:
            if stopped.is_set():
                return
            raise Unavailable(f"No notification connection to {url}: {error}.") from error
        with connection:
            opened()
            yield from _events(connection, stopped)
        if not stopped.is_set():
            lost("the connection was closed")


def _events(connection: ClientConnection, stopped: threading.Event) -> Iterator[EventReport]:
    while not stopped.is_set():
        try:
            frame = connection.recv(timeout=_POLL_SECONDS)
        except TimeoutError:
            continue
        except ConnectionClosed:
            return
        if event := read_event(frame):
            yield event
