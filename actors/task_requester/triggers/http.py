"""The HTTP face: ServiceRequest and Task of FHIR, and the request of a person."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import orjson
import uvicorn
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from actors.shared.refusals import RefusalLog
from actors.shared.serving import server_config
from actors.task_requester.projection import doing
from actors.task_requester.triggers.asking import Asking
from actors.task_requester.triggers.standing import Standings
from profiles.errors import BadInput, Finding, NotFound, StepwellError, Unavailable, UnsupportedMediaType
from profiles.fhir.elements import Version
from profiles.fhir.orders import REQUESTS, operation_outcome, read_request
from profiles.hl7 import MessageRefused

_FHIR = "application/fhir+json"
_JSON = frozenset({"application/json", _FHIR})
_LONGEST = 2**20
_STARTED_SECONDS = 0.05
_CODES = {404: "not-found", 409: "conflict", 503: "transient"}


def create_app(asking: Asking, standings: Standings, refusals: RefusalLog) -> FastAPI:
    """The application.

    Args:
        asking: records requests.
        standings: tells what became of them.
        refusals: told of what is refused.
    """
    app = FastAPI(title="Stepwell Task Requester", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"actor": "task_requester", "state": "ready"}

    @app.post("/requests", status_code=HTTPStatus.CREATED)
    async def request_work(request: Request) -> dict[str, Any]:
        said = await json_content(request)
        words = [said.get(name) or "" for name in ("study", "rule", "priority")]
        if any(not isinstance(word, str) for word in words):
            raise BadInput("study, rule and priority are texts.")
        done = await run_in_threadpool(asking.by_person, *words)
        return {"order": done.number, "study": done.study_uid, "state": done.state, "effect": done.words}

    @app.post("/fhir/{version}/{kind}")
    async def create(version: Version, kind: str, request: Request) -> Response:
        return await _take(asking, version, kind, await json_content(request), is_update=False)

    @app.put("/fhir/{version}/{kind}/{name}")
    async def update(version: Version, kind: str, name: str, request: Request) -> Response:
        said = await json_content(request)
        if said.get("id") != name:
            raise BadInput(
                "id differs.", findings=[Finding(f"{kind}.id", "It is not that of the URL.", "FHIR 3.2.0.4")]
            )
        return await _take(asking, version, kind, said, is_update=True)

    @app.get("/fhir/{version}/Task/{name}")
    def task(version: Version, name: str) -> Response:
        return _fhir(standings.task(name, version))

    @app.get("/fhir/{version}/Task")
    def tasks(version: Version, request: Request) -> Response:
        return _fhir(standings.tasks(_study_of(request), version))

    @app.get("/fhir/{_version}/ServiceRequest/{name}")
    def service_request(_version: Version, name: str) -> Response:
        return _fhir(standings.service_request(name))

    _answer_refusals(app, refusals)
    return app


def _answer_refusals(app: FastAPI, refusals: RefusalLog) -> None:
    @app.exception_handler(StepwellError)
    async def refuse(request: Request, error: StepwellError) -> JSONResponse:
        address = request.client.host if request.client else ""
        await run_in_threadpool(refusals.tell_of_request, request.method, request.url.path, address, error)
        headers = {"Retry-After": "10"} if isinstance(error, Unavailable) else None
        status = HTTPStatus.CONFLICT if _is_conflict(error) else error.row.http
        if not request.url.path.startswith("/fhir/"):
            return JSONResponse({"error": error.row_key, "message": error.message}, status, headers)
        if isinstance(error, BadInput) and error.findings and status != HTTPStatus.CONFLICT:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
        findings = error.findings or (Finding("", error.message),)
        outcome = operation_outcome(findings, _CODES.get(int(status), "invalid"))
        return JSONResponse(outcome, status, headers, media_type=_FHIR)


async def json_content(request: Request) -> dict[str, Any]:
    """A JSON object; of no other media type, so that no form of a foreign page can send one.

    Raises:
        BadInput: it is no JSON object, or too long.
        UnsupportedMediaType: it says that it is something else.
    """
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in _JSON:
        raise UnsupportedMediaType(f"The content has to be of one of {', '.join(sorted(_JSON))}.")
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > _LONGEST:
            raise BadInput(f"The content is longer than {_LONGEST} bytes.", key="too-large")
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise BadInput("The content is no JSON (RFC 8259).") from error
    if not isinstance(found, dict):
        raise BadInput("The content is no JSON object.")
    return found


async def _take(asking: Asking, version: Version, kind: str, said: dict[str, Any], *, is_update: bool) -> Response:
    if kind not in REQUESTS:
        raise NotFound(f"Of FHIR resources only {' and '.join(REQUESTS)} are taken.")
    if said.get("resourceType") != kind:
        raise BadInput("Wrong type.", findings=[Finding("resourceType", f"It is not {kind}.", "FHIR 3.2.0.8")])
    request = await run_in_threadpool(read_request, said, version, is_update=is_update)
    action = doing(request.order.control, request.order.status).action
    done = await run_in_threadpool(asking.by_resource, request, action)
    created = not is_update
    answer = {**said, "id": said["id"] if is_update else str(done.number)}
    headers = {"Location": f"/fhir/{version}/{kind}/{done.number}"} if created else {}
    return _fhir(answer, HTTPStatus.CREATED if created else HTTPStatus.OK, headers)


def _is_conflict(error: StepwellError) -> bool:
    return isinstance(error, MessageRefused)


def _study_of(request: Request) -> str:
    said = request.query_params.get("focus:identifier", "")
    study = said.rpartition("|")[2].removeprefix("urn:oid:")
    if not study:
        words = "Search by focus:identifier=urn:dicom:uid|urn:oid:<Study Instance UID>."
        raise BadInput(words, findings=[Finding("focus:identifier", words, "FHIR 3.2.1.5.5")])
    return study


def _fhir(content: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, media_type=_FHIR)


@contextmanager
def http_server(app: FastAPI, host: str, port: int) -> Iterator[None]:
    """Serve while the block runs."""
    server = uvicorn.Server(server_config(app, host, port))
    serving = threading.Thread(target=server.run, name="triggers-http")
    serving.start()
    waiting: Callable[[float], None] = serving.join
    while not server.started and serving.is_alive():
        waiting(_STARTED_SECONDS)
    try:
        yield
    finally:
        server.should_exit = True
        serving.join()
