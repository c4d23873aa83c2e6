"""A Comprehensive 3D SR with TID 1500 (RAD TF-3 section 6.5.3.2 ff.) from measured segments, by highdicom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from pydicom import Dataset

from profiles.air.context import ResultContext
from profiles.air.errors import IllegalResult
from profiles.air.identifiers import derived_uid
from profiles.air.image_library import image_library
from profiles.air.mending import as_concept, finish, identity
from profiles.air.primitives import AlgorithmIdentification, FindingSite, Measurement, Results, Segment
from profiles.air.segmentation_object import tracking_uid
from profiles.dicom import Code, code
from profiles.tables import read_table


def encode_report(
    results: Results,
    segmentations: Sequence[Dataset],
    sources: Sequence[Dataset],
    context: ResultContext,
    algorithm: AlgorithmIdentification,
) -> Dataset:
    """The report of one run: a TID 1411 group per segment, with its measurements.

    Args:
        results: what was found.
        segmentations: the Segmentation instances, in the order of ``results.segmentations``.
        sources: headers of the source images that the results were made from.
        context: what the report is tied to.
        algorithm: what made it.
    """
    import highdicom as hd

    groups = [
        _group(segment, number, instance, results.measurements_of(segment.tracking), sources, context, algorithm)
        for found, instance in zip(results.segmentations, segmentations, strict=True)
        for number, segment in enumerate(found.segments, start=1)
    ]
    content = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=_observer(algorithm)),
        procedure_reported=[as_concept(found) for found in _procedures(context)],
        imaging_measurements=groups,
        language_of_content_item_and_descendants=hd.sr.LanguageOfContentItemAndDescendants(
            as_concept(context.language)
        ),
    )
    content[0].ContentSequence.append(image_library(sources))
    made = hd.sr.Comprehensive3DSR(
        evidence=[*sources, *segmentations],
        content=content,
        is_complete=True,
        is_final=True,
        is_verified=False,
        requested_procedures=list(context.requests) or None,
        **identity(context, algorithm, "SR", "measurements", series_number=context.series_number + 1),
    )
    finish(made, context, algorithm)
    _identify_observations(made)
    return made  # type: ignore[no-any-return] # highdicom is untyped for mypy


def _observer(algorithm: AlgorithmIdentification) -> Any:
    """The algorithm as device observer, equal to its Contributing Equipment item (AIR Table 6.5.3.1-1)."""
    from highdicom.sr import DeviceObserverIdentifyingAttributes, ObserverContext

    return ObserverContext(
        observer_type=as_concept(code("DCM", "121007")),
        observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
            uid=algorithm.device_uid, manufacturer_name=algorithm.manufacturer, model_name=algorithm.name
        ),
    )


@cache
def _procedure_by_modality() -> dict[str, Code]:
    rows = read_table("profiles.air", "procedures")
    return {row["modality"]: code(row["scheme"], row["value"]) for row in rows}


def _procedures(context: ResultContext) -> list[Code]:
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


def _group(
    segment: Segment,
    number: int,
    instance: Dataset,
    measurements: Sequence[Measurement],
    sources: Sequence[Dataset],
    context: ResultContext,
    algorithm: AlgorithmIdentification,
) -> Any:
    """One volumetric measurement group (TID 1411) about a segment."""
    import highdicom as hd

    return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(
            uid=tracking_uid(segment.tracking, context, algorithm), identifier=segment.tracking.identifier
        ),
        referenced_segment=hd.sr.ReferencedSegment(
            sop_class_uid=instance.SOPClassUID,
            sop_instance_uid=instance.SOPInstanceUID,
            segment_number=number,
            source_series=hd.sr.SourceSeriesForSegmentation(sources[0].SeriesInstanceUID),
        ),
        finding_category=as_concept(segment.category),
        finding_type=as_concept(segment.property_type),
        finding_sites=_sites(segment.sites or (FindingSite(segment.property_type),)),
        algorithm_id=hd.sr.AlgorithmIdentification(name=algorithm.name, version=algorithm.version),
        measurements=[_measurement(row) for row in measurements] or None,
    )


def _sites(sites: Sequence[FindingSite]) -> list[Any]:
    from highdicom.sr import FindingSite as FindingSiteItem

    return [
        FindingSiteItem(
            as_concept(site.location), laterality=as_concept(site.laterality) if site.laterality is not None else None
        )
        for site in sites
    ]


def _measurement(row: Measurement) -> Any:
    from highdicom.sr import Measurement as MeasurementItem

    return MeasurementItem(
        name=as_concept(row.name),
        value=row.value,
        unit=as_concept(row.unit),
        method=as_concept(row.method) if row.method else None,
        derivation=as_concept(row.derivation) if row.derivation else None,
        finding_sites=_sites(row.sites) or None,
    )


def _items_under(parent: Dataset) -> Iterator[Dataset]:
    for child in parent.get("ContentSequence", []):
        yield child
        yield from _items_under(child)


def _identify_observations(made: Dataset) -> None:
    """An Observation UID on each finding, number and region (air.md section 6), the same when made again."""
    identified = {"NUM", "SCOORD", "SCOORD3D"}
    finding, region = "121071", "121191"
    for index, found in enumerate(_items_under(made)):
        concept = found.ConceptNameCodeSequence[0].get("CodeValue") if "ConceptNameCodeSequence" in found else ""
        if found.ValueType in identified or concept in (finding, region):
            found.ObservationUID = derived_uid(made.SOPInstanceUID, "observation", str(index))
