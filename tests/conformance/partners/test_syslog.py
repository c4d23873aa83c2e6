"""The syslog partners: what comes is recorded octet by octet, and nobody holds them up."""

import socket
import ssl

import pytest

from actors.shared import pki
from conformance.harness.trial import SystemFailed
from conformance.partners.syslog import SyslogConnection, SyslogReceiver, TlsFiles, framed, send_datagram
from connectathon.waiting import eventually, free_port
from tests.conformance.sole_messages import ended, signed

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def sides(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pki")
    pki.init(folder, "Test")

    def side(name):
        return TlsFiles(
            authority=folder / "authority.pem", certificate=folder / f"{name}.pem", key=folder / f"{name}.key"
        )

    return side


@pytest.fixture
def listening(sides):
    """Opens a receiver, and closes it at the end."""
    opened = []

    def listen(tls=True, **more):
        port = free_port()
        receiver = SyslogReceiver(HOST, port, sides("server").for_server() if tls else None, **more)
        receiver.open()
        opened.append(receiver)
        return receiver, port

    yield listen
    for receiver in opened:
        receiver.close()


def arrived(receiver, count):
    return eventually(lambda: found if len(found := receiver.received()) >= count else None, what=f"{count} messages")


@pytest.mark.requirement("SOLE-013")
def test_messages_over_tls_are_recorded_however_the_network_cuts_them(sides, listening):
    receiver, port = listening()
    with SyslogConnection(HOST, port, sides("client").for_client(), 20) as connection:
        whole = framed(ended()) + framed(signed())
        for start in range(0, len(whole), 700):
            connection.send(whole[start : start + 700])
        found = arrived(receiver, 2)
        assert [one.raw for one in found] == [ended(), signed()]
        assert connection.protocol == found[0].stream.protocol == "TLSv1.3"
        assert not any(one.flaws for one in found)


@pytest.mark.requirement("SOLE-011")
def test_a_wrong_count_is_a_flaw_and_the_next_messages_are_still_told_apart(listening):
    receiver, port = listening(tls=False)
    with SyslogConnection(HOST, port, None, 20) as connection:
        connection.send(b"%d " % len(ended().decode()) + ended())
        found = arrived(receiver, 1)
        assert (found[0].raw, [rule for rule, _ in found[0].flaws]) == (ended(), ["SOLE-011"])
        connection.send(framed(signed()))
        assert arrived(receiver, 2)[1].raw == signed()


def test_a_message_that_is_not_whole_is_left_until_the_sender_has_gone(listening):
    receiver, port = listening(tls=False)
    with SyslogConnection(HOST, port, None, 20) as connection:
        connection.send(framed(ended()) + framed(signed())[:-9])
        assert len(arrived(receiver, 1)) == 1
    cut = arrived(receiver, 2)[1]
    assert [rule for rule, _ in cut.flaws] == ["SOLE-011"]


def test_lines_without_a_count_are_told_apart_too(listening):
    receiver, port = listening(tls=False)
    with SyslogConnection(HOST, port, None, 20) as connection:
        connection.send(ended() + b"\n" + signed() + b"\n")
        assert [one.raw for one in arrived(receiver, 2)] == [ended(), signed()]


def test_datagrams_are_messages_each(listening):
    udp = free_port()
    receiver, _ = listening(tls=False, udp_port=udp)
    send_datagram(HOST, udp, signed())
    assert [(one.raw, one.stream.protocol) for one in arrived(receiver, 1)] == [(signed(), "udp")]


@pytest.mark.requirement("SOLE-016")
def test_a_sender_without_a_certificate_is_refused_and_the_reason_kept(sides, listening):
    receiver, port = listening()
    stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    stranger.load_verify_locations(sides("client").authority)
    with SyslogConnection(HOST, port, stranger, 20) as connection:
        assert connection.ended()
    stream = eventually(lambda: next((one for one in receiver.streams if one.closed), None))
    assert (stream.protocol, bool(stream.trouble)) == ("TLS handshake", True)


def test_a_receiver_that_goes_away_ends_its_connections_and_can_come_back(sides, listening):
    receiver, port = listening()
    with SyslogConnection(HOST, port, sides("client").for_client(), 20) as connection:
        connection.send(framed(ended()))
        arrived(receiver, 1)
        receiver.close()
        assert connection.ended()
    with pytest.raises(SystemFailed, match="no connection"):
        SyslogConnection(HOST, port, None, 20)
    receiver.open()
    with SyslogConnection(HOST, port, sides("client").for_client(), 20) as connection:
        connection.send(framed(signed()))
        assert [one.raw for one in arrived(receiver, 2)] == [ended(), signed()]


def test_a_flood_ends_the_connection_at_the_limit(listening):
    receiver, port = listening(tls=False, greatest=100_000)
    with SyslogConnection(HOST, port, None, 20) as connection, pytest.raises(SystemFailed):
        connection.send(b"x" * 100_000_000)
    assert sum(len(one.octets) for one in receiver.streams) < 300_000
    assert "octets came" in receiver.streams[0].trouble


def test_many_connections_are_refused_and_the_first_still_heard(listening):
    receiver, port = listening(tls=False)
    first = SyslogConnection(HOST, port, None, 20)
    others = [socket.create_connection((HOST, port), timeout=20) for _ in range(80)]
    eventually(lambda: any(one.trouble == "too many connections" for one in receiver.streams))
    first.send(framed(ended()))
    arrived(receiver, 1)
    first.close()
    for one in others:
        one.close()


def test_a_connection_that_nobody_takes_is_the_systems_failure():
    with pytest.raises(SystemFailed, match="no connection"):
        SyslogConnection(HOST, free_port(), None, 20)


def test_a_server_without_tls_is_the_systems_failure(sides):
    with socket.create_server((HOST, 0)) as silent, pytest.raises(SystemFailed, match="TLS"):
        SyslogConnection(HOST, silent.getsockname()[1], sides("client").for_client(), 0.2)


def test_waiting_for_an_end_that_does_not_come_is_bounded(listening):
    _, port = listening(tls=False)
    with SyslogConnection(HOST, port, None, 20) as connection:
        assert connection.ended(0.05) == ""
