"""What editions and peers spell differently is not held against anyone (ups.md 9.3, 15; connectathon.md section 7)."""

import json

import pytest

from conformance import Severity, check
from conformance.ups import check_workitem
from profiles.ups.validation import validate_create, validate_update
from tests.conformance.ups_cells import CELLS
from tests.conformance.ups_good import (
    GOOD,
    PERFORMED,
    PUSH,
    canceled,
    claim,
    code,
    completed,
    created,
    dataset,
    drop,
    element,
    event,
    instances,
    item,
    kept,
    performed,
    put,
    state_report,
    status_change,
    tag,
    updated,
)


def rules(made, moment):
    return {found.rule for found in check_workitem(made, moment, "x")}


@pytest.mark.requirement("AIWI-TM-002")
def test_a_creation_may_carry_its_uid_and_class_in_the_dataset():
    """A3, A11: PS3.18 11.4.1.1 and 11.4.1.4 do not agree."""
    workitem = created()
    put(workitem, "SOPInstanceUID", "2.25.4711")
    put(workitem, "SOPClassUID", PUSH)
    assert rules(workitem, "create") == set()


@pytest.mark.parametrize("wrap", [list, dict])
def test_a_request_may_be_an_object_or_a_list_of_one(wrap, tmp_path):
    payload = [created()] if wrap is list else created()
    (tmp_path / "create.json").write_text(json.dumps(payload))
    assert check("ups", [tmp_path]) == []


def test_an_update_may_carry_its_transaction_uid_in_the_dataset():
    """Peers accept it there besides the query (ups.md 15)."""
    update = updated()
    put(update, "TransactionUID", "2.25.99")
    assert rules(update, "update") == set()


def test_an_update_of_an_unclaimed_workitem_needs_none():
    assert rules(dataset(ScheduledProcedureStepPriority="HIGH"), "update") == set()


@pytest.mark.requirement("AIWI-TM-067")
def test_the_published_example_of_an_event_is_warned_of_and_no_more():
    """A5: Event class, US for the readiness and LT for the state (PS3.18 2024e section 11.13)."""
    frame = state_report()
    put(frame, "AffectedSOPClassUID", "1.2.840.10008.5.1.4.34.6.4")
    frame[tag("InputReadinessState")]["vr"] = "US"
    frame[tag("ProcedureStepState")]["vr"] = "LT"
    found = check_workitem(frame, "event", "x")
    assert {one.rule for one in found} == {"UPS-EVENT-PUSH", "UPS-EVENT-VR"}
    assert {one.severity for one in found} == {Severity.WARNING}


def test_further_command_elements_of_an_older_example_are_passed_over():
    frame = {
        **event(1, InputReadinessState="READY", ProcedureStepState="COMPLETED"),
        tag("CommandField"): element("CommandField", 256),
        tag("CommandDataSetType"): element("CommandDataSetType", 258),
    }
    assert rules(dict(sorted(frame.items())), "event") == set()


def test_the_other_spelling_of_a_cold_start_is_understood():
    frame = status_change()
    put(frame, "SubscriptionListStatus", "COLD STARTED")
    assert rules(frame, "event") == set()


def test_a_human_performer_alone_is_an_assignment():
    frame = event(5, HumanPerformerCodeSequence=code("DOC1"), HumanPerformerOrganization="Radiology")
    assert rules(frame, "event") == set()


@pytest.mark.parametrize(
    ("keyword", "vr", "where"),
    [
        ("CodeValue", "LO", ("ScheduledWorkitemCodeSequence",)),
        ("RetrieveURL", "UT", ("InputInformationSequence", "WADORSRetrievalSequence")),
    ],
)
def test_representations_of_earlier_editions_are_understood(keyword, vr, where):
    workitem = created()
    item(workitem, *where)[tag(keyword)]["vr"] = vr
    assert rules(workitem, "create") == set()


@pytest.mark.requirement("UPS-FINAL-P")
def test_a_completed_workitem_may_have_made_nothing():
    workitem = completed()
    put(item(workitem, PERFORMED), "OutputInformationSequence")
    assert [(one.rule, one.severity) for one in check_workitem(workitem, "stored", "x")] == [
        ("AIWI-P-002", Severity.INFO)
    ]


def test_a_canceled_workitem_need_not_say_what_was_performed():
    workitem = canceled()
    put(workitem, PERFORMED)
    assert rules(workitem, "stored") == set()


def test_a_local_reason_is_as_good_as_one_of_dicom():
    workitem = canceled()
    reason = item(workitem, "ProcedureStepProgressInformationSequence")
    put(reason, "ProcedureStepDiscontinuationReasonCodeSequence", code("TOO_DARK"))
    assert rules(workitem, "stored") == set()


def test_numbers_may_be_text_or_numbers_where_json_allows_both():
    for value in ("50", 50, 50.5):
        update = updated()
        put(item(update, "ProcedureStepProgressInformationSequence"), "ProcedureStepProgress", value)
        assert rules(update, "update") == set()


def test_a_null_among_several_values_is_an_empty_value():
    workitem = created()
    put(workitem, "OtherPatientNames", {"Alphabetic": "A"}, None)
    assert rules(workitem, "create") == set()


def test_an_attribute_that_the_table_does_not_name_is_kept():
    """Optional attributes, those of later editions and private ones with their creator (ups.md 11.5)."""
    workitem = {
        **created(),
        "00100041": {"vr": "SQ"},
        "00411001": {"vr": "LO", "Value": ["ours"]},
        "00410010": {"vr": "LO", "Value": ["STEPWELL"]},
    }
    assert rules(dict(sorted(workitem.items())), "create") == set()


def test_inputs_over_dimse_alone_can_be_retrieved():
    workitem = created()
    inputs = instances("2.25.1002", "2.25.1")
    drop(inputs, "WADORSRetrievalSequence")
    put(inputs, "DICOMRetrievalSequence", dataset(RetrieveAETitle="PACS"))
    put(workitem, "InputInformationSequence", inputs)
    assert rules(workitem, "create") == set()


def test_a_workitem_whose_inputs_are_to_come_needs_none():
    workitem = created()
    put(workitem, "InputReadinessState", "INCOMPLETE")
    put(workitem, "InputInformationSequence")
    assert rules(workitem, "create") == set()


def test_one_instance_may_be_named_once_for_each_of_its_parts():
    workitem = created()
    inputs = instances("2.25.1002", "2.25.1", "2.25.1")
    for number, reference in enumerate(inputs[tag("ReferencedSOPSequence")]["Value"], start=1):
        put(reference, "ReferencedFrameNumber", number)
    put(workitem, "InputInformationSequence", inputs)
    assert rules(workitem, "create") == set()


@pytest.mark.parametrize("end", ["2026", "20261124", "20261124080100.000001+0100", "20261124070200+0000", ""])
def test_times_are_compared_only_as_far_as_both_say_in_one_zone(end):
    update = performed()
    put(item(update, PERFORMED), "PerformedProcedureStepEndDateTime", *([end] if end else []))
    assert rules(update, "update") == set()


def test_a_partial_result_may_have_a_code_of_its_own_with_a_warning():
    workitem = completed()
    put(item(workitem, PERFORMED), "PerformedWorkitemCodeSequence", code("PART"))
    assert [one.severity for one in check_workitem(workitem, "stored", "x")] == [Severity.WARNING]


def test_one_slip_of_the_encoding_is_one_finding_and_the_rest_is_judged():
    workitem = kept()
    del workitem[tag("ProcedureStepLabel")]["vr"]
    put(workitem, "ScheduledProcedureStepPriority", "URGENT")
    assert rules(workitem, "stored") == {"UPS-3803", "UPS-3844"}


def test_a_lock_of_one_who_claims_is_no_disclosure():
    assert rules(claim(), "state") == set()


def test_no_finding_tells_of_the_patient_or_the_lock():
    """Every text of a dataset is made wrong in every way, and none is repeated."""
    for name, (moment, make) in GOOD.items():
        workitem = make()
        _spoil(workitem)
        told = [f"{one.path} {one.message} {one.fix}" for one in check_workitem(workitem, moment, name)]
        assert told
        assert not [words for words in told if "ecret" in words]


def _spoil(holder):
    for found in holder.values():
        if found["vr"] == "SQ":
            for inner in found.get("Value", ()):
                _spoil(inner)
        elif found["vr"] == "PN":
            found["Value"] = ["Secret\\Person"]
        else:
            found["Value"] = ["secret\x07words\\" * 30]


def test_a_term_that_is_none_is_shown_only_when_it_looks_like_one():
    workitem = kept()
    put(workitem, "InputReadinessState", "MAYBE")
    told = [one.message for one in check_workitem(workitem, "stored", "x")]
    assert told == ["is 'MAYBE'; expected INCOMPLETE, READY, UNAVAILABLE"]
    put(workitem, "InputReadinessState", "not yet, says Dr. X")
    assert not any("Dr. X" in one.message for one in check_workitem(workitem, "stored", "x"))


@pytest.mark.parametrize("moment", ["N-CREATE", "N-SET"])
def test_a_second_reading_of_the_table_refuses_what_the_judge_refuses(moment):
    """Our Task Manager's validation was written apart from the judge; they are held against each other here."""
    refuse = {"N-CREATE": validate_create, "N-SET": validate_update}[moment]
    passed = [str(cell) for cell in CELLS if cell.moment == moment and not refuse(cell.broken())]
    assert not passed
    assert not [name for name, (at, make) in GOOD.items() if at == {"N-CREATE": "create", "N-SET": "update"}[moment]
                and refuse(make())]  # fmt: skip
