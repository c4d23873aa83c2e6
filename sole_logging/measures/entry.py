"""What a measure may know of one event: no message, no patient, whoever wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
#: Outcomes of steps that failed (sole.md 8.5 rule 8).
FAILED = frozenset({8, 12})
#: Details of a message that are strata, as our reporters and others spell them.
_STRATA = {"modality": ("Modality",), "place": ("PlaceOfService", "PatientClass"), "priority": ("Priority",)}
#: Words that other systems say for the priorities of PS3.4 Table CC.2.5-3.
_PRIORITIES = {"STAT": "HIGH", "S": "HIGH", "A": "HIGH", "ASAP": "HIGH", "ROUTINE": "MEDIUM", "R": "MEDIUM"}
#: Lengths beyond which no stratum is told: what a source writes must not grow our tables.
_LONGEST = 64


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One operational event.

    Attributes:
        event_id: unique; duplicates are gone before this.
        at: EventDateTime (sole.md 8.5 rule 1), timezone-aware.
        received_at: when the repository got it.
        codes: all EventTypeCodes, the primary first.
        outcome: 0, 4, 8 or 12.
        source, host: AuditSourceID; HOSTNAME.
        workitem, study, accession: what it happened to; empty when not told.
        performer, engine, engine_version: what worked.
        person: UserID of a human participant; counted, never shown.
        site, modality, priority, place: strata, empty when not told.
        reason: ReasonCode.
        bytes, instances: counts and sizes.
    """

    event_id: str
    at: datetime
    received_at: datetime
    codes: tuple[str, ...]
    outcome: int
    source: str
    host: str = ""
    workitem: str = ""
    study: str = ""
    accession: str = ""
    performer: str = ""
    engine: str = ""
    engine_version: str = ""
    person: str = ""
    site: str = ""
    modality: str = ""
    priority: str = ""
    place: str = ""
    reason: str = ""
    bytes: int = 0
    instances: int = 0

    @property
    def failed(self) -> bool:
        """Whether the step failed (sole.md 8.5 rule 8)."""
        return self.outcome in FAILED


def micros(at: datetime) -> int:
    """A moment as microseconds since the epoch, UTC."""
    return (at - EPOCH) // MICROSECOND


def moment_of(at: int) -> datetime:
    """The moment of a number of microseconds since the epoch."""
    return EPOCH + timedelta(microseconds=at)


def entry_of(row: Mapping[str, Any]) -> LogEntry:
    """An entry from the parts of one stored SOLE message.

    Args:
        row: ``event_id``, ``at`` and ``received_at`` (datetimes, or texts of RFC 3339), ``host``, ``accession``,
            ``study``, ``workitem``, and what its audit message says: ``codes``, ``outcome``, ``source``, ``site``,
            ``performer``, ``algorithm``, ``details``. Flat or with the latter as JSON in ``parsed``. Also
            ``person`` where it is known; it is never in ``parsed``.
    """
    said = orjson.loads(row["parsed"]) if row.get("parsed") else row
    # PostgreSQL keeps no NUL in a text, and base64 may have brought one
    details = {
        str(name): str(value).replace("\0", "").strip() for name, value in dict(said.get("details") or {}).items()
    }
    algorithm = said.get("algorithm") or {}
    return LogEntry(
        event_id=str(row["event_id"]),
        at=_moment(row["at"]),
        received_at=_moment(row["received_at"]),
        codes=tuple(one if isinstance(one, str) else one["code"] for one in said.get("codes") or ()),
        outcome=int(said.get("outcome") or 0),
        source=said.get("source") or "",
        host=row.get("host") or row.get("hostname") or "",
        workitem=row.get("workitem") or "",
        study=row.get("study") or "",
        accession=row.get("accession") or "",
        performer=said.get("performer") or "",
        engine=(algorithm.get("name") or "")[:_LONGEST],
        engine_version=(algorithm.get("version") or "")[:_LONGEST],
        person=row.get("person") or "",
        site=(said.get("site") or "")[:_LONGEST],
        reason=details.get("ReasonCode", "")[:_LONGEST],
        bytes=_count(details.get("ByteCount", "")),
        instances=_count(details.get("InstanceCount", "")),
        **{name: _stratum(name, details) for name in _STRATA},
    )


def _moment(value: datetime | str) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 15 else 0  # noqa: PLR2004 - a petabyte


def _stratum(name: str, details: Mapping[str, str]) -> str:
    value = next((details[one] for one in _STRATA[name] if details.get(one)), "")[:_LONGEST]
    return _PRIORITIES.get(value.upper(), value.upper()) if name == "priority" else value
