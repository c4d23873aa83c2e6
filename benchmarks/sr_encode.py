"""sr-encode: a report of many measurement groups, against highdicom's classes for TID 1500 with the same content."""

from __future__ import annotations

import io
from collections.abc import Sequence
from time import process_time
from typing import Any

import numpy as np
from highdicom import sr
from pydicom import Dataset

import conformance
from benchmarks._air import ALGORITHM, PIXEL_MM, context, headers, take_turns
from profiles.air import (
    Evaluation,
    Finding,
    FindingSite,
    ImageReference,
    Measurement,
    Outline,
    Region,
    ResultContext,
    Results,
    Tracking,
    derived_uid,
    encode,
)
from profiles.air.mending import as_concept, identity
from profiles.dicom import code

TIME_GOAL, SIZE_GOAL = 1.2, 1.0
GROUPS, IMAGES, QUICK = 200, 100, 10
ROUNDS, POINTS = 5, 24
NODULE, LUNG, LEFT = code("SCT", "27925004"), code("SCT", "39607008"), code("SCT", "7771000")
SEVERITY, MODERATE = code("SCT", "246112005"), code("SCT", "6736007")
AREA, LENGTH, SQUARE, MM = code("SCT", "42798000"), code("SCT", "410668003"), code("UCUM", "mm2"), code("UCUM", "mm")


def run(quick: bool) -> list[dict[str, Any]]:
    """One row for the time, one for the size of the file."""
    groups, count = (number // (QUICK if quick else 1) for number in (GROUPS, IMAGES))
    images = headers(count, 512, 512)
    tied, found = context(images), _results(groups, images)
    ours, plain, bare = take_turns(
        ROUNDS,
        lambda: encode(found, tied, ALGORITHM),
        lambda: _plain(found, tied, images),
        lambda: _plain(found, tied, None),
    )
    report, theirs = encode(found, tied, ALGORITHM)[0], _plain(found, tied, images)
    started = process_time()
    findings = conformance.check_datasets([("SR", report), *((str(image.SOPInstanceUID), image) for image in images)])
    spent, wrong = process_time() - started, sum(found.severity is not conformance.Severity.INFO for found in findings)
    what = (
        f"{groups} measurement groups (TID 1410), each a polyline of {POINTS} points, finding, site with side, two "
        f"measurements and an evaluation, and an image library of {count} images; baseline highdicom's classes for TID "
        f"1500, with the same Observation UIDs{f', 1/{QUICK} of the size' * quick}"
    )
    return [
        _row(
            "s",
            TIME_GOAL,
            ours,
            plain,
            f"least of {ROUNDS} rounds; {what}; baseline without its image library {bare:.3g} s; our checks take "
            f"{spent:.2f} s more and find {wrong} errors or warnings",
        ),
        _row("bytes", SIZE_GOAL, _size(report), _size(theirs), f"size of the file; {what}"),
    ]


def _row(unit: str, goal: float, value: float, baseline: float, note: str) -> dict[str, Any]:
    return {
        "name": "sr-encode",
        "ratio": round(value / baseline, 3),
        "goal": goal,
        "better": "lower",
        "met": value / baseline <= goal,
        "value": round(value, 3),
        "baseline": round(baseline, 3),
        "unit": unit,
        "note": note,
    }


def _size(made: Dataset) -> int:
    file = io.BytesIO()
    made.save_as(file, enforce_file_format=True)
    return len(file.getvalue())


def _results(groups: int, images: Sequence[Dataset]) -> Results:
    things = [Tracking(f"Nodule {number}") for number in range(groups)]
    uids = [str(images[number % len(images)].SOPInstanceUID) for number in range(groups)]
    return Results(
        findings=tuple(Finding(NODULE, thing, sites=(FindingSite(LUNG, LEFT),)) for thing in things),
        regions=tuple(
            Region(Outline.POLYLINE, _outline(number), ImageReference(uid), thing)
            for number, (uid, thing) in enumerate(zip(uids, things, strict=True))
        ),
        measurements=tuple(
            row
            for number, thing in enumerate(things)
            for row in (
                Measurement(AREA, _area(number), SQUARE, thing),
                Measurement(LENGTH, 2 * _radius(number), MM, thing),
            )
        ),
        evaluations=tuple(Evaluation(SEVERITY, MODERATE, thing) for thing in things),
    )


def _radius(number: int) -> float:
    """In mm."""
    return 3 + number % 40 / 4


def _outline(number: int) -> tuple[tuple[float, ...], ...]:
    """A closed polygon on the circle of that radius, which may be tested for its area."""
    angles = np.linspace(0, 2 * np.pi, POINTS)[:-1]
    ring = 256 + _radius(number) / PIXEL_MM * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    corners = [tuple(point) for point in ring.round(2).tolist()]
    return (*corners, corners[0])


def _area(number: int) -> float:
    """Of the outline, in square millimetres."""
    column, row = np.array(_outline(number)).T * PIXEL_MM
    return round(float(abs(column[:-1] @ row[1:] - column[1:] @ row[:-1])) / 2, 2)


def _plain(found: Results, tied: ResultContext, library: Sequence[Dataset] | None) -> Dataset:
    """The same report by highdicom's own classes; with an image library where images for it are given."""
    device = sr.ObserverContext(
        observer_type=as_concept(code("DCM", "121007")),
        observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
            uid=ALGORITHM.device_uid, manufacturer_name=ALGORITHM.manufacturer, model_name=ALGORITHM.name
        ),
    )
    report = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=device),
        procedure_reported=as_concept(code("SCT", "77477000")),
        imaging_measurements=[_plain_group(thing, tied) for thing in found.things()],
        referenced_images=library,
    )
    for index, item in enumerate(_below(report[0])):
        answers = item.ValueType == "CODE" and item.RelationshipType == "CONTAINS"
        if answers or item.ValueType in ("NUM", "SCOORD"):
            item.ObservationUID = derived_uid("plain", str(index))
    return sr.Comprehensive3DSR(  # type: ignore[no-any-return] # highdicom is untyped for mypy
        evidence=list(tied.images),
        content=report,
        is_complete=True,
        **identity(tied, ALGORITHM, "SR", "measurements", series_number=2),
    )


def _plain_group(thing: Any, tied: ResultContext) -> Any:
    (region,) = thing.regions
    evaluation = thing.evaluations[0]
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=derived_uid("tracking", thing.tracking.identifier), identifier=thing.tracking.identifier
        ),
        referenced_region=sr.ImageRegion(
            graphic_type=region.graphic_type,
            graphic_data=np.array(region.points),
            source_image=sr.SourceImageForRegion(tied.images[0].SOPClassUID, region.where.sop_instance_uid),
        ),
        finding_type=as_concept(thing.finding.what),
        finding_sites=[sr.FindingSite(as_concept(LUNG), laterality=as_concept(LEFT))],
        algorithm_id=sr.AlgorithmIdentification(ALGORITHM.name, ALGORITHM.version),
        measurements=[
            sr.Measurement(name=as_concept(row.name), value=row.value, unit=as_concept(row.unit))
            for row in thing.measurements
        ],
        qualitative_evaluations=[
            sr.QualitativeEvaluation(name=as_concept(evaluation.question), value=as_concept(evaluation.answer))
        ],
        geometric_purpose=as_concept(code("DCM", "111041")),
    )


def _below(item: Dataset) -> list[Dataset]:
    children = list(item.get("ContentSequence", []))
    return [row for child in children for row in (child, *_below(child))]
