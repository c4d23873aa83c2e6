"""Results of one patient's studies over time: each thing's quantities, their changes, and what a rule makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache

from profiles.air.errors import IllegalResult, require
from profiles.air.findings import Comment
from profiles.air.lineage import Line, StudyResults, in_order, lines_of
from profiles.air.measurements import Measurement
from profiles.air.progression import Against, ProgressionRule, Verdict
from profiles.air.results import Thing
from profiles.air.time_point import TimePoint
from profiles.air.units import Amount
from profiles.air.values import Tracking
from profiles.dicom import Code, code
from profiles.tables import read_table


@cache
def _sizes() -> dict[tuple[str, str], bool]:
    """Quantities that are 0 when the thing is absent, and whether parts add up to the whole."""
    rows = read_table("profiles.air", "sizes")
    return {(row["scheme"], row["value"]): row["adds_up"] == "yes" for row in rows}


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is followed over time: a measurement's name, and its derivation when it is a statistic."""

    name: Code
    derivation: Code | None = None

    def is_of(self, row: Measurement) -> bool:
        """Whether a measurement is one of this quantity."""
        return row.name.same_as(self.name) and _same(row.derivation, self.derivation)

    @property
    def is_size(self) -> bool:
        """Whether what is absent has 0 of it."""
        return (self.name.scheme, self.name.value) in _sizes()

    @property
    def adds_up(self) -> bool:
        """Whether the whole has as much as its parts together."""
        return _sizes().get((self.name.scheme, self.name.value), False)


@dataclass(frozen=True, eq=False, slots=True)
class Point:
    """A thing's quantity in one study.

    Attributes:
        study: the study.
        amount: how much; of a split thing the sum of its parts, of an absent one 0, None when not known.
        method: how it was measured.
        unknown: why there is no amount.
        absent: it was looked for, and is not there.
    """

    study: StudyResults
    amount: Amount | None
    method: Code | None = None
    unknown: str = ""
    absent: bool = False

    def __str__(self) -> str:
        amount = "absent" if self.absent else str(self.amount)
        return f"{amount} on {self.study.at:%Y-%m-%d}"


@dataclass(frozen=True, eq=False, slots=True)
class Change:
    """From an earlier study to a later one.

    Attributes:
        since: the earlier one.
        against: what the earlier one is to the later.
        absolute: how much more, in the unit of the later one.
        percent: of the earlier amount; None when that was 0.
        days: between the dates of the studies, each in its own zone.
    """

    since: Point
    against: Against
    absolute: Amount
    percent: float | None
    days: int

    def __str__(self) -> str:
        share = f" ({self.percent:+.4g} %)" if self.percent is not None else ""
        amount = f"{float(self.absolute.number):+.6g} {self.absolute.unit.value}{share}"
        return f"{amount} in {self.days} days since {self.against} ({self.since})"


@dataclass(frozen=True, eq=False, slots=True)
class Series:
    """One quantity of one thing through all studies.

    Attributes:
        tracking: the thing as it was last called.
        quantity: what is followed.
        points: one per study, in the order of the studies.
        by_name_only: the thing was recognised by its identifier although its Tracking UIDs differ.
    """

    tracking: Tracking
    quantity: Quantity
    points: tuple[Point, ...]
    by_name_only: bool = False

    def change(self, place: int, against: Against, *, across_versions: bool = False) -> Change | str:
        """From an earlier study to the one at a place, or why the two do not compare.

        Args:
            place: of the later study, from 0.
            against: the earlier study: the first of all, the one with the least amount, or the last that measured it.
            across_versions: let the version of the engine differ.
        """
        now, earlier = self.points[place], self.points[:place]
        measured = [point for point in earlier if point.amount is not None]
        candidates = {
            Against.BASELINE: list(earlier[:1]),
            Against.NADIR: measured,
            Against.PREVIOUS: measured[-1:],
        }[against]
        found = [_changed(before, now, against, across_versions) for before in candidates]
        reasons = [one for one in found if isinstance(one, str)]
        changes = [one for one in found if isinstance(one, Change)]
        if now.amount is None or reasons or not changes:
            return now.unknown or next(iter(reasons), "no earlier study measured it")
        return max(changes, key=lambda one: one.absolute.number)


@dataclass(frozen=True, eq=False, slots=True)
class Judgement:
    """What the rule says of one study.

    Attributes:
        point: the study.
        verdict: the rule's.
        change: on which the verdict rests; None when nothing compares.
        reason: why nothing compares, in words.
    """

    point: Point
    verdict: Verdict
    change: Change | None = None
    reason: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Course:
    """One thing over time: a judgement for each study after the first."""

    series: Series
    judgements: tuple[Judgement, ...]

    @property
    def latest(self) -> Judgement:
        """The judgement of the latest study."""
        return self.judgements[-1]

    @property
    def words(self) -> str:
        """The latest judgement as one line for a reader."""
        last = self.latest
        point = last.point
        what = self.series.quantity.name.meaning
        now = f"{what} {point}" if point.amount is not None else f"The study of {point.study.at:%Y-%m-%d}"
        why = f": {last.change}" if last.change else f"; {last.reason}"
        doubt = " Recognised by its name; its Tracking UIDs differ." if self.series.by_name_only else ""
        return f"{self.series.tracking.identifier}: {last.verdict}. {now}{why}.{doubt}"


@dataclass(frozen=True, eq=False, slots=True)
class Evolution:
    """All things of one patient's studies over time, under one rule.

    Attributes:
        rule: the rule.
        courses: one per thing of which any study tells the rule's quantity; what needs a reader's eye comes first.
    """

    rule: ProgressionRule
    courses: tuple[Course, ...]

    @property
    def words(self) -> str:
        """A line per thing, and the rule."""
        return "\n".join([*(course.words for course in self.courses), f"Progression is {self.rule}."])


def evolution(studies: Sequence[StudyResults], rule: ProgressionRule) -> Evolution:
    """How the things of one patient's studies progress.

    Args:
        studies: in any order; the first is the baseline, and of several results of one study the latest count.
        rule: from which change on a thing progresses or responds.

    Raises:
        IllegalResult: when the studies are of several patients, of fewer than two studies, or of several engines.
    """
    ordered = in_order(studies)
    require(len(ordered) > 1, "There is one study; a change needs two. Give the earlier ones, too.")
    quantity = Quantity(rule.quantity, rule.derivation)
    found = [_series(line, quantity, ordered) for line in lines_of(ordered)]
    courses = [
        Course(series, tuple(_judgements(series, rule)))
        for series in found
        if any(point.amount is not None for point in series.points)
    ]
    return Evolution(rule, tuple(sorted(courses, key=lambda course: list(Verdict).index(course.latest.verdict))))


def line_up(studies: Sequence[StudyResults]) -> tuple[Series, ...]:
    """Each quantity of each thing through all studies.

    Args:
        studies: as for :func:`evolution`; one is enough.

    Raises:
        IllegalResult: when the studies are of several patients, or of several engines.
    """
    ordered = in_order(studies)
    return tuple(_series(line, quantity, ordered) for line in lines_of(ordered) for quantity in _quantities_of(line))


def time_points(studies: Sequence[StudyResults]) -> dict[str, TimePoint]:
    """The time point of each study by its UID: its place, and the days since the first, which is the baseline.

    Args:
        studies: as for :func:`evolution`; one is enough.
    """
    ordered = in_order(studies)
    return {
        study.study_instance_uid: TimePoint(
            label=f"Follow-up {place}" if place else "Baseline",
            order=place,
            offset_days=(study.at.date() - ordered[0].at.date()).days,
            offset_from=code("DCM", "121079"),
        )
        for place, study in enumerate(ordered)
    }


def change_of(course: Course) -> tuple[Measurement, Comment]:
    """The latest change as a measurement of the same thing (after TID 1420), with words on what it refers to.

    Raises:
        IllegalResult: when the latest study does not compare, or the earlier amount was 0.
    """
    last = course.latest
    if last.change is None or last.change.percent is None:
        raise IllegalResult(
            f"{course.series.tracking.identifier} has no change in percent: "
            f"{last.reason or 'it was not there before'}. Report the measurement alone."
        )
    earlier = last.change.since.study.study_instance_uid
    return (
        Measurement(code("DCM", "125314"), last.change.percent, code("UCUM", "%"), course.series.tracking),
        Comment(f"{course.words} The earlier study is {earlier}.", course.series.tracking),
    )


def _judgements(series: Series, rule: ProgressionRule) -> Iterator[Judgement]:
    """The rule's word on each study after the first; a progression is suspected until a later study confirms it."""
    suspected: Point | None = None
    for place in range(1, len(series.points)):
        found = _judgement(series, place, rule)
        if found.verdict is Verdict.PROGRESSION:
            suspected = suspected or found.point
            days = _days(suspected, found.point)
            if rule.needs_confirmation and (suspected is found.point or days < rule.confirmation_days):
                found = replace(found, verdict=Verdict.TO_BE_CONFIRMED)
        elif found.verdict is not Verdict.NOT_COMPARABLE:
            suspected = None
        yield found


def _judgement(series: Series, place: int, rule: ProgressionRule) -> Judgement:
    point = series.points[place]
    change = series.change(place, rule.against, across_versions=rule.across_versions)
    if isinstance(change, str):
        return Judgement(point, Verdict.NOT_COMPARABLE, reason=change)
    if not rule.measures_in(change.absolute.unit):
        reason = f"the rule's least increase does not convert into {change.absolute.unit.value}"
        return Judgement(point, Verdict.NOT_COMPARABLE, reason=reason)
    if rule.progresses(_before(change, point), change.absolute):
        return Judgement(point, Verdict.PROGRESSION, change)
    lasting = series.change(place, Against.BASELINE, across_versions=rule.across_versions)
    if isinstance(lasting, Change) and rule.responds(_before(lasting, point), lasting.absolute):
        return Judgement(point, Verdict.RESPONSE, lasting)
    return Judgement(point, Verdict.STABLE, change)


def _quantities_of(line: Line) -> list[Quantity]:
    rows = [row for things in line.parts.values() for thing in things for row in thing.measurements]
    found: list[Quantity] = []
    for row in rows:
        if not any(quantity.is_of(row) for quantity in found):
            found.append(Quantity(row.name, row.derivation))
    return found


def _series(line: Line, quantity: Quantity, studies: Sequence[StudyResults]) -> Series:
    points = [_point(line.parts.get(place), quantity, study) for place, study in enumerate(studies)]
    unit = next((point.amount.unit for point in points if point.amount), None)
    if unit and quantity.is_size:
        points = [replace(point, amount=Amount(Fraction(0), unit)) if point.absent else point for point in points]
    last = line.parts[max(line.parts)]
    tracking = last[-1].tracking if len(line.names) == 1 else Tracking(" + ".join(line.names)[:64])
    return Series(tracking, quantity, tuple(points), line.by_name_only)


def _point(parts: Sequence[Thing] | None, quantity: Quantity, study: StudyResults) -> Point:
    """What the parts of a thing add up to in one study; None when it was not reported."""
    if parts is None and not study.results.nothing_found:
        return Point(study, None, unknown="it was not reported, which does not mean that it is absent")
    there = [part for part in parts or () if not part.finding or part.finding.present]
    if not there:
        return Point(study, None, unknown=f"it is absent, so {quantity.name.meaning} is unknown", absent=True)
    rows = [row for part in there for row in part.measurements if quantity.is_of(row)]
    if len(rows) != len(there) or len({row.of.identifier for row in rows}) != len(there):
        return Point(study, None, unknown=f"{quantity.name.meaning} was not stated exactly once of each of its parts")
    if len(rows) > 1 and not quantity.adds_up:
        return Point(study, None, unknown=f"it is in parts, whose {quantity.name.meaning} does not add up")
    amounts = [Amount.of(row.value, row.unit).to(rows[0].unit) for row in rows]
    known = [amount.number for amount in amounts if amount is not None]
    if len(known) < len(rows) or not all(_same(row.method, rows[0].method) for row in rows):
        return Point(study, None, unknown="its parts were measured in different units or by different methods")
    return Point(study, Amount(sum(known, Fraction(0)), rows[0].unit), rows[0].method)


def _changed(before: Point, now: Point, against: Against, across_versions: bool) -> Change | str:
    """The change from one study to a later one, or why they do not compare."""
    old, new = before.study, now.study
    day = f"{old.at:%Y-%m-%d}"
    if before.amount is None or now.amount is None:
        return now.unknown or f"of the study of {day}: {before.unknown}"
    if old.engine != new.engine:
        return f"{old.engine} read the study of {day}, {new.engine} this one; read both with one engine"
    if old.version != new.version and not across_versions:
        return (
            f"version {old.version} of {old.engine} read the study of {day}, version {new.version} this one; "
            "read both with one version"
        )
    if not (before.absent or now.absent or _same(before.method, now.method)):
        return f"the study of {day} was measured by another method; measure both by one"
    was = before.amount.to(now.amount.unit)
    if was is None:
        units = f"{before.amount.unit.value} and {now.amount.unit.value}"
        return f"the units {units} do not convert exactly; measure both studies in one"
    more = now.amount.number - was.number
    percent = float(more / abs(was.number) * 100) if was.number else None
    return Change(before, against, Amount(more, now.amount.unit), percent, _days(before, now))


def _before(change: Change, now: Point) -> Amount:
    """The earlier amount, in the unit of the later one."""
    number = now.amount.number if now.amount else Fraction(0)
    return Amount(number - change.absolute.number, change.absolute.unit)


def _days(before: Point, now: Point) -> int:
    return (now.study.at.date() - before.study.at.date()).days


def _same(one: Code | None, other: Code | None) -> bool:
    return one is other or (one is not None and one.same_as(other))
