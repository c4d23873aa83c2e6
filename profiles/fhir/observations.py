"""What a result says, as Observation: one for each thing, and one for each statement (orders.md section 11.3)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from profiles.air.statements import Amount, Group, Statement, groups, of_the_study
from profiles.dicom import Code, code
from profiles.fhir.case import Case, Entry
from profiles.fhir.datatypes import Json, concept, quantity, term, uid_identifier
from profiles.fhir.places import site_values
from profiles.fhir.sources import Origins
from profiles.tables import read_table

_GROUP = code("DCM", "125007")
_ABSENT = code("SCT", "373572006")
_INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_IMAGING = term(_CATEGORY, "imaging", "Imaging")
_NORMAL = term("http://terminology.hl7.org/CodeSystem/referencerange-meaning", "normal", "Normal Range")


class Observations:
    """All observations of a result.

    Args:
        case: the result.
        device: the algorithm.
        origins: what they are derived from.

    Attributes:
        results: what the report lists: one of each thing, of what is said of the whole study, and of the key images.
        entries: these and their members, with the sites that they need.
    """

    def __init__(self, case: Case, device: Entry, origins: Origins) -> None:
        self._case, self._device, self._origins = case, device, origins
        self.entries: list[Entry] = []
        found = groups(case.results, case.context, case.algorithm, case.objects)
        whole = of_the_study(case.results, case.objects)
        self.results = [
            *self._statements(whole, "study", origins.report),
            *(self._key_images(place) for place in range(len(case.results.key_images))),
            *(self._group(group) for group in found),
        ]

    def _group(self, group: Group) -> Entry:
        """All that is said of one thing; a group is found by its own UID, as its tracking UID lives on in others."""
        members = self._statements(group.members, group.tracking_uid, self._origins.report)
        said = group.found
        key = said.uid if said and said.uid else self._case.key("group", group.tracking_uid)
        values: dict[str, Any] = {
            "identifiers": [uid_identifier(key), *_tracking(group)],
            "categories": [_IMAGING, concept(_GROUP)],
            "code": concept(_GROUP),
            "members": [one.reference for one in members],
            "sources": self._origins.of_thing(group.thing),
            **site_values(self._case, group.sites, key, self.entries),
        }
        if said:
            values |= _value(said)
            values["code"] = concept(_name_of_finding(group))
        if said and said.name.same_as(_ABSENT):
            values["interpretation"] = term(_INTERPRETATION, "ND", "Not detected")
        if not said and not members:
            values["words"] = group.thing.tracking.identifier
        return self._made(key, values)

    def _key_images(self, place: int) -> Entry:
        found = self._case.results.key_images[place]
        key = self._case.key("key images", str(place))
        values = {
            "identifiers": uid_identifier(key),
            "code": concept(found.title),
            "words": found.description,
            "sources": self._origins.of_key_images(found, place),
        }
        return self._made(key, values)

    def _statements(self, said: Sequence[Statement], of: str, sources: list[Json]) -> list[Entry]:
        return [self._statement(one, f"{of} {place}", sources) for place, one in enumerate(said)]

    def _statement(self, said: Statement, place: str, sources: list[Json]) -> Entry:
        key = said.uid or self._case.key("statement", place)
        values = {
            "identifiers": uid_identifier(key),
            "code": concept(said.name),
            "sources": sources,
            **_value(said),
            **_about(said.parts),
        }
        sites = [part for part in said.parts if _element(part) == "site"]
        found = site_values(self._case, sites, key, self.entries)
        values["components"] += found.pop("components", [])
        return self._made(key, values | found)

    def _made(self, key: str, values: dict[str, Any]) -> Entry:
        usual = {"categories": [_IMAGING], "device": self._device.reference}
        self.entries.append(self._case.made("Observation", key, usual | values))
        return self.entries[-1]


def _tracking(group: Group) -> list[Json]:
    words, uid = group.identity
    return [
        {"type": concept(words.name), "value": str(words.value)},
        uid_identifier(str(uid.value), uid.name),
    ]


def _name_of_finding(group: Group) -> Code:
    """Finding Category, as the mapping wants it; an absent finding says in its name that it is none."""
    if group.found and group.found.name.same_as(_ABSENT):
        return _ABSENT
    category = group.category.value if group.category else _GROUP
    return category if isinstance(category, Code) else _GROUP


def _value(said: Statement) -> dict[str, Any]:
    if isinstance(said.value, Code):
        return {"concept": concept(said.value)}
    if isinstance(said.value, Amount):
        return {"quantity": quantity(said.value.value, said.value.unit)}
    return {"words": said.value}


@cache
def _elements() -> dict[tuple[str, str], str]:
    return {(row["scheme"], row["value"]): row["element"] for row in read_table("profiles.fhir", "parts")}


def _element(part: Statement) -> str:
    return _elements().get((part.name.scheme, part.name.value), "component")


def _about(parts: Sequence[Statement]) -> dict[str, Any]:
    """What is said about a value: in the elements that there are for it, else as components."""
    values: dict[str, Any] = {"components": []}
    normal: Json = {}
    for part in parts:
        element, value = _element(part), part.value
        if element in {"low", "high"} and isinstance(value, Amount):
            normal[element] = quantity(value.value, value.unit)
        elif element == "interpretation" and isinstance(value, Code):
            values["interpretation"] = _interpretation(value)
        elif element == "method" and isinstance(value, Code):
            values["method"] = concept(value)
        elif element == "component":
            values["components"].append({"code": concept(part.name), **_component_value(part)})
    if normal:
        values["normal"] = {**normal, "type": _NORMAL}
    return values


def _component_value(part: Statement) -> Json:
    if isinstance(part.value, Amount):
        return {"valueQuantity": quantity(part.value.value, part.value.unit)}
    return (
        {"valueCodeableConcept": concept(part.value)} if isinstance(part.value, Code) else {"valueString": part.value}
    )


def _interpretation(normality: Code) -> Json:
    """Normality (CID 222) as the code of FHIR with the original beside it."""
    made = concept(normality)
    known = _normality().get((normality.scheme, normality.value))
    if known:
        made["coding"].insert(0, {"system": _INTERPRETATION, "code": known})
    return made


@cache
def _normality() -> dict[tuple[str, str], str]:
    return {(row["scheme"], row["value"]): row["interpretation"] for row in read_table("profiles.air", "normality")}
