"""Resources of R4B and R5 from one set of values: ``tables/elements.csv`` says what each version calls them."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import Any

from profiles.fhir.datatypes import Json
from profiles.tables import read_table


class Version(StrEnum):
    """A version of FHIR; R4B stands for R4, too (orders.md 11.3)."""

    R4B = "R4B"
    R5 = "R5"


@cache
def _rows(kind: str) -> tuple[dict[str, str], ...]:
    return tuple(row for row in read_table("profiles.fhir", "elements") if row["resource"] == kind)


def resource(kind: str, version: Version, values: dict[str, Any]) -> Json:
    """A resource with those of its elements that have a value.

    Args:
        kind: type of the resource.
        version: of FHIR; a value for which it has no element is left out.
        values: by their names in the table; a list, or one value, for an element that repeats.
    """
    made: Json = {"resourceType": kind}
    for row in _rows(kind):
        element, value = row[version], values.get(row["value"])
        if element and value not in (None, "", [], {}):
            repeats = element.endswith("[]") and not isinstance(value, list)
            made[element.removesuffix("[]")] = [value] if repeats else value
    return made
