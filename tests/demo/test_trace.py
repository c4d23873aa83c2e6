"""``stepwell trace`` over the study that the demo has finished (DESIGN 4.1, docs/trace.md)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from connectathon import ris
from connectathon.fiction import new_order
from connectathon.waiting import eventually
from stepwell.demo.department import Department

#: What must have happened to a study that went the whole way, in this order.
WALK = [
    "order-received",
    "images-stored",
    "images-available",
    "workitem-created",
    "workitem-claimed",
    "images-requested",
    "images-retrieved",
    "inference-started",
    "inference-ended",
    "result-stored",
    "workitem-completed",
]
DURATIONS = {
    "order received to workitem created",
    "images available to result available",
    "image retrieval",
    "inference",
    "workitem claimed to completed",
}


def trace(identifier, config, *options):
    return subprocess.run(
        [sys.executable, "-m", "stepwell", "trace", identifier, "--config", str(config), *options],
        check=False,
        capture_output=True,
        text=True,
    )


def thread_of(identifier, department):
    answer = trace(identifier, department.config_file, "--json")
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


@pytest.fixture(scope="module")
def department(demo):
    """The demo's actors, started again over what it left; nobody is left to perform anything."""
    with Department(Path(demo["data_dir"]), without=["task_performer", "watcher"]) as running:
        running.supervisor.wait_ready()
        yield running


@pytest.fixture
def away(department):
    """Ends actors until the end of the test."""
    ended = []

    def end(actor):
        ended.append(actor)
        department.supervisor.kill(actor, hold=True)

    yield end
    for actor in ended:
        department.supervisor.release(actor)
    eventually(lambda: all(department.supervisor.is_ready(actor) for actor in ended), 60, "the actors to be back")


@pytest.fixture
def identifiers(demo):
    """Everything by which the demo's study may be asked for."""
    order = demo["order"]
    return {
        "accession number": order["accession_number"],
        "study": demo["study_instance_uid"],
        "workitem": demo["workitem"]["uid"],
        "placer order number": order["placer_order_number"],
        "filler order number": "F" + order["placer_order_number"][1:],
    }


@pytest.mark.parametrize(
    "kind", ["accession number", "study", "workitem", "placer order number", "filler order number"]
)
def test_the_same_thread_is_found_by(kind, department, identifiers, demo):
    thread = thread_of(identifiers[kind], department)
    assert thread["accession_number"] == demo["order"]["accession_number"]
    assert thread["study_instance_uid"] == demo["study_instance_uid"]
    assert [order["placer_order_number"] for order in thread["orders"]] == [demo["order"]["placer_order_number"]]
    assert [(one["uid"], one["state"]) for one in thread["workitems"]] == [(demo["workitem"]["uid"], "COMPLETED")]
    stored = {(one["modality"], one["sop_instance_uid"]) for one in demo["results"]}
    assert {(one["modality"], one["sop_instance_uid"]) for one in thread["results"]} == stored
    assert len(thread["timeline"]) >= demo["sole_events"]  # more may have come after the summary
    assert thread["unanswered"] == []


def test_the_timeline_goes_from_the_order_message_to_the_completed_workitem(department, demo):
    thread = thread_of(demo["order"]["accession_number"], department)
    (order,) = thread["orders"]
    assert order["message_control_id"] == demo["order"]["message_control_id"]
    assert (order["acknowledged"], order["state"]) == ("AA", "published")
    assert [message["kind"] for message in order["messages"]] == ["OMI^O23"]
    steps = [entry["what"] for entry in thread["timeline"]]
    assert [step for step in dict.fromkeys(steps) if step in WALK] == WALK
    assert {"workitem-progress", "result-available"} <= set(steps)
    assert all(entry["at"] and entry["who"] and entry["code"] and entry["event_id"] for entry in thread["timeline"])


def test_times_go_forward_and_durations_fit_to_them(department, demo):
    thread = thread_of(demo["order"]["accession_number"], department)
    seconds = [entry["seconds"] for entry in thread["timeline"]]
    assert seconds == sorted(seconds)
    assert seconds[0] == 0
    assert set(thread["durations"]) >= DURATIONS
    assert all(0 < value <= seconds[-1] for value in thread["durations"].values())
    assert thread["durations"]["inference"] == pytest.approx(demo["seconds"]["inference"], abs=0.002)


def test_people_get_the_same_as_lines(department, demo):
    answer = trace(demo["order"]["accession_number"], department.config_file)
    assert answer.returncode == 0, answer.stderr
    for words in (
        demo["order"]["accession_number"],
        demo["study_instance_uid"],
        demo["order"]["message_control_id"],
        demo["workitem"]["uid"],
        "the study is an MR of the head",
        "order-received",
        "inference-ended",
        "COMPLETED",
        *(result["sop_instance_uid"] for result in demo["results"]),
    ):
        assert words in answer.stdout
    assert "did not answer" not in answer.stdout


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_an_unknown_identifier_is_said_so_and_ends_with_1(options, department):
    answer = trace("NO-SUCH-ACCESSION", department.config_file, *options)
    assert answer.returncode == 1
    assert "Nothing is known of 'NO-SUCH-ACCESSION'" in answer.stderr
    assert "Traceback" not in answer.stderr
    if options:
        assert json.loads(answer.stdout)["timeline"] == []


def test_a_wildcard_finds_no_strangers_workitem(department):
    assert trace("*", department.config_file).returncode == 1


def test_without_the_event_repository_orders_workitems_and_results_are_still_found(away, department, identifiers, demo):
    away("event_repository")
    for identifier in identifiers.values():
        thread = thread_of(identifier, department)
        assert [words.split(":")[0] for words in thread["unanswered"]] == ["the Event Repository did not answer"]
        assert [order["accession_number"] for order in thread["orders"]] == [demo["order"]["accession_number"]]
        assert [one["uid"] for one in thread["workitems"]] == [demo["workitem"]["uid"]]
        assert len(thread["results"]) == 2
        assert thread["timeline"] == []


@pytest.mark.parametrize(
    ("actor", "name", "lost"),
    [("task_manager", "the Task Manager", "workitems"), ("image_manager", "the archive", "results")],
)
def test_an_actor_that_does_not_answer_is_named_and_the_rest_is_printed(actor, name, lost, away, department, demo):
    away(actor)
    thread = thread_of(demo["order"]["accession_number"], department)
    assert [words.split(" did not")[0] for words in thread["unanswered"]] == [name]
    assert thread[lost] == []
    assert len(thread["timeline"]) >= demo["sole_events"]  # more may have come after the summary
    answer = trace(demo["order"]["accession_number"], department.config_file)
    assert f"{name} did not answer" in answer.stdout
    assert "inference-ended" in answer.stdout


def test_when_nobody_answers_an_unknown_identifier_names_them(away, department):
    for actor in ("event_repository", "task_manager"):
        away(actor)
    answer = trace("NO-SUCH-ACCESSION", department.config_file)
    assert answer.returncode == 1
    assert "the Event Repository did not answer" in answer.stderr
    assert "the Task Manager did not answer" in answer.stderr


def test_an_order_that_still_awaits_its_images_is_shown_as_that(department):
    order = new_order()
    assert ris.send_order(*department.endpoints.mllp_address, ris.build_order(order)).code == "AA"
    thread = thread_of(order.placer_order_number, department)
    assert [(one["accession_number"], one["state"]) for one in thread["orders"]] == [
        (order.accession_number, "pending")
    ]
    assert thread["workitems"] == thread["results"] == []
