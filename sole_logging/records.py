"""From octets to a row of the store: header, audit message, identifiers, and what is wrong with it."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from profiles.errors import BadInput
from profiles.sole.reading import BYTE_ORDER_MARK, ParsedEvent, parse
from profiles.sole.syslog import SyslogMessage, parse_syslog

#: Families of messages: SOLE events, security audit events, anything else that is syslog (SOLE-055, SOLE-068).
SOLE, AUDIT, OTHER = "sole", "audit", "other"


@dataclass(frozen=True, slots=True)
class Receipt:
    """One message as it came.

    Attributes:
        raw: the whole syslog message.
        received_at: when it came, timezone-aware.
        channel: ``syslog-tls``, ``syslog-tcp``, ``local``.
        peer: address of the sender.
    """

    raw: bytes
    received_at: datetime
    channel: str
    peer: str = ""


def stamp(at: datetime) -> str:
    """A moment as text of fixed width, in UTC, so that texts sort as moments do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def record_of(receipt: Receipt) -> dict[str, Any]:
    """The columns of a message. Never fails: what cannot be read is kept and flagged in ``flaw``."""
    header = parse_syslog(receipt.raw)
    flaws = [] if header else ["no header of RFC 5424"]
    content = header.content if header else receipt.raw
    parsed: ParsedEvent | None = None
    try:
        content.decode()
        parsed = parse(content)
        flaws += parsed.deviations
    except UnicodeDecodeError:
        flaws.append("MSG is not UTF-8")
    except BadInput as error:
        flaws.append(error.message)
    received = stamp(receipt.received_at)
    return {
        **_header_columns(header, received, flaws),
        **_event_columns(parsed, header, received),
        "digest": digest(header, receipt.raw),
        "received_at": received,
        "channel": receipt.channel,
        "peer": receipt.peer,
        "raw": receipt.raw,
        "content_at": len(receipt.raw) - len(content),
        "flaw": "; ".join(flaws),
    }


def digest(header: SyslogMessage | None, raw: bytes) -> bytes:
    """What makes two deliveries the same message (sole.md 3.6): all but PRI and version, which relays may change."""
    if header is None:
        return hashlib.sha256(raw).digest()
    names = (header.hostname, header.application, header.process, header.timestamp, header.message_id)
    return hashlib.sha256(" ".join(names).encode() + b" " + header.content).digest()


def _header_columns(header: SyslogMessage | None, received: str, flaws: list[str]) -> dict[str, Any]:
    if header is None:
        unknown = dict.fromkeys(("timestamp", "hostname", "application", "process", "message_id"), "-")
        return {**unknown, "pri": -1, "version": 0, "stamped": received}
    stamped = received
    try:
        moment = datetime.fromisoformat(header.timestamp)
        if moment.tzinfo is None:
            flaws.append("TIMESTAMP without zone")
            moment = moment.replace(tzinfo=UTC)
        stamped = stamp(moment)
    except (ValueError, OverflowError):
        if header.timestamp != "-":
            flaws.append("TIMESTAMP is no date-time of RFC 5424")
    return {
        "pri": header.pri,
        "version": header.version,
        "timestamp": header.timestamp,
        "hostname": header.hostname,
        "application": header.application,
        "process": header.process,
        "message_id": header.message_id,
        "stamped": stamped,
    }


def _event_columns(parsed: ParsedEvent | None, header: SyslogMessage | None, received: str) -> dict[str, Any]:
    event = parsed or ParsedEvent()
    thread = event.thread
    return {
        "event_id": event.event_id or None,
        "family": _family(parsed, header),
        "code": event.codes[0].code if event.codes else event.identification.code,
        "step": event.step,
        "at": stamp(event.at) if event.at else received,
        "patient": thread.patient_id,
        "accession": thread.accession_number,
        "placer": thread.placer_order_number,
        "filler": thread.filler_order_number,
        "study": thread.study_instance_uid,
        "workitem": thread.workitem_uid,
        "parsed": orjson.dumps(_document(event)) if parsed else b"",
    }


def _family(parsed: ParsedEvent | None, header: SyslogMessage | None) -> str:
    """The header decides (sole.md 3.1): APP-NAME ``IHE+SOLE`` and an operational EventID; else audit, else other."""
    if parsed is None:
        return OTHER
    told = header is not None and header.application == "IHE+SOLE"
    return SOLE if told and parsed.is_operational else AUDIT


def _document(event: ParsedEvent) -> dict[str, Any]:
    """The parsed form as JSON-ready values, without the patient."""
    first = event.codes[0] if event.codes else event.identification
    return {
        "code": first.code,
        "scheme": first.scheme,
        "meaning": first.meaning,
        "codes": [asdict(code) for code in event.codes],
        "step": event.step,
        "outcome": None if event.outcome is None else int(event.outcome),
        "source": event.source,
        "site": event.site,
        "actor": event.actor,
        "performer": event.performer,
        "results": [asdict(result) for result in event.results],
        "algorithm": asdict(event.algorithm) if event.algorithm else {},
        "details": dict(event.details),
        "description": event.description,
    }


def content_of(raw: bytes, content_at: int) -> str:
    """MSG as text, without a byte order mark."""
    return raw[content_at:].removeprefix(BYTE_ORDER_MARK).decode("utf-8", "replace")
