"""The spool on real disks: what was put is there after any end of the process, and a spool that cannot take says so."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from profiles.errors import Unavailable
from sole_logging import Spool
from sole_logging.spool import VERSION

AT = datetime(2031, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "actor" / "event-spool.sqlite"


@pytest.fixture
def spool(path):
    opened = Spool(path)
    yield opened
    opened.close()


def held(path):
    """What another process finds in the file."""
    opened = Spool(path)
    try:
        return [(message.event_id, message.content) for message in opened.after(0, 1000)]
    finally:
        opened.close()


@pytest.mark.requirement("SOLE-047")
def test_a_message_is_on_disk_before_put_returns(spool, path):
    assert spool.put("one", AT, b"first")
    reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    assert reader.execute("SELECT event_id, content FROM message").fetchall() == [("one", b"first")]
    reader.close()


def test_each_put_is_synchronised_with_the_disk(spool):
    """What kill -9 cannot show: without FULL, a commit could be lost with the power."""
    pragma = {
        name: spool._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")
    }
    assert pragma == {"synchronous": 2, "journal_mode": "wal"}


@given(
    messages=st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1),
            st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))])),
            st.binary(max_size=200),
        ),
        max_size=8,
    )
)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_put_comes_out_in_order_and_octet_for_octet(tmp_path_factory, messages):
    path = tmp_path_factory.mktemp("round") / "spool.sqlite"
    spool = Spool(path)
    expected = {}
    for event_id, at, content in messages:
        assert spool.put(event_id, at, content) == (event_id not in expected)
        expected.setdefault(event_id, (at, content))
    spool.close()
    again = Spool(path)
    assert [(one.event_id, one.at, one.content) for one in again.after(0, 100)] == [
        (event_id, *rest) for event_id, rest in expected.items()
    ]
    assert len(again) == len(expected)
    again.close()


def test_confirmed_messages_are_gone_and_their_numbers_are_not_used_again(spool, path):
    for name in "abc":
        spool.put(name, AT, name.encode())
    numbers = [message.number for message in spool.after(0, 10)]
    spool.reach("one", numbers[1])
    assert len(spool) == 1
    spool.put("d", AT, b"d")
    assert [message.event_id for message in spool.after(0, 10)] == ["c", "d"]
    assert spool.after(0, 10)[-1].number > numbers[-1]
    assert [message.event_id for message in spool.after(numbers[2], 10)] == ["d"]
    assert held(path) == [("c", b"c"), ("d", b"d")]


def test_a_message_stays_until_every_repository_has_it_and_each_place_survives(spool, path):
    spool.serve(["one", "two"])
    for name in "abc":
        spool.put(name, AT, name.encode())
    spool.reach("one", 3)
    spool.reach("two", 1)
    spool.reach("two", 0)  # a place never goes back
    assert [message.event_id for message in spool.after(0, 10)] == ["b", "c"]
    again = Spool(path)
    assert (again.place("one"), again.place("two")) == (3, 1)
    assert again.waiting_for("one") == (0, None)
    assert again.waiting_for("two") == (2, AT)
    again.serve(["two", "three"])  # the first is configured no more, and nothing waits for it; the third lacks all
    assert again.waiting_for("three") == (2, AT)
    again.reach("two", 3)
    assert len(again) == 2
    again.reach("three", 3)
    assert len(again) == 0
    again.close()


def test_what_a_repository_refused_for_good_is_kept_with_the_reason(spool, path):
    spool.put("a", AT, b"bad")
    spool.set_aside("one", spool.after(0, 1)[0], "400 Bad Request")
    assert spool.refusals() == [("one", "a", "400 Bad Request")]
    assert len(spool) == 1  # another repository may take it


def test_the_instance_of_a_spool_stays_the_same_over_restarts(path):
    first = Spool(path)
    instance = first.instance
    first.close()
    second = Spool(path)
    assert second.instance == instance
    second.close()


def test_only_the_owner_may_read_a_spool(spool, path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


KILLED = """
import pathlib, sys
from datetime import UTC, datetime
from sole_logging import Spool
spool = Spool(pathlib.Path(sys.argv[1]))
for number in range(100000):
    spool.put(f"event-{number}", datetime.now(UTC), b"content %d" % number)
    print(number, flush=True)
"""


@pytest.mark.requirement("SOLE-048")
def test_kill_loses_nothing_that_was_put(path):
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE)
    told = [int(process.stdout.readline()) for _ in range(50)]
    os.kill(process.pid, signal.SIGKILL)
    told += [int(line) for line in process.stdout.read().split(b"\n")[:-1]]
    process.stdout.close()
    process.wait(30)
    found = held(path)
    assert found[: len(told)] == [(f"event-{number}", b"content %d" % number) for number in told]
    assert len(found) - len(told) in (0, 1)  # the last may have been put without having been told


TORN = """
import os, pathlib, sys
from datetime import UTC, datetime
from sole_logging import Spool
spool = Spool(pathlib.Path(sys.argv[1]))
for number in range(5):
    spool.put(f"event-{number}", datetime.now(UTC), b"x" * 300)
print(os.path.getsize(sys.argv[1] + "-wal"), flush=True)
spool.put("torn", datetime.now(UTC), b"y" * 300)
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("octets", [0, 1, 24, 100, 4000])
@pytest.mark.requirement("SOLE-048")
def test_a_last_entry_that_was_torn_by_a_crash_is_dropped_and_the_ones_before_it_are_kept(path, octets):
    done = subprocess.run([sys.executable, "-c", TORN, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    os.truncate(f"{path}-wal", int(done.stdout) + octets)
    spool = Spool(path)
    assert [message.event_id for message in spool.after(0, 10)] == [f"event-{number}" for number in range(5)]
    assert spool.put("next", AT, b"z")
    spool.close()
    assert len(held(path)) == 6


def test_a_last_entry_full_of_rubbish_is_dropped_and_the_ones_before_it_are_kept(path):
    done = subprocess.run([sys.executable, "-c", TORN, str(path)], capture_output=True, text=True, check=False)
    with path.with_name(f"{path.name}-wal").open("r+b") as log:
        log.seek(int(done.stdout) + 30)
        log.write(b"\xff" * 2000)
    assert [name for name, _ in held(path)] == [f"event-{number}" for number in range(5)]


def test_a_full_spool_refuses_in_words_counts_and_takes_again_when_there_is_room(path):
    spool = Spool(path, limit=2)
    spool.put("a", AT, b"")
    spool.put("b", AT, b"")
    with pytest.raises(Unavailable, match=r"is full \(2 messages\).*Bring it back") as caught:
        spool.put("c", AT, b"")
    assert caught.value.row_key == "storage-full"
    assert (spool.refused, len(spool)) == (1, 2)
    assert spool.put("alert", AT, b"", reserve=True)
    with pytest.raises(Unavailable):
        spool.put("second alert", AT, b"", reserve=True)
    spool.reach("one", spool.after(0, 10)[-1].number)
    assert spool.put("c", AT, b"")
    spool.close()


FULL_DISK = """
import pathlib, resource, signal, sys
from datetime import UTC, datetime
from profiles.errors import Unavailable
from sole_logging import Spool
spool = Spool(pathlib.Path(sys.argv[1]))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
taken = []
try:
    for number in range(1000):
        spool.put(f"event-{number}", datetime.now(UTC), b"x" * 2000)
        taken.append(number)
except Unavailable as error:
    print(len(taken), spool.refused, error.row_key, error.message, sep="\\n")
"""


def test_a_disk_that_takes_no_more_is_said_and_what_was_taken_before_is_kept(path):
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=True)
    taken, refused, key, message = done.stdout.splitlines()
    assert (refused, key) == ("1", "storage-full")
    assert str(path) in message
    assert "was not reported" in message
    assert "free some space" in message
    assert len(held(path)) == int(taken) > 0


def test_a_place_that_cannot_be_written_is_said_at_the_start(tmp_path):
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(Unavailable, match=r"cannot be used: .*Make its directory writable"):
        Spool(tmp_path / "file" / "spool.sqlite")


def test_a_spool_that_became_unwritable_refuses_in_words(path, spool):
    writer = sqlite3.connect(path)
    writer.execute("CREATE TRIGGER refuse BEFORE INSERT ON message BEGIN SELECT RAISE(ABORT, 'no writing'); END")
    writer.commit()
    with pytest.raises(Unavailable, match="no writing"):
        spool.put("a", AT, b"")
    assert (spool.refused, len(spool)) == (1, 0)
    writer.execute("DROP TRIGGER refuse")
    writer.commit()
    writer.close()
    assert spool.put("a", AT, b"")


@pytest.mark.requirement("SOLE-048")
def test_a_removal_that_failed_does_not_make_later_messages_undurable(path, spool):
    spool.put("a", AT, b"")
    writer = sqlite3.connect(path)
    writer.execute("CREATE TRIGGER refuse BEFORE DELETE ON message BEGIN SELECT RAISE(ABORT, 'no deleting'); END")
    writer.commit()
    with pytest.raises(Unavailable, match="no deleting"):
        spool.reach("one", 1)
    assert len(spool) == 1
    assert spool.put("b", AT, b"")
    seen = writer.execute("SELECT event_id FROM message ORDER BY number").fetchall()
    assert seen == [("a",), ("b",)]  # seen by another connection: committed
    writer.execute("DROP TRIGGER refuse")
    writer.commit()
    writer.close()
    spool.reach("one", 1)
    assert len(spool) == 1


def test_a_file_that_is_no_spool_is_refused_in_words(tmp_path):
    (tmp_path / "spool.sqlite").write_bytes(b"this is no database at all, " * 100)
    with pytest.raises(Unavailable, match="cannot be used: file is not a database"):
        Spool(tmp_path / "spool.sqlite")


def test_a_spool_of_another_release_is_refused_and_left_alone(path):
    Spool(path).close()
    other = sqlite3.connect(path)
    other.execute(f"PRAGMA user_version={VERSION + 1}")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(Unavailable, match=f"has version {VERSION + 1}; this release reads version {VERSION}"):
        Spool(path)
    assert path.read_bytes() == before


def test_many_threads_may_put_at_once(spool, path):
    def put(name):
        for number in range(20):
            spool.put(f"{name}-{number}", AT, b"")

    threads = [threading.Thread(target=put, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(spool) == 80
    for name in "abcd":
        mine = [message.event_id for message in spool.after(0, 100) if message.event_id.startswith(name)]
        assert mine == [f"{name}-{number}" for number in range(20)]
