"""What the repository records of its own use (SOLE-066): who asked, for what; and whom it turned away."""

from __future__ import annotations

import uuid

from fastapi import Request

from actors.event_repository.ingest import Ingest
from actors.shared.caller import LOCAL_CALLER, Caller
from profiles.sole.event import Outcome, SecurityEvent


def address_of(request: Request) -> str:
    """Network address of the caller."""
    return request.client.host if request.client else ""


def tell_used(ingest: Ingest, request: Request, query: str | None = None) -> None:
    """Record that the log was read (PS3.15 A.5.3.2), and the query where it was one (PS3.15 A.5.3.10).

    Args:
        ingest: takes the records.
        request: what was asked.
        query: its parameters; None when it was no query.
    """
    caller: Caller = getattr(request.state, "caller", LOCAL_CALLER)
    for kind, text in (("audit-log-used", ""), *([] if query is None else [("query", query)])):
        ingest.record(
            SecurityEvent(
                kind,
                ingest.now(),
                caller="" if caller is LOCAL_CALLER else caller.name,
                address=address_of(request),
                target=str(request.url.replace(query="")),
                query=text,
            )
        )


def tell_refused(ingest: Ingest, request: Request, reason: str) -> None:
    """Record that somebody was turned away (PS3.15 A.5.3.11)."""
    ingest.record(
        SecurityEvent(
            "request-refused",
            ingest.now(),
            Outcome.SERIOUS_FAILURE,
            address=address_of(request),
            target=request.url.path,
            description=f"{request.method} refused: {reason}",
            occurrence=str(uuid.uuid4()),
        )
    )
