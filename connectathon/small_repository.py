"""A small Event Repository in memory with what ours has not: RAD-124 and ITI-81, besides ITI-20 over TCP and ITI-82.

``python -m connectathon.small_repository PEER PORT SYSLOG_PORT`` takes commands (see :mod:`connectathon.commanded`).
PEER is a bad peer of ``small_repository``, or ``good``.
"""

from __future__ import annotations

import json
import socketserver
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from connectathon.bad_peers import bad_peers
from connectathon.commanded import Remote, commanded, obey
from profiles.errors import BadInput
from profiles.sole import ParsedEvent, parse
from profiles.sole.retrieval import TimeBound, parse_query
from profiles.sole.syslog import FrameDecoder, parse_syslog

ACTOR = "small_repository"
_LARGEST = 1024 * 1024
_SYSTEMS = {"radlex": "http://radlex.org", "urn:ihe:rad": "urn:ihe:rad"}
Record = dict[str, str]
MEMBERS = {
    "Pri": "pri",
    "Version": "version",
    "Timestamp": "timestamp",
    "Hostname": "hostname",
    "App-name": "application",
    "Procid": "process",
    "Msg-id": "message_id",
}


class Memory:
    """All records, and the rules of storing and finding them (sole.md 3.4, 7.1, 7.2)."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def take(self, raw: bytes) -> None:
        """A syslog message has come."""
        header = parse_syslog(raw)
        if header:
            record = {member: str(getattr(header, name)) for member, name in MEMBERS.items()}
            self.records.append({**record, "Msg": header.content.decode(errors="replace")})

    def submitted(self, kind: str, body: bytes) -> int:
        """A batch has come by RAD-124; the status of the answer. Either all of it is stored, or nothing."""
        if kind != "application/json":
            return 415
        try:
            events: list[Record] = json.loads(body)["Events"]
            records = [self.checked(one) for one in events]
        except (ValueError, KeyError, TypeError, BadInput):
            return 400
        if not records:
            return 400
        self.records += records
        return 204

    def checked(self, event: Record) -> Record:
        """One event of a batch; BadInput when its document is none."""
        record = {name: event[name] for name in (*MEMBERS, "Msg")}
        if record["Msg"].startswith("<"):
            parse(record["Msg"].encode())
        return record

    def search(self, query: str) -> list[Record]:
        """The records that an ITI-82 query matches."""
        asked = parse_query(parse_qsl(query, keep_blank_values=True))
        names = {name: member for member, name in MEMBERS.items()}
        return [
            record
            for record in self.records
            if within(record["Timestamp"], asked.dates)
            and all(record[names[name]] in values for name, values in asked.fields)
            and all(content in record["Msg"] for content in asked.contents)
        ]

    def audit_events(self, query: str) -> dict[str, Any]:
        """The Bundle that an ITI-81 search gives."""
        told = parse_qsl(query, keep_blank_values=True)
        codes = [value.rpartition("|")[2] for name, value in told if name == "subtype"]
        asked = parse_query([pair for pair in told if pair[0] == "date"])
        found = []
        for record in self.records:
            try:
                event = parse(record["Msg"].encode())
            except BadInput:
                continue
            told_codes = [code.code for code in event.codes]
            if within(record["Timestamp"], asked.dates) and all(code in told_codes for code in codes):
                found.append(self.resource(event, record))
        entries = [{"resource": one} for one in found]
        return {"resourceType": "Bundle", "type": "searchset", "total": len(found), "entry": entries}

    def resource(self, event: ParsedEvent, record: Record) -> dict[str, Any]:
        """One message as AuditEvent (sole.md 7.3)."""
        return {
            "resourceType": "AuditEvent",
            "type": {"system": "urn:ihe:rad", "code": "SOLE"},
            "subtype": [
                {"system": _SYSTEMS.get(code.scheme.lower(), code.scheme), "code": code.code} for code in event.codes
            ],
            "action": "E",
            "recorded": event.at.isoformat() if event.at else record["Timestamp"],
            "outcome": "0",
            "agent": [{"who": {"identifier": {"value": event.actor}}, "requestor": True}],
            "source": {"observer": {"identifier": {"value": record["Hostname"]}}},
        }


def within(timestamp: str, bounds: tuple[TimeBound, ...]) -> bool:
    """Whether a TIMESTAMP keeps all bounds."""
    at = datetime.fromisoformat(timestamp)
    conditions = {
        "ge": lambda bound: at >= bound.low,
        "gt": lambda bound: at >= bound.high,
        "le": lambda bound: at < bound.high,
        "lt": lambda bound: at < bound.low,
        "eq": lambda bound: bound.low <= at < bound.high,
    }
    return all(conditions[bound.prefix](bound) for bound in bounds)


class Pages(BaseHTTPRequestHandler):
    """HTTP in and out."""

    memory: Memory
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """ITI-82 and ITI-81."""
        place = urlsplit(self.path)
        searches = {
            "/syslogsearch": lambda query: {"Events": self.memory.search(query)},
            "/AuditEvent": self.memory.audit_events,
        }
        try:
            body = json.dumps(searches[place.path](place.query)).encode()
        except (BadInput, KeyError) as error:
            self._answer(400 if isinstance(error, BadInput) else 404, b"")
            return
        self._answer(200, body)

    def do_POST(self) -> None:
        """RAD-124."""
        body = self.rfile.read(min(int(self.headers.get("Content-Length", "0")), _LARGEST))
        known = self.path == "/bulk-syslog-events"
        self._answer(self.memory.submitted(self.headers.get("Content-Type", ""), body) if known else 404, b"")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged."""

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Frames(socketserver.BaseRequestHandler):
    """Syslog in, in counted frames."""

    def handle(self) -> None:
        """Until the sender has gone."""
        decoder = FrameDecoder(_LARGEST)
        while octets := self.request.recv(65_536):
            for message in decoder.feed(octets):
                Pages.memory.take(message)


class Server(socketserver.ThreadingTCPServer):
    """A listener whose threads end with the process."""

    allow_reuse_address = True
    daemon_threads = True


class Small:
    """The process's two listeners."""

    def __init__(self, port: int, syslog: int) -> None:
        from connectathon import small_repository as spoilt  # noqa: PLW0406 - where bad peers find it

        Pages.memory = spoilt.Memory()
        for server in (ThreadingHTTPServer(("127.0.0.1", port), Pages), Server(("127.0.0.1", syslog), Frames)):
            Thread(target=server.serve_forever, daemon=True).start()


@contextmanager
def small_repository(folder: Path, port: int, syslog: int, peer: str = "good") -> Iterator[Remote]:
    """The process, ready, until the block is left."""
    arguments = (peer, str(port), str(syslog))
    with commanded("connectathon.small_repository", folder / "repository.log", *arguments) as remote:
        yield remote


def main() -> None:
    """Serve until the standard input ends."""
    peer, port, syslog = sys.argv[1:4]
    if peer != "good":
        bad_peers(ACTOR)[peer].spoil()
    obey(Small(int(port), int(syslog)))


if __name__ == "__main__":
    main()
