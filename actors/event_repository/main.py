"""Run the Event Repository as a process of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from actors.event_repository.routes import events_router
from actors.event_repository.settings import Settings
from actors.event_repository.steps import Step
from actors.event_repository.syslog_tls import listen
from actors.shared.logs import get_logger
from actors.shared.serving import require_free_port, serve
from actors.shared.settings import CommonSettings
from actors.shared.steps import reached
from sole_logging.store import EventStore

ACTOR = "event_repository"
_log = get_logger(__name__)


def create_app(store: EventStore, settings: Settings) -> FastAPI:
    """The application: HTTP queries, and the syslog listener for as long as it runs."""

    def take(messages: list[bytes]) -> None:
        reached(Step.RECEIVED)
        new = store.add(messages)
        reached(Step.STORED)
        _log.info("events-stored", received=len(messages), new=new)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        if settings.tls is None:
            _log.warning(
                "no-syslog", reason="[event_repository.tls] is not set; make certificates with stepwell pki init"
            )
            yield
            return
        server = await listen(settings.host, settings.syslog_port, settings.tls, take)
        try:
            yield
        finally:
            server.close()

    app = FastAPI(title="Stepwell Event Repository", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.include_router(events_router(store))

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"actor": ACTOR, "state": "ready"}

    return app


def run(settings: Settings, common: CommonSettings) -> None:
    """Serve until SIGTERM.

    Raises:
        Unavailable: when a port is taken or the store cannot be used.
    """
    directory = common.data_dir / ACTOR
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    require_free_port(ACTOR, settings.host, settings.syslog_port)
    store = EventStore(directory / "events.sqlite")
    try:
        serve(
            create_app(store, settings),
            actor=ACTOR,
            host=settings.host,
            port=settings.port,
            data_dir=common.data_dir,
            endpoints={
                "http": f"http://{settings.host}:{settings.port}",
                "syslog": f"{settings.host}:{settings.syslog_port}",
            },
        )
    finally:
        store.close()
