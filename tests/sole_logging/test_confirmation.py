"""What counts as arrived: messages read back octet for octet, events held already, age where nothing can be asked."""

import sqlite3
import time
from collections import deque

import httpx
import pytest
import structlog

from connectathon.waiting import eventually, free_port
from profiles.sole import event_id
from sole_logging import EventReporter, Spool, Target, Timing
from sole_logging.confirmation import ByAge, ReadBack
from sole_logging.sender import Sender

QUICK = Timing(confirm_seconds=0.02, resend_seconds=0.2, backoff_seconds=0.1, flush_seconds=0.2)


@pytest.fixture
def spool(tmp_path):
    opened = Spool(tmp_path / "spool.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def put(spool, make_event, make_message, source):
    """Put messages into the spool as a reporter does; returns their octets."""

    def put(*numbers):
        messages = []
        for number in numbers:
            event = make_event(f"A{number}")
            messages.append(make_message(f"A{number}"))
            spool.put(event_id(event, source), event.at, messages[-1])
        return messages

    return put


@pytest.fixture
def senders(spool, sink):
    """Make senders to the sink that are closed at the end."""
    made = []

    def make(confirmation, timing=QUICK):
        sender = Sender(spool, Target("127.0.0.1", sink.port), confirmation, timing)
        made.append(sender)
        sender.start()
        return sender

    yield make
    for sender in made:
        sender.close()


class Except:
    """Confirms everything but the messages of some numbers, until it is told that these came again."""

    sees_gaps = True

    def __init__(self, *numbers):
        self.missing = set(numbers)

    def confirmed(self, sent):
        return {message.number for message, _ in sent} - self.missing

    def close(self):
        pass


class Never(Except):
    def confirmed(self, sent):
        return set()


def answering(answer):
    return ReadBack("http://repository", transport=httpx.MockTransport(answer), patience_seconds=0)


def test_messages_count_as_arrived_when_the_connection_stayed_whole_for_a_while(spool, put):
    put(1, 2)
    now = [100.0]
    confirmation = ByAge(60, clock=lambda: now[0])
    first, second = spool.after(0, 10)
    sent = [(first, 100.0), (second, 130.0)]
    assert confirmation.confirmed(sent) == set()
    now[0] = 160.0
    assert confirmation.confirmed(sent) == {first.number}


def test_without_a_way_to_ask_age_empties_the_spool(spool, put, senders, sink):
    told = put(1, 2, 3)
    senders(ByAge(0.05))
    eventually(lambda: len(spool) == 0, what="the spool to be empty")
    assert sink.messages == told


@pytest.mark.requirement("SOLE-047")
def test_a_connection_that_breaks_before_the_age_is_reached_means_everything_again(spool, put, senders, sink):
    told = put(1, 2)
    senders(ByAge(600))
    eventually(lambda: sink.messages == told, what="the first sending")
    sink.hang_up()
    eventually(lambda: sink.messages == told * 2, what="the second sending")
    assert len(spool) == 2


@pytest.mark.requirement("SOLE-047")
def test_messages_that_were_taken_and_not_stored_are_sent_again(spool, put, senders, sink):
    told = put(1, 2)
    senders(Never())
    eventually(lambda: len(sink.messages) >= 4, what="the second sending")
    assert sink.messages[:4] == told * 2
    assert len(spool) == 2


@pytest.mark.requirement("SOLE-047")
def test_one_missing_message_is_sent_again_though_others_go_on_arriving(spool, put, senders, sink):
    (missing, *_) = put(0)
    sender = senders(Except(1))
    numbers = iter(range(1, 100_000))

    def again():
        put(next(numbers))
        sender.wake()
        return sink.messages.count(missing) >= 2

    eventually(again, what="the missing message to come again")
    assert spool.after(0, 1)[0].content == missing


def test_what_cannot_be_asked_is_neither_confirmed_nor_sent_again(spool, put, senders, sink):
    told = put(1)
    looks = []

    def answer(request):
        looks.append(request)
        return httpx.Response(503)

    senders(answering(answer))
    eventually(lambda: len(looks) > 20, what="some looks")
    assert sink.messages == told
    assert len(spool) == 1


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: httpx.Response(500),
        lambda _: httpx.Response(200, text="no json"),
        lambda _: httpx.Response(200, json={"Other": []}),
        lambda _: httpx.Response(200, json=[]),
        lambda _: httpx.Response(200, json={"Events": [{"Msg": "x"}]}),
        lambda _: httpx.Response(200, json={"Events": 7}),
    ],
)
def test_an_answer_that_is_none_is_an_error_of_the_connection(spool, put, answer):
    put(1)
    confirmation = answering(answer)
    with pytest.raises(ConnectionError, match="http://repository/syslogsearch cannot be read back"):
        confirmation.confirmed([(spool.after(0, 1)[0], 0.0)])
    confirmation.close()


def test_a_repository_that_does_not_answer_is_an_error_of_the_connection(spool, put):
    put(1)
    confirmation = ReadBack(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ConnectionError, match="ConnectError"):
        confirmation.confirmed([(spool.after(0, 1)[0], 0.0)])
    confirmation.close()


def rows(*messages):
    return {
        "Events": [
            {"Timestamp": parts[1], "Msg-id": parts[5], "Msg": parts[7]}
            for parts in (message.decode().split(" ", 7) for message in messages)
        ]
    }


def test_a_message_is_confirmed_only_when_it_is_given_back_octet_for_octet(spool, put):
    first, second = put(1, 2)
    sent = deque((message, time.monotonic()) for message in spool.after(0, 10))
    confirmation = ReadBack(
        "http://repository",
        transport=httpx.MockTransport(
            lambda _: httpx.Response(200, json=rows(first, second.replace(b'"A2"', b'"A3"')))
        ),
    )
    assert confirmation.confirmed(sent) == {1}


@pytest.mark.requirement("SOLE-049")
def test_a_message_about_an_event_that_is_held_already_is_confirmed(spool, put):
    (raw,) = put(1)
    earlier = raw.replace(b"2031-05-06T08:00:01", b"2031-05-06T07:00:01")

    def answer(request):
        by_id = request.url.params.get("msg")
        return httpx.Response(200, json=rows(earlier) if by_id else {"Events": []})

    (message,) = spool.after(0, 10)
    assert answering(answer).confirmed([(message, 0.0)]) == {1}


@pytest.mark.parametrize("content", [b"no syslog", b"<85>1 - h a 1 m - no event id"])
def test_a_message_without_event_id_is_not_looked_for_by_it(spool, make_event, content):
    spool.put("id", make_event().at, content)
    asked = []

    def answer(request):
        asked.append(request.url.params.get("msg"))
        return httpx.Response(200, json={"Events": []})

    assert answering(answer).confirmed([(spool.after(0, 1)[0], 0.0)]) == set()
    assert set(asked) <= {None}


def test_no_more_is_sent_while_very_much_is_unconfirmed(spool, senders, sink, make_event, make_message):
    raw = make_message()
    for number in range(2201):
        spool.put(str(number), make_event().at, raw)
    senders(ByAge(600))
    eventually(lambda: len(sink.messages) >= 2000, what="the first two thousand")
    assert len(sink.messages) == 2000


def test_closing_gives_what_waits_a_last_chance_and_keeps_the_rest(tmp_path, sink, make_event, source):
    reporter = EventReporter(source, Spool(tmp_path / "s.sqlite"), Target("127.0.0.1", sink.port), timing=QUICK)
    reporter.start()
    reporter.report(make_event())
    reporter.close()
    assert len(sink.messages) == 3  # start, event, stop; unconfirmed, as nobody can be asked
    left = Spool(tmp_path / "s.sqlite")
    assert [one.content for one in left.after(0, 10)] == sink.messages
    left.close()


def test_a_reporter_that_never_started_closes(tmp_path, source):
    EventReporter(source, Spool(tmp_path / "s.sqlite"), Target("127.0.0.1", free_port())).close()


def test_an_error_of_the_spool_does_not_end_the_sender(tmp_path, spool, put, senders, sink):
    told = put(1)
    other = sqlite3.connect(tmp_path / "spool.sqlite")
    other.execute("ALTER TABLE message RENAME TO elsewhere")
    with structlog.testing.capture_logs() as logs:
        senders(ByAge(0.05))
        eventually(lambda: [one for one in logs if one["event"] == "events-not-sent"], what="the log")
    other.execute("ALTER TABLE elsewhere RENAME TO message")
    other.close()
    eventually(lambda: len(spool) == 0, what="the spool to be empty")
    assert sink.messages == told
