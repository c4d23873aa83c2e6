"""Two validators judge every primitive and combination of the catalogue."""

import pydicom
import pytest

import conformance
from tests.air.conftest import KNOWN_TO_BE_WRONG
from tests.air.peers.catalogue import CASES
from tests.air.peers.conftest import run


@pytest.mark.requirement("AIR-EC-002")
@pytest.mark.parametrize("name", CASES)
def test_a_public_validator_finds_no_error(written, name):
    for path in written[name].paths:
        _, said = run("dciodvfy", "-new", path)
        errors = [line for line in said.splitlines() if "Error" in line]
        assert [line for line in errors if not any(known in line for known in KNOWN_TO_BE_WRONG)] == []


@pytest.mark.requirement("AIR-216", "AIR-EC-002")
@pytest.mark.parametrize("name", CASES)
def test_our_own_checks_find_nothing_but_what_a_reader_is_to_know(written, name):
    found = written[name]
    objects = [(path.name, pydicom.dcmread(path)) for path in found.paths]
    images = [(str(image.SOPInstanceUID), image) for image in found.context.images]
    findings = conformance.check_datasets([*objects, *images])
    assert {one.rule for one in findings} == set(found.case.notes)
