"""A small study with its order, results that say everything there is to say, and results at random."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pydicom
from hypothesis import strategies as st
from pydicom import Dataset

from connectathon.fiction import DemoOrder
from connectathon.modality import Head, write_series
from profiles.air import (
    AlgorithmIdentification,
    Comment,
    Confidence,
    Evaluation,
    Finding,
    FindingSite,
    ImageReference,
    KeyImages,
    Location,
    Mark,
    Measurement,
    NormalRange,
    Outline,
    ParametricMap,
    Priority,
    PriorityHint,
    Region,
    ResultContext,
    Results,
    Segment,
    Segmentation,
    SeriesReference,
    Space,
    Standing,
    Tracking,
    Uncertainty,
    Verification,
    context_from_workitem,
    encode,
)
from profiles.dicom import Code, code, put, put_codes, put_items

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
WORKITEM = "2.25.4711"
ALGORITHM = AlgorithmIdentification(
    "nodules|& more", "2.1^beta", "Ørsted & Søn", build="weights", parameters=("threshold=0.5", "mode~fast")
)
LUNG, LIVER, NODULE = code("SCT", "39607008"), Code("10200004", "SCT", "Liver"), code("SCT", "27925004")
LEFT, DISTAL = code("SCT", "7771000"), Code("46053002", "SCT", "Distal")
DIAMETER, VOLUME, MM, ML = (code(*one.split()) for one in ("SCT 81827009", "SCT 118565006", "UCUM mm", "UCUM mL"))
SEVERE, MEAN = code("SCT", "24484000"), code("SCT", "373098007")
VERIFIED = Standing(verification=Verification("Nguyễn^Thị^Ánh^Dr^Jr", "Klinik Süd", NOW))


@cache
def images() -> tuple[Dataset, ...]:
    """Three slices of 8 rows and 10 columns."""
    values = np.arange(10 * 8 * 3, dtype=np.int16).reshape(10, 8, 3)
    head = Head("small", "Small", values, np.diag([2.0, 2.0, 3.0, 1.0]))
    with tempfile.TemporaryDirectory() as folder:
        paths = write_series(head, DemoOrder(patient_name="Müller^Jürgen^K^Prof^III"), Path(folder), slice_axis=2)
        return tuple(pydicom.dcmread(path, stop_before_pixels=True) for path in paths)


def context(**changes) -> ResultContext:
    """What results are tied to: one request with all its numbers."""
    first = images()[0]
    item, request = {}, {}
    put(item, "PatientName", str(first.PatientName))
    put(item, "PatientID", str(first.PatientID))
    put(item, "IssuerOfPatientID", "HOSP&Ü")
    put(item, "PatientBirthDate", str(first.PatientBirthDate))
    put(item, "PatientSex", str(first.PatientSex))
    put(item, "StudyInstanceUID", str(first.StudyInstanceUID))
    put(request, "AccessionNumber", "A|1")
    put(request, "StudyInstanceUID", str(first.StudyInstanceUID))
    put(request, "RequestedProcedureID", "RP^7")
    put_codes(request, "RequestedProcedureCodeSequence", Code("24590-2", "LN", "MR Brain & more"))
    put(request, "ReasonForTheRequestedProcedure", "Headache ~ nausea")
    put(request, "PlacerOrderNumberImagingServiceRequest", "P9")
    put(request, "FillerOrderNumberImagingServiceRequest", "F9")
    issuer = {}
    put(issuer, "LocalNamespaceEntityID", "EHR")
    put(issuer, "UniversalEntityID", "1.2.3.4")
    put(issuer, "UniversalEntityIDType", "ISO")
    put_items(request, "OrderPlacerIdentifierSequence", issuer)
    put_items(item, "ReferencedRequestSequence", request)
    put_codes(item, "ScheduledWorkitemCodeSequence", code("99STEPWELL", "BRAINSEG"))
    made = context_from_workitem(item, images(), station=Code("STEPWELL", "L", "AI"), now=NOW, seed="w-1 a-1")
    for name, value in changes.items():
        object.__setattr__(made, name, value)
    return made


def everything() -> Results:
    """Results with every primitive, and every part of each."""
    uids = tuple(str(image.SOPInstanceUID) for image in images())
    mask = np.zeros((3, 8, 10), dtype=np.bool_)
    mask[1, 2:5, 3:6] = True
    space = Space(str(images()[0].FrameOfReferenceUID))
    nodule, gone, brain, box, dots, ball, heat, bare = (
        Tracking(name) for name in ("Nodule 1", "Nodule 2", "Brain", "Box", "Dots", "Ball", "Heat", "Line")
    )
    side = FindingSite(LUNG, LEFT, DISTAL)
    segment = Segment("Brain", code("SCT", "91723000"), code("SCT", "12738006"), mask, brain)
    heated = ParametricMap(
        np.ones((3, 8, 10), np.float32), code("DCM", "130404"), code("UCUM", "1"), uids, heat, "Heat"
    )
    long, wide = ((0.0, 0.0, -2.0), (0.0, 0.0, 2.0)), ((0.0, -1.0, 0.0), (0.0, 1.0, 0.0))
    return Results(
        segmentations=(Segmentation((segment,), uids),),
        measurements=(
            Measurement(
                DIAMETER, 6.4, MM, nodule, code("SCT", "370129005"), MEAN, (side, FindingSite(LIVER)),
                Uncertainty(0.1, 0.25), NormalRange(-1.5, 5.0), code("SCT", "371879000"),
            ),
            Measurement(DIAMETER, 1e-7, MM, nodule, normal=NormalRange(upper=3.0), sites=(FindingSite(LIVER),)),
            Measurement(VOLUME, 0.108, ML, brain, normal=NormalRange(lower=1.0), normality=Code("1", "99X", "odd")),
        ),
        findings=(
            Finding(NODULE, nodule, True, (side, FindingSite(LIVER)), code("SCT", "49755003"), SEVERE,
                    Confidence(87.5), (ImageReference(uids[0]),)),
            Finding(NODULE, gone, present=False, sites=(FindingSite(LIVER),)),
        ),
        evaluations=(
            Evaluation(code("SCT", "246112005"), SEVERE, nodule, ((code("SCT", "272741003"), LEFT),)),
            Evaluation(Code("Q1", "99STEPWELL", "Image quality"), Code("A", "99STEPWELL", "good | fair")),
        ),
        locations=(
            Location(Mark.MULTIPOINT, ((1.0, 2.0), (3.0, 4.5)), ImageReference(uids[1]), dots),
            Location(Mark.LINE, ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0)), space, bare),
        ),
        regions=(
            Region(Outline.BOX, ((1.0, 1.0), (4.0, 5.0)), ImageReference(uids[0]), box),
            Region(
                Outline.ELLIPSOID,
                (*long, *wide, (-1.0, 0.0, 0.0), (1.0, 0.0, 0.0)), space, ball,
            ),
        ),
        comments=(
            Comment("Größe 6^4 mm | a~b \\ c & d\nzweite Zeile\r\ndritte", nodule), Comment("見えない\tÜbersicht"),
        ),
        priority=PriorityHint(Priority.HIGH, "bleeding?"),
        maps=(heated,),
        key_images=(
            KeyImages((ImageReference(uids[0]), SeriesReference(str(images()[0].SeriesInstanceUID))), "the best | one"),
        ),
    )  # fmt: skip


@cache
def everything_encoded(seed: str = "w-1 a-1") -> list[Dataset]:
    return encode(everything(), context(seed=seed), ALGORITHM)


#: Texts in any script, with every sign that means something to HL7 or JSON.
TEXT = st.text(
    st.one_of(st.sampled_from('|^~\\&"<>%#äß漢\n\t '), st.characters(codec="utf-8", categories=["L", "N", "P", "S"])),
    min_size=1,
    max_size=120,
).filter(str.strip)
LABEL = st.text(
    st.one_of(st.sampled_from('|^~&"<>äß漢 '), st.characters(codec="utf-8", categories=["L", "N"])),
    min_size=1,
    max_size=40,
).filter(str.strip)
NUMBER = st.floats(allow_nan=False, allow_infinity=False, width=64).filter(lambda value: abs(value) < 1e15)
CODES = st.sampled_from([NODULE, LUNG, LIVER, LEFT, SEVERE, MEAN])
OWN = st.builds(lambda name, meaning: Code(f"Q{name}", "99SITE", meaning), st.integers(0, 99), LABEL)
SITES = st.lists(
    st.builds(
        FindingSite, st.sampled_from([LUNG, LIVER]), st.sampled_from([None, LEFT]), st.sampled_from([None, DISTAL])
    ),
    max_size=2,
).map(tuple)
STANDINGS = st.sampled_from([Standing(), Standing(preliminary=True), Standing(False, "a slice is missing"), VERIFIED])


@st.composite
def results(draw) -> Results:
    """Findings of some things, with numbers, answers and words."""
    names = draw(st.lists(LABEL, min_size=1, max_size=3, unique=True))
    findings, measurements, evaluations, comments = [], [], [], []
    for name in names:
        of = Tracking(name)
        is_there = draw(st.booleans())
        sure = draw(st.none() | st.floats(0, 100).map(Confidence))
        findings.append(Finding(draw(CODES), of, is_there, draw(SITES), draw(st.none() | CODES), None, sure))
        for _ in range(draw(st.integers(0, 2))):
            limits = draw(st.none() | st.tuples(NUMBER, NUMBER).map(sorted).map(lambda pair: NormalRange(*pair)))
            measurements.append(
                Measurement(draw(OWN), draw(NUMBER), MM, of, draw(st.none() | CODES), draw(st.none() | CODES),
                            draw(SITES), normal=limits, normality=draw(st.none() | CODES))
            )  # fmt: skip
        evaluations += draw(st.lists(st.builds(Evaluation, OWN, OWN, st.just(of)), max_size=2))
        comments += draw(st.lists(st.builds(Comment, TEXT, st.just(of)), max_size=2))
    evaluations += draw(st.lists(st.builds(Evaluation, OWN, OWN), max_size=1))
    comments += draw(st.lists(st.builds(Comment, TEXT), max_size=1))
    hint = draw(st.none() | st.builds(PriorityHint, st.sampled_from(list(Priority)), TEXT))
    return Results(findings=tuple(findings), measurements=tuple(measurements), evaluations=tuple(evaluations),
                   comments=tuple(comments), priority=hint)  # fmt: skip
