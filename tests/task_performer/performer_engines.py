"""Small engines for the performer's tests; loaded by the performer and by worker processes."""

from __future__ import annotations

import dataclasses
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ai_engines import (
    Engine,
    EngineDescription,
    Measurement,
    Refused,
    Report,
    Results,
    Segment,
    Segmentation,
    Series,
    StudyImages,
    Tracking,
)
from connectathon.waiting import eventually
from profiles.dicom import Code, code

#: Where the engines note their runs, one file for each, named by the series that was read.
RUNS = "PERFORMER_TEST_RUNS"


class Quick(Engine):
    """Marks a few voxels of whatever it is given; the others differ from it in one thing."""

    def describe(self) -> EngineDescription:
        name = type(self).__name__.lower()
        return EngineDescription(
            name=name,
            version="1.0",
            vendor="Test",
            summary="Marks a few voxels.",
            workitem_codes=(Code(name.upper(), "99TEST", f"{name} analysis"),),
            kind="test",
            inputs="any series",
            outputs="a segment and its volume",
            weights="none",
            licence="Apache-2.0",
            training_data="none",
            limits="none",
        )

    def select(self, study: Sequence[Series]) -> Series:
        return study[0]

    def process(self, images: StudyImages, report: Report) -> Results:
        runs = Path(os.environ[RUNS])
        (runs / f"{images.series.uid}-{os.getpid()}").touch()
        report(50, "marking")
        self.misbehave(images, runs)
        mask = np.zeros(images.shape, dtype=np.bool_)
        mask[1, 2:5, 3:5] = True
        brain, tracking = code("SCT", "12738006"), Tracking("Brain")
        segment = Segment("Brain", code("SCT", "91723000"), brain, mask, tracking)
        volume = Measurement(
            code("SCT", "118565006"),
            round(float(mask.sum()) * images.voxel_ml, 3),
            code("UCUM", "mL"),
            tracking,
        )
        return Results((Segmentation((segment,), images.source_instance_uids),), (volume,))

    def misbehave(self, images: StudyImages, runs: Path) -> None:
        """Nothing."""


class Held(Quick):
    """Waits until it is let go."""

    def misbehave(self, images: StudyImages, runs: Path) -> None:
        eventually((runs / "go-on").exists, what="leave to go on")


class Crashes(Quick):
    def misbehave(self, images: StudyImages, runs: Path) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)


class Hangs(Quick):
    def misbehave(self, images: StudyImages, runs: Path) -> None:
        eventually(lambda: False, limit_seconds=600)


class RefusesImages(Quick):
    def select(self, study: Sequence[Series]) -> Series:
        raise Refused(code("DCM", "110522"), "These are no images for this engine.", check="taste")


class Looks(Quick):
    """Decodes the pixels."""

    def misbehave(self, images: StudyImages, runs: Path) -> None:
        images.volume.sum()


class NamesOthers(Quick):
    """Gives results that may not be written: they name images that it was not given."""

    def process(self, images: StudyImages, report: Report) -> Results:
        made = super().process(images, report)
        (found,) = made.segmentations
        foreign = tuple(f"{uid}.1" for uid in found.source_instance_uids)
        return dataclasses.replace(made, segmentations=(dataclasses.replace(found, source_instance_uids=foreign),))
