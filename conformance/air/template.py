"""The rows of TID 1500 and its groups that no other rule looks at, by ``tables/air_template.csv``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from conformance.air.books import OBJECT
from conformance.air.result import Item, Result
from conformance.rules import Breach
from profiles.tables import read_table

Row = Mapping[str, str]


@cache
def _rows(parent: str) -> tuple[Row, ...]:
    return tuple(row for row in read_table("conformance", "air_template") if row["parent"] == parent)


@OBJECT.rule("AIR-216")
def _rows_hold(result: Result) -> Iterator[Breach]:
    for parent, places in (("root", [result.root]), ("group", result.groups)):
        for place in places:
            for row in _rows(parent):
                yield from _row_holds(row, place)


def _row_holds(row: Row, place: Item) -> Iterator[Breach]:
    given = [found for found in place.all_named(row["concept"], row["scheme"]) if not found.by_reference]
    if row["most"] and len(given) > int(row["most"]):
        yield place.path, f"has {len(given)} items {given[0].concept.meaning}, of which {row['source']} allows one"
    for found in given:
        misrelated = row["relationship"] and found.relationship != row["relationship"]
        if misrelated or (row["types"] and found.value_type not in row["types"].split()):
            kind = f"{found.relationship or '(nothing)'} {found.value_type}"
            wanted = f"{row['relationship']} {row['types'].replace(' ', ' or ')}".strip()
            yield found.path, f"{found.concept.meaning} is {kind}; {row['source']} has {wanted}"
