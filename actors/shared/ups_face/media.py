"""Which media type an answer has (PS3.18 8.7.5 to 8.7.8): the Accept header, the ``accept`` parameter, q-values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from actors.shared.multipart import MediaType
from profiles.errors import NotAcceptable

JSON = "application/dicom+json"
XML = "application/dicom+xml"
MULTIPART_XML = f'multipart/related; type="{XML}"'
_MEMBER = re.compile(r'(?:"[^"]*"|[^,"])+')
_QUALITY = re.compile(r"(0(\.[0-9]{0,3})?|1(\.0{0,3})?)")
_CHARSETS = frozenset({"*", "utf-8", "utf8", "iso_ir 192", "us-ascii"})
_REMEMBERED = 256


class Form(StrEnum):
    """What an answer can be, the default first (PS3.18 11.1.3)."""

    JSON = JSON
    PLAIN_JSON = "application/json"
    MULTIPART_XML = MULTIPART_XML
    XML = XML


@dataclass(frozen=True, slots=True)
class _Range:
    name: str
    type: str
    quality: float

    def fit(self, form: str) -> int:
        """How exactly it names a form: 0 not at all, 3 by its full name."""
        offered = MediaType.parse(form)
        if self.name == offered.name and self.type in ("", offered.parameters.get("type", "")):
            return 3
        if self.name == f"{offered.name.partition('/')[0]}/*":
            return 2
        return 1 if self.name == "*/*" else 0


@lru_cache(maxsize=_REMEMBERED)
def negotiate(header: str | None, parameter: str | None = None, offered: tuple[str, ...] = tuple(Form)) -> str:
    """The form of an answer.

    Args:
        header: Accept.
        parameter: the ``accept`` query parameter, which goes before the header but must be compatible with it.
        offered: the forms that there are, the default first.

    Raises:
        NotAcceptable: when the header is missing or nothing that it, or the parameter, names can be produced.
    """
    if not header or not header.strip():
        raise NotAcceptable(f"The request has no Accept header (PS3.18 8.7.5); send Accept: {offered[0]}.")
    acceptable = _best(_ranges(header), offered)
    if parameter is not None and acceptable:
        named = [] if "*" in parameter else _ranges(parameter)
        acceptable = _best(named, acceptable)
    if not acceptable:
        raise NotAcceptable(
            f"None of the types asked for can be produced (PS3.18 8.7.8.1); send Accept: {' or '.join(offered)}."
        )
    return acceptable[0]


def _best(ranges: list[_Range], forms: Iterable[str]) -> list[str]:
    """The forms that ranges allow, the best first; the order of the forms decides among equals."""
    quality = {form: _quality(ranges, form) for form in forms}
    return sorted((form for form in quality if quality[form] > 0), key=lambda form: -quality[form])


def _quality(ranges: list[_Range], form: str) -> float:
    """The q-value of the range that names a form most exactly (RFC 9110 12.5.1)."""
    fit, quality = max(((one.fit(form), one.quality) for one in ranges), default=(0, 0.0))
    return quality if fit else 0.0


def _ranges(header: str) -> list[_Range]:
    """The members of an Accept header that can be understood; the others are ignored (PS3.18 8.7.5)."""
    found = []
    for member in _MEMBER.findall(header):
        media_type = MediaType.parse(member)
        quality = media_type.parameters.get("q", "1")
        if media_type.name.count("/") == 1 and _QUALITY.fullmatch(quality):
            found.append(_Range(media_type.name, media_type.parameters.get("type", "").lower(), float(quality)))
    return found


@lru_cache(maxsize=_REMEMBERED)
def require_charset(header: str | None, parameter: str | None = None) -> None:
    """See that the caller takes UTF-8, the only character set of answers (PS3.18 8.7.8, F.2).

    Raises:
        NotAcceptable: when it names other character sets only.
    """
    for asked in (parameter, header):
        if asked:
            members = [MediaType.parse(f"x/x; charset={one.strip()}").parameters for one in asked.split(",")]
            wanted = {one["charset"].lower() for one in members if one.get("q", "1").strip("0.")}
            if not wanted & _CHARSETS:
                raise NotAcceptable("Answers are in UTF-8 (PS3.18 F.2); send Accept-Charset: utf-8, or none.")
            return
