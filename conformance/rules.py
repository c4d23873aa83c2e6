"""Rules are rows of tables; the functions that look for breaches are found by the rows' ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from conformance.finding import Finding, Severity
from profiles.tables import read_table

Subject = TypeVar("Subject")
Breach = tuple[str, str]
"""Where (by keywords), and what is wrong there."""

Look = Callable[[Subject], Iterable[Breach]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of a table of rules.

    Attributes:
        rule: its id.
        severity: of a breach.
        applies: the kinds of subjects that it applies to, separated by spaces.
        requirement: what it asks, in one line.
        fix: what to do about a breach.
        source: where it is written.
        verified: how far the source was verified: ``read``, ``quoted`` by others, ``seen`` in practice, ``memory`` or
            ``project`` for our own.
    """

    rule: str
    severity: Severity
    applies: str
    requirement: str
    fix: str
    source: str
    verified: str = ""

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of subjects that the rule applies to."""
        return frozenset(self.applies.split())

    def broken(self, file: str, path: str, message: str) -> Finding:
        """The finding that this rule is broken there."""
        source = f"{self.source} ({self.verified})" if self.verified else self.source
        return Finding(file, self.rule, self.severity, path, message, self.fix, source)


def read_rules(name: str) -> dict[str, Rule]:
    """The rules of ``tables/<name>.csv`` by id, in the order in which they are reported."""
    return {
        row["rule"]: Rule(
            row["rule"],
            Severity(row["severity"]),
            row["applies"],
            row["requirement"],
            row["fix"],
            row["source"],
            row.get("verified", ""),
        )
        for row in read_table("conformance", name)
    }


class Rulebook(Generic[Subject]):
    """The functions that look for breaches of a table's rules."""

    def __init__(self, table: str, applies: Iterable[str]) -> None:
        wanted = set(applies)
        self.rules = {rule_id: rule for rule_id, rule in read_rules(table).items() if rule.kinds & wanted}
        self._looks: dict[str, Look[Subject]] = {}

    def rule(self, rule_id: str) -> Callable[[Look[Subject]], Look[Subject]]:
        """Decorator: this function looks for breaches of that rule."""
        if rule_id not in self.rules:
            raise KeyError(f"the table has no rule {rule_id} here")

        def keep(look: Look[Subject]) -> Look[Subject]:
            self._looks[rule_id] = look
            return look

        return keep

    @property
    def unlooked(self) -> set[str]:
        """Rules of the table that no function looks at."""
        return set(self.rules) - set(self._looks)

    def look(self, subject: Subject, file: str, applies: Iterable[str]) -> Iterator[Finding]:
        """All breaches in a subject, by the rules that apply to its kind."""
        wanted = set(applies)
        for rule in self.rules.values():
            if rule.kinds & wanted:
                yield from self._found(rule, subject, file)

    def _found(self, rule: Rule, subject: Subject, file: str) -> Iterator[Finding]:
        """What one rule finds; a defect of the rule itself is told and stops no other rule."""
        try:
            for path, message in self._looks[rule.rule](subject):
                yield rule.broken(file, path, message)
        except Exception as error:
            words = f"rule {rule.rule} could not be judged here ({type(error).__name__})"
            yield Finding(file, "HARNESS", Severity.INFO, "", words, "Report this defect of the judge.", rule.source)
