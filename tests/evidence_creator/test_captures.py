"""Pictures as Secondary Capture and Encapsulated PDF: beside the coded objects, in the same study, and legal."""

from __future__ import annotations

import copy
import dataclasses
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pypdf
import pytest
from pydicom import Dataset

import conformance
from actors.evidence_creator.pictures import Overview, caption_of
from profiles.air import (
    Finding,
    IllegalResult,
    ImageReference,
    KeyImages,
    Location,
    Mark,
    Measurement,
    Results,
    Segmentation,
    Standing,
    Tracking,
    Verification,
    encode,
)
from profiles.air.capture_object import encode_captures
from profiles.air.document_object import encode_document
from profiles.dicom import code
from tests.evidence_creator.conftest import NOW

#: What the judge notes of every result of this study: there is no order, and pictures are an extra.
NOTES = {"AIR-010", "AIR-038", "AIR-190"}
DOT = np.zeros((8, 8, 3), dtype=np.uint8)


@pytest.fixture
def results(uids, segment) -> Results:
    found = segment("Square", (5, 6))
    volume = Measurement(code("SCT", "118565006"), 40 * 24 / 1000, code("UCUM", "mL"), found.tracking)
    return Results((Segmentation((found,), uids),), (volume,))


def require_legal(made: list[Dataset], images: list[Dataset], folder: Path, notes: set[str]) -> list[Dataset]:
    """The objects as a reader sees them, when two validators find nothing wrong with them."""
    read = []
    for number, dataset in enumerate(made):
        path = folder / f"{number}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        validator = Path(sys.executable).parent / "dciodvfy"
        said = subprocess.run(
            [validator, "-new", path],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "DCMDICTPATH": ""},
        )
        assert [line for line in (said.stdout + said.stderr).splitlines() if "Error" in line] == []
        read.append(pydicom.dcmread(path))
    named = [(str(one.Modality), one) for one in read] + [(str(image.SOPInstanceUID), image) for image in images]
    assert {finding.rule for finding in conformance.check_datasets(named)} == notes
    return read


@pytest.mark.requirement("AIR-190", "AIR-191")
def test_captures_and_documents_are_legal_and_name_what_they_show(
    results, images, context, algorithm, tmp_path: Path
) -> None:
    overview = Overview(results, images, caption_of(context, algorithm))
    coded, pages, pdf = encode(results, context, algorithm), overview.pages(), overview.pdf()
    captures = encode_captures(pages, coded, overview.shown, context, algorithm)
    document = encode_document(pdf, coded, overview.shown, context, algorithm)
    *_, capture, document = require_legal([*coded, *captures, document], images, tmp_path, NOTES)
    assert (capture.pixel_array == pages[0]).all()
    assert document.EncapsulatedDocument[: document.EncapsulatedDocumentLength] == pdf
    with pypdf.PdfReader(io.BytesIO(document.EncapsulatedDocument)) as reader:
        assert "ball finder 1.2.3" in reader.pages[0].extract_text()
    for made in (capture, document):
        assert made.BurnedInAnnotation == "YES"
        assert made.ConversionType == "SYN"
        assert made.StudyInstanceUID == images[0].StudyInstanceUID
        assert made.PatientID == images[0].PatientID
        assert "ball finder" in made.SeriesDescription
        assert made.ContributingEquipmentSequence[0].DeviceUID == algorithm.device_uid
        drawn = {row.ReferencedSOPInstanceUID for row in made.SourceInstanceSequence}
        assert {one.SOPInstanceUID for one in coded} <= drawn
    assert capture.ImageType[:2] == ["DERIVED", "SECONDARY"]
    assert [row.ReferencedSOPInstanceUID for row in capture.SourceImageSequence] == [images[5].SOPInstanceUID]
    assert len({one.SeriesInstanceUID for one in (*coded, capture, document)}) == len(coded) + 2
    assert (document.VerificationFlag, document.DocumentTitle) == ("UNVERIFIED", "AI result: ball finder 1.2.3")


@pytest.mark.requirement("AIR-191")
def test_captures_of_a_multi_frame_source_name_its_frames(context, algorithm, multi_frame, segment) -> None:
    uid = str(multi_frame.SOPInstanceUID)
    results = Results((Segmentation((segment("Square", (5, 6)),), (uid,), multi_frame=True),))
    tied = dataclasses.replace(context, images=(multi_frame,))
    coded = encode(results, tied, algorithm)
    (capture,) = encode_captures([DOT], coded, [ImageReference(uid, (6,))], tied, algorithm)
    assert capture.SourceImageSequence[0].ReferencedFrameNumber == 6


@pytest.mark.requirement("AIR-191")
def test_made_again_they_are_the_same_and_every_page_is_an_instance(context, algorithm) -> None:
    results = Results(nothing_found=True)
    coded = encode(results, context, algorithm)

    def made() -> list[Dataset]:
        return [
            *encode_captures([DOT, DOT + 1], coded, [], context, algorithm),
            encode_document(b"%PDF-1.4 x", coded, [], context, algorithm, "Page for the referrer"),
        ]

    first, second = made(), made()
    assert first == second
    assert [one.InstanceNumber for one in first] == [1, 2, 1]
    assert len({one.SOPInstanceUID for one in first}) == 3
    assert "SourceImageSequence" not in first[0]
    assert first[2].DocumentTitle == "Page for the referrer"


@pytest.mark.requirement("AIR-190")
def test_a_document_of_a_verified_report_says_so(context, algorithm) -> None:
    word = Standing(verification=Verification("Doe^Jane", "Hospital", NOW))
    verified = dataclasses.replace(context, standing=word)
    coded = encode(Results(nothing_found=True), verified, algorithm)
    assert encode_document(b"%PDF-", coded, [], verified, algorithm).VerificationFlag == "VERIFIED"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"objects": []}, "never instead"),
        ({"pages": [DOT.astype(np.float32)]}, "8-bit numbers"),
        ({"pages": [DOT[..., 0]]}, "shape (8, 8)"),
        ({"shown": [ImageReference("1.2.3")]}, "not among the images"),
        ({"pdf": b"<html>"}, "does not begin as a PDF"),
    ],
    ids=["not coded", "not 8 bits", "not coloured", "unknown image", "no document"],
)
@pytest.mark.requirement("AIR-190", "AIR-191")
def test_a_picture_that_may_not_be_sent_is_refused(context, algorithm, change, words: str) -> None:
    coded = encode(Results(nothing_found=True), context, algorithm)
    given = {"pages": [DOT], "pdf": b"%PDF-1.4", "objects": coded, "shown": [], **change}

    def encode_both() -> None:
        encode_captures(given["pages"], given["objects"], given["shown"], context, algorithm)
        encode_document(given["pdf"], given["objects"], given["shown"], context, algorithm)

    with pytest.raises(IllegalResult) as refusal:
        encode_both()
    assert words in refusal.value.message


@pytest.mark.requirement("AIR-190")
def test_key_images_alone_and_results_of_another_study_have_no_picture(context, algorithm, uids) -> None:
    selection = encode(Results(key_images=(KeyImages((ImageReference(uids[0]),), "why"),)), context, algorithm)
    with pytest.raises(IllegalResult, match="no Comprehensive 3D SR"):
        encode_captures([DOT], selection, [], context, algorithm)
    one = Tracking("One")
    point = Location(Mark.POINT, ((3, 4),), ImageReference(uids[2]), one)
    coded = encode(Results(findings=(Finding(code("SCT", "27925004"), one),), locations=(point,)), context, algorithm)
    other = copy.deepcopy(coded[0])
    other.StudyInstanceUID = "1.2.3"
    with pytest.raises(IllegalResult, match="another study"):
        encode_document(b"%PDF-", [other], [], context, algorithm)
