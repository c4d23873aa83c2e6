"""The attribute table as a tree of items, keyed by tag: made once, so that a dataset is walked and not the table."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache

from pydicom.datadict import get_entry

from profiles.dicom import tag_of
from profiles.tables import read_table
from profiles.ups.attributes import AttributeRule, Cell, Moment, rules_within
from profiles.ups.requirements import requirement_of
from profiles.ups.validation.conditions import OTHER_TEXT, Condition, conditions_among, enumerated
from profiles.ups.validation.values import Representation, representations

UNBOUNDED = 10**9
#: Whether a name is that of a tag (PS3.18 F.2.2).
is_tag = re.compile("[0-9A-F]{8}").fullmatch
_COMMAND_GROUP = "0000"


@dataclass(frozen=True, slots=True)
class Attribute:
    """What is known of an attribute at one place of the tree.

    Attributes:
        keyword: its name; the tag of one that the data dictionary does not know.
        form: its value representation in the data dictionary.
        others: value representations that are taken besides.
        least, most, step: how many values it may have.
        kind: 1 or 2 when it must be present, else empty.
        must: whether it has a value when it is there.
        empty: whether it has none.
        barred: whether it is not to be there.
        source: section and requirement id of its cell of the table.
        allowed: the values that it may have; empty for any.
        allowed_source: section and requirement id of those.
        inside: of a sequence, what is known of its items.
    """

    keyword: str
    form: Representation
    others: tuple[Representation, ...] = ()
    least: int = 0
    most: int = UNBOUNDED
    step: int = 1
    kind: str = ""
    must: bool = False
    empty: bool = False
    barred: bool = False
    source: str = ""
    allowed: tuple[str, ...] = ()
    allowed_source: str = ""
    inside: Level | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """What is known of a dataset, or of the items of a sequence.

    Attributes:
        attributes: by tag.
        needed: tags of those of type 1 and 2.
        conditions: of an item as a whole.
    """

    attributes: dict[str, Attribute] = field(default_factory=dict)
    needed: frozenset[str] = frozenset()
    conditions: tuple[Condition, ...] = ()


#: Items of sequences that the table says nothing of.
ANY_ITEM = Level()


@cache
def level_of(moment: Moment, path: tuple[str, ...] = ()) -> Level:
    """What is known, at a creation or an update, of the items of a sequence; of the dataset under the empty path."""
    rules = rules_within().get(path, ())
    conditions = conditions_among([rule.keyword for rule in rules])
    attributes = {rule.tag: _attribute(rule, moment, conditions) for rule in rules}
    needed = frozenset(tag for tag, one in attributes.items() if one.kind)
    spoken_for = ("single", "undecided")
    asked = tuple(one for one in conditions if one.rule not in spoken_for and one.when != OTHER_TEXT)
    return Level(attributes, needed, tuple(one for one in asked if not _is_unasked(one, attributes)))


def _is_unasked(condition: Condition, attributes: dict[str, Attribute]) -> bool:
    """Whether it is about what must not be there at all, which is found by itself."""
    return all(attributes[tag].barred for tag in condition.tags)


def _attribute(rule: AttributeRule, moment: Moment, conditions: tuple[Condition, ...]) -> Attribute:
    cell, own = rule.cell(moment), [one for one in conditions if rule.keyword in one.keywords]
    conditional = any(one.rule == "only" for one in own)  # type 1/1 in N-SET, though an item has one of them
    must_be_there = moment is Moment.CREATION or len(rule.path) > 1  # an update names what changes only
    kind = cell.scu if cell.scu in ("1", "2") and must_be_there and not conditional else ""
    known = dictionary_attribute(rule.tag)
    assert known is not None  # noqa: S101 - tests hold that every keyword of the table is one of the data dictionary
    fixed = cell.notes.get("value") or (cell.notes.get("scp-sets") if cell.scu == "cmd" else None)
    source, listed = rule.source(moment), enumerated().get(rule.keyword, ())
    return Attribute(
        rule.keyword,
        known.form,
        known.others,
        known.least,
        1 if any(one.rule == "single" for one in own) else known.most,
        known.step,
        kind=kind,
        must=kind == "1" or _keeps_its_value(rule, cell, moment),
        empty=cell.must_be_empty,
        barred=cell.is_barred and not (moment is Moment.CREATION and "cmd" in cell.notes),
        source=source,
        allowed=(fixed,) if fixed else listed,
        allowed_source=source if fixed or not listed else requirement_of("enumeration", rule.keyword).source,
        inside=level_of(moment, rule.path) if known.form.vr == "SQ" else None,
    )


def _keeps_its_value(rule: AttributeRule, cell: Cell, moment: Moment) -> bool:
    """Whether an update may change but not empty it: what a creation gives a value, by the requester or the server."""
    creation = rule.cell(Moment.CREATION)
    given = creation.scu in ("1", "2") and creation.scp == "1"
    return moment is Moment.UPDATE and len(rule.path) == 1 and cell.scp == "1" and given


def _entry(tag: str) -> tuple[str, str, str] | None:
    """VR, VM and keyword of an attribute of the data dictionary (PS3.6 section 6); None when it has no such."""
    if not is_tag(tag):
        return None
    try:
        vr, vm, _name, _retired, keyword = get_entry(int(tag, 16))
    except KeyError:
        return None
    return (vr, vm, keyword) if keyword and vr.split(" or ", maxsplit=1)[0] in representations() else None


@cache
def _differences() -> dict[str, tuple[str, ...]]:
    """Value representations that documented peers use, by tag, where that harms nobody."""
    found: dict[str, tuple[str, ...]] = {}
    for row in read_table("profiles.ups", "vr_differences"):
        found[tag_of(row["keyword"])] = (*found.get(tag_of(row["keyword"]), ()), row["vr"])
    return found


_KNOWN: dict[str, Attribute] = {}


def dictionary_attribute(tag: str) -> Attribute | None:
    """What the data dictionary says of an attribute that the table does not name; None when it has no such tag."""
    known = _KNOWN.get(tag)
    if known is None and (entry := _entry(tag)):
        known = _KNOWN[tag] = _from_dictionary(tag, *entry)  # as many as the dictionary has; unknown tags are not kept
    return known


def _from_dictionary(tag: str, vrs: str, vm: str, keyword: str) -> Attribute:
    first, *others = [representations()[vr] for vr in (*vrs.split(" or "), *_differences().get(tag, ()))]
    command = tag.startswith(_COMMAND_GROUP)
    least, most, step = (0, UNBOUNDED, 1) if vrs == "SQ" else _multiplicity(vm)
    return Attribute(
        keyword,
        first,
        tuple(others),
        least,
        most,
        step,
        barred=command,
        source=requirement_of("encoding", "command").source if command else "",
        inside=ANY_ITEM if vrs == "SQ" else None,
    )


def _multiplicity(vm: str) -> tuple[int, int, int]:
    """How many values at least, at most, and in which steps: ``1``, ``1-n``, ``2-2n`` (PS3.5 section 6.4)."""
    least, _, most = vm.partition("-")
    if not most:
        return int(least), int(least), 1
    if most.endswith("n"):
        return int(least), UNBOUNDED, int(most[:-1] or 1)
    return int(least), int(most), 1


@cache
def unknown_attributes() -> dict[str, Attribute]:
    """What is asked, by VR, of attributes that the data dictionary does not know."""
    return {vr: Attribute("", one, inside=ANY_ITEM if vr == "SQ" else None) for vr, one in representations().items()}
