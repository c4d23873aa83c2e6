"""Every primitive alone, and combinations of the canonical tree (air.md 5.8), as results that peers have to read."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import numpy as np
from pydicom import Dataset

from profiles.air import (
    Comment,
    Confidence,
    Evaluation,
    Finding,
    FindingSite,
    Fraction,
    ImageReference,
    KeyImages,
    Location,
    Mark,
    Measurement,
    NormalRange,
    Outline,
    ParametricMap,
    Priority,
    PriorityHint,
    Qualification,
    Region,
    ResultContext,
    Results,
    Segment,
    Segmentation,
    SeriesReference,
    Space,
    Standing,
    Tracking,
    Uncertainty,
    Verification,
)
from profiles.dicom import Code, code
from profiles.tables import read_table

Images = Sequence[Dataset]

SHAPE = (12, 20, 24)
NODULE, LUNG, BRAIN = code("SCT", "27925004"), code("SCT", "39607008"), code("SCT", "12738006")
ABNORMAL, RIGHT, BOTH = code("SCT", "49755003"), code("SCT", "24028007"), code("SCT", "51440002")
DIAMETER, AREA, VOLUME = code("SCT", "81827009"), code("SCT", "42798000"), code("SCT", "118565006")
MM, MM2, ML, PERCENT = (code("UCUM", unit) for unit in ("mm", "mm2", "mL", "%"))
ONE = Tracking("Nodule 1")
IT = Finding(NODULE, ONE)
IN_LUNG = FindingSite(LUNG, RIGHT, code("SCT", "264217000"))


@dataclass(frozen=True)
class Case:
    """Results, what they are results of, and what the judge remarks on every object of their legal kind.

    Attributes:
        name: of the case.
        make: the results from the headers of their source images.
        source: which images: ``slices``, ``frames``, ``radiograph``, ``series`` (two of them) or ``scripts`` (of a
            patient whose name is written in three).
        notes: rules by which the judge remarks.
        change: what is peculiar to the context.
    """

    name: str
    make: Callable[[Images], Results]
    source: str = "slices"
    notes: frozenset[str] = frozenset()
    change: Callable[[ResultContext], ResultContext] = lambda context: context


def shown(images: Images, number: int = 3, *frames: int) -> ImageReference:
    return ImageReference(str(images[number].SOPInstanceUID), frames)


def uids(images: Images) -> tuple[str, ...]:
    return tuple(str(image.SOPInstanceUID) for image in images)


def space(images: Images) -> Space:
    return Space(str(images[0].FrameOfReferenceUID))


def box(*bounds: slice, shape: tuple[int, ...] = SHAPE) -> Any:
    mask = np.zeros(shape, dtype=np.bool_)
    mask[bounds] = True
    return mask


OUTER, INNER = box(slice(2, 9), slice(4, 15), slice(5, 16)), box(slice(4, 6), slice(7, 9), slice(8, 10))
APART = box(slice(9, 11), slice(0, 3), slice(0, 24))
RAMP = np.linspace(0, 1, OUTER.size, dtype=np.float32).reshape(SHAPE)


def segment(name: str, mask: Any, **more: Any) -> Segment:
    return Segment(name, ABNORMAL, NODULE, mask, Tracking(name), **more)


def alone(**parts: Any) -> Callable[[Images], Results]:
    return lambda _: Results(**parts)


def measured(*rows: Measurement, of: Finding = IT) -> Callable[[Images], Results]:
    """Measurements on an image: a number says where it was measured (air.md AIR-096)."""
    return lambda images: Results((), rows, findings=(dataclasses.replace(of, images=(shown(images),)),))


def findings() -> Iterator[Case]:
    kinds = {
        "finding": IT,
        "absent": Finding(code("SCT", "36118008"), ONE, present=False, sites=(FindingSite(LUNG, BOTH),)),
        "site": dataclasses.replace(IT, sites=(FindingSite(BRAIN),)),
        "sided-site": dataclasses.replace(IT, sites=(IN_LUNG,)),
        "category": dataclasses.replace(IT, category=ABNORMAL),
        "severity": dataclasses.replace(IT, severity=code("SCT", "6736007")),
    }
    for name, found in kinds.items():
        yield Case(f"finding-{name}", alone(findings=(found,)))
    yield Case("finding-on-an-image", measured())
    for confidence in (Confidence(87.5), Confidence(3.25, code("DCM", "111047"))):
        sure = dataclasses.replace(IT, confidence=confidence)
        yield Case(f"confidence-{confidence.kind.value}", measured(of=sure))
    yield Case("nothing-found", alone(nothing_found=True))
    yield Case("priority", alone(findings=(IT,), priority=PriorityHint(Priority.HIGH)))
    reason = PriorityHint(Priority.HIGH, "Large.")
    yield Case("priority-with-reason", alone(findings=(IT,), priority=reason), notes=frozenset({"AIR-088"}))
    yield Case("comments", alone(findings=(IT,), comments=(Comment("As before."), Comment("Round.\nSmall.", ONE))))
    answer = Evaluation(code("DCM", "121403"), code("SCT", "386134007"), ONE, ((code("DCM", "121404"), LUNG),))
    yield Case("evaluation-of-a-thing", alone(findings=(IT,), evaluations=(answer,)))
    whole = Evaluation(code("DCM", "121402"), code("SCT", "263654008"))
    yield Case("evaluation-of-the-study", alone(evaluations=(whole,)))


def measurements() -> Iterator[Case]:
    usual = Measurement(DIAMETER, 8.123456789012345, MM, ONE)
    kinds: dict[str, dict[str, Any]] = {
        "plain": {},
        "method": {"method": code("DCM", "121222"), "name": VOLUME, "unit": ML},
        "derivation": {"derivation": code("SCT", "56851009")},
        "site": {"sites": (IN_LUNG,)},
        "uncertainty": {"uncertainty": Uncertainty(0.5, 0.75)},
        "range": {"normal": NormalRange(2.0, 6.0)},
        "open-range": {"normal": NormalRange(upper=6.0)},
        "normality": {"normality": code("SCT", "371879000")},
        "tiny": {"value": 1.2345678901234567e-05},
        "huge": {"value": 123456789012345.67},
        "zero": {"value": 0.0},
        "negative": {"name": code("SCT", "373098007"), "value": -712.25, "unit": code("UCUM", "[hnsf'U]")},
    }
    for name, changes in kinds.items():
        row = dataclasses.replace(usual, **changes)
        yield Case(f"measurement-{name}", measured(row))
    yield Case("measurement-many", measured(*(Measurement(DIAMETER, number + 0.1, MM, ONE) for number in range(20))))
    yield Case("measurement-nowhere", alone(findings=(IT,), measurements=(usual,)), notes=frozenset({"AIR-096"}))


SQUARE = ((1.0, 1.0), (5.0, 1.0), (5.0, 5.0), (1.0, 5.0), (1.0, 1.0))
KITE = ((1.0, 3.0), (3.0, 1.0), (6.0, 3.0), (3.0, 5.0), (1.0, 3.0))
ELLIPSE = ((1.0, 5.0), (9.0, 5.0), (5.0, 3.0), (5.0, 7.0))
FLAT = tuple((column, row, 3.0) for column, row in SQUARE)
ELLIPSE_3D = tuple((column, row, 6.0) for column, row in ELLIPSE)
ELLIPSOID = (*ELLIPSE_3D, (5.0, 5.0, 5.0), (5.0, 5.0, 7.0))
#: Of pixels of 2 x 2 mm.
AREAS = {Outline.POLYLINE: 40.0, Outline.BOX: 64.0, Outline.CIRCLE: 64 * np.pi, Outline.ELLIPSE: 32 * np.pi}
ON_IMAGE = {
    Mark.POINT: SQUARE[:1],
    Mark.MULTIPOINT: SQUARE[:3],
    Mark.LINE: SQUARE[:3],
    Outline.POLYLINE: KITE,
    Outline.BOX: SQUARE[:3:2],
    Outline.CIRCLE: ((5.0, 5.0), (5.0, 9.0)),
    Outline.ELLIPSE: ELLIPSE,
}
IN_SPACE = {
    Mark.POINT: FLAT[:1],
    Mark.MULTIPOINT: FLAT[:3],
    Mark.LINE: FLAT[:3],
    Outline.POLYGON: FLAT,
    Outline.ELLIPSE: ELLIPSE_3D,
    Outline.ELLIPSOID: ELLIPSOID,
}


def drawn(shape: Mark | Outline, points: Any, where: ImageReference | Space) -> Results:
    if isinstance(shape, Mark):
        return Results(findings=(IT,), locations=(Location(shape, points, where, ONE),))
    area = AREAS.get(shape) if isinstance(where, ImageReference) else None
    size = (Measurement(AREA, area, MM2, ONE),) if area else ()
    return Results(findings=(IT,), measurements=size, regions=(Region(shape, points, where, ONE),))


def graphics() -> Iterator[Case]:
    open_line = frozenset({"AIR-107-LINE"})
    for place, shapes, where in (("image", ON_IMAGE, shown), ("space", IN_SPACE, space)):
        for shape, points in shapes.items():
            yield Case(
                f"{shape.lower()}-in-{place}",
                lambda images, shape=shape, points=points, where=where: drawn(shape, points, where(images)),
                notes=open_line if shape is Mark.LINE else frozenset(),
            )
    yield Case(
        "stack-of-outlines",
        lambda images: Results(
            findings=(IT,), regions=tuple(Region(Outline.POLYLINE, KITE, shown(images, at), ONE) for at in (2, 3, 4))
        ),
    )
    surface = [tuple((x, y, z + 3 * at) for x, y, z in FLAT) for at in range(2)]
    yield Case(
        "surface-of-polygons",
        lambda images: Results(
            findings=(IT,), regions=tuple(Region(Outline.POLYGON, points, space(images), ONE) for points in surface)
        ),
    )


def segmented(*segments: Segment, **more: Any) -> Callable[[Images], Results]:
    volumes = tuple(
        Measurement(VOLUME, float((one.mask > 0).sum()) * 12 / 1000, ML, one.tracking)
        for one in segments
        if one.fraction is None
    )
    return lambda images: Results((Segmentation(segments, uids(images), **more),), volumes)


def segmentations() -> Iterator[Case]:
    limited = frozenset({"AIR-138"})
    yield Case("binary", segmented(segment("Nodule", OUTER)))
    yield Case("binary-overlap", segmented(segment("Outer", OUTER), segment("Inner", INNER, colour=(0, 0, 255))))
    yield Case("binary-one-voxel", segmented(segment("Dot", box(slice(5, 6), slice(7, 8), slice(9, 10)))))
    yield Case("binary-full", segmented(segment("All", box())))
    yield Case("binary-gap", segmented(segment("Gap", OUTER & ~box(slice(4, 7)))))
    yield Case("binary-site", segmented(segment("Nodule", OUTER, sites=(IN_LUNG,)), description="In the lung"))
    many = [
        segment(f"Part {number}", box(slice(number % 12, number % 12 + 2), slice(1, 3), slice(number % 20, 24)))
        for number in range(40)
    ]
    yield Case("binary-many", segmented(*many))
    for fraction in Fraction:
        both = [segment(name, RAMP, fraction=fraction) for name in ("One", "Two")]
        yield Case(f"fractional-{fraction.lower()}", segmented(*both), notes=limited)
    apart = [segment("Outer", OUTER), segment("Apart", APART)]
    yield Case("label-map", segmented(*apart, label_map=True), notes=frozenset({"AIR-002-LABELMAP"}))


VALUES = np.linspace(-1, 2, RAMP.size, dtype=np.float32).reshape(SHAPE)
RESEARCH = frozenset({"AIR-168-RESEARCH"})


def mapped(images: Images, values: Any = VALUES, **changes: Any) -> ParametricMap:
    usual: dict[str, Any] = {
        "values": values,
        "quantity": code("DCM", "130404"),
        "unit": code("UCUM", "1"),
        "source_instance_uids": uids(images),
        "of": ONE,
        "label": "Saliency",
        "site": FindingSite(BRAIN),
    }
    return ParametricMap(**{**usual, **changes})


def maps() -> Iterator[Case]:
    stored = {
        "float32": VALUES,
        "float64": VALUES.astype(np.float64) / 3,
        "uint16": ((VALUES + 1) * 20000).astype(np.uint16),
    }
    for name, values in stored.items():
        yield Case(
            f"map-{name}",
            lambda images, values=values: Results(
                findings=(IT,), maps=(mapped(images, values, slope=0.5, intercept=-1.0),)
            ),
            notes=RESEARCH,
        )
    diffusion = {"quantity": code("DCM", "113041"), "unit": Code("mm2/s", "UCUM", "mm2/s"), "label": "ADC"}
    yield Case(
        "map-diffusion",
        lambda images: Results(
            findings=(IT,), maps=(mapped(images, qualification=Qualification.PRODUCT, **diffusion),)
        ),
    )
    yield Case(
        "map-constant",
        lambda images: Results(findings=(IT,), maps=(mapped(images, VALUES * 0),)),
        notes=RESEARCH,
    )


def key_images() -> Iterator[Case]:
    for row in read_table("profiles.air", "key_titles"):
        title = code(row["scheme"], row["value"])
        yield Case(
            f"key-images-{title.value}",
            lambda images, title=title: Results(key_images=(KeyImages((shown(images),), "The largest.", title),)),
        )
    yield Case(
        "key-series",
        lambda images: Results(
            key_images=(KeyImages((SeriesReference(str(images[0].SeriesInstanceUID)),), "All of it."),)
        ),
    )


def canonical(images: Images) -> Results:
    """The canonical tree whole: a volume, an outline, a point, a finding with its explanation, an absent one, keys."""
    volume, plane, point, whole = (Tracking(name) for name in ("Nodule 1", "Nodule 2", "Nodule 3", "Nodule 4"))
    return Results(
        (Segmentation((Segment("Nodule 1", ABNORMAL, NODULE, OUTER, volume, (IN_LUNG,)),), uids(images)),),
        (
            Measurement(VOLUME, float(OUTER.sum()) * 12 / 1000, ML, volume, uncertainty=Uncertainty(0.25, 0.25)),
            Measurement(AREA, 64.0, MM2, plane),
        ),
        findings=(
            Finding(NODULE, volume, sites=(IN_LUNG,), confidence=Confidence(91)),
            Finding(NODULE, plane, severity=code("SCT", "6736007")),
            Finding(NODULE, point),
            Finding(NODULE, whole, confidence=Confidence(40, code("DCM", "111047")), images=(shown(images, 5),)),
            Finding(code("SCT", "36118008"), Tracking("Pneumothorax"), present=False, sites=(FindingSite(LUNG, BOTH),)),
        ),
        evaluations=(
            Evaluation(code("DCM", "121403"), code("SCT", "386134007"), volume),
            Evaluation(code("DCM", "121402"), code("SCT", "263654008")),
        ),
        locations=(Location(Mark.POINT, ((3.5, 4.5),), shown(images, 7), point, code("DCM", "111010")),),
        regions=(Region(Outline.BOX, SQUARE[:3:2], shown(images, 6), plane),),
        comments=(Comment("Compare with the clinical picture."),),
        priority=PriorityHint(Priority.MEDIUM),
        maps=(mapped(images, of=whole),),
        key_images=(KeyImages((shown(images, 5), shown(images, 6)), "Where to look first.", code("DCM", "113013")),),
    )


def foreign_words(images: Images) -> Results:
    """Words of many scripts in every field that takes words."""
    name = Tracking("結節 · Größe Ⅷ 1")
    return Results(
        (Segmentation((segment("Ødem", APART), segment("מוח", INNER)), uids(images), description="Описание"),),
        findings=(Finding(Code("NODULUS", "99STEPWELL", "Узел ß"), name),),
        comments=(Comment("Größer als zuvor? 前回より大きい。 🧠", name), Comment("ไม่มีการเปลี่ยนแปลง")),
        priority=PriorityHint(Priority.LOW, "Ὑγίεια"),
        key_images=(KeyImages((shown(images),), "见此图像"),),
    )


def with_observer(context: ResultContext) -> ResultContext:
    return dataclasses.replace(context, observer="Bøe^Åse")


def standing(**flags: Any) -> Callable[[ResultContext], ResultContext]:
    return lambda context: dataclasses.replace(context, standing=Standing(**flags))


def wholes() -> Iterator[Case]:
    yield Case("canonical-tree", canonical, notes=RESEARCH)
    yield Case("words-of-all-scripts", foreign_words, "scripts", frozenset({"AIR-063"}), with_observer)
    yield Case("partial", alone(nothing_found=True), change=standing(complete=False, incomplete_because="Half of it."))
    yield Case("preliminary", alone(findings=(IT,)), change=standing(preliminary=True))
    word = Verification("Beispiel^Berta", "Clinic", datetime(2030, 1, 3, 8, 30, tzinfo=UTC))
    yield Case("verified", alone(findings=(IT,)), change=standing(verification=word))


def other_sources() -> Iterator[Case]:
    """Images that are no slices of one series."""
    yield Case("binary-on-frames", segmented(segment("Nodule", OUTER), multi_frame=True), "frames")
    yield Case(
        "map-on-frames",
        lambda images: Results(findings=(IT,), maps=(mapped(images, multi_frame=True),)),
        "frames",
        RESEARCH,
    )
    yield Case("point-on-a-frame", lambda images: drawn(Mark.POINT, SQUARE[:1], shown(images, 0, 5)), "frames")
    yield Case(
        "key-frames", lambda images: Results(key_images=(KeyImages((shown(images, 0, 2, 3),), "Two."),)), "frames"
    )
    flat = segment("Nodule", OUTER[3:4])
    yield Case("binary-on-a-radiograph", lambda images: Results((Segmentation((flat,), uids(images)),)), "radiograph")
    yield Case(
        "map-on-a-radiograph",
        lambda images: Results(findings=(IT,), maps=(mapped(images, VALUES[:1]),)),
        "radiograph",
        RESEARCH,
    )
    yield Case("box-on-a-radiograph", lambda images: drawn(Outline.BOX, SQUARE[:3:2], shown(images, 0)), "radiograph")
    yield Case(
        "two-series",
        lambda images: Results(
            (
                Segmentation((segment("One", OUTER),), uids(images[:12])),
                Segmentation((segment("Two", APART),), uids(images[12:])),
            )
        ),
        "series",
    )


CASES = {
    case.name: case
    for case in chain(
        findings(),
        measurements(),
        graphics(),
        segmentations(),
        maps(),
        key_images(),
        wholes(),
        other_sources(),
    )
}
