"""The attribute table, row by row (PS3.4 Table CC.2.5-3, ``tables/ups_attributes.csv``)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from profiles.dicom import tag_of
from profiles.tables import read_table
from profiles.ups.requirements import attribute_requirements


class Moment(StrEnum):
    """When a requirement holds: the columns of the table that are about content."""

    CREATION = "N-CREATE"
    UPDATE = "N-SET"
    FINAL = "final state"


@dataclass(frozen=True, slots=True)
class AttributeRule:
    """One row: an attribute's requirement at each moment of a workitem's life."""

    module: str
    path: tuple[str, ...]
    ncreate: str
    nset: str
    final: str
    find_match: str
    find_return: str

    @property
    def keyword(self) -> str:
        """Of the attribute itself, without the sequences around it."""
        return self.path[-1]

    @property
    def tag(self) -> str:
        """Of the attribute itself."""
        return tag_of(self.keyword)

    def cell(self, moment: Moment) -> Cell:
        """Its requirement at a creation or an update, taken apart."""
        return Cell.of(self.ncreate if moment is Moment.CREATION else self.nset)

    def source(self, moment: Moment | str) -> str:
        """Section and requirement id of the cell of a moment."""
        return attribute_requirements()[(f"{self.module}/{'.'.join(self.path)}", str(moment))].source


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the columns N-CREATE and N-SET, e.g. ``2/2;empty``.

    Attributes:
        scu: what the one who asks owes: 1, 2, 3, 1C, 2C, ``-``, NA, cmd or tx-rule.
        scp: what the server owes.
        notes: qualifiers by name: empty, value, cmd, use, scp-sets, scp-fills-if-empty.
    """

    scu: str
    scp: str
    notes: dict[str, str]

    @classmethod
    def of(cls, text: str) -> Cell:
        """The cell of its text in the table."""
        types, *notes = text.split(";")
        scu, _, scp = types.partition("/")
        return cls(scu, scp, {name: value for name, _, value in (note.partition("=") for note in notes)})

    @property
    def must_be_empty(self) -> bool:
        """Whether it is sent without a value."""
        return "empty" in self.notes

    @property
    def is_barred(self) -> bool:
        """Whether it is not to be sent; what the table conveys in a command is in the dataset of a RESTful request."""
        return self.scu == "NA"


@cache
def attribute_rules() -> tuple[AttributeRule, ...]:
    """All rows that name an attribute."""
    return tuple(
        AttributeRule(
            row["module"],
            tuple(row["path"].split(".")),
            row["ncreate"],
            row["nset"],
            row["final_state"],
            row["cfind_match"],
            row["cfind_return"],
        )
        for row in read_table("profiles.ups", "ups_attributes")
        if not row["path"].endswith("*")
    )


@cache
def rules_within() -> dict[tuple[str, ...], tuple[AttributeRule, ...]]:
    """The rows by the sequence that they are in; of the dataset itself under the empty path."""
    found: dict[tuple[str, ...], tuple[AttributeRule, ...]] = {}
    for rule in attribute_rules():
        found[rule.path[:-1]] = (*found.get(rule.path[:-1], ()), rule)
    return found
