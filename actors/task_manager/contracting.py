"""The Task Manager as general contractor: push, subtasks, inference with verification (AIW-I 50.4.2.3, 50.4.2.6)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from queue import Empty, SimpleQueue

from actors.shared.logs import get_logger
from actors.shared.steps import reached
from actors.shared.ups_client import UpsClient
from actors.task_manager.performers import Patience, PerformerAway, PerformersPlace
from actors.task_manager.steps import ContractStep
from profiles.dicom import text
from profiles.errors import StepwellError, Unavailable
from workitems.contracts import Contractor, Moment, OwnPlace, Place, Plans
from workitems.model import Event, EventKind
from workitems.store import Store
from workitems.worklist import Worklist

READER = "contractor"
_ENGAGING = frozenset({EventKind.CREATED, EventKind.ASSIGNED, EventKind.READINESS})
_ASKED_SECONDS = 5.0
_IDLE_SECONDS = 1.0
_log = get_logger(__name__)


class Contracting:
    """A thread that engages what the site has done by contract and follows it; of several processes, one does.

    It reads the outbox by a durable cursor, and looks at every child again after a while.

    Args:
        contractor: does what is due.
        store: of the worklist.
        seconds: how often children are looked at.
    """

    def __init__(self, contractor: Contractor, store: Store, seconds: float) -> None:
        self._contractor, self._store, self._seconds = contractor, store, seconds
        self._patience = Patience(seconds)
        self._alone = store.exclusive(READER)
        self._hints: SimpleQueue[str] = SimpleQueue()
        self._hinted, self._stopped = threading.Event(), threading.Event()
        store.on_append(self._hinted.set)
        self._thread = threading.Thread(target=self._run, name=READER, daemon=True)

    def start(self) -> None:
        """Begin where the last process left off."""
        self._thread.start()

    def stop(self) -> None:
        """End after the workitem at hand."""
        self._stopped.set()
        self._thread.join(_ASKED_SECONDS * 2)
        self._alone.release()

    def hint(self, child: str) -> None:
        """Look at the parent of a child soon."""
        self._hints.put(child)
        self._hinted.set()

    def _run(self) -> None:
        looked_at = float("-inf")
        while not self._stopped.is_set():
            try:
                if not self._alone.held():
                    self._stopped.wait(_IDLE_SECONDS)
                    continue
                self._hinted.clear()
                touched = self._read_events() | self._read_hints()
                for uid in touched:  # something happened, so it may go well now
                    self._patience.went_well(uid)
                if time.monotonic() - looked_at >= self._seconds:
                    touched |= dict.fromkeys(self._store.open_parents())
                    looked_at = time.monotonic()
                self._advance(touched)
                if not touched:
                    self._hinted.wait(min(self._seconds, _IDLE_SECONDS))
            except StepwellError as error:
                _log.error("contracts-not-looked-at", reason=error.message)
                self._stopped.wait(_IDLE_SECONDS)

    def _read_events(self) -> dict[str, None]:
        """Engage what is new, and find out which parents have something due, in order."""
        events = self._store.events_after(self._store.cursor(READER))
        touched = dict.fromkeys(uid for event in events for uid in self._touched(event))
        if events:
            self._store.move_cursor(READER, events[-1].sequence)
        return touched

    def _read_hints(self) -> dict[str, None]:
        children = []
        with suppress(Empty):
            while True:
                children.append(self._hints.get_nowait())
        return dict.fromkeys(parent for child in children for parent in self._store.parents_of(child))

    def _touched(self, event: Event) -> list[str]:
        """UIDs of the parents that have something due after an event."""
        uid = event.workitem_uid
        if event.kind in _ENGAGING and self._contractor.engage(uid):
            _log.info("engaged", workitem=uid, study=text(event.content, "StudyInstanceUID"))
            return [uid]
        if event.kind is EventKind.CANCEL_REQUESTED and self._store.contracts_of(uid):
            return [uid]
        return self._store.parents_of(uid)

    def _advance(self, parents: Iterable[str]) -> None:
        for uid in parents:
            if self._stopped.is_set():
                return
            if not self._patience.may_try(uid):
                continue
            try:
                self._contractor.advance(uid)
                self._patience.went_well(uid)
            except PerformerAway:
                continue
            except StepwellError as error:
                self._set_aside(uid, error.message)
            except Exception as error:  # what is wrong with one must not keep the others waiting
                self._set_aside(uid, type(error).__name__)

    def _set_aside(self, uid: str, reason: str) -> None:
        _log.error("contract-not-kept", workitem=uid, reason=reason, again_in=self._patience.failed(uid))


def contracting(worklist: Worklist, store: Store, plans: Plans, seconds: float, closing: ExitStack) -> Contracting:
    """The general contractor of one worklist.

    Args:
        worklist: that knows its own AE title.
        store: its store.
        plans: of the site.
        seconds: how often children are looked at.
        closing: gets the clients of the performers, to be closed at the end.
    """
    places: dict[str, Place] = {"": OwnPlace(worklist)}
    made = Contracting(Contractor(worklist, store, plans, _place_in(places), _now, _tell), store, seconds)
    for url in set((plans.pushed or {}).values()):
        client = UpsClient(url, ae_title=worklist.ae_title, timeout_seconds=_ASKED_SECONDS)
        place = PerformersPlace(closing.enter_context(client), url, Patience(seconds), made.hint)
        closing.callback(place.close)
        places[url] = place
    return made


def _place_in(places: dict[str, Place]) -> Callable[[str], Place]:
    def place_at(url: str) -> Place:
        if url not in places:
            raise Unavailable(f"{url} is no push_url of a peer in [task_manager.peers] any more; configure it again.")
        return places[url]

    return place_at


def _tell(moment: Moment, uid: str) -> None:
    reached(ContractStep(f"task_manager.contract_{moment}"), workitem=uid)


def _now() -> datetime:
    return datetime.now(UTC)
