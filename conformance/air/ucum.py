"""Units of UCUM: whether a text is one, by its grammar and the atoms of ``tables/ucum_atoms.csv``."""

from __future__ import annotations

import re
from enum import Enum
from functools import cache

from profiles.tables import read_table

_PREFIXES = ("da", *"YZEPTGMkhdcmunpfazy", "Ki", "Mi", "Gi", "Ti")
_BRACKETS = r"\[[^\[\]\s{}]+\]"
_TOKEN = re.compile(
    rf"""(?P<slash>/)|(?P<dot>\.)|(?P<open>\()|(?P<close>\))
    |(?P<unit>(?P<simple>10[*^]|(?:[A-Za-z_%'"]|{_BRACKETS})+)(?:[+-]?\d+)?(?:\{{[!-z|~]*\}})?)
    |(?P<factor>[1-9]\d*(?:\{{[!-z|~]*\}})?)
    |(?P<annotation>\{{[!-z|~]*\}})""",
    re.VERBOSE,
)
_LETTERS = {"slash": "s", "dot": "d", "open": "(", "close": ")"}
_GROUP, _TERM = re.compile(r"\(s?u(?:[sd]u)*\)"), re.compile(r"s?u(?:[sd]u)*")


class Unit(Enum):
    """What a text is as a unit; ``UNKNOWN`` has the form of one, of atoms that the table lacks."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    ANNOTATION = "annotation"
    NONE = "none"


@cache
def _atoms() -> dict[str, bool]:
    """Atoms, and whether they take prefixes."""
    return {row["atom"]: row["metric"] == "yes" for row in read_table("conformance", "ucum_atoms")}


def _is_known(simple: str) -> bool:
    bare = (simple.removeprefix(prefix) for prefix in _PREFIXES if simple.startswith(prefix))
    return simple in _atoms() or any(_atoms().get(atom, False) for atom in bare)


def unit_of(text: str) -> Unit:
    """What a text is: a unit, words in braces (which UCUM takes for 1), or something else (UCUM section 2).

    Args:
        text: a code of the scheme UCUM; its letters have their case.
    """
    tokens, end = [], 0
    while found := _TOKEN.match(text, end):
        tokens.append(found)
        end = found.end()
    shape = "".join(_LETTERS.get(_kind(found), "u") for found in tokens)
    while (reduced := _GROUP.sub("u", shape)) != shape:
        shape = reduced
    if end < len(text) or not _TERM.fullmatch(shape):
        return Unit.NONE
    operands = [found for found in tokens if _kind(found) not in _LETTERS]
    if all(_kind(found) == "annotation" for found in operands):
        return Unit.ANNOTATION
    known = all(_is_known(found["simple"]) for found in operands if _kind(found) == "unit")
    return Unit.KNOWN if known else Unit.UNKNOWN


def _kind(token: re.Match[str]) -> str:
    return token.lastgroup or ""
