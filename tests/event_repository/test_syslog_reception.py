"""Syslog over TLS into the Event Repository: what it takes, what it refuses, and that nothing brings it down."""

import contextlib
import itertools
import socket
import ssl

import pytest

from actors.shared import pki
from connectathon.waiting import eventually
from profiles.sole.syslog import compose, frame

_numbers = itertools.count(1)


@pytest.fixture
def accession():
    return f"REC-{next(_numbers)}"


@pytest.fixture
def repository(shared_repository):
    return shared_repository


def closed_by_peer(connection):
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        return connection.recv(100) == b""
    return True


def audit(repository):
    return repository.events(family="audit", limit=1000)


@pytest.mark.requirement("SOLE-005", "SOLE-011")
def test_an_event_is_stored_with_its_step_and_identifiers(repository, accession):
    repository.send(repository.message(accession, "inference-started", details={"Priority": "HIGH"}))
    (event,) = repository.await_events(1, accession=accession)
    assert (event["step"], event["code"], event["scheme"]) == ("inference-started", "SOLE114", "urn:ihe:rad")
    assert [code["code"] for code in event["codes"]] == ["SOLE114", "AIX121"]
    assert (event["source"], event["outcome"], event["details"]) == ("modality@scanner1", 0, {"Priority": "HIGH"})
    assert event["malformed"] == ""
    assert event["at"] <= event["received_at"]


@pytest.mark.requirement("SOLE-013", "SOLE-ER-003")
def test_frames_may_come_octet_by_octet_and_many_at_once(repository, accession):
    first = frame(repository.message(accession, occurrence="first", description="Röntgen"))
    rest = [repository.message(accession, occurrence=str(number)) for number in range(100)]
    with repository.connect() as connection:
        for octet in first:
            connection.sendall(bytes([octet]))
        connection.sendall(b"".join(frame(one) for one in rest))
        assert len(repository.await_events(101, accession=accession)) == 101


@pytest.mark.requirement("SOLE-014", "SOLE-056")
@pytest.mark.parametrize("octets", [32_768, 900_000])
def test_long_messages_are_taken_whole(repository, accession, octets):
    short = repository.message(accession, description="x")
    long = repository.message(accession, description="ä" * ((octets - len(short)) // 2 + 1))
    assert len(long) >= octets
    repository.send(long)
    repository.await_events(1, accession=accession)
    answer = repository.messages(("msg", accession)).json()["Events"]
    assert [one["Msg"].encode() for one in answer] == [long.split(b" - ", 1)[1]]


@pytest.mark.requirement("SOLE-049")
def test_the_same_message_twice_is_stored_once(repository, accession):
    one, other = (repository.message(accession, occurrence=str(number)) for number in range(2))
    repository.send(one, one, other)
    repository.send(one)
    repository.send(repository.message(accession, occurrence="last"))
    events = repository.await_events(3, accession=accession)
    assert len(events) == 3
    assert len({event["event_id"] for event in events}) == 3


@pytest.mark.requirement("SOLE-049")
def test_the_same_event_in_another_message_is_stored_once(repository, accession):
    repository.send(*(repository.message(accession, occurrence="1") for _ in range(3)))
    repository.send(repository.message(accession, occurrence="2"))
    assert len(repository.await_events(2, accession=accession)) == 2


@pytest.mark.requirement("SOLE-015", "SOLE-ER-003")
@pytest.mark.parametrize(
    "lie",
    [b"abc ", b"0 ", b"9" * 20 + b" ", b"2000000 <85>1", b"-1 x", b"3 <85>1 2026", b"\r\n", b"007 <85>1 -", bytes(100)],
)
def test_a_stream_with_an_illegal_count_is_closed_and_the_others_go_on(repository, accession, lie):
    with repository.connect() as good, repository.connect() as bad:
        good.sendall(frame(repository.message(accession, occurrence="1")))
        bad.sendall(frame(repository.message(accession, occurrence="2")) + lie)
        assert closed_by_peer(bad)
        good.sendall(frame(repository.message(accession, occurrence="3")))
        assert len(repository.await_events(3, accession=accession)) == 3
    assert "stream-refused" in repository.log


@pytest.mark.requirement("SOLE-015")
def test_a_message_that_never_becomes_whole_ends_its_connection(repository, accession):
    """A count that is greater than what comes; the repository of these tests waits for one second."""
    with repository.connect() as connection:
        connection.sendall(frame(repository.message(accession)) + b"500 <85>1 and no more")
        assert closed_by_peer(connection)
    assert len(repository.await_events(1, accession=accession)) == 1


def test_a_sender_that_goes_away_inside_a_message_leaves_the_whole_ones(repository, accession):
    with repository.connect() as connection:
        connection.sendall(
            frame(repository.message(accession)) + frame(repository.message(accession, occurrence="x"))[:99]
        )
    assert len(repository.await_events(1, accession=accession)) == 1
    eventually(lambda: "stream-ended-inside-a-message" in repository.log, what="the log line")


@pytest.mark.requirement("SOLE-016", "SOLE-017")
def test_a_sender_of_another_authority_is_refused_and_audited(repository, tmp_path, accession):
    pki.init(tmp_path)
    context = ssl.create_default_context(cafile=repository.pki / "authority.pem")
    context.load_cert_chain(tmp_path / "client.pem", tmp_path / "client.key")
    before = len(audit(repository))
    plain = socket.create_connection(("127.0.0.1", repository.syslog), timeout=30)
    with contextlib.suppress(OSError), context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
        secure.sendall(frame(repository.message(accession)))
        assert closed_by_peer(secure)
    plain.close()
    found = eventually(
        lambda: [one for one in audit(repository)[before:] if one["codes"] and one["codes"][0]["code"] == "110126"],
        what="the security alert",
    )
    assert found[0]["code"] == "110126"
    assert repository.events(accession=accession) == []


@pytest.mark.requirement("SOLE-016")
def test_a_sender_without_certificate_is_refused(repository, accession):
    with contextlib.suppress(OSError), repository.connect(name="") as connection:
        connection.sendall(frame(repository.message(accession)))
        assert closed_by_peer(connection)
    repository.send(repository.message(f"{accession}-after"))
    repository.await_events(1, accession=f"{accession}-after")
    assert repository.events(accession=accession) == []


@pytest.mark.requirement("SOLE-016")
def test_tls_before_1_2_is_refused(repository):
    context = ssl.create_default_context(cafile=repository.pki / "authority.pem")
    context.load_cert_chain(repository.pki / "client.pem", repository.pki / "client.key")
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", repository.syslog), timeout=30) as plain, pytest.raises(OSError):  # noqa: PT011 - TLS libraries word it differently
        context.wrap_socket(plain, server_hostname="127.0.0.1")


@pytest.mark.parametrize(
    "octets", [b"GET / HTTP/1.1\r\n\r\n", b"57 <85>1 2026-01-01T00:00:00Z h a p m - x", b"\0" * 5000]
)
def test_plain_text_on_the_tls_port_is_closed_and_the_port_lives_on(repository, accession, octets):
    with socket.create_connection(("127.0.0.1", repository.syslog), timeout=30) as plain:
        plain.sendall(octets)
        with contextlib.suppress(ConnectionError):
            while plain.recv(1000):
                pass
    repository.send(repository.message(accession))
    repository.await_events(1, accession=accession)


def test_senders_beyond_the_limit_are_turned_away_until_one_has_gone(repository, accession):
    """The repository of these tests takes 20 at a time."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(repository.connect()) for _ in range(20)]
        for one in held:  # each is known to the server once its message is
            one.sendall(frame(repository.message(accession, occurrence=str(id(one)))))
        repository.await_events(20, accession=accession)
        with pytest.raises(OSError):  # noqa: PT011 - reset or end of file, as the network has it
            repository.connect()

    def taken():
        with contextlib.suppress(OSError):
            repository.send(repository.message(accession, occurrence="after"))
            return len(repository.events(accession=accession)) == 21
        return False

    eventually(taken, what="a place to be free again")


@pytest.mark.requirement("SOLE-ER-001", "SOLE-056")
def test_a_thousand_messages_over_several_connections_are_stored_octet_for_octet(repository, accession):
    sent = [repository.message(accession, occurrence=str(number), description="Röntgen") for number in range(1000)]
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(repository.connect()) for _ in range(5)]
        for place, connection in enumerate(connections):
            connection.sendall(b"".join(frame(one) for one in sent[place::5]))
        repository.await_events(1000, accession=accession)
    found = repository.messages(("msg", accession)).json()["Events"]
    assert sorted(one["Msg"].encode() for one in found) == sorted(one.split(b" - ", 1)[1] for one in sent)


UNUSUAL = {
    "structured data": (b'[origin ip="10.0.0.1" note="a \\] b"][x@9 y="z"] %s', b"%s"),
    "a byte order mark": (b"- \xef\xbb\xbf%s", b"%s"),
    "several lines": (b"- one\r\n\ttwo %s\n\n", b"one\r\n\ttwo %s\n\n"),
    "no text at all": (b'[a b="%s"]', b""),
}


@pytest.mark.requirement("SOLE-ER-002", "SOLE-055")
@pytest.mark.parametrize("name", UNUSUAL)
def test_syslog_that_is_no_audit_message_is_found_unchanged(repository, accession, name):
    rest, text = UNUSUAL[name]
    repository.send(b"<13>1 2026-11-24T08:00:00Z host " + accession.encode() + b" 1 ID " + rest % accession.encode())
    found = eventually(lambda: repository.messages(("app-name", accession)).json()["Events"], what="the message")
    assert [one["Msg"].encode() for one in found] == [text.replace(b"%s", accession.encode())]


FOREIGN = {
    "free text in a proper header": (b"<13>1 2026-11-24T08:00:00Z host app 1 ID - %s disk is full", "XML"),
    "a header of RFC 3164": (b"<34>Oct 11 22:14:15 mymachine su: %s failed", "no header of RFC 5424"),
    "octets that are no UTF-8": (b"<13>1 2026-11-24T08:00:00Z host app 1 ID - %s \xff\xfe", "not UTF-8"),
    "an entity bomb": (
        b'<13>1 2026-11-24T08:00:00Z h a 1 ID - <!DOCTYPE a [<!ENTITY x "%s"><!ENTITY y "&x;&x;">]><AuditMessage/>',
        "entities",
    ),
    "an unfinished document": (b"<13>1 2026-11-24T08:00:00Z host IHE+SOLE 1 ID - <AuditMessage><!-- %s", "well-formed"),
    "a header without time": (b"<13>1 - host app 1 ID - %s", "XML"),
    "a time that is none": (b"<13>1 2015-03-17T00:0 host app 1 ID - %s", "TIMESTAMP"),
}


@pytest.mark.requirement("SOLE-019", "SOLE-055", "SOLE-056", "SOLE-ER-004")
@pytest.mark.parametrize("name", FOREIGN)
def test_any_message_is_kept_as_it_came_and_what_is_wrong_with_it_is_named(repository, accession, name):
    template, flaw = FOREIGN[name]
    sent = template % accession.encode()
    repository.send(sent)
    found = eventually(lambda: repository.messages(("msg", accession)).json()["Events"], what="the message")
    assert found[0]["Msg"].encode("utf-8", "replace") in sent.decode("utf-8", "replace").encode()
    others = [one for one in repository.events(family="other", limit=1000) if flaw in one["malformed"]]
    assert others


@pytest.mark.requirement("SOLE-010")
def test_a_byte_order_mark_before_the_document_does_no_harm(repository, accession):
    header, document = repository.message(accession).split(b" - ", 1)
    repository.send(header + b" - \xef\xbb\xbf" + document)
    (event,) = repository.await_events(1, accession=accession)
    assert event["malformed"] == ""
    (found,) = repository.messages(("msg", accession)).json()["Events"]
    assert found["Msg"].encode() == document


@pytest.mark.requirement("SOLE-002")
def test_any_priority_is_taken(repository, accession):
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    for pri in (0, 7, 136, 191):
        content = repository.message(accession, occurrence=str(pri)).split(b" - ", 1)[1]
        repository.send(
            compose(content, pri=pri, at=now, hostname="h", application="IHE+SOLE", process="1", message_id="RID45895")
        )
    repository.await_events(4, accession=accession)
    assert len(repository.messages(("pri", "0,136,191"), ("msg", accession)).json()["Events"]) == 3
