"""From the events of a case to its moments (sole.md 8.2), with what was taken instead and what contradicts itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sole_logging.measures.definitions import Anchor, anchors
from sole_logging.measures.entry import LogEntry, micros

#: Two clocks may differ by this (sole.md 3.7 and 8.5 rule 5).
NOISE = 2_000_000


@dataclass(slots=True)
class Moments:
    """The anchors of a case.

    Attributes:
        at: microseconds by symbol; what is missing is not there.
        instead: the symbol whose event was taken, by the symbol that had none.
        contradictory: symbols of which there are events, but none where it must be; intervals are order errors.
    """

    at: dict[str, int] = field(default_factory=dict)
    instead: dict[str, str] = field(default_factory=dict)
    contradictory: set[str] = field(default_factory=set)

    def earliest(self, symbols: Iterable[str]) -> str:
        """The symbol among some whose moment comes first, or an empty string."""
        return min((one for one in symbols if one in self.at), key=self.at.__getitem__, default="")

    def origin(self, symbol: str) -> str:
        """The symbol whose event gave the moment."""
        while symbol in self.instead:
            symbol = self.instead[symbol]
        return symbol

    def holds(self, earlier: str, later: str) -> bool | None:
        """Whether one moment is not after another; None when either is missing."""
        if earlier not in self.at or later not in self.at:
            return None
        return self.at[earlier] <= self.at[later]


def by_code(entries: Iterable[LogEntry]) -> dict[str, list[LogEntry]]:
    """Entries under each of their codes, in the order given."""
    found: dict[str, list[LogEntry]] = defaultdict(list)
    for entry in entries:
        for code in dict.fromkeys(entry.codes):
            found[code].append(entry)
    return dict(found)


def resolve(scope: str, told: dict[str, list[LogEntry]], known: Moments | None = None) -> Moments:
    """The moments of a study or a workitem.

    Args:
        scope: ``study`` or ``workitem``.
        told: its entries by code, each list in order of time.
        known: moments of the study, for its workitems.
    """
    moments = Moments()
    if known:
        moments.at |= known.at
        moments.instead |= known.instead
    for anchor in anchors(scope):
        _place(anchor, moments, _candidates(anchor, told))
    return moments


def _candidates(anchor: Anchor, told: dict[str, list[LogEntry]]) -> Sequence[LogEntry]:
    if not anchor.codes:
        return ()
    return [
        entry
        for entry in told.get(anchor.codes[-1], ())
        if (anchor.failed or not entry.failed)
        and all(code in entry.codes for code in anchor.codes[:-1])
        and anchor.unless not in entry.codes
    ]


def _place(anchor: Anchor, moments: Moments, candidates: Sequence[LogEntry]) -> None:
    times = [micros(entry.at) for entry in candidates]
    allowed = _within(anchor, moments, times, 0) or _within(anchor, moments, times, NOISE)
    if allowed:
        moments.at[anchor.symbol] = max(allowed) if anchor.last else min(allowed)
        return
    for other in anchor.fallback:
        if other in moments.at:
            moments.at[anchor.symbol] = moments.at[other]
            moments.instead[anchor.symbol] = other
            return
    if times:
        moments.contradictory.add(anchor.symbol)


def _within(anchor: Anchor, moments: Moments, times: list[int], tolerance: int) -> list[int]:
    low, high = moments.at.get(anchor.after), moments.at.get(anchor.before)
    return [at for at in times if (low is None or at >= low - tolerance) and (high is None or at <= high + tolerance)]
