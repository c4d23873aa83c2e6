"""Rules for the skeleton of TID 1500: observers, procedure, library and the containers of results."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.air.books import OBJECT
from conformance.air.elements import schemes
from conformance.air.reading import code_of, in_group, rows, words
from conformance.air.result import Item, Result
from conformance.air.tree import pointed_at
from conformance.rules import Breach

EVALUATIONS = ("C0034375", "UMLS")
_RESULTS = (("126010", "DCM"), ("126011", "DCM"), EVALUATIONS)
_TIED_TO_ORDER = (
    ("ReferencedRequestSequence", "RequestedProcedureCodeSequence"),
    ("ReferencedRequestSequence", "ScheduledProtocolCodeSequence"),
)
_OBSERVER = {"121012", "121013", "121014", "121015", "121016", "121017"}
_PERSONS = {"121006", "121008"}


@OBJECT.rule("AIR-043")
@OBJECT.rule("AIR-180-TEMPLATE")
def _template(result: Result) -> Iterator[Breach]:
    wanted = "2010" if result.kind == "kos" else "1500"
    named = {
        (words(row, "MappingResource"), words(row, "TemplateIdentifier"))
        for row in rows(result.dataset, "ContentTemplateSequence")
    }
    if ("DCMR", wanted) not in named:
        yield "ContentTemplateSequence", f"does not name template {wanted} of DCMR"


@OBJECT.rule("AIR-045-TITLE")
@OBJECT.rule("AIR-180")
def _title(result: Result) -> Iterator[Breach]:
    title, cid = result.root.concept, 7010 if result.kind == "kos" else 7021
    if title.value and not in_group(title, cid):
        yield "ConceptNameCodeSequence", f"the title {title} is none of CID {cid}"


@OBJECT.rule("AIR-057")
def _has_results(result: Result) -> Iterator[Breach]:
    if not any(result.root.child(*code) for code in _RESULTS):
        yield result.root.path, "has neither measurements nor qualitative evaluations"


@OBJECT.rule("AIR-058")
def _procedure(result: Result) -> Iterator[Breach]:
    found = result.root.child("121058")
    if found is None or found.relationship != "HAS CONCEPT MOD":
        yield result.root.path, "has no Procedure reported"


@OBJECT.rule("AIR-059")
def _procedure_code(result: Result) -> Iterator[Breach]:
    tied = [row for one, other in _TIED_TO_ORDER for at in rows(result.dataset, one) for row in rows(at, other)]
    tied += rows(result.dataset, "PerformedProcedureCodeSequence") + rows(result.dataset, "ProcedureCodeSequence")
    for found in result.root.all_named("121058"):
        published = schemes().get(found.code.scheme) == "clinical"
        if found.code.value and not published and not any(found.code.same_as(code_of(row)) for row in tied):
            yield found.path, f"the procedure {found.code} is neither of a published scheme nor the ordered one"


@OBJECT.rule("AIR-059-ALGORITHM")
def _procedure_is_no_algorithm(result: Result) -> Iterator[Breach]:
    names = {name.casefold() for name, _ in result.algorithm_names if name}
    for found in result.root.all_named("121058"):
        if found.code.meaning.casefold() in names:
            yield found.path, "the procedure is the name of the algorithm"


@OBJECT.rule("AIR-060")
def _device_observer(result: Result) -> Iterator[Breach]:
    kinds = [found for found in result.root.all_named("121005") if found.value == "121007"]
    uids = [found for found in result.root.all_named("121012") if found.value_type == "UIDREF" and found.value]
    for items, what in ((kinds, "Observer Type of value Device"), (uids, "Device Observer UID")):
        if not any(found.relationship == "HAS OBS CONTEXT" for found in items):
            yield result.root.path, f"has no {what}"


@OBJECT.rule("AIR-061")
def _nested_observer(result: Result) -> Iterator[Breach]:
    for found in result.items:
        above = found.parent
        if found.concept.value in _OBSERVER and found.concept.scheme == "DCM" and above and above.named("121005"):
            yield found.path, f"{found.concept.meaning} is below Observer Type"


@OBJECT.rule("AIR-062")
def _observer_described(result: Result) -> Iterator[Breach]:
    if result.root.child("121012") is None:
        return  # AIR-060 says so
    for concept, name in (("121014", "Manufacturer"), ("121015", "Model Name")):
        found = result.root.child(concept)
        if found is None or not found.value.strip():
            yield result.root.path, f"has no Device Observer {name}"


@OBJECT.rule("AIR-063")
def _person(result: Result) -> Iterator[Breach]:
    for found in result.root.children if words(result.dataset, "VerificationFlag") != "VERIFIED" else ():
        if (found.named("121005") and found.value in _PERSONS) or found.named("121008"):
            yield found.path, "a person is named as observer"
            return


@OBJECT.rule("AIR-064")
def _library(result: Result) -> Iterator[Breach]:
    for library in result.root.all_named("111028"):
        for found in library.children:
            if not (found.named("126200") and found.value_type == "CONTAINER"):
                yield found.path, "is in the Image Library, but is no Image Library Group"
            else:
                yield from _library_group(found)


def _library_group(group: Item) -> Iterator[Breach]:
    images = [found for found in group.children if found.relationship == "CONTAINS"]
    if not images:
        yield group.path, "an Image Library Group has no image"
    descriptors = [found for found in group.children if found.relationship != "CONTAINS"]
    descriptors += [found for image in images for found in image.children]
    for found in images:
        if found.value_type not in {"IMAGE", "WAVEFORM", "COMPOSITE"}:
            yield found.path, f"an Image Library Group contains {found.value_type}"
    for found in descriptors:
        if found.relationship != "HAS ACQ CONTEXT":
            yield found.path, f"a descriptor is related by {found.relationship or 'nothing'}"


@OBJECT.rule("AIR-065")
def _has_library(result: Result) -> Iterator[Breach]:
    if result.references and result.root.child("111028") is None:
        yield result.root.path, "has no Image Library"


@OBJECT.rule("AIR-066")
def _evaluations(result: Result) -> Iterator[Breach]:
    for place in result.root.all_named(*EVALUATIONS):
        for found in place.children:
            if found.value_type not in {"CODE", "TEXT"}:
                yield found.path, f"Qualitative Evaluations have {found.value_type}"


@OBJECT.rule("AIR-067")
def _groups_in_place(result: Result) -> Iterator[Breach]:
    astray = [found for found in result.groups if found.parent is None or not found.parent.named("126010")]
    if astray:
        yield astray[0].path, f"a group is no child of Imaging Measurements ({len(astray)} such groups)"


def _derived(result: Result) -> list[Item]:
    places = result.root.all_named("126011")
    return [found for place in places for found in place.children if found.value_type == "NUM"]


@OBJECT.rule("AIR-068")
def _derived_from_numbers(result: Result) -> Iterator[Breach]:
    for found in _derived(result):
        sources = [pointed_at(result, child) for child in found.children if child.relationship == "INFERRED FROM"]
        if not any(source is not None and source.value_type == "NUM" for source in sources):
            yield found.path, f"{found.concept.meaning} is not inferred from a number of the report"


@OBJECT.rule("AIR-068-CONCEPT")
def _derived_concepts(result: Result) -> Iterator[Breach]:
    for found in _derived(result):
        if not in_group(found.concept, 7465):
            yield found.path, f"{found.concept} is not of CID 7465"


@OBJECT.rule("AIR-069")
def _language(result: Result) -> Iterator[Breach]:
    found = result.root.child("121049")
    if found is None:
        yield result.root.path, "has no language"
    elif found.code.value and found.code.scheme != "RFC5646":
        yield found.path, f"the language is a code of {found.code.scheme}"
