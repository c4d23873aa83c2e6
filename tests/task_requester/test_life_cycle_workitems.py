"""How changes of an order, its end, and late images reach workitems (orders.md 4.3, 9.3, 10.3)."""

import dataclasses
from datetime import timedelta

import pytest
import structlog
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from actors.task_requester.orders_store import order_thread
from actors.task_requester.publishing import Publisher
from actors.task_requester.rules import load_rules
from connectathon.fiction import new_order
from connectathon.ris import build_order
from profiles.dicom import get_code, item, items, text
from profiles.errors import Conflict, Unavailable
from tests.task_requester.conftest import Images, Worklist
from tests.task_requester.workshop import NOW, Workshop

URGENT_ONLY = """
[[rule]]
name = "urgent"
when = 'priority == "S"'
workitem_code = { value = "BRAINSEG", scheme = "99STEPWELL", meaning = "Brain" }
label = "Urgent"
"""


@pytest.fixture
def make(tmp_path, images, worklist):
    """Makes workshops on one store; the later ones take up what the earlier ones left."""
    made = []

    def one(where=None, **settings):
        made.append(Workshop(where or tmp_path / "task_requester", where or tmp_path, images, worklist, **settings))
        return made[-1]

    yield one
    for workshop in made:
        workshop.database.close()


@pytest.fixture
def shop(make):
    """A workshop whose order has one workitem that is SCHEDULED."""
    made = make()
    made.send().arrive().work()
    assert made.state == "published"
    return made


@pytest.fixture
def logged():
    """What is logged during the test."""
    with structlog.testing.capture_logs() as lines:
        yield lines


def the_only(worklist):
    """UID and content of the only workitem that is open."""
    ((uid, workitem),) = worklist.open().items()
    return uid, workitem


def replaced_by(workitem):
    """UID of the workitem that this one says it replaces."""
    return text(item(workitem, "ReplacedProcedureStepSequence"), "ReferencedSOPInstanceUID")


@pytest.mark.requirement("HL7-029")
def test_a_change_that_says_nothing_new_changes_no_workitem(shop, worklist):
    shop.send("XO").work()
    assert (worklist.requests, worklist.updates, worklist.cancellations) == (1, [], [])
    assert shop.state == "published"


@pytest.mark.requirement("HL7-031")
def test_a_new_priority_is_set_on_the_scheduled_workitem(shop, worklist):
    shop.send("XO", priority="S").work()
    ((_, changes),) = worklist.updates
    assert text(changes, "ScheduledProcedureStepPriority") == "HIGH"
    assert text(changes, "PatientID") == ""
    assert (len(worklist.workitems), shop.state) == (1, "published")
    shop.work()
    assert len(worklist.updates) == 1


@pytest.mark.requirement("HL7-031", "HL7-040")
def test_another_request_replaces_the_scheduled_workitem(shop, worklist):
    uid, _ = the_only(worklist)
    shop.send("XO", order=dataclasses.replace(shop.order, procedure_description="MR head, again")).work()
    assert worklist.cancellations == [(uid, "110528", "The order changed; another workitem replaces this one.")]
    new, workitem = the_only(worklist)
    assert replaced_by(workitem) == uid
    request = item(workitem, "ReferencedRequestSequence")
    assert text(request, "RequestedProcedureDescription") == "MR head, again"
    thread = shop.thread()
    assert [(one["uid"], one["revision"]) for one in thread["workitems"]] == [(uid, 1), (new, 2)]
    assert thread["state"] == "published"


@pytest.mark.requirement("HL7-011", "HL7-031")
def test_a_change_after_a_creation_that_was_not_recorded_reaches_the_workitem(make, worklist, monkeypatch):
    """The process died after the Task Manager had the workitem and before the store knew; then the order changed."""
    shop = make()
    with monkeypatch.context() as patch:
        patch.setattr(Publisher, "_conclude", lambda *_: (_ for _ in ()).throw(InterruptedError))
        with pytest.raises(InterruptedError):
            shop.send().arrive().work()
    uid, _ = the_only(worklist)
    shop.send("XO", order=dataclasses.replace(shop.order, procedure_description="MR head, again")).work()
    new, workitem = the_only(worklist)
    assert replaced_by(workitem) == uid != new
    assert text(item(workitem, "ReferencedRequestSequence"), "RequestedProcedureDescription") == "MR head, again"
    assert shop.state == "published"


@pytest.mark.requirement("HL7-011", "HL7-032")
def test_a_cancellation_after_a_creation_that_was_not_recorded_reaches_the_workitem(make, worklist, monkeypatch):
    shop = make()
    with monkeypatch.context() as patch:
        patch.setattr(Publisher, "_conclude", lambda *_: (_ for _ in ()).throw(InterruptedError))
        with pytest.raises(InterruptedError):
            shop.send().arrive().work()
    uid, _ = the_only(worklist)
    shop.send("CA").work()
    assert [one[0] for one in worklist.cancellations] == [uid]
    assert worklist.open() == {}


@pytest.mark.requirement("HL7-011", "HL7-031")
def test_a_change_before_a_creation_that_never_arrived_needs_no_replacement(make, worklist, monkeypatch):
    shop = make()
    with monkeypatch.context() as patch:
        patch.setattr(worklist, "create", lambda *_: (_ for _ in ()).throw(InterruptedError))
        with pytest.raises(InterruptedError):
            shop.send().arrive().work()
    shop.send("XO", order=dataclasses.replace(shop.order, procedure_description="MR head, again")).work()
    _, workitem = the_only(worklist)
    assert replaced_by(workitem) == ""
    assert text(item(workitem, "ReferencedRequestSequence"), "RequestedProcedureDescription") == "MR head, again"


@pytest.mark.requirement("HL7-031")
def test_a_small_change_is_noted_on_a_workitem_that_is_being_worked_on(shop, worklist):
    uid, _ = the_only(worklist)
    worklist.states[uid] = "IN PROGRESS"
    shop.send("XO", priority="S").work()
    assert (worklist.updates, worklist.cancellations) == ([], [])
    (workitem,) = shop.thread()["workitems"]
    assert workitem["note"] == ("The order changed when the workitem was IN PROGRESS: ScheduledProcedureStepPriority")
    assert shop.state == "published"


@pytest.mark.requirement("HL7-031", "HL7-033", "HL7-040")
def test_another_procedure_stops_the_performer_and_its_replacement_waits_for_that(shop, worklist):
    uid, _ = the_only(worklist)
    worklist.states[uid] = "IN PROGRESS"
    message = build_order(shop.order, control="XO", now=shop.now()).replace(b"MRHEAD^", b"MRNECK^")
    shop.take(message).work()
    assert [one[0] for one in worklist.cancellations] == [uid]
    assert len(worklist.workitems) == 1
    assert shop.thread()["cancel_pending"]
    worklist.states[uid] = "CANCELED"
    shop.work()
    _, workitem = the_only(worklist)
    assert replaced_by(workitem) == uid
    code = get_code(item(workitem, "ReferencedRequestSequence"), "RequestedProcedureCodeSequence")
    assert code.value == "MRNECK"
    assert not shop.thread()["cancel_pending"]


@pytest.mark.requirement("HL7-034")
def test_a_replacement_is_withdrawn_when_the_old_workitem_was_completed_after_all(shop, worklist):
    uid, _ = the_only(worklist)
    worklist.states[uid] = "IN PROGRESS"
    shop.take(build_order(shop.order, control="XO", now=shop.now()).replace(b"MRHEAD^", b"MRNECK^")).work()
    worklist.states[uid] = "COMPLETED"
    shop.work()
    old, new = shop.thread()["workitems"]
    assert (old["ups_state"], new["state"]) == ("COMPLETED", "withdrawn")
    assert len(worklist.workitems) == 1


@pytest.mark.requirement("HL7-031")
def test_a_change_after_completion_is_noted(shop, worklist):
    uid, _ = the_only(worklist)
    worklist.states[uid] = "COMPLETED"
    shop.send("XO", priority="S").work()
    (workitem,) = shop.thread()["workitems"]
    assert "COMPLETED" in workitem["note"]
    assert len(worklist.workitems) == 1


@pytest.mark.requirement("HL7-031")
def test_a_workitem_that_no_rule_wants_after_a_change_is_cancelled(make, worklist, tmp_path):
    rules = tmp_path / "rules.toml"
    rules.write_text(URGENT_ONLY)
    shop = make(rules=load_rules(rules))
    shop.send(priority="S").arrive().work()
    uid, _ = the_only(worklist)
    shop.send("XO", priority="R").work()
    assert [one[:2] for one in worklist.cancellations] == [(uid, "110528")]
    assert (shop.state, worklist.open()) == ("no-rule", {})
    shop.send("XO", priority="S").work()
    _, workitem = the_only(worklist)
    assert replaced_by(workitem) == uid


@pytest.mark.requirement("HL7-039")
def test_a_hold_makes_the_inputs_incomplete_and_its_release_ready(shop, worklist):
    uid, _ = the_only(worklist)
    shop.send("HD", "HD").work()
    assert text(worklist.workitems[uid], "InputReadinessState") == "INCOMPLETE"
    assert (worklist.states[uid], shop.state) == ("SCHEDULED", "held")
    shop.send("RL", "").work()
    assert text(worklist.workitems[uid], "InputReadinessState") == "READY"
    assert (len(worklist.updates), shop.state) == (2, "published")


@pytest.mark.requirement("HL7-032", "HL7-038")
@pytest.mark.parametrize(("control", "status", "reason"), [("CA", "CA", "110500"), ("DC", "CA", "110513")])
def test_the_end_of_an_order_cancels_its_scheduled_workitem_with_the_coded_reason(
    shop, worklist, control, status, reason
):
    uid, _ = the_only(worklist)
    shop.send(control, status).work()
    assert [one[:2] for one in worklist.cancellations] == [(uid, reason)]
    thread = shop.thread()
    assert (thread["state"], thread["cancel_pending"]) == ("canceled", False)


@pytest.mark.requirement("HL7-033")
@pytest.mark.parametrize("refusal", [None, "C312: the performer cannot be contacted.", "C313: it declines."])
def test_a_cancellation_is_watched_until_the_workitem_ends_and_told_of_when_it_lasts(make, worklist, logged, refusal):
    shop = make(cancel_escalation_seconds=60)
    shop.send().arrive().work()
    uid, _ = the_only(worklist)
    worklist.states[uid] = "IN PROGRESS"
    worklist.cancel_refusal = refusal and Conflict(refusal)
    shop.send("CA", "CA").work()
    thread = shop.thread()
    assert (thread["state"], thread["cancel_pending"]) == ("canceled", True)
    assert thread["workitems"][0]["cancel_outcome"] == (refusal or "requested")
    assert not [line for line in logged if line["event"] == "cancel-pending"]
    shop.work(120)
    assert len([line for line in logged if line["event"] == "cancel-pending"]) == 1
    worklist.states[uid] = "CANCELED"
    shop.work()
    assert not shop.thread()["cancel_pending"]


@pytest.mark.requirement("HL7-034")
def test_cancelling_an_order_whose_workitem_is_completed_changes_no_state(shop, worklist):
    uid, _ = the_only(worklist)
    worklist.states[uid] = "COMPLETED"
    shop.send("CA", "CA").work()
    assert (worklist.states[uid], shop.state) == ("COMPLETED", "canceled")
    assert not shop.thread()["cancel_pending"]


@pytest.mark.requirement("HL7-040")
def test_an_order_that_replaces_another_makes_a_workitem_that_replaces_its(shop, worklist, images):
    uid, _ = the_only(worklist)
    old, new = shop.order, new_order()
    new = dataclasses.replace(new, patient_id=old.patient_id)
    replaced = f"ORC|RP|{old.placer_order_number}|{old.filler_order_number}^RIS||RP\rORC|RO"
    message = build_order(new, control="RO", now=shop.now()).replace(b"ORC|RO", replaced.encode())
    shop.take(message).arrive(order=new).work()
    assert [one[:2] for one in worklist.cancellations] == [(uid, "110528")]
    _, workitem = the_only(worklist)
    assert replaced_by(workitem) == uid
    assert text(item(workitem, "ReferencedRequestSequence"), "AccessionNumber") == new.accession_number
    assert (shop.state, shop.thread(new.accession_number)["state"]) == ("superseded", "published")


@pytest.mark.requirement("HL7-037", "HL7-060")
def test_a_finished_examination_shortens_the_wait_for_images_and_starts_nothing_without_them(make, worklist):
    shop = make(quiet_seconds=2, quiet_without_status_seconds=600)
    shop.send().send("SC", "CM").work(30)
    assert (shop.state, worklist.requests) == ("pending", 0)
    shop.arrive().work(10)
    assert shop.state == "published"
    other = shop.order = new_order()
    shop.send().arrive().work(500)
    assert shop.state == "pending"
    shop.send("XO", "CM").work(10)
    assert shop.state == "published"
    assert other.accession_number in str(worklist.workitems)


@pytest.mark.requirement("HL7-063")
def test_late_images_become_inputs_of_the_scheduled_workitem(shop, worklist):
    shop.arrive(36).work(60)
    _, workitem = the_only(worklist)
    (series,) = items(workitem, "InputInformationSequence")
    assert len(items(series, "ReferencedSOPSequence")) == 36
    assert (len(worklist.workitems), shop.thread()["image_count"]) == (1, 36)


@pytest.mark.requirement("HL7-063")
@pytest.mark.parametrize("state", ["IN PROGRESS", "COMPLETED"])
def test_images_that_come_too_late_for_a_workitem_are_noted(shop, worklist, state):
    uid, before = the_only(worklist)
    worklist.states[uid] = state
    shop.arrive(36).work(60)
    assert worklist.workitems == {uid: before}
    (workitem,) = shop.thread()["workitems"]
    assert workitem["note"] == f"The order changed when the workitem was {state}: InputInformationSequence"


@pytest.mark.requirement("HL7-063")
def test_images_after_completion_make_another_workitem_where_the_rule_wants_it(shop, worklist, monkeypatch):
    (rule,) = shop.follower._rules
    again = dataclasses.replace(rule, table=rule.table.model_copy(update={"rerun_on_change": True}))
    monkeypatch.setattr(shop.follower, "_rules", (again,))
    uid, _ = the_only(worklist)
    shop.send("XO", priority="S").work()
    worklist.states[uid] = "COMPLETED"
    shop.arrive(36).work(60)
    new, workitem = the_only(worklist)
    assert (new == uid, replaced_by(workitem)) == (False, "")
    shop.work(60)
    assert len(worklist.workitems) == 2


def test_an_order_that_images_never_follow_expires_where_the_site_says_so_and_images_still_revive_it(make, logged):
    shop = make(expire_seconds=300)
    shop.order = dataclasses.replace(shop.order, ordered=shop.now())
    shop.send().work(120)
    assert shop.state == "pending"
    shop.work(300)
    assert "110533" in shop.thread()["explanation"]
    assert (shop.state, [line["event"] for line in logged].count("order-expired")) == ("expired", 1)
    shop.send("XO", priority="S").arrive().work(60)
    assert shop.state == "published"


@pytest.mark.requirement("HL7-061", "HL7-029")
def test_a_change_while_its_workitem_is_being_created_is_not_lost(make, worklist):
    shop = make()
    shop.send().arrive()
    created = worklist.create

    def create(workitem, uid=None):
        worklist.create = created
        shop.send("XO", priority="S")
        shop.work(5)
        return created(workitem, uid)

    worklist.create = create
    shop.work(20)
    _, workitem = the_only(worklist)
    assert text(workitem, "ScheduledProcedureStepPriority") == "HIGH"
    assert len(worklist.workitems) == 1


@pytest.mark.requirement("AIWI-TR-013")
def test_a_task_manager_that_is_away_delays_changes_and_loses_none(shop, worklist, monkeypatch):
    def away(*_):
        raise Unavailable("The Task Manager is away.")

    with monkeypatch.context() as patch:
        patch.setattr(worklist, "retrieve", away)
        shop.send("XO", priority="S").work()
        assert (worklist.updates, shop.state) == ([], "planned")
    shop.work()
    assert (len(worklist.updates), shop.state) == (1, "published")


@pytest.mark.requirement("AIWI-TR-013", "HL7-031", "HL7-032")
def test_what_was_done_without_an_answer_is_asked_for_again_without_harm(shop, worklist):
    def once_unanswered(name):
        done = getattr(worklist, name)

        def ask(*said):
            setattr(worklist, name, done)
            done(*said)
            raise Unavailable("There was no answer.")

        return ask

    uid, _ = the_only(worklist)
    worklist.update = once_unanswered("update")
    with pytest.raises(Unavailable):
        shop.send("XO", priority="S").work()
    shop.work()
    assert (len(worklist.updates), shop.state) == (2, "published")
    worklist.request_cancel = once_unanswered("request_cancel")
    shop.send("CA", "CA").work()
    assert (worklist.states[uid], shop.thread()["cancel_pending"]) == ("CANCELED", False)


NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)  # an example takes seconds
LIVES = st.lists(
    st.sampled_from(
        [
            ("NW", "SC", "R"),
            ("NW", "IP", "S"),
            ("XO", "SC", "S"),
            ("XO", "CM", "A"),
            ("SC", "IP", "R"),
            ("SC", "CM", "R"),
            ("CA", "CA", "R"),
            ("DC", "CA", "R"),
            ("HD", "HD", "R"),
            ("RL", "", "R"),
            ("RP", "", "R"),
        ]
    ),
    min_size=1,
    max_size=6,
)


def outcome(folder, order, messages, *, between):
    """State of the order and the workitems that may be begun, after messages in some order of arrival."""
    images, worklist = Images(), Worklist()
    shop = Workshop(folder / "task_requester", folder, images, worklist)
    shop.order = order
    try:
        if between:
            shop.arrive()
        for message in messages:
            shop.take(message)
            if between:
                shop.work(5)
        shop.arrive().work(20)
        ended = sorted(set(worklist.states.values()) - {"SCHEDULED"})
        ready = [one for one in worklist.open().values() if text(one, "InputReadinessState") == "READY"]
        wanted = [text(one, "ScheduledProcedureStepPriority") for one in ready]
        return shop.state, wanted, [] if between else sorted(worklist.workitems), ended if not between else []
    finally:
        shop.database.close()


@pytest.mark.requirement("HL7-029", "HL7-030", "HL7-035", "HL7-036")
@pytest.mark.parametrize("between", [False, True], ids=["worked on at the end", "worked on after each message"])
@hypothesis_settings(max_examples=10, phases=NO_SHRINKING, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(life=LIVES, random=st.randoms(use_true_random=False))
def test_messages_in_any_order_of_arrival_end_in_the_same_order_and_workitems(tmp_path_factory, between, life, random):
    order = new_order()
    messages = [
        build_order(
            order,
            control=control,
            status=status,
            priority=priority,
            control_id="1",
            now=NOW + timedelta(minutes=minute),
        )
        for minute, (control, status, priority) in enumerate(life)
    ]
    shuffled = random.sample(messages, len(messages))
    outcomes = [
        outcome(tmp_path_factory.mktemp("life"), order, arrival, between=between)
        for arrival in (messages, shuffled, [*shuffled, *messages])
    ]
    assert outcomes[1:] == outcomes[:1] * 2


def numbered(order, placer="", filler="", minute=0, control="NW"):
    """An order message that has only some of the order's numbers."""
    named = dataclasses.replace(order, placer_order_number=placer, filler_order_number=filler)
    message = build_order(named, control=control, now=NOW + timedelta(minutes=minute))
    return message.replace(b"|^EHR|", b"||").replace(b"|^RIS|", b"||")


@pytest.mark.requirement("HL7-036", "HL7-061")
def test_orders_that_one_message_shows_to_be_the_same_are_joined_and_worked_on_once(make, worklist):
    shop = make()
    one = dataclasses.replace(shop.order, accession_number="B1")
    other = dataclasses.replace(shop.order, accession_number="B2")
    shop.take(numbered(one, placer="P1").replace(one.study_instance_uid.encode(), b""))
    shop.take(numbered(other, filler="F1"))
    assert shop.thread("B1") != shop.thread("B2")
    shop.images.put(shop.order.study_instance_uid, 30, accession="B1")
    shop.work()
    assert len(worklist.open()) == 2
    shop.take(numbered(other, "P1", "F1", minute=5)).work()
    assert shop.thread("B1") == shop.thread("B2") == shop.thread("F1") == shop.thread("P1")
    assert [one[1] for one in worklist.cancellations] == ["110510", "110528"]  # twice; another accession number
    assert (len(worklist.open()), shop.thread("B1")["state"]) == (1, "published")


@pytest.mark.requirement("HL7-026", "HL7-035", "HL7-036")
def test_a_cancellation_by_numbers_alone_holds_for_each_study_of_the_order_before_and_after(make, worklist):
    shop = make()
    studies = [dataclasses.replace(shop.order, study_instance_uid=f"1.2.{number}") for number in (3, 4)]
    cancel = (
        f"MSH|^~\\&|RIS|X|||20260301091000+0000||ORM^O01|9|P|2.3.1\rORC|CA||{shop.order.filler_order_number}^RIS||CA"
    )
    messages = [build_order(order, now=NOW) for order in studies]
    for arrival in (
        [*messages, cancel.encode()],
        [cancel.encode(), *messages],
        [messages[0], cancel.encode(), messages[1]],
    ):
        shop = make(shop.outside / f"store{len(arrival[0])}{arrival.index(cancel.encode())}" / "task_requester")
        for message in arrival:
            shop.take(message)
        for order in studies:
            shop.arrive(order=order)
        shop.work()
        assert {one["state"] for one in order_thread(shop.outside.parent, studies[0].accession_number)} == {"canceled"}
        assert worklist.open() == {}
