"""Results compared by what they say: arrays by their numbers, and what objects cannot tell apart as one."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from profiles.air import ImageReference, KeyImages, Results, Thing, Tracking
from profiles.air.measurement_groups import finding_of, sites_of
from profiles.air.rewriting import rewritten
from profiles.air.segmentation_object import tracking_uid
from tests.air.reading.conftest import Study


def said_by(results: Results, study: Study) -> dict[str, Any]:
    """Everything that results say, in values that can be compared.

    Tracking UIDs that are to be made are made; a finding that repeats its segment is left out; a series of key images
    is the images that it consists of.
    """

    def with_uid(part: Any) -> Any:
        return (
            Tracking(part.identifier, tracking_uid(part, study.context, study.algorithm))
            if isinstance(part, Tracking)
            else part
        )

    whole = {field.name: rewritten(getattr(results, field.name), with_uid) for field in fields(results)}
    whole = {name: value for name, value in whole.items() if name != "figures"}
    settled = Results(**whole)
    return {
        "things": {thing.tracking.identifier: _plain(_settled(thing)) for thing in settled.things()},
        "segmentations": _plain(settled.segmentations),
        "maps": _plain(settled.maps),
        "key images": [_plain(_one_by_one(found, study)) for found in settled.key_images],
        "evaluations": [_plain(row) for row in settled.evaluations if row.of is None],
        "comments": [row.words for row in settled.comments if row.of is None],
        "priority": settled.priority,
        "nothing found": settled.nothing_found,
    }


def _settled(thing: Thing) -> Thing:
    bare = replace(thing, finding=None)
    finding = thing.finding
    if finding and thing.segment:
        finding = replace(finding, sites=() if finding.sites == sites_of(bare) else finding.sites)
        finding = None if replace(finding, confidence=None) == finding_of(bare) else finding
    return replace(thing, finding=finding)


def _one_by_one(found: KeyImages, study: Study) -> KeyImages:
    references: list[ImageReference] = []
    for one in found.references:
        if isinstance(one, ImageReference):
            references.append(one)
        else:
            references += [ImageReference(str(image.SOPInstanceUID)) for image in study.images]
    return replace(found, references=tuple(references))


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        kind = "fractions" if value.dtype.kind == "f" and value.max() <= 1 else str(value.dtype)
        numbers = np.rint(value * 255).astype(int) if kind == "fractions" else value
        return kind, numbers.shape, numbers.tolist()
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return value
