"""Hear when our workitems end, as it happens (RAD-86, RAD-87, RAD-109), instead of asking again and again.

An event is a hint: the workitem itself is read all the same, only sooner. A worklist without subscriptions is polled.
"""

from __future__ import annotations

import threading
from typing import Protocol

from actors.shared.logs import get_logger
from actors.shared.ups_watch import watch
from actors.task_requester.database import ENDED
from profiles.dicom import text
from profiles.errors import StepwellError, Unavailable
from profiles.ups.subscriptions import GLOBAL_SUBSCRIPTION

#: Stands for every workitem.
ANY = ""
_AGAIN_SECONDS, _PAUSE_SECONDS = 30.0, 1.0
_MOST_HINTS = 500
_log = get_logger(__name__)


class Announcer(Protocol):
    """The part of `actors.shared.ups_client.UpsClient` that is needed here."""

    def subscribe(self, target: str) -> str:
        """Ask for events."""

    def channel(self) -> str:
        """URL of the notification connection."""


class Listening:
    """The notification connection to the Task Manager.

    Args:
        announcer: the Task Manager.
    """

    def __init__(self, announcer: Announcer) -> None:
        self._announcer = announcer
        self._hints: set[str] = set()
        self._turn = threading.Lock()
        self._stopped, self._open = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="results-listening")

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def hears(self) -> bool:
        """Whether events come as they happen."""
        return self._open.is_set()

    def take(self) -> frozenset[str]:
        """UIDs of workitems that ended since this was last asked, whosever they are; `ANY` when any may have."""
        with self._turn:
            taken, self._hints = frozenset(self._hints), set()
        return taken

    def _hint(self, uid: str) -> None:
        with self._turn:
            self._hints = self._hints | {uid} if len(self._hints) < _MOST_HINTS else {ANY}

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._listen()
            except Unavailable as error:
                self._lost(error.message)
                self._stopped.wait(_PAUSE_SECONDS)
            except StepwellError as error:
                self._lost(error.message)
                self._stopped.wait(_AGAIN_SECONDS)  # it takes no subscriptions, perhaps only today

    def _listen(self) -> None:
        for event in watch(self._announcer.channel(), self._stopped, opened=self._subscribe, lost=self._lost):
            if event.kind == "state" and text(event.information, "ProcedureStepState") in ENDED:
                self._hint(event.workitem_uid)

    def _subscribe(self) -> None:
        """Ask for the events of all workitems; said again it changes nothing."""
        self._announcer.subscribe(GLOBAL_SUBSCRIPTION)
        self._open.set()
        self._hint(ANY)
        _log.info("listening-for-results")

    def _lost(self, reason: str) -> None:
        if self._open.is_set():
            _log.warning("not-listening-for-results", reason=reason)
        self._open.clear()
