"""Results as files: how a worker process hands them over (``results.json`` and ``masks.npz`` in one directory).

The masks are written first and the JSON is renamed into place last: where ``results.json`` is, everything is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from profiles.air import FindingSite, IllegalResult, Measurement, Results, Segment, Segmentation, Tracking
from profiles.dicom import Code

RESULTS, MASKS, FAILURE, LOG = "results.json", "masks.npz", "failure.json", "engine.log"


def write_results(results: Results, directory: Path) -> None:
    """Write results so that they are complete where ``results.json`` is."""
    masks = {
        f"{index}_{number}": np.packbits(segment.mask)
        for index, found in enumerate(results.segmentations)
        for number, segment in enumerate(found.segments)
    }
    np.savez_compressed(directory / MASKS, allow_pickle=False, **masks)
    document = {
        "segmentations": [_segmentation_out(found) for found in results.segmentations],
        "measurements": [_measurement_out(row) for row in results.measurements],
        "figures": results.figures,
    }
    partial = directory / f"{RESULTS}.partial"
    partial.write_text(json.dumps(document), encoding="utf-8")
    partial.replace(directory / RESULTS)


def read_results(directory: Path) -> Results:
    """Read what :func:`write_results` wrote.

    Raises:
        IllegalResult: when the files are missing, broken, or hold what no result may be.
    """
    try:
        document = json.loads((directory / RESULTS).read_text(encoding="utf-8"))
        with np.load(directory / MASKS, allow_pickle=False) as masks:
            segmentations = tuple(
                _segmentation_in(row, [masks[f"{index}_{number}"] for number in range(len(row["segments"]))])
                for index, row in enumerate(document["segmentations"])
            )
        return Results(
            segmentations,
            tuple(_measurement_in(row) for row in document["measurements"]),
            dict(document["figures"]),
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise IllegalResult(f"The files in which the engine left its results are broken ({error}).") from error


def _code_out(found: Code | None) -> list[str] | None:
    return [found.value, found.scheme, found.meaning] if found else None


def _code_in(row: list[str]) -> Code:
    value, scheme, meaning = row
    return Code(value, scheme, meaning)


def _optional_in(row: list[str] | None) -> Code | None:
    return _code_in(row) if row else None


def _sites_out(sites: tuple[FindingSite, ...]) -> list[Any]:
    return [[_code_out(site.location), _code_out(site.laterality)] for site in sites]


def _sites_in(rows: list[Any]) -> tuple[FindingSite, ...]:
    return tuple(FindingSite(_code_in(location), _optional_in(laterality)) for location, laterality in rows)


def _tracking_out(tracking: Tracking) -> list[str]:
    return [tracking.identifier, tracking.uid]


def _segmentation_out(found: Segmentation) -> dict[str, Any]:
    return {
        "content_label": found.content_label,
        "description": found.description,
        "source_instance_uids": list(found.source_instance_uids),
        "segments": [
            {
                "label": segment.label,
                "category": _code_out(segment.category),
                "property_type": _code_out(segment.property_type),
                "tracking": _tracking_out(segment.tracking),
                "sites": _sites_out(segment.sites),
                "colour": list(segment.colour),
                "shape": list(segment.mask.shape),
            }
            for segment in found.segments
        ],
    }


def _segmentation_in(row: dict[str, Any], masks: list[Any]) -> Segmentation:
    return Segmentation(
        segments=tuple(
            Segment(
                label=found["label"],
                category=_code_in(found["category"]),
                property_type=_code_in(found["property_type"]),
                mask=_unpacked(packed, found["shape"]),
                tracking=Tracking(*found["tracking"]),
                sites=_sites_in(found["sites"]),
                colour=tuple(found["colour"]),
            )
            for found, packed in zip(row["segments"], masks, strict=True)
        ),
        source_instance_uids=tuple(row["source_instance_uids"]),
        content_label=row["content_label"],
        description=row["description"],
    )


def _unpacked(packed: Any, shape: list[int]) -> Any:
    count = int(np.prod(shape))
    return np.unpackbits(packed, count=count).astype(np.bool_).reshape(shape)


def _measurement_out(row: Measurement) -> dict[str, Any]:
    return {
        "name": _code_out(row.name),
        "value": row.value,
        "unit": _code_out(row.unit),
        "of": _tracking_out(row.of),
        "method": _code_out(row.method),
        "derivation": _code_out(row.derivation),
        "sites": _sites_out(row.sites),
    }


def _measurement_in(row: dict[str, Any]) -> Measurement:
    return Measurement(
        name=_code_in(row["name"]),
        value=float(row["value"]),
        unit=_code_in(row["unit"]),
        of=Tracking(*row["of"]),
        method=_optional_in(row["method"]),
        derivation=_optional_in(row["derivation"]),
        sites=_sites_in(row["sites"]),
    )
