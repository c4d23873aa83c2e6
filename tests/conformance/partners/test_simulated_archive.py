"""The archive that the harness plays: what it is told to have, and what it is told to refuse."""

from contextlib import suppress
from threading import Event, Thread

import httpx
import pydicom
import pytest

from conformance.partners import images, objects, simulating
from conformance.partners.archive import ImageArchive
from conformance.partners.dicomweb import DicomWeb, parts
from conformance.partners.exchanges import Fault
from conformance.partners.http import RecordingClient
from connectathon.waiting import eventually, free_port
from profiles.errors import BadInput

from .trials import new_trial

WHOLE = 'multipart/related; type="application/dicom"; transfer-syntax=*'


@pytest.fixture
def trial(tmp_path):
    return new_trial(tmp_path / "evidence")


@pytest.fixture
def archive(trial):
    found = ImageArchive("127.0.0.1", free_port())
    found.begin(trial)
    yield found
    found.close()


@pytest.fixture
def web(archive, trial):
    client = RecordingClient(archive.url)
    client.trial = trial
    yield DicomWeb(client)
    client.close()


@pytest.fixture
def head(archive):
    series = images.head(images.new_study("a seed"), slices=3)
    archive.keep(series)
    return series


def instance(head, number=0):
    return f"/studies/{head.study}/series/{head.uid}/instances/{head.instances[number]}"


def test_what_it_has_is_found_and_retrieved(archive, web, head):
    answer, found = web.search(f"/studies/{head.study}/series/{head.uid}/instances", "limit=2&offset=1")
    assert (answer.status, len(found)) == (200, 2)
    assert len(web.search("/studies")[1]) == 1
    assert len(web.search("/studies", f"PatientID={head.images[0].PatientID}")[1]) == 1
    assert web.search("/series", "Modality=CT")[0].status == 204
    assert [len(parts(web.retrieve(path, WHOLE))) for path in (f"/studies/{head.study}", instance(head))] == [3, 1]
    assert len(web.retrieve(f"/studies/{head.study}/metadata", "application/dicom+json").json()) == 3
    (frame,) = parts(web.retrieve(f"{instance(head)}/frames/1", "multipart/related"))
    assert frame.body == head.images[0].PixelData
    for path in ("/studies/1.2", f"{instance(head)}/frames/2", "/studies/1.2/metadata", "/else"):
        assert web.retrieve(path, WHOLE).status == 404
    assert archive.of("retrieve", head.study)[0].reply.about == head.instances


def test_what_is_stored_is_evidence_unless_it_is_refused(archive, web, trial):
    study = objects.Study()
    image = objects.image(study)
    report = objects.report(study, image)
    archive.refuse(lambda dataset: 0xA900 if dataset.Modality == "SR" else None)
    answer = web.store([objects.as_file(image), objects.as_file(report), b"no DICOM"])
    assert answer.status == 202
    assert [one.uid for one in archive.stored] == [image.SOPInstanceUID]
    reasons = [item["00081197"]["Value"][0] for item in answer.json()["00081198"]["Value"]]
    assert reasons == [0xA900, 0xC000]
    assert web.store([objects.as_file(report)]).status == 409
    assert web.http.send("POST", "/studies", body=b"no parts").status == 400
    kept = {item.id for item in trial.evidence.items if item.kind == "dicom"}
    assert kept == {archive.stored[0].evidence}


def test_it_sends_what_it_is_told_to(archive, web, head):
    archive.keep_file(head.images[0], b"no DICOM")
    (part,) = parts(web.retrieve(instance(head), WHOLE))
    assert part.body == b"no DICOM"
    archive.fail(Fault(archive.when("retrieve"), status=404, seconds=0.01))
    assert [web.retrieve(instance(head), WHOLE).status for _ in range(2)] == [404, 200]


def test_images_wait_until_they_are_released(archive, head):
    archive.hold()
    assert httpx.get(f"{archive.url}/studies").status_code == 200
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(archive.url + instance(head), timeout=0.05)
    archive.release()
    eventually(lambda: archive.of("retrieve"), what="the answer that was held back")


def test_two_studies_of_one_seed_are_the_same():
    first, second = (images.head(images.new_study("a seed")) for _ in range(2))
    assert first == second
    assert images.head(images.new_study("another")).instances != first.instances
    assert len(set(first.images[10].PixelData)) > 32


def test_images_of_ones_own_are_copied_under_new_uids(tmp_path):
    original = images.head(images.new_study("theirs"), slices=2)
    for number, file in enumerate(images.files([original])):
        (tmp_path / f"{number}.dcm").write_bytes(file)
    (tmp_path / "notes.txt").write_text("no image")
    study = images.new_study("ours")
    (copied,) = images.copied(tmp_path, study)
    assert len(copied.images) == 2
    assert {str(image.StudyInstanceUID) for image in copied.images} == {study.uid}
    assert not {*copied.instances} & {*original.instances}
    assert len({str(image.FrameOfReferenceUID) for image in copied.images}) == 1
    read = pydicom.dcmread(pydicom.filebase.DicomBytesIO(images.as_file(copied.images[0])))
    assert (read.SOPInstanceUID, read.file_meta.MediaStorageSOPInstanceUID) == (copied.instances[0],) * 2
    assert str(read.PatientName) == study.patient_name
    with pytest.raises(BadInput, match="no DICOM images"):
        images.copied(tmp_path / "nowhere", study)


def test_a_body_that_does_not_end_is_refused(archive, monkeypatch):
    monkeypatch.setattr(simulating, "_LARGEST_BODY", 1000)
    answer = httpx.post(f"{archive.url}/studies", content=b"x" * 200_000)
    assert answer.status_code == 413


def test_no_connection_is_left_open_when_it_goes_away(archive):
    stopped = Event()

    def knock():
        with httpx.Client() as client:
            while not stopped.is_set():
                with suppress(httpx.TransportError):
                    client.get(f"{archive.url}/studies")

    knocking = Thread(target=knock)
    knocking.start()
    for _ in range(5):
        archive.down()
        archive.up()
    stopped.set()
    knocking.join()
    assert httpx.get(f"{archive.url}/studies").status_code == 204
