"""Debian's rsyslog as somebody else's repository, and as somebody else's source, over TLS with both sides known."""

import socket
import uuid
from datetime import UTC, datetime

import pytest

from connectathon.peers.rsyslog import passing_on, receiving
from connectathon.waiting import eventually
from profiles.sole import OperationalEvent, Thread
from profiles.sole.syslog import frame, parse_syslog
from sole_logging import Certificates, EventReporter, Spool, Target, Timing

from .conftest import SOURCE

QUICK = Timing(confirm_seconds=0.05, age_seconds=1.0, backoff_seconds=0.3, flush_seconds=1)
pytestmark = pytest.mark.tier2


@pytest.mark.requirement("SOLE-REP-002", "SOLE-016", "SOLE-047", "SOLE-011")
def test_rsyslog_takes_our_stream_over_tls_octet_for_octet_also_after_it_was_away(shared_repository, tmp_path):
    side = shared_repository.side("client")
    files = Certificates(side["authority"], side["certificate"], side["key"])
    events = [_event("Süd <1>", number) for number in range(200)]
    with receiving(tmp_path / "rsyslog", shared_repository.pki) as (port, log):
        reporter = EventReporter(SOURCE, Spool(tmp_path / "s.sqlite"), Target("127.0.0.1", port, files), timing=QUICK)
        told = [reporter.report(event) for event in events[:100]]
        expected = _waiting(tmp_path)
        reporter.start()
        eventually(lambda: reporter.waiting == 0, what="rsyslog to have had it for a while")
        assert _lines(log)[:100] == expected
    told += [reporter.report(event) for event in events[100:]]
    assert reporter.waiting == 100
    reporter.close()
    with receiving(tmp_path / "rsyslog", shared_repository.pki) as (port, log):
        later = EventReporter(SOURCE, Spool(tmp_path / "s.sqlite"), Target("127.0.0.1", port, files), timing=QUICK)
        later.start()
        eventually(lambda: later.waiting == 0, what="the rest to arrive")
        later.close()
    found = [parse_syslog(line).content for line in _lines(log)]
    assert [one for one in told if sum(one.encode() in content for content in found) != 1] == []


@pytest.mark.requirement("SOLE-056", "SOLE-013", "SOLE-ER-003")
def test_what_rsyslog_sends_over_tls_is_stored_octet_for_octet(shared_repository, tmp_path):
    accession = f"Süd {uuid.uuid4()}"
    messages = [shared_repository.message(accession, occurrence=str(number)) for number in range(50)]
    with passing_on(tmp_path, shared_repository.pki, shared_repository.syslog) as port:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as source:
            source.sendall(b"".join(map(frame, messages)))
        shared_repository.await_events(50, accession=accession)
    answer = shared_repository.messages(("msg", accession)).json()["Events"]
    assert sorted(one["Msg"].encode() for one in answer) == sorted(parse_syslog(one).content for one in messages)


def _event(accession, number):
    return OperationalEvent(
        "order-received", datetime.now(UTC), Thread(accession_number=accession), occurrence=f"{uuid.uuid4()} {number}"
    )


def _waiting(folder):
    spool = Spool(folder / "s.sqlite")
    found = [message.content for message in spool.after(0, 1000)]
    spool.close()
    return found


def _lines(log):
    return log.read_bytes().splitlines()
