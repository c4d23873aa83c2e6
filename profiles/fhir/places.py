"""Where in the body: sites of findings and measurements (orders.md section 11.3, Finding Site).

R5 has BodyStructure for sides, parts and several sites. R4B takes one concept: the first site as a concept, its side as
an expression of SNOMED CT beside it, and every further site as a component.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from profiles.air.statements import Statement
from profiles.dicom import Code, code
from profiles.fhir.case import Case, Entry
from profiles.fhir.datatypes import Json, concept, system_of, uid_identifier
from profiles.fhir.elements import Version

_SIDE = code("SCT", "272741003")


def site_values(case: Case, sites: Sequence[Statement], key: str, entries: list[Entry]) -> dict[str, Any]:
    """The values of an observation that say where.

    Args:
        case: the result.
        sites: Finding Sites with their sides and parts.
        key: of the observation.
        entries: of the bundle; a BodyStructure is added to them where one is needed.
    """
    if not sites:
        return {}
    if case.version is Version.R4B:
        first, *others = sites
        return {"body_site": _in_words(first), "components": [_component(one) for one in others]}
    if len(sites) == 1 and not sites[0].parts:
        return {"body_site": concept(_code(sites[0]))}
    uid = case.key("site", key)
    values = {"identifiers": uid_identifier(uid), "structures": [_structure(one) for one in sites]}
    entries.append(case.made("BodyStructure", uid, values))
    return {"body_structure": entries[-1].reference}


def _code(said: Statement) -> Code:
    assert isinstance(said.value, Code)  # noqa: S101 - sites are codes
    return said.value


def _structure(site: Statement) -> Json:
    made: Json = {"structure": concept(_code(site))}
    for part in site.parts:
        if part.name.same_as(_SIDE):
            made["laterality"] = concept(_code(part))
        else:
            made["qualifier"] = [concept(_code(part))]
    return made


def _component(site: Statement) -> Json:
    return {"code": concept(site.name), "valueCodeableConcept": _in_words(site)}


def _in_words(site: Statement) -> Json:
    """The anatomy as a concept; side and part in its words, the side as a SNOMED CT expression, too."""
    where = _code(site)
    made = concept(where, ", ".join([where.meaning, *(_code(part).meaning for part in site.parts)]))
    side = next((_code(part) for part in site.parts if part.name.same_as(_SIDE)), None)
    if side and where.scheme == "SCT":
        expression = f"{where.value}:{_SIDE.value}={side.value}"
        made["coding"].append({"system": system_of("SCT"), "code": expression})
    return made
