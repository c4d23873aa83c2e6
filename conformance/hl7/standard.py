"""What HL7 itself says of each version: structures, fields, data types and code tables, as hl7apy carries them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from conformance.hl7.message import NULL, Segment
from conformance.hl7.structure import Grammar

VERSIONS = ("2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.8.1", "2.8.2")
NEAREST = "2.5.1"
_WITHOUT_TABLES = {"2.1", "2.2", "2.3"}
Leaf = tuple[str, str, str]
"""Where within the segment, the primitive data type, and the value."""


@dataclass(frozen=True, slots=True)
class Edition:
    """One version of HL7.

    Attributes:
        version: its number.
        messages: message structures by name, as hl7apy has them; so the others.
        segments: by name.
        datatypes: components of the composite data types by name.
        tables: title and values by name.
    """

    version: str
    messages: dict[str, Any]
    segments: dict[str, Any]
    datatypes: dict[str, Any]
    tables: dict[str, tuple[str, tuple[str, ...]]]

    @property
    def has_err_severity(self) -> bool:
        """Whether ERR is laid out as from version 2.5 on."""
        return VERSIONS.index(self.version) >= VERSIONS.index("2.5")

    def structure(self, name: str) -> Grammar | None:
        """The order of segments of a message structure, such as ``ORM_O01``."""
        return _grammar(self.version, name) if name in self.messages else None

    def knows(self, segment: str) -> bool:
        """Whether there is such a segment."""
        return segment in self.segments

    def required(self, segment: str) -> tuple[int, ...]:
        """Numbers of the fields that have to be valued.

        The tables of the old versions also mark what the text makes conditional; of theirs only that is taken which
        2.5.1 requires too.
        """
        return _limited(self.version, segment, 0, 1)

    def single(self, segment: str) -> tuple[int, ...]:
        """Numbers of the fields that may not repeat, neither here nor in 2.5.1."""
        return _limited(self.version, segment, 1, 1)

    def codes(self, table: str) -> frozenset[str]:
        """Values of a table, such as ``0119``."""
        return frozenset(self.tables.get(f"HL7{table}", ("", ()))[1])

    def is_datatype(self, name: str) -> bool:
        """Whether a data type has that name."""
        return name in self.datatypes or name in _primitives() or name in self.codes("0125")

    def leaves(self, segment: Segment) -> Iterator[Leaf]:
        """Every value of a segment with its primitive data type; what the version does not define is left out."""
        for number, (_, defined, _, _) in _fields(self.version, segment.name).items():
            if not segment.field(number) or (segment.name == "MSH" and number <= 2):  # noqa: PLR2004 - delimiters
                continue
            kind, reference = defined[2], defined
            if kind == "varies":
                kind = segment.part(2).strip()
                parts = self.datatypes.get(kind)
                reference = ("sequence", parts, kind) if parts else ("leaf", None, kind)
            for text in segment.repetitions(number):
                yield from self._within(segment, number, reference, kind, text)

    def _within(self, segment: Segment, number: int, reference: Any, kind: str, text: str) -> Iterator[Leaf]:
        if kind == "TS" or reference[0] == "leaf":
            yield from _leaf(segment.at(number), _plain(kind), segment.within(text, 1))
            return
        for place, (_, component, _, _) in enumerate(reference[1], 1):
            leaf = _plain(component[2])
            yield from _leaf(segment.at(number, place), leaf, segment.within(text, place, 1))


def edition(version: str) -> Edition:
    """The version that a message declares, or the nearest one that there is."""
    return _edition(version if version in VERSIONS else NEAREST)


def codes_of(version: str, table: str) -> frozenset[str]:
    """Values of a table in that version and in 2.5.1, which completes what older tables left out."""
    return edition(version).codes(table) | edition(NEAREST).codes(table)


def _leaf(path: str, kind: str, value: str) -> Iterator[Leaf]:
    if value and value != NULL:
        yield path, kind, value


def _plain(kind: str) -> str:
    """A time stamp has the form of DTM, whether or not it has components."""
    return "DTM" if kind == "TS" else kind


@cache
def _edition(version: str) -> Edition:
    home = f"hl7apy.v{version.replace('.', '_')}"
    return Edition(
        version,
        import_module(f"{home}.messages").MESSAGES,
        import_module(f"{home}.segments").SEGMENTS,
        import_module(f"{home}.datatypes").DATATYPES_STRUCTS,
        import_module(f"{home}.tables").TABLES if version not in _WITHOUT_TABLES else {},
    )


@cache
def _fields(version: str, segment: str) -> dict[int, Any]:
    """By the numbers in their names: versions leave out what they have withdrawn."""
    found = _edition(version).segments.get(segment)
    return {int(one[0].partition("_")[2]): one for one in found[1]} if found else {}


@cache
def _limited(version: str, segment: str, limit: int, value: int) -> tuple[int, ...]:
    """Numbers of the fields whose least (0) or most (1) number of repetitions is that value."""
    own = {number for number, (_, _, limits, _) in _fields(version, segment).items() if limits[limit] == value}
    return tuple(sorted(own if version >= "2.4" else own.intersection(_limited(NEAREST, segment, limit, value))))


@cache
def _grammar(version: str, name: str) -> Grammar:
    return Grammar(_edition(version).messages[name])


@cache
def _primitives() -> frozenset[str]:
    return frozenset(import_module(f"hl7apy.v{NEAREST.replace('.', '_')}").BASE_DATATYPES) | {"TS", "DTM", "DT", "TM"}
