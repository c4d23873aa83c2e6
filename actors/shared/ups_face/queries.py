"""The query of a Search, the filter of a Subscribe (PS3.18 8.3.4, 11.9, 11.10.1), and which attributes are returned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from urllib.parse import unquote, unquote_plus

from pydicom.datadict import keyword_for_tag, tag_for_keyword

from actors.shared.ups_face.answers import ignored_words
from actors.shared.ups_face.conveyance import Noted, Pairs, flag, single
from actors.shared.ups_face.dialects import Dialect
from actors.shared.ups_face.elements import is_text
from profiles.dicom import JsonDataset, tag_of, vr_of
from profiles.errors import BadInput, error_row
from profiles.ups.attributes import attribute_rules
from workitems.matching_keys import legal_keys, unsupported_keys

SEARCH_MAXIMUM = 500
_LARGEST = 2**31 - 1
_TAG_DIGITS = 8
_HEXADECIMAL = frozenset("0123456789ABCDEFabcdef")
#: Kinds of matching that are not done here, with what is said of them (PS3.18 8.3.4).
_NOT_DONE = {
    "emptyvaluematching": error_row("emptyvaluematching-unsupported").warning,
    "multiplevaluematching": error_row("multiplevaluematching-unsupported").warning,
}
_CONTROL = frozenset({"limit", "offset", "includefield", "accept", "charset", "fuzzymatching", *_NOT_DONE})


@dataclass(frozen=True, slots=True)
class Query:
    """What a Search asks.

    Attributes:
        keys: value by dotted keyword.
        limit: size of the page.
        offset: how many come before it.
        fuzzy: whether names match by likeness.
        fields: tags asked for with includefield; None for all attributes.
        warnings: what is not done as asked.
    """

    keys: dict[str, str]
    limit: int
    offset: int
    fuzzy: bool
    fields: frozenset[str] | None
    warnings: tuple[str, ...]

    def returned(self, workitem: JsonDataset) -> JsonDataset:
        """The attributes of a match that are returned (PS3.18 8.3.4.3, PS3.4 Table CC.2.5-3 column Return)."""
        if self.fields is None:
            return workitem
        always = returned_always()
        wanted = self.fields.union(always, (tag_of(path.partition(".")[0]) for path in self.keys))
        found = {tag: element for tag, element in workitem.items() if tag in wanted}
        missing = [tag for tag, vr in always.items() if vr and tag not in found]
        if not missing:
            return found
        return dict(sorted({**found, **{tag: {"vr": always[tag]} for tag in missing}}.items()))


@cache
def returned_always() -> dict[str, str]:
    """Tags of the attributes that every match has, when it has them; with the VR of those that are returned empty."""
    return {
        tag_of(rule.path[0]): vr_of(rule.path[0]) if rule.find_return == "2" else ""
        for rule in attribute_rules()
        if len(rule.path) == 1 and rule.find_return in ("1", "1C", "2", "2C")
    }


def read_query(pairs: Pairs, noted: Noted) -> Query:
    """The query of a Search.

    Raises:
        BadInput: for a value that its parameter cannot have, or an attribute that is there twice.
    """
    keys, ignored = matching_keys([pair for pair in pairs if pair[0] not in _CONTROL], noted)
    fields, unknown = _fields([value for name, value in pairs if name == "includefield"])
    warnings = [words for name, words in _NOT_DONE.items() if flag(pairs, name)]
    ignored += [*unknown, *unsupported_keys(keys)]
    return Query(
        keys,
        min(_number(pairs, "limit", SEARCH_MAXIMUM), SEARCH_MAXIMUM),
        _number(pairs, "offset", 0),
        flag(pairs, "fuzzymatching"),
        fields,
        (*warnings, *ignored_words(ignored)),
    )


def _number(pairs: Pairs, name: str, default: int) -> int:
    value = single(pairs, name)
    if value is None:
        return default
    if not (value.isascii() and value.isdecimal()):
        raise BadInput(f"{name} must be an unsigned integer (PS3.18 8.3.4.4).")
    return int(value) if len(value) < len(str(_LARGEST)) else _LARGEST


def matching_keys(pairs: Iterable[tuple[str, str]], noted: Noted) -> tuple[dict[str, str], list[str]]:
    """Matching keys by dotted keyword, which may be given as tags (PS3.18 8.3.4.1), and the names of no attribute.

    Raises:
        BadInput: when an attribute is there twice, or something that is no sequence has attributes inside.
    """
    keys: dict[str, str] = {}
    unknown = []
    for name, value in pairs:
        path = _path(name)
        if not path:
            unknown.append(name)
            continue
        if path in keys:
            raise BadInput(f"The attribute {path} is there twice; each may be there once (PS3.18 8.3.4.1).")
        *outer, last = path.split(".")
        if any(vr_of(one) != "SQ" for one in outer) or (vr_of(last) == "SQ" and value):
            raise BadInput(f"{path} must name a value; only sequences have attributes inside (PS3.18 8.3.4.1).")
        if not is_text(value):
            raise BadInput(f"The value of {path} has a control character in it (PS3.5 6.1.3, PS3.18 8.3.4.1).")
        keys[path] = _unescaped(last, value, noted)
    return keys, unknown


def _unescaped(keyword: str, value: str, noted: Noted) -> str:
    """A value; a date-time has no spaces inside, so one was the ``+`` of an offset that was sent as it is."""
    if vr_of(keyword) == "DT" and " " in value.strip():
        noted(Dialect.PLUS_IN_DATE_TIME)
        return value.strip().replace(" ", "+")
    return value


@lru_cache(maxsize=1024)
def _path(name: str) -> str:
    words = [_keyword(part) for part in name.split(".")]
    return ".".join(words) if all(words) else ""


def _keyword(part: str) -> str:
    if len(part) == _TAG_DIGITS and _HEXADECIMAL.issuperset(part):
        return keyword_for_tag(int(part, 16))
    return part if tag_for_keyword(part) is not None else ""


def _fields(values: list[str]) -> tuple[frozenset[str] | None, list[str]]:
    """Tags of the includefields, None for all; and those that are no attributes."""
    tags, unknown = set(), []
    for name in (one.strip() for value in values for one in value.split(",")):
        if name == "all":
            return None, []
        path = _path(name)
        if path:
            tags.add(tag_of(path.partition(".")[0]))
        elif name:
            unknown.append(f"includefield={name}")
    return frozenset(tags), unknown


def read_filter(pairs: Pairs, raw_query: bytes, noted: Noted) -> tuple[Mapping[str, str], list[str]]:
    """The matching keys of a filtered subscription: of ``filter=``, and plain ones of older peers (2019a).

    Args:
        pairs: the parameters, decoded.
        raw_query: the query as it was sent, which tells a comma between keys from one inside a value.
        noted: told of dialects.

    Returns:
        The keys, and what is ignored because nothing is matched by it.

    Raises:
        BadInput: when it cannot be read, or a key is not legal.
    """
    plain = [pair for pair in pairs if pair[0] not in ("filter", "deletionlock", "requester", *_CONTROL)]
    if plain:
        noted(Dialect.FILTER_AS_PARAMETERS)
    raw = [part[len("filter=") :] for part in raw_query.decode().split("&") if part.startswith("filter=")]
    keys, unknown = matching_keys([*(pair for one in raw for pair in _filter_pairs(one)), *plain], noted)
    legal_keys(keys)
    unsupported = unsupported_keys(keys)
    return {path: value for path, value in keys.items() if path not in unsupported}, [*unknown, *unsupported]


def _filter_pairs(raw: str) -> list[tuple[str, str]]:
    """The keys in one filter. Its own ``=`` and ``,`` may be percent-encoded or not; those in values are once more."""
    if "=" not in raw:
        raw = unquote_plus(raw)
    found: list[tuple[str, str]] = []
    for part in raw.split(","):
        name, equals, value = part.partition("=")
        if equals:
            found.append((unquote(name), unquote_plus(value)))
        elif found and (path := _path(found[-1][0])) and vr_of(path.rpartition(".")[2]) == "UI":
            found[-1] = (found[-1][0], f"{found[-1][1]},{unquote_plus(part)}")
        elif part:
            raise BadInput("filter must be attribute=value, more of them after commas (PS3.18 11.10.1.2).")
    return found
