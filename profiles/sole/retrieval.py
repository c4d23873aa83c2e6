"""ITI-82 Retrieve Syslog Event: what a query asks for (sole.md 7.2). Pure: no store, no HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from profiles.errors import BadInput

#: Greatest number of messages in one answer; beyond it the answer is 413 (sole.md 7.2 project rules).
GREATEST_ANSWER = 10_000
#: Query parameters by the header field they match; spellings without hyphen are accepted too.
FIELDS = {
    "pri": "pri",
    "version": "version",
    "hostname": "hostname",
    "app-name": "application",
    "appname": "application",
    "procid": "process",
    "msg-id": "message_id",
    "msgid": "message_id",
}
_DATE = re.compile(
    r"(?P<prefix>[a-z]{2})?(?P<day>\d{4}-\d{2}-\d{2})"
    r"(?:T(?P<minute>\d{2}:\d{2})(?P<second>:\d{2})?(?P<fraction>\.\d{1,9})?(?P<zone>Z|[+-]\d{2}:\d{2})?)?"
)


@dataclass(frozen=True, slots=True)
class TimeBound:
    """One ``date`` parameter: a prefix, and the span of time that its value covers (low inclusive, high exclusive)."""

    prefix: str
    low: datetime
    high: datetime


@dataclass(frozen=True, slots=True)
class SyslogQuery:
    """A search for syslog messages.

    Attributes:
        dates: bounds on TIMESTAMP, all of which hold (SOLE-058).
        fields: (header field, accepted values) pairs, all of which hold.
        contents: texts of which each must be in MSG.
        count: how many messages at most; None asks for all.
        offset: how many to pass over first.
    """

    dates: tuple[TimeBound, ...]
    fields: tuple[tuple[str, tuple[str, ...]], ...] = ()
    contents: tuple[str, ...] = ()
    count: int | None = None
    offset: int = 0


def parse_query(parameters: Iterable[tuple[str, str]]) -> SyslogQuery:
    """Read the parameters of ``GET [base]/syslogsearch``.

    Args:
        parameters: decoded (name, value) pairs; a repeated name means AND, a comma in a value OR.

    Raises:
        BadInput: when ``date`` is missing or malformed, or a parameter is unknown (SOLE-057).
    """
    dates: list[TimeBound] = []
    fields: list[tuple[str, tuple[str, ...]]] = []
    contents: list[str] = []
    numbers: dict[str, int] = {}
    for given, value in parameters:
        name = given.lower()
        if name == "date":
            dates.append(parse_date(value))
        elif name in FIELDS:
            fields.append((FIELDS[name], tuple(value.split(","))))
        elif name == "msg":
            contents.append(value)
        elif name in ("_count", "_offset"):
            numbers[name] = _number(name, value)
        elif name != "_format":
            raise BadInput(
                f"{given!r} is no parameter of ITI-82 (sole.md 7.2); use date, pri, version, hostname, app-name, "
                "procid, msg-id, msg, _count or _offset."
            )
    if not dates:
        raise BadInput(
            "The parameter date is missing; ITI-82 requires a bound on time, e.g. date=ge2026-11-24T00:00:00Z."
        )
    return SyslogQuery(tuple(dates), tuple(fields), tuple(contents), numbers.get("_count"), numbers.get("_offset", 0))


def parse_date(value: str) -> TimeBound:
    """A date with prefix as in FHIR R4 search; a value covers the span of its own precision.

    Raises:
        BadInput: when it is none.
    """
    found = _DATE.fullmatch(value.replace(" ", "+"))  # a plus sign that was not sent as %2B
    prefix = (found and found["prefix"]) or "eq"
    if found is None or prefix not in ("eq", "ge", "gt", "le", "lt"):
        raise BadInput(
            f"date={value!r} is no date with prefix ge, gt, le, lt or eq (FHIR R4 3.1.1.4.9); write e.g. "
            "ge2026-11-24T08:00:00Z."
        )
    text = found["day"]
    if found["minute"]:
        fraction = (found["fraction"] or "")[:7]
        text += f"T{found['minute']}{found['second'] or ':00'}{fraction}{found['zone'] or 'Z'}"
    try:
        low = datetime.fromisoformat(text)
        low = low.replace(tzinfo=UTC) if low.tzinfo is None else low.astimezone(UTC)
        return TimeBound(prefix, low, low + _precision(found))
    except (ValueError, OverflowError) as error:
        raise BadInput(f"date={value!r} is no day or time of the calendar.") from error


def _precision(found: re.Match[str]) -> timedelta:
    if not found["minute"]:
        return timedelta(days=1)
    if not found["second"]:
        return timedelta(minutes=1)
    if not found["fraction"]:
        return timedelta(seconds=1)
    return timedelta(microseconds=10 ** max(0, 6 - (len(found["fraction"]) - 1)))


def _number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdecimal() and len(value) <= 9):  # noqa: PLR2004 - digits of a plausible number
        raise BadInput(f"{name}={value!r} is no number.")
    return int(value)
