"""``tables/errors.csv``: one row per kind of error, with its form on every wire."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from profiles.tables import read_table


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """How one kind of error looks from outside.

    Attributes:
        key: the name by which the code knows it.
        http: HTTP status code.
        warning: text of the ``Warning`` header after ``299 <service>: ``; empty when the standard mandates none.
        dimse: DIMSE status as four hexadecimal digits; empty when there is no counterpart.
        audit_outcome: EventOutcomeIndicator of the audit message (0, 4, 8 or 12).
        source: section and edition.
    """

    key: str
    http: int
    warning: str
    dimse: str
    audit_outcome: int
    source: str


@cache
def error_rows() -> dict[str, ErrorRow]:
    """The whole table, by key."""
    return {
        row["key"]: ErrorRow(
            row["key"], int(row["http"]), row["warning"], row["dimse"], int(row["audit_outcome"]), row["source"]
        )
        for row in read_table("profiles.errors", "errors")
    }


def error_row(key: str) -> ErrorRow:
    """The row of one key; a KeyError names a key that the table lacks."""
    return error_rows()[key]
