"""A change that names another study, children of an order: one order stays one, and each child is its own."""

import dataclasses
import itertools

import pytest

from actors.task_requester.moving import has_its_own, other_study
from actors.task_requester.orders_store import order_thread
from actors.task_requester.projection import same_order
from connectathon.fiction import new_order
from connectathon.ris import build_order
from profiles.dicom import item, text
from profiles.hl7 import EntityIdentifier, ImagingOrder, orders_from, read
from profiles.hl7.values import ScheduledStep
from tests.task_requester.workshop import NOW, Workshop

OTHER = "1.2.826.0.1.3680043.8.498.7"


@pytest.fixture
def make(tmp_path_factory, worklist, images):
    made = []

    def shop():
        folder = tmp_path_factory.mktemp("shop")
        made.append(Workshop(folder / "task_requester", folder, images, worklist))
        return made[-1]

    yield shop
    for one in made:
        one.database.close()


@pytest.fixture
def shop(make):
    return make()


def of_other_study(order):
    return dataclasses.replace(order, study_instance_uid=OTHER)


@pytest.mark.requirement("HL7-026", "HL7-031", "HL7-040")
def test_a_change_to_another_study_cancels_the_workitem_and_replaces_it_under_the_same_order(shop, worklist):
    shop.send().arrive().work()
    ((uid, _),) = worklist.open().items()
    shop.send("XO", order=of_other_study(shop.order)).work()
    assert worklist.cancellations == [(uid, "110528", "The order is about another study now.")]
    assert (worklist.open(), shop.thread()["study_instance_uid"], shop.state) == ({}, OTHER, "pending")
    shop.arrive(order=of_other_study(shop.order)).work()
    ((_, workitem),) = worklist.open().items()
    assert text(workitem, "StudyInstanceUID") == OTHER
    assert text(item(workitem, "ReplacedProcedureStepSequence"), "ReferencedSOPInstanceUID") == uid
    assert shop.state == "published"


@pytest.mark.requirement("HL7-034", "HL7-040")
def test_a_workitem_that_was_done_on_the_earlier_study_does_not_keep_the_other_one_from_being_done(shop, worklist):
    shop.send().arrive().work()
    ((uid, _),) = worklist.open().items()
    worklist.states[uid] = "COMPLETED"
    shop.send("XO", order=of_other_study(shop.order)).arrive(order=of_other_study(shop.order)).work()
    ((_, workitem),) = worklist.open().items()
    assert (text(workitem, "StudyInstanceUID"), worklist.cancellations) == (OTHER, [])
    assert item(workitem, "ReplacedProcedureStepSequence") == {}


@pytest.mark.requirement("HL7-026", "HL7-036")
@pytest.mark.parametrize("arrival", list(itertools.permutations(range(4))), ids=str)
def test_any_order_of_arrival_of_order_change_status_and_images_is_one_order(make, arrival):
    shop = make()
    other = of_other_study(shop.order)
    messages = [
        build_order(shop.order, now=NOW),
        build_order(other, control="XO", now=NOW.replace(minute=10)),
        build_order(other, control="SC", status="CM", now=NOW.replace(minute=20)),
        build_order(shop.order, control="SC", status="IP", now=NOW.replace(minute=5)),
    ]
    for number in arrival:
        shop.take(messages[number])
    assert shop.thread()["study_instance_uid"] == OTHER
    assert shop.ledger.awaiting(shop.now()) != []


@pytest.mark.requirement("HL7-026")
def test_a_change_that_may_be_about_either_of_two_orders_is_refused(shop):
    def unstepped(order, **changes):
        raw = build_order(order, now=shop.now(), **changes)
        return raw[: raw.index(b"IPC|")] + b"ZDS|" + order.study_instance_uid.encode() + b"\r"

    first, second, third = (
        dataclasses.replace(shop.order, study_instance_uid=f"{OTHER}.{number}") for number in (1, 2, 3)
    )
    shop.take(unstepped(first)).take(unstepped(second))
    with pytest.raises(AssertionError, match="205"):
        shop.take(unstepped(third, control="XO"))
    shop.take(unstepped(second, control="XO"))
    assert len(order_thread(shop.outside, shop.order.filler_order_number)) == 2


STUDY = ImagingOrder(study_instance_uid="1.2", filler=EntityIdentifier("F1"), transaction_time="20260301090000")
CHANGE = dataclasses.replace(STUDY, study_instance_uid="1.3", control="XO", transaction_time="20260301100000")


@pytest.mark.requirement("HL7-026")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"control": "NW"}, False),
        ({"control": "XO", "status": "CA"}, False),
        ({"transaction_time": "20260301080000"}, False),
        ({"filler": EntityIdentifier("F2")}, False),
        ({"filler": EntityIdentifier(), "placer": EntityIdentifier("P1")}, False),
        ({"requested_procedure_id": "R2"}, False),
        ({"steps": (ScheduledStep("S2"),)}, False),
        ({"steps": (ScheduledStep("S1"), ScheduledStep("S2"))}, True),
    ],
    ids=["changed", "new", "cancelled", "older", "filler", "placer", "procedure", "step", "steps"],
)
def test_only_a_newer_change_of_the_same_step_moves_an_order_to_another_study(changes, expected):
    known = dataclasses.replace(STUDY, requested_procedure_id="R1", steps=(ScheduledStep("S1"),))
    change = dataclasses.replace(CHANGE, **changes)
    assert other_study([known], change) is expected
    assert same_order([known], change) is expected
    assert same_order([change], known) is expected


@pytest.mark.requirement("HL7-026")
def test_a_study_that_was_ordered_itself_is_no_others():
    own = dataclasses.replace(CHANGE, control="NW")
    assert has_its_own([own], CHANGE)
    assert not has_its_own([CHANGE], CHANGE)
    assert not has_its_own([own], dataclasses.replace(CHANGE, filler=EntityIdentifier("F9")))


@pytest.mark.requirement("HL7-028")
def test_children_are_orders_of_their_own_and_found_by_the_number_of_their_parent(shop):
    parent, children = shop.order, [new_order(), new_order()]
    raw = build_order(parent, control="PA", status="", now=shop.now())
    for child in children:
        one = dataclasses.replace(child, patient_id=parent.patient_id, study_instance_uid=OTHER)
        raw += build_order(one, control="CH", now=shop.now()).partition(b"\rORC|")[2].join((b"ORC|", b""))
    shop.take(raw)
    found = order_thread(shop.outside, parent.filler_order_number)
    assert [one["filler_order_number"] for one in found] == [child.filler_order_number for child in children]
    assert [one["parent"] for one in found] == [f"{parent.filler_order_number}^RIS"] * 2


@pytest.mark.requirement("HL7-028")
@pytest.mark.parametrize(
    ("pair", "parent"),
    [("P7&EHR^F7&RIS", EntityIdentifier("F7", "RIS")), ("P7", EntityIdentifier("P7")), ("", EntityIdentifier())],
)
def test_a_child_names_its_parent_itself(pair, parent):
    raw = build_order(new_order(), control="CH").decode().split("\r")
    orc = next(number for number, line in enumerate(raw) if line.startswith("ORC|"))
    fields = raw[orc].split("|") + [""] * 9
    fields[8] = pair
    raw[orc] = "|".join(fields)
    (order,) = orders_from(read("\r".join(raw).encode()))
    assert order.parent == parent
