"""AuditEvents of FHIR R4: the feed of ITI-20 (sole.md 3.5), and ITI-81 Retrieve ATNA Audit Event (sole.md 7.1)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from actors.event_repository.auditing import address_of, tell_used
from actors.event_repository.bodies import Bodies
from actors.event_repository.ingest import Ingest
from profiles.errors import BadInput, NotAcceptable, NotFound, StepwellError
from profiles.fhir.audit import audit_event
from profiles.fhir.audit_message import require_audit_event, syslog_message_of
from profiles.fhir.audit_search import AuditQuery, parse_audit_query
from profiles.fhir.audit_table import Json
from profiles.sole.repairing import closed
from profiles.sole.syslog import parse_syslog
from profiles.sole.transfer import GREATEST_BATCH
from sole_logging.records import moment, row_of
from sole_logging.store import EventStore
from sole_logging.store.searching import audit_messages, kept

MEDIA_TYPE = "application/fhir+json"
_TAKEN = (MEDIA_TYPE, "application/json")
_PATIENCE_SECONDS = 2.0
#: A page ends after so many messages were looked at, whatever was found; the next one goes on from there.
_LOOKED_AT = 20_000
_CREATED = 201
#: Codes of OperationOutcome by HTTP status (FHIR R4 value set issue-type).
_ISSUES = {400: "invalid", 401: "login", 403: "forbidden", 404: "not-found", 408: "timeout", 413: "too-long"}
_ISSUES |= {405: "not-supported", 406: "not-supported", 415: "not-supported", 503: "transient"}


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the answer; ``after`` is where the next one begins, None when there is none."""

    events: Sequence[Json]
    after: tuple[int, int] | None


class AuditEvents:
    """What may be done with AuditEvents.

    Args:
        store: what is asked.
        ingest: stores what is sent, and takes the audit events of the questions (SOLE-066).
        bodies: reads the requests.
    """

    def __init__(self, store: EventStore, ingest: Ingest, bodies: Bodies) -> None:
        self._store, self._ingest, self._bodies = store, ingest, bodies

    def router(self) -> APIRouter:
        """The routes; a Bundle may be sent to the base, too (FHIR R4 http.html#transaction)."""
        router = APIRouter()
        router.add_api_route("/AuditEvent", self.search, methods=["GET"], response_model=None)
        router.add_api_route("/AuditEvent/_search", self.search_by_form, methods=["POST"], response_model=None)
        router.add_api_route("/AuditEvent/{identifier}", self.read, methods=["GET"], response_model=None)
        for path in ("/AuditEvent", "/"):
            router.add_api_route(path, self.take, methods=["POST"], response_model=None)
        return router

    def search(self, request: Request) -> Response:
        """``GET /AuditEvent``: a Bundle of the AuditEvents that match, in pages."""
        return self._answer(request, request.query_params.multi_items())

    async def search_by_form(self, request: Request) -> Response:
        """``POST /AuditEvent/_search``: the same, with parameters that stay out of the logs of proxies."""
        body = await self._bodies.read(request, "application/x-www-form-urlencoded")
        form = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        return await run_in_threadpool(self._answer, request, [*request.query_params.multi_items(), *form])

    def read(self, request: Request, identifier: str) -> Response:
        """``GET /AuditEvent/ID``: one of them."""
        _require_json(request)
        try:
            key = bytes.fromhex(identifier)
        except ValueError:
            key = b""
        with self._store.database.read() as connection:
            found = kept(connection, key=key)
        event = _event_of(found[1], found[0], key) if found else None
        if event is None:
            raise NotFound("There is no AuditEvent with this id; it may be older than what is kept.")
        tell_used(self._ingest, request)
        return _resource(event)

    async def take(self, request: Request) -> Response:
        """``POST /AuditEvent``: one AuditEvent, or a Bundle of them; answered when they are on disk."""
        body = await self._bodies.read(request, *_TAKEN)
        return await run_in_threadpool(self._take, body, request)

    def _answer(self, request: Request, parameters: list[tuple[str, str]]) -> Response:
        _require_json(request)
        query = parse_audit_query(parameters)
        self._store.await_reading(_PATIENCE_SECONDS)
        page = self._page(query)
        tell_used(self._ingest, request, urlencode(parameters))
        base = str(request.url.replace(query="")).removesuffix("/_search")
        links = [{"relation": "self", "url": f"{base}?{urlencode(parameters)}"}]
        if page.after:
            others = [pair for pair in parameters if pair[0] != "_after"]
            following = urlencode([*others, ("_after", f"{page.after[0]}.{page.after[1]}")])
            links.append({"relation": "next", "url": f"{base}?{following}"})
        entries = [
            {"fullUrl": f"{base}/{one['id']}", "resource": one, "search": {"mode": "match"}} for one in page.events
        ]
        whole = page.after is None and query.after is None and query.count
        return _resource(
            {
                "resourceType": "Bundle",
                "id": str(uuid.uuid4()),
                "type": "searchset",
                **({"total": len(entries)} if whole else {}),
                "link": links,
                **({"entry": entries} if entries else {}),
            }
        )

    def _page(self, query: AuditQuery) -> Page:
        found: list[Json] = []
        place = None
        with self._store.database.read() as connection:
            messages = audit_messages(connection, query.dates, query.after, newest_first=query.newest_first)
            with closing(messages):
                for number, message in enumerate(messages):
                    if len(found) >= query.count or number >= _LOOKED_AT:
                        return Page(found, place)
                    place = message.place
                    if query.may_match(message.raw):
                        event = _event_of(message.raw, message.received_at, message.key)
                        if event and query.matches(event):
                            found.append(event)
        return Page(found, None)

    def _take(self, body: bytes, request: Request) -> Response:
        try:
            told = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise BadInput("The body is no JSON; send an AuditEvent of FHIR R4, or a Bundle of them.") from error
        base = str(request.base_url).rstrip("/")
        if isinstance(told, dict) and told.get("resourceType") == "Bundle":
            return self._take_bundle(told, base, address_of(request))
        (message,) = self._messages([told], address_of(request))
        self._ingest.store([message], "fhir", address_of(request))
        location = f"{base}/AuditEvent/{_identifier(message)}"
        return Response(status_code=_CREATED, headers={"Location": location})

    def _messages(self, resources: Sequence[Any], peer: str) -> list[bytes]:
        try:
            return [syslog_message_of(require_audit_event(one)) for one in resources]
        except BadInput as error:
            self._ingest.note(peer, f"FHIR feed: {error.message}")
            raise

    def _take_bundle(self, bundle: Json, base: str, peer: str) -> Response:
        """Entries of a batch are taken each for itself, those of any other Bundle all or none (FHIR R4 http.html)."""
        entries = bundle.get("entry")
        if not isinstance(entries, list) or not entries:
            raise BadInput("The Bundle has no entry; send AuditEvents in it.")
        if len(entries) > GREATEST_BATCH:
            raise BadInput(f"The Bundle has more than {GREATEST_BATCH} entries; send several.", key="too-large")
        resources = [one.get("resource") if isinstance(one, dict) else None for one in entries]
        together = bundle.get("type") != "batch"
        messages: list[bytes] = self._messages(resources, peer) if together else []
        answers: list[Json] = []
        for place, resource in enumerate(resources):
            try:
                message = messages[place] if together else self._messages([resource], peer)[0]
            except BadInput as error:
                answers.append({"response": {"status": str(error.row.http), "outcome": outcome(error)}})
                continue
            if not together:
                messages.append(message)
            location = f"{base}/AuditEvent/{_identifier(message)}"
            answers.append({"response": {"status": str(_CREATED), "location": location}})
        self._ingest.store(messages, "fhir", peer)
        kind = "transaction-response" if together else "batch-response"
        return _resource({"resourceType": "Bundle", "type": kind, "entry": answers})


def outcome(error: StepwellError) -> Json:
    """OperationOutcome of an error."""
    code = _ISSUES.get(error.row.http, "exception")
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": code, "diagnostics": error.message}],
    }


def _identifier(message: bytes) -> str:
    """The id of the AuditEvent that a message becomes: its key in the store, which is the same for the same message."""
    key: bytes = row_of(message, 0, "", "")[0]
    return key.hex()


def _resource(told: Json) -> Response:
    return Response(orjson.dumps(told), media_type=MEDIA_TYPE)


def _require_json(request: Request) -> None:
    accepted = [part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "*/*").split(",")]
    if not set(accepted) & {*_TAKEN, "*/*", "application/*"} and "_format" not in request.query_params:
        raise NotAcceptable(f"AuditEvents are answered as {MEDIA_TYPE}; name it in Accept.")


def _event_of(raw: bytes, received_at: int, key: bytes) -> Json | None:
    """The AuditEvent of a message; what is left of one that was cut off."""
    header = parse_syslog(raw)
    content = header.content if header else raw
    for document in (content, closed(content)):
        try:
            return audit_event(document, moment(received_at), key.hex(), header) if document else None
        except BadInput:
            continue
    return None
