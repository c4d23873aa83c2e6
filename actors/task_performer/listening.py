"""Hear of new work and of requests to cancel, as they happen: triggered pull (AIW-I 50.4.2.2; RAD-86, RAD-87, RAD-109).

An event is a hint: what is to be done stands in the worklist, and the performer asks for it all the same, only sooner.
A worklist without subscriptions is polled as before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from actors.shared.logs import get_logger
from actors.shared.ups_client import UpsClient
from actors.shared.ups_watch import EventReport, watch
from actors.task_performer.failing import Reason, failed
from profiles.dicom import Code, get_code, text
from profiles.errors import StepwellError, Unavailable
from profiles.ups.subscriptions import FILTERED_GLOBAL_SUBSCRIPTION

_AGAIN_SECONDS = 30.0
_REMEMBERED = 10_000
_log = get_logger(__name__)


class Listening:
    """The notification connection to one worklist.

    Args:
        client: of the worklist.
        codes: kinds of workitems whose events are wanted.
        news: called when there may be something to do.
        stopped: ends it.
    """

    def __init__(
        self, client: UpsClient, codes: Sequence[Code], news: Callable[[], None], stopped: threading.Event
    ) -> None:
        self._client, self._codes, self._news, self._stopped = client, codes, news, stopped
        self._requests: dict[str, Reason] = {}
        self._open = threading.Event()
        self._thread = threading.Thread(target=self._run, name="listening", daemon=True)

    def start(self) -> None:
        """Begin to listen, beside the work."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the end, which comes soon after ``stopped``."""
        self._thread.join()

    @property
    def hears(self) -> bool:
        """Whether events come as they happen."""
        return self._open.is_set()

    def cancel_request(self, workitem_uid: str) -> Reason | None:
        """Why somebody asked that a workitem be canceled; None when nobody did."""
        return self._requests.get(workitem_uid)

    def forget(self, workitem_uid: str) -> None:
        """The workitem is done with."""
        self._requests.pop(workitem_uid, None)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                for event in watch(self._client.channel(), self._stopped, opened=self._subscribe, lost=self._lost):
                    self._take(event)
            except Unavailable as error:
                self._lost(error.message)
            except StepwellError as error:
                self._lost(error.message)
                self._stopped.wait(_AGAIN_SECONDS)  # it takes no subscriptions, perhaps only today
        self._news()

    def _subscribe(self) -> None:
        """Ask for the events of what is served here; said again it changes nothing."""
        for code in self._codes:
            keys = {
                "ScheduledWorkitemCodeSequence.CodeValue": code.value,
                "ScheduledWorkitemCodeSequence.CodingSchemeDesignator": code.scheme,
            }
            self._client.subscribe(FILTERED_GLOBAL_SUBSCRIPTION, keys=keys)
        self._open.set()
        self._news()  # what came meanwhile
        _log.info("listening", workitem_codes=[str(code) for code in self._codes])

    def _lost(self, reason: str) -> None:
        if self._open.is_set():
            _log.warning("not-listening", reason=reason)
        self._open.clear()
        self._news()

    def _take(self, event: EventReport) -> None:
        if event.kind == "cancel-requested":
            if len(self._requests) >= _REMEMBERED:
                self._requests.clear()
            self._requests[event.workitem_uid] = _reason(event)
            _log.info("cancel-requested", workitem=event.workitem_uid)
        elif event.kind != "state" or text(event.information, "ProcedureStepState") == "SCHEDULED":
            self._news()


def _reason(event: EventReport) -> Reason:
    """The reason that was given, as a code; its words may name a patient, so they stay in the worklist."""
    plain = failed("cancel-requested", "").reason
    given = get_code(event.information, "ProcedureStepDiscontinuationReasonCodeSequence")
    if given is None or not given.value or not given.scheme:
        return plain
    return plain.model_copy(update={"value": given.value, "scheme": given.scheme, "meaning": given.meaning})
