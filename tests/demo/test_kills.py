"""kill -9 of each actor at each of its named steps leaves a study that ends COMPLETED once (DESIGN section 5)."""

import os
from importlib import import_module
from itertools import zip_longest

import pytest

from connectathon.campaigns.demo_kills import FEW_SLICES, QUICK_RULES
from stepwell.demo.department import Department
from stepwell.demo.walk import Walk

pytestmark = pytest.mark.tier2

ACTORS = ("task_requester", "task_manager", "image_manager", "task_performer", "event_repository")
#: Every named step of every actor: the list of places where a kill must be survived; in one study each actor dies once.
#: One study of three in every run (each actor's own tests kill it at every step), all with ``STEPWELL_WHOLE_SUITES``.
EVERY = 1 if os.environ.get("STEPWELL_WHOLE_SUITES") else 3
STEPS = [
    [str(step) for step in steps if step]
    for steps in zip_longest(*(import_module(f"actors.{actor}.steps").Step for actor in ACTORS))
][::EVERY]


@pytest.fixture(scope="module")
def department(tmp_path_factory):
    """One department for all kills; it lives on after each."""
    folder = tmp_path_factory.mktemp("kills")
    (folder / "rules.toml").write_text(QUICK_RULES)
    with Department(folder / "data", rules=folder / "rules.toml") as running:
        running.supervisor.wait_ready()
        yield running


@pytest.mark.parametrize("steps", STEPS, ids="-".join)
def test_a_study_ends_completed_once_though_actors_are_killed_at(steps, department):
    walk = Walk(department, report=lambda stage, words: None, slices=FEW_SLICES)
    paths = walk.make_images()
    for step in steps:
        department.arm(step)
    walk.send_order()
    walk.send_images(paths)
    workitem = walk.await_final()
    assert [step for step in steps if not department.went_off(step)] == [], "a step was never reached"
    assert walk.workitem_count() == 1
    events = walk.await_events(("order-received", "workitem-created", "workitem-claimed", "workitem-completed"))
    assert len({event["event_id"] for event in events}) == len(events)
    assert sum(event["step"] == "workitem-completed" for event in events) == 1
    assert sorted(kind for kind, _ in walk.fetch_results()) == ["SEG", "SR"]
    assert workitem
