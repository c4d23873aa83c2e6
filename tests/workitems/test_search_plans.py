"""Each usual search starts by the index that leads to few workitems, whatever the database guesses (docs/search.md)."""

import pytest
from sqlalchemy import func, select

from workitems.matching_keys import legal_keys
from workitems.store import Store, searching, sqlite_url
from workitems.store.rows import WORKITEM

STATE, LABEL, START = "ProcedureStepState", "WorklistLabel", "ScheduledProcedureStepStartDateTime"
STATION, CODE = "ScheduledStationNameCodeSequence.CodeValue", "ScheduledWorkitemCodeSequence.CodeValue"
ACCESSION = "ReferencedRequestSequence.AccessionNumber"
REPLACED, DUE = "ReplacedProcedureStepSequence.ReferencedSOPInstanceUID", "ExpectedCompletionDateTime"
CLASS = "ScheduledStationClassCodeSequence.CodeValue"


@pytest.fixture(scope="module")
def explain(tmp_path_factory):
    """Which indexes SQLite uses for the page, the count and the rows in doubt of a search."""
    store = Store(sqlite_url(tmp_path_factory.mktemp("plans") / "workitems.sqlite"))
    with store.reading() as connection:

        def plans(keys):
            plan = searching.plan(legal_keys(keys), sqlite=True)
            queries = [select(WORKITEM.c.number).where(part, WORKITEM.c.number > 0) for part in plan.doubtful]
            queries = [query.order_by(WORKITEM.c.number).limit(20_000) for query in queries]
            if plan.decided:
                page = select(WORKITEM.c.content).where(plan.certain).order_by(WORKITEM.c.number).limit(50).offset(0)
                queries += [page, select(func.count()).select_from(WORKITEM).where(plan.certain)]
            for query in queries:
                statement = query.compile(connection, compile_kwargs={"literal_binds": True})
                yield " | ".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}"))

        yield plans
    store.close()


@pytest.mark.parametrize(
    ("keys", "start"),
    [
        (
            {STATE: "SCHEDULED", LABEL: "BRAIN", STATION: "AI"},
            "ix_workitem_worklist (state=? AND label=? AND station=?",
        ),
        ({STATE: "SCHEDULED", LABEL: "BRAIN"}, "ix_workitem_label (label=? AND state=?"),
        ({STATE: "SCHEDULED", STATION: "AI"}, "ix_workitem_station (station=? AND state=?"),
        ({STATE: "SCHEDULED", CODE: "SEG"}, "ix_workitem_workitem_code (workitem_code=? AND state=?"),
        ({STATE: "SCHEDULED", START: "2026-"}, "ix_workitem_start (state=? AND start>? AND start<?"),
        ({START: "2026-"}, "ix_workitem_start (state=? AND start>? AND start<?"),
        ({STATE: "COMPLETED", ACCESSION: "A1"}, "ix_workitem_accession (accession=?"),
        ({STATE: "COMPLETED", "PatientID": "P1"}, "ix_workitem_patient_id (patient_id=?"),
        ({STATE: "COMPLETED", LABEL: "BRAIN", "StudyInstanceUID": "1.2"}, "ix_workitem_study (study=?"),
        ({STATE: "COMPLETED", "PatientName": "FICTIONAL^ADA"}, "ix_workitem_patient_name (patient_name=?"),
        ({ACCESSION: "A1*"}, "ix_workitem_accession (accession"),
        ({REPLACED: "1.2"}, "ix_workitem_replaced (replaced=?"),
        ({STATE: "SCHEDULED", CLASS: "GPU"}, "ix_workitem_station_class (station_class=? AND state=?"),
        (
            {STATE: "SCHEDULED", DUE: "2026-"},
            "ix_workitem_expected_completion (state=? AND expected_completion>? AND expected_completion<?",
        ),
        (
            {STATE: "SCHEDULED", LABEL: "BRAIN", STATION: "AI", "AdmissionID": "1"},
            "ix_workitem_worklist (state=? AND label=? AND station=?",
        ),
    ],
)
def test_a_search_starts_by_the_index_that_leads_to_few(explain, keys, start):
    for plan in explain(keys):
        assert plan.startswith("SEARCH")
        assert start in plan


def test_a_wildcard_at_the_beginning_looks_through_an_index_and_through_no_dataset(explain):
    for plan in explain({ACCESSION: "*7"}):
        assert "SCAN workitem USING COVERING INDEX ix_workitem_accession" in plan or "(accession=?" in plan
