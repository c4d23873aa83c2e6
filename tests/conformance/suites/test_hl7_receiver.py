"""Our own Task Requester before the judge of receivers of HL7 orders."""

import pytest

from conformance.harness import Verdict
from connectathon.judging import broken, unlike_verified

from .requesters import judged_requester


@pytest.mark.requirement(
    "HL7-101", "HL7-102", "HL7-103", "HL7-104", "HL7-105", "HL7-106", "HL7-107", "HL7-109", "HL7-111", "HL7-112"
)
def test_our_task_requester_passes_what_applies_to_it(tmp_path):
    with judged_requester(tmp_path) as judging:
        ended = judging("hl7_receiver")
    assert broken(ended) == []
    assert unlike_verified(ended) == []
    assert [name for name, event in ended.items() if event.verdict is Verdict.OMIT] == ["HL7-108", "HL7-110"]
