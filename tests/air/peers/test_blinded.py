"""Every primitive and combination of the catalogue under a label instead of its source."""

from __future__ import annotations

import dataclasses
import io
from datetime import UTC, datetime

import pydicom
import pytest
from pydicom import Dataset

import conformance
from profiles.air.blinding import BlindingKey, Source, encode_blinded
from tests.air.peers.catalogue import CASES
from tests.air.peers.conftest import Written
from tests.air.test_blinding import HOST, VENDOR, content

ISSUED = datetime(2030, 2, 1, 12, 0, tzinfo=UTC)
WORDS = ("GliaSeg", VENDOR.version, "Cerebralytics", "deadbeefcafe", VENDOR.device_uid, "Zuse")


def reread(made: Dataset) -> Dataset:
    """The object as a reader sees it."""
    file = io.BytesIO()
    made.save_as(file, enforce_file_format=True)
    file.seek(0)
    return pydicom.dcmread(file)


@pytest.mark.requirement("AIR-016", "AIR-020", "AIR-021", "AIR-022", "AIR-026", "AIR-027", "AIR-028")
@pytest.mark.parametrize("name", list(CASES)[::2])
def test_blinded_objects_are_as_clean_and_name_no_source(name: str, written: dict[str, Written]) -> None:
    found = written[name]
    context = dataclasses.replace(found.context, equipment=HOST)
    key = BlindingKey("Catalogue").with_source(Source(VENDOR, context.observer))

    made = encode_blinded(found.results, context, VENDOR, key, issued_at=ISSUED)

    assert len(made) == len(found.paths)
    for one in made:
        assert [word for word in WORDS if word.lower().encode() in content(one).lower()] == []
    images = [(str(image.SOPInstanceUID), image) for image in context.images]
    findings = conformance.check_datasets([*((str(one.SOPInstanceUID), reread(one)) for one in made), *images])
    assert {one.rule for one in findings} <= found.case.notes
