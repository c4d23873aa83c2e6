"""What the database decides and what the rules decide is the same, for whatever workitems and keys."""

import pytest
import sqlalchemy
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from profiles.dicom import Code, put, put_codes, put_items
from profiles.ups import State
from workitems.matching import matches
from workitems.matching_keys import legal_keys
from workitems.model import Change, Workitem
from workitems.search import matching, search
from workitems.store import Store

START, EXPECTED = "ScheduledProcedureStepStartDateTime", "ExpectedCompletionDateTime"
STATION, REQUEST = "ScheduledStationNameCodeSequence", "ReferencedRequestSequence"
REPLACED = "ReplacedProcedureStepSequence"
NAME, ZONE = "PatientName", "TimezoneOffsetFromUTC"

texts = st.sampled_from(["A", "AB", "ABC", "a", "A ", "B%", "B_", "[A]", "Ä", "", "\U0010ffff", "*"])
uids = st.sampled_from(["1.2.3", "1.2.4", "1.2.5"])
moments = st.sampled_from(
    ["20261124", "202611241030", "20261124103000.000001", "20261124113000+0100", "20261124053000-0500", "2026", "never"]
)
names = st.sampled_from(
    [{"Alphabetic": one} for one in ("Müller^Zoë", "MULLER^ZOE^^", "Miller", "^Ada", "Yamada")]
    + [{"Alphabetic": "Yamada", "Ideographic": "山田"}, {"Ideographic": "山田"}]
)
codes = st.builds(Code, st.sampled_from(["AI_ONE", "AI_TWO", "AI"]), st.sampled_from(["L", "M"]), st.just("x"))


def maybe(values, most=2):
    return st.lists(values, max_size=most)


@st.composite
def requests(draw):
    request = put({}, "AccessionNumber", *draw(maybe(texts)))
    return put(request, "RequestedProcedureID", *draw(maybe(texts, 1)))


@st.composite
def contents(draw):
    content = put({}, NAME, *draw(maybe(names)))
    single = {"WorklistLabel": texts, "PatientID": texts, "StudyInstanceUID": uids, START: moments, EXPECTED: moments}
    for keyword, values in single.items():
        put(content, keyword, *draw(maybe(values, 1)))
    put(content, "ScheduledProcedureStepPriority", draw(st.sampled_from(["HIGH", "LOW"])))
    put(content, "InputReadinessState", draw(st.sampled_from(["READY", "INCOMPLETE"])))
    put(content, "AdmissionID", *draw(maybe(texts, 1)))
    for keyword in (STATION, "ScheduledStationClassCodeSequence", "ScheduledWorkitemCodeSequence"):
        put_codes(content, keyword, *draw(maybe(codes)))
    replaced = draw(maybe(uids))
    put_items(content, REPLACED, *(put({}, "ReferencedSOPInstanceUID", uid) for uid in replaced))
    put_items(content, REQUEST, *draw(maybe(requests())))
    if draw(st.booleans()):
        put(content, ZONE, draw(st.sampled_from(["+0100", "-0500"])))
    return content


wanted_texts = st.sampled_from(
    [
        "A",
        "AB",
        "AB ",
        "ABC",
        "a",
        "Ä",
        "A*",
        "?",
        "?*",
        "*B*",
        "A?",
        "B%*",
        "B_*",
        "*_",
        "[A]",
        "[A]*",
        "*",
        "\U0010ffff*",
    ]
)
wanted_names = st.sampled_from(
    ["muller^zoe", "Müller*", "M?ller*", "m*", "*ada", "山田", "山田*", "Yamada=山田", "=山田", "^Ada", "ＭＩＬＬＥＲ"]  # noqa: RUF001
)
wanted_moments = st.sampled_from(
    [
        "20261124",
        "202611241030",
        "20261124113000+0100",
        "2026",
        "20261124-",
        "-20261124",
        "20261124103000-20261124103000",
        "20261124-0500-20261125-0500",
        "20261124103000.000001-",
    ]
)
wanted_codes = st.sampled_from(["AI_ONE", "AI_TWO", "AI", "AI_ONE "])
WANTED = {
    "ProcedureStepState": st.sampled_from(["SCHEDULED", "COMPLETED", "NONE"]),
    "SOPInstanceUID": st.sampled_from(["2.25.0", "2.25.1,2.25.2", "2.25.2\\2.25.0", ",", "9"]),
    "WorklistLabel": wanted_texts,
    "PatientID": wanted_texts,
    "AdmissionID": wanted_texts,
    "StudyInstanceUID": st.sampled_from(["1.2.3", "1.2.3,1.2.4", "1.2.9"]),
    NAME: wanted_names,
    START: wanted_moments,
    EXPECTED: wanted_moments,
    "ScheduledProcedureStepPriority": st.sampled_from(["HIGH", "URGENT"]),
    "InputReadinessState": st.sampled_from(["READY", "UNAVAILABLE"]),
    f"{STATION}.CodeValue": wanted_codes,
    f"{STATION}.CodingSchemeDesignator": st.sampled_from(["L", "M", "L*"]),
    "ScheduledStationClassCodeSequence.CodeValue": wanted_codes,
    "ScheduledWorkitemCodeSequence.CodeValue": wanted_codes,
    f"{REQUEST}.AccessionNumber": wanted_texts,
    f"{REQUEST}.RequestedProcedureID": wanted_texts,
    f"{REPLACED}.ReferencedSOPInstanceUID": st.sampled_from(["1.2.3", "1.2.4,1.2.5"]),
    ZONE: st.sampled_from(["+0100", "-0500"]),
}


@st.composite
def keys(draw):
    chosen = draw(st.lists(st.sampled_from(sorted(WANTED)), max_size=3, unique=True))
    return {path: draw(WANTED[path]) for path in chosen}


@pytest.fixture
def store(database_url):
    made = Store(database_url)
    yield made
    made.close()


def fill(store, datasets, states):
    with store.appending() as connection:
        connection.execute(sqlalchemy.text("DELETE FROM workitem"))
    workitems = []
    for number, (content, state) in enumerate(zip(datasets, states, strict=False)):
        uid = f"2.25.{number}"
        put(put(content, "SOPInstanceUID", uid), "ProcedureStepState", str(state))
        workitems.append(Workitem(uid, 1, state, dict(sorted(content.items()))))
    assert store.apply(*(Change(one, 0) for one in workitems))
    return [one.content for one in workitems]


@example(
    datasets=[put({}, "AdmissionID", "A")], states=[State.SCHEDULED], asked=[({"AdmissionID": "A"}, 0, 1, False)]
)  # a page of none behind the last match
@pytest.mark.requirement("AIWI-TM-050", "AIWI-TM-052", "AIWI-TM-053", "AIWI-TM-056", "AIWI-TM-058")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    datasets=st.lists(contents(), min_size=1, max_size=8),
    states=st.lists(st.sampled_from([State.SCHEDULED, State.COMPLETED]), min_size=8, max_size=8),
    asked=st.lists(st.tuples(keys(), st.integers(0, 4), st.integers(0, 4), st.booleans()), min_size=1, max_size=8),
)
def test_the_database_and_the_rules_find_the_same_pages(store, datasets, states, asked):
    stored = fill(store, datasets, states)
    for wanted, limit, offset, fuzzy in asked:
        expected = [one for one in stored if matches(one, legal_keys(wanted), fuzzy=fuzzy)]
        page = search(store, wanted, limit, offset, fuzzy=fuzzy)
        assert page.workitems == expected[offset : offset + limit]
        assert page.remaining == max(0, len(expected) - offset - len(page.workitems))
        assert list(matching(store, wanted, fuzzy=fuzzy)) == expected


def test_a_search_in_portions_leaves_nothing_out_and_repeats_nothing(store, monkeypatch):
    monkeypatch.setattr("workitems.store.searching._NUMBERS", 3)
    monkeypatch.setattr("workitems.store.searching._ROWS", 2)
    several = put_codes({}, STATION, Code("AI_ONE", "L", "x"), Code("AI_TWO", "L", "x"))
    one = put_codes({}, STATION, Code("AI_ONE", "L", "x"))
    stored = fill(store, [dict(several if number % 3 else one) for number in range(13)], [State.SCHEDULED] * 13)
    for wanted in ({f"{STATION}.CodeValue": "AI_ONE"}, {f"{STATION}.CodingSchemeDesignator": "L"}, {}):
        walked = [search(store, wanted, 2, offset).workitems for offset in range(0, 14, 2)]
        assert [content for page in walked for content in page] == stored
        assert search(store, wanted, 2, 4).remaining == 7
        assert list(matching(store, wanted)) == stored


def test_a_writer_is_not_kept_waiting_by_a_search_that_is_being_read(store):
    fill(store, [{} for _ in range(3)], [State.SCHEDULED] * 3)
    found = matching(store, {})
    next(found)
    uid = "2.25.99"
    new = Workitem(uid, 1, State.SCHEDULED, put({}, "SOPInstanceUID", uid))
    assert store.apply(Change(new, 0))
    assert store.find(uid) == new
    assert len(list(found)) == 2
