"""One web application from the routers of one or several actors' pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.exceptions import HTTPException

from actors.shared.logs import get_logger
from actors.shared.pages.rendering import SHARED_ASSETS, Templates
from profiles.errors import NotFound, StepwellError

_log = get_logger(__name__)

#: Nothing but our own files is ever loaded; Pico's icons are data URLs in its style sheet.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_NOT_FOUND = 404


def create_app(actor: str, routers: Sequence[APIRouter]) -> FastAPI:
    """The application of one process.

    Args:
        actor: the name that ``/health`` answers with.
        routers: pages, e.g. of the Watcher and of the Image Display; their paths must not overlap.
    """
    app = FastAPI(title=actor, docs_url=None, redoc_url=None, openapi_url=None)
    templates = Templates()
    for router in (SHARED_ASSETS.router(), *routers):
        app.include_router(router)

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"actor": actor, "state": "ready"}

    @app.middleware("http")
    async def harden(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        answer = await call_next(request)
        for name, value in SECURITY_HEADERS.items():
            answer.headers.setdefault(name, value)
        return answer

    @app.exception_handler(StepwellError)
    async def refuse(_request: Request, error: StepwellError) -> Response:
        _log.warning("page-refused", key=error.row_key, status=error.row.http)
        return templates.problem(error)

    @app.exception_handler(HTTPException)
    async def no_page(_request: Request, error: HTTPException) -> Response:
        if error.status_code == _NOT_FOUND:
            return templates.problem(NotFound("There is no page at this address. Start from the worklist."))
        return Response(status_code=error.status_code, headers=error.headers)

    @app.exception_handler(Exception)
    async def broken(_request: Request, error: Exception) -> Response:
        _log.error("page-broken", error=type(error).__name__)
        unexpected = StepwellError("This page could not be made; the log of this server says where it broke.")
        answer = templates.problem(unexpected)
        answer.headers.update(SECURITY_HEADERS)
        return answer

    return app
