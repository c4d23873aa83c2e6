"""Queries over HTTP: ITI-82 Retrieve Syslog Event, and parsed events as JSON. Every query leaves audit events."""

from __future__ import annotations

from dataclasses import fields
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import orjson
from fastapi import APIRouter, Request, Response

from actors.event_repository.auditing import tell_used
from actors.event_repository.ingest import Ingest
from profiles.errors import BadInput, NotAcceptable
from profiles.sole.message import clean
from profiles.sole.retrieval import GREATEST_ANSWER, parse_date, parse_query
from sole_logging.store import EventQuery, EventStore

LIMIT = 1000
HEALTH = "/health"
_PATIENCE_SECONDS = 2.0
_TEXTS = (*(field.name for field in fields(EventQuery) if field.default == ""), "family")


class Queries:
    """What may be asked of the repository.

    Args:
        store: what is asked.
        ingest: takes the audit events of the questions (SOLE-066).
    """

    def __init__(self, store: EventStore, ingest: Ingest) -> None:
        self._store, self._ingest = store, ingest

    def events(self, request: Request) -> Response:
        """``GET /events``: parsed events by accession, study, workitem, order, patient, code, step or time."""
        self._store.await_reading(_PATIENCE_SECONDS)
        found = self._store.search(event_query(list(request.query_params.multi_items())))
        self._audit(request)
        return Response(orjson.dumps(found), media_type="application/json")

    def messages(self, request: Request) -> Response:
        """``GET /syslogsearch``: messages as they came (ITI-82)."""
        media_type = _accepted(request.query_params.get("_format") or request.headers.get("accept", "*/*"))
        query = parse_query(request.query_params.multi_items())
        if query.count is None or query.count > GREATEST_ANSWER:
            matching = self._store.count_messages(query)
            if matching > GREATEST_ANSWER:
                raise BadInput(
                    f"{matching} messages match, and one answer holds {GREATEST_ANSWER}; ask for a shorter time, or "
                    "for pages with _count and _offset.",
                    key="too-large",
                )
        found = self._store.messages(query)
        self._audit(request)
        body = _as_xml(found) if media_type == "application/xml" else orjson.dumps({"Events": found})
        return Response(body, media_type=media_type)

    def health(self) -> dict[str, Any]:
        """``GET /health``."""
        taken = {"received": self._ingest.received, "duplicates": self._ingest.duplicates}
        return {"actor": "event_repository", "state": "ready", **self._store.figures(), **taken}

    def _audit(self, request: Request) -> None:
        tell_used(self._ingest, request, request.url.query)

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter()
        router.add_api_route("/events", self.events, methods=["GET"], response_model=None)
        router.add_api_route("/syslogsearch", self.messages, methods=["GET"], response_model=None)
        router.add_api_route(HEALTH, self.health, methods=["GET"])
        return router


def event_query(parameters: list[tuple[str, str]]) -> EventQuery:
    """Read the parameters of ``GET /events``.

    Raises:
        BadInput: when one is unknown, given twice, or malformed.
    """
    values: dict[str, Any] = {}
    for name, value in parameters:
        if name in values:
            raise BadInput(f"{name} is given twice; give each parameter once.")
        if name in _TEXTS:
            values[name] = value
        elif name in ("limit", "offset"):
            values[name] = _number(name, value)
        elif name == "since":
            values[name] = parse_date(value).low
        elif name == "until":
            values[name] = parse_date(value).high
        else:
            known = ", ".join((*_TEXTS, "since", "until", "limit", "offset"))
            raise BadInput(f"{name!r} cannot be searched for; search by {known}.")
    return EventQuery(**values)


def _number(name: str, value: str) -> int:
    highest = LIMIT if name == "limit" else 10**9
    if not (value.isascii() and value.isdecimal()) or len(value) > 9 or int(value) > highest:  # noqa: PLR2004 - digits
        raise BadInput(f"{name} is {value!r}; it is a number from 0 to {highest}.")
    return int(value)


def _accepted(accept: str) -> str:
    for part in accept.split(","):
        media_type = part.split(";")[0].strip().lower()
        if media_type in ("*/*", "application/*", "application/json", "json"):
            return "application/json"
        if media_type in ("application/xml", "text/xml", "xml"):
            return "application/xml"
    raise NotAcceptable("ITI-82 is answered as application/json or application/xml; name one of them in Accept.")


def _as_xml(messages: list[dict[str, str]]) -> bytes:
    root = Element("Events")
    for message in messages:
        event = SubElement(root, "Event")
        for name, value in message.items():
            SubElement(event, name).text = clean(value)
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document
