"""The HTTP face of bulk requests, for the command line."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from actors.task_requester.triggers.bulk import BulkRequests
from actors.task_requester.triggers.http import json_content
from profiles.errors import BadInput


def bulk_router(bulk: BulkRequests) -> APIRouter:
    """The routes under ``/bulk``."""
    router = APIRouter(prefix="/bulk")

    @router.post("")
    async def ask(request: Request, response: Response) -> dict[str, Any]:
        said = await json_content(request)
        query, rule, limit, dry_run = (said.get(name) for name in ("query", "rule", "limit", "dry_run"))
        if not isinstance(query, str) or not isinstance(rule, str):
            raise BadInput("query and rule are texts.")
        if limit is not None and type(limit) is not int:
            raise BadInput("limit is a whole number.")
        done = await run_in_threadpool(bulk.ask, query, rule, limit, dry_run=bool(dry_run))
        response.status_code = HTTPStatus.OK if dry_run else HTTPStatus.CREATED
        return done

    @router.get("")
    def progress() -> list[dict[str, Any]]:
        return bulk.progress()

    @router.get("/{number}")
    def reasons(number: int) -> list[dict[str, str]]:
        return bulk.reasons(number)

    @router.post("/{number}/stop")
    async def stop(number: int, request: Request) -> dict[str, int]:
        await json_content(request)
        return {"stopped": await run_in_threadpool(bulk.stop, number)}

    return router
