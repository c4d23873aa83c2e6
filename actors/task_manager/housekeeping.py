"""The thread that keeps house: expired leases, retention, bounded backlogs; the log tells what a person must see."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

from actors.shared.logs import get_logger
from profiles.dicom import get, item, text
from profiles.errors import StepwellError
from workitems.housekeeping import Kept, Limits, keep_house
from workitems.leasing import Release
from workitems.store import Store
from workitems.worklist import Worklist

_STOP_SECONDS = 5.0
_log = get_logger(__name__)


class Regularly:
    """A thread that does something every so many seconds; what goes wrong is logged, and tried again next time.

    Args:
        name: of the thread, and of the log line when it fails: ``<name>-failed``.
        seconds: between the end of one time and the begin of the next.
        work: what is done.
    """

    def __init__(self, name: str, seconds: float, work: Callable[[], None]) -> None:
        self._name, self._seconds, self._work = name, seconds, work
        self._stopped, self._due = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Do it for the first time now."""
        self._thread.start()

    def soon(self) -> None:
        """Do it once more now, or as soon as the time at hand has ended."""
        self._due.set()

    def stop(self) -> None:
        """End after the time at hand."""
        self._stopped.set()
        self._due.set()
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        while True:
            self._due.clear()
            if self._stopped.is_set():  # set before _due is, so that one of the two is seen
                return
            self._try()
            self._due.wait(self._seconds)

    def _try(self) -> None:
        try:
            self._work()
        except StepwellError as error:
            _log.error(f"{self._name}-failed", reason=error.message)
        except Exception as error:  # a thread that ended would be missed by nobody; the words may hold patient data
            _log.error(f"{self._name}-failed", reason=type(error).__name__)


def housekeeping(worklist: Worklist, store: Store, limits: Limits, seconds: float) -> Regularly:
    """The housekeeping of one worklist.

    Args:
        worklist: the domain.
        store: its store.
        limits: how much is kept.
        seconds: how often it is done.
    """

    def keep() -> None:
        tell(keep_house(worklist, store, limits, datetime.now(UTC)))

    return Regularly("housekeeping", seconds, keep)


def tell(kept: Kept) -> None:
    """Log what was done, one line per workitem or subscriber."""
    for released in kept.released:
        _tell_release(released)
    for uid in kept.deleted:
        _log.info("workitem-deleted", workitem=uid, reason="its time of retention is over")
    for receiver, count in kept.overflowed:
        _log.warning("backlog-overflow", receiver=receiver, count=count, reason="it did not take them")


def _tell_release(released: Release) -> None:
    old = released.canceled
    thread = {"workitem": old.uid, "study": text(old.content, "StudyInstanceUID"), "performer": old.performer}
    if released.heir:
        _log.warning("lease-ran-out", **thread, attempt=old.attempt, replacement=released.heir.uid)
        return
    progress = item(old.content, "ProcedureStepProgressInformationSequence")
    _log.error("dead-letter", **thread, attempt=old.attempt, reason=get(progress, "ReasonForCancellation", ""))
