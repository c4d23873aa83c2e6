"""The suite of the Image Manager."""

from __future__ import annotations

from conformance.harness.model import Suite
from conformance.harness.registry import cases_of
from conformance.suites.image_manager import finding, limits, moving, retrieving, storing
from conformance.suites.image_manager.stage import ImageManager, stage

SUITE = Suite(
    "image_manager", "Image Manager", ImageManager, stage, cases_of((storing, finding, retrieving, moving, limits))
)
