"""Results under a label instead of their source, for readers who compare sources."""

from __future__ import annotations

import dataclasses
import io
import re
import string
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset

from profiles.air import (
    AlgorithmIdentification,
    Comment,
    Equipment,
    Evaluation,
    Finding,
    FindingSite,
    IllegalResult,
    ImageReference,
    KeyImages,
    ParametricMap,
    Priority,
    PriorityHint,
    Qualification,
    ResultContext,
    Results,
    Standing,
    Tracking,
    Verification,
    encode,
)
from profiles.air.blinding import BlindingKey, Source, blind, encode_blinded, unblind
from profiles.air.traces import traces
from profiles.dicom import Code, code
from tests.air.conftest import Judge

ISSUED = datetime(2030, 2, 1, 12, 0, tzinfo=UTC)
SECRET = "0123456789abcdef" * 4
VENDOR = AlgorithmIdentification(
    "GliaSeg Pro",
    "7.31.4",
    "Cerebralytics GmbH",
    build="sha256-deadbeefcafe",
    family=code("DCM", "123109"),
    parameters=("weights=gliaseg-large",),
)
HOST = Equipment("Zuse Hosting", "Zuse Runner", "88.3.1", "SN-445566")
WORDS = [
    *("GliaSeg", "7.31.4", "Cerebralytics", "deadbeefcafe", "gliaseg-large", "Zuse", "88.3.1", "SN-445566"),
    *("ZUSEAE", "Glia room", "Reader", "Clinic 9", "99CEREBRAL", "HOMEGROWN", "PREDECESSOR", VENDOR.device_uid),
]

names = st.text(string.ascii_letters + string.digits + " -", max_size=30).map(lambda word: f"Vq7x{word}")
"""Names that no object holds by chance."""
algorithms = st.builds(AlgorithmIdentification, name=names, version=names, manufacturer=names, build=names)
sources = st.builds(Source, algorithms, st.sampled_from(["", "Adams^Ada", "Berg^Bo"]))


@pytest.fixture
def everything(results: Results, images: list[Dataset]) -> Results:
    """Results of every kind of object, as an engine with codes of its own says them."""
    uids = tuple(str(image.SOPInstanceUID) for image in images)
    saliency = ParametricMap(
        np.random.default_rng(0).random((12, 20, 24), dtype=np.float32),
        code("DCM", "130404"),
        code("UCUM", "1"),
        uids,
        Tracking("Brain"),
        "Saliency",
        qualification=Qualification.PRODUCT,
        site=FindingSite(code("SCT", "12738006")),
    )
    own = Code("HOMEGROWN", "99CEREBRAL", "Unusual texture")
    lesion = Tracking("Lesion 1", "1.2.40.77.1")
    return dataclasses.replace(
        results,
        maps=(saliency,),
        key_images=(KeyImages((ImageReference(uids[3]),), "Largest cross section"),),
        findings=(Finding(own, lesion),),
        evaluations=(Evaluation(own, own, lesion),),
        comments=(Comment("Movement", lesion),),
        priority=PriorityHint(Priority.HIGH, "large"),
        figures={"engine": "GliaSeg"},
    )


@pytest.fixture
def telling(make_context: Callable[..., ResultContext]) -> ResultContext:
    """A context full of the source."""
    return dataclasses.replace(
        make_context(),
        equipment=HOST,
        station=Code("ZUSEAE", "L", "Glia room"),
        protocol=(Code("HOMEGROWN", "99CEREBRAL", "GliaSeg run"),),
        series_number=4711,
        standing=Standing(verification=Verification("Reader^Rita", "Clinic 9", ISSUED)),
    )


@pytest.fixture
def key() -> BlindingKey:
    return BlindingKey("Three-way 2030", SECRET).with_source(Source(VENDOR))


def content(dataset: Dataset) -> bytes:
    """The object as a file without its pixels, which are numbers and may be any letters by chance."""
    plain = dataset[:]
    plain.file_meta = dataset.file_meta
    for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"):
        if keyword in plain:
            del plain[keyword]
    file = io.BytesIO()
    plain.save_as(file, enforce_file_format=True)
    return file.getvalue()


@pytest.mark.requirement("AIR-016", "AIR-017", "AIR-020")
def test_no_byte_of_any_object_names_the_source(everything: Results, telling: ResultContext, key: BlindingKey) -> None:
    open_objects = encode(everything, telling, VENDOR)
    assert any(b"GliaSeg" in content(made) for made in open_objects)

    made = encode_blinded(everything, telling, VENDOR, key, issued_at=ISSUED)

    assert [str(one.Modality) for one in made] == ["SEG", "OT", "SR", "KO"]
    for one in made:
        said = content(one).lower()
        assert [word for word in WORDS if word.lower().encode() in said] == []


@pytest.mark.requirement("AIR-016", "AIR-017")
def test_the_label_stands_where_the_source_stood(everything: Results, telling: ResultContext, key: BlindingKey) -> None:
    label = key.label(Source(VENDOR))
    for made in encode_blinded(everything, telling, VENDOR, key, issued_at=ISSUED):
        assert [str(row.ManufacturerModelName) for row in made.ContributingEquipmentSequence].count(label) == 1
        assert made.SeriesDescription.startswith(label)


def test_blinded_and_open_objects_share_no_uid_but_those_of_the_study(
    everything: Results, telling: ResultContext, key: BlindingKey
) -> None:
    shown = encode(everything, telling, VENDOR)
    hidden = encode_blinded(everything, telling, VENDOR, key, issued_at=ISSUED)
    for before, after in zip(shown, hidden, strict=True):
        assert before.StudyInstanceUID == after.StudyInstanceUID
        assert before.SOPInstanceUID != after.SOPInstanceUID
        assert before.SeriesInstanceUID != after.SeriesInstanceUID
    assert "1.2.40.77.1" not in str(hidden[2])


def test_blinded_objects_satisfy_every_validator(judge: Judge, everything: Results, telling: ResultContext) -> None:
    key = BlindingKey("Three-way 2030", SECRET).with_source(Source(VENDOR))
    coded = dataclasses.replace(everything, findings=(), evaluations=(), comments=())
    judge.read_back(encode_blinded(coded, telling, VENDOR, key, issued_at=ISSUED))


def test_three_sources_one_of_them_a_person_cannot_be_told_apart(results: Results, telling: ResultContext) -> None:
    plain = dataclasses.replace(telling, standing=Standing())
    other = AlgorithmIdentification("OpenGlioma", "0.3.0", "A University")
    pencil = AlgorithmIdentification("Pencil", "12.0.1", "Drawing Tools", family=code("DCM", "123109"))
    drawn = dataclasses.replace(plain, observer="Reader^Rita")
    key = BlindingKey("Three-way 2030", SECRET)
    for source in (Source(VENDOR), Source(other), Source(pencil, "Reader^Rita")):
        key = key.with_source(source)

    made = [
        encode_blinded(results, context, algorithm, key, issued_at=ISSUED)
        for context, algorithm in ((plain, VENDOR), (plain, other), (drawn, pencil))
    ]

    labels = [key.label(Source(VENDOR)), key.label(Source(other)), key.label(Source(pencil, "Reader^Rita"))]
    assert len(set(labels)) == 3
    own = re.compile(r"2\.25\.\d+|Group Length .*")
    looks = {
        tuple(own.sub("UID", str(one)).replace(label, "LABEL") for one in objects)
        for label, objects in zip(labels, made, strict=True)
    }
    assert len(looks) == 1
    assert unblind(labels[2], key).observer == "Reader^Rita"


@given(sources, st.text(string.hexdigits[:16], min_size=64, max_size=64))
def test_a_source_has_one_label_in_a_campaign_and_another_in_the_next(source: Source, secret: str) -> None:
    one, other = BlindingKey("Spring", secret), BlindingKey("Autumn", secret)
    assert one.label(source) == one.with_source(source).label(source)
    assert one.label(source) != other.label(source)
    assert re.fullmatch("Source [A-Z2-7]{6}", one.label(source))


@given(st.lists(sources, min_size=2, max_size=4, unique_by=lambda one: one.identity))
def test_the_key_is_the_same_in_whatever_order_sources_join(found: list[Source]) -> None:
    shuffled = sorted(found, key=lambda one: one.identity)
    one = other = BlindingKey("Spring", SECRET)
    for source in found:
        one = one.with_source(source)
    for source in shuffled:
        other = other.with_source(source)
    assert one.to_json() == other.to_json()
    assert BlindingKey.from_json(one.to_json()) == one
    assert [unblind(one.label(source), one) for source in found] == found


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made_by=algorithms)
@pytest.mark.requirement("AIR-016", "AIR-017")
def test_nothing_of_any_algorithm_is_left_in_the_bytes(
    made_by: AlgorithmIdentification, make_context: Callable[..., ResultContext]
) -> None:
    key = BlindingKey("Spring", SECRET).with_source(Source(made_by))
    found = Results(findings=(Finding(code("SCT", "27925004"), Tracking("Nodule 1")),))
    (made,) = encode_blinded(found, make_context(), made_by, key, issued_at=ISSUED)
    said = content(made).lower()
    for word in (made_by.name, made_by.version, made_by.manufacturer, made_by.device_uid, made_by.build):
        assert word.strip().lower().encode() not in said


def test_the_key_never_shows_itself(key: BlindingKey) -> None:
    assert SECRET not in repr(key)
    assert "GliaSeg" not in repr(key)


def test_a_source_that_the_key_does_not_hold_is_not_blinded(results: Results, telling: ResultContext) -> None:
    with pytest.raises(IllegalResult, match="with_source"):
        blind(results, telling, VENDOR, BlindingKey("Spring"), issued_at=ISSUED)


@pytest.mark.parametrize(
    "words", ["Seen by GliaSeg Pro", "gliaseg_pro 2", "made at Cerebralytics  GmbH", "version 7.31.4"]
)
def test_words_that_name_the_source_are_refused_with_their_place(
    words: str, results: Results, telling: ResultContext, key: BlindingKey
) -> None:
    told = dataclasses.replace(results, comments=(Comment(words, Tracking("Brain")),))
    with pytest.raises(IllegalResult, match="ContentSequence/TextValue"):
        encode_blinded(told, telling, VENDOR, key, issued_at=ISSUED)


def test_parts_of_words_and_what_acquired_the_images_are_no_trace() -> None:
    made, acquired, purpose = Dataset(), Dataset(), Dataset()
    purpose.CodeValue = "109101"
    acquired.PurposeOfReferenceCodeSequence = [purpose]
    acquired.Manufacturer = "Glia"
    made.ContributingEquipmentSequence = [acquired]
    made.SeriesDescription, made.PatientName, made.StudyID = "Gliasegment 17.31.45", "Glia^A", "7.31.4"
    assert list(traces(made, ["Glia", "7.31.4", "1"])) == []
    assert list(traces(made, ["1", ""])) == []
    made.Manufacturer = "Glia 2"
    assert list(traces(made, ["Glia", "7.31.4"])) == ["Manufacturer"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: BlindingKey("", SECRET), "reading campaign"),
        (lambda: BlindingKey("Spring", "too short"), "hexadecimal"),
        (lambda: BlindingKey.from_json("{}"), "no key"),
        (lambda: BlindingKey.from_json("no JSON"), "no key"),
        (lambda: unblind("Source AAAAAA", BlindingKey("Spring")), "no label"),
        (lambda: Source(VENDOR, "Rita"), "Family"),
    ],
)
def test_what_is_no_key_or_label_is_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(IllegalResult, match=words):
        make()
