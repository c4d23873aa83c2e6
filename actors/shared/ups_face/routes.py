"""UPS-RS routes (PS3.18 2024e chapter 11). They translate; the worklist decides."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from actors.shared.ups_face import conveyance as wire
from profiles.dicom import text
from profiles.errors import BadInput, StepwellError, error_row
from workitems.search import Page
from workitems.worklist import Outcome, Worklist

SEARCH_MAXIMUM = 500
BODY_MAXIMUM = 4 * 2**20
Refused = Callable[[Request, StepwellError], None]


def ups_router(
    worklist: Worklist, refused: Refused, taken: Callable[[Request], None] = lambda _request: None
) -> APIRouter:
    """The routes of one worklist below its service base.

    Args:
        worklist: the domain.
        refused: told of every refusal, in a thread that may wait, to log and audit it.
        taken: told of every request that may change something, before anything is done about it.
    """
    router = APIRouter()
    face = _Face(worklist, refused, taken)
    router.add_api_route("/workitems", face.guarded(face.create), methods=["POST"])
    router.add_api_route("/workitems", face.guarded(face.search), methods=["GET"])
    router.add_api_route("/workitems/{uid}", face.guarded(face.retrieve), methods=["GET"])
    router.add_api_route("/workitems/{uid}", face.guarded(face.update), methods=["POST"])
    router.add_api_route("/workitems/{uid}/state", face.guarded(face.change_state), methods=["PUT"])
    router.add_api_route("/workitems/{uid}/cancelrequest", face.guarded(face.request_cancel), methods=["POST"])
    return router


def _service(request: Request) -> str:
    return str(request.url).split("/workitems", maxsplit=1)[0]


def _warning(request: Request, words: str) -> dict[str, str]:
    return {"Warning": f"299 {_service(request)}: {words}"} if words else {}


def _answer(request: Request, outcome: Outcome, status: int) -> Response:
    headers = _warning(request, error_row(outcome.warning).warning) if outcome.warning else {}
    return Response(status_code=status, headers=headers)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_MAXIMUM:
            raise BadInput(f"The payload is larger than {BODY_MAXIMUM} bytes; no workitem needs that.", key="too-large")
    return bytes(body)


class _Face:
    """The handlers of one worklist."""

    def __init__(self, worklist: Worklist, refused: Refused, taken: Callable[[Request], None]) -> None:
        self._worklist, self._refused, self._taken = worklist, refused, taken

    def guarded(self, handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            try:
                if request.method != "GET":
                    self._taken(request)
                return await handler(request)
            except StepwellError as error:
                await run_in_threadpool(self._refused, request, error)
                headers = _warning(request, error.row.warning)
                return Response(wire.error_body(error), error.row.http, headers, "application/json")

        return handle

    async def create(self, request: Request) -> Response:
        dataset = wire.read_dataset(await _body(request), request.headers.get("content-type"))
        uid = wire.created_uid(request.url.query, request.query_params)
        outcome = await run_in_threadpool(self._worklist.create, dataset, uid)
        answer = _answer(request, outcome, 201)
        answer.headers["Location"] = f"{_service(request)}/workitems/{outcome.uid}"
        return answer

    async def retrieve(self, request: Request) -> Response:
        wire.require_accept(request.headers.get("accept"))
        dataset = await run_in_threadpool(self._worklist.retrieve, request.path_params["uid"])
        return Response(orjson.dumps([dataset]), 200, media_type=wire.JSON)

    async def search(self, request: Request) -> Response:
        wire.require_accept(request.headers.get("accept"))
        parameters = request.query_params
        limit = min(wire.number(parameters, "limit", SEARCH_MAXIMUM), SEARCH_MAXIMUM)
        offset = wire.number(parameters, "offset", 0)
        page: Page = await run_in_threadpool(self._worklist.search, wire.search_keys(parameters), limit, offset)
        words = [f"There are {page.remaining} additional results that can be requested"] if page.remaining else []
        if parameters.get("fuzzymatching") == "true":
            words.append(error_row("fuzzymatching-unsupported").warning)
        headers = _warning(request, "; ".join(words))
        if not page.workitems:
            return Response(status_code=204, headers=headers)
        return Response(orjson.dumps(page.workitems), 200, headers, wire.JSON)

    async def update(self, request: Request) -> Response:
        changes = wire.read_dataset(await _body(request), request.headers.get("content-type"))
        transaction = wire.transaction_uid(request.url.query, request.query_params, changes)
        outcome = await run_in_threadpool(self._worklist.update, request.path_params["uid"], changes, transaction)
        return _answer(request, outcome, 200)

    async def change_state(self, request: Request) -> Response:
        wanted = wire.read_dataset(await _body(request), request.headers.get("content-type"))
        state = text(wanted, "ProcedureStepState")
        transaction = text(wanted, "TransactionUID") or None
        outcome = await run_in_threadpool(
            self._worklist.change_state, request.path_params["uid"], state, transaction, wire.requester(request)
        )
        return _answer(request, outcome, 200)

    async def request_cancel(self, request: Request) -> Response:
        details = wire.read_dataset(await _body(request), request.headers.get("content-type"), optional=True)
        outcome = await run_in_threadpool(
            self._worklist.request_cancel, request.path_params["uid"], details, wire.requester(request)
        )
        return _answer(request, outcome, 202)
