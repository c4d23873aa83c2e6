"""The Task Manager as general contractor: push, subtasks, inference with verification (AIW-I 50.4.2.3, 50.4.2.6)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from actors.shared.logs import get_logger
from actors.shared.steps import reached
from actors.shared.ups_client import DuplicateWorkitem, UpsClient
from actors.task_manager.steps import ContractStep
from profiles.dicom import JsonDataset, get_code, text
from profiles.errors import Conflict, StepwellError, Unavailable
from workitems.contracts import Contractor, Moment, OwnPlace, Place, Plans
from workitems.model import Event, EventKind
from workitems.store import Store
from workitems.worklist import Worklist

READER = "contractor"
_ENGAGING = frozenset({EventKind.CREATED, EventKind.ASSIGNED, EventKind.READINESS})
_ASKED_SECONDS = 5.0
_IDLE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
_COMPLETED = "COMPLETED"
_log = get_logger(__name__)


@dataclass
class _Trouble:
    """How often something has failed in a row, and when it is tried again."""

    failures: int = 0
    again_at: float = 0.0


class Patience:
    """Tries what failed again after a pause that grows (DESIGN D8).

    Args:
        seconds: the first pause.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._troubles: dict[str, _Trouble] = {}

    def may_try(self, what: str) -> bool:
        """Whether the pause of something is over."""
        return self._troubles.get(what, _Trouble()).again_at <= time.monotonic()

    def failed(self, what: str) -> float:
        """Something failed; the seconds after which it is tried again."""
        trouble = self._troubles.setdefault(what, _Trouble())
        pause = float(min(_LONGEST_PAUSE_SECONDS, self._seconds * 2 ** min(trouble.failures, 16)))
        trouble.failures += 1
        trouble.again_at = time.monotonic() + pause
        return pause

    def went_well(self, what: str) -> None:
        """Something does not fail any more."""
        self._troubles.pop(what, None)


class PerformerAway(Unavailable):
    """A performer does not answer; whoever asked it has said so in the log."""


class PerformersPlace:
    """The UPS-RS service of a performer that workitems are pushed to.

    Args:
        client: of that service.
        url: of it, for the log.
        patience: how long it is left alone when it is away.
    """

    def __init__(self, client: UpsClient, url: str, patience: Patience) -> None:
        self._client, self._url, self._patience = client, url, patience

    def create(self, content: JsonDataset, uid: str) -> None:
        """Create the copy (RAD-80); that it is there already is a success."""
        with suppress(DuplicateWorkitem), self._asked():
            self._client.create(content, uid)

    def retrieve(self, uid: str) -> JsonDataset:
        """The copy (RAD-83)."""
        with self._asked():
            found = self._client.retrieve(uid)
            if not text(found, "ProcedureStepState"):
                raise ValueError("no workitem")
            return found

    def request_cancel(self, uid: str, details: JsonDataset) -> None:
        """Ask that the copy be canceled (RAD-88); that it is COMPLETED already is a success."""
        reason = get_code(details, "ProcedureStepDiscontinuationReasonCodeSequence")
        try:
            with self._asked():
                self._client.request_cancel(uid, reason, text(details, "ReasonForCancellation"))
        except Conflict:
            if text(self.retrieve(uid), "ProcedureStepState") != _COMPLETED:
                raise

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Say what is wrong in words of our own: a peer's may hold anything, also what no log may hold."""
        if not self._patience.may_try(self._url):
            raise PerformerAway(f"The performer at {self._url} is away.")
        try:
            yield
        except Unavailable as error:
            raise self._away(type(error.__cause__ or error).__name__) from error
        except StepwellError as error:
            self._patience.went_well(self._url)
            raise type(error)(f"The performer at {self._url} refuses: {error.row_key}.", key=error.row_key) from error
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise self._away("it answers what is no UPS-RS") from error
        self._patience.went_well(self._url)

    def _away(self, reason: str) -> PerformerAway:
        again_in = self._patience.failed(self._url)
        _log.warning("performer-away", place=self._url, reason=reason, again_in=again_in)
        return PerformerAway(f"The performer at {self._url} is away: {reason}.")


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
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=READER, daemon=True)

    def start(self) -> None:
        """Begin where the last process left off."""
        self._thread.start()

    def stop(self) -> None:
        """End after the workitem at hand."""
        self._stopped.set()
        self._thread.join(_ASKED_SECONDS * 2)
        self._alone.release()

    def _run(self) -> None:
        looked_at = float("-inf")
        while not self._stopped.is_set():
            try:
                if not self._alone.held():
                    self._stopped.wait(_IDLE_SECONDS)
                    continue
                touched = self._read_events()
                if time.monotonic() - looked_at >= self._seconds:
                    touched |= dict.fromkeys(self._store.open_parents())
                    looked_at = time.monotonic()
                self._advance(touched)
                if not touched:
                    self._store.wait_for_events(min(self._seconds, _IDLE_SECONDS))
            except StepwellError as error:
                _log.error("contracts-not-looked-at", reason=error.message)
                self._stopped.wait(_IDLE_SECONDS)

    def _read_events(self) -> dict[str, None]:
        """Engage what is new, and find out which parents have something due, in order."""
        events = self._store.events_after(self._store.cursor(READER))
        touched = dict.fromkeys(uid for event in events if (uid := self._touched(event)))
        if events:
            self._store.move_cursor(READER, events[-1].sequence)
        return touched

    def _touched(self, event: Event) -> str:
        """UID of the parent that has something due after an event; empty for none."""
        uid = event.workitem_uid
        if event.kind in _ENGAGING and self._contractor.engage(uid):
            _log.info("engaged", workitem=uid, study=text(event.content, "StudyInstanceUID"))
            return uid
        if event.kind is EventKind.CANCEL_REQUESTED and self._store.contracts_of(uid):
            return uid
        return self._store.parent_of(uid)

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
    for url in set((plans.pushed or {}).values()):
        client = UpsClient(url, ae_title=worklist.ae_title, timeout_seconds=_ASKED_SECONDS)
        places[url] = PerformersPlace(closing.enter_context(client), url, Patience(seconds))
    return Contracting(Contractor(worklist, store, plans, _place_in(places), _now, _tell), store, seconds)


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
