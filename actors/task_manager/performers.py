"""The performers that workitems are pushed to: their worklists, and the notification connections to them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from actors.shared.logs import get_logger
from actors.shared.ups_client import DuplicateWorkitem, UpsClient
from actors.shared.ups_watch import watch
from profiles.dicom import JsonDataset, get_code, text
from profiles.errors import Conflict, StepwellError, Unavailable

_LONGEST_PAUSE_SECONDS = 60.0
_STOP_SECONDS = 5.0
_COMPLETED = "COMPLETED"
_FINAL = (_COMPLETED, "CANCELED")
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
        changed: told the UID of a copy of which the performer sends an event, on another thread.
    """

    def __init__(self, client: UpsClient, url: str, patience: Patience, changed: Callable[[str], None]) -> None:
        self._client, self._url, self._patience, self._changed = client, url, patience, changed
        self._watched: set[str] = set()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def close(self) -> None:
        """End the notification connection."""
        self._stopped.set()
        if self._thread:
            self._thread.join(_STOP_SECONDS)

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
        self._watch(uid, is_final=text(found, "ProcedureStepState") in _FINAL)
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

    def _watch(self, uid: str, *, is_final: bool) -> None:
        """Be told of what happens to a copy, as long as it is not final (RAD-86, RAD-109).

        That makes the contractor prompt and nothing else: it asks now and then all the same.
        """
        if is_final == (uid not in self._watched):
            return
        try:
            if is_final:
                self._watched.discard(uid)
                self._client.unsubscribe(uid)
                return
            self._watched.add(uid)
            url = self._client.subscribe(uid)
        except (StepwellError, LookupError, ValueError) as error:
            _log.info("copy-not-watched", workitem=uid, place=self._url, reason=type(error).__name__)
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._listen, args=(url,), name="performer-events", daemon=True)
            self._thread.start()

    def _listen(self, url: str) -> None:
        for event in watch(url, self._stopped, lost=self._lost):
            self._changed(event.workitem_uid)

    def _lost(self, _reason: str) -> None:
        _log.info("performer-events-lost", place=self._url)
