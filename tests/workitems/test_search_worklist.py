"""What a worklist finds, on each store (RAD-81, PS3.4 CC.2.8)."""

from datetime import UTC, datetime, timedelta

import pytest

from connectathon.fiction import DemoOrder
from connectathon.workitems import ANALYSIS, STATION, new_workitem
from profiles.dicom import Code, get, new_uid, put, put_codes
from profiles.errors import BadInput
from workitems.matching_keys import unsupported_keys

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
START = "ScheduledProcedureStepStartDateTime"
STATION_CODE = "ScheduledStationNameCodeSequence.CodeValue"
OTHER = Code("AI_TWO", "L", "AI two")


@pytest.fixture
def made(worklist):
    """Creates a workitem with some attributes, and gives its UID."""

    def make(order=None, label="BRAIN", now=NOW, stations=(), **values):
        content = new_workitem(order or DemoOrder(), now=now, label=label)
        put_codes(content, "ScheduledStationNameCodeSequence", *stations)
        for keyword, value in values.items():
            put(content, keyword, value)
        return worklist.create(content).uid

    return make


@pytest.fixture
def found(worklist):
    """UIDs of what a search finds."""

    def find(**options):
        keys = options.pop("keys")
        return [
            get(one, "SOPInstanceUID") for one in worklist.search(keys, options.pop("limit", 100), **options).workitems
        ]

    return find


@pytest.mark.requirement("AIWI-TM-050")
def test_workitems_are_found_by_their_state_and_no_others(worklist, made, found):
    waiting, claimed = made(), made()
    worklist.change_state(claimed, "IN PROGRESS", new_uid())
    assert found(keys={"ProcedureStepState": "SCHEDULED"}) == [waiting]
    assert found(keys={"ProcedureStepState": "IN PROGRESS"}) == [claimed]


@pytest.mark.requirement("AIWI-TM-051")
def test_what_nothing_matches_is_an_empty_page(worklist, made):
    made()
    page = worklist.search({"ProcedureStepState": "COMPLETED"}, 10)
    assert (page.workitems, page.remaining) == ([], 0)


@pytest.mark.requirement("AIWI-TM-052")
def test_workitems_are_found_by_what_the_items_of_their_sequences_say(made, found):
    first = made(DemoOrder(accession_number="A1", requested_procedure_id="R1"), stations=[STATION])
    second = made(DemoOrder(accession_number="A2", requested_procedure_id="R2"), stations=[STATION, OTHER])
    assert found(keys={STATION_CODE: OTHER.value}) == [second]
    assert found(keys={STATION_CODE: STATION.value}) == [first, second]
    assert found(keys={"ReferencedRequestSequence.AccessionNumber": "A1"}) == [first]
    assert found(keys={"ReferencedRequestSequence.RequestedProcedureID": "R*"}) == [first, second]
    assert found(keys={"ScheduledWorkitemCodeSequence.CodeValue": ANALYSIS.value}) == [first, second]
    both = {STATION_CODE: OTHER.value, "ScheduledStationNameCodeSequence.CodingSchemeDesignator": OTHER.scheme}
    assert found(keys=both) == [second]


@pytest.mark.requirement("AIWI-TM-053")
@pytest.mark.parametrize(
    ("wanted", "hours"),
    [
        ("20261124080000-20261124090000", [0, 1]),
        ("20261124090000-", [1, 2]),
        ("-20261124090000", [0, 1]),
        ("20261124040000-0500-", [1, 2]),
        ("202611241000", [2]),
    ],
)
def test_workitems_are_found_by_when_they_start(made, found, wanted, hours):
    uids = [made(now=NOW + timedelta(hours=hour)) for hour in range(3)]
    assert found(keys={START: wanted}) == [uids[hour] for hour in hours]


@pytest.mark.requirement("AIWI-TM-053")
def test_the_zone_that_comes_as_a_key_is_that_of_the_other_keys(made, found):
    uid = made()
    assert found(keys={START: "20261124090000", "TimezoneOffsetFromUTC": "+0100"}) == [uid]
    assert found(keys={START: "20261124080000", "TimezoneOffsetFromUTC": "+0100"}) == []


@pytest.mark.requirement("AIWI-TM-056")
@pytest.mark.parametrize("keys", [{"WorklistLabel": "BRAIN"}, {"ProcedureStepLabel": "Brain*"}], ids=["sql", "rules"])
def test_a_walk_over_250_workitems_meets_each_once(worklist, made, keys):
    uids = [made() for _ in range(250)]
    walked = []
    while page := worklist.search(keys, 60, len(walked)).workitems:
        walked += [get(one, "SOPInstanceUID") for one in page]
        assert worklist.search(keys, 60, len(walked) - len(page)).remaining == 250 - len(walked)
    assert walked == uids


@pytest.mark.requirement("AIWI-TM-056")
def test_the_order_stays_when_workitems_change(worklist, made, found):
    uids = [made() for _ in range(3)]
    worklist.update(uids[0], put({}, "ProcedureStepLabel", "Changed"), None)
    assert found(keys={}) == uids
    assert found(keys={}, limit=1, offset=1) == uids[1:2]


@pytest.mark.requirement("AIWI-TM-057")
def test_keys_that_are_not_supported_are_named_and_ignored(made, found):
    uid = made()
    unsupported = {"Modality": "MR", "ScheduledWorkitemCodeSequence.CodeMeaning": "x", "NoSuchKeyword": "1"}
    assert unsupported_keys({"WorklistLabel": "BRAIN", **unsupported}) == tuple(unsupported)
    assert found(keys={"WorklistLabel": "BRAIN", **unsupported}) == [uid]
    assert found(keys={"WorklistLabel": "CHEST", **unsupported}) == []


@pytest.mark.requirement("AIWI-TM-058")
def test_names_are_found_without_regard_to_case_and_accents_and_by_likeness_when_asked(made, found):
    muller = made(DemoOrder(patient_name="Müller^Zoë"), SpecificCharacterSet="ISO_IR 192")
    miller = made(DemoOrder(patient_name="Miller^Joe"))
    assert found(keys={"PatientName": "MULLER^*"}) == [muller]
    assert found(keys={"PatientName": "M?LLER^ZOE"}) == [muller]
    assert found(keys={"PatientName": "Mueller"}) == []
    assert found(keys={"PatientName": "Mueller"}, fuzzy=True) == [muller]
    assert found(keys={"PatientName": "zoe muller"}, fuzzy=True) == [muller]
    assert miller in found(keys={"PatientName": "Mller"}, fuzzy=True)


@pytest.mark.requirement("AIWI-TM-006")
@pytest.mark.parametrize("path", ["TransactionUID", "ReferencedRequestSequence.TransactionUID"])
def test_a_transaction_uid_cannot_be_searched_for(worklist, path):
    with pytest.raises(BadInput, match=r"CC\.2\.8\.1"):
        worklist.search({path: "1.2.3"}, 10)


@pytest.mark.parametrize(
    "keys",
    [
        {"WorklistLabel": "*a" * 30_000},
        {"SOPInstanceUID": "1.2\0.3"},
        {"PatientName": "FICTIONAL\0^ADA^*"},
        {"PatientID": "\0"},
        {"ReferencedRequestSequence.AccessionNumber": "'; DROP TABLE workitem; --"},
    ],
    ids=["long", "null-in-uid", "null-in-name", "null-alone", "sql"],
)
def test_a_strange_key_finds_nothing_and_breaks_nothing(made, found, keys):
    uid = made()
    assert found(keys=keys) == []
    assert found(keys={}) == [uid]
