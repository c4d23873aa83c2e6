"""Wait for peers and resources that are away: retried with growing pauses, said in the log, ended when told to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_delay,
    stop_any,
    stop_when_event_set,
    wait_exponential,
    wait_random,
)

from actors.shared.logs import get_logger
from actors.task_performer.failing import GivenUp, Stopped
from profiles.errors import Unavailable

_log = get_logger(__name__)
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 5.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """Tries again while something is `Unavailable`.

    Args:
        stopped: ends the waiting when it is set.
    """

    stopped: threading.Event

    def until_done(
        self,
        call: Callable[[], T],
        *,
        who: str,
        limit_seconds: float | None = None,
        thread: Mapping[str, str] | None = None,
    ) -> T:
        """Call until it succeeds or fails for another reason than that something is away.

        Args:
            call: may be called many times.
            who: is asked, for the log: the event is ``<who>-away``.
            limit_seconds: how long to go on; for ever when not given.
            thread: identifiers for the log.

        Raises:
            GivenUp: when the limit ran out.
            Stopped: when told to end.
        """

        def tell(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            full = isinstance(error, Unavailable) and error.row_key == "storage-full"
            _log.warning(
                "storage-full" if full else f"{who}-away",
                reason=str(error),
                attempt=state.attempt_number,
                again_in_seconds=round(state.upcoming_sleep, 2),
                **(thread or {}),
            )

        limits = [stop_after_delay(limit_seconds)] if limit_seconds is not None else []
        retrying = Retrying(
            retry=retry_if_exception_type(Unavailable),
            wait=wait_exponential(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS) + wait_random(0, _FIRST_PAUSE_SECONDS),
            stop=stop_any(stop_when_event_set(self.stopped), *limits),
            sleep=sleep_using_event(self.stopped),
            before_sleep=tell,
            reraise=True,
        )
        try:
            return retrying(call)
        except Unavailable as error:
            if self.stopped.is_set():
                raise Stopped from error
            raise GivenUp(error.message) from error
