"""Good sets of every kind have no findings, by our rules and by dciodvfy."""

import pytest

from conformance import check
from tests.conformance.air_scenes import SCENES
from tests.conformance.breaking import TOLD, broken


@pytest.mark.parametrize("name", SCENES)
def test_a_good_set_breaks_no_rule(scenes, name, tmp_path):
    objects = scenes(name)
    assert broken(objects) == TOLD.get(name, set())
    for file, dataset in objects.named:
        dataset.save_as(tmp_path / file, enforce_file_format=True)
    found = [(one.rule, one.file, one.path, one.message) for one in check("air", [tmp_path])]
    assert {rule for rule, *_ in found} == TOLD.get(name, set()), found
