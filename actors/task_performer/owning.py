"""One workitem at the Task Manager, as its owner sees it: claim, progress, update, end (RAD-82, 84, 85)."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

from actors.shared.logs import get_logger
from actors.shared.ups_client import AlreadyInProgress, UpsClient
from actors.task_performer.failing import GivenUp, Reason, TakenAway
from actors.task_performer.journal import Record
from actors.task_performer.performed import discontinued, progress
from profiles.dicom import JsonDataset, get, item, text
from profiles.errors import BadInput, Conflict, NotFound, StepwellError, Unavailable

_log = get_logger(__name__)
_PROGRESS_SECONDS = 1.0


class Ownership(StrEnum):
    """What a claim came to."""

    MINE = "mine"
    LOST = "lost"


def settle_claim(client: UpsClient, record: Record, *, asked_before: bool) -> Ownership:
    """Claim, and find out whose the workitem is (ups.md 6.2, 13).

    C302 says that this very Transaction UID holds it: the claim is ours. C301 says that another one does. Some servers
    answer every second claim alike; then an update tells, which only the owner can make.

    Args:
        client: of the Task Manager.
        record: with the Transaction UID.
        asked_before: whether an earlier claim may have been granted without our seeing the answer.

    Raises:
        Unavailable: when the Task Manager is away; ask again, with ``asked_before``.
    """
    uid, lock = record.workitem_uid, record.transaction_uid
    try:
        client.claim(uid, lock)
    except Unavailable:
        raise
    except AlreadyInProgress:
        return Ownership.MINE
    except StepwellError as error:
        if not asked_before or not isinstance(error, Conflict | BadInput):
            _log.info("claim-lost", workitem=uid, reason=error.message)
            return Ownership.LOST
        return _probed(client, uid, lock)
    return Ownership.MINE


def _probed(client: UpsClient, uid: str, lock: str) -> Ownership:
    try:
        client.update(uid, progress(0, "resumed"), lock)
    except Unavailable:
        raise
    except StepwellError as error:
        _log.info("claim-lost", workitem=uid, reason=error.message)
        return Ownership.LOST
    return Ownership.MINE


class Owned:
    """A claimed workitem.

    Args:
        client: of the Task Manager.
        record: with the Transaction UID.
        workitem: as last seen.
        check_seconds: how often `taken_away` really asks.
    """

    def __init__(self, client: UpsClient, record: Record, workitem: JsonDataset, check_seconds: float) -> None:
        self._client, self._uid, self._lock = client, record.workitem_uid, record.transaction_uid
        self._check_seconds = check_seconds
        self._percent = _percent_of(workitem)
        self._words = ""
        self._told_at = self._checked_at = time.monotonic()
        self._final = False

    @property
    def percent(self) -> int:
        """How far the work has come, as last told."""
        return self._percent

    def tell(self, percent: int, words: str, *, always: bool = False) -> None:
        """Report progress, if the last report is some time ago. It never goes down, and its loss harms nobody."""
        percent = max(percent, self._percent)
        now = time.monotonic()
        if not always and (now - self._told_at < _PROGRESS_SECONDS or (percent, words) == (self._percent, self._words)):
            return
        self._percent, self._words, self._told_at = percent, words, now
        try:
            self._client.update(self._uid, progress(percent, words), self._lock)
        except Unavailable as error:
            _log.warning("progress-not-told", workitem=self._uid, reason=error.message)
        except StepwellError as error:
            _log.warning("progress-refused", workitem=self._uid, reason=error.message)
            self._checked_at = 0.0

    def taken_away(self, *, at_once: bool = False) -> bool:
        """Whether somebody else has ended the workitem; asks now and then, or at once."""
        now = time.monotonic()
        if not self._final and (at_once or now - self._checked_at >= self._check_seconds):
            self._checked_at = now
            try:
                self._final = text(self._client.retrieve(self._uid), "ProcedureStepState") in ("CANCELED", "COMPLETED")
            except NotFound:
                self._final = True
            except StepwellError as error:
                _log.warning("workitem-not-checked", workitem=self._uid, reason=error.message)
        return self._final

    def update(self, changes: JsonDataset) -> None:
        """Set attributes.

        Raises:
            TakenAway: when the workitem is not ours, or final.
            Unavailable: when the Task Manager is away.
        """
        self._owning(lambda: self._client.update(self._uid, changes, self._lock))

    def complete(self) -> None:
        """End it as COMPLETED; that it is already so is a success."""
        self._owning(lambda: self._client.complete(self._uid, self._lock))

    def cancel(self, reason: Reason, at: datetime) -> None:
        """End it as CANCELED with a coded reason."""

        def both() -> None:
            self._client.update(self._uid, discontinued(reason, self._percent, at), self._lock)
            self._client.cancel(self._uid, self._lock)

        self._owning(both)

    def _owning(self, act: Callable[[], None]) -> None:
        """Do what only the owner can; a refusal is explained by the workitem's state.

        Raises:
            TakenAway: when the workitem is not in progress any more.
            GivenUp: when it is, and the Task Manager refuses all the same; people have to look.
        """
        try:
            act()
        except (BadInput, Conflict, NotFound) as error:
            try:
                state = text(self._client.retrieve(self._uid), "ProcedureStepState")
            except NotFound:
                state = "gone"
            if state == "IN PROGRESS":
                _log.error("task-manager-refuses", workitem=self._uid, reason=error.message)
                raise GivenUp(error.message) from error
            raise TakenAway(f"the workitem is {state}") from error


def _percent_of(workitem: JsonDataset) -> int:
    found = get(item(workitem, "ProcedureStepProgressInformationSequence"), "ProcedureStepProgress", 0)
    try:
        return max(0, min(100, int(float(found))))
    except (TypeError, ValueError):
        return 0
