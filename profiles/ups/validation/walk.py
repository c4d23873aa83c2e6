"""Walk a dataset along the tree of what is known, and say what is wrong with it.

No value is ever repeated but a term of an enumerated attribute, so that neither patient data nor a Transaction UID gets
into an answer or a log.
"""

from __future__ import annotations

from typing import Any

from profiles.dicom import JsonDataset
from profiles.errors import Finding
from profiles.ups.attributes import Moment
from profiles.ups.requirements import requirement_of
from profiles.ups.validation.conditions import EMPTY, MISSING, Breach, Condition, is_filled
from profiles.ups.validation.tree import (
    ANY_ITEM,
    UNBOUNDED,
    Attribute,
    Level,
    dictionary_attribute,
    is_tag,
    unknown_attributes,
)
from profiles.ups.validation.values import BEYOND_ASCII, Representation, representations

DEEPEST = 16
_GIVE, _LEAVE_OUT = "Give it a value.", "Leave it out."
_ORDER = "Leave it out; to change an order, cancel and create anew."


class Place:
    """Where an item is: its sequence, its number, and where that is; written out only when something is found."""

    __slots__ = ("depth", "keyword", "number", "outer")

    def __init__(self, outer: Place | None, keyword: str, number: int) -> None:
        self.outer, self.keyword, self.number = outer, keyword, number
        self.depth: int = outer.depth + 1 if outer else 1

    def __str__(self) -> str:
        return f"{path(self.outer, self.keyword)}[{self.number}]"


def path(place: Place | None, keyword: str) -> str:
    """An attribute's path, e.g. ``ScheduledStationNameCodeSequence[2].CodeMeaning``."""
    return f"{place}.{keyword}" if place else keyword


class Walk:
    """One dataset's examination.

    Attributes:
        moment: a creation or an update.
        findings: everything that was found.
        beyond_ascii: whether there is text that needs Specific Character Set.
    """

    __slots__ = ("beyond_ascii", "findings", "moment")

    def __init__(self, moment: Moment) -> None:
        self.moment = moment
        self.findings: list[Finding] = []
        self.beyond_ascii = False

    def dataset(self, dataset: JsonDataset, level: Level, place: Place | None, outer: JsonDataset) -> None:
        """Examine a dataset or an item.

        Args:
            dataset: it.
            level: what is known of it.
            place: of an item, where it is.
            outer: of an item, the dataset around it.
        """
        known = level.attributes
        for number, (tag, element) in enumerate(dataset.items(), 1):
            attribute = known.get(tag) or dictionary_attribute(tag)
            if attribute is None:
                self._unknown(tag, element, place, number, dataset)
            else:
                self._element(attribute, attribute.keyword, element, place, dataset)
        if not level.needed <= dataset.keys():
            for tag in known:
                if tag in level.needed and tag not in dataset:
                    self._missing(known[tag], place)
        for condition in level.conditions:
            if breach := condition.breach(dataset, outer):
                self._breach(condition, breach, level, place)

    def _element(
        self, attribute: Attribute, keyword: str, element: Any, place: Place | None, dataset: JsonDataset
    ) -> None:
        if attribute.barred:
            self._barred(attribute, place)
            return
        if element.__class__ is not dict:
            self._encoding("element", path(place, keyword), "is no object with a vr")
            return
        representation = attribute.form
        if element.get("vr") != representation.vr:
            other = self._other_representation(attribute, element.get("vr"), path(place, keyword))
            if other is None:
                return
            representation = other
        values = element.get("Value")
        if not values and (values is None or values == []):
            if attribute.must and not is_filled(element):
                self._empty(attribute, keyword, place)
        elif values.__class__ is not list:
            self._encoding("element", path(place, keyword), "has a Value that is no array")
        elif attribute.empty:
            self._not_empty(attribute, place)
        else:
            self._values(attribute, representation, keyword, element, place, dataset)

    def _values(
        self,
        attribute: Attribute,
        representation: Representation,
        keyword: str,
        element: dict[str, Any],
        place: Place | None,
        dataset: JsonDataset,
    ) -> None:
        values: list[Any] = element["Value"]
        count, most = len(values), attribute.most
        if count != most and (not attribute.least <= count <= most or count % attribute.step):
            self._count(attribute, representation, path(place, keyword), count)
        if attribute.inside is not None:
            self._items(attribute.inside, keyword, values, place, dataset)
            return
        check, legal = representation.check, True
        for value in values:
            if value is not None and (problem := check(value)):
                if problem == BEYOND_ASCII:
                    self.beyond_ascii = True
                else:
                    legal = False
                    words = f"{problem}; {representation.source} wants {representation.words}."
                    self._add(path(place, keyword), words, representation.source, "Correct the value.")
        if legal and attribute.must and not is_filled(element):
            self._empty(attribute, keyword, place)
        elif legal and attribute.allowed:
            self._terms(attribute, values, place)

    def _items(self, inside: Level, keyword: str, values: list[Any], place: Place | None, dataset: JsonDataset) -> None:
        if place is not None and place.depth >= DEEPEST:
            self._encoding("nesting", path(place, keyword), f"is nested deeper than {DEEPEST} sequences")
            return
        for number, value in enumerate(values, 1):
            here = Place(place, keyword, number)
            if value.__class__ is dict:
                self.dataset(value, inside, here, dataset)
            else:
                self._encoding("item", str(here), "is no dataset")

    def _unknown(self, tag: Any, element: Any, place: Place | None, number: int, dataset: JsonDataset) -> None:
        """An attribute that the data dictionary does not know, a private one for instance, is kept as it is."""
        if not is_tag(tag):
            self._encoding("tag", path(place, f"(element {number})"), "is named by no tag")
            return
        vr = element.get("vr") if element.__class__ is dict else None
        attribute = unknown_attributes().get(vr) if isinstance(vr, str) else None
        if attribute is None:
            self._encoding("element", path(place, tag), "is no object with a vr of PS3.5 Table 6.2-1")
            return
        values = element.get("Value")
        if values is not None and values.__class__ is not list:
            self._encoding("element", path(place, tag), "has a Value that is no array")
        elif values and attribute.inside is not None:
            self._items(ANY_ITEM, tag, values, place, dataset)

    def _other_representation(self, attribute: Attribute, vr: Any, where: str) -> Representation | None:
        for one in attribute.others:
            if one.vr == vr:
                return one
        found = f"has vr {vr}" if isinstance(vr, str) and vr in representations() else "has no vr"
        wanted, rule = attribute.form.vr, requirement_of("encoding", "vr").source
        self._add(where, f"{found}; {rule} says {wanted}.", rule, f"Send it with vr {wanted}.")
        return None

    def _add(self, where: str, words: str, rule: str, remedy: str, key: str = "") -> None:
        self.findings.append(Finding(where, words, rule, remedy, key=key))

    def _encoding(self, subject: str, where: str, found: str) -> None:
        requirement = requirement_of("encoding", subject)
        self._add(where, f"{found}; {requirement.source}: {requirement.rule}.", requirement.source, "Correct it.")

    def _missing(self, one: Attribute, place: Place | None) -> None:
        remedy = _GIVE if one.kind == "1" else "Send it, empty if unknown."
        words = f"{MISSING}; it is type {one.kind} in {one.source}."
        self._add(path(place, one.keyword), words, one.source, remedy, "missing-attribute")

    def _empty(self, one: Attribute, keyword: str, place: Place | None) -> None:
        words = "it is type 1 in" if one.kind == "1" else "an update may change but not empty it, says"
        self._add(path(place, keyword), f"{EMPTY}; {words} {one.source}.", one.source, _GIVE, "missing-value")

    def _not_empty(self, one: Attribute, place: Place | None) -> None:
        where = path(place, one.keyword)
        self._add(where, f"has a value; {one.source} wants it empty.", one.source, "Send it empty.")

    def _barred(self, one: Attribute, place: Place | None) -> None:
        where, source = path(place, one.keyword), one.source
        if source == requirement_of("encoding", "command").source:
            self._add(where, f"is a command element; {source} wants none in a dataset.", source, _LEAVE_OUT)
        else:
            self._add(where, f"cannot be changed by an update, says {source}.", source, _ORDER)

    def _count(self, one: Attribute, representation: Representation, where: str, count: int) -> None:
        noun = "item" if representation.vr == "SQ" else "value"
        source = requirement_of("encoding", "vm").source if noun == "value" and one.most != 1 else ""
        source = source or (one.source if noun == "item" else requirement_of("encoding", "vm").source)
        most = "any number" if one.most == UNBOUNDED else str(one.most)
        allowed = most if one.least in (0, one.most) else f"{one.least} to {most}"
        found = f"has {count} {noun}s" if count > 1 else f"has {count} {noun}"
        self._add(where, f"{found}; {source} allows {allowed}.", source, f"Send {allowed}.")

    def _terms(self, one: Attribute, values: list[Any], place: Place | None) -> None:
        for value in values:
            if value is not None and value not in one.allowed and value != "":
                terms = ", ".join(term for term in one.allowed if term)
                words = f"is {value!r}; {one.allowed_source} allows {terms}."
                self._add(path(place, one.keyword), words, one.allowed_source, "Send one of those.")

    def _breach(self, condition: Condition, breach: Breach, level: Level, place: Place | None) -> None:
        source = level.attributes[condition.tags[0]].source
        where = path(place, breach.keyword) if breach.keyword else str(place or "")
        self._add(where, f"{breach.words}, {source}.", source, condition.remedy, breach.key)
