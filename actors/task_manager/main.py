"""Run the Task Manager as a process of its own."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

from fastapi import FastAPI, Request
from sqlalchemy import make_url
from starlette.requests import HTTPConnection

from actors.shared.access import UNTOLD, AccessLog
from actors.shared.dicomweb import Archive
from actors.shared.refusals import RefusalLog
from actors.shared.reporting import reporter_for
from actors.shared.serving import serve
from actors.shared.settings import CommonSettings
from actors.shared.steps import reached
from actors.shared.ups_face import ups_router
from actors.shared.ups_face.channel import EventChannels
from actors.task_manager.contracting import Contracting, contracting
from actors.task_manager.database import ACTOR, database_url
from actors.task_manager.dimse import dimse_face
from actors.task_manager.housekeeping import Regularly, housekeeping
from actors.task_manager.readiness import readiness
from actors.task_manager.reporting import OutboxReporting
from actors.task_manager.settings import Settings
from actors.task_manager.steps import Step
from profiles.errors import StepwellError, Unavailable
from sole_logging import EventReporter
from workitems.housekeeping import Limits
from workitems.store import Store
from workitems.subscriptions import Subscriptions
from workitems.worklist import Worklist


def create_app(
    worklist: Worklist, refusals: RefusalLog, channels: EventChannels, access: AccessLog = UNTOLD
) -> FastAPI:
    """The HTTP application over one worklist, with the notification connections of its subscribers."""
    app = FastAPI(title="Stepwell Task Manager", openapi_url="/openapi.json", docs_url=None, redoc_url=None)

    def refused(request: Request, error: StepwellError) -> None:
        address = request.client.host if request.client else ""
        refusals.tell_of_request(request.method, request.url.path, address, error)

    def taken(request: Request) -> None:
        reached(Step.REQUEST_TAKEN, method=request.method)

    app.include_router(ups_router(worklist, refused, taken, access=access), prefix="/ups-rs")
    app.include_router(channels.router, prefix="/ups-rs")

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"actor": ACTOR, "state": "ready"}

    return app


def event_channels(settings: Settings, store: Store, worklist: Worklist, refusals: RefusalLog) -> EventChannels:
    """The notification connections as the site wants them."""

    def refused(connection: HTTPConnection, error: StepwellError) -> None:
        address = connection.client.host if connection.client else ""
        refusals.tell_of_request("GET", connection.url.path, address, error)

    return EventChannels(store, worklist.subscriptions, fallback=settings.fallback_receivers, refused=refused)


def worklist_for(settings: Settings, store: Store) -> Worklist:
    """The worklist as the site wants it."""
    subscriptions = Subscriptions(store, _now, grants_locks=settings.grants_locks)
    return Worklist(
        store,
        _now,
        lambda uid: reached(Step.CHANGE_COMMITTED, workitem=uid),
        policy=settings.policy(),
        subscriptions=subscriptions,
        ae_title=settings.ae_title,
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _store(url: str) -> Store:
    try:
        return Store(url)
    except Unavailable as error:
        path = make_url(url).database if url.startswith("sqlite") else ""
        raise Unavailable(f"{path}: {error.message}" if path else error.message) from error


def run(settings: Settings, common: CommonSettings) -> None:
    """Serve UPS-RS, and UPS over DIMSE where it has a port, until SIGTERM.

    Raises:
        Unavailable: when the port is taken or the store cannot be used.
    """
    (common.data_dir / ACTOR).mkdir(parents=True, exist_ok=True, mode=0o700)
    base = f"http://{settings.host}:{settings.port}"
    with ExitStack() as closing:
        store = _store(database_url(settings, common.data_dir))
        closing.callback(store.close)
        reporter = reporter_for(ACTOR, common, settings)
        closing.callback(reporter.close)
        reporter.start()
        worklist, refusals, access = worklist_for(settings, store), RefusalLog(reporter), AccessLog(reporter)
        channels = event_channels(settings, store, worklist, refusals)
        inputs = _start_threads(settings, store, reporter, worklist, closing)
        notified = inputs.soon if inputs else None
        dimse = closing.enter_context(dimse_face(settings, store, worklist, refusals, notified, access))
        serve(
            create_app(worklist, refusals, channels, access),
            actor=ACTOR,
            host=settings.host,
            port=settings.port,
            data_dir=common.data_dir,
            endpoints={"http": base, "ups_rs": f"{base}/ups-rs", **dimse},
            before_closing=channels.say_goodbye,
            pings=(settings.ping_seconds, settings.pong_seconds),
        )


def _start_threads(
    settings: Settings, store: Store, reporter: EventReporter, worklist: Worklist, closing: ExitStack
) -> Regularly | None:
    """What goes on beside the faces, each until the actor ends.

    Returns:
        What looks for inputs, where there is an archive to ask.
    """
    limits = Limits(settings.backlog_limit, timedelta(days=settings.event_days))
    threads: list[OutboxReporting | Regularly | Contracting] = [
        OutboxReporting(store, reporter),
        housekeeping(worklist, store, limits, settings.housekeeping_seconds),
    ]
    inputs = None
    if settings.archive_url:
        archive = closing.enter_context(Archive(settings.archive_url))
        inputs = readiness(worklist, store, archive, settings.archive_poll_seconds)
        threads.append(inputs)
    plans = settings.plans()
    if plans or store.open_parents():
        threads.append(contracting(worklist, store, plans, settings.contract_seconds, closing))
    for thread in threads:
        thread.start()
        closing.callback(thread.stop)
    return inputs
