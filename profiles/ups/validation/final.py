"""What a workitem must have before COMPLETED or CANCELED (PS3.4 CC.2.5.1.3.2, Table CC.2.5-1)."""

from __future__ import annotations

from functools import cache

from profiles.dicom import JsonDataset, get_all
from profiles.errors import Finding
from profiles.ups.attributes import AttributeRule, Moment, rules_within
from profiles.ups.transitions import State
from profiles.ups.validation.conditions import has_value
from profiles.ups.validation.tree import Level, level_of
from profiles.ups.validation.walk import Place, Walk, path

#: Codes of the column by state; RC is asked where its condition can be known, and that is of Specific Character Set.
_CODES = {State.COMPLETED: ("R", "P"), State.CANCELED: ("R", "X")}
#: May be there without items, when nothing relevant was produced (PS3.4 CC.2.5.1.3.2).
_MAY_BE_EMPTY = "OutputInformationSequence"


@cache
def _asked(state: State, within: tuple[str, ...] = ()) -> tuple[AttributeRule, ...]:
    return tuple(rule for rule in rules_within().get(within, ()) if rule.final in _CODES[state])


@cache
def _macro_of(rule: AttributeRule) -> Level | None:
    """What an update asks of the items of a sequence for which the column has no codes of its own: a macro's."""
    inside = rules_within().get(rule.path, ())
    return level_of(Moment.UPDATE, rule.path) if inside and not any(one.final for one in inside) else None


def unmet(dataset: JsonDataset, state: State) -> list[Finding]:
    """Every final-state requirement that a workitem does not meet.

    Args:
        dataset: the workitem as it stands.
        state: COMPLETED or CANCELED.
    """
    walk = Walk(Moment.UPDATE)
    _examine(dataset, state, (), None, walk)
    return walk.findings


def _examine(dataset: JsonDataset, state: State, within: tuple[str, ...], place: Place | None, walk: Walk) -> None:
    for rule in _asked(state, within):
        given = rule.tag in dataset if rule.keyword == _MAY_BE_EMPTY else has_value(dataset, rule.tag)
        if not given:
            _lacking(rule, state, path(place, rule.keyword), walk)
            continue
        macro = _macro_of(rule)
        for number, item in enumerate(get_all(dataset, rule.keyword), 1):
            here = Place(place, rule.keyword, number)
            if not isinstance(item, dict):
                continue
            if macro is not None:
                walk.dataset(item, macro, here, dataset)
            else:
                _examine(item, state, rule.path, here, walk)


def _lacking(rule: AttributeRule, state: State, where: str, walk: Walk) -> None:
    """Say that an attribute is lacking, and what will be asked inside it."""
    source = rule.source(Moment.FINAL)
    words = f"has no value; {source} requires it (code {rule.final}) before {state}."
    walk.findings.append(Finding(where, words, source, "Set it by an update first."))
    for inner in _asked(state, rule.path):
        _lacking(inner, state, f"{where}.{inner.keyword}", walk)
