"""A head mask by a threshold, and the head's volume: quick, without learning, and saying so."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache

import numpy as np

from ai_engines.bundled.head import head_mask
from ai_engines.bundled.measuring import of_volume
from ai_engines.bundled.selection import choose
from ai_engines.checks import Check, judge, read_checks
from ai_engines.engine import Engine, EngineDescription, Report, ValidationFigure
from ai_engines.images import Series, StudyImages
from ai_engines.refusal import Moment
from profiles.air import Measurement, Results, Segment, Segmentation, Tracking
from profiles.dicom import code


class HeadMask(Engine):
    """Head against air, by a threshold."""

    def describe(self) -> EngineDescription:
        """What it is."""
        return EngineDescription(
            name="head-mask",
            version="1.0.0",
            vendor="Stepwell",
            summary="Separates the head from the air around it by a threshold, and measures its volume.",
            workitem_codes=(code("99STEPWELL", "HEADMASK"),),
            kind="threshold (no learning)",
            inputs="One MR series of a head, single-frame, regular slices.",
            outputs="A segmentation of the head and its volume in mL, as far as it is in the field of view.",
            weights="none: nothing is learned",
            licence="Apache-2.0",
            training_data="none: nothing is learned",
            validation=_VALIDATION,
            limits=(
                "The volume depends on the field of view: neck and shoulders count when they are in it, what is cut "
                "off does not. Cavities are filled from three directions, so concave parts of the face are filled too."
            ),
            reference="The threshold is that of BET: S. M. Smith, Human Brain Mapping 17:143-155, 2002.",
            family=code("DCM", "123105"),
        )

    def select(self, study: Sequence[Series]) -> Series:
        """An MR series of a head."""
        return choose(study, _checks())

    def process(self, images: StudyImages, report: Report) -> Results:
        """Mask and volume."""
        report(10, "reading images")
        volume = images.volume
        started = time.monotonic()
        report(40, "finding the head")
        mask = head_mask(volume, images.spacing)
        quantities = of_volume(images, mask)
        judge(_checks(), Moment.INPUT, quantities)
        judge(_checks(), Moment.OUTPUT, quantities)
        head = Tracking("Head")
        return Results(
            segmentations=(
                Segmentation(
                    segments=(
                        Segment(
                            "Head", code("SCT", "91723000"), code("SCT", "69536005"), mask, head, colour=(80, 170, 255)
                        ),
                    ),
                    source_instance_uids=images.source_instance_uids,
                    content_label="HEAD",
                    description="Head by a threshold",
                ),
            ),
            measurements=(
                Measurement(
                    code("SCT", "118565006"),
                    round(float(np.count_nonzero(mask)) * images.voxel_ml, 3),
                    code("UCUM", "mL"),
                    head,
                ),
            ),
            figures={"load_seconds": 0.0, "inference_seconds": round(time.monotonic() - started, 3)},
        )


@cache
def _checks() -> tuple[Check, ...]:
    return read_checks("ai_engines.bundled", "head_mask")


_VALIDATION = (
    ValidationFigure(
        "part of a reference brain that lies in the mask",
        1.0,
        "Colin27 (ch2.nii.gz of Debian's mricron-data) with ch2bet.nii.gz above zero as the brain",
        "converted to 181 axial MR instances, run as in operation; tests/ai_engines/test_engine_validation.py measures "
        "it again. The outline of the head itself was looked at, not measured: there is no reference for it",
    ),
)
