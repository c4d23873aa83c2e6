"""The order store: older layouts are brought up, and orders can be made anew from what was received."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

from actors.shared.mllp import Frame
from actors.task_requester.database import Database, OrderEventRow, OrderRow
from actors.task_requester.intake import Intake
from actors.task_requester.ledger import Ledger
from actors.task_requester.orders_store import order_thread, orders_by_accession
from actors.task_requester.recording import Told
from actors.task_requester.replaying import needs_events, reproject
from actors.task_requester.settings import Settings
from connectathon.fiction import new_order
from connectathon.ris import build_order
from profiles.hl7 import EntityIdentifier, ImagingOrder
from profiles.hl7.values import Patient

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
LAYOUT_1 = (Path(__file__).parent / "layout_1.sql").read_text()


@pytest.fixture
def database(tmp_path):
    made = Database(tmp_path / "task_requester")
    yield made
    made.close()


def take(database, *messages):
    """Let the intake take messages."""
    intake = Intake(database, Settings(), lambda: None, lambda: NOW, lambda: "1")
    for message in messages:
        assert b"|AA|" in intake.take(Frame(message), "test")


def rows(database):
    """What the store says of all orders, but for their numbers and the time of the last change."""
    with database.read() as session:
        found = session.exec(select(OrderRow)).all()
    return sorted(str(row.model_dump(exclude={"number", "updated_at", "replaces"})) for row in found)


def old_store(folder, message, order):
    """A store of layout 1 with one order, published and reported."""
    folder.mkdir()
    with closing(sqlite3.connect(folder / "orders.sqlite")) as connection, connection:
        connection.executescript(LAYOUT_1)
        connection.execute(
            "INSERT INTO message VALUES (5, 'RIS|X', 'C1', 'OMI^O23', 'h', ?, 'p', ?, 'AA', x'', '', '')",
            (message, NOW.isoformat()),
        )
        connection.execute(
            "INSERT INTO imaging_order VALUES (7, 'filler:F', '', ?, ?, ?, '', ?, 'h', 1, 'published', 'as it was', '',"
            " 5, ?, ?, '2026-03-01T09:30:00+00:00', 'then', 24)",
            (
                order.filler_order_number,
                order.accession_number,
                order.study_instance_uid,
                f'{{"filler": {{"value": "{order.filler_order_number}"}}}}',
                NOW.isoformat(),
                NOW.isoformat(),
            ),
        )
        connection.execute("INSERT INTO order_message VALUES (1, 7, 5, 'NW', 'new order', 'then')")
        connection.execute(
            "INSERT INTO workitem VALUES ('1.2.3', 7, ?, 'r', '{}', 'created', '', '', '', 0, '', '')",
            (order.study_instance_uid,),
        )


@pytest.mark.requirement("HL7-077")
def test_a_store_of_an_earlier_layout_is_brought_up_when_the_requester_starts(department, tmp_path):
    order = new_order()
    old_store(tmp_path / "task_requester", build_order(order, now=NOW), order)
    running = department()
    (thread,) = order_thread(tmp_path, "1.2.3")
    assert (thread["state"], thread["image_count"], thread["explanation"]) == ("published", 24, "as it was")
    assert [one["uid"] for one in thread["workitems"]] == ["1.2.3"]
    assert [one["effect"] for one in thread["messages"]] == ["new order"]
    running.send(build_order(order, control="CA", status="CA", now=NOW + timedelta(minutes=1)))
    assert running.state(order.accession_number) == "canceled"


@pytest.mark.requirement("HL7-077")
def test_orders_made_anew_from_what_was_received_are_the_same(database):
    one, other, third = new_order(), new_order(), new_order()
    take(
        database,
        build_order(one, now=NOW),
        build_order(other, control="CA", status="CA", now=NOW + timedelta(minutes=1)),
        build_order(one, control="SC", status="CM", now=NOW + timedelta(minutes=9)),
        build_order(other, now=NOW),
        build_order(third, now=NOW),
        build_order(third, control="HD", now=NOW + timedelta(minutes=2)),
    )
    shell = ImagingOrder(study_instance_uid="1.2.3", patient=Patient(EntityIdentifier("P")), called_ae="BRAIN")
    Ledger(database, lambda: NOW).record(Told(shell, "images", "arrival", NOW))
    before = rows(database)
    assert reproject(database) == 4
    assert rows(database) == before
    assert not needs_events(database)


@pytest.mark.requirement("HL7-061")
def test_the_same_event_of_a_trigger_is_recorded_once(database, tmp_path):
    shell = ImagingOrder(
        study_instance_uid="1.2.3", accession=EntityIdentifier("A9"), patient=Patient(EntityIdentifier("P"))
    )
    ledger = Ledger(database, lambda: NOW)
    for _ in range(3):
        ledger.record(Told(shell, "images", "arrival", NOW))
    (order,) = orders_by_accession(tmp_path, "A9")
    assert order["state"] == "pending"
    (thread,) = order_thread(tmp_path, "A9")
    assert [one["effect"] for one in thread["messages"]] == ["images without an order"]


@pytest.mark.requirement("HL7-036")
def test_an_order_joins_what_its_images_made_before_it_came(database, tmp_path):
    order = new_order()
    shell = ImagingOrder(
        study_instance_uid=order.study_instance_uid,
        accession=EntityIdentifier(order.accession_number),
        patient=Patient(EntityIdentifier(order.patient_id)),
    )
    Ledger(database, lambda: NOW).record(Told(shell, "images", "arrival", NOW))
    take(database, build_order(order, now=NOW + timedelta(minutes=1)))
    (found,) = orders_by_accession(tmp_path, order.accession_number)
    assert (found["state"], found["filler_order_number"]) == ("pending", order.filler_order_number)


@pytest.mark.requirement("HL7-029")
def test_a_message_that_is_sent_over_and_over_is_kept_each_time_and_tells_something_once(database, tmp_path):
    order = new_order()
    take(database, *(build_order(order, now=NOW, control_id=f"C{number}") for number in range(60)))
    (thread,) = order_thread(tmp_path, order.accession_number)
    assert [one["effect"] for one in thread["messages"]] == ["new order"] + ["known already; nothing changed"] * 59
    with database.read() as session:
        assert len(session.exec(select(OrderEventRow).where(col(OrderEventRow.repeats).is_(False))).all()) == 1
    before = rows(database)
    assert reproject(database) == 1
    assert rows(database) == before
