"""Our own Image Manager before the judge."""

from conformance.harness import Verdict
from connectathon.judging import broken, unlike_verified


def test_our_image_manager_passes_what_applies_to_it(image_manager):
    ended = image_manager()
    assert broken(ended) == []
    assert unlike_verified(ended) == []
    assert [name for name, event in ended.items() if event.verdict is Verdict.OMIT] == ["AIR-IM-012", "AIR-IM-015"]
