"""STOW-RS of the Image Manager (PS3.18 section 10.5)."""

import httpx
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.shared.dicomweb import StoreFailed
from actors.shared.multipart import PartFiles, bytes_parts, file_parts
from connectathon.modality import corrupt_file
from profiles.dicom import get, items, new_uid, text
from profiles.errors import BadInput

BOUNDARY = "a-boundary"
TYPE = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'


def post(http, contents, url="/studies", content_type=TYPE, **headers):
    body = b"".join(bytes_parts(BOUNDARY, contents, "application/dicom"))
    return http.post(url, content=body, headers={"Content-Type": content_type, **headers})


@pytest.mark.requirement("AIR-IM-002")
def test_a_study_stored_by_a_foreign_client_is_referenced_with_its_retrieve_urls(foreign_client, study):
    order, paths = study
    answer = foreign_client.store_instances([pydicom.dcmread(path) for path in paths])
    assert len(answer.ReferencedSOPSequence) == len(paths)
    assert "FailedSOPSequence" not in answer
    assert answer.RetrieveURL.endswith(f"/studies/{order.study_instance_uid}")
    assert all(order.study_instance_uid in item.RetrieveURL for item in answer.ReferencedSOPSequence)


@pytest.mark.requirement("AIR-IM-007")
def test_what_is_retrieved_is_byte_for_byte_what_was_stored(archive, study, tmp_path):
    order, paths = study
    archive.store(paths, order.study_instance_uid)
    series = text(archive.search_series(order.study_instance_uid)[0], "SeriesInstanceUID")
    found = archive.retrieve_series(order.study_instance_uid, series, tmp_path / "back")
    assert [path.read_bytes() for path in found] == [path.read_bytes() for path in paths]


@pytest.mark.requirement("AIR-IM-003")
def test_a_truncated_part_is_in_the_failed_sequence_with_its_reason_and_the_good_one_is_stored(http, study, tmp_path):
    order, paths = study
    broken = corrupt_file(tmp_path / "broken")
    answer = post(http, [paths[0].read_bytes(), broken.read_bytes()])
    assert answer.status_code == 202
    failed = items(answer.json(), "FailedSOPSequence")
    assert [get(one, "FailureReason") for one in failed] == [0xC001]
    assert text(failed[0], "ReferencedSOPInstanceUID") == pydicom.dcmread(broken).SOPInstanceUID
    assert len(items(answer.json(), "ReferencedSOPSequence")) == 1
    assert "PixelData" not in answer.text
    assert http.get(f"/studies/{order.study_instance_uid}/instances").status_code == 200


def test_a_part_that_is_no_dicom_is_among_the_other_failures_and_nothing_is_stored(http):
    answer = post(http, [b"this is no DICOM file"])
    assert answer.status_code == 400
    assert [get(one, "FailureReason") for one in items(answer.json(), "OtherFailuresSequence")] == [0xC000]
    assert "ReferencedSOPSequence" not in answer.text


@pytest.mark.requirement("AIR-IM-004")
def test_an_instance_of_another_study_than_the_addressed_one_is_refused(http, study):
    order, paths = study
    other = new_uid()
    answer = post(http, [paths[0].read_bytes()], f"/studies/{other}")
    assert answer.status_code == 409
    assert get(items(answer.json(), "FailedSOPSequence")[0], "FailureReason") == 0xA901
    for uid in (other, order.study_instance_uid):
        assert http.get(f"/studies/{uid}/instances").status_code == 204


@pytest.mark.requirement("AIR-IM-005")
@pytest.mark.parametrize(
    ("content_type", "accept", "contents", "status"),
    [
        ("application/dicom", "*/*", [b"x"], 415),
        (TYPE.replace("application/dicom", "application/dicom+json"), "*/*", [b"x"], 415),
        (TYPE, "text/html", [b"x"], 406),
        (TYPE, "*/*", [], 400),
        (TYPE.replace(f"boundary={BOUNDARY}", "charset=utf-8"), "*/*", [b"x"], 400),
        (TYPE.replace(BOUNDARY, "another"), "*/*", [b"x"], 400),
    ],
)
def test_a_request_in_the_wrong_form_is_refused_with_words(http, content_type, accept, contents, status):
    answer = post(http, contents, content_type=content_type, Accept=accept)
    assert answer.status_code == status
    assert "PS3.18" in answer.json()["message"] or "RFC 2046" in answer.json()["message"]


@pytest.mark.requirement("AIR-IM-006")
def test_the_same_instance_stored_twice_is_a_success_and_one_instance(archive, http, study):
    order, paths = study
    archive.store(paths)
    answer = post(http, [path.read_bytes() for path in paths])
    assert answer.status_code == 200
    assert len(archive.search_instances(order.study_instance_uid)) == len(paths)


@pytest.mark.requirement("AIR-IM-006")
def test_another_content_under_a_stored_uid_is_answered_with_a_warning_and_the_first_is_kept(
    archive, http, study, tmp_path
):
    order, paths = study
    archive.store(paths[:1])
    changed = pydicom.dcmread(paths[0])
    changed.ImageComments = "changed"
    changed.save_as(tmp_path / "changed.dcm")
    answer = post(http, [(tmp_path / "changed.dcm").read_bytes()])
    assert answer.status_code == 202
    assert get(items(answer.json(), "ReferencedSOPSequence")[0], "WarningReason") == 0xB000
    assert "already stored" in answer.headers["warning"]
    series = str(changed.SeriesInstanceUID)
    kept = archive.retrieve_instance(order.study_instance_uid, series, str(changed.SOPInstanceUID), tmp_path / "kept")
    assert kept.read_bytes() == paths[0].read_bytes()


def test_the_same_instance_twice_in_one_request_is_stored_once(http, study, archive):
    order, paths = study
    assert post(http, [paths[0].read_bytes()] * 2).status_code == 200
    assert len(archive.search_instances(order.study_instance_uid)) == 1


def test_a_series_uid_that_another_study_uses_is_refused(archive, http, study, tmp_path):
    _order, paths = study
    archive.store(paths[:1])
    other = pydicom.dcmread(paths[1])
    other.StudyInstanceUID = new_uid()
    other.save_as(tmp_path / "other.dcm")
    answer = post(http, [(tmp_path / "other.dcm").read_bytes()])
    assert answer.status_code == 409
    assert get(items(answer.json(), "FailedSOPSequence")[0], "FailureReason") == 0xA902


def test_the_archive_client_names_the_reason_of_each_refused_instance(archive, tmp_path):
    broken = corrupt_file(tmp_path / "broken")
    with pytest.raises(StoreFailed, match="C001H") as refused:
        archive.store([broken])
    assert refused.value.reasons == {str(pydicom.dcmread(broken).SOPInstanceUID): 0xC001}


@pytest.mark.parametrize("uid", ["..", "1.2.%2e%2e", "a", "1." * 40 + "1"])
def test_an_instance_whose_study_uid_is_no_uid_never_becomes_a_path(http, study, tmp_path, uid, archive_server):
    dataset = pydicom.dcmread(study[1][0])
    with pydicom.config.disable_value_validation():
        dataset.StudyInstanceUID = uid
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = new_uid()
    dataset.save_as(tmp_path / "odd.dcm")
    before = archive_server.stored_files()
    answer = post(http, [(tmp_path / "odd.dcm").read_bytes()])
    assert answer.status_code == 400
    assert archive_server.stored_files() == before


def test_a_body_that_breaks_off_stores_nothing_and_leaves_nothing(image_manager, study):
    body = b"".join(file_parts(BOUNDARY, [(study[1][0], "application/dicom")]))
    with httpx.Client(base_url=image_manager.dicomweb) as client:
        answer = client.post("/studies", content=body[:-100], headers={"Content-Type": TYPE})
    assert answer.status_code == 400
    assert "closing boundary" in answer.json()["message"]
    assert image_manager.stored_files() == []
    assert list((image_manager.data_dir / "image_manager" / "incoming").iterdir()) == []


contents = st.lists(
    st.binary(max_size=300) | st.sampled_from([b"\r\n--a-bound", b"--a-boundary", b"\r\n\r\n"]), max_size=4
)


@given(contents, st.lists(st.integers(1, 97), min_size=1, max_size=10))
@settings(deadline=None, max_examples=60)
def test_parts_come_out_as_they_went_in_however_the_body_is_cut(tmp_path_factory, parts, cuts):
    if any(f"\r\n--{BOUNDARY}".encode() in part for part in parts):
        return
    folder = tmp_path_factory.mktemp("parts")
    numbers = iter(range(10))
    files = PartFiles(TYPE, lambda: folder / str(next(numbers)))
    body = b"".join(bytes_parts(BOUNDARY, parts, "application/dicom"))
    start, turn = 0, 0
    while start < len(body):
        files.feed(body[start : start + cuts[turn % len(cuts)]])
        start, turn = start + cuts[turn % len(cuts)], turn + 1
    assert [part.path.read_bytes() for part in files.finish()] == parts


def test_a_body_that_is_given_up_leaves_no_file(tmp_path):
    files = PartFiles(TYPE, lambda: tmp_path / "part")
    files.feed(b"--a-boundary\r\n\r\nhalf of it")
    with pytest.raises(BadInput, match="closing boundary"):
        files.finish()
    files.close()
    assert list(tmp_path.iterdir()) == []
