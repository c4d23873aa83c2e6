"""Run the Task Manager as a process of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from fastapi import FastAPI, Request

from actors.shared.refusals import RefusalLog
from actors.shared.reporting import reporter_for
from actors.shared.serving import serve
from actors.shared.settings import CommonSettings
from actors.shared.steps import reached
from actors.shared.ups_face import ups_router
from actors.task_manager.reporting import OutboxReporting
from actors.task_manager.settings import Settings
from actors.task_manager.steps import Step
from profiles.errors import StepwellError, Unavailable
from workitems.store import Store, sqlite_url
from workitems.worklist import Worklist

ACTOR = "task_manager"


def create_app(worklist: Worklist, refusals: RefusalLog) -> FastAPI:
    """The HTTP application over one worklist."""
    app = FastAPI(title="Stepwell Task Manager", openapi_url="/openapi.json", docs_url=None, redoc_url=None)

    def refused(request: Request, error: StepwellError) -> None:
        address = request.client.host if request.client else ""
        refusals.tell_of_request(request.method, request.url.path, address, error)

    def taken(request: Request) -> None:
        reached(Step.REQUEST_TAKEN, method=request.method)

    app.include_router(ups_router(worklist, refused, taken), prefix="/ups-rs")

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"actor": ACTOR, "state": "ready"}

    return app


def _store(settings: Settings, directory: Path) -> Store:
    if settings.database_url:
        return Store(settings.database_url)
    path = directory / "workitems.sqlite"
    try:
        return Store(sqlite_url(path))
    except Unavailable as error:
        raise Unavailable(f"{path}: {error.message}") from error


def run(settings: Settings, common: CommonSettings) -> None:
    """Serve UPS-RS until SIGTERM.

    Raises:
        Unavailable: when the port is taken or the store cannot be used.
    """
    directory = common.data_dir / ACTOR
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = _store(settings, directory)
    reporter = reporter_for(ACTOR, common)
    reporter.start()
    reporting = OutboxReporting(store, reporter)
    reporting.start()
    worklist = Worklist(store, lambda: datetime.now(UTC), lambda uid: reached(Step.CHANGE_COMMITTED, workitem=uid))
    base = f"http://{settings.host}:{settings.port}"
    try:
        serve(
            create_app(worklist, RefusalLog(reporter)),
            actor=ACTOR,
            host=settings.host,
            port=settings.port,
            data_dir=common.data_dir,
            endpoints={"http": base, "ups_rs": f"{base}/ups-rs"},
        )
    finally:
        reporting.stop()
        reporter.close()
        store.close()
