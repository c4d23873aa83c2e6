"""RAD-124 Transfer Multiple Events: ``POST /bulk-syslog-events`` (sole.md 3.4)."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from actors.event_repository.auditing import address_of
from actors.event_repository.bodies import Bodies
from actors.event_repository.ingest import Ingest
from profiles.errors import BadInput
from profiles.sole.transfer import parse_batch

_CHANNEL = "bulk"
_NO_CONTENT = 204


class Bulk:
    """Takes batches of events: all of one, or nothing of it (SOLE-054).

    Args:
        ingest: stores them.
        bodies: reads the requests.
    """

    def __init__(self, ingest: Ingest, bodies: Bodies) -> None:
        self._ingest, self._bodies = ingest, bodies

    def router(self) -> APIRouter:
        """The route."""
        router = APIRouter()
        router.add_api_route("/bulk-syslog-events", self.take, methods=["POST"], response_model=None)
        return router

    async def take(self, request: Request) -> Response:
        """Store a batch; 204 says that all of it is on disk (SOLE-050)."""
        body = await self._bodies.read(request, "application/json")
        await run_in_threadpool(self._store, body, address_of(request))
        return Response(status_code=_NO_CONTENT)

    def _store(self, body: bytes, peer: str) -> None:
        try:
            messages = parse_batch(body)
        except BadInput as error:
            self._ingest.note(peer, f"RAD-124: {error.message}")
            raise
        self._ingest.store(messages, _CHANNEL, peer)
