"""Who stored, searched and retrieved what is in the audit trail, failures apart from successes."""

import base64
import contextlib
import socket
import sqlite3

import pytest
from defusedxml.ElementTree import fromstring

from actors.image_manager.auditing import TransferLog
from actors.image_manager.service import Fate, Receipt
from actors.shared.access import AccessLog
from connectathon.modality import send_study
from connectathon.waiting import eventually
from profiles.sole import parse


class Index:
    def patient_of(self, study):
        return f"patient of {study}"


class Trail(list):
    def audit_soon(self, event):
        self.append(event)


@pytest.fixture
def trail():
    return Trail()


@pytest.fixture
def transfers(trail):
    return TransferLog(Index(), AccessLog(trail))


def told(server, study):
    """(event, action, outcome, patient) of the audit messages about a study."""
    path = server.data_dir / "image_manager" / "event-spool.sqlite"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader:
        contents = [content for (content,) in reader.execute("SELECT content FROM message ORDER BY number")]
    found = []
    for content in contents:
        document = content[content.index(b"<AuditMessage") :]
        if study.encode() in content and b"IHE+RFC-3881" in content:
            event, parsed = fromstring(document).find("EventIdentification"), parse(document)
            code, action = event.find("EventID").get("csd-code"), event.get("EventActionCode")
            found.append((code, action, int(parsed.outcome), parsed.thread.patient_id.partition("^")[0]))
    return found


@pytest.mark.requirement("SOLE-071", "SOLE-036")
def test_a_study_that_is_stored_and_retrieved_is_told_each_time_with_its_patient(
    archive_server, archive, study, tmp_path
):
    order, paths = study
    archive.store(paths)
    archive.retrieve_study(order.study_instance_uid, tmp_path / "back")
    expected = [("110104", action, 0, order.patient_id) for action in "CR"]
    eventually(lambda: told(archive_server, order.study_instance_uid) == expected, what="both transfers to be told")


@pytest.mark.requirement("SOLE-071")
def test_an_association_is_one_transfer_however_many_images_it_brings(archive_server, study):
    order, paths = study
    send_study(paths, dimse=("127.0.0.1", archive_server.dimse_port))
    expected = [("110104", "C", 0, order.patient_id)]
    eventually(lambda: told(archive_server, order.study_instance_uid) == expected, what="the transfer to be told")


@pytest.mark.requirement("SOLE-072")
def test_a_search_is_told_with_its_query(archive_server, http, study):
    order, _ = study
    http.get("/studies", params={"StudyInstanceUID": order.study_instance_uid})

    def searched():
        path = archive_server.data_dir / "image_manager" / "event-spool.sqlite"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader:
            rows = reader.execute("SELECT content FROM message").fetchall()
        texts = [content for (content,) in rows if b"ParticipantObjectQuery" in content]
        queries = [content.split(b"ParticipantObjectQuery>")[1][:-2] for content in texts]
        return f"studies&StudyInstanceUID={order.study_instance_uid}".encode() in map(base64.b64decode, queries)

    eventually(searched, what="the search to be told")


@pytest.mark.requirement("SOLE-073")
def test_a_sender_that_ends_within_its_request_is_a_transfer_that_failed(archive_server, study):
    order, _ = study
    head = (
        f"POST /dicom-web/studies/{order.study_instance_uid} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000\r\n"
        'Content-Type: multipart/related; type="application/dicom"; boundary=b\r\nAccept: application/json\r\n\r\n'
    )
    with socket.create_connection(("127.0.0.1", archive_server.port), timeout=60) as sender:
        sender.sendall(head.encode() + b"--b\r\nContent-Type: application/dicom\r\n\r\nDICM")
    expected = [("110104", "C", 8)]
    eventually(
        lambda: [one[:3] for one in told(archive_server, order.study_instance_uid) if one[0] == "110104"] == expected,
        what="the failure to be told",
    )


@pytest.mark.requirement("SOLE-073")
def test_what_was_stored_and_what_was_not_are_two_messages_for_each_study(transfers, trail):
    fates = (Fate.STORED, Fate.FAILED, Fate.STORED)
    receipts = [Receipt(fate, study=study) for fate in fates for study in ("1.2", "1.3")]
    transfers.received("10.0.0.7", [*receipts, Receipt(Fate.FAILED)])
    assert [(one.studies, int(one.outcome), one.patient_id) for one in trail] == [
        (("1.2",), 0, "patient of 1.2"),
        (("1.2",), 8, "patient of 1.2"),
        (("1.3",), 0, "patient of 1.3"),
        (("1.3",), 8, "patient of 1.3"),
    ]


@pytest.mark.requirement("SOLE-073")
def test_a_receiver_that_goes_away_is_a_transfer_that_failed(transfers, trail):
    class Row:
        study_uid = "1.2"

    assert list(transfers.watched(iter([b"a", b"b"]), "10.0.0.7", [Row()])) == [b"a", b"b"]
    body = transfers.watched(iter([b"a", b"b"]), "10.0.0.7", [Row()])
    next(body)
    body.close()
    assert [int(one.outcome) for one in trail] == [0, 8]


def test_the_frames_that_a_viewer_asks_for_are_told_once_a_minute(transfers, trail):
    for _ in range(100):
        transfers.looked_at("10.0.0.7", "1.2")
    assert [one.kind for one in trail] == ["images-sent"]
