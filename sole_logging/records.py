"""From octets to the rows of the store: the message as it came, and later what could be read of it."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from profiles.errors import BadInput
from profiles.sole.reading import BYTE_ORDER_MARK, ParsedEvent, parse
from profiles.sole.repairing import closed
from profiles.sole.syslog import HEADER, HIGHEST_PRI, SyslogMessage, parse_syslog

#: Families of messages: SOLE events, security audit events, anything else that is syslog (SOLE-055, SOLE-068).
SOLE, AUDIT, OTHER = "sole", "audit", "other"
#: The channel that may cut messages off (SOLE-019).
UDP = "syslog-udp"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DIGEST_OCTETS = 16
#: Moments before 1970 sort before those after it in a key, too.
_KEY_BIAS = 2**63
#: No identifier that is searched for is longer (PS3.5 table 6.2-1); a longer one is cut, and the message flagged.
_LONGEST_IDENTIFIER = 256
_FIRST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
#: Clocks that are off by minutes are seen at their source; nobody's is off by that much.
_FUTURE = 86_400_000_000
_NO_TIME = "TIMESTAMP is no date-time of RFC 5424"
_NO_HEADER = SyslogMessage(-1, 0, "-", "-", "-", "-", "-", "-", b"")

#: A row of the table ``message``, in the order of its columns.
MessageRow = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """One message as it came.

    Attributes:
        raw: the whole syslog message.
        received_at: when it came, timezone-aware.
        channel: ``syslog-tls``, ``syslog-tcp``, ``syslog-udp``, ``bulk``, ``fhir``, ``local``.
        peer: address of the sender.
    """

    raw: bytes
    received_at: datetime
    channel: str
    peer: str = ""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message of the store that is to be read."""

    number: int
    key: bytes
    received_at: int
    host: str
    application: str
    raw: bytes
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Projected:
    """What could be read of a message.

    Attributes:
        message: the message.
        event: its parsed form; None when it holds no audit message.
        columns: its row in the table ``event``.
    """

    message: StoredMessage
    event: ParsedEvent | None
    columns: dict[str, Any]


def micros(at: datetime) -> int:
    """Microseconds since 1970 in UTC: how all moments are stored."""
    return (at - _EPOCH) // _MICROSECOND


def moment(at: int) -> datetime:
    """The moment that so many microseconds after 1970 are."""
    return _EPOCH + timedelta(microseconds=at)


def stamp(at: int) -> str:
    """A stored moment as people and programs read it."""
    return moment(at).isoformat(timespec="microseconds").replace("+00:00", "Z")


def message_row(receipt: Receipt) -> MessageRow:
    """The row of a message."""
    return row_of(receipt.raw, micros(receipt.received_at), receipt.channel, receipt.peer)


def row_of(raw: bytes, received: int, channel: str, peer: str) -> MessageRow:
    """A row of the table ``message``, in the order of its columns. Never fails, and reads no XML.

    Args:
        raw: the whole message.
        received: when it came, in microseconds.
        channel: how it came.
        peer: address of the sender.
    """
    found = HEADER.match(raw)
    if found is None or int(found[1]) > HIGHEST_PRI:
        key = bytes(8) + hashlib.sha256(raw).digest()[:_DIGEST_OCTETS]
        return (key, received, received, channel, peer, -1, 0, "-", "-", "-", "-", 0, raw)
    pri, version, timestamp, host, application, process, message_id = found.group(1, 2, 3, 4, 5, 6, 7)
    told = _told_time(timestamp)[0]
    end = found.end()
    # The key is what makes two deliveries the same message (sole.md 3.6): not PRI and version, which relays may change.
    # It begins with the time, so that the keys of messages that come together lie together in their index.
    digest = hashlib.sha256(raw[found.start(3) : found.end(7)])
    digest.update(raw[end:])
    return (
        (0 if told is None else told + _KEY_BIAS).to_bytes(8, "big") + digest.digest()[:_DIGEST_OCTETS],
        received if told is None else told,
        received,
        channel,
        peer,
        int(pri),
        int(version),
        host.decode(),
        application.decode(),
        process.decode(),
        message_id.decode(),
        end,
        raw,
    )


def _told_time(timestamp: bytes) -> tuple[int | None, str]:
    """TIMESTAMP in microseconds, None when it tells none; and what is wrong with it."""
    if timestamp == b"-":
        return None, ""
    try:
        told = datetime.fromisoformat(timestamp.decode())
    except ValueError:
        return None, _NO_TIME
    flaw = ""
    if told.tzinfo is None:
        told, flaw = told.replace(tzinfo=UTC), "TIMESTAMP without zone"
    at = micros(told)
    return (at, flaw) if _FIRST <= at <= _LAST else (None, _NO_TIME)


def project(message: StoredMessage) -> Projected:
    """Read a message. Never fails: what cannot be read is flagged in ``flaw``."""
    header = parse_syslog(message.raw)
    flaw = _told_time(header.timestamp.encode())[1] if header else "no header of RFC 5424"
    flaws = [flaw] if flaw else []
    content = header.content if header else message.raw
    event = _read(content, flaws)
    if event is None and message.channel == UDP and (rest := closed(content)):
        flaws.append("The message was cut off; open elements were closed")
        event = _read(rest, flaws)
    columns = _event_columns(message, event or ParsedEvent(), flaws)
    family = _family(event, header)
    return Projected(
        message,
        event,
        {
            **columns,
            "family": family,
            "flaw": "; ".join(flaws) or None,
            "parsed": orjson.dumps(_document(event)) if event else b"",
        },
    )


def unprojected(message: StoredMessage, reason: str) -> Projected:
    """A message that could be read and not be taken in; it is kept with the reason."""
    columns = _event_columns(message, ParsedEvent(), [])
    return Projected(message, None, {**columns, "family": OTHER, "flaw": reason, "parsed": b""})


def _read(content: bytes, flaws: list[str]) -> ParsedEvent | None:
    try:
        content.decode()
        event = parse(content)
    except UnicodeDecodeError:
        flaws.append("MSG is not UTF-8")
    except BadInput as error:
        flaws.append(error.message)
    except Exception as error:
        flaws.append(f"The audit message cannot be read: {type(error).__name__}.")
    else:
        flaws += event.deviations
        return event
    return None


def _event_columns(message: StoredMessage, event: ParsedEvent, flaws: list[str]) -> dict[str, Any]:
    thread = event.thread

    def identifier(text: str) -> str | None:
        if len(text) > _LONGEST_IDENTIFIER:
            flaws.append("an identifier is longer than any may be")
        return text[:_LONGEST_IDENTIFIER].replace("\0", "") or None

    if event.at and micros(event.at) - message.received_at > _FUTURE:
        flaws.append("EventDateTime is more than a day after the message came")
    own_id = event.event_id if len(event.event_id) <= _LONGEST_IDENTIFIER and "\0" not in event.event_id else ""
    return {
        "number": message.number,
        "event_id": own_id or message.key.hex(),
        "at": micros(event.at) if event.at else message.received_at,
        "received_at": message.received_at,
        "host": message.host,
        "code": identifier(event.codes[0].code if event.codes else event.identification.code),
        "step": event.step or None,
        "patient": identifier(thread.patient_id),
        "accession": identifier(thread.accession_number),
        "placer": identifier(thread.placer_order_number),
        "filler": identifier(thread.filler_order_number),
        "study": identifier(thread.study_instance_uid),
        "workitem": identifier(thread.workitem_uid),
    }


def _family(event: ParsedEvent | None, header: SyslogMessage | None) -> str:
    """The header decides (sole.md 3.1): APP-NAME ``IHE+SOLE`` and an operational EventID; else audit, else other."""
    if event is None:
        return OTHER
    told = header is not None and header.application == "IHE+SOLE"
    return SOLE if told and event.is_operational else AUDIT


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


def message_document(raw: bytes) -> dict[str, str]:
    """A message with the members of sole.md 7.2; ``-`` for what it does not tell, MSG without byte order mark."""
    header = parse_syslog(raw)
    known = header or _NO_HEADER
    content = header.content if header else raw
    return {
        "Pri": str(known.pri) if header else "-",
        "Version": str(known.version) if header else "-",
        "Timestamp": known.timestamp,
        "Hostname": known.hostname,
        "App-name": known.application,
        "Procid": known.process,
        "Msg-id": known.message_id,
        "Msg": content.removeprefix(BYTE_ORDER_MARK).decode("utf-8", "replace"),
    }
