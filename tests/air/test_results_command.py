"""``stepwell results``: what objects say in words, in a picture, in FHIR and in HL7."""

from __future__ import annotations

import dataclasses
import json
import shutil
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from profiles.air import IllegalResult, Results, Standing, Verification, encode
from profiles.air.reading import algorithm_of, context_of, read_results
from profiles.errors import BadInput, NotFound, StepwellError
from stepwell.cli import app


@pytest.fixture
def folder(results, judge, algorithm, source_files, tmp_path):
    """Result objects beside their images, and a file that is something else."""
    place = tmp_path / "study"
    place.mkdir()
    for path in source_files:
        shutil.copy(path, place)
    for made in encode(results, judge.context, algorithm):
        made.save_as(place / f"{made.Modality}.dcm", enforce_file_format=True)
    (place / "notes.txt").write_text("No DICOM.")
    return place


def stepwell(*arguments: object) -> str:
    """Runs a command in this process; gives what it printed."""
    answer = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert answer.exit_code == 0
    return answer.stdout


def refused(*arguments: object) -> tuple[type[StepwellError], str]:
    """Runs a command that refuses; gives the kind of its refusal and the words."""
    with pytest.raises(StepwellError) as refusal:
        CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    return type(refusal.value), refusal.value.message


def test_results_are_told_in_words(folder) -> None:
    said = stepwell("results", "read", folder)
    assert "made by brain-extraction 1.0.2, Stepwell" in said
    assert "Brain: Volume  10.164 mL" in said
    assert "COMPLETE FINAL UNVERIFIED" in said
    assert "not read" not in said


def test_files_that_are_copies_of_each_other_are_read_once(folder, tmp_path) -> None:
    shutil.copytree(folder, tmp_path / "archive")
    assert stepwell("results", "read", folder, tmp_path / "archive") == stepwell("results", "read", folder)


def test_results_are_told_to_programs_without_their_voxels(folder) -> None:
    told = json.loads(stepwell("results", "read", folder, "--json"))
    assert [(thing["segment"]["label"], thing["segment"]["voxels"]) for thing in told["things"]] == [
        ("Brain", 847),
        ("Core", 8),
    ]
    assert told["unread"] == []


@pytest.mark.parametrize(("name", "magic"), [("overview.png", b"\x89PNG"), ("overview.pdf", b"%PDF")])
def test_results_are_drawn(folder, tmp_path, name, magic) -> None:
    stepwell("results", "draw", folder, "--out", tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(magic)


@pytest.mark.parametrize("version", ["R4B", "R5"])
def test_results_are_told_in_fhir(folder, version) -> None:
    bundle = json.loads(stepwell("results", "fhir", folder, "--version", version))
    kinds = {entry["resource"]["resourceType"] for entry in bundle["entry"]}
    assert {"DiagnosticReport", "Observation", "Device", "Provenance"} <= kinds


def test_results_are_told_in_hl7(folder, tmp_path) -> None:
    stepwell("results", "hl7", folder, "--authority", "HOSPITAL", "--out", tmp_path / "oru.hl7")
    message = (tmp_path / "oru.hl7").read_bytes().split(b"\r")
    assert message[0].startswith(b"MSH|^~\\&|STEPWELL|STEPWELL|RIS|HOSPITAL|")
    assert any(b"|10.164|mL" in segment for segment in message)


def test_what_cannot_be_done_is_said_in_words(folder, tmp_path) -> None:
    assert refused("results", "draw", folder, "--out", "overview.gif")[0] is BadInput
    assert "R4B, R5" in refused("results", "fhir", folder, "--version", "R3")[1]
    assert "joined by a bar" in refused("results", "hl7", folder, "--sender", "A")[1]
    assert refused("results", "read", tmp_path / "nowhere")[0] is NotFound
    (tmp_path / "empty").mkdir()
    kind, words = refused("results", "read", tmp_path / "empty")
    assert (kind, "no result object" in words) == (NotFound, True)
    for path in [*folder.glob("IM*.dcm")]:
        path.unlink()
    assert "give them with the result objects" in refused("results", "hl7", folder)[1]


@pytest.mark.parametrize(
    "standing",
    [
        Standing(),
        Standing(complete=False, incomplete_because="Slices are missing."),
        Standing(preliminary=True),
        Standing(verification=Verification("Beispiel^Berta", "Clinic", datetime(2030, 1, 3, 8, 30, tzinfo=UTC))),
    ],
)
def test_a_result_that_was_read_is_tied_to_what_it_was_made_for(results, judge, images, algorithm, standing) -> None:
    context = dataclasses.replace(judge.context, standing=standing)
    objects = encode(results, context, algorithm)
    found = context_of(objects, images)
    assert found.standing == standing
    assert found.study_instance_uid == context.study_instance_uid
    assert found.now == context.now.replace(microsecond=0)
    assert [request.AccessionNumber for request in found.requests] == [images[0].AccessionNumber]
    assert algorithm_of(read_results(objects, images)).name == algorithm.name


def test_objects_that_name_no_algorithm_say_so(results, judge, images, algorithm) -> None:
    (report,) = encode(Results(nothing_found=True), judge.context, algorithm)
    del report.ContributingEquipmentSequence
    report.ContentSequence = [item for item in report.ContentSequence if item.RelationshipType != "HAS OBS CONTEXT"]
    assert algorithm_of(read_results([report], images)).version in {"not stated", algorithm.version}
    with pytest.raises(IllegalResult, match="no result objects"):
        context_of([], images)


def test_an_object_that_is_given_twice_is_read_once(results, judge, images, algorithm) -> None:
    made = encode(results, judge.context, algorithm)
    reading = read_results([*made, made[0]], images)
    assert reading.results is not None
    assert [thing.tracking.identifier for thing in reading.results.things()] == ["Brain", "Core"]
    assert [row.reason for row in reading.unread] == ["It is given twice; it was read once."]
