"""An end told to the operational log is a failure when the work failed, and none when somebody asked for it."""

from datetime import UTC, datetime

import pytest

from actors.task_manager.reporting import operational_event
from profiles.dicom import code, put_codes, put_items
from profiles.sole import Outcome
from workitems.model import Event, EventKind


@pytest.mark.requirement("SOLE-REP-012", "SOLE-080")
@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("110501", Outcome.SERIOUS_FAILURE),
        ("110521", Outcome.SERIOUS_FAILURE),
        ("110522", Outcome.SERIOUS_FAILURE),
        ("110523", Outcome.SERIOUS_FAILURE),
        ("110524", Outcome.SERIOUS_FAILURE),
        ("110527", Outcome.SERIOUS_FAILURE),
        ("110529", Outcome.SERIOUS_FAILURE),
        ("110500", Outcome.SUCCESS),
        ("110510", Outcome.SUCCESS),
        ("110513", Outcome.SUCCESS),
        ("110528", Outcome.SUCCESS),
        ("110530", Outcome.SUCCESS),
    ],
)
def test_the_reason_decides_whether_a_cancellation_is_a_failure(reason, outcome):
    progress, content = {}, {}
    put_codes(progress, "ProcedureStepDiscontinuationReasonCodeSequence", code("DCM", reason))
    put_items(content, "ProcedureStepProgressInformationSequence", progress)
    told = operational_event(Event(EventKind.CANCELED, "2.25.1", 1, datetime.now(UTC), content))
    assert told.outcome is outcome
    assert told.details["ReasonCode"].startswith(f"{reason}^DCM^")
