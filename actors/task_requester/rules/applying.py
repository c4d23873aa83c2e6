"""Ask all rules about a study of an order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from actors.shared.logs import get_logger
from actors.task_requester.images import ImageSource, ImageStudy
from actors.task_requester.rules.deciding import Decision, Rule
from actors.task_requester.rules.fields import series_values, study_values
from actors.task_requester.rules.language import ExpressionFailed
from actors.task_requester.rules.priors import find_priors
from profiles.hl7 import ImagingOrder

_log = get_logger(__name__)


def decide_all(
    rules: Sequence[Rule], order: ImagingOrder, study: ImageStudy, archive: ImageSource, now: datetime | None = None
) -> list[Decision]:
    """What each rule says; one that cannot be asked says so, and the others go on.

    Args:
        rules: all of them.
        order: what was ordered.
        study: its images.
        archive: searched for earlier studies.
        now: the present; without it the rules' dates do not count.

    Raises:
        Unavailable: when the archive is away.
    """
    values, series = study_values(order, study), [series_values(one) for one in study.series]
    found = []
    for rule in _wanted(rules, order):
        decision = rule.decide(values, series, now, asked=rule.table.name in order.asked)
        if decision.matches and rule.table.priors:
            decision = _with_priors(rule, decision, order, study, archive)
        if decision.stopped:
            _log.error("rule-stopped", rule=rule.table.name, study=study.uid, reason=decision.explanation)
        found.append(decision)
    return found


def _wanted(rules: Sequence[Rule], order: ImagingOrder) -> Sequence[Rule]:
    """All rules; those that were asked for by name when that is all there is, and no order."""
    if not order.asked or order.placer or order.filler or order.procedure:
        return rules
    return [rule for rule in rules if rule.table.name in order.asked]


def _with_priors(
    rule: Rule, decision: Decision, order: ImagingOrder, study: ImageStudy, archive: ImageSource
) -> Decision:
    try:
        priors = find_priors(archive, rule, order, study)
    except ExpressionFailed as error:
        words = f"rule {rule.table.name}: stopped, {error.message}"
        return replace(decision, matches=False, series=(), explanation=words, stopped=True)
    if priors or not (rule.table.priors and rule.table.priors.required):
        return replace(decision, priors=priors)
    words = f"rule {rule.table.name}: no, it needs an earlier study of the patient and found none that fits"
    return replace(decision, matches=False, series=(), explanation=words)
