"""QIDO-RS of the Image Manager (PS3.18 section 10.6, matching of PS3.4 section C.2.2.2)."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.image_manager.matching import matches
from profiles.dicom import get, get_all, item, put, text
from profiles.errors import BadInput

MANDATORY = [
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "InstanceAvailability",
    "ModalitiesInStudy",
    "ReferringPhysicianName",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyID",
    "NumberOfStudyRelatedSeries",
    "NumberOfStudyRelatedInstances",
    "RetrieveURL",
]


@pytest.fixture
def stored(archive, study):
    archive.store(study[1])
    return study[0]


@pytest.mark.requirement("AIR-IM-008")
def test_a_study_is_found_by_accession_number_with_all_mandatory_attributes(foreign_client, stored):
    found = foreign_client.search_for_studies(search_filters={"AccessionNumber": stored.accession_number})
    assert [text(one, "StudyInstanceUID") for one in found] == [stored.study_instance_uid]
    assert all(text(found[0], keyword) for keyword in MANDATORY)
    assert get(found[0], "NumberOfStudyRelatedInstances") == 6
    assert get_all(found[0], "ModalitiesInStudy") == ["MR"]


@pytest.mark.requirement("AIR-IM-008")
def test_the_modalities_of_a_study_can_be_asked_for(archive, stored, result_file):
    wanted = {"ModalitiesInStudy": "SEG", "PatientID": stored.patient_id}
    assert archive.search_studies(wanted) == []
    archive.store([result_file()])
    assert [text(one, "StudyInstanceUID") for one in archive.search_studies(wanted)] == [stored.study_instance_uid]


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientName", "fict*"),
        ("PatientName", "FICTIONAL^A?A"),
        ("StudyDescription", "MR head*"),
        ("StudyDate", "20260101-20261231"),
        ("StudyDate", "-20991231"),
        ("StudyTime", "10-113000"),
        ("AccessionNumber", "*"),
        ("00100030", "19700101"),
    ],
)
def test_a_study_is_found_by_wildcards_and_ranges(archive, another_study, keyword, value):
    order, paths = another_study(slices=1, ordered=datetime(2026, 3, 2, 11, 15, tzinfo=UTC))
    archive.store(paths)
    found = archive.search_studies({keyword: value, "StudyInstanceUID": order.study_instance_uid})
    assert [text(one, "StudyInstanceUID") for one in found] == [order.study_instance_uid]


@pytest.mark.parametrize(
    ("keyword", "value"), [("PatientName", "X*"), ("StudyDate", "20000101-20001231"), ("StudyDescription", "mr head*")]
)
def test_a_study_that_does_not_match_is_not_found(archive, stored, keyword, value):
    assert archive.search_studies({keyword: value, "StudyInstanceUID": stored.study_instance_uid}) == []


def test_several_studies_are_found_by_a_list_of_uids(archive, another_study):
    orders = [another_study(slices=1) for _ in range(3)]
    for _order, paths in orders:
        archive.store(paths)
    wanted = [order.study_instance_uid for order, _paths in orders[:2]]
    found = archive.search_studies({"StudyInstanceUID": ",".join(wanted)})
    assert {text(one, "StudyInstanceUID") for one in found} == set(wanted)


@pytest.mark.requirement("AIR-IM-009")
def test_series_and_instances_are_found_by_modality_and_class(archive, stored, result_file):
    path = result_file()
    archive.store([path])
    series = archive.search_series(stored.study_instance_uid, {"Modality": "SEG"})
    assert [text(one, "Modality") for one in series] == ["SEG"]
    assert get(series[0], "NumberOfSeriesRelatedInstances") == 1
    found = archive.search_instances(stored.study_instance_uid, filters={"SOPClassUID": "1.2.840.10008.5.1.4.1.1.66.4"})
    assert [text(one, "SeriesInstanceUID") for one in found] == [text(series[0], "SeriesInstanceUID")]
    assert get(found[0], "Rows") == 256


@pytest.mark.requirement("AIR-IM-009")
def test_named_and_all_further_attributes_are_returned(archive, stored):
    series = archive.search_series(stored.study_instance_uid)[0]
    assert not text(series, "BodyPartExamined")
    series = archive.search_series(stored.study_instance_uid, {"includefield": "BodyPartExamined,00180015"})[0]
    assert text(series, "BodyPartExamined") == "HEAD"
    instance = archive.search_instances(stored.study_instance_uid, filters={"includefield": "all"})[0]
    assert text(instance, "SequenceVariant") == "MP"


@pytest.mark.requirement("AIR-IM-009")
def test_limit_and_offset_walk_through_all_matches_once(archive, stored):
    seen = []
    for offset in range(0, 8, 2):
        page = archive.search_instances(stored.study_instance_uid, filters={"limit": "2", "offset": str(offset)})
        seen += [text(one, "SOPInstanceUID") for one in page]
    assert len(seen) == len(set(seen)) == 6


@pytest.mark.requirement("AIR-IM-009")
def test_no_match_is_answered_with_204(http):
    assert http.get("/studies", params={"PatientID": "nobody"}).status_code == 204


def test_a_match_inside_a_sequence_is_found_by_a_dotted_name(archive, another_study):
    order, paths = another_study(slices=1, requested_procedure_id="RP77")
    archive.store(paths)
    name = "RequestAttributesSequence.RequestedProcedureID"
    found = archive.search_series(order.study_instance_uid, {name: "RP77"})
    assert len(found) == 1
    assert text(item(found[0], "RequestAttributesSequence"), "ScheduledProcedureStepID") == "SPS1"
    assert archive.search_series(order.study_instance_uid, {name: "RP78"}) == []


@pytest.mark.parametrize("query", ["NoSuchThing=1", "limit=-1", "offset=two", "0010=1"])
def test_a_search_that_cannot_be_understood_is_refused_with_words(archive, query):
    name, _, value = query.partition("=")
    with pytest.raises(BadInput, match=r"PS3\.18"):
        archive.search_studies({name: value})


def test_instances_of_all_studies_carry_the_attributes_of_study_and_series(http, stored):
    found = http.get("/instances", params={"StudyInstanceUID": stored.study_instance_uid, "limit": 1}).json()
    assert text(found[0], "PatientID") == stored.patient_id
    assert text(found[0], "Modality") == "MR"


def test_fuzzy_matching_is_refused_by_a_warning_and_literal_matching_is_done(http, stored):
    wanted = {"PatientID": stored.patient_id}
    answer = http.get("/studies", params={**wanted, "fuzzymatching": "true"})
    assert "Only literal matching" in answer.headers["warning"]
    assert len(answer.json()) == 1
    assert "warning" not in http.get("/studies", params=wanted).headers


words = st.text("ABC[]!^ 0", max_size=6)


@given(words, words, words)
def test_a_star_stands_for_anything_and_brackets_for_themselves(start, middle, end):
    dataset = put({}, "StudyDescription", start + middle + end)
    assert matches(dataset, ("00081030",), f"{start}*{end}")


@given(words.filter(len))
def test_a_question_mark_stands_for_one_character_exactly(value):
    dataset = put({}, "StudyDescription", value)
    assert matches(dataset, ("00081030",), "?" * len(value))
    assert not matches(dataset, ("00081030",), "?" * (len(value) + 1))
