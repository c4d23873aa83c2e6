"""The MLLP server over real sockets."""

import socket
import threading

import pytest

from actors.shared.mllp import FrameReader, MllpServer, framed
from actors.shared.mllp_client import MllpClient
from connectathon.waiting import eventually, free_port
from profiles.errors import Unavailable


@pytest.fixture
def serve():
    """Starts servers that answer with what they got, reversed."""
    servers = []

    def start(handler=lambda frame, peer: frame.content[::-1], **limits):
        port = free_port()
        server = MllpServer(handler, "127.0.0.1", port, **limits)
        server.start()
        servers.append(server)
        return port

    yield start
    for server in servers:
        server.stop()


def answers(connection, count):
    reader, found = FrameReader(), []
    while len(found) < count:
        portion = connection.recv(65536)
        assert portion, f"closed after {len(found)} answers"
        found += reader.feed(portion)
    return [frame.content for frame in found]


@pytest.mark.requirement("HL7-002")
def test_a_hundred_messages_on_one_connection_are_answered_in_order(serve):
    port = serve()
    with MllpClient("127.0.0.1", port) as client:
        for number in range(100):
            assert client.send(b"%03d" % number) == (b"%03d" % number)[::-1]


@pytest.mark.requirement("HL7-003")
def test_messages_in_one_packet_are_answered_in_order(serve):
    port = serve()
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(b"\r\n\0" + b"".join(framed(b"%d" % number) for number in range(10, 30)))
        assert answers(connection, 20) == [(b"%d" % number)[::-1] for number in range(10, 30)]


@pytest.mark.requirement("HL7-003")
def test_a_message_byte_by_byte_is_answered(serve):
    port = serve()
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in framed("Müller".encode()):
            connection.sendall(bytes((byte,)))
        assert answers(connection, 1) == ["Müller".encode()[::-1]]


@pytest.mark.requirement("HL7-005")
def test_a_message_over_the_limit_is_answered_and_the_connection_lives_on(serve):
    def told(frame, peer):
        return b"too long" if frame.too_long else b"fine"

    port = serve(told, max_bytes=2000)
    with MllpClient("127.0.0.1", port) as client:
        assert client.send(b"x" * 100000) == b"too long"
        assert client.send(b"x") == b"fine"


@pytest.mark.requirement("HL7-007")
def test_a_frame_that_does_not_end_is_given_up_but_silence_is_not(serve):
    port = serve(frame_seconds=0.2)
    with socket.create_connection(("127.0.0.1", port), 30) as idle:
        with socket.create_connection(("127.0.0.1", port), 30) as stuck:
            stuck.sendall(b"\x0bMSH|")
            assert stuck.recv(10) == b""
        idle.sendall(framed(b"ab"))
        assert answers(idle, 1) == [b"ba"]


def test_a_silent_connection_is_closed_when_a_limit_is_set(serve):
    port = serve(idle_seconds=0.2)
    with socket.create_connection(("127.0.0.1", port), 30) as idle:
        assert idle.recv(10) == b""


def test_more_connections_than_allowed_are_closed_at_once(serve):
    port = serve(max_connections=2)
    with MllpClient("127.0.0.1", port) as one, MllpClient("127.0.0.1", port) as two:
        assert (one.send(b"ab"), two.send(b"cd")) == (b"ba", b"dc")
        with MllpClient("127.0.0.1", port) as three, pytest.raises(Unavailable):
            three.send(b"ef")
    eventually(lambda: _answered(port), what="a place to be free again")


def _answered(port):
    try:
        with MllpClient("127.0.0.1", port) as client:
            return client.send(b"ab") == b"ba"
    except Unavailable:
        return False


def test_messages_are_handled_one_at_a_time_in_the_order_they_came(serve):
    running, most = [], []
    gate = threading.Lock()

    def handle(frame, peer):
        running.append(peer)
        most.append(len(running))
        with gate:
            running.pop()
        return frame.content

    port = serve(handle)
    with MllpClient("127.0.0.1", port) as one, MllpClient("127.0.0.1", port) as two:
        for client in (one, two) * 10:
            client.send(b"x")
    assert max(most) == 1


def test_a_handler_that_fails_closes_the_connection_so_that_the_sender_sends_again(serve):
    def fail(frame, peer):
        raise RuntimeError("broken")

    port = serve(fail)
    with MllpClient("127.0.0.1", port) as client, pytest.raises(Unavailable, match="sent again"):
        client.send(b"x")


def test_a_port_in_use_is_told_at_start(serve):
    port = serve()
    other = MllpServer(lambda frame, peer: b"", "127.0.0.1", port)
    with pytest.raises(OSError, match="address already in use"):
        other.start()
    other.stop()


def test_a_receiver_that_is_away_is_told_with_its_address():
    port = free_port()
    with pytest.raises(Unavailable, match=str(port)):
        MllpClient("127.0.0.1", port)
