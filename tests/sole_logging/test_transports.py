"""To every repository by the way that it takes, each with a place of its own, and nothing lost between them."""

import json
import socket
import threading
import uuid
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
import structlog

from connectathon.waiting import eventually, free_port
from profiles.sole.syslog import parse_syslog
from sole_logging import Certificates, EventReporter, Spool, Target, Timing, Transport
from sole_logging.posting import BULK, FEED, Posting
from sole_logging.spool import Spooled

QUICK = Timing(confirm_seconds=0.05, resend_seconds=30, backoff_seconds=0.1, flush_seconds=0.5, bulk_messages=5)
BAD = b"spoilt"


class Posted:
    """An HTTP receiver that takes batches without `BAD` in them."""

    def __init__(self):
        self.bodies, self.status, batches = [], 0, self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                batches.bodies.append((self.path, json.loads(body)))
                self.send_response(batches.status or (400 if BAD in body else 204))
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    @property
    def events(self):
        return [event for _, body in self.bodies for event in body["Events"]]

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


@pytest.fixture
def posted():
    receiver = Posted()
    yield receiver
    receiver.close()


@pytest.fixture
def reporters(source, tmp_path):
    made = []

    def make(*targets, timing=QUICK):
        made.append(EventReporter(source, Spool(tmp_path / "spool.sqlite"), *targets, timing=timing))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def datagrams():
    """A UDP receiver and a function that takes the next datagram."""
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    receiver.settimeout(60)
    yield receiver
    receiver.close()


def udp_target(receiver, **changes):
    return Target("127.0.0.1", receiver.getsockname()[1], transport=Transport.UDP, **changes)


def spooled(*contents):
    return [Spooled(number, f"id-{number}", datetime.now(UTC), one) for number, one in enumerate(contents, 1)]


@pytest.fixture
def posting():
    """Makes links to a repository that answers by a function."""
    made = []

    def make(answer, form=BULK):
        near, far = socket.socketpair()
        link = Posting("http://repository", form, Target(), near, httpx.MockTransport(answer))
        made.extend([near, far, link])
        return link

    yield make
    for one in made:
        one.close()


@pytest.mark.requirement("SOLE-REP-003", "SOLE-018")
def test_over_udp_each_message_is_one_whole_datagram_and_leaves_the_spool_when_it_is_sent(
    reporters, datagrams, make_event
):
    reporter = reporters(udp_target(datagrams))
    reporter.start()
    for number in range(3):
        reporter.report(make_event(occurrence=str(number), patient_id="x" * 3000))
    messages = [datagrams.recv(65_535) for _ in range(4)]  # the first one tells the start of the application
    assert [parse_syslog(one).content.endswith(b"</AuditMessage>") for one in messages] == [True] * 4
    eventually(lambda: reporter.waiting == 0, what="the spool to be empty")


@pytest.mark.requirement("SOLE-REP-003")
def test_a_message_longer_than_a_datagram_may_be_is_cut_and_that_is_said(reporters, datagrams, make_event):
    reporter = reporters(udp_target(datagrams, datagram_octets=900))
    with structlog.testing.capture_logs() as logs:
        reporter.start()
        reporter.report(make_event(patient_id="x" * 900))
        lengths = [len(datagrams.recv(65_535)) for _ in range(2)]
        eventually(lambda: [one for one in logs if one["event"] == "event-cut"], what="the log")
    assert lengths[1] == 900


def test_over_udp_what_nobody_took_is_sent_again_as_far_as_that_can_be_noticed(reporters, make_event):
    port = free_port()
    reporter = reporters(Target("127.0.0.1", port, transport=Transport.UDP))
    with structlog.testing.capture_logs() as logs:
        reporter.start()
        for number in range(5):
            reporter.report(make_event(occurrence=str(number)))
        eventually(lambda: [one for one in logs if one["event"] == "event-repository-refuses"], what="the log")
    assert "ConnectionRefusedError" in logs[0]["reason"]


@pytest.mark.requirement("SOLE-047", "SOLE-REP-010")
def test_what_gathered_during_an_outage_is_handed_over_in_bulk_and_the_rest_by_the_connection(
    reporters, sink, posted, make_event
):
    reporter = reporters(Target("127.0.0.1", sink.port, bulk_url=posted.url))
    for number in range(8):
        reporter.report(make_event(occurrence=str(number)))
    reporter.start()
    eventually(lambda: reporter.waiting == 0, what="the spool to be empty")
    assert posted.bodies[0][0] == "/bulk-syslog-events"
    assert [one["Msg-id"] for one in posted.events] == ["RID45895"] * 8 + ["IHE+RFC-3881"]
    assert set(posted.events[0]) == {
        *("Pri", "Version", "Timestamp", "Hostname", "App-name", "Procid", "Msg-id", "Msg")
    }
    reporter.report(make_event(occurrence="later"))
    eventually(lambda: len(sink.messages) == 1, what="the later one")


@pytest.mark.requirement("SOLE-047", "SOLE-054")
def test_one_message_that_a_repository_never_takes_is_set_aside_loudly_and_holds_nothing_up(
    reporters, sink, posted, make_event, tmp_path
):
    reporter = reporters(Target("127.0.0.1", sink.port, bulk_url=posted.url))
    told = [
        reporter.report(make_event(occurrence=str(number), patient_id=BAD.decode() if number == 5 else "1"))
        for number in range(12)
    ]
    with structlog.testing.capture_logs() as logs:
        reporter.start()
        eventually(lambda: reporter.waiting == 0, what="the spool to be empty")
    (said,) = [one for one in logs if one["event"] == "event-refused-by-repository"]
    assert (said["log_level"], said["event"], said["repository"]) == ("error", "event-refused-by-repository", "syslog")
    left = Spool(tmp_path / "spool.sqlite")
    assert left.refusals() == [("syslog", told[5], "400 Bad Request")]
    left.close()
    accepted = [
        one["Msg"] for _, body in posted.bodies if BAD.decode() not in json.dumps(body) for one in body["Events"]
    ]
    assert [identifier for identifier in told if any(identifier in one for one in accepted)] == [
        *told[:5],
        *told[6:],
    ]


@pytest.mark.requirement("SOLE-047")
def test_a_bulk_interface_that_does_not_work_holds_nothing_up(reporters, sink, posted, make_event):
    posted.status = 503
    reporter = reporters(Target("127.0.0.1", sink.port, bulk_url=posted.url))
    for number in range(8):
        reporter.report(make_event(occurrence=str(number)))
    with structlog.testing.capture_logs() as logs:
        reporter.start()
        eventually(lambda: len(sink.messages) == 9, what="all of them by the connection")
    assert "events-not-taken-in-bulk" in [one["event"] for one in logs]
    assert reporter.waiting == 9


@pytest.mark.requirement("SOLE-047")
def test_each_of_several_repositories_gets_everything_and_one_that_is_away_holds_up_no_other(
    reporters, sink, datagrams, make_event
):
    absent = free_port()
    targets = [
        Target("127.0.0.1", sink.port, name="clinic"),
        udp_target(datagrams, name="old"),
        Target("127.0.0.1", absent, name="away"),
    ]
    reporter = reporters(*targets)
    reporter.start()
    reporter.report(make_event())
    eventually(lambda: len(sink.messages) == 2, what="the first repository to have it")
    assert [datagrams.recv(65_535) for _ in range(2)] == sink.messages
    assert reporter.waiting == 2  # for the one that is away


def test_a_batch_that_is_refused_is_halved_until_the_bad_one_stands_alone(posting):
    sizes = []

    def answer(request):
        sizes.append(len(json.loads(request.content)["Events"]))
        return httpx.Response(400 if BAD in request.content else 204)

    good = b"<85>1 2031-05-06T00:00:00Z h a 1 m - <a/>"
    taken = posting(answer).deliver(spooled(good, good, good, good + BAD, good, b"no syslog at all"))
    assert taken.numbers == {1, 2, 3, 5}
    assert taken.refused == {4: "400 Bad Request", 6: "it has no header of RFC 5424"}


@pytest.mark.parametrize("status", [401, 404, 429, 500, 200])
def test_an_answer_that_is_neither_yes_nor_no_refuses_nothing(posting, status):
    link = posting(lambda _: httpx.Response(status))
    with pytest.raises(ConnectionError, match=str(status)):
        link.deliver(spooled(b"<85>1 2031-05-06T00:00:00Z h a 1 m - <a/>"))


def test_a_repository_that_cannot_be_reached_refuses_nothing(posting):
    def answer(_request):
        raise httpx.ConnectError("no route")

    with pytest.raises(ConnectionError, match="cannot be reached"):
        posting(answer).deliver(spooled(b"<85>1 2031-05-06T00:00:00Z h a 1 m - <a/>"))


def test_a_request_holds_no_more_than_a_repository_takes(posting):
    sizes = []

    def answer(request):
        sizes.append(len(request.content))
        return httpx.Response(204)

    good = b"<85>1 2031-05-06T00:00:00Z h a 1 m - " + b"x" * 1_000_000
    taken = posting(answer).deliver(spooled(*[good] * 9))
    assert taken.numbers == set(range(1, 10))
    assert max(sizes) < 5_000_000


def batch_response(*statuses):
    entries = [{"response": {"status": status}} for status in statuses]
    return httpx.Response(200, json={"resourceType": "Bundle", "type": "batch-response", "entry": entries})


@pytest.mark.requirement("SOLE-064")
def test_the_fhir_feed_posts_audit_events_in_a_batch_bundle(posting, make_message):
    asked = []

    def answer(request):
        asked.append((request.headers["content-type"], json.loads(request.content)))
        return batch_response("201 Created", "201 Created")

    taken = posting(answer, FEED).deliver(spooled(make_message("A1"), make_message("A2")))
    assert taken.numbers == {1, 2}
    ((kind, bundle),) = asked
    assert (kind, bundle["type"]) == ("application/fhir+json", "batch")
    assert [entry["resource"]["resourceType"] for entry in bundle["entry"]] == ["AuditEvent"] * 2
    assert bundle["entry"][0]["request"] == {"method": "POST", "url": "AuditEvent"}


def test_an_event_that_the_fhir_feed_refuses_is_found_and_what_is_no_audit_message_never_posted(posting, make_message):
    def answer(request):
        entries = json.loads(request.content)["entry"]
        return batch_response(*("422" if "spoilt" in json.dumps(one) else "201" for one in entries))

    messages = (make_message("A1"), make_message("spoilt"), b"<85>1 2031-05-06T00:00:00Z h a 1 m - text")
    taken = posting(answer, FEED).deliver(spooled(*messages))
    assert taken.numbers == {1}
    assert taken.refused[2] == "422"
    assert "XML" in taken.refused[3]


@pytest.mark.parametrize(
    "answer",
    [batch_response("201", "503"), batch_response("201"), httpx.Response(200, json={"entry": [{}]})],
    ids=["unavailable", "too-few", "no-statuses"],
)
def test_a_fhir_feed_that_does_not_say_that_it_took_all_refuses_nothing(posting, make_message, answer):
    with pytest.raises(ConnectionError):
        posting(lambda _: answer, FEED).deliver(spooled(make_message("A1"), make_message("A2")))


def test_events_go_out_by_the_fhir_feed_and_leave_the_spool(reporters, make_event):
    reporter = reporters(Target(feed_url=f"http://127.0.0.1:{free_port()}", transport=Transport.FHIR))
    with structlog.testing.capture_logs() as logs:
        reporter.start()
        reporter.report(make_event())
        eventually(lambda: [one for one in logs if one["event"] == "event-repository-refuses"], what="the log")
    assert reporter.waiting == 2


@pytest.mark.requirement("SOLE-053", "SOLE-047")
@pytest.mark.parametrize("way", ["bulk", "feed"])
def test_our_repository_has_the_same_events_whichever_way_they_come(shared_repository, reporters, make_event, way):
    accession = f"A-{uuid.uuid4()}"
    side = shared_repository.side("client")
    files = Certificates(side["authority"], side["certificate"], side["key"])
    url, port = shared_repository.url, shared_repository.syslog
    target = {
        "bulk": Target("127.0.0.1", port, files, bulk_url=url),
        "feed": Target(feed_url=url, transport=Transport.FHIR),
    }[way]
    reporter = reporters(target)
    told = [reporter.report(make_event(accession, occurrence=f"{way} {number}")) for number in range(8)]
    reporter.start()
    eventually(lambda: reporter.waiting == 0, what="all to be acknowledged")
    found = shared_repository.await_events(8, accession=accession)
    assert sorted(one["event_id"] for one in found) == sorted(told)
    assert {one["step"] for one in found} == {"order-received"}
