"""The order store on SQLite and on a real PostgreSQL; there, two requesters that share it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from actors.shared.mllp import Frame
from actors.task_requester.orders_store import order_thread, orders_by_accession, quarantine, quarantined_message
from actors.task_requester.recording import Told
from actors.task_requester.replaying import reproject
from connectathon.fiction import new_order
from connectathon.ris import build_order
from profiles.dicom import text
from profiles.errors import Unavailable
from profiles.hl7 import EntityIdentifier, ImagingOrder
from profiles.hl7.values import Patient
from tests.task_requester.workshop import NOW, Workshop


@pytest.fixture(params=["sqlite", "postgresql"])
def places(request, tmp_path):
    """Where the store is, and where it is read from outside."""
    if request.param == "sqlite":
        return tmp_path / "task_requester", tmp_path
    return (request.getfixturevalue("postgres_url"),) * 2


@pytest.fixture
def make(images, worklist):
    """Makes workshops; closes them afterwards."""
    made = []

    def one(where, outside, **settings):
        made.append(Workshop(where, outside, images, worklist, **settings))
        return made[-1]

    yield one
    for workshop in made:
        workshop.database.close()


@pytest.mark.requirement("HL7-028", "HL7-031", "HL7-032", "HL7-036")
def test_an_order_lives_and_ends_on_either_database(make, places, worklist):
    shop = make(*places)
    shop.send("XO", minutes=5, priority="S").send("NW", minutes=0).arrive().work()
    ((uid, workitem),) = worklist.open().items()
    assert text(workitem, "ScheduledProcedureStepPriority") == "HIGH"
    (thread,) = order_thread(places[1], uid)
    assert [one["effect"] for one in thread["messages"]] == [
        "taken as a new order: no earlier message named it",
        "older than what is known; kept, without effect",
    ]
    shop.send("CA", "CA", minutes=9).work()
    assert (shop.state, worklist.open()) == ("canceled", {})


@pytest.mark.requirement("HL7-077")
def test_orders_are_made_anew_from_what_was_received_on_either_database(make, places):
    shop = make(*places)
    shop.send().arrive().work().send("HD", "HD").work()
    before = shop.thread()
    assert reproject(shop.database) == 1
    assert {**shop.thread(), "messages": []} == {**before, "messages": []}
    shop.send("RL", "").work()
    assert shop.state == "published"


@pytest.mark.requirement("HL7-009", "HL7-011")
def test_what_is_refused_is_kept_on_either_database(make, places):
    shop = make(*places)
    broken = build_order(shop.order).replace(b"ORC|NW", b"ORC|??")
    assert b"|AE|" in shop.intake.take(Frame(broken), "test")
    (kept,) = quarantine(places[1])
    assert quarantined_message(places[1], kept["number"]) == broken


@pytest.mark.requirement("HL7-009", "HL7-075")
@pytest.mark.parametrize(
    ("there", "broken", "code"),
    [
        (b"MSH|^~\\&|RIS|", b"MSH|^~\\&|R\0IS|", b"AA"),
        (b"IPC|A", b"IPC|A\0", b"AA"),
        (b"IPC|A", b"IPC|A\\X00\\", b"AA"),
        (b"OMI^O23^", b"OMI^O2\0^", b"AR"),
        (b"ORC|NW", b"ORC|N\0", b"AE"),
    ],
    ids=["sender", "accession number", "escaped", "event", "control code"],
)
def test_a_nul_in_a_message_gets_the_answer_of_its_field_on_either_database(make, places, there, broken, code):
    shop = make(*places)
    message = build_order(shop.order).replace(there, broken, 1)
    assert broken in message
    answer = shop.intake.take(Frame(message), "test")
    assert b"MSA|" + code in answer
    assert b"|207^" not in answer


@pytest.mark.requirement("HL7-061")
def test_two_requesters_that_share_a_database_make_one_order_and_one_workitem_of_everything(
    make, postgres_url, images, worklist
):
    shops = [make(postgres_url, postgres_url) for _ in range(2)]
    orders = [new_order() for _ in range(4)]
    shells = [shell_of(order) for order in orders]
    for order in orders:
        shops[0].arrive(order=order)

    def tell(number):
        shop, order = shops[number % 2], orders[number // 2 % 4]
        if number % 3:
            assert b"|AA|" in shop.intake.take(Frame(build_order(order, now=NOW)), "test")
        else:
            shop.ledger.record(Told(shells[number // 2 % 4], "images", "arrival", NOW))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(tell, range(48)))
    together = threading.Barrier(2)

    def work(shop):
        together.wait(60)
        with shop.database.alone("follow") as mine:
            if mine:
                shop.work()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, shops))
    shops[1].work()
    assert len(worklist.workitems) == 4
    for order in orders:
        (found,) = orders_by_accession(postgres_url, order.accession_number)
        assert found["state"] == "published"


@pytest.mark.requirement("HL7-061")
def test_only_one_of_two_requesters_does_a_thing_at_a_time(make, postgres_url):
    one, other = (make(postgres_url, postgres_url) for _ in range(2))
    with one.database.alone("publish") as first, other.database.alone("publish") as second:
        assert (first, second) == (True, False)
    with other.database.alone("publish") as again:
        assert again


def test_a_database_that_is_away_is_told_plainly(make):
    with pytest.raises(Unavailable, match="cannot be"):
        make("postgresql+psycopg://nobody@127.0.0.1:1/none", "")


def shell_of(order):
    """What the arrival of an order's images tells of it."""
    return ImagingOrder(
        study_instance_uid=order.study_instance_uid,
        accession=EntityIdentifier(order.accession_number),
        patient=Patient(EntityIdentifier(order.patient_id)),
    )
