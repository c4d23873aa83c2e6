"""Person names: compared without regard to case and accents, and, when asked, by likeness (PS3.4 C.2.2.2.1)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
#: Words are alike from this Jaro-Winkler similarity on: MEYER and MEIER 0.91, SMITH and SMYTH 0.89, ADA and EDA 0.56.
ALIKE = 0.85
_ACCENTS = re.compile("[\u0300-\u036f]")
_WORDS = re.compile(r"[\^\s,=.*?-]+")


@lru_cache(maxsize=4096)
def folded(name: str) -> str:
    """A name without case, accents, width of letters and empty components at its end; wildcards stay."""
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", name.replace("\0", ""))).casefold()
    return unicodedata.normalize("NFC", plain).strip().rstrip("^").rstrip()


def groups_of(value: object) -> dict[str, str]:
    """The component groups of a value in the DICOM JSON Model, folded (PS3.18 F.2.2)."""
    found = value if isinstance(value, dict) else {GROUPS[0]: value}
    return {group: folded(str(found[group])) for group in GROUPS if found.get(group)}


def name_test(wanted: str, like: Callable[[str], Callable[[str], bool]]) -> Callable[[object], bool]:
    """Whether a name matches a key literally: a key of one group any group, of several groups each its own.

    Args:
        wanted: the key; groups are separated by ``=``.
        like: makes the test of one text, with its wildcards.
    """
    parts = [part for part in zip(GROUPS, wanted.split("="), strict=False) if part[1]]
    tests = {group: like(folded(part)) for group, part in parts}
    if len(wanted.split("=")) == 1:
        one = like(folded(wanted))
        return lambda value: any(one(text) for text in groups_of(value).values())
    return lambda value: all(test(groups_of(value).get(group, "")) for group, test in tests.items())


def fuzzy_name_test(wanted: str) -> Callable[[object], bool]:
    """Whether each word of a key is like some word of a name, in whatever order (PS3.18 8.3.4.2)."""
    from rapidfuzz.distance import JaroWinkler

    words = _words(wanted)

    def test(value: object) -> bool:
        found = [word for text in groups_of(value).values() for word in _words(text)]
        return all(any(JaroWinkler.similarity(word, other) >= ALIKE for other in found) for word in words)

    return test


def _words(text: str) -> list[str]:
    return [word for word in _WORDS.split(folded(text)) if word]
