"""The requirement ids of UPS, ``tables/requirements.csv``: one per rule of the standard, never used for another."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from profiles.tables import read_table


@dataclass(frozen=True, slots=True)
class Requirement:
    """One rule.

    Attributes:
        id: ``UPS-NNN``.
        kind: transition, warning, event-trigger, subscription, attribute, encoding, value or enumeration.
        subject: what it is about; of an attribute its module and path, ``module/A.B``.
        moment: when it holds, e.g. N-CREATE.
        rule: what it wants, in the words or codes of its table.
        section: where the standard says so.
        edition: of the standard.
    """

    id: str
    kind: str
    subject: str
    moment: str
    rule: str
    section: str
    edition: str

    @property
    def source(self) -> str:
        """Edition, section and id, as findings cite them."""
        return f"{self.edition} {self.section} ({self.id})"


@cache
def requirements() -> dict[str, Requirement]:
    """Every requirement by its id."""
    return {row["id"]: Requirement(**row) for row in read_table("profiles.ups", "requirements")}


@cache
def attribute_requirements() -> dict[tuple[str, str], Requirement]:
    """The requirements of attributes, by ``module/path`` and moment."""
    return {(one.subject, one.moment): one for one in requirements().values() if one.kind == "attribute"}


@cache
def _by_subject() -> dict[tuple[str, str], Requirement]:
    return {(one.kind, one.subject): one for one in requirements().values() if one.kind != "attribute"}


def requirement_of(kind: str, subject: str) -> Requirement:
    """The requirement of a kind and subject; of an attribute see `attribute_requirements`.

    Raises:
        KeyError: when the table has none.
    """
    return _by_subject()[(kind, subject)]
