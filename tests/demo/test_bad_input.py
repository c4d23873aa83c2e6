"""What a user gets for what cannot work: words, an exit status, and nothing half done (DESIGN section 5)."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from actors.shared.dicomweb import Archive
from actors.shared.ups_client import UpsClient
from connectathon.fiction import new_order
from connectathon.modality import bad_studies
from connectathon.waiting import eventually, free_port
from profiles.dicom import get_code, item, text
from stepwell.demo.department import Department
from stepwell.demo.walk import Walk

#: Everything that listens, by actor.
PORTS = [
    ("event_repository", "port"),
    ("event_repository", "syslog_port"),
    ("image_manager", "port"),
    ("image_manager", "dimse_port"),
    ("task_manager", "port"),
    ("task_requester", "mllp_port"),
    ("watcher", "port"),
    ("image_display", "port"),
]
ACTORS = sorted({actor for actor, _ in PORTS} | {"task_performer"})
#: A rule that sends every study to the network, whatever it shows: the engine is the last one to say no.
RULES = """
[[rule]]
name = "everything"
means = "anything"
when = 'image_count > 0'
workitem_code = { value = "BRAINSEG", scheme = "99STEPWELL", meaning = "Brain extraction and volume" }
label = "Brain extraction and volume"
"""


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )


def assert_said_in_words(answer, status, *words):
    assert answer.returncode == status, answer.stderr
    assert "Traceback" not in answer.stderr
    assert "should not" not in answer.stderr
    for one in words:
        assert one in answer.stderr


def configured(folder, actor, **settings):
    """A configuration file of one actor, on free ports but for those given."""
    ports = {key: free_port() for owner, key in PORTS if owner == actor}
    lines = [f'[stepwell]\ndata_dir = "{folder / "data"}"', f"[{actor}]"]
    lines += [f"{key} = {json.dumps(value)}" for key, value in {**ports, **settings}.items()]
    path = folder / "stepwell.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(("actor", "key"), PORTS)
def test_a_port_in_use_is_named_with_the_table_to_change(actor, key, tmp_path):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        held = holder.getsockname()[1]
        config = configured(tmp_path, actor, **{key: held})
        answer = run("stepwell", "up", actor, "--config", str(config))
    assert_said_in_words(answer, 1, f"127.0.0.1:{held}", f"[{actor}]")
    assert not (tmp_path / "data" / "run").exists()


@pytest.mark.parametrize("actor", ACTORS)
def test_a_data_directory_that_cannot_be_made_is_named(actor, tmp_path):
    """It lies below a regular file, which holds for root too."""
    (tmp_path / "data").write_text("in the way")
    answer = run("stepwell", "up", actor, "--config", str(configured(tmp_path, actor)))
    assert_said_in_words(answer, 1, str(tmp_path / "data"), "data_dir")
    assert (tmp_path / "data").read_text() == "in the way"


def test_certificates_that_cannot_be_written_are_said_so(tmp_path):
    (tmp_path / "file").write_text("")
    assert_said_in_words(run("stepwell", "pki", "init", str(tmp_path / "file" / "pki")), 1, str(tmp_path / "file"))


@pytest.mark.tier2
def test_full_and_read_only_disks():
    """Real ones, in a mount namespace: see `small_disk_inside.py`."""
    own = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--user", "--map-root-user"]
    inside = str(Path(__file__).with_name("small_disk_inside.py"))
    command = [*own, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", inside]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout


@pytest.fixture
def without_torch(tmp_path):
    """The environment of a process that finds neither torch nor the network."""
    (tmp_path / "blocked").mkdir()
    (tmp_path / "blocked" / "sitecustomize.py").write_text(
        "import importlib.util as u\nfound = u.find_spec\n"
        "u.find_spec = lambda name, package=None: None if name in ('torch', 'deepbet') else found(name, package)\n"
    )
    return {"PYTHONPATH": str(tmp_path / "blocked")}


def test_a_performer_that_is_to_run_the_network_says_what_to_install(tmp_path, without_torch):
    config = configured(tmp_path, "task_performer", engines=["brain-extraction"])
    answer = run("stepwell", "up", "task-performer", "--config", str(config), **without_torch)
    assert_said_in_words(answer, 1, "torch", "pip install 'stepwell[ai]'")
    assert not (tmp_path / "data").exists()


def test_an_engine_that_does_not_exist_is_a_fault_of_the_configuration(tmp_path):
    config = configured(tmp_path, "task_performer", engines=["brane-extraction"])
    answer = run("stepwell", "up", "task-performer", "--config", str(config))
    assert_said_in_words(answer, 2, "brane-extraction", "brain-extraction", "head-mask")


@pytest.fixture(scope="module")
def department(tmp_path_factory):
    """A department that gives every study to the network."""
    folder = tmp_path_factory.mktemp("everything")
    (folder / "rules.toml").write_text(RULES)
    without = ["event_repository", "watcher"]
    with Department(folder / "data", rules=folder / "rules.toml", without=without) as running:
        running.supervisor.wait_ready()
        yield running


def sent(department, make):
    """Order a study and send what the modality made of it."""
    walk = Walk(department, report=lambda stage, words: None)
    walk.send_order()
    walk.send_images(make(walk.order, department.data_dir / "modality" / walk.order.accession_number))
    return walk.order


def final_workitem(department, order):
    with UpsClient(department.endpoints.task_manager, ae_title="TESTER") as client:

        def final():
            found = client.search({"ReferencedRequestSequence.AccessionNumber": order.accession_number})
            return next((one for one in found if text(one, "ProcedureStepState") in ("COMPLETED", "CANCELED")), None)

        return eventually(final, 90, "the workitem to be final")


def instances(department, order, *modalities):
    with Archive(department.endpoints.image_manager) as archive:
        found = archive.search_instances(order.study_instance_uid)
    return [one for one in found if not modalities or text(one, "Modality") in modalities]


@pytest.mark.requirement("AIWI-TP-011")
@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        (bad_studies.ct_phantom_study, "110522", "modality CT"),
        (bad_studies.single_slice_study, "110523", "1 images"),
    ],
)
def test_a_study_that_is_no_head_mr_ends_canceled_with_a_coded_reason(make, code, words, department):
    order = sent(department, make)
    workitem = final_workitem(department, order)
    assert text(workitem, "ProcedureStepState") == "CANCELED"
    progress = item(workitem, "ProcedureStepProgressInformationSequence")
    reason = get_code(progress, "ProcedureStepDiscontinuationReasonCodeSequence")
    assert (reason.value, reason.scheme) == (code, "DCM")
    assert words in text(progress, "ReasonForCancellation")
    assert instances(department, order, "SEG", "SR") == []
    answer = run("stepwell", "trace", order.accession_number, "--config", str(department.config_file))
    assert "CANCELED" in answer.stdout
    assert words in answer.stdout


@pytest.mark.parametrize("face", ["dicomweb", "dimse"])
def test_a_corrupt_file_is_refused_with_words_and_nothing_is_stored(face, department, tmp_path):
    order = new_order()
    bad_studies.corrupt_file(tmp_path, order)
    address = department.endpoints.image_manager if face == "dicomweb" else department.endpoints.dimse
    answer = run("connectathon.modality", "send", str(tmp_path), f"--{face}", address)
    assert_said_in_words(answer, 1, "refuse")
    assert instances(department, order) == []


def test_a_study_that_no_rule_wants_gets_no_workitem_and_the_trace_says_why(tmp_path):
    """The rules that come with Stepwell."""
    without = ["event_repository", "task_performer", "watcher"]
    with Department(tmp_path / "data", without=without) as running:
        running.supervisor.wait_ready()
        order = sent(running, bad_studies.ct_phantom_study)

        def said():
            answer = run("stepwell", "trace", order.accession_number, "--config", str(running.config_file))
            return answer.stdout if "no-rule" in answer.stdout else None

        words = eventually(said, 60, "the order to be decided")
        assert "the study is not an MR of the head" in words
        assert "modalities is ['CT']" in words
        with UpsClient(running.endpoints.task_manager, ae_title="TESTER") as client:
            assert client.search({"ReferencedRequestSequence.AccessionNumber": order.accession_number}) == []
