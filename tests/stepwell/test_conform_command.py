"""``stepwell conform`` as a test engineer uses it: the exit status says how it went."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from connectathon.bad_peers.running import running
from connectathon.waiting import free_port


def stepwell(*arguments):
    command = [str(Path(sys.executable).with_name("stepwell")), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("archive"), free_port()
    with running("image_manager", folder / "data", "im-any-study", port=port, dimse_port=free_port()):
        yield f"http://127.0.0.1:{port}/dicom-web"


@pytest.fixture
def declaration(tmp_path):
    def write(url, more=""):
        path = tmp_path / "system.toml"
        path.write_text(f'{more}\n[system]\nname = "Archive"\nversion = "1"\n[dicomweb]\nbase_url = "{url}"\n')
        return path

    return write


def test_what_was_run_is_reported_and_the_exit_status_is_the_verdict(archive, declaration, tmp_path):
    path = declaration(archive)
    good = stepwell("conform", "run", "image-manager", "-c", path, "--report", tmp_path / "a", "--test", "AIR-IM-002")
    assert (good.returncode, "pass: " in good.stdout) == (0, True), good.stdout + good.stderr
    bad = stepwell(
        "conform", "run", "Image Manager", "-c", path, "--report", tmp_path / "b", "--test", "AIR-IM-004", "--json"
    )
    assert bad.returncode == 1
    told = json.loads(bad.stdout)
    assert [(one["id"], one["verdict"]) for one in told["tests"]] == [("AIR-IM-004", "fail")]
    for name in ("report.html", "report.json", "report.xml", "gitb.xml", "report.zip", "evidence/index.json"):
        assert (tmp_path / "b" / name).is_file()


def test_what_is_not_decided_exits_with_3(archive, declaration, tmp_path):
    path = declaration(archive)
    ran = stepwell("conform", "run", "image-manager", "-c", path, "--report", tmp_path / "a", "--test", "AIR-IM-015")
    assert ran.returncode == 3, ran.stdout + ran.stderr


def test_all_problems_of_a_declaration_are_listed_before_anything_is_sent(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text('options = ["teleport"]\nspeed = 1\n[system]\nname = ""\n[limits]\nanswer_seconds = -1\n')
    ran = stepwell("conform", "run", "image-manager", "-c", path, "--report", tmp_path / "a")
    assert ran.returncode == 2
    for words in ("5 problem(s)", "speed", "system.name", "limits.answer_seconds", "dicomweb", "teleport"):
        assert words in ran.stderr, ran.stderr
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "teapot", "-c", "x.toml", "--report", "r"), "no suite for 'teapot'"),
        (("run", "image-manager", "-c", "x.toml", "--report", "r"), "cannot be read"),
        (("compare", "nowhere", "nowhere"), "no report of a run"),
    ],
)
def test_wrong_use_is_answered_in_words(arguments, words):
    ran = stepwell("conform", *arguments)
    assert ran.returncode in {1, 2}
    assert words in ran.stderr


def test_a_report_is_never_written_over_another(archive, declaration, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "precious.txt").write_text("mine")
    ran = stepwell("conform", "run", "image-manager", "-c", declaration(archive), "--report", tmp_path / "a")
    assert (ran.returncode, "not empty" in ran.stderr) == (2, True)


def test_two_reports_are_compared(archive, declaration, tmp_path):
    path = declaration(archive)
    for name in ("a", "b"):
        stepwell("conform", "run", "image-manager", "-c", path, "--report", tmp_path / name, "--test", "AIR-IM-002")
    told = json.loads((tmp_path / "b" / "report.json").read_text())
    told["tests"][0]["verdict"] = "fail"
    (tmp_path / "b" / "report.json").write_text(json.dumps(told))
    ran = stepwell("conform", "compare", tmp_path / "a", tmp_path / "b")
    assert ran.returncode == 1
    assert "worse  AIR-IM-002               pass → fail" in ran.stdout


@pytest.mark.parametrize("actor", ["image-manager", "evidence-creator", "image-display"])
def test_the_declaration_to_fill_in_is_legal_toml_and_names_the_options(actor):
    ran = stepwell("conform", "declare", actor)
    assert ran.returncode == 0
    assert tomllib.loads(ran.stdout)["system"] == {"name": "…"}


def test_the_list_names_tests_coverage_and_what_has_no_proof():
    ran = stepwell("conform", "list", "--json")
    told = json.loads(ran.stdout)
    assert {"id", "title", "actor", "requirements"} <= told["tests"][0].keys()
    assert set(told["coverage"]) == {"UPS", "AIW-I", "AIR", "SOLE", "HL7"}
    assert isinstance(told["uncovered"], list)
