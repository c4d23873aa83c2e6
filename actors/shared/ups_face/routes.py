"""UPS-RS routes (PS3.18 chapter 11): from an ASGI request to a handler in a thread, and its answer back.

The requests go by `_Face`, which knows the resources from their table and costs a third of what FastAPI's own routing
costs for a router that is included below a prefix. The routes that FastAPI sees beside it carry the description.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fastapi import APIRouter, Response
from starlette.requests import ClientDisconnect, Request
from starlette.routing import Match, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from actors.shared.access import UNTOLD, AccessLog
from actors.shared.caller import LOCAL_CALLER, Caller
from actors.shared.ups_face.answers import Answer, refused
from actors.shared.ups_face.description import description
from actors.shared.ups_face.handlers import Ask, Handlers
from actors.shared.ups_face.resources import RESOURCES, Resource, find_resource
from profiles.errors import BadInput, StepwellError
from workitems.worklist import Worklist

Refused = Callable[[Request, StepwellError], None]
_FOUND = "stepwell.ups"
_HOST = re.compile(r"[A-Za-z0-9._-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")
_CHANGING = ("POST", "PUT", "DELETE")
_NO_METHOD = "method-not-allowed"
_LENGTH_DIGITS = 16
_THREADS = 16


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a request is waited for.

    Attributes:
        body_bytes: of a payload; no workitem needs more.
        body_seconds: until the whole payload must have arrived.
    """

    body_bytes: int = 4 * 2**20
    body_seconds: float = 60.0


def ups_router(
    worklist: Worklist,
    refused: Refused,
    taken: Callable[[Request], None] = lambda _request: None,
    *,
    caller_of: Callable[[Request], Caller] = lambda _request: LOCAL_CALLER,
    limits: Limits = Limits(),
    access: AccessLog = UNTOLD,
) -> APIRouter:
    """The routes of one worklist below its service base.

    Args:
        worklist: the domain.
        refused: told of every refusal, in a thread that may wait, to log and audit it.
        taken: told of every request that may change something, before anything is done about it.
        caller_of: who makes a request; until there are identity providers, the operator of this machine.
        limits: how much of a request is waited for.
        access: told who searched and read.
    """
    face = _Face(Handlers(worklist, caller_of, access), refused, taken, limits)
    router = APIRouter()
    router.routes.append(_Resources(face))
    for resource in RESOURCES:
        for method, transaction in resource.transactions.items():
            router.add_api_route(
                resource.template,
                _described_only,
                methods=[method],
                response_class=Response,
                name=transaction.handler,
                **description(resource, transaction),
            )
    return router


async def _described_only() -> Response:
    """Never reached: the resources come first."""
    return Response(status_code=404)


class _Resources(Mount):
    """Matches the HTTP requests for a resource of the table, also the base without a slash; leaves others to others."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__("", app=app)
        self.path = "/"  # FastAPI includes no empty path without a prefix; it takes the slash off the copy it makes

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is for one of the resources."""
        base = scope.get("root_path", "") + self.path.rstrip("/")
        if scope["type"] != "http" or not scope["path"].startswith(base):
            return Match.NONE, {}
        found = find_resource(scope["path"][len(base) :])
        if found is None:
            return Match.NONE, {}
        return Match.FULL, {_FOUND: (*found, base), "endpoint": self.app}


class _Face:
    """The ASGI application of one worklist's resources."""

    def __init__(self, handlers: Handlers, refused: Refused, taken: Callable[[Request], None], limits: Limits) -> None:
        self._handlers, self._refused, self._taken, self._limits = handlers, refused, taken, limits
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="ups-rs")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; the thread does everything between its payload and its answer."""
        resource, variables, base = scope[_FOUND]
        request = Request(scope, receive)
        service = _service(request, base)
        try:
            payload = await self._payload(request, resource)
        except ClientDisconnect:
            return
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._threads, self._answer, request, resource, variables, service, payload)
        headers = answer.raw_headers(service)
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    def _answer(
        self,
        request: Request,
        resource: Resource,
        variables: dict[str, str],
        service: str,
        payload: bytes | StepwellError,
    ) -> Answer:
        method = "GET" if request.method == "HEAD" else request.method
        transaction = resource.transactions.get(method)
        try:
            if transaction is None:
                raise BadInput(
                    f"{method} is not for this; use {resource.allowed} (PS3.18 Table 11.3-1).", key=_NO_METHOD
                )
            if isinstance(payload, StepwellError):
                raise payload
            if method in _CHANGING:
                self._taken(request)
            ask = Ask(request, service, variables, payload, self._handlers.dialects)
            handler: Callable[[Ask], Answer] = getattr(self._handlers, transaction.handler)
            return handler(ask)
        except StepwellError as error:
            self._refused(request, error)
            return refused(error, *([("Allow", resource.allowed)] if error.row_key == _NO_METHOD else []))

    async def _payload(self, request: Request, resource: Resource) -> bytes | StepwellError:
        """The payload, as far as it is wanted; or why it is not."""
        transaction = resource.transactions.get(request.method)
        if transaction is None or not transaction.payload:
            return b""
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:_LENGTH_DIGITS]) > self._limits.body_bytes:
            return self._too_large()
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > self._limits.body_bytes:
                        return self._too_large()
        except TimeoutError:
            return BadInput(
                f"The payload did not arrive whole within {self._limits.body_seconds:g} seconds; nothing was changed. "
                "See that Content-Length says how long it is, and send it again.",
                key="payload-not-received",
            )
        return bytes(body)

    def _too_large(self) -> StepwellError:
        return BadInput(
            f"The payload is larger than {self._limits.body_bytes} bytes; no workitem needs that.", key="too-large"
        )


def _service(request: Request, base: str) -> str:
    """Base URI of the service as the caller addressed it (PS3.18 8.3.4.2); of the socket when its Host is no host."""
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        name, port = request.scope.get("server") or ("localhost", None)
        host = f"{name}:{port}" if port else name
    return f"{request.scope['scheme']}://{host}{base}"
