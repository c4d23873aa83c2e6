"""Syslog headers and octet-counted frames."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.sole.syslog import BadFrame, FrameDecoder, compose, frame, parse_syslog, printable

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
LIMIT = 100_000
# The test vector of sole.md 3.2: a frame of count 496.
VECTOR = (
    b"496 <85>1 2026-03-02T08:00:00.100Z pacs1 IHE+SOLE 9 RID45995 - "
    b'<AuditMessage><EventIdentification EventActionCode="E" '
    b'EventDateTime="2026-03-02T08:00:00Z" EventOutcomeIndicator="0"><EventID csd-code="SOLE" codeSystemName="IHE-RAD" '
    b'originalText="Imaging Operational Event"/><EventTypeCode csd-code="RID45995" codeSystemName="RadLex" '
    b'originalText="PACSUp"/></EventIdentification><ActiveParticipant UserID="pacs1" UserIsRequestor="true"/>'
    b'<AuditSourceIdentification AuditSourceID="pacs1"/></AuditMessage>'
)


def message(content=b"<a/>", **changes):
    fields = {"pri": 85, "at": NOW, "hostname": "h", "application": "IHE+SOLE", "process": "1", "message_id": "RID1"}
    return compose(content, **(fields | changes))


def decode(stream, sizes=None):
    decoder, found = FrameDecoder(LIMIT), []
    position = 0
    for size in sizes or [len(stream)]:
        found += decoder.feed(stream[position : position + size])
        position += size
    found += decoder.feed(stream[position:])
    return found, decoder


@pytest.mark.requirement("SOLE-011")
def test_the_count_is_of_octets_not_of_characters():
    assert frame("Ärzte".encode()) == b"6 \xc3\x84rzte"
    assert decode(VECTOR)[0] == [VECTOR[4:]]


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=8), st.lists(st.integers(0, 20), max_size=60))
@pytest.mark.requirement("SOLE-012", "SOLE-013")
def test_messages_come_whole_wherever_the_stream_is_cut(messages, sizes):
    stream = b"".join(frame(one) for one in messages)
    found, decoder = decode(stream, sizes)
    assert found == messages
    assert not decoder.in_message


@pytest.mark.requirement("SOLE-013")
def test_messages_come_whole_octet_by_octet():
    stream = frame("ü".encode() * 5) + VECTOR
    assert decode(stream, [1] * len(stream))[0] == ["ü".encode() * 5, VECTOR[4:]]


@pytest.mark.requirement("SOLE-012", "SOLE-015")
@pytest.mark.parametrize(
    "stream",
    [
        b"abc <85>1",
        b"0 x",
        b"012 x",
        b" 5 x",
        b"-5 x",
        b"5x abc",
        b"9" * 20,
        b"9" * 20 + b" x",
        b"100001 x",
        b"\x16\x03\x01",
    ],
)
def test_a_count_that_is_none_is_refused(stream):
    with pytest.raises(BadFrame):
        decode(stream)


@pytest.mark.requirement("SOLE-015")
def test_a_count_that_is_too_small_gives_what_it_says_and_the_rest_is_refused():
    messages = FrameDecoder(LIMIT).feed(b"5 <85>1 2026 and more")
    assert next(messages) == b"<85>1"
    with pytest.raises(BadFrame):
        next(messages)


def test_a_stream_that_stops_inside_a_message_is_known_to():
    assert decode(b"10 abc")[1].in_message
    assert decode(b"1")[1].in_message
    assert decode(b"10 ")[1].in_message


@pytest.mark.requirement("SOLE-001", "SOLE-003", "SOLE-004", "SOLE-008")
def test_a_header_is_read_into_its_parts():
    header = parse_syslog(message("<ü/>".encode()))
    assert header.content == "<ü/>".encode()
    assert header.timestamp == "2026-11-24T08:00:00.000000Z"
    assert (header.pri, header.hostname, header.structured_data) == (85, "h", "-")


@pytest.mark.requirement("SOLE-004")
@given(st.text(max_size=400), st.integers(1, 255))
def test_names_in_the_header_are_printable_ascii_of_limited_length(text, limit):
    cleaned = printable(text, limit)
    assert 1 <= len(cleaned) <= limit
    assert parse_syslog(message(hostname=text, application=text, process=text, message_id=text))


@pytest.mark.requirement("SOLE-001")
@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"plain text",
        b"<192>1 - h a p m - x",
        b"<085>1 - h a p m - x",
        b"<85> 1 - h a p m - x",
        b"<34>Oct 11 22:14:15 mymachine su: failed",
        b"<85>1 - h a p m [broken x",
        b"<85>1 - h a p m -x",
    ],
)
def test_what_has_no_header_of_rfc_5424_is_told_apart(octets):
    assert parse_syslog(octets) is None


@pytest.mark.parametrize(
    ("data", "content"),
    [
        (rb'[id@1 a="b \" \] c" d="e"][x]', b"rest"),
        (b"-", b""),
        ('[id@1 a="ü"]'.encode(), b"x y"),
    ],
)
def test_structured_data_of_others_is_passed_over(data, content):
    header = parse_syslog(b"<13>1 2026-01-01T00:00:00Z h a p m " + data + (b" " + content if content else b""))
    assert header.content == content


@given(st.binary(max_size=200))
def test_no_octets_break_the_header_reader(octets):
    parse_syslog(octets)
    parse_syslog(b"<85>1 - h a p m [" + octets)
