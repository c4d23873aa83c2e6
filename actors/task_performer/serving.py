"""Push mode: the performer serves a worklist of its own, which a Task Manager puts copies into (AIW-I 50.4.2.3).

It claims from it as from any other; what it cannot do it rejects at once (110530), and a request to cancel ends the
work that is going on (PS3.4 CC.2.2.3: the service is the performer).
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request

from actors.shared.access import AccessLog
from actors.shared.logs import get_logger
from actors.shared.refusals import RefusalLog
from actors.shared.serving import require_free_port, server_config
from actors.shared.ups_client import UpsClient
from actors.shared.ups_face import ups_router
from actors.shared.ups_face.channel import EventChannels
from actors.task_performer.guards import Guard, Station, objections
from actors.task_performer.journal import Journal, Phase
from actors.task_performer.settings import Settings
from profiles.dicom import JsonDataset, code, put, put_codes
from profiles.errors import NotFound, StepwellError, Unavailable
from profiles.ups import State
from sole_logging import EventReporter
from workitems.cancellation import fill_cancellation
from workitems.housekeeping import Limits, keep_house
from workitems.model import Change, Event, EventKind, Workitem
from workitems.notification import event_of
from workitems.store import Store, sqlite_url
from workitems.worklist import Worklist

ACTOR = "task_performer"
READER = "performer"
_IDLE_SECONDS, _STOP_SECONDS, _HOUSEKEEPING_SECONDS = 1.0, 10.0, 60.0
_PASSING = ("ProcedureStepState", "InputReadinessState")
_log = get_logger(__name__)


class OwnWorklist:
    """What happens to the performer's own worklist besides the work: rejections, cancelations, retention.

    Args:
        worklist: that knows the performer's AE title.
        store: its store.
        station: what the performer is.
        journal: how far the work has come.
    """

    def __init__(self, worklist: Worklist, store: Store, station: Station, journal: Journal) -> None:
        self._worklist, self._store, self._station, self._journal = worklist, store, station, journal
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="own-worklist", daemon=True)

    def start(self) -> None:
        """Begin where the last process left off."""
        self._thread.start()

    def stop(self) -> None:
        """End after the event at hand."""
        self._stopped.set()
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        kept_at = datetime.min.replace(tzinfo=UTC)
        while not self._stopped.is_set():
            try:
                if (datetime.now(UTC) - kept_at).total_seconds() >= _HOUSEKEEPING_SECONDS:
                    kept_at = datetime.now(UTC)
                    keep_house(self._worklist, self._store, Limits(), kept_at)
                if not self._answer_some():
                    self._store.wait_for_events(_IDLE_SECONDS)
            except StepwellError as error:
                _log.error("own-worklist-not-looked-at", reason=error.message)
                self._stopped.wait(_IDLE_SECONDS)

    def _answer_some(self) -> bool:
        events = self._store.events_after(self._store.cursor(READER))
        for event in events:
            self._answer(event)
        if events:
            self._store.move_cursor(READER, events[-1].sequence)
        return bool(events)

    def _answer(self, event: Event) -> None:
        try:
            if event.kind in (EventKind.CREATED, EventKind.ASSIGNED):
                self._worklist.change_as_server(event.workitem_uid, self._rejected)
            elif event.kind is EventKind.CANCEL_REQUESTED:
                self._worklist.change_as_server(event.workitem_uid, lambda current: self._canceled(current, event))
        except NotFound:  # retention was faster
            return

    def _rejected(self, current: Workitem) -> Change | None:
        """Reject what this station cannot do (AIW-I 50.4.2.4)."""
        if current.state is not State.SCHEDULED:
            return None
        found = [guard for guard in objections(current.content, self._station) if guard.path not in _PASSING]
        if not found:
            return None
        _log.info("rejected", workitem=current.uid, reason=str(found[0]))
        return self._worklist.cancel_scheduled(current, _rejection(found[0]))

    def _canceled(self, current: Workitem, event: Event) -> Change | None:
        """End the work that is going on, unless its results are out already: then it is completed."""
        record = self._journal.find(current.uid)
        if current.state is not State.IN_PROGRESS or (record and record.has_reached(Phase.STORED)):
            return None
        content = copy.deepcopy(current.content)
        fill_cancellation(content, datetime.now(UTC), event.content)
        canceled = self._worklist.in_state(current, content, State.CANCELED)
        _log.info("canceled-on-request", workitem=current.uid)
        return Change(canceled, current.revision, (event_of(EventKind.CANCELED, canceled, datetime.now(UTC)),))


def _rejection(guard: Guard) -> JsonDataset:
    details = put({}, "ReasonForCancellation", f"Rejected: {guard.objection}.")
    return put_codes(details, "ProcedureStepDiscontinuationReasonCodeSequence", code("DCM", "110530"))


@contextmanager
def own_worklist(
    settings: Settings, folder: Path, station: Station, journal: Journal, reporter: EventReporter
) -> Iterator[UpsClient | None]:
    """Serve a worklist while the block runs, when the settings name a port.

    Args:
        settings: of the performer.
        folder: for the database.
        station: what the performer is.
        journal: how far the work has come.
        reporter: gets what was refused.

    Yields:
        A client of it; None when there is no port.

    Raises:
        Unavailable: when the port is taken, or the database cannot be used.
    """
    if settings.port is None:
        yield None
        return
    require_free_port(ACTOR, settings.host, settings.port)
    with ExitStack() as closing:
        store = Store(sqlite_url(folder / "workitems.sqlite"))
        closing.callback(store.close)
        worklist = Worklist(store, lambda: datetime.now(UTC), ae_title=settings.ae_title)
        closing.enter_context(
            _served(_app(worklist, store, RefusalLog(reporter), AccessLog(reporter)), settings.host, settings.port)
        )
        own = OwnWorklist(worklist, store, station, journal)
        own.start()
        closing.callback(own.stop)
        yield closing.enter_context(UpsClient(settings.own_url, ae_title=settings.ae_title))


def _app(worklist: Worklist, store: Store, refusals: RefusalLog, access: AccessLog) -> FastAPI:
    app = FastAPI(title="Stepwell Task Performer", openapi_url="/openapi.json", docs_url=None, redoc_url=None)

    def refused(request: Request, error: StepwellError) -> None:
        address = request.client.host if request.client else ""
        refusals.tell_of_request(request.method, request.url.path, address, error)

    app.include_router(ups_router(worklist, refused, access=access), prefix="/ups-rs")
    app.include_router(EventChannels(store, worklist.subscriptions).router, prefix="/ups-rs")
    return app


@contextmanager
def _served(app: FastAPI, host: str, port: int) -> Iterator[None]:
    """Serve an application on a thread."""
    server = uvicorn.Server(server_config(app, host, port))
    started, startup = threading.Event(), server.startup

    async def announced(sockets: list[object] | None = None) -> None:
        await startup(sockets)  # type: ignore[arg-type] # sockets are handed through
        started.set()

    server.startup = announced  # type: ignore[method-assign,assignment] # uvicorn has no hook when it listens
    thread = threading.Thread(target=server.run, name="ups-rs", daemon=True)
    thread.start()
    if not started.wait(_STOP_SECONDS):
        raise Unavailable(f"The Task Performer does not get to listen on {host}:{port}.")
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(_STOP_SECONDS)
