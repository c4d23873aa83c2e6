"""Event Repositories with one defect each."""

from __future__ import annotations

import itertools
import json
import ssl
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl

from connectathon.bad_peers.defects import defect
from connectathon.bad_peers.spoiling import Exchange, spoil_answers
from profiles.sole.event import SecurityEvent

ACTOR = "event_repository"


def _spoil_receipts(change: Callable[[bytes], bytes | None]) -> None:
    """From now on every message passes through a function before it is stored; None drops it."""
    from actors.event_repository.ingest import Ingest

    honest = Ingest.take

    def take(self: Ingest, messages: Sequence[bytes], channel: str, peer: str = "") -> None:
        changed = messages if channel == "local" else [one for one in map(change, messages) if one is not None]
        if changed:
            honest(self, changed, channel, peer)

    Ingest.take = take  # type: ignore[method-assign]


def _document(raw: bytes) -> bytes:
    """MSG, where it is an audit message."""
    return raw[raw.index(b"<AuditMessage") :] if b"<AuditMessage" in raw else b""


def _spoil_messages(change: Callable[[dict[str, str], list[dict[str, str]]], list[dict[str, str]]]) -> None:
    """From now on the messages of every answer of ITI-82 pass through a function, together with the query."""

    def spoil(exchange: Exchange) -> None:
        if exchange.path.endswith("/syslogsearch") and exchange.ok:
            asked = dict(parse_qsl(exchange.query))
            exchange.answer({"Events": change(asked, exchange.json()["Events"])})

    spoil_answers(spoil)


def _spoil_queries(change: Callable[[list[tuple[str, str]]], list[tuple[str, str]]]) -> None:
    """From now on the parameters of every query of ITI-82 pass through a function."""
    from actors.event_repository import routes

    honest = vars(routes)["parse_query"]
    vars(routes)["parse_query"] = lambda parameters: honest(change(list(parameters)))


@defect("event-er-loses-some", ACTOR, "one message in a hundred is lost", fails=("SOLE-ER-001",))
def _loses_some() -> None:
    numbers = itertools.count(1)
    _spoil_receipts(lambda raw: None if "Süd".encode() in raw and next(numbers) % 100 == 0 else raw)


@defect("event-er-cuts-long", ACTOR, "messages are cut at 32000 octets", fails=("SOLE-ER-001",))
def _cuts_long() -> None:
    _spoil_receipts(lambda raw: raw[:32_000])


@defect("event-er-only-ascii", ACTOR, "letters beyond ASCII are lost in audit messages", fails=("SOLE-ER-001",))
def _only_ascii() -> None:
    mark = "Süd ".encode()  # of many messages over syslog; what comes another way too is left alone
    _spoil_receipts(lambda raw: raw.decode().encode("ascii", "replace") if _document(raw) and mark in raw else raw)


@defect("event-er-audit-only", ACTOR, "what is no XML is thrown away", fails=("SOLE-ER-002",))
def _audit_only() -> None:
    _spoil_receipts(lambda raw: raw if b" - <" in raw or b" q" in raw else None)


@defect("event-er-one-line", ACTOR, "a message is kept up to its first line end", fails=("SOLE-ER-002",))
def _one_line() -> None:
    _spoil_receipts(lambda raw: raw.split(b"\n")[0])


@defect("event-er-no-structured-data", ACTOR, "messages with structured data are refused", fails=("SOLE-ER-002",))
def _no_structured_data() -> None:
    _spoil_receipts(lambda raw: None if b" [origin@" in raw else raw)


@defect("event-er-whole-reads", ACTOR, "a count has to come in one piece", fails=("SOLE-ER-003",))
def _whole_reads() -> None:
    from profiles.sole.syslog import FrameDecoder

    honest = FrameDecoder.feed

    def feed(self: FrameDecoder, data: bytes | memoryview) -> Any:
        begun = self.in_message or b" " in bytes(data)
        return honest(self, data if begun else b"")

    FrameDecoder.feed = feed  # type: ignore[method-assign]


@defect("event-er-patient-with-liars", ACTOR, "a wrong count leaves the connection open", fails=("SOLE-ER-003",))
def _patient() -> None:
    from profiles.sole.syslog import BadFrame, FrameDecoder

    honest = FrameDecoder.feed

    def feed(self: FrameDecoder, data: bytes | memoryview) -> Any:
        try:
            yield from honest(self, data)
        except BadFrame:
            return

    FrameDecoder.feed = feed  # type: ignore[method-assign]


@defect("event-er-one-for-all", ACTOR, "a wrong count ends every connection", fails=("SOLE-ER-003",))
def _one_for_all() -> None:
    from actors.event_repository.syslog_server import Stream

    honest = Stream.abort

    def abort(self: Stream) -> None:
        for one in list(self._server.streams):
            honest(one)

    Stream.abort = abort  # type: ignore[method-assign]


@defect("event-er-drops-malformed", ACTOR, "what it cannot read is dropped without a word", warns=("SOLE-ER-004",))
def _drops_malformed() -> None:
    from profiles.sole.syslog import parse_syslog

    _spoil_receipts(lambda raw: raw if parse_syslog(raw) else None)


@defect("event-er-drops-broken-xml", ACTOR, "broken XML is dropped without a word", warns=("SOLE-ER-004",))
def _drops_broken() -> None:
    _spoil_receipts(lambda raw: None if b"<AuditMessage" in raw and not raw.endswith(b"</AuditMessage>") else raw)


@defect("event-er-open-bounds", ACTOR, "ge and le leave out the bounds themselves", warns=("SOLE-ER-005",))
def _open_bounds() -> None:
    _spoil_queries(
        lambda told: [
            (name, value.replace("ge", "gt").replace("le", "lt") if name == "date" else value) for name, value in told
        ]
    )


@defect("event-er-no-upper-bound", ACTOR, "only the first date of a query is heeded", warns=("SOLE-ER-005",))
def _first_date() -> None:
    _spoil_queries(lambda told: [pair for n, pair in enumerate(told) if pair[0] != "date" or n == 0])


@defect("event-er-no-array", ACTOR, "members of a message are numbers and are missing", warns=("SOLE-ER-005",))
def _members() -> None:
    _spoil_messages(lambda _, events: [{key: one[key] for key in one if key != "Version"} for one in events])


@defect("event-er-application-ignored", ACTOR, "app-name narrows nothing", warns=("SOLE-ER-006",))
def _application_ignored() -> None:
    _spoil_queries(lambda told: [pair for pair in told if pair[0] != "app-name"])


@defect("event-er-code-by-prefix", ACTOR, "msg-id gives what begins so", warns=("SOLE-ER-006",))
def _code_by_prefix() -> None:
    def widened(told: list[tuple[str, str]]) -> list[tuple[str, str]]:
        return [(name, "SOLE11,SOLE114,SOLE115" if value == "SOLE11" else value) for name, value in told]

    _spoil_queries(widened)


@defect("event-er-parameters-or", ACTOR, "of several parameters one is enough", warns=("SOLE-ER-006",))
def _any_parameter() -> None:
    _spoil_queries(lambda told: [pair for pair in told if pair[0] != "procid" or len(told) < 5])  # noqa: PLR2004


@defect("event-er-everything-undated", ACTOR, "a query without a date gives everything", warns=("SOLE-ER-007",))
def _undated() -> None:
    _spoil_queries(lambda told: told if any(name == "date" for name, _ in told) else [("date", "ge1970-01-01"), *told])


@defect("event-er-nothing-is-missing", ACTOR, "no match is answered with 404", warns=("SOLE-ER-007",))
def _missing() -> None:
    def spoil(exchange: Exchange) -> None:
        asked = dict(parse_qsl(exchange.query))
        if exchange.ok and asked.get("hostname", "").startswith("no-") and not exchange.json()["Events"]:
            exchange.status, exchange.body = 404, json.dumps({"error": "not-found"}).encode()

    spoil_answers(spoil)


@defect("event-er-no-trace", ACTOR, "queries leave no record", warns=("SOLE-ER-010",))
def _no_trace() -> None:
    from actors.event_repository.ingest import Ingest

    honest = Ingest.record

    def record(self: Ingest, event: SecurityEvent) -> None:
        if event.kind not in ("audit-log-used", "query"):
            honest(self, event)

    Ingest.record = record  # type: ignore[method-assign]


@defect("event-er-keeps-duplicates", ACTOR, "a message sent again is stored again", warns=("SOLE-ER-001",))
def _keeps_duplicates() -> None:
    from actors.event_repository import ingest

    numbers, honest = itertools.count(1), vars(ingest)["row_of"]
    vars(ingest)["row_of"] = lambda *told: (str(next(numbers)).encode(), *honest(*told)[1:])


@defect("event-er-no-alert", ACTOR, "nothing tells of a stranger at the door", warns=("SOLE-ER-011",))
def _no_alert() -> None:
    from actors.event_repository.syslog_server import SyslogServer

    SyslogServer.handshake_failed = lambda self, peer, error: None  # type: ignore[method-assign]


@defect("event-er-lets-anybody-in", ACTOR, "senders need no certificate", fails=("SOLE-ER-011",))
def _anybody() -> None:
    _spoil_context(lambda context: setattr(context, "verify_mode", ssl.CERT_NONE))


@defect("event-er-optional-certificate", ACTOR, "a certificate is checked only when shown", fails=("SOLE-ER-011",))
def _optional() -> None:
    _spoil_context(lambda context: setattr(context, "verify_mode", ssl.CERT_OPTIONAL))


@defect("event-er-old-tls", ACTOR, "TLS 1.1 is spoken", fails=("SOLE-ER-011",))
def _old_tls() -> None:
    def spoil(context: ssl.SSLContext) -> None:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED

    _spoil_context(spoil)


def _spoil_context(change: Callable[[ssl.SSLContext], None]) -> None:
    from actors.event_repository import syslog_server

    honest = syslog_server.server_context

    def dishonest(tls: Any) -> ssl.SSLContext:
        context = honest(tls)
        change(context)
        return context

    syslog_server.server_context = dishonest
