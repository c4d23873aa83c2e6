"""What a page is asked to show, as it stands in its address, so that a view can be sent to a colleague. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from profiles.errors import BadInput
from sole_logging.measures import MeasureQuery
from sole_logging.measures.definitions import STRATA, measure

#: Windows that end now, by their names in addresses.
LAST: Final[Mapping[str, timedelta]] = {
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
    "365d": timedelta(days=365),
}
#: Windows up to so long are shown by hour, by day, by week; longer ones by month.
_GRAINS = ((timedelta(days=2), "hour"), (timedelta(days=62), "day"), (timedelta(days=420), "week"))
_TIMES = ("since", "until", "before_since", "before_until")
_WORDS = ("last", "by", "measure", "mode", "old", "new")
_LONGEST = 200
#: In an address, a stratum that was not told.
UNTOLD: Final = "-"


@dataclass(frozen=True, slots=True)
class View:
    """One view.

    Attributes:
        since, until: the window, its end excluded.
        last: name of a window that ends now; empty when the window is given by its ends.
        filters: allowed values by stratum; an empty value stands for cases that do not tell it.
        by: what the distribution is grouped by.
        measure: id of the measure that is looked at.
        mode: ``periods`` or ``versions``, what is compared.
        before_since, before_until: the other period; without them the one just before, of the same length.
        old, new: the two versions.
    """

    since: datetime
    until: datetime
    last: str = ""
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    by: str = ""
    measure: str = ""
    mode: str = "periods"
    before_since: datetime | None = None
    before_until: datetime | None = None
    old: str = ""
    new: str = ""

    @property
    def grain(self) -> str:
        """Spans of time that make a readable chart."""
        return next((name for longest, name in _GRAINS if self.until - self.since <= longest), "month")

    @property
    def before(self) -> tuple[datetime, datetime]:
        """The other period."""
        until = self.before_until or self.since
        return self.before_since or until - (self.until - self.since), until

    def ask(self, *measures: str, by: str = "", **filters: tuple[str, ...]) -> MeasureQuery:
        """The question for some measures, with further filters."""
        return MeasureQuery(measures, self.since, self.until, {**self.filters, **filters}, by)

    def query(self, **changes: object) -> str:
        """The query part of an address with this view, some of it changed; lists are values of a stratum."""
        values: dict[str, object] = {name: getattr(self, name) for name in _WORDS}
        values["mode"] = self.mode if self.mode != "periods" else ""
        for name in _TIMES:
            if not (self.last and name in ("since", "until")):
                values[name] = getattr(self, name)
        values |= self.filters
        return urlencode([pair for name, value in (values | changes).items() for pair in _pairs(name, value)])

    def narrowed(self, since: datetime, until: datetime, **changes: object) -> str:
        """The address of a part of the window."""
        begin, end = max(since, self.since), min(until, self.until)
        return replace(self, last="", since=begin, until=end).query(**changes)


def read_view(parameters: Iterable[tuple[str, str]], now: datetime, last: str = "30d") -> View:
    """Read the parameters of an address.

    Args:
        parameters: in their order; strata may come several times.
        now: the clock.
        last: the window when none is asked for.

    Raises:
        BadInput: when one is unknown, too long, or makes no sense.
    """
    given: dict[str, list[str]] = {}
    for name, value in parameters:
        if name not in (*_TIMES, *_WORDS, *STRATA) or len(value) > _LONGEST:
            raise BadInput(f"{name[:_LONGEST]!r} is nothing that a view has, or too long; open the page anew.")
        if value:
            given.setdefault(name, []).append(value)
    words = {name: given[name][-1] for name in _WORDS if name in given}
    times = {name: _moment(given[name][-1]) for name in _TIMES if name in given}
    window = _window(times, words.pop("last", ""), last, now)
    filters = {name: tuple("" if one == UNTOLD else one for one in given[name]) for name in STRATA if name in given}
    if "measure" in words:
        measure(words["measure"])
    if words.get("mode") not in (None, "periods", "versions"):
        raise BadInput("Periods or versions can be compared.")
    return View(*window, filters, **{**{name: times[name] for name in _TIMES[2:] if name in times}, **words})  # type: ignore[arg-type] # names are fields


def _window(times: Mapping[str, datetime], last: str, usual: str, now: datetime) -> tuple[datetime, datetime, str]:
    if last and last not in LAST:
        raise BadInput(f"last is {last!r}; it is {', '.join(LAST)}.")
    if "since" in times and not last:
        since, until = times["since"], times.get("until", now)
        if since >= until:
            raise BadInput("The window must begin before it ends.")
        return since, until, ""
    length = LAST[last or usual]
    if "until" in times and not last:
        return times["until"] - length, times["until"], ""
    return now - length, now, last or usual


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadInput(f"{text!r} is no time; write it as 2026-03-02 or 2026-03-02T08:00.") from None


def _pairs(name: str, value: object) -> list[tuple[str, str]]:
    if isinstance(value, datetime):
        return [(name, value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"))]
    if isinstance(value, tuple):
        return [(name, one or UNTOLD) for one in value]
    return [(name, str(value))] if value else []
