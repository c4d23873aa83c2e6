"""A Comprehensive 3D SR with TID 1500 (RAD TF-3 section 6.5.3.2 ff.) over all results, by highdicom."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from typing import Any

from pydicom import Dataset

from profiles.air.algorithm import AlgorithmIdentification
from profiles.air.content_items import MODIFIER, coded, container, with_children, words
from profiles.air.context import ResultContext
from profiles.air.errors import IllegalResult
from profiles.air.findings import PriorityHint
from profiles.air.identifiers import derived_uid
from profiles.air.image_library import image_library
from profiles.air.measurement_groups import Drawn, evaluation, measurement_group
from profiles.air.mending import as_concept, finish, identity
from profiles.air.observers import observers
from profiles.air.references import Sources
from profiles.air.results import Results
from profiles.air.segmentation_object import tracking_uid
from profiles.air.standing import Standing
from profiles.dicom import Code, code
from profiles.tables import read_table


def encode_report(
    results: Results,
    drawn: Drawn,
    sources: Sources,
    context: ResultContext,
    algorithm: AlgorithmIdentification,
) -> Dataset:
    """The report of one run: a measurement group per thing, and what is said of the whole study.

    Args:
        results: what was found.
        drawn: the Segmentations and Parametric Maps of the same results.
        sources: the images that the results may refer to.
        context: what the report is tied to.
        algorithm: what made it.
    """
    import highdicom as hd

    groups = _groups(results, drawn, sources, context, algorithm)
    whole = list(_of_the_study(results))
    used = sources.used()
    root = hd.sr.ContainerContentItem(name=as_concept(code("DCM", "126000")), template_id="1500")
    content = with_children(
        root,
        [
            coded(code("DCM", "121049"), context.language, MODIFIER),
            *observers(context, algorithm),
            *(coded(code("DCM", "121058"), found, MODIFIER) for found in procedures_reported(context)),
            *([container(code("DCM", "126010"), groups)] if groups else []),
            *([container(code("UMLS", "C0034375"), whole)] if whole else []),
            image_library(used),
        ],
    )
    made = hd.sr.Comprehensive3DSR(
        evidence=[*used, *drawn.segmentations, *drawn.maps],
        content=content,
        previous_versions=list(context.replaces) or None,
        **_flags(context.standing),
        requested_procedures=copy.deepcopy(list(context.requests)) or None,
        **identity(context, algorithm, "SR", "measurements", series_number=context.series_number + 1),
    )
    finish(made, context, algorithm)
    _complete_flags(made, context.standing)
    _identify_observations(made)
    return made  # type: ignore[no-any-return] # highdicom is untyped for mypy


def _groups(
    results: Results,
    drawn: Drawn,
    sources: Sources,
    context: ResultContext,
    algorithm: AlgorithmIdentification,
) -> list[Any]:
    """A group per thing; what is not drawn is about all the images."""
    things = results.things()
    groups = [
        measurement_group(
            thing,
            tracking_uid(thing.tracking, context, algorithm),
            sources,
            drawn,
            algorithm,
            context.time_point,
        )
        for thing in things
    ]
    if any(not (thing.segment or thing.regions or thing.locations) for thing in things):
        sources.all()
    return groups


def _flags(standing: Standing) -> dict[str, Any]:
    word = standing.verification
    return {
        "is_complete": standing.complete,
        "is_final": not standing.preliminary,
        "is_verified": word is not None,
        "verifying_observer_name": word.observer if word else None,
        "verifying_organization": word.organization if word else None,
    }


def _complete_flags(made: Dataset, standing: Standing) -> None:
    """What highdicom leaves out: why a report is partial, and when a person verified it."""
    if standing.incomplete_because:
        made.CompletionFlagDescription = standing.incomplete_because
    if standing.verification:
        at = standing.verification.at
        made.VerifyingObserverSequence[0].VerificationDateTime = at.strftime("%Y%m%d%H%M%S%z")


def _of_the_study(results: Results) -> Iterator[Any]:
    """Qualitative Evaluations: codes and words about the whole study, never numbers (TID 1500 row 12)."""
    if results.nothing_found:
        yield coded(code("DCM", "111017"), code("DCM", "111241"))
    for answer in results.evaluations:
        if answer.of is None:
            yield evaluation(answer)
    if results.priority is not None:
        yield from _priority(results.priority)
    for comment in results.comments:
        if comment.of is None:
            yield words(code("DCM", "121106"), comment.words)


def _priority(hint: PriorityHint) -> Iterator[Any]:
    yield coded(code("99STEPWELL", "PRIORITY"), code("99STEPWELL", hint.level))
    if hint.reason:
        yield words(code("99STEPWELL", "PRIORITY"), hint.reason)


@cache
def _procedure_by_modality() -> dict[str, Code]:
    rows = read_table("profiles.air", "procedures")
    return {row["modality"]: code(row["scheme"], row["value"]) for row in rows}


def procedures_reported(context: ResultContext) -> list[Code]:
    """The imaging procedure that was analysed (TID 1500 row 4): as ordered, as performed, or by its modality."""
    places = [(request, "RequestedProcedureCodeSequence") for request in context.requests]
    places.append((context.images[0], "ProcedureCodeSequence"))
    for place, keyword in places:
        found = [
            Code(str(row.CodeValue), str(row.CodingSchemeDesignator), str(row.CodeMeaning))
            for row in place.get(keyword) or []
            if all(part in row for part in ("CodeValue", "CodingSchemeDesignator", "CodeMeaning"))
        ]
        if found:
            return found
    modality = str(context.images[0].get("Modality", ""))
    if modality not in _procedure_by_modality():
        raise IllegalResult(
            f"Neither order nor images name the imaging procedure (TID 1500 row 4), and for modality {modality!r} none "
            "is known; add a row to profiles/air/tables/procedures.csv."
        )
    return [_procedure_by_modality()[modality]]


def _items_under(parent: Dataset) -> Iterator[Dataset]:
    for child in parent.get("ContentSequence", []):
        yield child
        yield from _items_under(child)


def _identify_observations(made: Dataset) -> None:
    """An Observation UID on each finding, answer, number and region (air.md section 6), the same when made again."""
    always, region = {"NUM", "SCOORD", "SCOORD3D"}, "121191"
    for index, found in enumerate(_items_under(made)):
        concept = found.ConceptNameCodeSequence[0].get("CodeValue") if "ConceptNameCodeSequence" in found else ""
        answers = found.ValueType == "CODE" and found.RelationshipType == "CONTAINS"
        if found.ValueType in always or answers or concept == region:
            found.ObservationUID = derived_uid(made.SOPInstanceUID, "observation", str(index))
