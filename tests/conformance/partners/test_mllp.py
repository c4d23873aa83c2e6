"""The sender and the receiver of HL7 messages keep what went by, and end whatever the other side does."""

import datetime
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from conformance.harness import Verdict
from conformance.harness.declaration import Limits
from conformance.hl7 import check_message
from conformance.partners.mllp import MllpReceiver, MllpSender, framed
from conformance.partners.objects import Study
from conformance.partners.orders import OMI, ORM, Order, Parties, escaped, imaging_order, patient_merge, patient_update
from connectathon.waiting import eventually, free_port
from tests.conformance.harness.conftest import peer
from tests.conformance.hl7_good import ACK, REFUSAL

ORDER = imaging_order(Order(Study()), Parties())


def sender(url, context=None):
    return MllpSender("127.0.0.1", int(url.rsplit(":", 1)[1]), context)


def sending(url, judge, octets=None):
    """The body of a test that sends a message and judges the answer."""

    def body(trial, _stage):
        placer = sender(url)
        placer.trial = trial
        with placer.connected() as connection:
            connection.write(framed(ORDER) if octets is None else octets)
            reply = connection.reply()
        trial.must(judge(reply), "the answer is as it should be", reply.words, reply.evidence)

    return body


def answers(*portions, first=True):
    def talk(connection):
        if first:
            connection.recv(65536)
        for portion in portions:
            connection.sendall(portion)
        connection.recv(65536)  # until the harness closes

    return talk


@pytest.mark.parametrize(
    ("answer", "accepted", "refused", "words"),
    [
        (ACK, True, False, "answer AA"),
        (REFUSAL, False, True, "answer AE, ERR 101"),
        ("nonsense", False, False, "answer without MSA-1"),
    ],
)
def test_an_answer_says_whether_the_message_was_taken(judged, answer, accepted, refused, words):
    found = []
    with peer(answers(framed(answer.encode()))) as url:
        result = judged(sending(url, lambda reply: found.append(reply) or True))
    (reply,) = found
    assert result.tests[0].verdict is Verdict.PASS
    assert (reply.accepted, reply.refused, reply.words) == (accepted, refused, words)
    assert reply.control_id == ("" if answer == "nonsense" else "R000002")
    kept = [(item.kind, item.summary) for item in judged.evidence.items]
    assert kept == [("hl7", "octets sent"), ("hl7", "answer")]


def test_an_answer_may_come_in_pieces(judged):
    whole = framed(ACK.encode())
    with peer(answers(b"\r\n" + whole[:3], whole[3:-1], whole[-1:])) as url:
        result = judged(sending(url, lambda reply: reply.accepted))
    assert result.tests[0].verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("conversation", "words"),
    [
        (answers(), "none within 0.2 s"),
        (lambda connection: connection.recv(65536), "the connection was closed"),
        (answers(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "octets came that are in no frame"),
        (answers(b"\x0b" + b"M" * 300_000), "longer than"),
        (answers(b"\x0bMSH|half"), "none within 0.2 s"),
    ],
    ids=["silent", "closing", "no-frame", "flooding", "half-a-frame"],
)
def test_a_system_that_gives_no_whole_answer_fails(judged, conversation, words):
    with peer(conversation) as url:
        result = judged(sending(url, lambda _reply: True), limits=Limits(answer_seconds=0.2, answer_bytes=100_000))
    (test,) = result.tests
    assert test.verdict is Verdict.FAIL
    assert words in test.assertions[0].found
    assert test.assertions[0].evidence


def test_a_port_where_nobody_listens_fails(judged):
    result = judged(sending(f"http://127.0.0.1:{free_port()}", lambda _reply: True))
    assert result.tests[0].verdict is Verdict.FAIL
    assert "no connection to 127.0.0.1" in result.tests[0].assertions[0].found


def test_nothing_within_the_quiet_time_is_silence(judged):
    def body(trial, _stage):
        for url, silent in zip(urls, (True, False, False), strict=True):
            placer = sender(url)
            placer.trial = trial
            with placer.connected() as connection:
                connection.write(b"\x0bMSH|")
                trial.must(connection.silent() is silent, "silence is heard", url)

    with peer(answers()) as one, peer(answers(framed(ACK.encode()))) as two, peer(lambda _: None) as three:
        urls = [one, two, three]
        result = judged(body, limits=Limits(quiet_seconds=0.3))
    assert result.tests[0].verdict is Verdict.PASS


@pytest.fixture
def receiver():
    found = MllpReceiver("127.0.0.1", free_port(), lambda _message: ACK.encode())
    found.start()
    yield found
    found.close()


def through(receiver, act, context=None):
    """The body of a test in which a sender and the receiver meet."""

    def body(trial, _stage):
        receiver.begin(trial)
        placer = MllpSender("127.0.0.1", receiver.port, context)
        placer.trial = trial
        act(trial, placer)

    return body


def test_the_receiver_keeps_what_comes_and_answers_as_it_is_told(judged, receiver):
    def act(trial, placer):
        reply = placer.send(ORDER)
        trial.must(reply.accepted, "it is accepted", reply.words, reply.evidence)
        receiver.answer = lambda _message: None
        with placer.connected() as connection:
            connection.write(b"noise" + framed(ORDER)[:9])
            connection.write(framed(ORDER)[9:] + framed(ORDER))
            trial.must(connection.silent(), "nothing is answered")
        eventually(lambda: len(receiver.received) == 3)

    assert judged(through(receiver, act)).tests[0].verdict is Verdict.PASS
    assert [one.content for one in receiver.received] == [ORDER] * 3
    assert [item.summary for item in judged.evidence.items if item.id.endswith(("/02", "/03"))] == [
        "message received",
        "answer sent",
    ]


def test_a_new_trial_begins_with_nothing_received(judged, receiver):
    judged(through(receiver, lambda trial, placer: trial.must(placer.send(ORDER).accepted, "it is accepted")))
    judged(through(receiver, lambda trial, _placer: trial.must(not receiver.received, "nothing has come")))
    assert receiver.received == []


def certificate(folder):
    """A self-signed certificate for the loopback address, and the contexts of both sides."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "harness")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("127.0.0.1")]), False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    asking = ssl.create_default_context(cafile=folder / "cert.pem")
    asking.check_hostname = False
    return serving, asking


@pytest.mark.requirement("HL7-008")
def test_both_speak_tls(judged, tmp_path):
    serving, asking = certificate(tmp_path)
    receiver = MllpReceiver("127.0.0.1", free_port(), lambda _message: ACK.encode(), serving)
    receiver.start()

    def act(trial, placer):
        reply = placer.send(ORDER)
        trial.must(reply.accepted, "it is accepted", reply.words, reply.evidence)

    try:
        assert judged(through(receiver, act, asking)).tests[0].verdict is Verdict.PASS
        assert judged(through(receiver, act, ssl.create_default_context())).tests[0].verdict is Verdict.FAIL
    finally:
        receiver.close()


@pytest.mark.parametrize("charset", ["", "8859/1", "UNICODE UTF-8"])
def test_what_the_placer_sends_breaks_no_rule(charset):
    order, parties = Order(Study(), given="" if not charset else "Zoë | & ^ ~ \\"), Parties(charset=charset)
    messages = [
        imaging_order(order, parties, OMI),
        imaging_order(order, parties, ORM),
        imaging_order(order, parties, OMI, control="XO", status="CM"),
        imaging_order(order, parties, ORM, control="CA", status="CA"),
        patient_update(order, parties, family="Other"),
        patient_merge(order, parties, "SURVIVOR"),
    ]
    assert [found for one in messages for found in check_message(one, "message")] == []


def test_delimiters_in_a_text_are_escaped():
    assert escaped("a|b^c&d~e\\f") == "a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f"
