"""Search over HTTP (PS3.18 8.3.4, 11.9): keys, pages, returned attributes, and what is said to be ignored."""

from datetime import UTC, datetime

import pytest

from connectathon.workitems import new_workitem
from profiles.dicom import Code, new_uid, put, put_codes, tag_of
from profiles.errors import error_row
from profiles.ups.attributes import attribute_rules

ALWAYS = {tag_of(rule.path[0]) for rule in attribute_rules() if len(rule.path) == 1 and rule.find_return in ("1", "2")}


class Shelf:
    """Workitems under a label of their own."""

    def __init__(self, manager):
        self.manager, self.label = manager, new_uid()[-16:]

    def add(self, **values):
        dataset = new_workitem(now=datetime.now(UTC), label=self.label)
        for keyword, value in values.items():
            if isinstance(value, Code):
                put_codes(dataset, keyword, value)
            else:
                put(dataset, keyword, value)
        return self.manager.create(dataset)

    def get(self, query=""):
        return self.manager.http.get(f"/workitems?WorklistLabel={self.label}&{query}")

    def find(self, query=""):
        answer = self.get(query)
        assert answer.status_code in (200, 204), answer.text
        return [one["00080018"]["Value"][0] for one in answer.json()] if answer.content else []


@pytest.fixture
def shelf(task_manager):
    return Shelf(task_manager)


@pytest.mark.requirement("AIWI-TM-050")
def test_a_search_by_state_finds_exactly_the_workitems_in_it(shelf):
    waiting, claimed = shelf.add(), shelf.add()
    shelf.manager.change_state(claimed, "IN PROGRESS", new_uid())
    assert shelf.find("ProcedureStepState=SCHEDULED") == [waiting]
    assert shelf.find("ProcedureStepState=IN%20PROGRESS") == [claimed]
    assert shelf.find("ProcedureStepState=IN+PROGRESS") == [claimed]


@pytest.mark.requirement("AIWI-TM-051")
def test_nothing_found_is_no_content(shelf):
    answer = shelf.get()
    assert (answer.status_code, answer.content) == (204, b"")
    assert "Content-Length" not in answer.headers
    assert "Warning" not in answer.headers


@pytest.mark.requirement("AIWI-TM-052")
def test_attributes_in_sequences_are_matched_by_path_in_keywords_or_tags(shelf):
    mine = shelf.add(ScheduledStationNameCodeSequence=Code("AI1", "L", "one"))
    shelf.add(ScheduledStationNameCodeSequence=Code("AI2", "L", "two"))
    assert shelf.find("ScheduledStationNameCodeSequence.CodeValue=AI1") == [mine]
    assert shelf.find("00404025.00080100=AI1") == [mine]
    assert shelf.find("00404025.CodeValue=AI1") == [mine]
    accession = shelf.manager.retrieve(mine)["0040A370"]["Value"][0]["00080050"]["Value"][0]
    assert shelf.find(f"ReferencedRequestSequence.AccessionNumber={accession}") == [mine]


@pytest.mark.parametrize(
    ("key", "hits"),
    [
        ("20260101-20260131", 1),
        ("20260102-", 0),
        ("-20260101", 1),
        ("20260101120000.000000%2B0000", 1),
        ("20260101120000.000000+0000", 1),
        ("20260101120000.000000+0100", 0),
    ],
)
@pytest.mark.requirement("AIWI-TM-053")
def test_a_date_time_matches_by_value_and_range_also_with_a_plus_as_it_is(key, hits, shelf):
    shelf.add(ScheduledProcedureStepStartDateTime="20260101120000.000000+0000")
    assert len(shelf.find(f"ScheduledProcedureStepStartDateTime={key}")) == hits


@pytest.mark.parametrize(
    "query",
    [
        "PatientID=1&PatientID=1",
        "PatientID=1&00100020=1",
        "ReferencedRequestSequence.AccessionNumber=1&0040A370.00080050=1",
        "limit=1&limit=2",
        "fuzzymatching=maybe",
        "limit=",
        "limit=-1",
        "limit=%D9%A3",
        "offset=1.5",
        "PatientID.CodeValue=1",
        "ReferencedRequestSequence=1",
        "PatientID=%FF",
        "PatientID=A%00B",
        "&".join(f"x{number}=1" for number in range(300)),
    ],
)
@pytest.mark.requirement("AIWI-TM-054")
def test_a_query_that_cannot_be_understood_is_refused_with_the_reason(query, shelf):
    answer = shelf.get(query)
    assert answer.status_code == 400
    assert "PS3.18 8.3" in answer.json()["message"]


@pytest.mark.requirement("AIWI-TM-055")
def test_every_match_has_the_required_return_keys_and_no_more(shelf):
    shelf.add(ScheduledProcedureStepExpirationDateTime="20270101", PregnancyStatus=4)
    (found,) = shelf.get().json()
    assert ALWAYS - {"00404034"} <= set(found)
    assert found["00404034"] == {"vr": "SQ"}
    assert found["001021C0"]["Value"] == [4]
    assert "00404008" not in found
    assert list(found) == sorted(found)


@pytest.mark.parametrize(
    "query",
    [
        "includefield=ScheduledProcedureStepExpirationDateTime",
        "includefield=00404008",
        "includefield=PatientID&includefield=00404008",
        "includefield=PatientID,00404008",
        "includefield=PatientID%2C00404008",
        "includefield=all",
        "ScheduledProcedureStepExpirationDateTime=",
        "ScheduledProcedureStepExpirationDateTime=20270101",
    ],
)
@pytest.mark.requirement("AIWI-TM-055")
def test_attributes_asked_for_and_matched_are_returned_too(query, shelf):
    shelf.add(ScheduledProcedureStepExpirationDateTime="20270101")
    answer = shelf.get(query)
    assert answer.json()[0]["00404008"]["Value"] == ["20270101"]
    assert "Warning" not in answer.headers


@pytest.mark.requirement("AIWI-TM-055")
def test_everything_is_returned_to_whom_asks_for_all(shelf):
    uid = shelf.add()
    assert shelf.get("includefield=all").json() == [shelf.manager.retrieve(uid)]


@pytest.mark.requirement("AIWI-TM-056", "UPS-117")
def test_pages_have_no_gaps_and_no_duplicates_and_say_what_remains(shelf):
    made = [shelf.add() for _ in range(25)]
    walked = []
    for offset in range(0, 30, 7):
        answer = shelf.get(f"limit=7&offset={offset}")
        page = answer.json() if answer.content else []
        walked += [one["00080018"]["Value"][0] for one in page]
        left = max(0, 25 - offset - 7)
        said = f"299 {shelf.manager.base}: There are {left} additional results that can be requested"
        assert answer.headers.get("Warning") == (said if left else None)
    assert walked == made
    assert shelf.find("offset=99999999999999999999") == []
    assert shelf.find(f"limit={'9' * 5000}") == made


@pytest.mark.parametrize("query", ["colour=blue", "00091001=x", "SliceThickness=1", "includefield=colour"])
@pytest.mark.requirement("AIWI-TM-057")
def test_a_parameter_that_is_not_supported_is_ignored_with_a_warning(query, shelf):
    uid = shelf.add()
    answer = shelf.get(query)
    assert [one["00080018"]["Value"][0] for one in answer.json()] == [uid]
    name = query.replace("=colour", ".colour").partition("=")[0]
    assert answer.headers["Warning"] == (
        f"299 {shelf.manager.base}: The following parameters are not supported and were ignored: {name}"
    )


@pytest.mark.requirement("AIWI-TM-057")
def test_a_warning_holds_nothing_of_a_name_that_could_harm_a_header(shelf):
    answer = shelf.get("x%0D%0ASet-Cookie:%20a=1&%E5%B1%B1=1")
    assert answer.headers["Warning"].endswith("ignored: x..Set.Cookie..a, .")
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("name", ["emptyvaluematching", "multiplevaluematching"])
@pytest.mark.requirement("UPS-119", "UPS-120")
def test_kinds_of_matching_that_are_not_supported_are_said_not_to_be(name, shelf):
    for hits in (0, 1):
        answer = shelf.get(f"{name}=true")
        assert len(answer.json() if answer.content else []) == hits
        assert answer.headers["Warning"] == f"299 {shelf.manager.base}: {error_row(f'{name}-unsupported').warning}"
        assert "Warning" not in shelf.get(f"{name}=false").headers
        shelf.add()


@pytest.mark.requirement("AIWI-TM-058")
def test_names_match_by_wildcard_without_regard_to_case_and_by_likeness_when_asked(shelf):
    uid = shelf.add(PatientName="Müller^Jürgen", SpecificCharacterSet="ISO_IR 192")
    assert shelf.find("PatientName=m*LLER*") == [uid]
    assert shelf.find("PatientName=Mueler^Jurgen") == []
    assert shelf.find("PatientName=Muler^Jurgen&fuzzymatching=true") == [uid]
    assert "Warning" not in shelf.get("PatientName=Muler&fuzzymatching=true").headers
