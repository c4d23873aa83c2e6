"""WADO-RS of the Image Manager (PS3.18 section 10.4)."""

import io
import re

import highdicom as hd
import numpy as np
import pydicom
import pytest
from highdicom.content import AlgorithmIdentificationSequence
from PIL import Image
from pydicom.sr.codedict import codes

from profiles.dicom import new_uid, text
from profiles.errors import NotFound


@pytest.fixture
def stored(archive, study):
    order, paths = study
    archive.store(paths)
    first = pydicom.dcmread(paths[0])
    return order, paths, (order.study_instance_uid, str(first.SeriesInstanceUID), str(first.SOPInstanceUID))


@pytest.mark.requirement("AIR-IM-010")
def test_a_foreign_client_retrieves_study_series_and_instance(foreign_client, stored):
    _order, paths, (study, series, instance) = stored
    assert len(foreign_client.retrieve_study(study)) == len(paths)
    assert len(foreign_client.retrieve_series(study, series)) == len(paths)
    assert foreign_client.retrieve_instance(study, series, instance) == pydicom.dcmread(paths[0])


@pytest.mark.requirement("AIR-IM-010")
def test_a_foreign_client_retrieves_frames_with_its_default_accept(foreign_client, stored):
    _order, paths, uids = stored
    frames = foreign_client.retrieve_instance_frames(*uids, frame_numbers=[1])
    assert frames[0] == pydicom.dcmread(paths[0]).PixelData


@pytest.mark.requirement("AIR-IM-013")
def test_metadata_is_valid_dicom_json_and_names_where_the_pixels_are(http, stored, foreign_client):
    _order, paths, (study, series, instance) = stored
    found = http.get(f"/studies/{study}/series/{series}/metadata").json()
    assert len(found) == len(paths)
    for tag, element in found[0].items():
        assert re.fullmatch("[0-9A-F]{8}", tag)
        assert len(element["vr"]) == 2
        assert element.get("Value", [0]) != []
    pixels = http.get(found[0]["7FE00010"]["BulkDataURI"], headers={"Accept": "application/octet-stream"})
    assert pixels.content == pydicom.dcmread(paths[0]).PixelData
    dataset = pydicom.Dataset.from_json(
        foreign_client.retrieve_instance_metadata(study, series, instance), bulk_data_uri_handler=lambda _uri: b""
    )
    assert dataset.PatientID == pydicom.dcmread(paths[0]).PatientID


@pytest.mark.requirement("AIR-IM-013")
def test_an_empty_sequence_has_no_value_in_the_metadata_at_any_depth(http, archive, study):
    file = pydicom.dcmread(study[1][0])
    file.ReferencedStudySequence = []
    request = pydicom.Dataset()
    request.RequestedProcedureID, request.ReferencedStudySequence = "1", []
    file.RequestAttributesSequence = [request]
    file.save_as(study[1][0])
    archive.store(study[1][:1])
    [found] = http.get(f"/studies/{file.StudyInstanceUID}/metadata").json()
    assert found["00081110"] == {"vr": "SQ"}
    assert found["00400275"]["Value"][0]["00081110"] == {"vr": "SQ"}


@pytest.mark.requirement("AIR-IM-010")
@pytest.mark.parametrize("path", ["", "/metadata", "/series/1.2/metadata", "/series/1.2/instances/1.3/frames/1"])
def test_an_unknown_uid_is_answered_with_404(http, path):
    assert http.get(f"/studies/{new_uid()}{path}").status_code == 404


def test_a_frame_that_does_not_exist_is_answered_with_404(archive, stored):
    with pytest.raises(NotFound, match="frame 2 does not exist"):
        archive.frame(*stored[2], 2)


@pytest.mark.requirement("AIR-IM-011")
@pytest.mark.parametrize(
    ("accept", "status", "media"),
    [
        ('multipart/related; type="application/dicom"', 200, "multipart/related"),
        ("multipart/related; type=application/dicom; transfer-syntax=*", 200, "multipart/related"),
        ("application/dicom", 200, "application/dicom"),
        ("*/*", 200, "multipart/related"),
        ("text/html, multipart/related; type=application/dicom;q=0.5", 200, "multipart/related"),
        ("multipart/related; type=application/dicom; transfer-syntax=1.2.840.10008.1.2.1", 200, "multipart/related"),
        ("multipart/related; type=application/dicom; transfer-syntax=1.2.840.10008.1.2.4.90", 406, "application/json"),
        ("text/html", 406, "application/json"),
        ("multipart/related; type=video/mpeg", 406, "application/json"),
    ],
)
def test_the_accepted_media_type_decides_the_form_of_the_answer(http, stored, accept, status, media):
    study, series, instance = stored[2]
    answer = http.get(f"/studies/{study}/series/{series}/instances/{instance}", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (status, media)


def test_each_part_names_its_transfer_syntax(http, stored):
    study, series, _instance = stored[2]
    answer = http.get(f"/studies/{study}/series/{series}")
    assert answer.content.count(b"Content-Type: application/dicom; transfer-syntax=1.2.840.10008.1.2.1\r\n") == 6


@pytest.fixture
def segmentation(study, tmp_path):
    """A binary SEG whose frames have 35 pixels, so that they do not start on bytes."""
    sources = [pydicom.dcmread(path) for path in study[1]]
    rng = np.random.default_rng(7)
    for source in sources:
        source.Rows, source.Columns = 5, 7
        source.PixelData = rng.integers(0, 99, 35, np.int16).tobytes()
    mask = rng.integers(0, 2, (len(sources), 5, 7)).astype(np.uint8)
    algorithm = AlgorithmIdentificationSequence("test", codes.DCM.ArtificialIntelligence, "1")
    segment = hd.seg.SegmentDescription(
        1, "Brain", codes.SCT.Organ, codes.SCT.Brain, hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC, algorithm
    )
    dataset = hd.seg.Segmentation(
        sources, mask, hd.seg.SegmentationTypeValues.BINARY, [segment], hd.UID(), 2, hd.UID(), 1, "M", "M", "1", "1",
        omit_empty_frames=False,
    )  # fmt: skip
    dataset.save_as(tmp_path / "seg.dcm")
    return tmp_path / "seg.dcm", dataset


@pytest.mark.requirement("AIR-IM-010")
def test_one_bit_frames_are_packed_each_from_its_own_first_byte(archive, segmentation):
    path, dataset = segmentation
    archive.store([path])
    expected = pydicom.dcmread(path).pixel_array
    uids = (str(dataset.StudyInstanceUID), str(dataset.SeriesInstanceUID), str(dataset.SOPInstanceUID))
    for number in range(1, int(dataset.NumberOfFrames) + 1):
        packed = np.frombuffer(archive.frame(*uids, number), np.uint8)
        assert len(packed) == 5
        pixels = np.unpackbits(packed, bitorder="little")[:35].reshape(5, 7)
        assert (pixels == expected[number - 1]).all()


def test_frames_of_a_compressed_instance_are_decoded(archive, study, tmp_path):
    dataset = pydicom.dcmread(study[1][0])
    native = dataset.PixelData
    dataset.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
    dataset.save_as(tmp_path / "rle.dcm")
    archive.store([tmp_path / "rle.dcm"])
    uids = (str(dataset.StudyInstanceUID), str(dataset.SeriesInstanceUID), str(dataset.SOPInstanceUID))
    assert archive.frame(*uids, 1) == native


def test_a_rendered_frame_is_a_picture_within_the_viewport_and_follows_the_window(archive, stored):
    uids = stored[2]
    whole = Image.open(io.BytesIO(archive.rendered(*uids)))
    assert (whole.format, whole.size) == ("PNG", (256, 256))
    small = Image.open(io.BytesIO(archive.rendered(*uids, parameters={"viewport": "64,64"})))
    assert small.size == (64, 64)
    dark = Image.open(io.BytesIO(archive.rendered(*uids, parameters={"window": "100000,10,linear"})))
    assert np.asarray(dark).max() == 0


def test_a_picture_as_jpeg_is_served_on_demand(http, stored):
    study, series, instance = stored[2]
    url = f"/studies/{study}/series/{series}/instances/{instance}/rendered"
    assert http.get(url, headers={"Accept": "image/jpeg"}).content[:2] == b"\xff\xd8"
    assert http.get(url, headers={"Accept": "image/gif"}).status_code == 406
    assert http.get(url, params={"window": "wide"}, headers={"Accept": "image/png"}).status_code == 400


def test_an_instance_without_pixels_cannot_be_rendered(archive, study, tmp_path):
    dataset = pydicom.dcmread(study[1][0])
    del dataset.PixelData
    dataset.save_as(tmp_path / "bare.dcm")
    archive.store([tmp_path / "bare.dcm"])
    found = archive.search_instances(study[0].study_instance_uid)[0]
    with pytest.raises(NotFound, match="rendered"):
        archive.rendered(study[0].study_instance_uid, text(found, "SeriesInstanceUID"), text(found, "SOPInstanceUID"))


@pytest.mark.requirement("AIR-IM-016")
def test_many_frames_come_in_the_order_that_was_asked_for(archive, segmentation, http):
    path, dataset = segmentation
    archive.store([path])
    url = f"/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}/instances/{dataset.SOPInstanceUID}"
    answer = http.get(f"{url}/frames/3,1")
    uids = (str(dataset.StudyInstanceUID), str(dataset.SeriesInstanceUID), str(dataset.SOPInstanceUID))
    third, first = (answer.content.index(archive.frame(*uids, number)) for number in (3, 1))
    assert third < first
