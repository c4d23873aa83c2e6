"""Values as people read them: names, moments, durations, states. Pure; the templates use these as filters."""

from __future__ import annotations

from datetime import UTC, date, datetime

from markupsafe import Markup, escape

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_TENTHS_BELOW = 60


def person_name(value: str) -> str:
    """A DICOM person name for reading: ``Doe^Jane^M^^`` becomes ``Doe, Jane M`` (PS3.5 section 6.2, VR PN)."""
    parts = [part.strip() for part in value.split("=", 1)[0].split("^")]
    family, given = parts[0], " ".join(part for part in parts[1:3] if part)
    return ", ".join(part for part in (family, given) if part)


def duration(seconds: float) -> str:
    """A duration in words: ``0.4 s``, ``12.3 s``, ``4 min 10 s``, ``3 h 05 min``, ``2 d 4 h``."""
    sign, seconds = ("-" if seconds < 0 else ""), abs(seconds)
    if seconds < _TENTHS_BELOW - 0.05:
        return f"{sign}{seconds:.2f} s" if seconds < 1 else f"{sign}{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{sign}{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    if whole < _DAY:
        return f"{sign}{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} min"
    return f"{sign}{whole // _DAY} d {whole % _DAY // _HOUR} h"


def age(seconds: float) -> str:
    """How long ago, in one unit: ``just now``, ``12 s``, ``4 min``, ``3 h``, ``2 d``; ``in 5 min`` when to come."""
    whole = int(abs(seconds))
    if whole < 1:
        return "just now"
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"), (1, "s")):
        if whole >= size:
            return f"in {whole // size} {unit}" if seconds < 0 else f"{whole // size} {unit}"
    return ""


def moment(value: datetime | None) -> Markup:
    """A ``<time>`` element: UTC in the text; the page's script adds local time as its tooltip."""
    if value is None:
        return Markup('<span class="none">unknown</span>')
    utc = value.astimezone(UTC)
    shown = f"{utc:%Y-%m-%d %H:%M:%S}"
    return Markup('<time datetime="{}">{} <abbr title="Coordinated Universal Time">UTC</abbr></time>').format(
        utc.isoformat(timespec="milliseconds").replace("+00:00", "Z"), shown
    )


def clock(value: datetime | None) -> Markup:
    """A ``<time>`` element that shows the time of day with milliseconds, in UTC."""
    if value is None:
        return Markup("")
    utc = value.astimezone(UTC)
    iso = utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Markup('<time datetime="{}">{}</time>').format(iso, iso[11:23])


def dicom_date(value: str) -> str:
    """A DICOM date for reading: ``20261124`` becomes ``2026-11-24``; anything else stays as it is."""
    try:
        return date(int(value[:4]), int(value[4:6]), int(value[6:8])).isoformat()
    except ValueError:
        return value


def dicom_time(value: str) -> str:
    """A DICOM time for reading, as its sender meant it: ``134502.123`` becomes ``13:45:02``."""
    digits = value.partition(".")[0]
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2)) if digits.isdecimal() else value


def or_none(value: object, words: str = "none given") -> Markup:
    """The value escaped, or words that say that there is none."""
    return escape(value) if value not in (None, "", [], ()) else Markup('<span class="none">{}</span>').format(words)


def uid(value: str) -> Markup:
    """A UID that can be marked with one click and may break anywhere."""
    return Markup('<code class="uid">{}</code>').format(value)
