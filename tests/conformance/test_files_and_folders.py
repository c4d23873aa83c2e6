"""The judge over files and folders, and as the command ``stepwell check`` (DESIGN 4.1 and 4.5)."""

import io
import json
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset, config, dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian

from conformance import FAMILIES, Severity, check, check_datasets
from conformance.air import check_files, files, frames, maps
from profiles.errors import BadInput, NotFound
from tests.conformance.breaking import named, write

KEYS = {"file", "rule", "severity", "path", "message", "fix", "source"}


@pytest.fixture
def folder(made, tmp_path):
    """The good set as a user has it: results and images in folders of one study."""
    segmentation, report, images = made
    for name, content in [("results/seg.dcm", segmentation), ("results/sr.dcm", report)]:
        path = tmp_path / "study" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for number, content in enumerate(images):
        path = tmp_path / "study" / "images" / f"{number}.dcm"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "study"


def stepwell(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "stepwell", *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
    )


def only(findings):
    assert len(findings) == 1, findings
    return findings[0]


def test_a_good_folder_has_no_findings(folder):
    assert check("air", [folder]) == []


@pytest.mark.requirement("AIR-212")
def test_files_given_one_by_one_are_one_set(folder):
    (folder / "results/sr.dcm").unlink()
    assert check("air", [folder / "results/seg.dcm", folder / "images"]) == []


def damaged(content):
    """The meta information names another instance than the one in the file; everything else is right."""
    position = content.index(b"\x02\x00\x03\x00UI") + 8
    return content[:position] + b"9" + content[position + 1 :]


BROKEN = [
    ("empty", lambda _: b""),
    ("text", lambda _: b"This is no image.\n" * 40),
    ("without preamble and prefix", lambda content: content[132:]),
    ("cut in the meta information", lambda content: content[:200]),
    ("cut within a text", lambda content: content[: content.index(b"brain-extraction") + 5]),
    ("cut before a value", lambda content: content[: content.index(b"\x20\x00\x0e\x00UI") + 8]),
    ("cut within the tree", lambda content: content[:-100]),
    ("of two minds about its instance", damaged),
    ("with a broken UID in the meta information", lambda content: content.replace(b"2.25.", b"2.25\x00", 1)),
]
"""Files that cannot be read, by what is wrong with them."""


@pytest.mark.requirement("AIR-001")
@pytest.mark.parametrize(("kind", "break_it"), BROKEN)
def test_a_file_that_cannot_be_read_is_one_finding(folder, made, kind, break_it):
    path = folder / "broken.dcm"
    path.write_bytes(break_it(made[1]))
    found = only(check("air", [folder]))
    assert (found.file, found.rule, found.severity) == (str(path), "AIR-001", Severity.ERROR), kind
    assert found.message


@pytest.mark.requirement("AIR-001")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.floats(0, 1, exclude_max=True), garbage=st.binary(min_size=1, max_size=6), cut=st.booleans())
def test_no_damage_to_a_file_makes_the_judge_fail(made, tmp_path, position, garbage, cut):
    """A finding or none, but an answer."""
    for number, content in enumerate(made[:2]):
        start = 132 + int(position * (len(content) - 132))
        rest = b"" if cut else content[start + len(garbage) :]
        (tmp_path / f"{number}.dcm").write_bytes(content[:start] + garbage + rest)
    for found in check_files([tmp_path], iod=False):
        assert found.rule != "HARNESS"
        assert found.message


@pytest.mark.requirement("AIR-001")
def test_a_sequence_without_its_end_is_one_finding(folder, objects):
    path = folder / "results/sr.dcm"
    objects.sr["ContentSequence"].is_undefined_length = True
    objects.sr.save_as(path)
    assert check("air", [folder]) == []
    path.write_bytes(path.read_bytes()[:-8])
    assert only(check("air", [folder / "results/sr.dcm"])).rule == "AIR-001"


@pytest.mark.requirement("AIR-001", "AIR-005")
def test_a_value_that_the_reader_warns_of_is_left_to_the_rules(folder, objects):
    """An overlong code value is no reason not to read the rest."""
    write(named(objects.sr, "121058").ConceptCodeSequence[0], "CodeValue", "1" * 40)
    with config.disable_value_validation():
        objects.sr.save_as(folder / "results/sr.dcm")
    assert {found.rule for found in check("air", [folder])} == {"AIR-005"}


def elements(dataset):
    """Every element at every depth, with the dataset that holds it."""
    for element in list(dataset):
        yield dataset, element
        if element.VR == "SQ":
            for row in element.value:
                yield from elements(row)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(which=st.integers(0, 1), where=st.floats(0, 1, exclude_max=True), emptied=st.booleans())
def test_no_absence_makes_the_judge_fail(made, which, where, emptied):
    """Whatever is missing or empty is a finding or none, but an answer."""
    results = [dcmread(io.BytesIO(content)) for content in made[:2]]
    found = list(elements(results[which]))
    holder, element = found[int(where * len(found))]
    if emptied:
        element.value = [] if element.VR == "SQ" else None
    else:
        del holder[element.tag]
    told = check_datasets([("seg.dcm", results[0]), ("sr.dcm", results[1])])
    assert not [one for one in told if one.rule == "HARNESS"]


def test_an_unknown_family_is_refused_with_the_names_there_are(tmp_path):
    with pytest.raises(BadInput) as refused:
        check("xray", [tmp_path])
    assert "'xray'" in refused.value.message
    assert all(name in refused.value.message for name in FAMILIES)


def test_a_path_that_does_not_exist_is_refused_by_name(tmp_path):
    with pytest.raises(NotFound, match="nowhere"):
        check("air", [tmp_path / "nowhere"])


def test_the_command_prints_findings_as_json_and_ends_with_1_on_an_error(folder):
    (folder / "results/empty.dcm").touch()
    answer = stepwell("check", "air", folder, "--json")
    assert answer.returncode == 1
    found = only(json.loads(answer.stdout))
    assert set(found) == KEYS
    assert found["severity"] == "error"
    assert found["file"] == str(folder / "results/empty.dcm")
    assert all(isinstance(value, str) for value in found.values())


def test_the_command_ends_with_0_when_there_are_warnings_only(folder, objects):
    objects.sr.ContentTemplateSequence = []
    objects.sr.save_as(folder / "results/sr.dcm")
    answer = stepwell("check", "air", folder, "--json")
    assert answer.returncode == 0
    assert [found["rule"] for found in json.loads(answer.stdout)] == ["AIR-043"]


def test_the_command_says_rule_place_and_remedy_of_each_finding(folder, objects):
    objects.sr.CompletionFlag = "DONE"
    objects.sr.save_as(folder / "results/sr.dcm")
    answer = stepwell("check", "air", folder)
    assert answer.returncode == 1
    assert "AIR-032 CompletionFlag: is DONE" in answer.stdout
    assert "Set Completion Flag" in answer.stdout


def test_the_command_refuses_an_unknown_family_in_words(tmp_path):
    answer = stepwell("check", "xray", tmp_path)
    assert answer.returncode == 2
    assert "air" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.requirement("AIR-001")
def test_a_file_that_inflates_without_end_is_one_finding(folder, objects, monkeypatch):
    monkeypatch.setattr(files, "MOST_INFLATED", 1 << 20)
    path = folder / "results/sr.dcm"
    objects.sr.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    objects.sr.save_as(path, enforce_file_format=True)
    told = only(check("air", [folder]))
    assert (told.rule, told.severity) == ("AIR-IOD", Severity.INFO)  # dciodvfy does not inflate
    objects.sr.EncapsulatedDocument = bytes(2 << 20)
    objects.sr.save_as(path, enforce_file_format=True)
    assert "inflates" in only(check("air", [path])).message


@pytest.mark.requirement("AIR-001")
def test_a_tree_of_very_many_levels_is_one_finding(folder, objects):
    place = objects.sr
    for _ in range(100):
        place.ContentSequence = [Dataset()]
        place = place.ContentSequence[0]
    objects.sr.save_as(folder / "results/sr.dcm", enforce_file_format=True)
    assert only(check("air", [folder / "results/sr.dcm"])).rule == "AIR-001"


@pytest.mark.requirement("AIR-001", "AIR-145")
def test_large_pixels_are_not_read_to_judge_the_rest(folder, objects, monkeypatch):
    monkeypatch.setattr(files, "DEFER", 64)
    objects.sr = None
    path = folder / "results/seg.dcm"
    objects.seg.save_as(path, enforce_file_format=True)
    assert isinstance(files.read_file(path).get_item("PixelData", keep_deferred=True).value, type(None))
    assert check("air", [path]) == []
    path.write_bytes(path.read_bytes()[:-4])
    assert only(check("air", [path])).message == "the file ends within an element"


@pytest.mark.requirement("AIR-146", "AIR-148", "AIR-171")
def test_pixels_beyond_the_limit_are_not_decoded(scenes, monkeypatch):
    monkeypatch.setattr(frames, "LARGEST", 100)
    monkeypatch.setattr(maps, "LARGEST", 100)
    objects = scenes("map")
    objects.seg.SegmentsOverlap = "NO"
    mapping = objects.pm.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    mapping.DoubleFloatRealWorldValueLastValueMapped = 0.5
    assert check_datasets(objects.named) == []
