"""Queries over HTTP: events for traces, pages and reporters that ask what has arrived."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Body, Request, Response

from actors.shared.logs import get_logger
from profiles.errors import BadInput, StepwellError
from sole_logging.store import EventStore

LIMIT = 1000
_log = get_logger(__name__)


def events_router(store: EventStore) -> APIRouter:
    """The routes over one store."""
    router = APIRouter()

    @router.get("/events")
    def events(request: Request) -> Response:
        keys = {key: value for key, value in request.query_params.items() if key != "limit"}
        try:
            limit = _limit(request.query_params.get("limit", str(LIMIT)))
            found = store.search(keys, limit)
        except StepwellError as error:
            _log.warning("refused", path="/events", error=error.row_key)
            body = orjson.dumps({"error": error.row_key, "message": error.message})
            return Response(body, error.row.http, media_type="application/json")
        return Response(orjson.dumps(found), media_type="application/json")

    @router.post("/arrived")
    def arrived(event_ids: Annotated[list[str], Body(max_length=LIMIT)]) -> list[str]:
        return store.arrived(event_ids)

    return router


def _limit(value: str) -> int:
    if not value.isdecimal() or not 0 < int(value) <= LIMIT:
        raise BadInput(f"limit is {value!r}; it is a number from 1 to {LIMIT}.")
    return int(value)
