"""Engines that do what engines must not do; loaded by worker processes only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ai_engines import (
    Engine,
    EngineDescription,
    Moment,
    Refused,
    Report,
    Results,
    Segment,
    Segmentation,
    Series,
    StudyImages,
    Tracking,
)
from profiles.dicom import code


class Good(Engine):
    """Marks one voxel; the others differ from it in one thing."""

    def describe(self) -> EngineDescription:
        return EngineDescription(
            name=type(self).__name__.lower(),
            version="1",
            vendor="Test",
            summary="",
            workitem_codes=(),
            kind="test",
            inputs="",
            outputs="",
            weights="none",
            licence="",
            training_data="",
            limits="",
        )

    def select(self, study: Sequence[Series]) -> Series:
        return study[0]

    def process(self, images: StudyImages, report: Report) -> Results:
        report(50, "working")
        Path("pid").write_text(str(os.getpid()))
        self.misbehave(images)
        mask = np.zeros(images.shape, dtype=np.bool_)
        mask[1, 2, 3] = True
        brain, category = code("SCT", "12738006"), code("SCT", "91723000")
        return Results(
            (Segmentation((Segment("One", category, brain, mask, Tracking("One")),), images.source_instance_uids),)
        )

    def misbehave(self, images: StudyImages) -> None:
        """Nothing."""


class Needy(Good):
    def describe(self) -> EngineDescription:
        import dataclasses

        return dataclasses.replace(super().describe(), requires=("no_such_module_at_all",), extra="ai")


class Raises(Good):
    def misbehave(self, images: StudyImages) -> None:
        sys.stdout.write("FICTIONAL^ADA went to stdout")
        raise RuntimeError("FICTIONAL^ADA")


class Crashes(Good):
    def misbehave(self, images: StudyImages) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)


class Exits(Good):
    def misbehave(self, images: StudyImages) -> None:
        os._exit(7)


class Killed(Good):
    def misbehave(self, images: StudyImages) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Hangs(Good):
    def misbehave(self, images: StudyImages) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        threading.Event().wait()


class HangsWithChild(Good):
    def misbehave(self, images: StudyImages) -> None:
        child = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"])
        Path("child").write_text(str(child.pid))
        threading.Event().wait()


class EatsMemory(Good):
    def misbehave(self, images: StudyImages) -> None:
        self.kept = bytearray(8 * 1024**3)


class GrowsSlowly(Good):
    def misbehave(self, images: StudyImages) -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, resource.getrlimit(resource.RLIMIT_DATA))
        kept = []
        while True:
            kept.append(np.ones(1024**2))


class FillsDisk(Good):
    def misbehave(self, images: StudyImages) -> None:
        with Path("flood").open("wb") as flood:
            for _ in range(64):
                flood.write(bytes(1024**2))


class BurnsProcessor(Good):
    def misbehave(self, images: StudyImages) -> None:
        while True:
            pass


class RefusesInput(Good):
    def misbehave(self, images: StudyImages) -> None:
        raise Refused(code("DCM", "110522"), "No.", check="taste")


class RefusesOutput(Good):
    def misbehave(self, images: StudyImages) -> None:
        raise Refused(code("DCM", "110513"), "Not that.", check="second-thoughts", moment=Moment.OUTPUT)


class LeavesRubbish(Good):
    def misbehave(self, images: StudyImages) -> None:
        Path("results.json").write_text("{")
        os._exit(0)
