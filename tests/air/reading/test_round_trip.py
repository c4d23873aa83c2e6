"""What was written is read back: primitives to objects to primitives is the identity."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from profiles.air.reading import read_results
from tests.air.reading.conftest import Study
from tests.air.reading.equality import said_by
from tests.air.reading.strategies import results


@pytest.mark.requirement("AIR-074", "AIR-136")
@pytest.mark.parametrize("kind", ["series", "multi-frame", "radiograph"])
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_results_read_from_their_objects_are_the_results_that_were_written(
    studies: dict[str, Study], kind: str, data: st.DataObject
) -> None:
    study = studies[kind]
    made = data.draw(results(study))
    read = read_results(study.write(made), study.images)
    assert read.unread == ()
    assert read.results is not None
    assert said_by(read.results, study) == said_by(made, study)
