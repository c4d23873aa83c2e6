"""Our own Task Manager before the judge, over UPS-RS and over DIMSE."""

from conformance.harness import Verdict
from connectathon.judging import broken, unlike_verified

from .managers import judged_task_manager


def test_our_task_manager_passes_what_applies_to_it(tmp_path):
    with judged_task_manager(tmp_path) as judging:
        ended = judging()
    assert broken(ended) == []
    assert [name for name, event in ended.items() if event.verdict is Verdict.OMIT] == []
    assert unlike_verified(ended) == []
