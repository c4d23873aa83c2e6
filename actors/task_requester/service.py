"""The Task Requester as a whole: intake, following, publishing and reporting over one order store."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from actors.shared.logs import get_logger
from actors.shared.refusals import RefusalLog
from actors.task_requester.amending import Amender, Worklist
from actors.task_requester.database import Database
from actors.task_requester.following import Follower
from actors.task_requester.images import ImageSource
from actors.task_requester.inbox import Inbox
from actors.task_requester.intake import Intake
from actors.task_requester.ledger import Ledger
from actors.task_requester.publishing import Publisher
from actors.task_requester.replaying import needs_events, reproject
from actors.task_requester.reporting import OrderLog, Reporter
from actors.task_requester.rules import Rule
from actors.task_requester.settings import Settings
from actors.task_requester.working_out import work_out_letters
from profiles.dicom import new_uid
from profiles.errors import StepwellError, Unavailable

_log = get_logger(__name__)
_TURN_SECONDS = 1.0
_CONTROL_ID_LENGTH = 20


class TaskRequester:
    """Takes orders and makes workitems of them, until it is closed.

    Args:
        settings: of this actor.
        directory: where its data is; made when missing.
        rules: decide which studies get which workitem.
        archive: has the images.
        worklist: the Task Manager.
        reporter: takes operational events.
        refusals: told of every message that is not accepted.

    Raises:
        Unavailable: when the directory cannot be written.
    """

    def __init__(
        self,
        settings: Settings,
        directory: Path,
        *,
        rules: Sequence[Rule],
        archive: ImageSource,
        worklist: Worklist,
        reporter: Reporter,
        refusals: RefusalLog,
    ) -> None:
        self._stopped, self._work = threading.Event(), threading.Event()
        self._database = Database(settings.database_url or directory)
        if needs_events(self._database):
            reproject(self._database, settings)
        self._order_log = OrderLog(self._database, reporter, _now, threading.Lock())
        self._inbox = Inbox(directory) if self._database.is_sqlite else None
        self.intake = Intake(
            self._database, settings, self._order_log.tell, _now, _new_control_id, refusals, self._inbox
        )
        self.ledger = Ledger(self._database, _now, reopen_seconds=settings.reopen_seconds)
        self._follower = Follower(self.ledger, archive, rules, settings, clock=_now, monotonic=time.monotonic)
        self._publisher = Publisher(self._database, worklist, clock=_now, stopped=self._stopped)
        self._amender = Amender(
            self._database, worklist, clock=_now, escalation_seconds=settings.cancel_escalation_seconds
        )
        self._threads = (
            threading.Thread(target=self._follower.follow, args=(self._stopped, self._work), name="orders-to-studies"),
            threading.Thread(target=self._publish, name="workitems-out"),
            *self._working_out(),
        )

    def start(self) -> None:
        """Take up the work that is in the store."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End after the piece of work at hand."""
        self._stopped.set()
        self._work.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        if self._inbox:
            self._inbox.close()
        self._database.close()

    @property
    def waiting(self) -> int:
        """How many messages were answered whose effects are still to be worked out."""
        return self._inbox.count if self._inbox else 0

    def _working_out(self) -> list[threading.Thread]:
        if self._inbox is None:
            return []
        arguments = (self.intake, self._inbox, self._stopped)
        return [threading.Thread(target=work_out_letters, args=arguments, name="letters-worked-out")]

    def _publish(self) -> None:
        while not self._stopped.is_set():
            self._work.wait(_TURN_SECONDS)
            self._work.clear()
            try:
                self._order_log.tell()
                with self._database.alone("publish") as mine:
                    if mine:
                        self._amender.amend()
                        self._publisher.publish()
            except Unavailable as error:
                if not self._stopped.is_set():
                    _log.error("workitems-not-published", reason=error.message)
                    self._stopped.wait(_TURN_SECONDS)
            except Exception as error:  # whatever it is, the other workitems must not wait for a restart
                reason = error.message if isinstance(error, StepwellError) else type(error).__name__
                _log.error("workitems-not-published", reason=reason)
                self._stopped.wait(_TURN_SECONDS)


def _now() -> datetime:
    return datetime.now(UTC)


def _new_control_id() -> str:
    """At most 20 characters (HL7 2.5.1 section 2.15.9.10)."""
    return new_uid()[-_CONTROL_ID_LENGTH:]
