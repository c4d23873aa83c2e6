"""Shares and rates: what one case adds to the numerator and the denominator (sole.md 8.3 and 8.4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sole_logging.measures.anchors import Moments
from sole_logging.measures.entry import LogEntry

#: The chain that a workitem leaves when every step is told (A32).
CHAIN = ("A_new", "A_clm", "A_is", "A_ie", "A_st", "A_av")
_INFERENCE_ENDED = "AIX122"


@dataclass(frozen=True, slots=True)
class Told:
    """A case as ratios see it: its moments, and its entries by code."""

    moments: Moments
    entries: dict[str, list[LogEntry]]

    def has(self, symbol: str) -> bool:
        """Whether a moment is known."""
        return symbol in self.moments.at

    def count(self, code: str, **wanted: bool) -> int:
        """How many entries carry a code; with ``failed``, only those that did or did not fail."""
        return sum(1 for one in self.entries.get(code, ()) if wanted.get("failed", one.failed) == one.failed)

    @property
    def ended(self) -> bool:
        """Whether the workitem is in a final state."""
        return self.has("A_done") or self.has("A_can")

    def canceled(self, *, failed: bool) -> bool:
        """Whether it was canceled, because of a failure or on request."""
        return self.count("AIX106", failed=failed) > 0


_Ratio = Callable[[Told], tuple[int, int] | None]


def _of(told: bool, part: int) -> tuple[int, int] | None:
    return (int(part), 1) if told else None


def _ready_by(case: Told, symbol: str) -> tuple[int, int] | None:
    held = case.moments.holds("A_av", symbol)
    return None if held is None else (int(held), 1)


def _assessed(case: Told, symbol: str) -> tuple[int, int] | None:
    """The last assessment before the signature is the reader's word."""
    said = [one for one in ("A_acc", "A_rej", "A_mod", "A_ign") if case.has(one)]
    final = max(said, key=case.moments.at.__getitem__, default="")
    return _of(case.has("A_disp"), final == symbol)


def _inference(case: Told) -> tuple[int, int] | None:
    ended = [one for one in case.entries.get(_INFERENCE_ENDED, ()) if "SOLE115" in one.codes]
    return (sum(1 for one in ended if one.outcome), len(ended)) if ended else None


def _complete(case: Told) -> tuple[int, int] | None:
    instead = case.moments.instead
    return _of(case.ended, all(case.has(one) and one not in instead for one in CHAIN))


#: Numerator and denominator by measure; None when the measure is not asked of the case.
RATIOS: dict[str, _Ratio] = {
    "K19": lambda case: _of(case.has("T_sign"), case.count("RID45850")),
    "K20": lambda case: _of(case.has("T_end"), case.count("SOLE105")),
    "A14": lambda case: _ready_by(case, "T_open"),
    "A15": lambda case: (int(case.has("A_av")), 1),
    "A16": lambda case: _ready_by(case, "T_sign"),
    "A19": lambda case: _of(case.has("A_av"), case.has("A_disp")),
    "A20": lambda case: _assessed(case, "A_acc"),
    "A20b": lambda case: _assessed(case, "A_rej"),
    "A20c": lambda case: _assessed(case, "A_mod"),
    "A20d": lambda case: _assessed(case, "A_ign"),
    "A21": lambda case: _of(case.ended, case.canceled(failed=True)),
    "A22": lambda case: _of(case.ended, case.canceled(failed=False) and not case.canceled(failed=True)),
    "A23": _inference,
    "A24": lambda case: _of(case.has("A_clm"), case.count("AIX103", failed=False) - 1),
    "A32": _complete,
}
