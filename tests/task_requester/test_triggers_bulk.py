"""Requests for many studies: queued, held back behind clinical work, and no harm to anybody's order (orders.md 9)."""

from datetime import timedelta

import httpx
import pytest
from sqlmodel import select
from typer.testing import CliRunner

from actors.shared.refusals import RefusalLog
from actors.task_requester.database import OrderRow, WorkitemRow, moment
from actors.task_requester.ledger import Ledger
from actors.task_requester.replaying import reproject
from actors.task_requester.results_back.store import LookRow
from actors.task_requester.rules import load_rules
from actors.task_requester.triggers.asking import Asking
from actors.task_requester.triggers.bulk import BulkRequests, StudyState
from actors.task_requester.triggers.bulk_http import bulk_router
from actors.task_requester.triggers.http import create_app, http_server
from actors.task_requester.triggers.releasing import Releaser, outcome_of, room
from actors.task_requester.triggers.settings import Bulk
from actors.task_requester.triggers.standing import Standings
from connectathon.fiction import new_order
from connectathon.ris import build_order
from connectathon.waiting import free_port
from profiles.dicom import dicom_datetime, put, put_items, text
from profiles.errors import BadInput, NotFound, Unavailable
from stepwell.cli import app as command_line
from tests.task_requester.conftest import Worklist
from tests.task_requester.pacs import Pacs
from tests.task_requester.results_scene import ResultArchive, results_back
from tests.task_requester.workshop import NOW, Workshop

BRAIN = "head-mr-brain-extraction"
MR = "ModalitiesInStudy=MR"
ONCE = """
[[rule]]
name = "once"
when = '"MR" in modalities'
workitem_code = { value = "ANY", scheme = "99STEPWELL", meaning = "Any" }
label = "Any"
once_per = "study"
priorities = { S = "HIGH" }
"""


class BusyWorklist(Worklist):
    """A Task Manager that can be searched for what a performer could begin now."""

    def search(self, matches=None, *, limit=None, includefield="all"):
        assert matches["ProcedureStepState"] == "SCHEDULED"
        assert matches["InputReadinessState"] == "READY"
        latest = matches["ScheduledProcedureStepStartDateTime"].removeprefix("-")
        found = [
            put({}, "SOPInstanceUID", uid)
            for uid, one in self.workitems.items()
            if self.states[uid] == "SCHEDULED" and text(one, "ScheduledProcedureStepStartDateTime") <= latest
        ]
        return found[:limit]

    def clinical(self, *names, start=NOW):
        """Work of others that waits."""
        for name in names:
            self.workitems[name] = put({}, "ScheduledProcedureStepStartDateTime", dicom_datetime(start))
            self.states[name] = "SCHEDULED"

    def end(self, state="COMPLETED"):
        """Let all open workitems end."""
        for uid in self.open():
            self.states[uid] = state


class Bench:
    """A workshop with bulk requests and the one who releases them."""

    def __init__(self, where, outside, pacs, worklist, rules=None, **settings):
        self.pacs, self.worklist = pacs, worklist
        rules = rules or load_rules(None)
        self.shop = Workshop(where, outside, pacs, worklist, rules=rules)
        self.limits = Bulk(**{"open_workitems": 2, "interval_seconds": 1.0, **settings})
        self.bulk = BulkRequests(self.shop.database, pacs, rules, self.shop.now, self.limits.most_studies)
        self.restart()

    def restart(self):
        """The one who releases remembers nothing."""
        self.releaser = Releaser(
            self.shop.database,
            self.pacs,
            self.worklist,
            self.limits,
            clock=self.shop.now,
            monotonic=lambda: self.shop.passed,
        )

    def studies(self, count):
        """So many studies in the archive; their orders."""
        orders = [new_order() for _ in range(count)]
        for order in orders:
            self.pacs.add(order)
        return orders

    def work(self, seconds=10):
        """Let time pass."""
        for _ in range(seconds):
            self.releaser.look()
            self.shop.work(1.0)
        self.releaser.look()
        return self.states()

    def states(self, number=1):
        """How many studies of a bulk request are in which state."""
        (one,) = [one for one in self.bulk.progress() if one["number"] == number]
        return {state: count for state, count in one["states"].items() if count}


@pytest.fixture
def worklist():
    return BusyWorklist()


@pytest.fixture
def bench(tmp_path, worklist):
    made = []

    def one(**settings):
        made.append(Bench(tmp_path / "task_requester", tmp_path, Pacs(), worklist, **settings))
        return made[-1]

    yield one
    for bench in made:
        bench.shop.database.close()


@pytest.mark.requirement("HL7-057", "HL7-061")
def test_each_study_becomes_a_request_of_priority_low_and_so_many_are_open_at_most(bench, worklist):
    made = bench()
    made.studies(5)
    assert made.bulk.ask(MR, BRAIN)["studies"] == 5
    seen = []
    for _ in range(6):
        made.work(8)
        seen.append(len(worklist.open()))
        worklist.end()
    assert seen == [2, 2, 1, 0, 0, 0]
    assert made.work(2) == {"completed": 5}
    assert {text(one, "ScheduledProcedureStepPriority") for one in worklist.workitems.values()} == {"LOW"}


@pytest.mark.requirement("HL7-061")
def test_the_queue_is_the_same_on_postgresql(postgres_url, worklist):
    made = Bench(postgres_url, postgres_url, Pacs(), worklist)
    made.studies(3)
    made.bulk.ask(MR, BRAIN)
    assert made.work() == {"open": 2, "waiting": 1}
    worklist.end()
    assert made.work() == {"completed": 2, "open": 1}
    made.shop.database.close()


@pytest.mark.requirement("HL7-061")
@pytest.mark.parametrize(
    ("open_", "waiting", "expected"), [(0, 0, 3), (2, 1, 1), (3, 0, 0), (5, 0, 0), (0, 2, 0), (0, 1, 3)]
)
def test_there_is_room_up_to_the_limit_unless_clinical_work_waits(open_, waiting, expected):
    assert room(open_, waiting, Bulk(open_workitems=3, clinical_waiting=1)) == expected


@pytest.mark.requirement("HL7-061")
def test_none_is_asked_for_while_clinical_work_waits(bench, worklist):
    made = bench(clinical_waiting=1)
    made.studies(2)
    worklist.clinical("one", "two")
    made.bulk.ask(MR, BRAIN)
    assert made.work() == {"waiting": 2}
    worklist.states["one"] = "IN PROGRESS"
    assert made.work() == {"open": 2}


@pytest.mark.requirement("HL7-061")
def test_work_that_is_to_begin_later_holds_nothing_back(bench, worklist):
    made = bench()
    made.studies(1)
    worklist.clinical("tonight", start=NOW + timedelta(hours=12))
    made.bulk.ask(MR, BRAIN)
    assert made.work() == {"open": 1}


@pytest.mark.requirement("HL7-061")
def test_the_queue_survives_a_restart_at_any_point(bench, worklist):
    made = bench()
    made.studies(4)
    made.bulk.ask(MR, BRAIN)
    for _ in range(40):
        made.restart()
        made.work(1)
        if len(worklist.open()) == 2:
            worklist.end()
    assert made.states() == {"completed": 4}
    assert len(worklist.workitems) == 4


@pytest.mark.requirement("HL7-061")
def test_what_is_there_already_is_not_asked_for_again(bench, worklist):
    made = bench()
    made.studies(2)
    made.bulk.ask(MR, BRAIN)
    made.bulk.ask(MR, BRAIN)
    for _ in range(4):
        made.work(8)
        worklist.end()
    made.work(2)
    assert (made.states(1), made.states(2)) == ({"completed": 2}, {"there-already": 2})
    assert made.bulk.ask(MR, BRAIN, dry_run=True)["there_already"] == 2
    assert len(worklist.workitems) == 2


@pytest.mark.requirement("HL7-061", "HL7-057")
def test_a_clinical_order_of_the_study_is_left_alone(bench, worklist):
    made = bench(rules=load_rules(None))
    shop = made.shop
    made.pacs.add(shop.order, body_part="KNEE")
    shop.send(priority="S")
    shop.work()
    before = shop.thread()
    made.bulk.ask(MR, BRAIN)
    assert made.work() == {"open": 1}
    (workitem,) = worklist.open().values()
    assert text(workitem, "ScheduledProcedureStepPriority") == "LOW"
    assert (shop.ledger.order(1).state, shop.ledger.order(1).explanation) == (before["state"], before["explanation"])
    shop.take(build_order(shop.order, control="CA", now=shop.now()))
    shop.work()
    assert len(worklist.open()) == 1, "nor does the order touch what was asked for in bulk"


@pytest.mark.requirement("HL7-061")
def test_an_undecided_order_of_the_study_goes_first(bench, worklist):
    made = bench()
    made.pacs.add(made.shop.order)
    made.shop.send()
    made.bulk.ask(MR, BRAIN)
    made.releaser.look()
    assert made.states() == {"waiting": 1}
    assert made.work() == {"waiting": 1}, "its workitem waits for a performer"
    worklist.end()
    assert made.work() == {"there-already": 1}
    assert len(worklist.workitems) == 1


@pytest.mark.requirement("HL7-061", "HL7-057")
def test_the_order_that_comes_later_is_done_at_its_own_priority_and_the_other_gives_way(bench, worklist, tmp_path):
    rules = tmp_path / "rules.toml"
    rules.write_text(ONCE)
    made = bench(rules=load_rules(rules))
    made.pacs.add(made.shop.order)
    made.bulk.ask(MR, "once")
    assert made.work() == {"open": 1}
    made.shop.send(priority="S")
    made.work()
    (workitem,) = worklist.open().values()
    assert text(workitem, "ScheduledProcedureStepPriority") == "HIGH"
    assert made.states() == {"canceled": 1}
    assert "ordered meanwhile" in made.bulk.reasons(1)[0]["reason"]


@pytest.mark.requirement("HL7-061")
def test_the_rest_is_stopped_and_what_was_asked_for_goes_on(bench, worklist):
    made = bench()
    made.studies(5)
    made.bulk.ask(MR, BRAIN)
    made.work()
    assert made.bulk.stop(1) == 3
    worklist.end()
    assert made.work() == {"completed": 2, "stopped": 3}
    assert made.bulk.stop(1) == 0
    with pytest.raises(NotFound):
        made.bulk.stop(2)


@pytest.mark.requirement("HL7-061")
def test_what_comes_to_nothing_frees_its_place_and_says_why(bench, worklist):
    made = bench(open_workitems=1)
    gone, unfit, *_ = made.studies(4)
    made.pacs.studies[unfit.study_instance_uid]["series"] = {f"{unfit.study_instance_uid}.1": ("MR", "KNEE", 0)}
    made.pacs.put(unfit.study_instance_uid, 2, modality="SR", series="2")
    made.bulk.ask("StudyDate=20260101-", BRAIN)
    del made.pacs.studies[gone.study_instance_uid]
    for _ in range(8):
        made.work(10)
        worklist.end("COMPLETED" if made.states().get("completed", 0) == 0 else "CANCELED")
        made.shop.passed += 3700
    assert made.work(3) == {"completed": 1, "canceled": 1, "not-made": 2}
    reasons = {one["study"]: one["reason"] for one in made.bulk.reasons(1)}
    assert reasons[gone.study_instance_uid] == "the archive has it no longer"
    assert "it has no image series" in reasons[unfit.study_instance_uid]
    assert "CANCELED" in reasons[(set(reasons) - {gone.study_instance_uid, unfit.study_instance_uid}).pop()]


@pytest.mark.requirement("HL7-053")
def test_a_study_that_is_known_as_another_patients_is_not_asked_for(bench, worklist):
    made = bench()
    made.shop.send()
    made.pacs.add(made.shop.order, patient_id="SOMEBODY-ELSE")
    made.shop.work()
    made.bulk.ask(MR, BRAIN)
    assert made.work() == {"not-made": 1}
    assert "another patient" in made.bulk.reasons(1)[0]["reason"]
    assert worklist.workitems == {}


@pytest.mark.requirement("HL7-064")
def test_results_of_bulk_requests_are_told_to_nobody(bench, worklist, events):
    made = bench()
    made.pacs.add(made.shop.order)
    made.bulk.ask(MR, BRAIN)
    made.work()
    made.shop.send()
    made.work()
    results_back(made.shop, ResultArchive(), events, receiver="127.0.0.1:9").turn()
    with made.shop.database.read() as session:
        (looked_after,) = session.exec(select(LookRow))
        owner = session.get_one(WorkitemRow, looked_after.workitem_uid).order_number
    assert made.shop.ledger.order(owner).origin == "hl7"


@pytest.mark.requirement("HL7-077")
def test_what_was_asked_for_in_bulk_stays_itself_when_the_orders_are_made_anew(bench, worklist):
    made = bench()
    made.pacs.add(made.shop.order)
    made.bulk.ask(MR, BRAIN)
    made.work()
    made.shop.send()
    made.shop.work()
    assert reproject(made.shop.database) == 2
    with made.shop.database.read() as session:
        rows = {row.number: row.origin for row in session.exec(select(OrderRow))}
        owners = sorted(rows[one.order_number] for one in session.exec(select(WorkitemRow)))
    assert owners == ["bulk", "hl7"]


@pytest.mark.requirement("HL7-061")
def test_nothing_is_lost_while_the_archive_or_the_task_manager_is_away(bench, worklist, monkeypatch):
    made = bench()
    made.studies(1)
    made.bulk.ask(MR, BRAIN)

    def away(*_args, **_more):
        raise Unavailable("It is away.")

    with monkeypatch.context() as patch:
        patch.setattr(worklist, "search", away)
        assert made.work() == {"waiting": 1}
    made.pacs.away = True
    assert made.work() == {"waiting": 1}
    made.pacs.away = False
    assert made.work() == {"open": 1}


@pytest.mark.requirement("HL7-061")
@pytest.mark.parametrize(
    ("state", "workitem", "ups", "hours", "expected"),
    [
        ("pending", None, "", 0, None),
        ("pending", None, "", 2, StudyState.NOT_MADE),
        ("no-rule", None, "", 0, StudyState.NOT_MADE),
        ("mismatch", None, "", 0, StudyState.NOT_MADE),
        ("planned", "planned", "", 9, None),
        ("refused", "refused", "", 0, StudyState.NOT_MADE),
        ("published", "created", "SCHEDULED", 9, None),
        ("published", "created", "IN PROGRESS", 9, None),
        ("published", "created", "COMPLETED", 0, StudyState.COMPLETED),
        ("published", "created", "CANCELED", 0, StudyState.CANCELED),
        ("published", "created", "GONE", 0, StudyState.CANCELED),
    ],
)
def test_how_a_study_ended_follows_its_order_and_workitem(state, workitem, ups, hours, expected):
    order = OrderRow(key="", content="", state=state, message_number=0, received_at=moment(NOW), updated_at="")
    row = workitem and WorkitemRow(
        uid="1", order_number=1, study_uid="1", rule="r", content="", state=workitem, planned_at=""
    )
    found = outcome_of(order, row, ups, NOW + timedelta(hours=hours))
    assert (found and found.state) == expected


@pytest.mark.requirement("HL7-061")
def test_why_a_performer_cancelled_is_told(bench, worklist):
    made = bench()
    made.studies(1)
    made.bulk.ask(MR, BRAIN)
    made.work()
    (uid,) = worklist.open()
    progress = put({}, "ReasonForCancellation", "There are too few images.")
    worklist.workitems[uid] = put_items(worklist.workitems[uid], "ProcedureStepProgressInformationSequence", progress)
    worklist.end("CANCELED")
    made.work(2)
    assert [one["reason"] for one in made.bulk.reasons(1)] == ["There are too few images."]


@pytest.mark.requirement("HL7-061")
def test_a_bulk_request_that_cannot_be_is_refused(bench):
    made = bench(most_studies=2)
    made.studies(3)
    with pytest.raises(BadInput, match="most_studies"):
        made.bulk.ask(MR, BRAIN)
    assert made.bulk.ask(MR, BRAIN, 2)["studies"] == 2
    for query, rule, limit in ((MR, "none", None), ("nonsense", BRAIN, None), (MR, BRAIN, 0)):
        with pytest.raises(BadInput):
            made.bulk.ask(query, rule, limit)
    with pytest.raises(NotFound):
        made.bulk.ask("ModalitiesInStudy=PT", BRAIN)


@pytest.fixture
def served(bench, tmp_path):
    """A bench with its HTTP face, and the configuration for the command line."""
    made, port = bench(), free_port()
    asking = Asking(Ledger(made.shop.database, made.shop.now), made.pacs, made.bulk.rules, made.shop.now)
    app = create_app(asking, Standings(made.shop.database, made.worklist), RefusalLog())
    app.include_router(bulk_router(made.bulk))
    config = tmp_path / "stepwell.toml"
    config.write_text(f"[task_requester.triggers]\nhttp_port = {port}\n")
    with http_server(app, "127.0.0.1", port):
        yield made, config, port


def run(config, *words):
    return CliRunner().invoke(command_line, ["request", *words, "--config", str(config)], catch_exceptions=False)


@pytest.mark.requirement("HL7-061")
def test_a_researcher_asks_looks_and_cancels_on_the_command_line(served):
    made, config, _ = served
    made.studies(3)
    said = run(config, "--query", MR, "--rule", BRAIN, "--dry-run")
    assert "3 studies, of which 0 have the workitem already; nothing is asked for" in said.output
    assert "0 requests" in run(config, "status").output
    assert "request 1: 2 studies" in run(config, "--query", MR, "--rule", BRAIN, "--limit", "2").output
    assert "2 waiting" in run(config, "status").output
    made.work()
    assert "2 open" in run(config, "status").output
    assert "0 studies of request 1" in run(config, "cancel", "1").output
    assert run(config, "status", "1", "--json").output.strip() == "[]"
    with pytest.raises(BadInput, match="Nonsense"):
        run(config, "--query", "Nonsense=1", "--rule", BRAIN)
    uid = next(iter(made.pacs.studies))
    assert "stepwell trace" in run(config, uid, "--rule", BRAIN).output


@pytest.mark.requirement("HL7-061")
@pytest.mark.parametrize(
    "words",
    [
        ["--rule", BRAIN],
        ["1.2.3", "--query", MR, "--rule", BRAIN],
        ["1.2.3", "--rule", BRAIN, "--limit", "3"],
        ["--query", MR, "--rule", BRAIN, "--priority", "stat"],
    ],
    ids=["neither", "both", "limit", "priority"],
)
def test_a_request_that_contradicts_itself_is_refused_before_it_is_sent(words, tmp_path):
    with pytest.raises(BadInput):
        run(tmp_path / "never-read.toml", *words)


@pytest.mark.requirement("HL7-061")
def test_the_http_face_takes_no_other_kinds_of_values(served):
    _, _, port = served
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        for content in ({"query": 5, "rule": BRAIN}, {"query": MR}, {"query": MR, "rule": BRAIN, "limit": "2"}):
            assert client.post("/bulk", json=content).status_code == 400
        assert client.post("/bulk/1/stop", data={"a": "b"}).status_code == 415
        assert client.get("/bulk/9").status_code == 404


@pytest.mark.requirement("HL7-061")
def test_a_person_who_asks_by_name_and_a_bulk_request_do_not_meet(bench, worklist):
    made = bench()
    (order,) = made.studies(1)
    asking = Asking(made.shop.ledger, made.pacs, made.bulk.rules, made.shop.now)
    asking.by_person(order.study_instance_uid, BRAIN, "stat")
    made.bulk.ask(MR, BRAIN)
    made.work()
    (workitem,) = worklist.open().values()
    assert text(workitem, "ScheduledProcedureStepPriority") == "HIGH"
