"""HL7 date-times (HL7 2.5.1 section 2.A.22, DTM) and what DICOM makes of them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

_DTM = re.compile(
    r"(?P<year>\d{4})(?P<month>\d{2})?(?P<day>\d{2})?(?P<hour>\d{2})?(?P<minute>\d{2})?(?P<second>\d{2})?"
    r"(?:\.(?P<fraction>\d{1,6})\d*)?(?P<offset>[+-]\d{4})?"
)
_EARLIEST_BIRTH = 1850
_DAY = 8


def parse_timestamp(value: str, zone: tzinfo = UTC) -> datetime | None:
    """A timezone-aware moment; missing parts are the earliest, a missing offset is the zone given.

    Returns:
        None when the value is no DTM.
    """
    match = _DTM.fullmatch(value.strip())
    if match is None:
        return None
    parts = match.groupdict()
    offset = parts["offset"]
    if offset:
        minutes = int(offset[1:3]) * 60 + int(offset[3:])
        zone = timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))
    try:
        return datetime(
            int(parts["year"]),
            int(parts["month"] or 1),
            int(parts["day"] or 1),
            int(parts["hour"] or 0),
            int(parts["minute"] or 0),
            int(parts["second"] or 0),
            int((parts["fraction"] or "").ljust(6, "0")),
            tzinfo=zone,
        )
    except ValueError:
        return None


def format_timestamp(moment: datetime) -> str:
    """A moment as DTM with offset, to the second.

    Raises:
        ValueError: when the moment carries no zone.
    """
    if moment.tzinfo is None:
        raise ValueError("an HL7 date-time is made from a timezone-aware datetime")
    return moment.strftime("%Y%m%d%H%M%S%z")


def birth_date(value: str, today: datetime) -> str:
    """PID-7 as VR DA; empty when it is implausible, as feeds send 99991111 for the unknown (HL7-079)."""
    moment = parse_timestamp(value[:_DAY]) if len(value) >= _DAY else None
    if moment is None or moment > today or moment.year < _EARLIEST_BIRTH:
        return ""
    return moment.strftime("%Y%m%d")
