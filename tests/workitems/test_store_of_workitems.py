"""The store's contract, on SQLite and PostgreSQL."""

import copy
import dataclasses
import logging
from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlmodel import SQLModel

from connectathon.workitems import new_workitem
from profiles.dicom import put
from profiles.errors import Unavailable
from workitems import tables
from workitems.model import Change
from workitems.schema import upgrade
from workitems.store import Store, sqlite_url
from workitems.worklist import Worklist


def test_the_migrations_make_exactly_the_tables_of_the_models(database_url):
    engine = create_engine(database_url)
    upgrade(engine)
    upgrade(engine)  # again: nothing is left to do
    ours = {table.__tablename__ for table in vars(tables).values() if hasattr(table, "__tablename__")}
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_name": lambda name, kind, _: kind != "table" or name in ours}
        )
        differences = compare_metadata(context, SQLModel.metadata)
    engine.dispose()
    assert [one for one in differences if any(f"'{name}'" in repr(one) for name in ours)] == []


def test_migrations_leave_the_logging_of_the_process_alone(tmp_path):
    before = list(logging.getLogger().handlers)
    Store(sqlite_url(tmp_path / "w.sqlite")).close()
    assert logging.getLogger().handlers == before


def test_a_change_to_another_revision_is_not_made_and_leaves_no_event(desk, store):
    found = store.find(desk.workitem_in("SCHEDULED"))
    events = len(store.events_after(0))
    stale = Change(dataclasses.replace(found, revision=8), 7, tuple(store.events_after(0)))
    assert store.apply(stale) is False
    assert store.find(found.uid) == found
    assert len(store.events_after(0)) == events


def test_who_waits_for_events_is_woken_by_changes_that_have_some_and_by_no_others(tmp_path, desk_of):
    store = Store(sqlite_url(tmp_path / "w.sqlite"))
    desk, woken = desk_of(Worklist(store, lambda: datetime.now(UTC))), []
    uid = desk.workitem_in("IN PROGRESS")
    store.on_append(lambda: woken.append(store.last_sequence()))
    desk.worklist.update(uid, put({}, "ScheduledProcedureStepPriority", "HIGH"), desk.transaction)
    assert woken == []
    desk.worklist.change_state(uid, "CANCELED", desk.transaction)
    assert woken == [store.last_sequence()]
    store.close()


def test_what_was_stored_is_there_for_the_next_process(database_url, desk, store):
    uid = desk.workitem_in("IN PROGRESS")
    store.move_cursor("reader", 1)
    store.move_cursor("reader", 2)
    again = Store(database_url)
    assert again.find(uid) == store.find(uid)
    assert again.events_after(0) == store.events_after(0)
    assert (again.cursor("reader"), again.cursor("other")) == (2, 0)
    again.close()


def test_events_are_read_in_order_and_in_portions(desk, store):
    for _ in range(3):
        desk.workitem_in("IN PROGRESS")
    whole = store.events_after(0)
    assert [event.sequence for event in whole] == sorted(event.sequence for event in whole)
    assert store.events_after(0, limit=2) + store.events_after(whole[1].sequence) == whole


@pytest.mark.requirement("AIWI-TM-006")
def test_a_workitem_shown_for_debugging_hides_its_transaction_uid(desk, store):
    assert desk.transaction not in repr(store.find(desk.workitem_in("IN PROGRESS")))


def test_a_database_that_cannot_be_used_is_told_with_what_to_do(tmp_path):
    with pytest.raises(Unavailable, match="Make its directory writable"):
        Store(sqlite_url(tmp_path / "missing" / "w.sqlite"))


def test_a_search_finds_what_only_a_later_item_of_a_sequence_has(worklist):
    dataset = new_workitem(now=datetime.now(UTC))
    second = copy.deepcopy(dataset["0040A370"]["Value"][0])
    second["00080050"]["Value"] = ["SECOND"]
    dataset["0040A370"]["Value"].append(second)
    uid = worklist.create(dataset).uid
    for accession in ("SECOND", dataset["0040A370"]["Value"][0]["00080050"]["Value"][0]):
        page = worklist.search({"ReferencedRequestSequence.AccessionNumber": accession}, 10)
        assert [one["00080018"]["Value"][0] for one in page.workitems] == [uid]


def test_no_search_column_narrows_away_what_the_rules_would_match(desk, worklist, store):
    """Columns only make a search faster: with and without them it finds the same."""
    uid = desk.workitem_in("SCHEDULED")
    content = worklist.retrieve(uid)
    keys = {
        "ProcedureStepState": "SCHEDULED",
        "SOPInstanceUID": f"1.2.3,{uid}",
        "ScheduledWorkitemCodeSequence.CodeValue": "BRAINSEG",
        "StudyInstanceUID": content["0020000D"]["Value"][0],
        "ReferencedRequestSequence.AccessionNumber": "A*",
        "PatientID": content["00100020"]["Value"][0],
        "InputReadinessState": "READY",
        "ScheduledProcedureStepPriority": "MEDIUM",
    }
    for name, value in keys.items():
        assert [one["00080018"]["Value"][0] for one in worklist.search({name: value}, 10).workitems] == [uid], name
        assert not worklist.search({name: "other"}, 10).workitems
    assert worklist.search(keys, 10).workitems == [content]
    assert worklist.search({"SOPInstanceUID": f"1.2.3\\{uid}"}, 10).workitems == [content]
