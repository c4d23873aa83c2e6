"""MLLP frames (HL7 MLLP release 1; orders.md 8.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.shared.mllp import Frame, FrameReader, framed

CONTENT = st.binary(max_size=60).map(lambda raw: bytes(byte for byte in raw if byte not in {0x0B, 0x1C}))
GARBAGE = st.sampled_from([b"", b"\x00", b"\r\n", b"noise", b"\x00\x00\r"])


def portions(data, stream):
    """Cut a stream at arbitrary places."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    return [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


def read_all(reader, pieces):
    return [frame for piece in pieces for frame in reader.feed(piece)]


@pytest.mark.requirement("HL7-001", "HL7-002", "HL7-003")
@given(st.data(), st.lists(CONTENT, max_size=6))
def test_frames_are_the_same_however_the_stream_is_cut(data, contents):
    stream = b"".join(framed(content) for content in contents)
    reader = FrameReader()
    assert read_all(reader, portions(data, stream)) == [Frame(content) for content in contents]
    assert reader.dropped == 0
    assert not reader.inside


@pytest.mark.requirement("HL7-004")
@given(st.data(), st.lists(st.tuples(GARBAGE, CONTENT), max_size=6))
def test_what_comes_between_frames_is_dropped_and_counted(data, parts):
    stream = b"".join(garbage + framed(content) for garbage, content in parts)
    reader = FrameReader()
    assert [frame.content for frame in read_all(reader, portions(data, stream))] == [content for _, content in parts]
    assert reader.dropped == sum(len(garbage) for garbage, _ in parts)


@given(st.data(), CONTENT, CONTENT)
def test_a_new_start_inside_a_frame_abandons_what_was_before(data, first, second):
    reader = FrameReader()
    frames = read_all(reader, portions(data, b"\x0b" + first + framed(second)))
    assert frames == [Frame(second)]
    assert reader.dropped == len(first)


def test_an_end_without_carriage_return_ends_a_frame_too():
    assert FrameReader().feed(b"\x0bone\x1c\x0btwo\x1c\r") == [Frame(b"one"), Frame(b"two")]


@pytest.mark.requirement("HL7-005")
@given(st.data(), st.integers(5000, 20000))
def test_a_frame_over_the_limit_keeps_its_start_only_and_the_next_one_works(data, size):
    reader = FrameReader(max_bytes=4999)
    frames = read_all(reader, portions(data, framed(b"MSH" + b"x" * size) + framed(b"next")))
    assert [(frame.too_long, frame.content[:3]) for frame in frames] == [(True, b"MSH"), (False, b"nex")]
    assert len(frames[0].content) <= 4096


@pytest.mark.requirement("HL7-006")
def test_a_large_frame_is_read_in_one_pass():
    """Fed in small portions, its bytes are copied once each: the number of bytes touched grows with the size only."""
    reader = FrameReader()
    content = bytes(range(32, 127)) * 20000
    stream = framed(content)
    frames = read_all(reader, (stream[start : start + 1000] for start in range(0, len(stream), 1000)))
    assert frames == [Frame(content)]
