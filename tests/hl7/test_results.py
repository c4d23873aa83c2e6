"""ORU^R01 from results: read back by python-hl7 with the values that went in, and nothing found by our judge."""

from __future__ import annotations

import csv
import dataclasses
from datetime import timedelta
from decimal import Decimal
from importlib.resources import files

import pytest
from hypothesis import HealthCheck, given, settings

from conformance import check
from conformance.hl7 import check_message
from profiles import air
from profiles.air import Finding, IllegalResult, Results, encode
from profiles.dicom import Code
from profiles.hl7 import read
from profiles.hl7.fields import coded
from profiles.hl7.results import Parties, oru_r01
from profiles.hl7.validation import schema_findings
from tests.fhir.scenes import (
    ALGORITHM,
    NODULE,
    NOW,
    STANDINGS,
    VERIFIED,
    WORKITEM,
    context,
    everything,
    everything_encoded,
    images,
    results,
)

PARTIES = Parties("AITM", "AI", "EMR", "SITE1")
OLD = dataclasses.replace(PARTIES, version="2.3.1")
ONE = Results(findings=(Finding(NODULE, air.Tracking("Nodule 1")),))


def told(parties=PARTIES, found=None, **changes):
    """The message of everything that a result can say, read back; or of other results."""
    where = context(**changes)
    objects = everything_encoded() if found is None else encode(found, where, ALGORITHM)
    made = oru_r01(found or everything(), where, ALGORITHM, objects, parties=parties, workitem_uid=WORKITEM)
    assert check_message(made, "result") == []
    return read(made)


def observed(message, name):
    """Sub-id and value of the observations of that name, in their order."""
    return [(one.get(4), one.get(5)) for one in message.all("OBX") if name in (one.get(3), one.get(3, 2))]


def by_place(message, place):
    (found,) = [one for one in message.all("OBX") if one.get(4) == place]
    return found


@pytest.mark.requirement("HL7-064", "HL7-065")
@pytest.mark.parametrize("parties", [PARTIES, OLD], ids=["2.5.1", "2.3.1"])
def test_a_result_that_says_everything_is_a_good_message_of_its_version(parties, tmp_path):
    objects = everything_encoded()
    made = oru_r01(everything(), context(), ALGORITHM, objects, parties=parties, workitem_uid=WORKITEM)
    (tmp_path / "result.hl7").write_bytes(made)
    assert check("hl7", [tmp_path]) == []
    message = read(made)
    assert message.kind == ("ORU", "R01")
    beyond_old_tables = [one for one in schema_findings(message) if one.message.startswith("Warning: Value")]
    assert schema_findings(message) == beyond_old_tables
    assert message.get("MSH-18") == "UNICODE UTF-8"


@pytest.mark.requirement("HL7-069")
@pytest.mark.parametrize(("parties", "kind"), [(PARTIES, "ST"), (OLD, "HD")], ids=["2.5.1", "2.3.1"])
def test_study_workitem_and_every_result_object_are_named_by_their_uids(parties, kind):
    message = told(parties)
    assert observed(message, "DICOM Study") == [("0", context().study_instance_uid)]
    assert [value for _, value in observed(message, "Workitem UID")] == [WORKITEM]
    segmentation, heat, report, key = (str(made.SOPInstanceUID) for made in everything_encoded())
    names = ("SEG Instance UID", "Parametric Map Storage Instance UID", "SR Instance UID", "KO Instance UID")
    assert [observed(message, name)[0][1] for name in names] == [segmentation, heat, report, key]
    assert [value for _, value in observed(message, "SOP Instance UID")] == [str(images()[0].SOPInstanceUID)]
    assert [value for _, value in observed(message, "Series Instance UID")] == [str(images()[0].SeriesInstanceUID)]
    assert {one.get(2) for one in message.all("OBX") if one.get(3, 2).endswith("Instance UID")} == {kind}


def test_the_order_and_the_patient_are_those_of_the_workitem():
    message = told()
    assert (message.get("ORC-1"), message.get("ORC-5")) == ("RE", "")
    for segment in ("ORC", "OBR"):
        assert [message.get(f"{segment}-2.{part}") for part in (1, 2, 3, 4)] == ["P9", "EHR", "1.2.3.4", "ISO"]
        assert message.get(f"{segment}-3") == "F9"
    assert (message.get("OBR-18"), message.get("OBR-19"), message.get("OBR-31.2")) == (
        "A|1", "RP^7", "Headache ~ nausea",
    )  # fmt: skip
    assert coded(message.segment("OBR"), 4) == Code("24590-2", "LN", "MR Brain & more")
    assert (message.get("OBR-24"), message.get("OBR-44")) == ("MR", "24590-2")
    assert message.get("PID-3.4") == "HOSP&Ü"


@pytest.mark.requirement("HL7-054")
def test_prefix_and_suffix_of_a_name_change_places():
    segment = told().segment("PID")
    assert [segment.get(5, part) for part in range(1, 6)] == ["Müller", "Jürgen", "K", "III", "Prof"]


@pytest.mark.requirement("HL7-079")
@pytest.mark.parametrize(("date", "sent"), [("19700101", "19700101"), ("99991111", ""), ("", "")])
def test_a_birth_date_that_cannot_be_is_not_sent(date, sent):
    where = context()
    objects = encode(ONE, where, ALGORITHM)
    where.attributes.PatientBirthDate = date
    assert read(oru_r01(ONE, where, ALGORITHM, objects, parties=PARTIES)).get("PID-7") == sent


def test_each_group_of_a_name_is_a_repetition():
    where = context()
    where.attributes.PatientName = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    objects = encode(ONE, where, ALGORITHM)
    segment = read(oru_r01(ONE, where, ALGORITHM, objects, parties=PARTIES)).segment("PID")
    assert [segment.get(5, 1, 1, number) for number in (1, 2, 3)] == ["Yamada", "山田", "やまだ"]
    assert [segment.get(5, 8, 1, number) for number in (1, 2, 3)] == ["A", "I", "P"]


@pytest.mark.requirement("HL7-065")
def test_texts_come_back_with_every_delimiter_and_line_end():
    message = told()
    comments = [value for _, value in observed(message, "Comment")]
    assert comments == ["見えない\tÜbersicht", "Größe 6^4 mm | a~b \\ c & d\nzweite Zeile\r\ndritte"]
    kinds = {one.get(3): one.get(2) for one in message.all("OBX")}
    assert (kinds["121106"], kinds["121076"], kinds["112039"]) == ("TX", "TX", "ST")


@pytest.mark.requirement("HL7-068")
def test_a_measurement_has_unit_method_range_flag_and_engine():
    message = told()
    first, second = (one for one in message.all("OBX") if one.get(3) == "81827009")
    assert (first.get(2), first.get(5), first.get(6), first.get(6, 3)) == ("NM", "6.4", "mm", "UCUM")
    assert (first.get(7), first.get(8), first.get(17)) == ("-1.5-5.0", "H", "370129005")
    assert (first.get(18), first.get(18, 3), first.get(18, 4)) == (ALGORITHM.name, ALGORITHM.device_uid, "ISO")
    assert (second.get(5), second.get(7)) == ("0.0000001", "<3.0")
    below = [(one.get(3), one.get(5)) for one in message.all("OBX") if one.get(4).startswith(f"{first.get(4)}.")]
    assert ("371886008", "0.25") in below
    assert ("371885007", "0.1") in below
    assert ("121401", "373098007") in below
    assert ("272741003", "7771000") in below
    volume = next(one for one in message.all("OBX") if one.get(3) == "118565006")
    assert (volume.get(7), volume.get(8)) == (">1.0", "")


def test_what_is_absent_is_never_a_finding():
    message = told()
    present = [value for _, value in observed(message, "121071")]
    assert present == ["12738006", "27925004"]
    ((place, absent),) = observed(message, "373572006")
    assert absent == "27925004"
    assert by_place(message, f"{place}.1").get(5) == "Nodule 2"


def test_nothing_found_is_said():
    message = told(found=Results(nothing_found=True))
    assert observed(message, "111017") == [(observed(message, "111017")[0][0], "111241")]


def test_the_algorithm_is_named_with_version_parameters_and_device():
    message = told(OLD)
    assert [value for _, value in observed(message, "Algorithm Name")] == [ALGORITHM.name]
    assert [value for _, value in observed(message, "Algorithm Version")] == [ALGORITHM.version]
    assert [value for _, value in observed(message, "Algorithm Parameters")] == list(ALGORITHM.parameters)
    assert [value for _, value in observed(message, "Device Observer UID")] == [ALGORITHM.device_uid]


@pytest.mark.requirement("HL7-064", "HL7-072")
@pytest.mark.parametrize(
    ("changes", "expected", "words"),
    [
        ({}, "R", "not verified"),
        ({"standing": air.Standing(preliminary=True)}, "R", "Preliminary"),
        ({"standing": air.Standing(False, "a slice is missing")}, "R", "a slice is missing"),
        ({"standing": VERIFIED}, "F", "verified by a person"),
        ({"standing": dataclasses.replace(VERIFIED, preliminary=True)}, "P", "Preliminary"),
        ({"replaces": (everything_encoded()[2],)}, "C", "not verified"),
    ],
    ids=["of_software", "preliminary", "incomplete", "verified", "verified_and_preliminary", "replacing"],
)
def test_the_status_is_final_only_when_a_person_verified_the_result(changes, expected, words):
    message = told(found=ONE, **changes)
    assert message.get("OBR-25") == expected
    assert {one.get(11) for one in message.all("OBX")} == {"O", expected}
    assert words in observed(message, "Conclusions")[0][1]
    person = [message.segment("OBR").get(32, 1, part) for part in range(2, 7)]
    assert person == (["Nguyễn", "Thị", "Ánh", "Jr", "Dr"] if ("verified" in words and "not" not in words)
                      or expected == "P" else [""] * 5)  # fmt: skip


@pytest.mark.requirement("HL7-030", "HL7-066")
def test_the_control_id_follows_from_the_result_its_status_and_its_receiver():
    ids = {
        told(found=ONE).get("MSH-10"),
        told(found=ONE, seed="w-1 a-2").get("MSH-10"),
        told(found=ONE, standing=VERIFIED).get("MSH-10"),
        told(dataclasses.replace(PARTIES, receiving_facility="SITE2"), ONE).get("MSH-10"),
    }
    assert len(ids) == 4
    assert told(found=ONE).text == told(found=ONE).text
    assert all(len(one) == 20 for one in ids)


def test_the_time_of_sending_may_be_later_than_that_of_the_result():
    objects = encode(ONE, context(), ALGORITHM)
    sent = NOW + timedelta(hours=1)
    message = read(oru_r01(ONE, context(), ALGORITHM, objects, parties=PARTIES, sent=sent))
    assert (message.get("MSH-7"), message.get("OBR-22")) == ("20300102040405+0000", "20300102040405+0000")
    assert message.get("OBR-7") == "20300102030405+0000"
    assert observed(message, "Workitem UID") == []


def test_every_request_has_its_order_and_the_first_the_observations():
    second = context().requests[0]
    second.PlacerOrderNumberImagingServiceRequest = "P10"
    message = told(found=ONE, requests=(context().requests[0], second))
    names = [one.name for one in message.segments]
    assert names.count("ORC") == names.count("OBR") == 2
    assert [one.get(2) for one in message.all("ORC")] == ["P9", "P10"]
    assert names[names.index("OBR", names.index("OBR") + 1) :] == ["OBR", "OBX"]


def test_a_result_without_a_request_is_filed_by_the_accession_number_of_the_images():
    where = context(requests=())
    where.attributes.AccessionNumber = "A7"
    message = read(oru_r01(ONE, where, ALGORITHM, encode(ONE, where, ALGORITHM), parties=PARTIES))
    assert (message.get("OBR-18"), message.get("ORC-2")) == ("A7", "")


@pytest.mark.requirement("HL7-016")
def test_a_character_set_is_kept_or_the_message_refused():
    latin = dataclasses.replace(PARTIES, charset="8859/1")
    objects = encode(ONE, context(), ALGORITHM)
    assert "Ørsted".encode("latin-1") in oru_r01(ONE, context(), ALGORITHM, objects, parties=latin)
    japanese = dataclasses.replace(ONE, comments=(air.Comment("見えない"),))
    with pytest.raises(IllegalResult, match="MSH-18"):
        oru_r01(japanese, context(), ALGORITHM, objects, parties=latin)


@pytest.mark.parametrize(
    ("keyword", "words"),
    [("AccessionNumber", "OBR-18"), ("PatientID", "PID-3"), ("IssuerOfPatientID", "assigning_authority")],
)
@pytest.mark.requirement("HL7-055")
def test_what_the_receiver_needs_to_file_a_result_is_there_or_it_is_not_sent(keyword, words):
    where = context(requests=())
    objects = encode(ONE, where, ALGORITHM)
    setattr(where.attributes, keyword, "")
    with pytest.raises(IllegalResult, match=words):
        oru_r01(ONE, where, ALGORITHM, objects, parties=PARTIES)


def test_the_sender_names_the_authority_of_patient_ids_that_name_none():
    where = context()
    objects = encode(ONE, where, ALGORITHM)
    where.attributes.IssuerOfPatientID = ""
    parties = dataclasses.replace(PARTIES, assigning_authority="SITE1")
    assert read(oru_r01(ONE, where, ALGORITHM, objects, parties=parties)).get("PID-3.4") == "SITE1"


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"version": "2.4"}, "2.3.1"), ({"charset": "EBCDIC"}, "0211"), ({"receiving_facility": ""}, "MSH-3 to MSH-6")],
)
def test_parties_that_no_message_can_name_are_refused(changes, words):
    with pytest.raises(IllegalResult, match=words):
        dataclasses.replace(PARTIES, **changes)


@pytest.mark.requirement("HL7-065", "HL7-068")
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(results(), STANDINGS)
def test_any_result_is_a_good_message_that_says_the_same(found, standing):
    message = told(found=found, standing=standing)
    numbers = [Decimal(one.get(5)) for one in message.all("OBX") if one.get(2) == "NM" and one.get(4).count(".") == 1]
    expected = [row.value for thing in found.things() for row in thing.measurements]
    assert [float(one) for one in numbers] == expected
    words = [value for _, value in observed(message, "Comment")]
    whole = [row.words for row in found.comments if row.of is None]
    assert words == whole + [row.words for thing in found.things() for row in thing.comments]
    names = [value for _, value in observed(message, "Tracking Identifier")]
    assert names == [thing.tracking.identifier for thing in found.things()]
    assert len(observed(message, "373572006")) == sum(not one.present for one in found.findings)


def test_the_table_names_every_part_of_every_primitive():
    """What a result can say stands in a field, or is named as not carried."""
    table = files("profiles.hl7").joinpath("tables/result_carried.csv").read_text(encoding="utf-8")
    rows = {(row["primitive"], row["part"]): row["ORU^R01"] for row in csv.DictReader(table.splitlines())}
    assert set(rows) == {(kind, field.name) for kind in PRIMITIVES for field in dataclasses.fields(getattr(air, kind))}
    assert all(rows.values())


PRIMITIVES = (
    "AlgorithmIdentification", "Comment", "Confidence", "Equipment", "Evaluation", "Finding", "FindingSite",
    "ImageReference", "KeyImages", "Location", "Measurement", "NormalRange", "ParametricMap", "PriorityHint", "Region",
    "Results", "Segment", "Segmentation", "SeriesReference", "Space", "Standing", "Tracking", "Uncertainty",
    "Verification",
)  # fmt: skip
