"""Draw the sample pictures of docs/pictures: a made-up head with a lesion, as a reader gets the result of an algorithm.

.venv/bin/python scripts/pictures.py
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray

from actors.evidence_creator.pictures import Form, Look, caption_of, draw_overview
from connectathon.fiction import DemoOrder
from connectathon.modality import Head, write_series
from profiles.air import (
    AlgorithmIdentification,
    Confidence,
    Finding,
    FindingSite,
    Location,
    Mark,
    Measurement,
    NormalRange,
    ParametricMap,
    Results,
    Segment,
    Segmentation,
    Space,
    Tracking,
    Uncertainty,
    context_from_workitem,
)
from profiles.dicom import Code, code

FOLDER = Path(__file__).parent.parent / "docs" / "pictures"
SIZE = (128, 160, 36)  # patient's right to left, back to front, foot to head
SPACING = (1.4, 1.3, 4.0)
BRAIN_ABOVE, LESION_ABOVE = 110, 212
STUDY = "2.25.1"
MADE_AT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
VOLUME, ML, ANATOMY = code("SCT", "118565006"), code("UCUM", "mL"), code("SCT", "91723000")

Voxels = NDArray[np.float64]


def main() -> None:
    """Draw the pictures."""
    with TemporaryDirectory() as folder:
        order = DemoOrder(study_instance_uid=STUDY, ordered=MADE_AT)
        paths = write_series(
            Head("sample", "T1", np.rint(head()).astype(np.int16), np.diag([*SPACING, 1.0])),
            order,
            Path(folder),
            slice_axis=2,
        )
        images = [pydicom.dcmread(path) for path in paths]
    results = found(images)
    context = context_from_workitem({}, images, station=Code("AI1", "L", "AI room"), now=MADE_AT, seed="sample")
    caption = caption_of(context, AlgorithmIdentification("lesion-finder", "2.1", "Example"))
    for look in Look:
        (FOLDER / f"result-{look}.png").write_bytes(draw_overview(results, images, caption, look=look))
    (FOLDER / "result.pdf").write_bytes(draw_overview(results, images, caption, form=Form.PDF))


def head() -> Voxels:
    """A head of ellipsoids: scalp, brain, two ventricles and a bright lesion."""
    voxels = np.zeros(SIZE)
    for middle, half, value in (
        ((0, 0, 0), (0.8, 0.9, 0.95), 300),
        ((0, 0, 0), (0.72, 0.82, 0.87), 40),
        ((0, 0, 0), (0.66, 0.76, 0.8), 180),
        ((0.2, 0.1, 0.1), (0.1, 0.3, 0.3), 60),
        ((-0.2, 0.1, 0.1), (0.1, 0.3, 0.3), 60),
        ((-0.38, -0.35, 0.2), (0.16, 0.13, 0.25), 240),
    ):
        voxels[ellipsoid(middle, half)] = value
    return voxels + np.random.default_rng(7).normal(0, 1.5, SIZE)


def ellipsoid(middle: tuple[float, float, float], half: tuple[float, float, float]) -> NDArray[np.bool_]:
    """The voxels within, when each axis of the volume runs from -1 to 1."""
    axes = np.meshgrid(*(np.linspace(-1, 1, size) for size in SIZE), indexing="ij")
    parts = (((axis - at) / reach) ** 2 for axis, at, reach in zip(axes, middle, half, strict=True))
    return np.asarray(sum(parts) < 1)


def found(images: Sequence[pydicom.Dataset]) -> Results:
    """What an algorithm might say of the head."""
    uids = tuple(str(image.SOPInstanceUID) for image in images)
    voxels = np.stack([image.pixel_array for image in images])
    inside = np.flip(np.transpose(ellipsoid((0, 0, 0), (0.66, 0.76, 0.8)), (2, 1, 0)), axis=(1, 2))
    brain, lesion = inside & (voxels > BRAIN_ABOVE), inside & (voxels > LESION_ABOVE)
    whole, spot, axis = Tracking("Brain"), Tracking("Lesion 1"), Tracking("Diameter of lesion 1")
    millilitres = float(np.prod(SPACING)) / 1000
    return Results(
        segmentations=(
            Segmentation(
                (
                    Segment("Brain", ANATOMY, code("SCT", "12738006"), brain, whole),
                    Segment("Lesion 1", code("SCT", "49755003"), code("SCT", "52988006"), lesion, spot),
                ),
                uids,
            ),
        ),
        findings=tuple(_findings(spot)),
        locations=(_diameter(images, lesion, axis),),
        maps=(_saliency(lesion, uids, spot),),
        measurements=(
            Measurement(VOLUME, round(brain.sum() * millilitres, 1), ML, whole, normal=NormalRange(900, 1600)),
            Measurement(
                VOLUME,
                round(lesion.sum() * millilitres, 2),
                ML,
                spot,
                uncertainty=Uncertainty(0.4, 0.5),
                normal=NormalRange(None, 0),
            ),
        ),
    )


def _findings(spot: Tracking) -> Iterator[Finding]:
    site = FindingSite(code("SCT", "12738006"), code("SCT", "7771000"))
    yield Finding(code("SCT", "52988006"), spot, sites=(site,), confidence=Confidence(91))
    yield Finding(code("SCT", "50960005"), Tracking("Hemorrhage"), present=False)


def _diameter(images: Sequence[pydicom.Dataset], lesion: NDArray[np.bool_], axis: Tracking) -> Location:
    """A line across the lesion, in space."""
    index = int(lesion.sum(axis=(1, 2)).argmax())
    image, (rows, columns) = images[index], np.nonzero(lesion[index])
    x, y, z = (float(part) for part in image.ImagePositionPatient)
    down, across = (float(part) for part in image.PixelSpacing)
    row = y + float(rows.mean()) * down
    ends = tuple((x + float(column) * across, row, z) for column in (columns.min(), columns.max()))
    return Location(Mark.LINE, ends, Space(str(image.FrameOfReferenceUID)), axis)


def _saliency(lesion: NDArray[np.bool_], uids: tuple[str, ...], spot: Tracking) -> ParametricMap:
    middle = np.argwhere(lesion).mean(axis=0)
    places: Any = np.indices(lesion.shape, dtype=np.float32)
    away = sum(((place - at) / reach) ** 2 for place, at, reach in zip(places, middle, (5, 20, 20), strict=True))
    return ParametricMap(
        np.exp(-away).astype(np.float32), code("DCM", "130404"), code("UCUM", "1"), uids, spot, "Saliency"
    )


if __name__ == "__main__":
    main()
