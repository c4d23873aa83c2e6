"""The repository with its messages in PostgreSQL: the same answers, also after it was killed."""

import signal

import pytest

from .conftest import Repository


@pytest.mark.requirement("SOLE-049", "SOLE-ER-001")
def test_events_in_postgresql_are_stored_once_and_outlive_the_repository(tmp_path, postgres_url):
    repository = Repository(tmp_path, database_url=postgres_url).start()
    try:
        messages = [repository.message("PG-1", occurrence=str(number)) for number in range(20)]
        repository.send(*messages, b"hello", messages[0])
        repository.await_events(20, accession="PG-1")
        repository.end(signal.SIGKILL)
        repository.start()
        repository.send(*messages)
        repository.send(repository.message("PG-1", occurrence="last"))
        assert len(repository.await_events(21, accession="PG-1")) == 21
        found = repository.messages(("msg", "PG-1")).json()["Events"]
        assert [one["Msg"].encode() for one in found[:20]] == [one.split(b" - ", 1)[1] for one in messages]
    finally:
        repository.end(signal.SIGKILL)
