"""How far a report may be relied on, what it replaces, and what it says of earlier studies."""

from __future__ import annotations

import copy
import dataclasses
from datetime import UTC, datetime

import pytest

from profiles.air import (
    Finding,
    IllegalResult,
    ImageReference,
    KeyImages,
    Location,
    Mark,
    Results,
    Segment,
    Segmentation,
    SeriesReference,
    Standing,
    Tracking,
    Verification,
)
from profiles.dicom import code

NODULE, ONE = code("SCT", "27925004"), Tracking("Nodule 1")
AT = datetime(2030, 1, 3, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Standing(complete=False), "says why"),
        (lambda: Standing(incomplete_because="Why not?"), "says why"),
        (lambda: Standing(complete=False, incomplete_because="x" * 65), "Completion Flag Description"),
        (lambda: Standing(False, "Slices missing", verification=Verification("A^B", "C", AT)), "not verified"),
        (lambda: Verification("Berta", "Clinic", AT), "Family^Given"),
        (lambda: Verification("B^" + "a" * 64, "Clinic", AT), "64"),
        (lambda: Verification("Beispiel^Berta", "", AT), "Verifying Organization is empty"),
        (lambda: Verification("Beispiel^Berta", "Clinic", AT.replace(tzinfo=None)), "has no zone"),
    ],
)
def test_flags_that_contradict_each_other_are_refused_with_the_way_to_mend_them(make, words: str) -> None:
    with pytest.raises(IllegalResult) as refusal:
        make()
    assert words in refusal.value.message


def standing(judge, standing: Standing, notes=()):
    judge.context = dataclasses.replace(judge.context, standing=standing)
    (report,) = judge(Results(nothing_found=True), notes)
    return report


@pytest.mark.requirement("AIR-035")
def test_a_machine_s_report_is_complete_final_and_unverified(judge) -> None:
    report = standing(judge, Standing())
    assert (report.CompletionFlag, report.PreliminaryFlag, report.VerificationFlag) == (
        "COMPLETE",
        "FINAL",
        "UNVERIFIED",
    )
    assert "VerifyingObserverSequence" not in report


def test_a_partial_report_says_why(judge) -> None:
    report = standing(judge, Standing(complete=False, incomplete_because="The lower half is missing."))
    assert (report.CompletionFlag, report.CompletionFlagDescription) == ("PARTIAL", "The lower half is missing.")


def test_a_report_that_will_be_replaced_is_preliminary(judge) -> None:
    assert standing(judge, Standing(preliminary=True)).PreliminaryFlag == "PRELIMINARY"


def test_a_verified_report_names_who_answers_for_it_and_since_when(judge) -> None:
    report = standing(judge, Standing(verification=Verification("Beispiel^Berta", "Clinic", AT)))
    assert report.VerificationFlag == "VERIFIED"
    (word,) = report.VerifyingObserverSequence
    assert (word.VerifyingObserverName, word.VerifyingOrganization) == ("Beispiel^Berta", "Clinic")
    assert word.VerificationDateTime == "20300103083000+0000"
    assert judge.named(report, "121008")[0].PersonName == "Beispiel^Berta"


def test_a_report_names_the_one_that_it_replaces(judge) -> None:
    (earlier,) = judge(Results(nothing_found=True))
    judge.context = dataclasses.replace(judge.context, replaces=(earlier,), seed="again")
    (report,) = judge(Results(nothing_found=True))
    (study,) = report.PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    (row,) = series.ReferencedSOPSequence
    assert row.ReferencedSOPInstanceUID == earlier.SOPInstanceUID != report.SOPInstanceUID


@pytest.fixture
def priors(images):
    """The same series a year earlier, in a study of its own."""
    earlier = [copy.deepcopy(image) for image in images]
    for image in earlier:
        image.StudyInstanceUID, image.SeriesInstanceUID = "1.2.60", "1.2.60.1"
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = f"1.2.60.1.{image.InstanceNumber}"
        image.StudyDate = "20290101"
    return earlier


def instances(sequence) -> dict[str, set[str]]:
    """The instances that evidence lists, by study."""
    return {
        str(study.StudyInstanceUID): {
            str(row.ReferencedSOPInstanceUID)
            for series in study.ReferencedSeriesSequence
            for row in series.ReferencedSOPSequence
        }
        for study in sequence
    }


@pytest.mark.requirement("AIR-039")
def test_an_image_of_an_earlier_study_is_pertinent_evidence_of_its_own_study(judge, images, priors) -> None:
    judge.context = dataclasses.replace(judge.context, priors=tuple(priors))
    prior = ImageReference(str(priors[2].SOPInstanceUID))
    then = Location(Mark.POINT, ((3.0, 4.0),), prior, Tracking("Nodule 1, a year ago"))
    now = Location(Mark.POINT, ((3.0, 4.0),), ImageReference(str(images[2].SOPInstanceUID)), ONE)
    results = Results(findings=(Finding(NODULE, ONE), Finding(NODULE, then.of)), locations=(then, now))
    (report,) = judge(results)
    assert report.StudyInstanceUID == images[0].StudyInstanceUID
    assert instances(report.CurrentRequestedProcedureEvidenceSequence) == {
        str(images[0].StudyInstanceUID): {str(images[2].SOPInstanceUID)}
    }
    assert instances(report.PertinentOtherEvidenceSequence) == {"1.2.60": {str(priors[2].SOPInstanceUID)}}
    assert priors[2].StudyInstanceUID == "1.2.60"


def test_key_images_of_an_earlier_study_are_selected_in_that_study(judge, images, priors) -> None:
    judge.context = dataclasses.replace(judge.context, priors=tuple(priors))
    keys = KeyImages((ImageReference(str(images[0].SOPInstanceUID)), SeriesReference("1.2.60.1")), "To compare.")
    with pytest.raises(IllegalResult, match="in a result of that study"):
        judge(Results(key_images=(keys,)))


def test_voxels_of_an_earlier_study_belong_to_a_result_of_that_study(judge, priors) -> None:
    import numpy as np

    judge.context = dataclasses.replace(judge.context, priors=tuple(priors))
    mask = np.ones((12, 20, 24), dtype=np.bool_)
    uids = tuple(str(image.SOPInstanceUID) for image in priors)
    segment = Segment("Nodule", code("SCT", "49755003"), NODULE, mask, ONE)
    with pytest.raises(IllegalResult, match="not among the images"):
        judge(Results((Segmentation((segment,), uids),)))


def test_earlier_images_of_another_patient_or_of_the_same_study_are_refused(judge, images, priors) -> None:
    with pytest.raises(IllegalResult, match="among the images"):
        dataclasses.replace(judge.context, priors=(images[0],))
    priors[5].PatientID = "SOMEBODY"
    with pytest.raises(IllegalResult, match="two patients"):
        dataclasses.replace(judge.context, priors=tuple(priors))
