"""``stepwell rules``, and rules within a running requester: once per study or patient, stopped rules, replays."""

import dataclasses
import json
from datetime import timedelta

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from typer.testing import CliRunner

from actors.task_manager.settings import Settings as TaskManager
from actors.task_requester.orders_store import decided_orders
from actors.task_requester.rules import load_rules
from actors.task_requester.rules.replay import Replayed, replay
from actors.task_requester.rules.requesting import Places
from actors.task_requester.rules.trying import FolderOfImages
from connectathon.fiction import new_order
from connectathon.ris import build_order
from profiles.aiwi import content_findings
from profiles.dicom import item, items, text
from stepwell.cli import app
from tests.task_requester.rule_files import MR, rules_of, sample_rules
from tests.task_requester.workshop import NOW, Workshop

CT, DX = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.1.1"


def run(*arguments):
    return CliRunner().invoke(app, ["rules", *map(str, arguments)])


@pytest.fixture
def configuration(tmp_path):
    path = tmp_path / "stepwell.toml"
    path.write_text(f'[stepwell]\ndata_dir = "{tmp_path}"\n[task_requester]\n[task_manager]\n')
    return path


@pytest.fixture
def make(tmp_path, images, worklist):
    """Makes one workshop with these rules."""
    made = []

    def one(rules):
        made.append(Workshop(tmp_path / "task_requester", tmp_path, images, worklist, rules=rules))
        return made[-1]

    yield one
    for shop in made:
        shop.database.close()


def write_images(folder, order, *, count=3, **attributes):
    """Write images of an order's study, without pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, count + 1):
        found = Dataset()
        found.file_meta = FileMetaDataset()
        found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        found.SOPClassUID = found.file_meta.MediaStorageSOPClassUID = MR
        found.StudyInstanceUID, found.SeriesInstanceUID = order.study_instance_uid, f"{order.study_instance_uid}.1"
        found.SOPInstanceUID = found.file_meta.MediaStorageSOPInstanceUID = f"{order.study_instance_uid}.1.{number}"
        found.PatientID, found.Modality, found.AccessionNumber = order.patient_id, "MR", order.accession_number
        for keyword, value in attributes.items():
            setattr(found, keyword, value)
        found.save_as(folder / f"{number}.dcm", enforce_file_format=True)


def test_check_tells_every_fault_and_ends_with_1(tmp_path):
    path = tmp_path / "rules.toml"
    path.write_text("[[rule]]\nname = 'a'\nwhen = 'weight > 3'\n[[rule]]\nname = 'b'\n")
    answer = run("check", path)
    assert (answer.exit_code, "when" in answer.output, "weight" in answer.output) == (1, True, False)
    rows = json.loads(run("check", path, "--json").stdout)
    assert {row["kind"] for row in rows} == {"fault"}
    assert any("workitem_code" in row["rule"] for row in rows)


def test_check_knows_the_engines_and_pipelines_of_the_installation(tmp_path, configuration):
    rules_of(tmp_path, '"MR" in modalities')
    answer = run("check", tmp_path / "rules.toml", "--json", "--config", configuration)
    assert [row["kind"] for row in json.loads(answer.stdout)] == ["unserved"]
    configuration.write_text(
        configuration.read_text() + "[[task_manager.pipelines]]\nworkitem_code = 'X^99X'\n"
        "steps = [{ name = 'one', workitem_code = 'BRAINSEG^99STEPWELL', label = 'one' }]\n"
    )
    answer = run("check", tmp_path / "rules.toml", "--json", "--config", configuration)
    assert (answer.exit_code, json.loads(answer.stdout)) == (0, [])


def test_a_rule_file_is_tried_on_a_folder_of_images_and_an_order(tmp_path):
    order = new_order()
    path = tmp_path / "images"
    write_images(path, order, BodyPartExamined="HEAD", PatientAge="044Y", SeriesDescription="3D T1")
    (path / "notes.txt").write_text("no image")
    message = tmp_path / "order.hl7"
    message.write_bytes(build_order(order, priority="S").replace(b"\r", b"\n"))
    sample_rules(tmp_path, "brain-volume-3d-t1")
    answer = run("test", tmp_path / "sample.toml", "--study", path, "--order", message, "--json")
    assert answer.exit_code == 0, answer.output
    (tried,) = json.loads(answer.stdout)
    assert (tried["matches"], tried["values"]["age"]) == (True, "44")
    assert "priority HIGH" in tried["explanation"]
    assert run("test", tmp_path / "sample.toml", "--study", path).stdout.startswith("matches")


def test_a_study_that_no_rule_matches_ends_with_1_and_says_why(tmp_path):
    write_images(tmp_path / "images", new_order(), BodyPartExamined="KNEE", PatientAge="044Y")
    sample_rules(tmp_path, "brain-volume-3d-t1")
    answer = run("test", tmp_path / "sample.toml", "--study", tmp_path / "images")
    assert answer.exit_code == 1
    assert "body_parts = ['KNEE']" in answer.stdout


def test_images_of_another_patient_than_the_order_are_told(tmp_path):
    order = new_order()
    write_images(tmp_path / "images", order, PatientID="SOMEBODY-ELSE")
    message = tmp_path / "order.hl7"
    message.write_bytes(build_order(order))
    rules_of(tmp_path, "image_count > 0")
    answer = run("test", tmp_path / "rules.toml", "--study", tmp_path / "images", "--order", message)
    assert "another Patient ID" in answer.stdout


@pytest.mark.parametrize("missing", ["--study", "--order"])
def test_what_is_not_there_to_be_tried_is_told_in_words(tmp_path, missing):
    rules_of(tmp_path, "image_count > 0")
    (tmp_path / "empty").mkdir()
    more = ["--order", tmp_path / "none.hl7"] if missing == "--order" else []
    answer = run("test", tmp_path / "rules.toml", "--study", tmp_path / "empty", *more)
    assert answer.exit_code == 1
    assert ("cannot be read" if more else "no DICOM file") in str(answer.exception)


def test_what_was_decided_about_an_order_is_explained(make, tmp_path, configuration):
    rules = rules_of(tmp_path, '"MR" in modalities', "modalities[7] == 'x'".replace("'", '"'), "image_count > 9000")
    shop = make(rules)
    shop.send().arrive().work()
    answer = run("explain", shop.order.accession_number, "--config", configuration)
    assert answer.exit_code == 0, answer.output
    for words in ("rule rule-1: yes", "rule rule-2: stopped", "rule rule-3: no", "workitem 2.25."):
        assert words in answer.stdout
    (told,) = json.loads(run("explain", shop.order.accession_number, "--config", configuration, "--json").stdout)
    assert (told["state"], len(told["decisions"]), len(told["workitems"])) == ("published", 3, 1)
    by_workitem = run("explain", told["workitems"][0]["uid"], "--config", configuration, "--json")
    assert json.loads(by_workitem.stdout) == [told]


def test_an_order_that_nobody_knows_is_told(configuration):
    assert "No order is known" in str(run("explain", "NONE", "--config", configuration).exception)


def test_a_changed_file_is_tried_over_the_orders_that_were_decided(make, images, tmp_path):
    shop = make(rules_of(tmp_path, '"MR" in modalities', "image_count > 10"))
    shop.send().arrive().work()
    places = Places(shop.settings.archive_url, shop.settings.storage_url)
    decided = decided_orders(tmp_path, "2026-03-01")
    same = load_rules(tmp_path / "rules.toml")
    assert replay(decided, same, images, places, shop.now()) == Replayed(1, [], {"rule-1": 1, "rule-2": 1})
    more = {"when": "image_count > 10", "name": "rule-2", "more": 'worklist = "NEURO"'}
    changed = rules_of(tmp_path, '"CT" in modalities', more, "image_count > 5", 'modalities[7] == "x"')
    replayed = replay(decided, changed, images, places, shop.now())
    assert replayed.matched == {"rule-1": 0, "rule-2": 1, "rule-3": 1, "rule-4": 0}
    found = replayed.changes
    assert [(one.rule, one.change) for one in found] == [
        ("rule-1", "not made"),
        ("rule-2", "different"),
        ("rule-3", "made"),
        ("rule-4", "stopped"),
    ]
    assert found[1].words == "WorklistLabel '' -> 'NEURO'"
    assert {one.accession for one in found} == {shop.order.accession_number}
    assert decided_orders(tmp_path, (NOW + timedelta(days=1)).isoformat()) == []


def test_the_command_replays_no_orders_as_none_and_says_so_of_a_store_that_is_not_there(make, tmp_path, configuration):
    rules = rules_of(tmp_path, {"when": "image_count > 0", "more": "from = 2100-01-01"})
    told = run("replay", tmp_path / "rules.toml", "--config", configuration).exception
    assert "no order store" in str(told)
    make(rules)
    answer = run("replay", tmp_path / "rules.toml", "--config", configuration, "--json")
    assert json.loads(answer.stdout) == {"orders": 0, "changes": [], "matched": {"rule-1": 0}}
    answer = run("replay", tmp_path / "rules.toml", "--config", configuration)
    assert "rule rule-1 holds for 0 of 0 orders; it counts from 2100" in answer.stdout


@pytest.mark.requirement("HL7-061")
@pytest.mark.parametrize(("often", "count"), [("order", 2), ("study", 1), ("patient", 1), ("patient-day", 1)])
def test_a_rule_makes_no_second_workitem_where_another_order_has_it(make, worklist, tmp_path, often, count):
    shop = make(rules_of(tmp_path, {"when": "image_count > 0", "more": f'once_per = "{often}"'}))
    shop.send().arrive().work()
    first = shop.order
    second = new_order()
    again = dataclasses.replace(second, patient_id=first.patient_id, patient_name=first.patient_name)
    if often in {"order", "study"}:
        again = dataclasses.replace(again, study_instance_uid=first.study_instance_uid)
    shop.send(order=again)
    if often in {"patient", "patient-day"}:
        shop.arrive(order=again)
    shop.work(30)
    assert len(worklist.open()) == count
    if count == 1:
        assert f"once per {often}" in shop.thread(again.accession_number)["explanation"]


def test_priors_without_a_date_of_the_study_are_none(make, worklist, tmp_path):
    shop = make(rules_of(tmp_path, {"when": "image_count > 0", "more": "priors = { days = 30 }"}))
    shop.send().arrive().work()
    (workitem,) = worklist.workitems.values()
    assert len(items(workitem, "InputInformationSequence")) == 1
    assert "0 earlier studies" in shop.thread()["workitems"][0]["explanation"]


PIPELINE = """
[[pipeline]]
workitem_code = "X^99X"
steps = [
  {{ name = "quality", workitem_code = "QC^99X", label = "Quality check" }},
  {{ name = "volume", workitem_code = "{code}", label = "Volume", after = ["{after}"], on_failure = "continue" }},
]
"""


def test_a_rule_file_has_the_pipeline_that_the_task_manager_drives(tmp_path):
    rules_of(tmp_path, '"MR" in modalities')
    path = tmp_path / "rules.toml"
    path.write_text(path.read_text() + PIPELINE.format(code="BRAINSEG^99STEPWELL", after="quality"))
    assert [rule.table.workitem_code.value for rule in load_rules(path)] == ["X"]
    answer = run("check", path, "--json")
    (waiting,) = json.loads(answer.stdout)
    assert (answer.exit_code, waiting["kind"], "step quality" in waiting["words"]) == (0, "unserved", True)
    settings = TaskManager(rules=path)
    (pipeline,) = settings.plans().pipelines
    assert [(step.name, step.after) for step in pipeline.steps] == [("quality", ()), ("volume", ("quality",))]
    assert TaskManager(**settings.model_dump()) == settings


@pytest.mark.parametrize(("code", "after"), [("X^99X", "quality"), ("Y^99X", "nothing"), ("", "quality")])
def test_a_pipeline_of_a_rule_file_that_cannot_be_done_is_refused(tmp_path, code, after):
    rules_of(tmp_path, '"MR" in modalities')
    path = tmp_path / "rules.toml"
    path.write_text(path.read_text() + PIPELINE.format(code=code, after=after))
    with pytest.raises(ValueError, match="pipelines"):
        TaskManager(rules=path)
    answer = run("check", path, "--json")
    assert (answer.exit_code, [row["kind"] for row in json.loads(answer.stdout)]) == (1, ["fault"])


BRAIN = {"BodyPartExamined": "BRAIN", "PatientAge": "044Y", "SeriesDescription": "Sag 3D T1 MPRAGE"}
ROUTED = {
    "BRAINSEG": {"SOPClassUID": MR, "Modality": "MR", "StudyDescription": "MR Brain native", "StationName": "MR2"},
    "LUNGSEG": {"SOPClassUID": CT, "Modality": "CT", "StudyDescription": "CT Thorax", "StationName": "CT_ER"},
    "CXRTRIAGE": {"SOPClassUID": DX, "Modality": "DX", "StudyDescription": "Chest p.a.", "StationName": "DX1"},
}


@pytest.mark.parametrize(
    ("sample", "studies"),
    [
        ("brain-volume-3d-t1", {"BRAINSEG": BRAIN, "": BRAIN | {"SeriesDescription": "Ax T2"}}),
        ("mr-of-the-brain", {**ROUTED, "": ROUTED["LUNGSEG"] | {"StationName": "CT9"}}),
    ],
    ids=["brain", "routing"],
)
def test_the_samples_make_of_orders_and_image_files_the_workitems_that_they_mean(tmp_path, worklist, sample, studies):
    orders = {code: new_order() for code in studies}
    for code, attributes in studies.items():
        write_images(tmp_path / "images" / (code or "none"), orders[code], **attributes)
    rules = sample_rules(tmp_path, sample)
    images = FolderOfImages(tmp_path / "images")
    shop = Workshop(tmp_path / "task_requester", tmp_path, images, worklist, rules=rules)
    for order in orders.values():
        shop.send(order=order)
    shop.work(30)
    shop.database.close()
    made = {text(one, "StudyInstanceUID"): one for one in worklist.workitems.values()}
    found = {code: made.get(order.study_instance_uid, {}) for code, order in orders.items()}
    codes = {code: text(item(one, "ScheduledWorkitemCodeSequence"), "CodeValue") for code, one in found.items()}
    assert codes == {code: code for code in studies}
    assert all(content_findings(one) == [] for one in found.values() if one)
