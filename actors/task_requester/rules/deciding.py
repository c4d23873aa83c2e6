"""What a rule says about a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from actors.task_requester.rules.language import Condition, ExpressionFailed, show
from actors.task_requester.rules.model import RuleTable
from profiles.aiwi import InputStudy

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a rule says about a study.

    Attributes:
        rule: the rule.
        matches: whether a workitem is to be made.
        series: UIDs of the input series.
        explanation: why, with the values that decided.
        stopped: whether the rule could not be asked at all.
        values: of the names in ``when``, the patient's included: not for logs.
        priors: earlier studies that are input, too.
    """

    rule: RuleTable
    matches: bool
    series: tuple[str, ...]
    explanation: str
    stopped: bool = False
    values: Values = field(default_factory=dict)
    priors: tuple[InputStudy, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that is ready to be asked.

    Attributes:
        table: as it is written.
        when: its condition.
        series: selects series; None for all.
        prefer: orders them.
        prior_series: selects series of earlier studies.
    """

    table: RuleTable
    when: Condition
    series: Condition | None
    prefer: Condition | None = None
    prior_series: Condition | None = None

    def decide(
        self, study: Values, series: Sequence[Values], now: datetime | None = None, *, asked: bool = False
    ) -> Decision:
        """Ask the rule about a study; an expression that fails stops this rule only.

        Args:
            study: values of the fields of scope ``study``.
            series: for each image series, values of the fields of scope ``series``, besides ``uid``.
            now: the present; without it the rule counts whatever its dates say.
            asked: it was asked for by name: its condition is no matter, its choice of series and its dates are.
        """
        if now is not None and not self.table.counts_at(now):
            return self._no(f"it counts {self.table.in_force()}", {})
        try:
            return self._decide(study, series, asked=asked)
        except ExpressionFailed as error:
            words = f"rule {self.table.name}: stopped, {error.message}"
            return Decision(self.table, False, (), words, stopped=True, values=self.when.values(study))

    def _decide(self, study: Values, series: Sequence[Values], *, asked: bool) -> Decision:
        meant, values = self.table.means or self.when.shown, self.when.values(study)
        if not asked and not self.when.holds(study):
            return self._no(f"the study is not {meant}: {self.when.seen(study)}", values)
        fitting = [one for one in series if self.series is None or self.series.holds({**study, **one})]
        if not fitting:
            return self._no(f"the study is {meant}, but it has no input: {self._unfit(study, series)}", values)
        chosen = self._best(study, fitting)
        why = "it was asked for by name" if asked else f"the study is {meant}: {self.when.seen(study)}"
        words = f"rule {self.table.name}: yes, {why}"
        words += f"; input: {len(chosen)} of {len(series)} image series"
        if self.prefer and len(fitting) > len(chosen):
            words += f", those with the highest {self.prefer.shown} of {len(fitting)}"
        return Decision(self.table, True, tuple(str(one["uid"]) for one in chosen), words, values=values)

    def _no(self, reason: str, values: Values) -> Decision:
        return Decision(self.table, False, (), f"rule {self.table.name}: no, {reason}", values=values)

    def _best(self, study: Values, series: Sequence[Values]) -> Sequence[Values]:
        """The series to be taken: the highest first; those alike in the order of the study."""
        if self.prefer is None:
            return series[: self.table.series_most]
        ranked = sorted(series, key=lambda one: _rank(self.prefer, {**study, **one}), reverse=True)
        taken = [one["uid"] for one in ranked[: self.table.series_most]]
        return [one for one in series if one["uid"] in taken]

    def _unfit(self, study: Values, series: Sequence[Values]) -> str:
        if self.series is None or not series:
            return "it has no image series"
        seen = "; ".join(self.series.seen({**study, **one}) for one in series)
        return f"{self.series.shown} holds for none of its series: {seen}"


def _rank(prefer: Condition | None, values: Values) -> tuple[int, float, str]:
    """Numbers and truths by size, texts by alphabet, what is unknown last."""
    found = prefer.value(values) if prefer else None
    if isinstance(found, str):
        return 1, 0.0, found
    number = float(found) if found is not None and show(float(found)) != "unknown" else None
    return (0, 0.0, "") if number is None else (1, number, "")
