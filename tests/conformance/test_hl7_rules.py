"""Rules for HL7 messages: each defect of a good message breaks its own rule alone."""

import csv
from importlib.resources import files

import pytest

from conformance.hl7 import check_acknowledgement, check_message
from conformance.hl7.checking import LARGEST
from conformance.rules import read_rules
from profiles.tables import read_table
from tests.conformance.hl7_good import ACK, CANCEL, GOOD, MERGE, OMI, ORM, REFUSAL, RESULT

RULES = read_rules("hl7_rules")
START, END = b"\x0b", b"\x1c\r"

#: rule, defect, the good message, what is taken out of it, what is put in instead
CHANGES = [
    ("HL7-012", "bell_in_a_name", "OMI", "Muster^Eva", "Muster\a^Eva"),
    ("HL7-016-NAME", "utf_16", "OMI", "UNICODE UTF-8", "UNICODE UTF-16"),
    ("HL7-016-NAME", "name_of_the_internet", "OMI", "UNICODE UTF-8", "UTF-8"),
    ("HL7-018", "component_and_subcomponent_are_one", "ADMIT", r"|^~\&|", r"|^~\^|"),
    ("HL7-018-USUAL", "dollar_for_components", "CANCEL", None, None),
    ("HL7-018-USUAL", "truncation_before_2_7", "OMI", r"|^~\&|", r"|^~\&#|"),
    ("HL7-019", "unknown_escape", "RESULT", r"6\S\4", r"6\Q\4"),
    ("HL7-019", "escape_that_does_not_end", "RESULT", r"6\S\4", r"6\4"),
    ("HL7-019", "odd_hexadecimal", "RESULT", r"6\S\4", r"6\X4\4"),
    ("HL7-013", "vaccination", "OMI", "OMI^O23^OMI_O23", "VXU^V04^VXU_V04"),
    ("HL7-013-PROCESSING", "processing_id_of_nobody", "OMI", "|P|2.5.1", "|Q|2.5.1"),
    ("HL7-013-VERSION", "version_3", "OMI", "|P|2.5.1", "|P|3.0"),
    ("HL7-013-EDITION", "order_of_2_5", "OMI", "|P|2.5.1", "|P|2.5"),
    ("HL7-013-EDITION", "patient_message_of_2_4", "ADMIT", "|P|2.5", "|P|2.4"),
    ("HL7-013-DEFINED", "imaging_order_of_2_4", "OMI", "|P|2.5.1", "|P|2.4"),
    ("HL7-022", "structure_named_after_the_event", "ADMIT", "ADT_A01", "ADT_A08"),
    ("HL7-S2-SEQUENCE", "no_visit", "ADMIT", "PV1||O\r", ""),
    ("HL7-S2-SEQUENCE", "no_imaging_control", "OMI", OMI[OMI.index("IPC|") :], ""),
    ("HL7-S2-SEQUENCE", "merge_without_prior", "MERGE", MERGE[MERGE.index("MRG|") :], ""),
    (
        "HL7-S2-SEQUENCE",
        "patient_after_the_order",
        "CANCEL",
        CANCEL[CANCEL.index("PID|") :],
        "ORC|CA|P1|F2||CA||||20270104081900\rPID|||4711^^^SITE1^PI||Muster^Eva||19610322|F\rPV1||O\r",
    ),
    ("HL7-023", "segment_of_nobody", "OMI", "PV1||O\r", "PV1||O\rQQQ|1\r"),
    ("HL7-014", "no_patient_id", "ADMIT", "4711^^^SITE1^PI", ""),
    ("HL7-014", "patient_id_of_delimiters_alone", "ADMIT", "4711^^^SITE1^PI", "^^^"),
    ("HL7-014", "no_order_control", "OMI", "ORC|NW|", "ORC||"),
    ("HL7-014", "no_control_id", "OMI", "|R000002|", "||"),
    ("HL7-014", "no_message_type", "OMI", "|OMI^O23^OMI_O23|", "||"),
    (
        "HL7-014",
        "no_accession_in_ipc",
        "OMI",
        "IPC|ACC500^RIS|RP600^RIS|1.2.826.0.1.99.1^RIS|SPS1",
        "IPC||RP600^RIS|1.2.826.0.1.99.1^RIS|SPS1",
    ),
    ("HL7-014", "no_prior_id", "MERGE", "MRG|9001^^^SITE1^PI|", "MRG||"),
    ("HL7-014", "no_result_status_of_an_observation", "RESULT", "|||||R\rOBX|4", "\rOBX|4"),
    ("HL7-S2-REPEAT", "two_modalities", "OMI", "SPS1^RIS|CT|", "SPS1^RIS|CT~MR|"),
    ("HL7-056", "date_with_hyphens", "OMI", "19610322", "1961-03-22"),
    ("HL7-056", "month_13", "OMI", "20270104093000+0100", "20271304093000+0100"),
    ("HL7-056", "time_in_a_timing", "ORM", "1^once^^20270104093000^^S||2", "1^once^^9:30^^S||2"),
    ("HL7-S8-NUMBER", "decimal_comma", "RESULT", "|6.4|", "|6,4|"),
    ("HL7-S8-NUMBER", "set_id_in_words", "OMI", "OBR|1|", "OBR|one|"),
    ("HL7-S3-ID", "control_id_of_21_characters", "OMI", "|R000002|", "|R00000200000000000000|"),
    ("HL7-079", "birth_date_of_the_unknown", "OMI", "19610322", "99991111"),
    ("HL7-055", "no_authority", "OMI", "4711^^^SITE1&1.2.826.0.1.99&ISO^PI", "4711^^^&1.2.826.0.1.99&ISO^PI"),
    ("HL7-055", "second_id_without_authority", "ADMIT", "4711^^^SITE1^PI", "4711^^^SITE1^PI~99"),
    ("HL7-S3-SEX", "sex_in_words", "OMI", "19610322|F", "19610322|female"),
    ("HL7-S3-ORGANIZATION", "no_entering_organization", "OMI", "77^Ord^Otto|||||RAD", "77^Ord^Otto"),
    ("HL7-S2-PATIENT", "no_visit_in_an_order", "OMI", "PV1||O\r", ""),
    ("HL7-S2-PATIENT-CANCEL", "no_visit_in_a_cancel", "CANCEL", "PV1||O\r", ""),
    ("HL7-S2-TIMING", "no_timing", "OMI", "TQ1|||||||20270104093000+0100||S^STAT^HL70485\r", ""),
    ("HL7-014-KEY", "no_placer_number", "CANCEL", "P100^EHR", ""),
    ("HL7-014-KEY", "no_number_at_all", "CANCEL", "P100^EHR|F200^RIS", "|"),
    ("HL7-014-NUMBERS", "other_filler_number", "OMI", "OBR|1|P100^EHR|F200", "OBR|1|P100^EHR|F201"),
    ("HL7-042", "unknown_control", "OMI", "ORC|NW|", "ORC|QQ|"),
    ("HL7-042-STATUS", "unknown_status", "OMI", "||SC||||2027", "||QQ||||2027"),
    (
        "HL7-042-EMPTY",
        "status_without_status",
        "CANCEL",
        "ORC|CA|P100^EHR|F200^RIS||CA|",
        "ORC|SC|P100^EHR|F200^RIS|||",
    ),
    ("HL7-S4-PAIR", "new_and_completed", "OMI", "||SC||||2027", "||CM||||2027"),
    ("HL7-057", "priority_in_words", "OMI", "S^STAT^HL70485", "STAT"),
    ("HL7-057", "priority_in_the_timing", "ORM", "1^once^^20270104093000^^S||2", "1^once^^20270104093000^^Q||2"),
    ("HL7-051", "no_study", "ORM", ORM[ORM.index("ZDS|") :], ""),
    ("HL7-S3-UID", "leading_zero", "ORM", "1.2.826.0.1.99.1", "1.2.826.0.1.099.1"),
    ("HL7-S3-UID", "uid_of_65_characters", "RESULT", "1.2.826.0.1.99.1|", "1.2.826.0.1." + "9" * 53 + "|"),
    ("HL7-S3-ZDS", "pointer_of_another_type", "ORM", "^Application^DICOM", "^Application^JPEG"),
    (
        "HL7-024",
        "study_between_the_orders",
        "ORM",
        "ORC|NW|P100^EHR|F200^RIS||SC||1^once^^20270104094000",
        "ZDS|1.2.826.0.1.99.1^RIS^Application^DICOM\rORC|NW|P100^EHR|F200^RIS||SC||1^once^^20270104094000",
    ),
    ("HL7-025", "two_procedures_share_a_study", "ORM", "RP600|SPS2", "RP601|SPS2"),
    ("HL7-027", "two_studies_of_one_request", "OMI", "1.2.826.0.1.99.1^RIS|SPS2", "1.2.826.0.1.99.2^RIS|SPS2"),
    (
        "HL7-052",
        "accession_of_17_characters",
        "OMI",
        "IPC|ACC500^RIS|RP600^RIS|1.2.826.0.1.99.1^RIS|SPS1",
        "IPC|ACC50012345678901^RIS|RP600^RIS|1.2.826.0.1.99.1^RIS|SPS1",
    ),
    ("HL7-S3-MODALITY", "modality_of_a_department", "OMI", "SPS1^RIS|CT|", "SPS1^RIS|RAD|"),
    ("HL7-S3-BODY", "weight_in_pounds", "OMI", "|61|kg|", "|61|lb|"),
    ("HL7-S5-EVENT", "two_events", "ADMIT", "EVN|A08|", "EVN|A01|"),
    ("HL7-045", "merged_with_itself", "MERGE", "MRG|9001^", "MRG|4711^"),
    ("HL7-045-AUTHORITY", "prior_without_authority", "MERGE", "MRG|9001^^^SITE1^PI", "MRG|9001"),
    ("HL7-S11-RESULT", "unknown_result_status", "RESULT", "||CT|R\r", "||CT|Q\r"),
    ("HL7-S11-OBSERVATION", "unknown_observation_status", "RESULT", "|||||R|||", "|||||Q|||"),
    (
        "HL7-S11-TYPE",
        "unknown_type",
        "RESULT",
        "OBX|4|ED|18748-4^Report^LN||^Application^PDF^Base64^JVBERi0xLjQK|",
        "OBX|4|QQ|18748-4^Report^LN||file|",
    ),
    ("HL7-S11-UNTYPED", "no_type", "RESULT", "OBX|3|TX|", "OBX|3||"),
    ("HL7-S11-ENCAPSULATED", "no_encoding", "RESULT", "^PDF^Base64^", "^PDF^^"),
    ("HL7-S11-ENCAPSULATED", "cut_off_base64", "RESULT", "JVBERi0xLjQK", "JVBERi0xLjQ"),
    ("HL7-S11-ENCAPSULATED", "bad_hexadecimal", "RESULT", "Base64^JVBERi0xLjQK", "Hex^0G"),
    ("HL7-065", "caret_in_a_text", "RESULT", r"6\S\4", "6^4"),
    ("HL7-S11-UNIT", "no_unit", "RESULT", "mm^millimeter^UCUM", ""),
    (
        "HL7-S11-SUBID",
        "two_conclusions_alike",
        "RESULT",
        "OBX|4|ED",
        "OBX|3|TX|121076^Conclusions^DCM|1|More||||||R\rOBX|4|ED",
    ),
    ("HL7-S11-STUDY", "no_study_named", "RESULT", "OBX|1|ST|113014^DICOM Study^DCM||1.2.826.0.1.99.1||||||O\r", ""),
    ("HL7-S11-UIDTYPE", "study_of_type_hd", "RESULT", "OBX|1|ST|", "OBX|1|HD|"),
    ("HL7-064", "final_result_of_software", "RESULT", "||CT|R\r", "||CT|F\r"),
    ("HL7-064", "preliminary_result_of_software", "RESULT", "||CT|R\r", "||CT|P\r"),
    ("HL7-064-OBSERVATION", "final_observation", "RESULT", "|||||R|||", "|||||F|||"),
    ("HL7-010-CODE", "unknown_answer", "REFUSAL", "MSA|AE|", "MSA|NO|"),
    ("HL7-010-TYPE", "answer_of_an_application", "ACK", "ACK^O23^ACK", "ORI^O24^ORI_O24"),
    ("HL7-015", "unknown_error", "REFUSAL", "|101^", "|999^"),
    ("HL7-015", "unknown_severity", "REFUSAL", "HL70357|E", "HL70357|Q"),
    (
        "HL7-015-LAYOUT",
        "new_error_in_an_old_answer",
        "OLD_REFUSAL",
        "PID-3 is missing\r",
        "\rERR|PID^1^3|PID^1^3|101|E\r",
    ),
    ("HL7-015-REASON", "refused_without_reason", "REFUSAL", REFUSAL[REFUSAL.index("ERR|") :], ""),
    ("HL7-015-ACCEPTED", "accepted_with_error", "REFUSAL", "MSA|AE|", "MSA|AA|"),
]

#: the same for answers to the good imaging order
ANSWERS = [
    ("HL7-010", "control_id_of_another_message", "|R000002", "|R000001"),
    ("HL7-010", "control_id_without_zeros", "|R000002", "|R2"),
    ("HL7-010", "no_acknowledgment_segment", "MSA|AA|R000002\r", None),
    ("HL7-010-PARTIES", "parties_not_exchanged", "|AITM|AI|RIS|SITE1|", "|RIS|SITE1|AITM|AI|"),
    ("HL7-010-EVENT", "event_of_another_message", "ACK^O23", "ACK^A01"),
    ("HL7-010-ID", "id_of_the_message", "|K000002|", "|R000002|"),
    ("HL7-010-ECHO", "training_answers_production", "|P|2.5.1", "|T|2.5.1"),
    ("HL7-010-ECHO", "another_version", "|P|2.5.1", "|P|2.5"),
    ("HL7-010-CHARACTERS", "other_delimiters", None, None),
    ("HL7-S8-MODE", "accept_acknowledgement_unasked", "MSA|AA|", "MSA|CA|"),
]


def dollars(text):
    """The message with $ between components, and # nowhere: legal, and not usual."""
    return text.replace("^", "$")


def changed(good, old, new):
    if old is None:
        return dollars(good)
    assert good.count(old) >= 1, old
    return good.replace(old, new, 1)


def framed(*messages):
    return b"".join(START + message + END for message in messages)


#: the same for octets
OCTETS = {
    "frame_without_end": ("HL7-001", START + OMI.encode()),
    "frame_without_return": ("HL7-001", START + OMI.encode() + b"\x1c" + framed(ORM.encode())),
    "words_between_frames": ("HL7-004", framed(OMI.encode()) + b"hello" + framed(ORM.encode())),
    "words_after_frames": ("HL7-004", framed(OMI.encode()) + b"hello"),
    "line_feeds_in_a_frame": ("HL7-012", framed(OMI.replace("\r", "\r\n").encode())),
    "more_than_is_read": ("HL7-005", b"MSH" + b"|" * LARGEST),
    "no_header": ("HL7-009", OMI[OMI.index("PID|") :].encode()),
    "nothing": ("HL7-009", b""),
    "words_before_the_header": ("HL7-009", b"hello\r" + OMI.encode()),
    "latin_1_under_utf_8": ("HL7-016", OMI.replace("Eva", "Ève").encode("latin-1")),
    "undeclared_accent": ("HL7-016-DECLARED", CANCEL.replace("Eva", "Ève").encode()),
    "undeclared_latin_1": ("HL7-016-DECLARED", CANCEL.replace("Eva", "Ève").encode("latin-1")),
    "one_id_for_two_messages": ("HL7-030", framed(OMI.encode(), OMI.replace("|NW|", "|XO|").encode())),
}


def rules(findings):
    return {found.rule for found in findings}


@pytest.mark.parametrize("name", GOOD)
def test_good_messages_break_no_rule(name):
    assert check_message(GOOD[name].encode(), name) == []


@pytest.mark.parametrize(
    ("rule", "kind", "old", "new"),
    [
        pytest.param(rule, kind, old, new, id=f"{rule}-{name}", marks=pytest.mark.requirement(rule))
        for rule, name, kind, old, new in CHANGES
    ],
)
def test_each_defect_breaks_its_rule_alone(rule, kind, old, new):
    assert rules(check_message(changed(GOOD[kind], old, new).encode(), "message")) == {rule}


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        pytest.param(rule, old, new, id=f"{rule}-{name}", marks=pytest.mark.requirement(rule))
        for rule, name, old, new in ANSWERS
    ],
)
def test_each_defect_of_an_answer_breaks_its_rule_alone(rule, old, new):
    if new is None and old:  # an answer that is none: the order itself comes back under another id
        answer = OMI.replace("|RIS|SITE1|AITM|AI|", "|AITM|AI|RIS|SITE1|").replace("|R000002|", "|K000002|")
    else:
        answer = changed(ACK, old, new)
    found = rules(check_acknowledgement(answer.encode(), OMI.encode(), "answer"))
    assert found - ({"HL7-018-USUAL"} if old is None else set()) == {rule}


@pytest.mark.parametrize(
    ("rule", "content"),
    [
        pytest.param(rule, content, id=f"{rule}-{name}", marks=pytest.mark.requirement(rule))
        for name, (rule, content) in OCTETS.items()
    ],
)
def test_each_defect_of_the_octets_breaks_its_rule_alone(rule, content):
    assert rules(check_message(content, "octets")) == {rule}


def field_rows(usage):
    return [
        pytest.param(row, id=f"{row['segment']}-{row['field']}-{row['kind']}-{row['editions']}")
        for row in read_table("conformance", "hl7_fields")
        if row["usage"] == usage
    ]


def good_for(row):
    """A good message that a row of the table of fields speaks of."""
    old = {
        "order": ORM,
        "new order": ORM,
        "new orm": ORM,
        "adt": GOOD["ADMIT"].replace("|P|2.5|", "|P|2.3.1|"),
        "imaging": RESULT.replace("|P|2.5.1|", "|P|2.3.1|").replace("OBX|1|ST|", "OBX|1|HD|"),
    }
    recent = {"order": OMI, "new order": OMI, "new orm": OMI, "adt": MERGE, "imaging": RESULT}
    if row["segment"] == "ZDS":
        return ORM
    return (old if row["editions"] == "old" else recent)[row["kind"]]


def with_field(text, segment, number, value):
    """The message with that value in a field of its first segment of that name."""
    lines = text.split("\r")
    place = next(place for place, line in enumerate(lines) if line.startswith(segment))
    fields = lines[place].split("|")
    index = number - 1 if segment == "MSH" else number
    fields += [""] * (index + 1 - len(fields))
    fields[index] = value
    lines[place] = "|".join(fields)
    return "\r".join(lines)


@pytest.mark.requirement("HL7-S3-IHE")
@pytest.mark.parametrize("row", field_rows("R"))
def test_fields_that_ihe_requires_may_not_be_empty(row):
    good = good_for(row)
    assert check_message(good.encode(), "good") == []
    broken = with_field(good, row["segment"], int(row["field"]), "")
    found = check_message(broken.encode(), "broken")
    extra = {"HL7-014"} if row["segment"] == "ORC" and row["field"] == "1" else set()
    extra |= {"HL7-051"} if row["segment"] == "ZDS" else set()
    assert rules(found) - extra == {"HL7-S3-IHE"}
    assert {one.path for one in found if one.rule == "HL7-S3-IHE"} == {f"{row['segment']}-{row['field']}"}


@pytest.mark.requirement("HL7-S3-FORBIDDEN")
@pytest.mark.parametrize("row", field_rows("X"))
def test_fields_that_ihe_leaves_out_are_to_be_empty(row):
    filled = with_field(good_for(row), row["segment"], int(row["field"]), "1")
    assert rules(check_message(filled.encode(), "filled")) == {"HL7-S3-FORBIDDEN"}


def defects():
    """Rule and defect of every mutation of this module."""
    yield from ((rule, name) for rule, name, *_ in CHANGES)
    yield from ((rule, name) for rule, name, *_ in ANSWERS)
    yield from ((rule, name) for name, (rule, _) in OCTETS.items())
    yield ("HL7-S3-IHE", "required_field_empty")
    yield ("HL7-S3-FORBIDDEN", "left_out_field_valued")


def test_every_rule_is_broken_by_a_defect():
    assert set(RULES) == {rule for rule, _ in defects()}


def test_the_table_of_proofs_lists_these_defects():
    table = files("conformance").joinpath("tables/proved_hl7.csv").read_text(encoding="utf-8")
    listed = [(row["rule"], row["defect"]) for row in csv.DictReader(table.splitlines()) if row["kind"] == "object"]
    assert listed == list(dict.fromkeys(defects()))
