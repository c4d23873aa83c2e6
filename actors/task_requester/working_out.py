"""Work out what was answered: the effects of letters go into the order store, while senders go first for a while."""

from __future__ import annotations

import time
from datetime import datetime
from threading import Event

from actors.shared.logs import get_logger
from actors.task_requester.inbox import Inbox, Letter
from actors.task_requester.intake import Intake
from profiles.errors import Unavailable

_log = get_logger(__name__)
_TURN_SECONDS = 1.0
#: Senders that pause for so long have nothing to send.
_QUIET_SECONDS = 0.02
#: A letter that waited for so long waits for no sender any more.
_PATIENCE_SECONDS = 2.0


def work_out_letters(intake: Intake, inbox: Inbox, stopped: Event) -> None:
    """Work out one letter after the other, in the order in which they came, until told to stop."""
    while not stopped.is_set():
        inbox.await_letter(_TURN_SECONDS)
        try:
            letter = inbox.oldest()
            if letter and _may_begin(letter, inbox, intake, stopped):
                intake.work_out(letter)
                inbox.is_stalled = False
        except Unavailable as error:
            inbox.is_stalled = True
            _log.error("messages-wait", count=inbox.count, reason=error.message)
            stopped.wait(_TURN_SECONDS)


def _may_begin(letter: Letter, inbox: Inbox, intake: Intake, stopped: Event) -> bool:
    """Wait for a pause of the senders, but not for ever; False when told to stop meanwhile."""
    came = datetime.fromisoformat(letter.received_at)
    while (intake.clock() - came).total_seconds() < _PATIENCE_SECONDS:
        quiet = time.monotonic() - inbox.last_put
        if quiet >= _QUIET_SECONDS:
            break
        if stopped.wait(_QUIET_SECONDS - quiet):
            return False
    return True
