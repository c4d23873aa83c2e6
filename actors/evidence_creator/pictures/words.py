"""Findings, numbers and answers in words, as the algorithm stated them."""

from __future__ import annotations

from collections.abc import Iterator

from profiles.air import Evaluation, Finding, FindingSite, Measurement, NormalRange, Results, Thing
from profiles.dicom import Code

NOTHING_FOUND = "Nothing found: the algorithm did all its work and found nothing."


def findings(results: Results) -> Iterator[str]:
    """A sentence for each finding, present and absent ones, then what is said of the whole study."""
    if results.nothing_found:
        yield NOTHING_FOUND
    for thing in results.things():
        yield from _of_thing(thing)
    yield from (f"Whole study: {_answer(row)}." for row in results.evaluations if row.of is None)
    if results.priority:
        because = f", because: {results.priority.reason}" if results.priority.reason else ""
        yield f"Hint: read this study with priority {results.priority.level}{because}."
    yield from (f"Comment: {row.words}" for row in results.comments if row.of is None)


def row(measurement: Measurement) -> tuple[str, str, str, str]:
    """Quantity, value with its unit, normal range, and whether it is normal: the cells of a table."""
    return _quantity(measurement), _value(measurement), _range(measurement.normal), normality(measurement)


def normality(measurement: Measurement) -> str:
    """What the algorithm says of the number, else on which side of its normal range it lies."""
    normal, value = measurement.normal, measurement.value
    below = normal is not None and normal.lower is not None and value < normal.lower
    above = normal is not None and normal.upper is not None and value > normal.upper
    side = "▼ below" if below else "▲ above" if above else "within" if normal else ""
    return "; ".join(filter(None, [measurement.normality.meaning if measurement.normality else "", side]))


def number(value: float) -> str:
    """A number as it was stated, without a fraction of nothing."""
    return repr(float(value)).removesuffix(".0")


def in_unit(unit: Code) -> str:
    """The unit as it follows a number; nothing for numbers without one."""
    return "" if unit.value == "1" else f" {unit.value}"


def _of_thing(thing: Thing) -> Iterator[str]:
    name = thing.tracking.identifier
    if thing.finding:
        yield f"{name}: {_finding(thing.finding)}."
    yield from (f"{name}: {_answer(row)}." for row in thing.evaluations)
    yield from (f"{name}: {row.words}" for row in thing.comments)


def _finding(found: Finding) -> str:
    parts = [found.what.meaning if found.present else f"{found.what.meaning} was looked for and is ABSENT"]
    if found.sites:
        parts.append("in " + " and ".join(_site(site) for site in found.sites))
    if found.severity:
        parts.append(found.severity.meaning)
    if found.confidence:
        parts.append(f"{found.confidence.kind.meaning} {number(found.confidence.percent)} %")
    return ", ".join(parts)


def _site(site: FindingSite) -> str:
    modifiers = [code.meaning for code in (site.laterality, site.modifier) if code]
    return site.location.meaning + (f" ({', '.join(modifiers)})" if modifiers else "")


def _answer(row: Evaluation) -> str:
    modifiers = ", ".join(f"{name.meaning} {value.meaning}" for name, value in row.modifiers)
    return f"{row.question.meaning}: {row.answer.meaning}" + (f" ({modifiers})" if modifiers else "")


def _quantity(measurement: Measurement) -> str:
    parts = [code.meaning for code in (measurement.derivation, measurement.method) if code]
    parts += [_site(site) for site in measurement.sites]
    return measurement.name.meaning + (f" ({', '.join(parts)})" if parts else "")


def _value(measurement: Measurement) -> str:
    sure = measurement.uncertainty
    spread = f" (-{number(sure.below)} / +{number(sure.above)})" if sure else ""
    return f"{number(measurement.value)}{in_unit(measurement.unit)}{spread}"


def _range(normal: NormalRange | None) -> str:
    if normal is None:
        return ""
    if normal.lower is None or normal.upper is None:
        return f"≥ {number(normal.lower)}" if normal.lower is not None else f"≤ {number(normal.upper or 0)}"
    return f"{number(normal.lower)} to {number(normal.upper)}"
