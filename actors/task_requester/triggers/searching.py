"""Search an archive for studies: from a condition as people write it to all studies that meet it (PS3.18 10.6)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Protocol
from urllib.parse import parse_qsl

from pydicom.datadict import tag_for_keyword

from profiles.dicom import JsonDataset, get_all, text
from profiles.errors import BadInput

_PAGE = 200
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_RANGE = re.compile(r"(\d{8})?-(\d{8})?|\d{8}")
_CONTROLS = frozenset({"limit", "offset", "includefield", "fuzzymatching"})


class StudySource(Protocol):
    """An archive that is searched for studies."""

    def search_studies(self, filters: Mapping[str, str] | None = None) -> list[JsonDataset]:
        """QIDO-RS for studies."""


def conditions_of(query: str) -> dict[str, str]:
    """Read a condition such as ``ModalitiesInStudy=MR&StudyDate=20250101-20251231``.

    Raises:
        BadInput: it is none, names what is no attribute, or a date that is none.
    """
    if not query.strip():
        raise BadInput("The query names no condition; it would be the whole archive.")
    try:
        found = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True))
    except ValueError as error:
        words = "The query is a list of ATTRIBUTE=VALUE joined by &, e.g. ModalitiesInStudy=MR&StudyDate=20250101-."
        raise BadInput(words) from error
    for name, value in found.items():
        if name in _CONTROLS:
            raise BadInput(f"{name} is no attribute; the query only says which studies are meant.")
        if not _TAG.fullmatch(name) and tag_for_keyword(name) is None:
            raise BadInput(f"{name[:64]!r} is no keyword of a DICOM attribute (PS3.6), and no tag.")
        if not value:
            raise BadInput(f"{name} has no value, so it would not narrow the search (PS3.4 section C.2.2.2.3).")
        if name == "StudyDate" and not (_RANGE.fullmatch(value) and any(map(str.isdigit, value))):
            raise BadInput("StudyDate is YYYYMMDD, or a range YYYYMMDD-YYYYMMDD that may be open at one end.")
    return found


def find_studies(archive: StudySource, conditions: Mapping[str, str], most: int | None = None) -> list[JsonDataset]:
    """The studies that meet a condition, oldest first; page by page, whatever the archive's own limit is.

    Args:
        archive: is asked.
        conditions: value by keyword.
        most: stop when there are so many.

    Raises:
        Unavailable: the archive is away.
    """
    found: dict[str, JsonDataset] = {}
    offset = 0
    while most is None or len(found) < most:
        paging = {"includefield": "IssuerOfPatientID", "limit": str(_PAGE), "offset": str(offset)}
        page = archive.search_studies({**conditions, **paging})
        new = {uid: one for one in page if (uid := text(one, "StudyInstanceUID")) and uid not in found}
        if not new:
            break
        found |= new
        offset += len(page)
    fitting = [one for one in found.values() if fits(one, conditions)]
    return sorted(fitting, key=lambda one: (text(one, "StudyDate"), text(one, "StudyInstanceUID")))[:most]


def fits(study: JsonDataset, conditions: Mapping[str, str]) -> bool:
    """Whether an answer meets the condition as far as it tells: archives pass over keys that they do not know."""
    return all(_fits(get_all(study, name), value) for name, value in conditions.items() if tag_for_keyword(name))


def _fits(found: list[object], wanted: str) -> bool:
    values = [one for one in found if isinstance(one, str)]
    if not values:
        return True
    if _RANGE.fullmatch(wanted):
        first, _, last = wanted.partition("-") if "-" in wanted else (wanted, "", wanted)
        return any(first <= one <= (last or "99999999") for one in values)
    patterns = re.split(r"[\\,]", wanted)
    return any(fnmatchcase(one.upper(), pattern.upper().replace("[", "[[]")) for one in values for pattern in patterns)
