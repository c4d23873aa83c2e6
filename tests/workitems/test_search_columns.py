"""The columns that searches start from: what they hold, and that every workitem has them."""

from datetime import UTC, datetime

import orjson
import pytest
import sqlalchemy

from connectathon.workitems import STATION, new_workitem, performed
from profiles.dicom import Code, new_uid, put, put_codes, put_items
from workitems.schema import upgrade
from workitems.store import Store
from workitems.store.columns import SEARCHED, SEVERAL, search_columns
from workitems.store.rows import WORKITEM
from workitems.worklist import Worklist

START = "ScheduledProcedureStepStartDateTime"
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def test_columns_hold_values_in_the_form_in_which_they_are_compared():
    columns = search_columns(
        put(put(put({}, START, "202611241030+0100"), "PatientName", "Müller^Zoë^^"), "PatientID", "P1 ")
    )
    assert columns["start"] == "2026-11-24T09:30:00.000000"
    assert (columns["patient_name"], columns["patient_id"], columns["label"]) == ("muller^zoe", "P1", "")


@pytest.mark.parametrize(
    ("several", "column"),
    [
        (put_codes({}, "ScheduledStationNameCodeSequence", STATION, Code("AI_TWO", "L", "two")), "station"),
        (put_items({}, "ReferencedRequestSequence", put({}, "AccessionNumber", "A1"), {}), "accession"),
        (put({}, "PatientName", {"Alphabetic": "Yamada", "Ideographic": "山田"}), "patient_name"),
    ],
)
def test_a_column_says_when_there_are_values_that_differ(several, column):
    assert search_columns(several)[column] == SEVERAL


def test_items_that_agree_are_one_value():
    twice = put_codes({}, "ScheduledStationNameCodeSequence", STATION, STATION)
    assert search_columns(twice)["station"] == STATION.value


def test_workitems_of_an_older_store_are_found_by_the_columns_that_it_lacked(database_url):
    content = put(new_workitem(now=NOW), "SOPInstanceUID", "1.2.3")
    engine = sqlalchemy.create_engine(database_url)
    upgrade(engine, "0001")
    old = {"uid": "1.2.3", "revision": 1, "state": "SCHEDULED", "transaction_uid": "", "content": orjson.dumps(content)}
    texts = ("label", "priority", "readiness", "workitem_code", "station", "study", "patient_id", "accession")
    values = old | dict.fromkeys(texts, "")
    names = ", ".join(values)
    with engine.begin() as connection:
        statement = f"INSERT INTO workitem ({names}) VALUES ({', '.join(f':{name}' for name in values)})"  # noqa: S608
        connection.execute(sqlalchemy.text(statement), values)
    engine.dispose()
    store = Store(database_url)
    for keys in ({START: "20261124-"}, {"WorklistLabel": "BRAIN"}, {"PatientName": "fictional^*"}):
        assert Worklist(store, lambda: NOW).search(keys, 10).workitems == [content]
    store.close()


def test_the_columns_follow_every_change_of_a_workitem(store, worklist):
    def columns():
        with store.reading() as connection:
            (row,) = connection.execute(sqlalchemy.select(WORKITEM))
        return {name: getattr(row, name) for name in SEARCHED}

    uid, transaction = worklist.create(new_workitem(now=NOW)).uid, new_uid()
    changes = put_codes(put({}, "WorklistLabel", "CHEST"), "ScheduledStationNameCodeSequence", STATION)
    for change in (
        lambda: worklist.update(uid, changes, None),
        lambda: worklist.update(uid, put(put({}, START, "2027"), "InputReadinessState", "INCOMPLETE"), None),
        lambda: worklist.change_state(uid, "IN PROGRESS", transaction),
        lambda: worklist.update(uid, put({}, "ScheduledProcedureStepPriority", "HIGH"), transaction),
        lambda: worklist.update(uid, performed(NOW), transaction),
        lambda: worklist.change_state(uid, "COMPLETED", transaction),
    ):
        change()
        assert columns() == search_columns(worklist.retrieve(uid))
    assert (columns()["label"], columns()["start"][:4], columns()["priority"]) == ("CHEST", "2027", "HIGH")
