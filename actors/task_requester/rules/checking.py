"""What is doubtful about a rule file that can be read: rules that never hold, and rules in each other's way.

This tries combinations of the values that the conditions name, and of others beside them; it proves nothing. It cannot
see beyond patterns for which it finds no fitting text (it names them), lists of more than one kind of value each, and
relations between attributes that only real images have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from random import Random

from actors.task_requester.rules.deciding import Rule
from actors.task_requester.rules.doubt import Doubt
from actors.task_requester.rules.language import Condition, ExpressionFailed
from actors.task_requester.rules.model import RuleTable
from actors.task_requester.rules.offered import Offered, check_pipelines
from actors.task_requester.rules.sampling import Candidates, candidates, draw, impossible, parts, steer, unseen

_SAMPLES_PER_RULE, _MOST_SAMPLES = 400, 6_000
#: What two rules of one code may not tell differently about the same study.
_TOLD = ("priority", "priorities", "parameters", "station_class", "engine_version", "hours", "worklist")


def check_rules(rules: Sequence[Rule], offered: Offered, now: datetime) -> list[Doubt]:
    """Everything doubtful about rules and the pipelines that they may ask for.

    Args:
        rules: of one file.
        offered: the codes that somebody here works on.
        now: the present, timezone-aware.
    """
    found = [doubt for rule in rules for doubt in _of_table(rule.table, offered, now)]
    truths = _try_out(rules)
    for rule in rules:
        found += _of_truth(rule, truths[rule.table.name])
    for one, other in combinations(rules, 2):
        found += _of_pair(one.table, other.table, truths)
    return found + check_pipelines(offered)


@dataclass(slots=True)
class _Truth:
    """In which samples a rule matched, in which its ``when`` held, and what failed."""

    matched: set[int]
    held: set[int]
    failed: str
    samples: int


def _try_out(rules: Sequence[Rule]) -> dict[str, _Truth]:
    own = [_candidates(rule) for rule in rules]
    wanted = [[part for condition in _conditions(rule) for part in parts(condition)] for rule in rules]
    anybody: Candidates = {}
    for of_rule in own:
        for name, worth in of_rule.items():
            anybody[name] = [*anybody.get(name, []), *worth]
    random = Random(0)  # noqa: S311  # the same samples whenever the file is checked
    count = min(_SAMPLES_PER_RULE * len(rules), _MOST_SAMPLES)
    truths = {rule.table.name: _Truth(set(), set(), "", count) for rule in rules}
    for number in range(count):
        turn = number % len(rules)
        values = draw(random, own[turn], anybody)
        if number // len(rules) % 2:
            values = steer(random, values, wanted[turn], own[turn])
        for rule in rules:
            _ask(rule, values, number, truths[rule.table.name])
    return truths


def _ask(rule: Rule, values: Mapping[str, object], number: int, truth: _Truth) -> None:
    try:
        if rule.when.holds(values):
            truth.held.add(number)
            if rule.series is None or rule.series.holds(values):
                truth.matched.add(number)
                for one in _expressions(rule):
                    one.value(values)
    except ExpressionFailed as error:
        truth.failed = error.message


def _candidates(rule: Rule) -> Candidates:
    found: Candidates = {}
    for condition in _expressions(rule):
        for name, values in candidates(condition).items():
            found[name] = [*found.get(name, []), *values]
    return found


def _conditions(rule: Rule) -> list[Condition]:
    return [rule.when, *([rule.series] if rule.series else [])]


def _expressions(rule: Rule) -> list[Condition]:
    """Its conditions, and what is asked of series once they hold."""
    return [*_conditions(rule), *filter(None, (rule.prefer, rule.prior_series))]


def _of_table(rule: RuleTable, offered: Offered, now: datetime) -> list[Doubt]:
    found = []
    if rule.until and rule.until <= now:
        found.append(Doubt(rule.name, "over", f"It counts {rule.in_force()} and never again."))
    return [*found, *_of_code(rule, offered)] if offered else found


def _of_code(rule: RuleTable, offered: Offered) -> Iterator[Doubt]:
    code, wanted = rule.workitem_code.code(), rule.engine_version
    versions = offered.versions_of(code)
    if offered.is_pipeline(code):
        if wanted:
            words = f"{code.value} is a pipeline, which has no version; name it in `engine_version` of its steps."
            yield Doubt(rule.name, "version", words, serious=True)
        return
    if not versions:
        words = f"No engine and no pipeline here serves {code.value} {code.scheme}; its workitems would wait for ever."
        yield Doubt(rule.name, "unserved", words, serious=True)
        return
    if rule.priors:
        words = "Engines here take one series of all that they are given, and might take one of an earlier study."
        yield Doubt(rule.name, "priors", words)
    if wanted and wanted not in versions:
        words = f"It asks for version {wanted} of the engine; here is {', '.join(sorted(versions))}."
        yield Doubt(rule.name, "version", words, serious=True)


def _of_truth(rule: Rule, truth: _Truth) -> list[Doubt]:
    name = rule.table.name
    never = [words for condition in _expressions(rule) for words in impossible(condition)]
    found = [Doubt(name, "impossible", f"{'; '.join(never)}.")] if never else []
    blind = [pattern for condition in _conditions(rule) for pattern in unseen(condition)]
    if blind:
        words = f"No text was found that fits {', '.join(map(repr, blind))}, so what hangs on that was not tried."
        found.append(Doubt(name, "unseen", words))
    elif not truth.matched:
        part = "`series`" if truth.held else "`when`"
        words = f"In none of {truth.samples} combinations of the values that it names {part} holds."
        found.append(Doubt(name, "unreachable", words, serious=True))
    if len(truth.held) == truth.samples:
        found.append(Doubt(name, "always", "`when` holds whatever the study is."))
    if truth.failed:
        found.append(Doubt(name, "failing", f"With some values it stops: {truth.failed}.", serious=True))
    return found


def _of_pair(one: RuleTable, other: RuleTable, truths: Mapping[str, _Truth]) -> list[Doubt]:
    code = one.workitem_code.code()
    if not code.same_as(other.workitem_code.code()) or not _together(one, other):
        return []
    mine, theirs = truths[one.name].matched, truths[other.name].matched
    both = mine & theirs
    if not both:
        return []
    differing = [key for key in _TOLD if getattr(one, key) != getattr(other, key)]
    if differing and "engine_version" not in differing:
        words = (
            f"It and {other.name} ask for {code.value} for the same study, with another {', another '.join(differing)}."
        )
        return [Doubt(one.name, "contradiction", words, serious=True)]
    for inner, outer, matched in ((one, other, mine), (other, one, theirs)):
        if both == matched and "engine_version" not in differing:
            words = f"Whenever it holds, {outer.name} holds, too, and asks for {code.value} a second time."
            return [Doubt(inner.name, "covered", words)]
    return []


def _together(one: RuleTable, other: RuleTable) -> bool:
    """Whether both are ever in force at the same time."""
    ends_first = one.until and other.start and one.until <= other.start
    begins_last = other.until and one.start and other.until <= one.start
    return not ends_first and not begins_last
