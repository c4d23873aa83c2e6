"""What runs inside Orthanc's network namespace; `test_orthanc.py` starts it. Not collected by itself."""

import dataclasses

import highdicom as hd
import numpy as np
import pydicom
import pytest
from highdicom.content import AlgorithmIdentificationSequence
from pydicom.sr.codedict import codes

from actors.shared.dicomweb import Archive, StoreFailed
from actors.shared.dimse import echo
from connectathon.fiction import new_order
from connectathon.modality import load_head, send_study, write_series
from connectathon.peers.orthanc import orthanc
from profiles.dicom import get, new_uid, text
from profiles.errors import NotFound


@pytest.fixture(scope="module")
def peer(tmp_path_factory):
    with orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.fixture
def archive(peer):
    with Archive(peer.dicomweb) as client:
        yield client


@pytest.fixture(scope="module")
def head():
    return load_head()


@pytest.fixture
def study(head, tmp_path):
    order = new_order()
    return order, write_series(head, order, tmp_path / "study", slice_axis=0, slices=slice(80, 86))


def series_of(archive, order):
    return text(archive.search_series(order.study_instance_uid)[0], "SeriesInstanceUID")


def test_a_study_is_stored_twice_as_one_and_retrieved_unchanged(archive, study, tmp_path):
    order, paths = study
    archive.store(paths)
    archive.store(paths, order.study_instance_uid)
    series = series_of(archive, order)
    assert len(archive.search_instances(order.study_instance_uid, series)) == len(paths)
    back = archive.retrieve_series(order.study_instance_uid, series, tmp_path / "back")
    found = {one.SOPInstanceUID: one for one in map(pydicom.dcmread, back)}
    for path in paths:
        sent = pydicom.dcmread(path)
        assert found[sent.SOPInstanceUID] == sent


@pytest.mark.parametrize("value", ["{name}", "fictional*", "FICTIONAL^*"])
def test_a_study_is_found_by_person_name_and_wildcard(archive, study, value):
    order, paths = study
    archive.store(paths[:1])
    wanted = {"PatientName": value.format(name=order.patient_name), "AccessionNumber": order.accession_number}
    assert [text(one, "StudyInstanceUID") for one in archive.search_studies(wanted)] == [order.study_instance_uid]
    assert archive.search_studies({**wanted, "PatientName": "X*"}) == []


def test_metadata_and_frames_come_through(archive, study):
    order, paths = study
    archive.store(paths)
    found = archive.series_metadata(order.study_instance_uid, series_of(archive, order))
    assert {get(one, "InstanceNumber") for one in found} == set(range(81, 87))
    first = pydicom.dcmread(paths[0])
    uids = (order.study_instance_uid, str(first.SeriesInstanceUID), str(first.SOPInstanceUID))
    assert archive.frame(*uids, 1) == first.PixelData
    assert text(archive.instance_metadata(*uids), "AccessionNumber") == order.accession_number


def test_one_bit_frames_come_through(archive, study, tmp_path):
    sources = [pydicom.dcmread(path) for path in study[1]]
    mask = (np.stack([one.pixel_array for one in sources]) > 100).astype(np.uint8)
    algorithm = AlgorithmIdentificationSequence("test", codes.DCM.ArtificialIntelligence, "1")
    segment = hd.seg.SegmentDescription(
        1, "Brain", codes.SCT.Organ, codes.SCT.Brain, hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC, algorithm
    )
    dataset = hd.seg.Segmentation(
        sources, mask, hd.seg.SegmentationTypeValues.BINARY, [segment], hd.UID(), 2, hd.UID(), 1, "M", "M", "1", "1"
    )
    dataset.save_as(tmp_path / "seg.dcm")
    archive.store([tmp_path / "seg.dcm"])
    uids = (str(dataset.StudyInstanceUID), str(dataset.SeriesInstanceUID), str(dataset.SOPInstanceUID))
    frame = np.unpackbits(np.frombuffer(archive.frame(*uids, 3), np.uint8), bitorder="little")
    assert (frame == dataset.pixel_array[2].ravel()).all()


def test_a_refused_instance_is_reported_with_a_reason(archive, study):
    with pytest.raises(StoreFailed) as refused:
        archive.store(study[1][:1], new_uid())
    assert list(refused.value.reasons) == [pydicom.dcmread(study[1][0]).SOPInstanceUID]


def test_a_part_that_is_no_dicom_is_reported(archive, tmp_path):
    (tmp_path / "text.dcm").write_text("no DICOM")
    with pytest.raises(StoreFailed, match="named no instance"):
        archive.store([tmp_path / "text.dcm"])


def test_an_unknown_series_is_not_found(archive):
    with pytest.raises(NotFound):
        archive.series_metadata(new_uid(), new_uid())


def test_a_study_is_sent_over_dimse(peer, archive, head, tmp_path):
    order = dataclasses.replace(new_order(), procedure_description="over DIMSE")
    paths = write_series(head, order, tmp_path / "dimse", slice_axis=0, slices=slice(80, 83))
    echo(*peer.dimse, "ORTHANC")
    send_study(paths, dimse=peer.dimse, called_ae="ORTHANC")
    assert len(archive.search_instances(order.study_instance_uid)) == 3
