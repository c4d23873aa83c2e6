"""Our own Watcher before the judge."""

from conformance.harness.registry import suite
from connectathon.judging import broken, judge
from connectathon.own_watcher import own_watcher
from connectathon.waiting import free_port


def test_our_watcher_passes_every_test(tmp_path):
    with own_watcher(tmp_path, free_port()) as (user, declaration):
        ended = judge(suite("watcher"), declaration, tmp_path / "evidence", user.actions)
    assert broken(ended) == []
    assert {str(event.verdict) for event in ended.values()} == {"pass"}
    assert len(ended) == 11
