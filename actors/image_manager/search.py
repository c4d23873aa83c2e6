"""Searches of QIDO-RS: from the query string to matching datasets (PS3.18 section 10.6)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from pydicom.datadict import dictionary_VR, tag_for_keyword

from actors.image_manager.matching import matches
from profiles.dicom import JsonDataset, put, tag_of
from profiles.errors import BadInput
from profiles.tables import read_table

LEVELS = ("study", "series", "instance")
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_CONTROLS = frozenset(
    {"includefield", "limit", "offset", "fuzzymatching", "emptyvaluematching", "multiplevaluematching"}
)
_COMPUTED = frozenset(
    {
        "00080056",  # InstanceAvailability
        "00080061",  # ModalitiesInStudy
        "00080062",  # SOPClassesInStudy
        "00081190",  # RetrieveURL
        "00201206",  # NumberOfStudyRelatedSeries
        "00201208",  # NumberOfStudyRelatedInstances
        "00201209",  # NumberOfSeriesRelatedInstances
    }
)


@dataclass(frozen=True, slots=True)
class Query:
    """One search.

    Attributes:
        keys: matching keys: path of tags → wanted value.
        include: tags to return beyond the default ones.
        include_all: ``includefield=all``.
        limit: at most so many results; None for all.
        offset: so many matches are left out first.
    """

    keys: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    include: frozenset[str] = frozenset()
    include_all: bool = False
    limit: int | None = None
    offset: int = 0

    @classmethod
    def parse(cls, parameters: Iterable[tuple[str, str]]) -> Query:
        """Read a query string's parameters; attributes by keyword or tag, dotted into sequences.

        Raises:
            BadInput: for an unknown attribute or a limit or offset that is no number.
        """
        keys: dict[tuple[str, ...], str] = {}
        include: set[str] = set()
        numbers: dict[str, int] = {}
        for name, value in parameters:
            if name == "includefield":
                include |= {one for one in value.split(",") if one}
            elif name in {"limit", "offset"}:
                numbers[name] = _count(name, value)
            elif name not in _CONTROLS:
                path = _path(name)
                keys[path] = f"{keys[path]}\\{value}" if path in keys else value
        return cls(
            keys,
            frozenset(_path(one)[0] for one in include - {"all"}),
            "all" in include,
            numbers.get("limit"),
            numbers.get("offset", 0),
        )

    def fits(self, dataset: JsonDataset) -> bool:
        """Whether a dataset meets every matching key."""
        return all(matches(dataset, path, wanted) for path, wanted in self.keys.items())

    def page(self, found: Sequence[JsonDataset]) -> Sequence[JsonDataset]:
        """The part of the matches that was asked for."""
        return found[self.offset : None if self.limit is None else self.offset + self.limit]

    def exact(self, keyword: str) -> list[str] | None:
        """The values asked for, when the key is plain (no wildcard, no range): a first selection."""
        wanted = self.keys.get((tag_of(keyword),), "")
        if not wanted or any(sign in wanted for sign in "*?-"):
            return None
        return re.split(r"[\\,]", wanted) if dictionary_VR(int(tag_of(keyword), 16)) == "UI" else wanted.split("\\")


def pick(dataset: JsonDataset, level: str, query: Query, *, parents: Sequence[str] = ()) -> JsonDataset:
    """The attributes to return of a match.

    Args:
        dataset: all that is known of the match, with its parents' attributes.
        level: the level searched.
        query: says what else is wanted.
        parents: levels above that were not given in the URL; their default attributes are returned too.
    """
    if query.include_all:
        return {tag: dataset[tag] for tag in sorted(dataset)}
    wanted = set(query.include) | {path[0] for path in query.keys} | _COMPUTED
    for one in (level, *parents):
        wanted |= _defaults(one)
    wanted |= {tag_of("StudyInstanceUID")}
    if level != "study":
        wanted |= {tag_of("SeriesInstanceUID")}
    return {tag: dataset[tag] for tag in sorted(wanted) if tag in dataset}


def level_attributes(level: str, header: JsonDataset) -> JsonDataset:
    """The attributes of a study or series that can be searched and returned, out of one of its instances.

    Default return attributes that the instance lacks are there, empty (PS3.18 section 10.6.3.3).
    """
    found = {tag: header[tag] for tag in _tags(level) if tag in header}
    for tag in _mandatory(level) - found.keys():
        found[tag] = {"vr": dictionary_VR(int(tag, 16)).split(" or ")[0]}
    return found


def mark(dataset: JsonDataset, keyword: str, *values: object) -> None:
    """Set a computed attribute of a match."""
    put(dataset, keyword, *values)


@cache
def _tags(level: str) -> frozenset[str]:
    rows = read_table("actors.image_manager", "query_attributes")
    return frozenset(tag_of(row["keyword"]) for row in rows if row["level"] == level)


@cache
def _defaults(level: str) -> frozenset[str]:
    rows = read_table("actors.image_manager", "query_attributes")
    return frozenset(tag_of(row["keyword"]) for row in rows if row["level"] == level and row["returned"] == "default")


@cache
def _mandatory(level: str) -> frozenset[str]:
    rows = read_table("actors.image_manager", "query_attributes")
    return frozenset(
        tag_of(row["keyword"])
        for row in rows
        if row["level"] == level and row["returned"] == "default" and "10.6.3-3" in row["source"]
    ) - {tag_of("TimezoneOffsetFromUTC")}


def _count(name: str, value: str) -> int:
    if not value.isdecimal():
        raise BadInput(f"{name} must be a whole number of zero or more (PS3.18 section 8.3.4.4).")
    return int(value)


def _path(name: str) -> tuple[str, ...]:
    return tuple(_tag(part) for part in name.split("."))


def _tag(part: str) -> str:
    if _TAG.fullmatch(part):
        return part.upper()
    number = tag_for_keyword(part)
    if number is None:
        raise BadInput(
            f"The search names an attribute that DICOM does not have: {part[:64]!r}. Name it by keyword or "
            "by eight hexadecimal digits, sequences joined by a dot (PS3.18 section 8.3.4.1)."
        )
    return f"{number:08X}"
