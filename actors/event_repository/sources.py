"""Who sends, and what is not as it should be: ``/sources`` and ``/quarantine``, as pages for people and as JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from actors.event_repository.auditing import tell_used
from actors.event_repository.ingest import Ingest
from actors.shared.pages import Templates
from profiles.errors import BadInput, NotFound
from sole_logging.records import moment
from sole_logging.store import EventStore, Sender
from sole_logging.store.searching import kept

PACKAGE = "actors.event_repository"
_MOST = 1000
_PAGE = 100
#: A clock may be wrong by a second at most (ITI TF-2 3.1.4.1.2), and an event needs time to arrive.
_AHEAD_SECONDS, _LATE_SECONDS = 2.0, 60.0
_SHOWN_OCTETS = 65_536
_NUMBER_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Source:
    """A sender, as seen now.

    Attributes:
        silent_seconds: for how long nothing has come from it.
        clock: what its times tell of its clock, in words; empty when nothing strikes.
    """

    sender: Sender
    silent_seconds: float
    clock: str

    @classmethod
    def of(cls, sender: Sender, now: datetime) -> Source:
        """A sender at a moment."""
        return cls(sender, max(0.0, (now - sender.last_seen).total_seconds()), clock_of(sender.delay_seconds))

    @property
    def document(self) -> dict[str, Any]:
        """All of it, JSON-ready."""
        return {**asdict(self.sender), "silent_seconds": round(self.silent_seconds, 3), "clock": self.clock}


def clock_of(delay_seconds: float | None) -> str:
    """What the delay between events and their arrival tells: a clock that is ahead, or one behind, or late sending."""
    if delay_seconds is None or -_AHEAD_SECONDS <= delay_seconds <= _LATE_SECONDS:
        return ""
    return "ahead" if delay_seconds < 0 else "behind, or sent late"


class Sources:
    """The pages about senders and their messages.

    Args:
        store: what is shown.
        ingest: takes the audit events of looking.
        now: the clock.
    """

    def __init__(self, store: EventStore, ingest: Ingest, now: Callable[[], datetime]) -> None:
        self._store, self._ingest, self._now = store, ingest, now
        self._templates = Templates(PACKAGE)

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter()
        for path, endpoint in (
            ("/sources", self.sources),
            ("/quarantine", self.quarantine),
            ("/quarantine/{number}", self.message),
            ("/quarantine/{number}/raw", self.raw),
        ):
            router.add_api_route(path, endpoint, methods=["GET"], response_model=None)
        return router

    def sources(self, request: Request) -> Response:
        """``GET /sources``: who sends, who was silent the longest first."""
        now = self._now()
        found = [Source.of(sender, now) for sender in self._store.senders(_MOST)]
        tell_used(self._ingest, request)
        if wants_json(request):
            return _json([one.document for one in found])
        return self._templates.page("sources.html", sources=found, figures=self._store.figures(), now=now, most=_MOST)

    def quarantine(self, request: Request) -> Response:
        """``GET /quarantine``: messages with a flaw, the newest first, with what is wrong."""
        offset = _number(request.query_params.get("offset", "0"))
        found = self._store.quarantine(_PAGE + 1, offset)
        tell_used(self._ingest, request)
        rows, more = found[:_PAGE], len(found) > _PAGE
        if wants_json(request):
            return _json(rows)
        rows = [{**row, "at": datetime.fromisoformat(row["received_at"])} for row in rows]
        following = offset + _PAGE if more else None
        earlier = max(0, offset - _PAGE) if offset else None
        return self._templates.page("quarantine.html", rows=rows, following=following, earlier=earlier)

    def message(self, request: Request, number: str) -> Response:
        """``GET /quarantine/NUMBER``: one message as it came, safe to look at."""
        received_at, raw = self._kept(request, number)
        shown = legible(raw[:_SHOWN_OCTETS])
        left = max(0, len(raw) - _SHOWN_OCTETS)
        at = moment(received_at)
        return self._templates.page("message.html", number=number, at=at, shown=shown, left=left, octets=len(raw))

    def raw(self, request: Request, number: str) -> Response:
        """``GET /quarantine/NUMBER/raw``: its octets, to keep and not to show."""
        _, raw = self._kept(request, number)
        headers = {"Content-Disposition": f'attachment; filename="message-{number}.txt"', "Cache-Control": "no-store"}
        return Response(raw, media_type="application/octet-stream", headers=headers)

    def _kept(self, request: Request, number: str) -> tuple[int, bytes]:
        with self._store.database.read() as connection:
            found = kept(connection, number=_number(number))
        if found is None:
            raise NotFound("There is no message with this number; it may be older than what is kept.")
        tell_used(self._ingest, request)
        return found


def legible(octets: bytes) -> str:
    """Octets as a text that shows each of them: what is no UTF-8, and control characters, as escapes."""
    text = octets.decode("utf-8", "backslashreplace")
    return "".join(one if one.isprintable() or one == "\n" else f"\\x{ord(one):02x}" for one in text)


def wants_json(request: Request) -> bool:
    """Whether the caller is a program: it names JSON and not HTML."""
    if told := request.query_params.get("_format"):
        return told.endswith("json")
    accept = request.headers.get("accept", "")
    return "json" in accept and "html" not in accept


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > _NUMBER_DIGITS:
        raise BadInput("This is no number of a message.")
    return int(text)


def _json(told: Any) -> Response:
    return Response(orjson.dumps(told), media_type="application/json", headers={"Cache-Control": "no-store"})
