"""SOLE messages from files: lines, frames, JSON, bare documents; and what is none of these, without a crash."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance import Severity, check
from conformance.sole import check_message
from tests.conformance.sole_messages import SIGNED, as_event, audited, bulk, ended, event, frame, header, signed, split

GOOD = [ended(), signed(), audited(), event("workitem-created")]


def judged(tmp_path, content, name="messages"):
    path = tmp_path / name
    path.write_bytes(content)
    return check("sole", [path])


def only(findings, rule):
    assert [found.rule for found in findings] == [rule], findings
    assert findings[0].severity is Severity.ERROR
    return findings[0]


SHAPES = {
    "frames": b"".join(map(frame, GOOD)),
    "frames and a last line end": b"".join(map(frame, GOOD)) + b"\n",
    "one frame": frame(ended()),
    "lines": b"\n".join(GOOD) + b"\n",
    "lines of Windows": b"\r\n".join(GOOD),
    "a line with a document of several lines": split(signed())[0] + SIGNED,
    "a bare document": split(ended())[1],
    "a bare document of several lines": b"\xef\xbb\xbf\n" + SIGNED,
    "a bare document with a declaration": b'<?xml version="1.0" encoding="UTF-8"?>\n<!-- signed -->\n' + SIGNED,
    "a bulk body": bulk(*map(as_event, GOOD)),
    "a bulk body with other names": bulk({**{k.upper(): v for k, v in as_event(ended()).items()}, "Comment": "x"}),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_good_messages_break_no_rule_in_whatever_file(tmp_path, shape):
    assert judged(tmp_path, SHAPES[shape]) == []


@pytest.mark.parametrize("shape", ["frames", "lines", "a bulk body"])
def test_a_defect_is_found_in_whatever_file_and_in_its_message(tmp_path, shape):
    content = SHAPES[shape].replace(b"2026-11-24T08:00:00.123456Z workitem", b"x").replace(b"AIX101", b"AIX1X1")
    assert {found.file for found in judged(tmp_path, content)} == {f"{tmp_path}/messages#4"}


def test_folders_are_judged_whole_and_as_one_stream(tmp_path):
    for number, raw in enumerate([event("workitem-completed"), event("workitem-canceled")]):
        (tmp_path / f"{number}.log").write_bytes(raw)
    assert only_warning(check("sole", [tmp_path])).rule == "SOLE-075"


def only_warning(findings):
    assert len(findings) == 1, findings
    assert findings[0].severity is Severity.WARNING
    return findings[0]


BOMB = '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
START = split(ended())[0]
REFUSED = {
    "entity bomb": (BOMB + '] ><AuditMessage a="&i;">&i;</AuditMessage>').encode(),
    "external entity": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><AuditMessage>&x;</AuditMessage>',
    "external document type": b'<!-- x --><!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd"><AuditMessage/>',
    "document type behind much space": b"<?xml version='1.0'?>"
    + b" " * 10_000
    + b"<!DOCTYPE a [<!ENTITY x 'y'>]>"
    + SIGNED,
    "undeclared entity": ended()[len(START) :].replace(b"brain", b"&brain;"),
    "unfinished comment": b"<!-- <AuditMessage/>",
    "unknown encoding": b'<?xml version="1.0" encoding="x-unknown"?>' + SIGNED,
    "UTF-16": b'<?xml version="1.0" encoding="UTF-16"?>'.decode().encode("utf-16-le") + SIGNED,
    "too deep": b"<AuditMessage>" + b"<a>" * 50_000 + b"</a>" * 50_000 + b"</AuditMessage>",
    "a null octet": SIGNED.replace(b"North", b"\0orth"),
    "half a document": SIGNED[: len(SIGNED) // 2],
    "two documents": SIGNED + SIGNED,
}


@pytest.mark.requirement("SOLE-009")
@pytest.mark.parametrize("kind", REFUSED)
def test_a_document_that_is_none_is_one_finding_with_and_without_header(kind):
    content = REFUSED[kind]
    assert only(check_message(START + content, "message"), "SOLE-009").message
    if content.startswith(b"<") and b"\0" not in content:
        only(check_message(content, "message"), "SOLE-009")


NO_MESSAGES = {
    "empty": (b"", "SOLE-001"),
    "text": (b"This is no log.\n" * 40, "SOLE-001"),
    "octets": (bytes(range(256)) * 10, "SOLE-001"),
    "header only in part": (b"<85>1 2026-11-24T08:00:00Z host IHE+SOLE", "SOLE-001"),
    "JSON cut off": (bulk(as_event(ended()))[:-9], "SOLE-060"),
    "JSON of another shape": (b"[1, 2]", "SOLE-060"),
    "JSON too deep": (b"[" * 200_000, "SOLE-060"),
    "events that are none": (bulk("event"), "SOLE-060"),
    "a member that is no text": (bulk({**as_event(ended()), "Pri": 85}), "SOLE-060"),
    "a member missing": (bulk({k: v for k, v in as_event(ended()).items() if k != "Procid"}), "SOLE-060"),
    "a frame without end": (frame(ended(), 10**9)[:-20], "SOLE-011"),
    "a count beyond all numbers": (b"9" * 20 + b" " + ended()[:-20], "SOLE-011"),
}


@pytest.mark.requirement("SOLE-001", "SOLE-011", "SOLE-060")
@pytest.mark.parametrize("kind", NO_MESSAGES)
def test_a_file_that_is_no_message_is_one_finding(tmp_path, kind):
    content, rule = NO_MESSAGES[kind]
    assert only(judged(tmp_path, content), rule).file == f"{tmp_path}/messages"


@pytest.mark.requirement("SOLE-001")
def test_a_file_beyond_all_measure_is_one_finding_and_is_not_read(tmp_path):
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(300 * 1024 * 1024)
    only(check("sole", [path]), "SOLE-001")


@pytest.mark.requirement("SOLE-020")
def test_a_message_with_very_many_breaches_tells_the_first_of_each_rule():
    many = b'<ParticipantObjectDetail type="x" value="%"/>' * 3_000
    spoilt = SIGNED.replace(b"<ParticipantObjectDetail", many + b"<Other/>" * 3_000 + b"<ParticipantObjectDetail", 1)
    found = Counter(one.rule for one in check_message(spoilt, "message"))
    assert found["SOLE-040"] == found["SOLE-020"] == 20


@pytest.mark.requirement("SOLE-011")
def test_after_a_wrong_count_the_next_messages_are_judged_all_the_same():
    wrong = frame(header(ended(), field=0, value=b"<192>1"), 7)
    found = check_message(wrong + b"rubbish" + frame(signed()) + frame(header(signed(), field=5, value=b"X")), "m")
    told = [(one.file, one.rule) for one in found]
    assert told[0] == ("m#1", "SOLE-011")
    assert ("m#3", "SOLE-006") in told


@pytest.mark.requirement("SOLE-011")
@settings(max_examples=200)
@given(
    parts=st.lists(st.sampled_from(GOOD), min_size=1, max_size=4),
    place=st.floats(0, 1, exclude_max=True),
    garbage=st.binary(max_size=5),
)
def test_no_damage_to_a_stream_makes_the_judge_fail(parts, place, garbage):
    """A finding or none, but an answer; and never more messages than octets could hold."""
    whole = b"".join(map(frame, parts))
    start = int(place * len(whole))
    findings = check_message(whole[:start] + garbage + whole[start + len(garbage) :], "stream")
    assert all(found.rule and found.message for found in findings)


@given(st.binary(max_size=400))
def test_no_octets_at_all_make_the_judge_fail(octets):
    for found in check_message(octets, "octets"):
        assert found.message


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(place=st.integers(0, 60), secret=st.from_regex(r"\A[A-Z][a-z]{9}\^[A-Z][a-z]{9}\Z"))
def test_no_finding_repeats_what_may_be_about_a_patient(place, secret):
    """Whatever value of the document is replaced by a name, no finding says the name."""
    start, text = split(signed())
    values = text.split(b'"')
    number = 1 + 2 * (place % (len(values) // 2))
    values[number] = secret.encode()
    for found in check_message(start + b'"'.join(values), "message"):
        assert secret not in f"{found.path} {found.message} {found.fix}"


@pytest.mark.parametrize(
    "raw",
    [
        b"<34>1 2026-03-02T08:00:00Z router su 12 ID47 - 'su root' failed on /dev/pts/8",
        b'<13>1 2026-03-02T08:00:00.5+01:00 router - - - [a@1 b="c]\\""][d@1] \xef\xbb\xbfdisk',
        b"<0>1 - - - - - -",
    ],
)
@pytest.mark.requirement("SOLE-055")
def test_other_syslog_in_the_same_stream_is_judged_by_its_header_only(raw):
    assert check_message(raw, "message") == []
    assert [found.rule for found in check_message(raw.replace(b">1 ", b">3 ", 1), "message")] == ["SOLE-001"]
