"""Files of workitems in every form and state of repair."""

import io
import json
import warnings

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from conformance import Severity, check, plain_files
from conformance.plain_files import LARGEST
from conformance.ups import Moment, check_files, check_workitem
from conformance.ups.moments import moment_of
from profiles.dicom.native_xml import write_native
from tests.conformance.ups_good import GOOD, PERFORMED, created, drop, found, item, kept, put, state_report, tag

NATIVE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"


def only(findings):
    assert len(findings) == 1, findings
    return findings[0]


def as_json(dataset):
    return json.dumps([dataset]).encode()


def as_object(dataset):
    return json.dumps(dataset, ensure_ascii=False).encode()


def as_xml(dataset):
    return write_native(dataset)


def as_file(dataset):
    made = Dataset.from_json(dataset)
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.34.6.1"
    made.file_meta.MediaStorageSOPInstanceUID = "2.25.4711"
    buffer = io.BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def bare(dataset, syntax=ImplicitVRLittleEndian):
    buffer = io.BytesIO()
    made = Dataset.from_json(dataset)
    made.save_as(buffer, implicit_vr=syntax.is_implicit_VR, little_endian=True, enforce_file_format=False)
    return buffer.getvalue()


def bare_explicit(dataset):
    return bare(dataset, ExplicitVRLittleEndian)


FORMS = [as_json, as_object, as_xml, as_file, bare, bare_explicit]
#: What a server keeps and a file can hold; events and requests to change a state are JSON or DIMSE alone.
KEPT = ["created", "kept", "completed", "canceled", "performed", "updated", "full_created", "full_kept"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", KEPT)
def test_a_good_workitem_is_right_in_every_form(name, form, tmp_path):
    moment, make = GOOD[name]
    (tmp_path / name).write_bytes(form(make()))
    assert check_files([tmp_path], moment) == []
    assert check("ups", [tmp_path]) == []


@pytest.mark.parametrize("form", FORMS)
def test_a_defect_is_the_same_in_every_form(form, tmp_path):
    completed = GOOD["completed"][1]()
    drop(item(completed, PERFORMED), "PerformedProcedureStepEndDateTime")
    put(completed, "ScheduledProcedureStepPriority", "URGENT")
    (tmp_path / "workitem").write_bytes(form(completed))
    assert {one.rule for one in check("ups", [tmp_path])} == {"UPS-FINAL-P", "UPS-3844"}


@pytest.mark.parametrize("name", [name for name in GOOD if name != "full_found"])
def test_the_moment_is_seen_in_the_content(name, tmp_path):
    _, make = GOOD[name]
    (tmp_path / "found.json").write_bytes(as_object(make()))
    assert check("ups", [tmp_path]) == []


MODIFIED = "ScheduledProcedureStepModificationDateTime"


@pytest.mark.parametrize(
    ("moment", "changed"),
    [
        ("create", lambda found: drop(found, "ProcedureStepState")),
        ("create", lambda found: drop(found, "TransactionUID")),
        ("create", lambda found: drop(found, "TransactionUID", "InputReadinessState", "ProcedureStepState")),
        ("create", lambda found: put(found, "TransactionUID", "2.25.99")),
        ("create", lambda found: (put(found, "SOPInstanceUID", "2.25.1"), drop(found, "TransactionUID"))),
        ("stored", lambda found: put(found, "ProcedureStepState", "IN_PROGRESS")),
        ("stored", lambda found: (put(found, MODIFIED, "2026"), put(found, "TransactionUID", "2.25.99"))),
        ("update", lambda found: (drop(found, "ProcedureStepState"), put(found, "TransactionUID", "2.25.99"))),
        (
            "update",
            lambda found: [found.pop(key) for key in list(found) if key > "00404" or key == tag("TransactionUID")],
        ),
    ],
)
def test_the_moment_is_seen_though_something_is_wrong(moment, changed):
    """As foreign requesters and servers have sent it."""
    workitem = created()
    changed(workitem)
    assert moment_of(workitem) == moment


@pytest.mark.requirement("UPS-FIND-TYPE2")
def test_a_list_of_several_is_the_answer_of_a_search(tmp_path):
    results = [found(), found()]
    drop(results[1], "AdmissionID")
    path = tmp_path / "answer.json"
    path.write_text(json.dumps(results))
    one = only(check("ups", [path]))
    assert (one.rule, one.file) == ("UPS-FIND-TYPE2", f"{path}[2]")


@pytest.mark.requirement("UPS-FIND-TYPE1")
def test_a_result_over_dimse_has_only_the_keys_that_were_asked_for(tmp_path):
    result = {key: value for key, value in kept().items() if key in {tag("SOPInstanceUID"), tag("ProcedureStepState")}}
    (tmp_path / "identifier").write_bytes(bare(result))
    assert check_files([tmp_path], "found") == []
    assert {one.rule for one in check_workitem(result, "found", "json")} == {"UPS-FIND-TYPE1", "UPS-FIND-TYPE2"}


@pytest.mark.requirement("UPS-FILE-ONE")
def test_a_request_with_two_workitems_is_told(tmp_path):
    (tmp_path / "create.json").write_text(json.dumps([created(), created()]))
    assert [one.rule for one in check("ups", [tmp_path])] == ["UPS-FILE-ONE", "UPS-FILE-ONE"]


@pytest.mark.requirement("UPS-FILE-ONE")
def test_an_event_in_a_list_is_told(tmp_path):
    (tmp_path / "event.json").write_text(json.dumps([state_report()]))
    assert only(check("ups", [tmp_path])).rule == "UPS-FILE-ONE"


DEEP = "[" * 100_000
BROKEN = {
    "empty": b"",
    "white": b" \n",
    "cut_json": as_json(created())[:-20],
    "cut_xml": as_xml(created())[:-20],
    "cut_file": as_file(created())[:-7],
    "cut_bare": bare(created())[:-3],
    "deep": DEEP.encode(),
    "deep_objects": b'{"00404021":{"vr":"SQ","Value":[' * 40_000,
    "same_key_twice": b'{"00741204":{"vr":"LO"},"00741204":{"vr":"LO"}}',
    "same_key_twice_inside": b'{"00741204":{"vr":"LO","vr":"LO"}}',
    "latin_1": json.dumps(created(), ensure_ascii=False).encode("latin-1"),
    "utf_16": json.dumps(created()).encode("utf-16"),
    "not_a_number": b'{"00741204":{"vr":"FD","Value":[NaN]}}',
    "endless_number": b'{"00741204":{"vr":"US","Value":[' + b"9" * 5000 + b"]}}",
    "no_datasets": b"[]",
    "text_alone": b'"workitem"',
    "words": b"this is no workitem",
    "other_xml": b"<html><body/></html>",
    "entities": b'<!DOCTYPE a [<!ENTITY b "c">]><NativeDicomModel>&b;</NativeDicomModel>',
    "bomb": b'<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
    b"<NativeDicomModel>&c;</NativeDicomModel>",
    "xml_deep": b"<NativeDicomModel>" + b'<DicomAttribute tag="00404021" vr="SQ"><Item number="1">' * 70
    + b"</Item></DicomAttribute>" * 70 + b"</NativeDicomModel>",
    "xml_very_deep": b"<NativeDicomModel>" * 100_000,
    "xml_twice": b'<NativeDicomModel><DicomAttribute tag="00741204" vr="LO"/><DicomAttribute tag="00741204" vr="LO"/>'
    b"</NativeDicomModel>",
    "xml_stranger": b"<NativeDicomModel><Workitem/></NativeDicomModel>",
    "xml_stranger_in_an_attribute": b'<NativeDicomModel><DicomAttribute tag="00741204" vr="LO"><Text/></DicomAttribute>'
    b"</NativeDicomModel>",
    "xml_stranger_in_a_name": b'<NativeDicomModel><DicomAttribute tag="00100010" vr="PN"><PersonName number="1">'
    b"<Latin/></PersonName></DicomAttribute></NativeDicomModel>",
}  # fmt: skip


@pytest.mark.requirement("UPS-FILE")
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_finding_in_words(name, tmp_path):
    (tmp_path / name).write_bytes(BROKEN[name])
    one = only(check("ups", [tmp_path]))
    assert (one.rule, one.severity, one.path) == ("UPS-FILE", Severity.ERROR, "")
    assert one.message
    assert "Änne" not in one.message


@pytest.mark.requirement("UPS-FILE")
def test_a_file_larger_than_any_workitem_is_not_read(tmp_path):
    with (tmp_path / "huge.json").open("wb") as out:
        out.truncate(LARGEST + 1)
    assert "MiB" in only(check("ups", [tmp_path])).message


@pytest.mark.requirement("UPS-FILE")
@pytest.mark.parametrize("form", [as_object, as_xml, bare])
def test_a_file_of_more_parts_than_any_workitem_is_not_judged(form, tmp_path, monkeypatch):
    """So many empty items would be as many findings, each several times."""
    monkeypatch.setattr(plain_files, "MOST_PARTS", 500)
    workitem = created()
    put(workitem, "InputInformationSequence", *[{} for _ in range(600)])
    (tmp_path / "workitem").write_bytes(form(workitem))
    assert "parts" in only(check("ups", [tmp_path])).message


@pytest.mark.requirement("UPS-FILE")
def test_a_file_that_cannot_be_opened_is_one_finding(tmp_path):
    (tmp_path / "link.json").symlink_to(tmp_path / "nowhere")
    assert only(check_files([tmp_path / "link.json"])).rule == "UPS-FILE"


@pytest.mark.parametrize(
    "content", [b"\xef\xbb\xbf" + as_object(created()), b"\n " + as_xml(created()).partition(b"?>")[2]]
)
def test_what_stands_before_a_dataset_without_meaning_is_passed_over(content, tmp_path):
    (tmp_path / "workitem").write_bytes(content)
    assert check("ups", [tmp_path]) == []


def test_names_of_all_three_groups_and_numbers_survive_xml(tmp_path):
    workitem = created()
    put(
        workitem, "PatientName", {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}
    )
    put(workitem, "SelectorFDValue", 1.5)
    put(workitem, "SelectorOBValue")
    workitem[tag("SelectorOBValue")]["InlineBinary"] = "AAEC"
    (tmp_path / "workitem.xml").write_bytes(as_xml(workitem))
    (tmp_path / "workitem.dcm").write_bytes(as_file(workitem))
    assert check("ups", [tmp_path]) == []


@pytest.mark.requirement("UPS-3840", "UPS-JSON-BULK")
def test_a_number_that_is_none_and_bulk_data_are_found_in_xml(tmp_path):
    workitem = b"".join((
        f'<NativeDicomModel xmlns="{NATIVE}">'.encode(),
        b'<DicomAttribute tag="00189999" vr="US"><Value number="1">many</Value></DicomAttribute>',
        b'<DicomAttribute tag="00400400" vr="LT"><BulkData uri="http://127.0.0.1/1"/></DicomAttribute>',
        b"</NativeDicomModel>",
    ))  # fmt: skip
    (tmp_path / "update.xml").write_bytes(workitem)
    assert {one.rule for one in check("ups", [tmp_path])} == {"UPS-3840", "UPS-JSON-BULK"}


def test_an_unknown_moment_is_refused(tmp_path):
    with pytest.raises(ValueError, match="someday"):
        check_workitem(created(), "someday", "x")
    assert {moment.value for moment in Moment} >= {moment for moment, _ in GOOD.values()}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    which=st.sampled_from([as_object, as_xml, as_file, bare]),
    position=st.floats(0, 1, exclude_max=True),
    garbage=st.binary(min_size=1, max_size=6),
    cut=st.booleans(),
)
@example(which=bare, position=0.0, garbage=b"\xff", cut=False)
def test_no_damage_to_a_file_makes_the_judge_fail(tmp_path, which, position, garbage, cut):
    """A finding or none, but an answer, and none of a rule that could not be judged."""
    content = which(kept())
    start = int(position * len(content))
    (tmp_path / "workitem").write_bytes(content[:start] + garbage + (b"" if cut else content[start + len(garbage) :]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for one in check("ups", [tmp_path]):
            assert one.rule != "HARNESS"
            assert "Änne" not in one.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["vr", "Value", "00404021", "00741002", "00081199", "00741216", "00400100", "0040a170"])
            | st.text(max_size=8),
            inner | st.sampled_from(["SQ", "PN", "DT", "UI", "IS", "DS", "US", "FD"]),
            max_size=5,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(anything=JSON, moment=st.sampled_from(list(Moment)), where=st.sampled_from(["", *sorted(kept())]))
def test_nothing_in_memory_makes_the_judge_fail(anything, moment, where):
    """Anything at all, alone or in the place of a good element, is judged."""
    dataset = {**kept(), where: anything} if where else anything
    assert all(one.rule != "HARNESS" for one in check_workitem(dataset, moment, "anything"))
