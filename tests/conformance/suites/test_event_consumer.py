"""A small Event Consumer before the judge."""

from connectathon.judging import broken

from .event_peers import judged_consumer


def test_a_small_consumer_passes_everything(tmp_path):
    with judged_consumer(tmp_path) as judge:
        assert broken(judge()) == []
