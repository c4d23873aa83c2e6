"""What a date, a time or a date-time stands for, so that they compare by meaning (PS3.5 6.2, PS3.4 C.2.2.2.5)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from profiles.errors import BadInput

_RULE = "PS3.4 C.2.2.2.5"
_TIME = r"([0-9]{2})(?::?([0-9]{2})(?::?([0-9]{2})(?:\.([0-9]{1,6}))?)?)?"
_OFFSET = r"(?P<offset>[+-][0-9]{4})"
#: The components of a value; dates and times may be written with the separators of older editions.
_FORMS = {
    "DA": re.compile(r"([0-9]{4})\.?([0-9]{2})\.?([0-9]{2})()()()()"),
    "TM": re.compile(r"()()()" + _TIME),
    "DT": re.compile(rf"([0-9]{{4}})(?:([0-9]{{2}})(?:([0-9]{{2}})(?:{_TIME})?)?)?{_OFFSET}?"),
}
_DAYS, _HOURS, _MINUTES, _SECONDS, _FRACTION = 3, 4, 5, 6, 7
_STEPS = {
    _DAYS: timedelta(days=1),
    _HOURS: timedelta(hours=1),
    _MINUTES: timedelta(minutes=1),
    _SECONDS: timedelta(seconds=1),
}
_MONTHS, _MICROSECOND = 12, timedelta(microseconds=1)
_LIMITS = (24, 60, 61)  # a second may be a leap second
_EAST, _WEST = timedelta(hours=14), timedelta(hours=-12)
UTC_OFFSET = timedelta(0)
BEGINNING, END = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)  # noqa: DTZ001 - both stand for UTC


@dataclass(frozen=True, slots=True)
class Span:
    """The first and the last microsecond that a value covers; a date-time in UTC, a time on the first of days."""

    first: datetime
    last: datetime


def offset_of(value: str) -> timedelta | None:
    """A UTC offset such as ``+0130`` (PS3.5 6.2 DT); None when it is none."""
    if not re.fullmatch(r"[+-][0-9]{4}", value):
        return None
    minutes = int(value[1:3]) * 60 + int(value[3:])
    offset = timedelta(minutes=-minutes if value[0] == "-" else minutes)
    return offset if _WEST <= offset <= _EAST and int(value[3:]) < _LIMITS[1] else None


def span(vr: str, value: str, zone: timedelta = UTC_OFFSET) -> Span | None:
    """What a value covers, as far as it is given: ``2026`` a year, ``20261124`` a day.

    Args:
        vr: DA, TM or DT.
        value: its text.
        zone: UTC offset of a date-time that names none.

    Returns:
        None when the text is no value of that representation.
    """
    form = _FORMS[vr].fullmatch(value)
    if form is None:
        return None
    given = form.groups()[:_FRACTION]
    named = form.groupdict().get("offset")
    offset = offset_of(named) if named else zone if vr == "DT" else UTC_OFFSET
    precision = max(number for number, part in enumerate(given, 1) if part)
    try:
        first = _beginning(given)
        last = _beginning_of_next(first, precision, len(given[-1] or "")) - _MICROSECOND
        return None if offset is None else Span(first - offset, last - offset)
    except (ValueError, OverflowError):
        return None


def _beginning(given: tuple[str | None, ...]) -> datetime:
    year, month, day = (int(part or 1) for part in given[:_DAYS])
    hours, minutes, seconds = clock = [int(part or 0) for part in given[_DAYS:_SECONDS]]
    if any(part >= limit for part, limit in zip(clock, _LIMITS, strict=True)):
        raise ValueError("there is no such time of day")
    fraction = int((given[-1] or "").ljust(6, "0"))
    day_begins = datetime(year, month, day)  # noqa: DTZ001 - all stand for UTC
    return day_begins + timedelta(hours=hours, minutes=minutes, seconds=seconds, microseconds=fraction)


def _beginning_of_next(first: datetime, precision: int, digits: int) -> datetime:
    if precision == _FRACTION:
        return first + timedelta(microseconds=int(10 ** (6 - digits)))
    if precision in _STEPS:
        return first + _STEPS[precision]
    if precision == 1:
        return first.replace(year=first.year + 1)
    years, month = divmod(first.month, _MONTHS)
    return first.replace(year=first.year + years, month=month + 1)


def wanted_span(vr: str, key: str, zone: timedelta, where: str) -> Span:
    """What a matching key asks for: a single value, ``a-b``, ``a-`` or ``-b``, both ends included.

    A hyphen in a key always means a range (PS3.4 C.2.2.2.5); an offset west of Greenwich can be given in ranges only.

    Args:
        vr: DA, TM or DT.
        key: its text.
        zone: UTC offset of date-times that name none.
        where: the attribute, for the message.

    Raises:
        BadInput: when it is neither a value nor a range, or a range that ends before it begins.
    """
    if "-" not in key:
        return _value(vr, key, zone, where)
    parts = key.split("-")
    readings = [("-".join(parts[:at]), "-".join(parts[at:])) for at in range(1, len(parts))]
    legal = [ends for ends in readings if any(ends) and all(not end or span(vr, end, zone) for end in ends)]
    if not legal:
        raise BadInput(f"The key for {where} is no range; write first-last, first- or -last ({_RULE}).")
    for first, last in legal:
        found = Span(
            _value(vr, first, zone, where).first if first else BEGINNING,
            _value(vr, last, zone, where).last if last else END,
        )
        if found.first <= found.last:
            return found
    raise BadInput(
        f"The key for {where} is a range that ends before it begins ({_RULE}). A hyphen always means a range: "
        "write a single value with an offset from +0000 on."
    )


def _value(vr: str, text: str, zone: timedelta, where: str) -> Span:
    found = span(vr, text, zone)
    if found is None:
        raise BadInput(f"The key for {where} is no {vr} value (PS3.5 6.2, PS3.4 C.2.2.2.1).")
    return found
