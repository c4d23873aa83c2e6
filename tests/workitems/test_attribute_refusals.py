"""The worklist holds workitems to the attribute table (PS3.4 Table CC.2.5-3), and a refusal changes nothing."""

import copy
from datetime import UTC, datetime

import pytest

from connectathon.full_workitems import full_element, full_workitem
from connectathon.workitems import new_workitem, performed
from profiles.dicom import Code, get, item, items, new_uid, put, put_codes, remove, tag_of, text, vr_of
from profiles.errors import BadInput, Conflict
from profiles.ups import State
from profiles.ups.attributes import Moment
from profiles.ups.validation.tree import level_of
from workitems.policy import Assignment, Policy
from workitems.worklist import Worklist

CREATION = level_of(Moment.CREATION).attributes
BARRED = {tag: one for tag, one in level_of(Moment.UPDATE).attributes.items() if one.barred}
PERFORMED = "UnifiedProcedureStepPerformedProcedureSequence"


def now():
    return datetime.now(UTC)


@pytest.fixture
def refused(worklist, store):
    """Asks for a creation that must be refused; gives its paths."""

    def ask(dataset):
        uid, before = new_uid(), copy.deepcopy(dataset)
        with pytest.raises(BadInput) as refusal:
            worklist.create(dataset, uid)
        assert store.find(uid) is None, "nothing is created"
        assert store.events_after(0) == [], "nothing is told"
        assert dataset == before
        assert all(str(finding) in str(refusal.value) for finding in refusal.value.findings), "everything is said"
        return refusal.value

    return ask


def paths(refusal):
    return [finding.path for finding in refusal.findings]


@pytest.mark.requirement("AIWI-TM-004", "UPS-2724")
def test_a_workitem_is_created_scheduled_or_not_at_all(refused):
    for state in ("IN PROGRESS", "COMPLETED", "CANCELED", "DONE"):
        refusal = refused(put(new_workitem(now=now()), "ProcedureStepState", state))
        assert refusal.row_key == "not-scheduled"
        assert paths(refusal) == ["ProcedureStepState"]
    stateless = new_workitem(now=now())
    remove(stateless, "ProcedureStepState")
    refusal = refused(stateless)
    assert refusal.row_key == "bad-input"
    assert [(finding.path, finding.key) for finding in refusal.findings] == [
        ("ProcedureStepState", "missing-attribute")
    ]


@pytest.mark.requirement("AIWI-TM-004")
def test_what_else_is_wrong_is_said_with_a_wrong_state(refused):
    wrong = put(new_workitem(now=now()), "ProcedureStepState", "COMPLETED")
    remove(wrong, "ProcedureStepLabel")
    refusal = refused(wrong)
    assert refusal.row_key == "not-scheduled"
    assert set(paths(refusal)) == {"ProcedureStepState", "ProcedureStepLabel"}


@pytest.mark.requirement("AIWI-TM-005")
def test_each_attribute_of_type_1_must_be_there_with_a_value(refused):
    needed = {tag: one for tag, one in CREATION.items() if one.kind == "1"}
    assert {one.keyword for one in needed.values()} == {
        "ScheduledProcedureStepPriority",
        "ProcedureStepLabel",
        "ScheduledProcedureStepStartDateTime",
        "InputReadinessState",
        "ProcedureStepState",
    }
    for tag, one in needed.items():
        without = new_workitem(now=now())
        del without[tag]
        refusal = refused(without)
        assert [(finding.path, finding.key) for finding in refusal.findings] == [(one.keyword, "missing-attribute")]
        refusal = refused({**without, tag: {"vr": vr_of(one.keyword)}})
        assert [(finding.path, finding.key) for finding in refusal.findings] == [(one.keyword, "missing-value")]


@pytest.mark.requirement("AIWI-TM-006")
def test_priority_and_readiness_have_the_terms_of_the_standard(refused):
    refusal = refused(put(new_workitem(now=now()), "ScheduledProcedureStepPriority", "URGENT"))
    assert "is 'URGENT'" in str(refusal)
    assert "HIGH, MEDIUM, LOW" in str(refusal)
    assert "is 'MAYBE'" in str(refused(put(new_workitem(now=now()), "InputReadinessState", "MAYBE")))


@pytest.mark.requirement("AIWI-TM-007")
def test_what_must_be_empty_at_creation_is_refused_with_a_value(refused):
    empty = {tag: one for tag, one in CREATION.items() if one.empty}
    assert {one.keyword for one in empty.values()} == {
        "TransactionUID",
        "ProcedureStepProgressInformationSequence",
        PERFORMED,
    }
    for tag, one in empty.items():
        refusal = refused({**new_workitem(now=now()), tag: full_element(one)})
        assert paths(refusal) == [one.keyword]


@pytest.mark.requirement("AIWI-TM-087")
def test_each_attribute_of_type_2_is_missed_in_a_strict_service(refused):
    for tag, one in CREATION.items():
        if one.kind == "2":
            without = new_workitem(now=now())
            del without[tag]
            refusal = refused(without)
            assert [(finding.path, finding.key) for finding in refusal.findings] == [(one.keyword, "missing-attribute")]


@pytest.mark.requirement("AIWI-TM-087")
def test_a_lenient_service_adds_attributes_of_type_2_empty_and_says_so(store):
    lenient = Worklist(store, now, policy=Policy(strict=False))
    bare = {tag: element for tag, element in full_workitem().items() if CREATION[tag].kind != "2"}
    bare[tag_of("ReferencedRequestSequence")] = full_workitem()[tag_of("ReferencedRequestSequence")]
    remove(item(bare, "ReferencedRequestSequence"), "AccessionNumber")
    outcome = lenient.create(bare)
    assert outcome.warning == "created-with-modifications"
    kept = lenient.retrieve(outcome.uid)
    for tag, one in CREATION.items():
        if one.kind == "2" and tag not in bare and one.keyword not in ("TransactionUID", "WorklistLabel"):
            assert kept[tag] == {"vr": one.form.vr}
    assert item(kept, "ReferencedRequestSequence")[tag_of("AccessionNumber")] == {"vr": "SH"}


@pytest.mark.requirement("AIWI-TM-001")
def test_a_workitem_with_every_attribute_is_kept_as_it_was_sent(worklist):
    sent = full_workitem()
    kept = worklist.retrieve(worklist.create(sent, "1.2.3").uid)
    by_the_server = {tag_of("TransactionUID"), tag_of("ScheduledProcedureStepModificationDateTime")}
    assert {tag: kept[tag] for tag in sent if tag not in by_the_server} == {
        tag: element for tag, element in sent.items() if tag not in by_the_server
    }
    assert tag_of("TransactionUID") not in kept


@pytest.mark.requirement("AIWI-TM-009")
def test_a_dataset_that_is_none_is_refused_and_nothing_else_happens(refused):
    for element in (None, [], "words", {"vr": "UI", "Value": "1.2"}, {"vr": "SQ", "Value": [None]}, {"Value": [[]]}):
        for keyword in ("ProcedureStepState", "WorklistLabel", "ScheduledStationNameCodeSequence"):
            refusal = refused({**new_workitem(now=now()), tag_of(keyword): element})
            assert {path.split("[")[0] for path in paths(refusal)} == {keyword}


@pytest.mark.requirement("AIWI-TM-009")
def test_a_workitem_uid_that_is_none_is_refused(worklist):
    for element in (None, [], {"vr": "UI", "Value": [[]]}, {"vr": "UI", "Value": [7]}, {"vr": "UI", "Value": ["../x"]}):
        with pytest.raises(BadInput, match="SOPInstanceUID"):
            worklist.create({**new_workitem(now=now()), tag_of("SOPInstanceUID"): element})


@pytest.mark.requirement("AIWI-TM-031")
@pytest.mark.parametrize("state", ["SCHEDULED", "IN PROGRESS"])
def test_an_update_cannot_change_the_state(state, desk, worklist, store):
    uid = desk.workitem_in(state)
    before = store.find(uid)
    for told in ("IN PROGRESS", "COMPLETED", "SCHEDULED"):
        change = put(performed(now()), "ProcedureStepState", told)
        with pytest.raises(BadInput) as refusal:
            worklist.update(uid, change, desk.transaction if state != "SCHEDULED" else None)
        assert paths(refusal.value) == ["ProcedureStepState"]
    assert store.find(uid) == before


@pytest.mark.requirement("AIWI-TM-032")
def test_an_update_changes_nothing_that_it_may_not_and_then_nothing_at_all(desk, worklist, store):
    uid = desk.workitem_in("IN PROGRESS")
    before = store.find(uid)
    assert {one.keyword for one in BARRED.values()} >= {"PatientName", "PatientID", "ReferencedRequestSequence"}
    for tag, one in BARRED.items():
        change = put({tag: full_element(one)}, "ProcedureStepLabel", "another")
        with pytest.raises(BadInput) as refusal:
            worklist.update(uid, change, desk.transaction)
        assert paths(refusal.value) == [one.keyword]
    assert store.find(uid) == before


@pytest.mark.requirement("AIWI-TM-032")
def test_an_update_does_not_empty_what_a_workitem_must_have(desk, worklist):
    uid = desk.workitem_in("SCHEDULED")
    for keyword in ("ProcedureStepLabel", "ScheduledProcedureStepPriority", "InputReadinessState"):
        with pytest.raises(BadInput, match="may change but not empty it"):
            worklist.update(uid, put({}, keyword), None)
    worklist.update(uid, put({}, "CommentsOnTheScheduledProcedureStep"), None)


@pytest.mark.requirement("AIWI-TM-038")
def test_completion_is_refused_for_each_thing_that_is_missing_and_done_when_it_is_there(desk, worklist, store):
    uid = desk.workitem_in("IN PROGRESS")
    for keyword in (
        "PerformedStationNameCodeSequence",
        "PerformedProcedureStepStartDateTime",
        "PerformedProcedureStepEndDateTime",
        "PerformedWorkitemCodeSequence",
    ):
        update = performed(now())
        remove(item(update, PERFORMED), keyword)
        worklist.update(uid, update, desk.transaction)
        with pytest.raises(Conflict) as refusal:
            worklist.change_state(uid, "COMPLETED", desk.transaction)
        assert refusal.value.row_key == "final-state-requirements"
        assert paths(refusal.value) == [f"{PERFORMED}[1].{keyword}"]
        assert store.find(uid).state is State.IN_PROGRESS
    without_outputs = performed(now())
    remove(item(without_outputs, PERFORMED), "OutputInformationSequence")
    with pytest.raises(BadInput, match="OutputInformationSequence: is missing"):
        worklist.update(uid, without_outputs, desk.transaction)
    worklist.update(uid, performed(now()), desk.transaction)
    worklist.change_state(uid, "COMPLETED", desk.transaction)
    assert store.find(uid).state is State.COMPLETED


@pytest.mark.requirement("AIWI-TM-011", "UPS-1007")
def test_text_that_the_server_adds_has_its_character_set_declared(store):
    analysis = Code("BRAINSEG", "99STEPWELL")
    station = Code("KI_1", "L", "Röntgen-KI")
    worklist = Worklist(store, now, policy=Policy(assignments=(Assignment(analysis, (station,)),)))
    uid = worklist.create(new_workitem(now=now())).uid
    kept = worklist.retrieve(uid)
    assert text(items(kept, "ScheduledStationNameCodeSequence")[0], "CodeMeaning") == "Röntgen-KI"
    assert get(kept, "SpecificCharacterSet") == "ISO_IR 192"
    assert list(kept) == sorted(kept)
    other = worklist.create(
        put_codes(new_workitem(now=now()), "ScheduledWorkitemCodeSequence", Code("X", "L", "x"))
    ).uid
    assert get(worklist.retrieve(other), "SpecificCharacterSet") is None
    worklist.request_cancel(other, {"00741238": {"vr": "LT", "Value": ["Auftrag zurückgezogen"]}})
    assert get(worklist.retrieve(other), "SpecificCharacterSet") == "ISO_IR 192"


@pytest.mark.requirement("AIWI-TM-011", "UPS-1005")
def test_names_in_any_script_come_back_as_they_were_sent(worklist):
    name = {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}
    sent = put(new_workitem(now=now()), "PatientName", name)
    with pytest.raises(BadInput, match="SpecificCharacterSet"):
        worklist.create(sent)
    uid = worklist.create(put(sent, "SpecificCharacterSet", "ISO_IR 192")).uid
    assert get(worklist.retrieve(uid), "PatientName") == name
