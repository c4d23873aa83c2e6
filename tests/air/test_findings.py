"""Findings, evaluations, comments, confidence and hints: refused when illegal, and read back as they were stated."""

from __future__ import annotations

import math

import pytest

from profiles.air import (
    Comment,
    Confidence,
    Evaluation,
    Finding,
    FindingSite,
    IllegalResult,
    ImageReference,
    Measurement,
    NormalRange,
    Priority,
    PriorityHint,
    Results,
    Tracking,
    Uncertainty,
)
from profiles.dicom import Code, code

LUNG, RIGHT, NODULE = code("SCT", "39607008"), code("SCT", "24028007"), code("SCT", "27925004")
BOTH = code("SCT", "51440002")
ONE = Tracking("Nodule 1", "1.2.3")
DIAMETER, MM = code("SCT", "81827009"), code("UCUM", "mm")


def concept(item) -> tuple[str, str]:
    return item.ConceptCodeSequence[0].CodeValue, item.ConceptCodeSequence[0].CodingSchemeDesignator


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Finding(Code("", "SCT", "x"), ONE), "Finding needs a code value"),
        (lambda: Finding(Code("1" * 17, "SCT", "x"), ONE), "more than 16"),
        (lambda: Finding(NODULE, ONE, present=False, severity=code("SCT", "6736007")), "leave the severity out"),
        (lambda: FindingSite(LUNG, Code("1", "SCT", "Somewhere")), "CID 244"),
        (lambda: FindingSite(LUNG, RIGHT, Code("", "", "")), "Topographical modifier"),
        (lambda: Confidence(101), "from 0 to 100"),
        (lambda: Confidence(math.nan), "100 times a probability"),
        (lambda: Evaluation(code("DCM", "121071"), NODULE), "report a Finding"),
        (lambda: Evaluation(NODULE, Code("x", "", "")), "The answer of an evaluation"),
        (lambda: Evaluation(NODULE, NODULE, modifiers=((NODULE, Code("x", "", "")),)), "The value of a modifier"),
        (lambda: Comment("  "), "A comment is empty"),
        (lambda: Comment("a\0b"), "control characters"),
        (lambda: Comment("a" * 10241), "10240"),
        (lambda: PriorityHint("URGENT"), "HIGH, MEDIUM, LOW"),  # type: ignore[arg-type] # the wrong type is the point
        (lambda: PriorityHint(Priority.HIGH, "\x07"), "control characters"),
        (lambda: ImageReference("x"), "no UID"),
        (lambda: ImageReference("1.2", (0,)), "counted from 1"),
        (lambda: ImageReference("1.2", (2, 2)), "each named once"),
        (NormalRange, "neither lower nor upper"),
        (lambda: NormalRange(2.0, 1.0), "the lower one first"),
        (lambda: NormalRange(math.inf), "finite"),
        (lambda: Uncertainty(-1.0, 1.0), "0 or more"),
        (lambda: Measurement(DIAMETER, 1.0, Code("5", "UCUM", "five"), ONE), "units are UCUM"),
        (lambda: Measurement(code("DCM", "111012"), 120.0, code("UCUM", "%"), ONE), "above 100"),
        (lambda: Results(findings=(Finding(NODULE, ONE), Finding(NODULE, ONE))), "Two findings share"),
        (lambda: Results(findings=(Finding(NODULE, ONE), Finding(NODULE, Tracking("Two", "1.2.3")))), "two others"),
        (lambda: Results(findings=(Finding(NODULE, ONE),), nothing_found=True), "there is something"),
        (lambda: Results(evaluations=(Evaluation(NODULE, LUNG, ONE),)), "report the thing itself"),
        (lambda: Results(comments=(Comment("Only words."),)), "results are empty"),
    ],
)
def test_what_no_report_may_say_is_refused_with_the_way_to_mend_it(make, words: str) -> None:
    with pytest.raises(IllegalResult) as refusal:
        make()
    assert words in refusal.value.message


@pytest.fixture
def report(judge, images):
    """A finding with everything, one that is absent, and statements about the whole study."""
    shown = ImageReference(str(images[4].SOPInstanceUID))
    (made,) = judge(
        Results(
            findings=(
                Finding(
                    NODULE,
                    ONE,
                    sites=(FindingSite(LUNG, RIGHT, code("SCT", "264217000")),),
                    category=code("SCT", "49755003"),
                    severity=code("SCT", "6736007"),
                    confidence=Confidence(87.5),
                    images=(shown,),
                ),
                Finding(
                    code("SCT", "36118008"), Tracking("Pneumothorax"), present=False, sites=(FindingSite(LUNG, BOTH),)
                ),
            ),
            measurements=(
                Measurement(
                    DIAMETER,
                    8.123456789012345,
                    MM,
                    ONE,
                    derivation=code("SCT", "56851009"),
                    uncertainty=Uncertainty(0.5, 0.75),
                    normal=NormalRange(upper=6.0),
                    normality=code("SCT", "371879000"),
                ),
            ),
            evaluations=(
                Evaluation(code("DCM", "121403"), code("SCT", "386134007"), ONE, ((code("DCM", "121404"), LUNG),)),
                Evaluation(code("DCM", "121402"), code("SCT", "263654008")),
            ),
            comments=(Comment("Größer als zuvor?", ONE), Comment("Motion on some slices.")),
            priority=PriorityHint(Priority.HIGH, "Large."),
        )
    )
    return made


@pytest.mark.requirement("AIR-075", "AIR-079", "AIR-080", "AIR-083")
def test_a_finding_is_a_code_with_its_place_side_and_severity(judge, report) -> None:
    (finding,) = judge.named(report, "121071")
    assert concept(finding) == ("27925004", "SCT")
    assert finding.RelationshipType == "CONTAINS"
    site, other = judge.named(report, "363698007")
    assert site.RelationshipType == "HAS CONCEPT MOD"
    assert [concept(below)[0] for below in site.ContentSequence] == ["24028007", "264217000"]
    assert [concept(below)[0] for below in other.ContentSequence] == ["51440002"]
    assert concept(judge.named(report, "246112005")[0])[0] == "6736007"
    assert concept(judge.named(report, "276214006")[0])[0] == "49755003"


@pytest.mark.requirement("AIR-078")
def test_what_was_looked_for_and_is_not_there_is_said_as_absent(judge, report) -> None:
    (absent,) = judge.named(report, "373572006")
    assert concept(absent) == ("36118008", "SCT")


@pytest.mark.requirement("AIR-090", "AIR-091", "AIR-095", "AIR-098")
def test_a_measurement_keeps_value_derivation_uncertainty_and_normal_range(judge, report) -> None:
    (number,) = judge.named(report, "81827009")
    value = number.MeasuredValueSequence[0]
    assert value.FloatingPointValue == 8.123456789012345
    assert len(str(value.NumericValue)) <= 16
    below = {item.ConceptNameCodeSequence[0].CodeValue: item for item in number.ContentSequence}
    assert concept(below["121401"])[0] == "56851009"
    assert concept(below["121402"])[0] == "371879000"
    for concept_value, expected in (("371886008", 0.75), ("371885007", 0.5), ("371933006", 6.0)):
        assert below[concept_value].RelationshipType == "HAS PROPERTIES"
        (part,) = below[concept_value].MeasuredValueSequence
        assert (float(part.NumericValue), part.MeasurementUnitsCodeSequence[0].CodeValue) == (expected, "mm")
    assert "385524004" not in below


@pytest.mark.requirement("AIR-066")
def test_a_confidence_is_a_number_of_its_finding_and_never_of_the_study(judge, report) -> None:
    (number,) = judge.named(report, "111012")
    assert float(number.MeasuredValueSequence[0].NumericValue) == 87.5
    (whole,) = judge.named(report, "C0034375")
    assert {item.ValueType for item in whole.ContentSequence} == {"CODE", "TEXT"}


def test_answers_words_and_priority_stand_where_they_belong(judge, report) -> None:
    (whole,) = judge.named(report, "C0034375")
    assert [concept(item) if item.ValueType == "CODE" else item.TextValue for item in whole.ContentSequence] == [
        ("263654008", "SCT"),
        ("HIGH", "99STEPWELL"),
        "Large.",
        "Motion on some slices.",
    ]
    (answer,) = judge.named(report, "121403")
    assert concept(answer.ContentSequence[0])[0] == LUNG.value
    assert [item.TextValue for item in judge.named(report, "121106")] == [
        "Größer als zuvor?",
        "Motion on some slices.",
    ]


@pytest.mark.requirement("AIR-039", "AIR-053", "AIR-065", "AIR-119")
def test_what_is_referred_to_is_evidence_and_every_statement_has_a_uid_of_its_own(judge, report, images) -> None:
    (shown,) = judge.named(report, "121112")
    reference = shown.ReferencedSOPSequence[0]
    assert reference.ReferencedSOPInstanceUID == images[4].SOPInstanceUID
    assert "ReferencedFrameNumber" not in reference
    observed = [item.ObservationUID for name in ("121071", "373572006", "111012") for item in judge.named(report, name)]
    assert len(set(observed)) == 3


@pytest.mark.requirement("AIR-057", "AIR-087")
def test_an_algorithm_that_found_nothing_says_so(judge, images) -> None:
    (report,) = judge(Results(nothing_found=True))
    (summary,) = judge.named(report, "111017")
    assert concept(summary) == ("111241", "DCM")
    assert not judge.named(report, "125007")
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    assert len(study.ReferencedSeriesSequence[0].ReferencedSOPSequence) == len(images)


def test_images_that_the_algorithm_was_not_given_cannot_be_shown(judge) -> None:
    with pytest.raises(IllegalResult, match="not among the images"):
        judge(Results(findings=(Finding(NODULE, ONE, images=(ImageReference("1.2.3"),)),)))


def test_frames_of_an_image_that_has_none_cannot_be_shown(judge, images) -> None:
    framed = ImageReference(str(images[0].SOPInstanceUID), (1,))
    with pytest.raises(IllegalResult, match="single-frame"):
        judge(Results(findings=(Finding(NODULE, ONE, images=(framed,)),)))


@pytest.mark.requirement("AIR-060", "AIR-063")
def test_a_person_who_took_part_is_a_second_observer(judge) -> None:
    import dataclasses

    judge.context = dataclasses.replace(judge.context, observer="Beispiel^Berta")
    (report,) = judge(Results(nothing_found=True), notes=["AIR-063"])
    assert [concept(item)[0] for item in judge.named(report, "121005")] == ["121007", "121006"]
    assert judge.named(report, "121008")[0].PersonName == "Beispiel^Berta"
    with pytest.raises(IllegalResult, match="Family"):
        dataclasses.replace(judge.context, observer="Berta")
