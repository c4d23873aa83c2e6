"""Rules for UPS datasets: each defect of a good dataset breaks its own rule alone."""

import csv
import io
from importlib.resources import files

import pytest

from conformance import check
from conformance.rules import read_rules
from conformance.ups import check_workitem
from tests.conformance.ups_cells import CELLS
from tests.conformance.ups_good import (
    GOOD,
    PERFORMED,
    PROGRESS,
    REASON,
    code,
    dataset,
    drop,
    instances,
    item,
    put,
    tag,
)

RULES = read_rules("ups_rules")
#: rule, good dataset, defect
DEFECTS = []
INPUT, OUTPUT, WAY = "InputInformationSequence", "OutputInformationSequence", "WADORSRetrievalSequence"


def breaks(rule, *names):
    """Decorator: a good dataset of each of those names with this defect breaks that rule, and no other."""

    def keep(defect):
        DEFECTS.extend((rule, name, defect) for name in names)
        return defect

    return keep


def renamed(holder, key, other):
    """Give an element another key in the same place."""
    found = {other if one == key else one: value for one, value in holder.items()}
    holder.clear()
    holder.update(found)


@breaks("UPS-3802", "created", "kept")
def tag_in_lower_case(good):
    renamed(good, tag("StudyInstanceUID"), "0020000d")


@breaks("UPS-3802", "created")
def keyword_for_a_tag(good):
    good["StudyDescription"] = {"vr": "LO", "Value": ["CT"]}


@breaks("UPS-3802", "created")
def tag_with_a_comma(good):
    good["0008,1030"] = {"vr": "LO", "Value": ["CT"]}


@breaks("UPS-3803", "created", "kept", "found", "state_report", "claim")
def no_vr(good):
    del good[tag("ProcedureStepState")]["vr"]


@breaks("UPS-3803", "updated")
def unknown_vr(good):
    item(good, PROGRESS)[tag("ProcedureStepProgress")]["vr"] = "XX"


@breaks("UPS-3803", "created")
def value_that_is_no_array(good):
    good[tag("ProcedureStepLabel")]["Value"] = "Lung nodules"


@breaks("UPS-3803", "created")
def value_in_lower_case(good):
    good[tag("AdmissionID")]["value"] = ["V1"]


@breaks("UPS-3803", "created")
def element_that_is_its_value(good):
    good[tag("AdmissionID")] = "V1"


@breaks("UPS-3804", "created")
def item_that_is_text(good):
    good[tag("AdmittingDiagnosesCodeSequence")]["Value"] = ["none"]


@breaks("UPS-3805", "created", "kept")
def label_as_short_string(good):
    good[tag("ProcedureStepLabel")]["vr"] = "SH"


@breaks("UPS-3805", "state_report")
def state_as_lo(good):
    good[tag("ProcedureStepState")]["vr"] = "LO"


@breaks("UPS-3806", "created")
def two_labels(good):
    put(good, "ProcedureStepLabel", "one", "two")


@breaks("UPS-3806", "created")
def three_values_of_pairs(good):
    put(good, "SelectorATValue", "00100010", "00100020")
    put(good, "DisplayedAreaTopLeftHandCorner", 1, 2, 3)


@breaks("UPS-3807", "created", "updated", "kept", "claim")
def affected_instance_in_the_dataset(good):
    put(good, "AffectedSOPInstanceUID", "2.25.4711")


@breaks("UPS-3807", "progress_report")
def command_element_in_an_item(good):
    put(item(good, PROGRESS), "MessageID", 3)


@breaks("UPS-3808", "created")
def seventeen_sequences(good):
    inner = dataset(PatientComments="deep")
    for _ in range(17):
        inner = dataset(ContentSequence=inner)
    good.update(inner)
    put(good, "ContentSequence", inner[tag("ContentSequence")]["Value"][0])


@breaks("UPS-JSON-EMPTY", "created", "kept", "found")
def empty_list_of_values(good):
    good[tag("AdmissionID")]["Value"] = []


@breaks("UPS-JSON-ORDER", "created", "kept", "state_report")
def state_first(good):
    state = good.pop(tag("ProcedureStepState"))
    rest = dict(good)
    good.clear()
    good.update({tag("ProcedureStepState"): state, **rest})


@breaks("UPS-JSON-ORDER", "completed")
def item_out_of_order(good):
    inner = item(good, PERFORMED)
    rest = dict(inner)
    inner.clear()
    inner.update(reversed(rest.items()))


@breaks("UPS-JSON-LENGTH", "created")
def length_of_a_group(good):
    good["00080000"] = {"vr": "UL", "Value": [100]}
    put(good, "ProcedureStepLabel", "Lung nodules")


@breaks("UPS-JSON-BULK", "created")
def value_by_a_uri(good):
    good[tag("CommentsOnTheScheduledProcedureStep")]["BulkDataURI"] = "http://127.0.0.1/bulk/1"


@breaks("UPS-JSON-PRIVATE", "created")
def private_without_creator(good):
    good["00411001"] = {"vr": "LO", "Value": ["x"]}
    put(good, "ProcedureStepLabel", "Lung nodules")


#: Values that a representation does not allow.
BAD = {
    "AE": ["SEVENTEEN_LETTERS", "A\\B", "Ä", 7],
    "AS": ["99X", "1Y"],
    "AT": ["0010001", "0010001g"],
    "CS": ["lower", "A-B", "SEVENTEEN_LETTERS"],
    "DA": ["20261340", "2026-01-01", "202601"],
    "DS": ["heavy", "12345678901234567", "NaN", True],
    "DT": ["20261340", "2026112408000", "20261124080000+9900", "20261124256000"],
    "FD": ["1.0", True],
    "FL": ["1.0"],
    "IS": ["1.5", 1.5, 2**31, "one"],
    "LO": ["x" * 65, "a\\b", "a\nb"],
    "LT": ["x" * 10241, "a\x07"],
    "OB": ["AAAA"],
    "OD": ["AAAA"],
    "OF": ["AAAA"],
    "OL": ["AAAA"],
    "OV": ["AAAA"],
    "OW": ["AAAA"],
    "PN": ["Doe^Jane", {"Alphabetic": "A^B^C^D^E^F"}, {"Alphabetic": "x" * 65}, {"Other": "Doe"}, {"Alphabetic": 7},
           {"Alphabetic": "A=B"}],
    "SH": ["seventeen letters", "a\\b"],
    "SL": [2**31, 1.5],
    "SS": [32768],
    "ST": ["x" * 1025],
    "SV": [2**63, "2.0"],
    "TM": ["2561", "12:00"],
    "UC": ["a\\b", 5],
    "UI": ["1.02", "1..2", "1." + "2" * 63, "uid", "1.2\0"],
    "UL": [-1],
    "UN": ["AAAA"],
    "UR": ["http://a b", "http:\\\\a"],
    "US": [65536, "1"],
    "UT": ["a\x00"],
    "UV": [-1],
}  # fmt: skip
FORMS = {rule.requirement.split()[3]: name for name, rule in RULES.items() if rule.requirement.startswith("A value of")}


def _illegal(vr, value):
    def defect(good):
        put(good, f"Selector{vr}Value", value)

    number = BAD[vr].index(value)
    defect.__name__ = f"value_{number + 1}_that_is_no_{vr}"
    return defect


DEFECTS += [(FORMS[vr], "created", _illegal(vr, value)) for vr, values in BAD.items() for value in values]


@breaks("UPS-3843", "kept", "state_report", "claim")
def state_of_the_british(good):
    put(good, "ProcedureStepState", "CANCELLED")


@breaks("UPS-3844", "created", "kept", "found")
def urgent(good):
    put(good, "ScheduledProcedureStepPriority", "URGENT")


@breaks("UPS-3845", "created", "kept", "state_report")
def maybe_ready(good):
    put(good, "InputReadinessState", "MAYBE")


@breaks("UPS-3846", "created")
def instances_of_images(good):
    put(item(good, INPUT), "TypeOfInstances", "IMAGE")


@breaks("UPS-3847", "created")
def number_as_in_a_report(good):
    put(item(good, "ScheduledProcessingParametersSequence"), "ValueType", "NUM")


@breaks("UPS-3848", "created")
def entity_of_no_kind(good):
    issuer = item(good, "ReferencedRequestSequence", "IssuerOfAccessionNumberSequence")
    put(issuer, "UniversalEntityID", "1.2.3")
    put(issuer, "UniversalEntityIDType", "OID")


@breaks("UPS-3849", "full_created")
def character_set_of_nobody(good):
    put(good, "SpecificCharacterSet", "ISO_IR 192", "ISO_IR 999")


@breaks("UPS-CHARSET", "created", "kept", "completed")
def umlauts_without_character_set(good):
    drop(good, "SpecificCharacterSet")


@breaks("UPS-CHARSET", "cancel_request")
def japanese_without_character_set(good):
    put(good, "ContactDisplayName", "読影室")


@breaks("UPS-CHARSET-UTF8", "created", "found")
def latin_1_in_json(good):
    put(good, "SpecificCharacterSet", "ISO_IR 100")


@breaks("UPS-CLASS", "kept", "found", "created")
def pull_class(good):
    put(good, "SOPClassUID", "1.2.840.10008.5.1.4.34.6.3")


@breaks("UPS-COND-SINGLE", "created", "kept")
def two_codes_of_work(good):
    put(good, "ScheduledWorkitemCodeSequence", code("LUNGNOD"), code("BONEAGE"))


@breaks("UPS-COND-ONLY", "created")
def text_of_a_number(good):
    put(item(good, "ScheduledProcessingParametersSequence"), "TextValue", "1.5")


@breaks("UPS-COND-BARRED", "created")
def version_of_no_scheme(good):
    holder = item(good, "ScheduledWorkitemCodeSequence")
    drop(holder, "CodeValue", "CodingSchemeDesignator")
    put(holder, "URNCodeValue", "urn:oid:1.2.3")
    put(holder, "CodingSchemeVersion", "1")


@breaks("UPS-CREATE-STATE", "created")
def created_in_progress(good):
    put(good, "ProcedureStepState", "IN PROGRESS")


@breaks("UPS-SET-BARRED", "updated", "performed")
def update_of_the_state(good):
    put(good, "ProcedureStepState", "COMPLETED")


@breaks("UPS-SET-EMPTIED", "full_updated")
def priority_taken_away(good):
    put(good, "ScheduledProcedureStepPriority")


@breaks("UPS-IDENTITY", "kept", "completed", "canceled")
def no_class(good):
    drop(good, "SOPClassUID")


@breaks("UPS-IDENTITY", "kept")
def no_instance(good):
    drop(good, "SOPInstanceUID")


@breaks("UPS-TXUID", "kept", "completed", "canceled", "found", "state_report", "progress_report")
def lock_disclosed(good):
    put(good, "TransactionUID", "2.25.99")


@breaks("UPS-TXUID", "completed")
def lock_disclosed_in_an_item(good):
    put(item(good, PERFORMED), "TransactionUID", "2.25.99")


@breaks("UPS-TXUID-EMPTY", "kept", "found", "state_report")
def lock_named(good):
    put(good, "TransactionUID")


@breaks("UPS-EVENT-CLASS", "state_report")
def class_of_images(good):
    put(good, "AffectedSOPClassUID", "1.2.840.10008.5.1.4.1.1.2")


@breaks("UPS-EVENT-CLASS", "state_report")
def no_affected_class(good):
    drop(good, "AffectedSOPClassUID")


@breaks("UPS-EVENT-PUSH", "state_report", "assigned")
def event_class(good):
    put(good, "AffectedSOPClassUID", "1.2.840.10008.5.1.4.34.6.4")


@breaks("UPS-EVENT-INSTANCE", "state_report")
def requested_instance(good):
    renamed(good, tag("AffectedSOPInstanceUID"), tag("RequestedSOPInstanceUID"))


@breaks("UPS-EVENT-MESSAGE", "state_report")
def no_message_id(good):
    drop(good, "MessageID")


@breaks("UPS-EVENT-TYPE", "state_report")
def sixth_type(good):
    put(good, "EventTypeID", 6)


@breaks("UPS-EVENT-TYPE", "progress_report")
def type_where_old_examples_have_it(good):
    drop(good, "EventTypeID")
    put(good, "RequestedSOPInstanceUID", "2.25.4711")


@breaks("UPS-EVENT-STATE", "state_report")
def no_readiness(good):
    drop(good, "InputReadinessState")


@breaks("UPS-EVENT-STATE", "state_report")
def no_state(good):
    drop(good, "ProcedureStepState")


@breaks("UPS-EVENT-CANCEL", "cancel_requested")
def nobody_requests(good):
    drop(good, "RequestingAE")


@breaks("UPS-EVENT-PROGRESS", "progress_report")
def progress_without_item(good):
    put(good, PROGRESS)


@breaks("UPS-EVENT-STATUS", "status_change")
def lists_untold(good):
    drop(good, "SubscriptionListStatus")


@breaks("UPS-EVENT-STATUS-TERMS", "status_change")
def luke_warm_start(good):
    put(good, "UnifiedProcedureStepListStatus", "LUKEWARM START")


@breaks("UPS-EVENT-STATUS-TERMS", "status_change")
def stopped(good):
    put(good, "SCPStatus", "STOPPED")


@breaks("UPS-EVENT-ASSIGNED", "assigned")
def assigned_to_nobody(good):
    put(good, "ScheduledStationNameCodeSequence")


@breaks("UPS-EVENT-DEEP", "assigned")
def performer_within_a_sequence(good):
    put(good, "ScheduledHumanPerformersSequence", dataset(HumanPerformerCodeSequence=code("DOC1")))


@breaks("UPS-EVENT-TYPE1", "progress_report")
def contact_without_uri(good):
    drop(item(good, PROGRESS, "ProcedureStepCommunicationsURISequence"), "ContactURI")


@breaks("UPS-EVENT-TYPE1", "assigned")
def station_without_meaning(good):
    drop(item(good, "ScheduledStationNameCodeSequence"), "CodeMeaning")


@breaks("UPS-EVENT-VR", "state_report")
def readiness_as_in_an_example(good):
    good[tag("InputReadinessState")]["vr"] = "US"


@breaks("UPS-EVENT-VR", "state_report")
def state_as_in_an_example(good):
    good[tag("ProcedureStepState")]["vr"] = "LT"


@breaks("UPS-STATE-TXUID", "claim")
def claim_without_lock(good):
    put(good, "TransactionUID")


@breaks("UPS-STATE-VALUE", "claim")
def back_to_scheduled(good):
    put(good, "ProcedureStepState", "SCHEDULED")


@breaks("UPS-STATE-VALUE", "claim")
def claim_without_state(good):
    drop(good, "ProcedureStepState")


@breaks("UPS-STATE-ONLY", "claim")
def claim_with_a_label(good):
    put(good, "ProcedureStepLabel", "mine")


@breaks("UPS-CANCEL-ONLY", "cancel_request")
def cancel_request_with_a_state(good):
    put(good, "ProcedureStepState", "CANCELED")


@breaks("UPS-CANCEL-TYPE1", "cancel_request")
def reason_without_meaning(good):
    drop(item(good, REASON), "CodeMeaning")


@breaks("UPS-REPLACED", "full_created", "full_kept")
def replaces_an_image(good):
    put(item(good, "ReplacedProcedureStepSequence"), "ReferencedSOPClassUID", "1.2.840.10008.5.1.4.1.1.2")


@breaks("UPS-REPLACED", "full_kept")
def replaces_itself(good):
    put(item(good, "ReplacedProcedureStepSequence"), "ReferencedSOPInstanceUID", "1.2.3")


@breaks("UPS-PROGRESS-RANGE", "updated", "progress_report")
def more_than_all(good):
    put(item(good, PROGRESS), "ProcedureStepProgress", "101")


@breaks("UPS-PROGRESS-RANGE", "updated")
def less_than_nothing(good):
    put(item(good, PROGRESS), "ProcedureStepProgress", -1)


@breaks("UPS-TIMES", "created", "kept")
def expected_before_the_start(good):
    put(good, "ExpectedCompletionDateTime", "20261124075959.5+0100")


@breaks("UPS-TIMES", "created")
def expires_before_the_start(good):
    put(good, "ScheduledProcedureStepExpirationDateTime", "20261123+0100")


@breaks("AIWI-C-001", "created", "kept", "completed")
def no_code_of_work(good):
    put(good, "ScheduledWorkitemCodeSequence")


@breaks("AIWI-C-002", "created", "kept")
def no_inputs(good):
    put(good, INPUT)


@breaks("AIWI-C-002-SERIES", "created")
def a_series_in_two_items(good):
    put(good, INPUT, instances("2.25.1002", "2.25.1"), instances("2.25.1002", "2.25.2"))


@breaks("AIWI-C-006-TWICE", "created")
def an_input_twice(good):
    put(good, INPUT, instances("2.25.1002", "2.25.1", "2.25.1"))


def elsewhere(found):
    """Instances that only an XDS repository has."""
    drop(found, WAY)
    put(found, "XDSRetrievalSequence", dataset(RepositoryUniqueID="1.2.3", HomeCommunityID="1.2.3"))


@breaks("AIWI-C-007", "created")
def inputs_elsewhere(good):
    elsewhere(item(good, INPUT))


@breaks("AIWI-C-007", "completed")
def outputs_elsewhere(good):
    elsewhere(item(good, PERFORMED, OUTPUT))


def _retrieve(name, url, *path):
    @breaks("AIWI-C-007-URL", "completed" if path[0] == PERFORMED else "created")
    def defect(good):
        put(item(good, *path, WAY), "RetrieveURL", url)

    DEFECTS[-1][2].__name__ = name


_retrieve("retrieved_by_ftp", "ftp://pacs.example/studies/2.25.1001", INPUT)
_retrieve("retrieved_from_nowhere", "http:///studies/2.25.1001", INPUT)
_retrieve("retrieved_from_a_root", "https://pacs.example/dicomweb", INPUT)
_retrieve("retrieved_from_a_broken_address", "https://[pacs/studies/2.25.1001", INPUT)
_retrieve("another_study_retrieved", "https://pacs.example/dicomweb/studies/2.25.1", INPUT)
_retrieve("another_series_retrieved", "https://pacs.example/studies/2.25.1001/series/2.25.1", PERFORMED, OUTPUT)


@breaks("AIWI-C-008", "kept", "completed")
def claimed_incomplete(good):
    put(good, "InputReadinessState", "INCOMPLETE")


@breaks("AIWI-C-010", "created")
def no_study(good):
    put(good, "StudyInstanceUID")


@breaks("AIWI-C-010-STUDY", "created", "completed")
def study_of_somebody_else(good):
    put(good, "StudyInstanceUID", "2.25.666")


@breaks("AIWI-C-011", "created")
def stored_into_a_folder(good):
    put(item(good, "OutputDestinationSequence", "STOWRSStorageSequence"), "StorageURL", "file:///tmp/out")


@breaks("AIWI-C-012", "created", "kept")
def no_order(good):
    put(good, "ReferencedRequestSequence")


@breaks("AIWI-C-018", "created", "kept")
def station_that_is_no_ae(good):
    put(item(good, "ScheduledStationNameCodeSequence"), "CodeValue", "Läb 1")


@breaks("AIWI-C-018", "completed")
def performed_by_no_ae(good):
    put(item(good, PERFORMED, "PerformedStationNameCodeSequence"), "CodeValue", "KI-Raum Nord ä")


@breaks("AIWI-P-001", "completed")
def other_work_performed(good):
    put(item(good, PERFORMED), "PerformedWorkitemCodeSequence", code("BONEAGE"))


@breaks("AIWI-P-002", "completed")
def no_outputs(good):
    put(item(good, PERFORMED), OUTPUT)


@breaks("AIWI-P-004", "completed")
def ended_before_the_start(good):
    put(item(good, PERFORMED), "PerformedProcedureStepEndDateTime", "20261124080000+0100")


@breaks("AIWI-P-005", "canceled")
def reason_of_no_group(good):
    put(item(good, PROGRESS, REASON), "CodeValue", "110001")


@breaks("AIWI-P-005", "cancel_request")
def reason_that_is_work(good):
    put(item(good, REASON), "CodeValue", "110001")


@breaks("AIWI-P-006-TWICE", "completed")
def an_output_twice(good):
    put(item(good, PERFORMED), OUTPUT, instances("2.25.2001", "2.25.21", "2.25.21"))


def judged(name, defect):
    """The findings of a good dataset with a defect."""
    moment, make = GOOD[name]
    dataset_ = make()
    defect(dataset_)
    return check_workitem(dataset_, moment, name)


@pytest.mark.parametrize("name", GOOD)
def test_what_is_right_gives_no_finding(name):
    moment, make = GOOD[name]
    assert check_workitem(make(), moment, name) == []


@pytest.mark.parametrize(
    ("rule", "name", "defect"),
    [
        pytest.param(*row, id=f"{row[0]}-{row[2].__name__}-{row[1]}", marks=pytest.mark.requirement(row[0]))
        for row in DEFECTS
    ],
)
def test_each_defect_breaks_its_rule_alone(rule, name, defect):
    found = judged(name, defect)
    assert {one.rule for one in found} == {rule}, [(one.rule, one.path, one.message) for one in found]
    assert all(one.severity == RULES[rule].severity and one.fix == RULES[rule].fix for one in found)


@pytest.mark.parametrize("moment", sorted({cell.moment for cell in CELLS}))
def test_every_cell_of_the_attribute_table_that_can_be_broken_is_judged_by_its_id(moment):
    wrong = [f"{cell}: {fault}" for cell in CELLS if cell.moment == moment and (fault := cell.fault())]
    assert not wrong, "\n".join(wrong[:20])
    assert sum(cell.moment == moment for cell in CELLS)


FILES = {
    "empty_file": b"",
    "cut_off": b'[{"00080005":{"vr":"CS",',
}


@pytest.mark.requirement("UPS-FILE")
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_dataset_is_one_finding(name, tmp_path):
    (tmp_path / name).write_bytes(FILES[name])
    assert [one.rule for one in check("ups", [tmp_path])] == ["UPS-FILE"]


def proofs():
    """What is shown here: rule or requirement, and the defect that breaks it."""
    rows = {(rule, f"{name}: {defect.__name__}") for rule, name, defect in DEFECTS}
    rows |= {(cell.id, str(cell)) for cell in CELLS} | {(cell.rule, str(cell)) for cell in CELLS}
    rows |= {("UPS-FILE", name) for name in FILES} | {("UPS-FILE-ONE", "two_workitems_in_a_request")}
    return sorted({rule: ("mutation", defect) for rule, defect in sorted(rows, reverse=True)}.items())


def test_the_table_of_proofs_is_what_these_tests_show():
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    table.writerow(("rule", "kind", "defect"))
    table.writerows((rule, *proof) for rule, proof in proofs())
    path = files("conformance").joinpath("tables/proved_ups.csv")
    assert path.read_text(encoding="utf-8") == written.getvalue(), "write it again from proofs()"


def test_every_rule_has_a_proof():
    assert set(RULES) <= {rule for rule, _ in proofs()}
