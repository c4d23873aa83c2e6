"""Urgent results: the reading priority is raised (RAD-13; aiw-i.md 6.7), and a person acknowledges an alert."""

import json

import pytest

from actors.shared.reporting import source_for
from actors.shared.settings import CommonSettings
from actors.task_requester.results_back.alerts import acknowledge
from actors.task_requester.results_back.desk import Desk
from conformance.hl7 import check_message
from profiles.dicom import put, text
from profiles.errors import BadInput, Conflict, NotFound, Unavailable
from profiles.sole.audit import encode_audit
from profiles.sole.message import encode
from tests.task_requester.results_scene import Hook, Receiver, ResultArchive, complete, found, images_of, results_back
from tests.task_requester.workshop import Workshop


@pytest.fixture
def hook():
    made = Hook()
    yield made
    made.stop()


@pytest.fixture
def ris():
    made = Receiver()
    yield made
    made.stop()


@pytest.fixture
def scene(tmp_path, images, worklist, events, ris, hook):
    """Makes a workshop with one completed workitem, tells its result, and gives the desk and a way to let time pass."""
    made = []

    def make(results, priority="R", beside=lambda _shop: None, **settings):
        shop = Workshop(tmp_path / "task_requester", tmp_path, images, worklist)
        back = results_back(shop, ResultArchive(), events, ris=ris.address, alert_url=hook.url, **settings)
        made.extend([back.close, shop.database.close])
        (uid,) = shop.send(priority=priority).arrive().work(4).worklist.open()
        complete(uid, worklist, back._work[0].__self__.archive, images_of(shop.order, tmp_path / "study"), results)
        beside(shop)
        back.turn()

        def later(seconds):
            shop.passed += seconds
            back.turn()

        return shop, Desk(shop.database, shop.now), later

    yield make
    for close in made:
        close()


def test_a_priority_hint_high_raises_the_order_at_the_ris_with_its_identifiers_unchanged(scene, ris):
    shop, _, later = scene(found(urgent=True))
    later(600)
    (message,) = ris.messages
    assert check_message(message.text.encode(), "order") == []
    order = shop.order
    assert message.kind == ("OMI", "O23")
    assert (message.get("ORC-1"), message.get("TQ1-9")) == ("XO", "S")
    assert (message.get("ORC-2"), message.get("ORC-3")) == (order.placer_order_number, order.filler_order_number)
    assert (message.get("IPC-1"), message.get("IPC-3")) == (order.accession_number, order.study_instance_uid)
    assert (message.get("PID-3"), message.get("PID-3.4")) == (order.patient_id, order.issuer)


def test_an_order_that_is_urgent_already_is_not_raised(scene, ris, hook):
    scene(found(urgent=True), priority="S")
    assert ris.messages == []
    assert len(hook.taken) == 1


@pytest.mark.parametrize(("present", "alerts"), [(True, 1), (False, 0)], ids=["present", "absent"])
def test_a_finding_of_the_list_is_urgent_when_it_is_there(scene, hook, present, alerts):
    scene(found(present=present), urgent_findings=["27925004|SCT"])
    assert len(hook.taken) == alerts


def test_an_ordinary_result_raises_nothing(scene, ris, hook):
    _, desk, _ = scene(found())
    assert (ris.messages, hook.taken, desk.alerts()) == ([], [], [])


def test_an_alert_tells_of_the_work_and_nothing_of_the_patient(scene, hook):
    shop, _, _ = scene(found(urgent=True))
    (alert,) = hook.taken
    assert set(alert) == {"alert", "stage", "workitem", "study", "accession_number", "why", "raised_at"}
    assert (alert["stage"], alert["accession_number"]) == ("raised", shop.order.accession_number)
    assert shop.order.patient_id not in json.dumps(alert)


@pytest.mark.requirement("HL7-066")
def test_an_alert_is_posted_again_until_it_is_taken(scene, hook):
    hook.script = [503]
    _, _, later = scene(found(urgent=True))
    later(10)
    assert len(hook.taken) == 2
    assert hook.taken[0] == hook.taken[1]


def test_an_alert_that_nobody_acknowledges_is_escalated_once(scene, hook):
    _, desk, later = scene(found(urgent=True), escalation_seconds=60)
    for seconds in (59, 2, 600):
        later(seconds)
    assert [one["stage"] for one in hook.taken] == ["raised", "escalated"]
    assert desk.alerts()[0]["escalated_at"]


def test_who_acknowledged_an_alert_and_when_is_kept_audited_and_reported(scene, hook, events):
    shop, desk, later = scene(found(urgent=True), escalation_seconds=60)
    (alert,) = desk.alerts()
    audited = []
    how = {"clock": shop.now, "audit": audited.append}
    acknowledge(shop.database, alert["number"], "dr.reader", **how)
    with pytest.raises(Conflict, match=r"dr\.reader"):
        acknowledge(shop.database, alert["number"], "somebody", **how)
    with pytest.raises(NotFound):
        acknowledge(shop.database, 99, "somebody", **how)
    later(600)
    assert [one["stage"] for one in hook.taken] == ["raised"]
    assert desk.alerts() == []
    assert desk.alerts(every=True)[0]["acknowledged_by"] == "dr.reader"
    source = source_for("task_requester", CommonSettings(), "1")
    assert [event.step for event in events.events] == ["result-notified"] * 2
    raised, taken = (encode(event, source) for event in events.events)
    assert "RID45854" in str(taken)
    assert "RID45854" not in str(raised)
    (event,) = audited
    assert "dr.reader" in str(encode_audit(event, source))
    assert shop.order.patient_id not in str(encode_audit(event, source))


@pytest.mark.parametrize("claimed_meanwhile", [False, True], ids=["waiting", "claimed meanwhile"])
def test_what_else_waits_for_the_study_is_raised_once_and_nothing_else_is(scene, worklist, claimed_meanwhile):
    def beside(shop):
        study = shop.order.study_instance_uid
        for uid, of, priority in (("1.9.1", study, "LOW"), ("1.9.2", "1.2.3", "LOW"), ("1.9.3", study, "MEDIUM")):
            worklist.create(put(put({}, "StudyInstanceUID", of), "ScheduledProcedureStepPriority", priority), uid)
        worklist.states["1.9.3"] = "IN PROGRESS"
        if claimed_meanwhile:
            worklist.refusals_of_updates = [Unavailable("It is away."), Conflict("409: it is claimed.")]

    _, desk, later = scene(found(urgent=True), beside=beside, raise_worklist=True)
    later(600)
    later(600)
    if claimed_meanwhile:
        assert worklist.updates == []
        assert "claimed" in next(one["reason"] for one in desk.messages(every=True) if one["channel"] == "worklist")
    else:
        ((uid, changes),) = worklist.updates
        assert (uid, text(changes, "ScheduledProcedureStepPriority")) == ("1.9.1", "HIGH")
    assert desk.messages() == []


def test_a_worklist_that_cannot_be_searched_holds_up_nothing_else(scene, worklist, hook):
    def beside(_shop):
        worklist.search = lambda _matches: (_ for _ in ()).throw(BadInput("400: no such key"))

    _, desk, _ = scene(found(urgent=True), beside=beside, raise_worklist=True)
    assert [(one["channel"], one["state"]) for one in desk.messages()] == [("worklist", "parked")]
    assert len(hook.taken) == 1


def test_the_worklist_is_left_alone_when_nothing_else_was_asked_for(scene, worklist):
    def beside(shop):
        worklist.create(put({}, "StudyInstanceUID", shop.order.study_instance_uid), "1.9.1")

    scene(found(urgent=True), beside=beside)
    assert worklist.updates == []
