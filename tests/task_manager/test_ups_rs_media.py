"""Media types of payloads and answers (PS3.18 8.7, 11.1.3): JSON and XML, negotiated by header and parameter."""

import json
from datetime import UTC, datetime

import pytest

from actors.shared.ups_face.media import Form, negotiate, require_charset
from connectathon.workitems import new_workitem
from profiles.dicom import new_uid
from profiles.dicom.native_xml import read_native, write_native
from profiles.errors import NotAcceptable

JSON, XML = "application/dicom+json", "application/dicom+xml"
MULTIPART = 'multipart/related; type="application/dicom+xml"'


def workitem():
    return new_workitem(now=datetime.now(UTC))


def multipart(*documents, boundary="b1", type_of_part=XML):
    parts = [
        f"--{boundary}\r\nContent-Type: {type_of_part}\r\n\r\n".encode() + document + b"\r\n" for document in documents
    ]
    return b"".join(parts) + f"--{boundary}--\r\n".encode()


def documents_of(answer):
    kind, _, boundary = answer.headers["Content-Type"].rpartition("; boundary=")
    assert kind == MULTIPART
    *parts, end = answer.content.split(f"--{boundary}".encode())[1:]
    assert end == b"--\r\n"
    assert all(f"Content-Type: {XML}".encode() in part for part in parts)
    return [read_native(part.partition(b"\r\n\r\n")[2].strip()) for part in parts]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (JSON, lambda dataset: json.dumps([dataset]).encode()),
        (XML, write_native),
        (f"{MULTIPART}; boundary=b1", lambda dataset: multipart(write_native(dataset))),
        ("multipart/related; boundary=b1; type=application/dicom+xml", lambda data: multipart(write_native(data))),
        (
            'multipart/related; type="application/dicom+json"; boundary="b1"',
            lambda dataset: multipart(json.dumps([dataset]).encode(), type_of_part=JSON),
        ),
    ],
)
@pytest.mark.requirement("AIWI-TM-010")
def test_a_workitem_is_the_same_in_every_form_that_it_is_sent_in(kind, body, task_manager):
    sent, uid = workitem(), new_uid()
    answer = task_manager.http.post(
        "/workitems", params={"workitem": uid}, content=body(sent), headers={"Content-Type": kind}
    )
    assert answer.status_code == 201, answer.text
    got = task_manager.retrieve(uid)
    assert {tag: got[tag] for tag in sent if tag != "00081195"} == {
        tag: element for tag, element in sent.items() if tag != "00081195"
    }


@pytest.mark.requirement("AIWI-TM-010", "AIWI-TM-013")
def test_a_workitem_is_answered_as_xml_to_whom_asks_for_it(task_manager):
    uid = task_manager.create()
    expected = task_manager.retrieve(uid)
    plain = task_manager.http.get(f"/workitems/{uid}", headers={"Accept": XML})
    assert plain.headers["Content-Type"] == XML
    assert read_native(plain.content) == expected
    assert documents_of(task_manager.http.get(f"/workitems/{uid}", headers={"Accept": MULTIPART})) == [expected]


@pytest.mark.requirement("AIWI-TM-050")
def test_a_search_is_answered_as_xml_one_part_for_each_match(task_manager):
    label = new_uid()[-16:]
    made = [task_manager.create(new_workitem(now=datetime.now(UTC), label=label)) for _ in range(3)]
    for accepted in (MULTIPART, XML):
        answer = task_manager.http.get(
            "/workitems", params={"WorklistLabel": label, "includefield": "all"}, headers={"Accept": accepted}
        )
        assert documents_of(answer) == [task_manager.retrieve(uid) for uid in made]


@pytest.mark.parametrize(
    ("accept", "parameter", "expected"),
    [
        (JSON, None, Form.JSON),
        ("*/*", None, Form.JSON),
        ("application/*", None, Form.JSON),
        ("text/html, */*;q=0.1", None, Form.JSON),
        ("multipart/*", None, Form.MULTIPART_XML),
        ("multipart/related", None, Form.MULTIPART_XML),
        (MULTIPART, None, Form.MULTIPART_XML),
        ("application/json", None, Form.PLAIN_JSON),
        (f"{JSON};q=0.2, {XML};q=0.3", None, Form.XML),
        (f"{JSON};q=0.2, {MULTIPART};q=0.9", None, Form.MULTIPART_XML),
        (f"*/*, {JSON};q=0", None, Form.PLAIN_JSON),
        (f"rubbish, ;;, a/b/c, {JSON};q=7, {XML}", None, Form.XML),
        ("*/*", XML, Form.XML),
        (f"{JSON}, {XML};q=0.1", XML, Form.XML),
        ("*/*", MULTIPART, Form.MULTIPART_XML),
    ],
)
@pytest.mark.requirement("AIWI-TM-016")
def test_the_best_form_that_is_acceptable_is_answered(accept, parameter, expected):
    assert negotiate(accept, parameter) == expected


@pytest.mark.parametrize(
    ("accept", "parameter"),
    [
        (None, None),
        ("", None),
        (" ", None),
        ("image/png", None),
        ("rubbish", None),
        (f"{JSON};q=0", None),
        ('multipart/related; type="application/dicom"', None),
        (None, JSON),
        (JSON, XML),
        ("*/*", "image/png"),
        ("*/*", "*/*"),
        ("*/*", "application/*"),
    ],
)
@pytest.mark.requirement("AIWI-TM-016")
def test_a_form_that_cannot_be_produced_is_not_acceptable(accept, parameter):
    with pytest.raises(NotAcceptable):
        negotiate(accept, parameter)


@pytest.mark.requirement("AIWI-TM-016")
def test_header_and_parameter_are_negotiated_over_http(task_manager):
    path = f"/workitems/{task_manager.create()}"
    get = task_manager.http.get
    assert get(path, headers={"Accept": "image/png"}).status_code == 406
    assert get(path, headers={"Accept": ""}).status_code == 406
    assert get(path, headers={"Accept": "*/*"}).headers["Content-Type"] == JSON
    assert get(path, params={"accept": XML}, headers={"Accept": "*/*"}).headers["Content-Type"] == XML
    assert get(path, params={"accept": XML}).status_code == 406
    assert get(path, params=[("accept", XML), ("accept", JSON)]).status_code == 400
    assert get("/workitems", headers={"Accept": "text/html"}).status_code == 406


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", "*", "iso-8859-1, utf-8;q=0.5", "ISO_IR 192", None])
def test_utf_8_is_answered_to_whom_takes_it(charset):
    require_charset(charset)
    require_charset("iso-8859-1", charset or "utf-8")


@pytest.mark.parametrize("charset", ["iso-8859-1", "utf-8;q=0", "shift_jis, iso-2022-jp"])
def test_other_character_sets_cannot_be_produced(charset, task_manager):
    path = f"/workitems/{task_manager.create()}"
    assert task_manager.http.get(path, headers={"Accept-Charset": charset}).status_code == 406
    assert task_manager.http.get(path, params={"charset": charset}).status_code == 406


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        (XML, b'<!DOCTYPE x [<!ENTITY a "b">]><NativeDicomModel/>', 400),
        (XML, b"<html/>", 400),
        (XML, b"", 400),
        (XML, write_native({"00100010": {"vr": "LO", "Value": ["x"]}}), 400),
        (f"{MULTIPART}; boundary=b1", multipart(write_native({}), write_native({})), 400),
        (f"{MULTIPART}; boundary=b1", multipart(), 400),
        (f"{MULTIPART}; boundary=b1", multipart(write_native({}))[:-4], 400),
        (f"{MULTIPART}; boundary=b1", b"rubbish", 400),
        (MULTIPART, multipart(write_native({})), 400),
        (f"{MULTIPART}; boundary={'b' * 500}", b"", 400),
        (f"{MULTIPART}; boundary=b1", multipart(b"x", type_of_part="application/dicom"), 415),
        ("text/plain", b"[{}]", 415),
        (f"{JSON}; charset=iso-8859-1", b"[{}]", 415),
        ("", b"[{}]", 415),
    ],
)
@pytest.mark.requirement("AIWI-TM-008")
def test_payloads_that_cannot_be_taken_are_refused_with_the_reason(kind, body, status, task_manager):
    answer = task_manager.http.post("/workitems", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert answer.json()["message"]


@pytest.mark.requirement("AIWI-TM-008")
def test_a_compressed_payload_is_refused(task_manager):
    headers = {"Content-Type": JSON, "Content-Encoding": "gzip"}
    assert task_manager.http.post("/workitems", content=b"[{}]", headers=headers).status_code == 415
