"""The HTTP application of the Event Repository: its faces, who may use them, and what each says when it refuses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import orjson
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exception_handlers import http_exception_handler
from starlette.exceptions import HTTPException

from actors.event_repository.auditing import tell_refused
from actors.event_repository.bodies import Bodies
from actors.event_repository.bulk import Bulk
from actors.event_repository.fhir import MEDIA_TYPE, AuditEvents, outcome
from actors.event_repository.ingest import Ingest
from actors.event_repository.readers import CHALLENGE, Readers
from actors.event_repository.routes import HEALTH, Queries
from actors.event_repository.settings import Settings
from actors.event_repository.sources import PACKAGE, Sources
from actors.shared.logs import get_logger
from actors.shared.pages import Templates
from actors.shared.pages.app import SECURITY_HEADERS
from actors.shared.pages.rendering import SHARED_ASSETS
from profiles.errors import NotAuthorised, NotFound, StepwellError
from sole_logging.store import EventStore

_OPEN = "/assets/"
_UNAUTHORISED, _NOT_FOUND, _AWAY = 401, 404, 503
_NOTHING = "There is nothing at this address; docs/log.md lists what there is."
_log = get_logger(__name__)


def create_app(
    store: EventStore,
    ingest: Ingest,
    settings: Settings | None = None,
    readers: Readers | None = None,
    pages: Sequence[APIRouter] = (),
) -> FastAPI:
    """The HTTP application over one store.

    Args:
        store: what is asked.
        ingest: stores what is sent, and takes the audit events.
        settings: of the actor.
        readers: who may use it; everybody when there are none.
        pages: further routes.
    """
    settings, readers = settings or Settings(), readers or Readers({})
    bodies = Bodies(settings.patience_seconds)
    faces = (
        Queries(store, ingest).router(),
        AuditEvents(store, ingest, bodies).router(),
        Bulk(ingest, bodies).router(),
        Sources(store, ingest, ingest.now).router(),
    )
    app = FastAPI(title="Stepwell Event Repository", docs_url=None, redoc_url=None, openapi_url=None)
    for router in (SHARED_ASSETS.router(), *faces, *pages):
        app.include_router(router)
    templates = Templates(PACKAGE)

    @app.middleware("http")
    async def admit(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        try:
            if request.url.path != HEALTH and not request.url.path.startswith(_OPEN):
                request.state.caller = readers.caller(request.headers.get("authorization", ""))
            answer = await call_next(request)
        except NotAuthorised as error:
            tell_refused(ingest, request, error.row_key)
            answer = refusal(request, error, templates)
        for name, value in SECURITY_HEADERS.items():
            answer.headers.setdefault(name, value)
        return answer

    _say_refusals(app, templates)
    return app


def _say_refusals(app: FastAPI, templates: Templates) -> None:
    @app.exception_handler(StepwellError)
    async def refuse(request: Request, error: StepwellError) -> Response:
        return refusal(request, error, templates)

    @app.exception_handler(HTTPException)
    async def not_routed(request: Request, error: HTTPException) -> Response:
        if error.status_code == _NOT_FOUND:
            return refusal(request, NotFound(_NOTHING), templates)
        return await http_exception_handler(request, error)


def refusal(request: Request, error: StepwellError, templates: Templates) -> Response:
    """An error by its row of ``errors.csv``: as OperationOutcome, as a page, or as JSON, as the caller wants it."""
    _log.warning("refused", path=request.url.path, status=error.row.http, error=error.row_key)
    if request.url.path.startswith("/AuditEvent") or request.headers.get("content-type", "").startswith(MEDIA_TYPE):
        answer = Response(orjson.dumps(outcome(error)), error.row.http, media_type=MEDIA_TYPE)
    elif "text/html" in request.headers.get("accept", ""):
        answer = templates.problem(error)
    else:
        body = orjson.dumps({"error": error.row_key, "message": error.message})
        answer = Response(body, error.row.http, media_type="application/json")
    if error.row.http == _UNAUTHORISED:
        answer.headers["WWW-Authenticate"] = CHALLENGE
    if error.row.http == _AWAY:
        answer.headers["Retry-After"] = "5"
    return answer
