"""Rules for FHIR resources: each defect of a good resource breaks its own rule alone."""

import csv
import io
import json
from importlib import import_module
from importlib.resources import files

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from conformance import Severity, check
from conformance.fhir import check_files, check_resource
from conformance.fhir.book import BOOK, asked
from conformance.fhir.resources import resource_of
from conformance.rules import read_rules
from profiles.tables import read_table
from tests.conformance.fhir_good import GOOD, concept, good, ref

RULES = read_rules("fhir_rules")
TABLE = read_table("conformance", "fhir_rules")
#: rule, good resource, defect
DEFECTS = []


def breaks(rule, *names):
    """Decorator: a good resource of each of those names with this defect breaks that rule, and no other."""

    def keep(defect):
        DEFECTS.extend((rule, name, defect) for name in names)
        return defect

    return keep


@breaks("FHIR-STRUCTURE", "volume")
def unknown_type(data):
    data["resourceType"] = "Workitem"


@breaks("FHIR-STRUCTURE", "order_r4b", "volume_r5")
def no_status(data):
    del data["status"]


@breaks("FHIR-STRUCTURE", "volume")
def element_of_nobody(data):
    data["valueOfAll"] = 7


@breaks("FHIR-STRUCTURE", "volume")
def two_values(data):
    data["valueString"] = "large"


@breaks("FHIR-STRUCTURE", "volume", "report_r5")
def time_without_zone(data):
    data["issued"] = "2026-11-24T08:02:00"


@breaks("FHIR-STRUCTURE", "task_r4b")
def status_that_is_a_number(data):
    data["status"] = 5


@breaks("FHIR-STRUCTURE", "study_r4b")
def series_without_uid(data):
    del data["series"][0]["uid"]


@breaks("FHIR-STRUCTURE", "volume")
def contained_unknown_type(data):
    data["contained"] = [{"resourceType": "Workitem"}]


@breaks("FHIR-STRUCTURE", "selection")
def selection_of_r4(data):
    data["resourceType"] = "ImagingSelections"


@breaks("SOLE-064", "audit_r4b", "audit_r5")
def not_recorded(data):
    del data["recorded"]


@breaks("SOLE-064", "audit_r4b")
def nobody_requests(data):
    del data["agent"][0]["requestor"]


@breaks("SOLE-064", "audit_r4b")
def nobody_observes(data):
    del data["source"]["observer"]


@breaks("FHIR-CODE", "volume", "volume_r5", "report_r4b", "report_r5", "order_r4b", "study_r4b")
def bogus_status(data):
    data["status"] = "bogus"


@breaks("FHIR-CODE", "audit_r4b")
def bogus_outcome(data):
    data["outcome"] = "1"


@breaks("FHIR-CODE", "audit_r4b", "audit_r5")
def bogus_action(data):
    data["action"] = "X"


@breaks("FHIR-CODE", "audit_r4b")
def bogus_network(data):
    data["agent"][0]["network"]["type"] = "9"


@breaks("FHIR-REFERENCE", "volume")
def performed_by_a_device(data):
    data["performer"] = [ref("Device/1")]


@breaks("FHIR-REFERENCE", "order_r5")
def reason_that_is_a_study(data):
    data["reason"].append({"reference": ref("https://fhir.example/r5/ImagingStudy/1/_history/2")})


@breaks("FHIR-REFERENCE", "report_r4b")
def result_that_is_a_report(data):
    data["result"] = [ref("DiagnosticReport/2")]


@breaks("FHIR-CODING", "volume", "task_r5")
def code_of_no_system(data):
    del data["code"]["coding"][0]["system"]


@breaks("FHIR-UID", "study_r4b", "task_r4b", "volume")
def bare_uid_in_an_identifier(data):
    data["identifier"][0]["value"] = "2.25.1001"


@breaks("FHIR-UID", "study_r5")
def identifier_that_is_no_uid(data):
    data["identifier"][0]["value"] = "urn:oid:2.25.01"


@breaks("FHIR-UID-BARE", "study_r4b", "study_r5")
def series_that_is_no_uid(data):
    data["series"][0]["uid"] = "series-1"


@breaks("FHIR-UID-BARE", "selection")
def instance_with_a_leading_zero(data):
    data["instance"][0]["uid"] = "1.02"


@breaks("FHIR-BUNDLE-URL", "sent")
def two_entries_of_one_url(data):
    data["entry"][1]["fullUrl"] = data["entry"][0]["fullUrl"]


@breaks("FHIR-BUNDLE-REQUEST", "sent")
def entry_without_request(data):
    del data["entry"][1]["request"]


@breaks("FHIR-BUNDLE-AGAIN", "sent")
def created_each_time(data):
    del data["entry"][0]["request"]["ifNoneExist"]


@breaks("FHIR-LINK", "sent")
def device_of_another_bundle(data):
    del data["entry"][0]


@breaks("FHIR-LINK", "volume")
def device_of_no_bundle(data):
    data["device"] = ref("urn:uuid:c757873d-ec9a-4326-a141-556f43239521")


@breaks("FHIR-PERIOD", "task_r4b", "task_r5")
def ended_before_the_start(data):
    data["executionPeriod"]["end"] = "2026-11-24T08:00:59+01:00"


@breaks("FHIR-UCUM", "volume", "parts")
def millilitres_of_nobody(data):
    quantity = data.get("valueQuantity") or data["component"][0]["valueQuantity"]
    quantity["system"] = "http://site.example/units"


@breaks("FHIR-ORDER-NUMBER", "order_r4b", "order_r5")
def numbers_of_no_type(data):
    for identifier in data["identifier"]:
        del identifier["type"]


@breaks("FHIR-ORDER-INTENT", "order_r4b")
def proposal(data):
    data["intent"] = "proposal"


@breaks("FHIR-ORDER-CATEGORY", "order_r4b", "order_r5")
def laboratory(data):
    data["category"] = [concept("http://snomed.info/sct", "108252007")]


@breaks("FHIR-TASK-UID", "task_r4b")
def no_workitem(data):
    data["identifier"][0]["system"] = "urn:site"


@breaks("FHIR-TASK-STATE", "task_failed")
def on_hold(data):
    data["status"] = "on-hold"


@breaks("FHIR-TASK-INTENT", "task_r5")
def task_proposed(data):
    data["intent"] = "proposal"


@breaks("FHIR-TASK-REASON", "task_failed")
def failed_without_reason(data):
    del data["statusReason"]


@breaks("FHIR-TASK-OUTPUT", "task_r4b")
def completed_without_output(data):
    del data["output"]


@breaks("FHIR-STUDY-UID", "study_r4b", "study_r5")
def study_by_accession_number(data):
    data["identifier"] = [{"system": "urn:site", "value": "A1"}]


@breaks("FHIR-STUDY-COUNT", "study_r4b")
def no_series_counted(data):
    data["numberOfSeries"] = 0


@breaks("FHIR-STUDY-COUNT", "study_r5")
def no_instances_counted(data):
    data["series"][0]["numberOfInstances"] = 0


@breaks("FHIR-OBS-STUDY", "volume", "volume_r5")
def part_of_nothing(data):
    del data["partOf"]


@breaks("FHIR-OBS-VALUE", "volume", "group")
def nothing_observed(data):
    data.pop("valueQuantity", None)
    data.pop("hasMember", None)


@breaks("FHIR-OBS-ABSENT", "volume")
def value_and_its_absence(data):
    data["dataAbsentReason"] = {"text": "failed"}


@breaks("FHIR-OBS-ABSENT", "parts")
def value_of_a_part_and_its_absence(data):
    data["component"][0]["dataAbsentReason"] = {"text": "failed"}


@breaks("FHIR-OBS-FINAL", "volume")
def final_without_a_person(data):
    data["status"] = "final"


@breaks("FHIR-REP-FINAL", "report_r4b", "report_r5")
def final_without_an_interpreter(data):
    data["status"] = "final"


@breaks("FHIR-REP-CATEGORY", "report_r4b")
def cardiology(data):
    data["category"] = [concept("http://terminology.hl7.org/CodeSystem/v2-0074", "CUS")]


@breaks("FHIR-REP-FORM", "report_r4b")
def form_without_content(data):
    del data["presentedForm"][0]["url"]


@breaks("FHIR-REP-FORM", "report_r5")
def form_without_type(data):
    del data["presentedForm"][0]["contentType"]


@breaks("SOLE-065-TYPE", "audit_r4b")
def type_of_http(data):
    data["type"] = {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"}


@breaks("SOLE-065-TYPE", "audit_r5")
def category_of_http(data):
    data["category"] = [concept("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest")]


@breaks("SOLE-065-SUBTYPE", "audit_r4b")
def event_of_nobody(data):
    data["subtype"] = [{"system": "urn:site", "code": "X1"}]


@breaks("SOLE-065-SUBTYPE", "audit_r4b")
def radlex_code_of_snomed(data):
    data["subtype"][0]["system"] = "http://snomed.info/sct"


@breaks("SOLE-065-WHO", "audit_r4b")
def nobody_in_particular(data):
    del data["agent"][1]["who"]


@breaks("SOLE-065-NETWORK", "audit_r4b")
def address_without_type(data):
    del data["agent"][0]["network"]["type"]


@breaks("SOLE-065-OBJECT", "audit_r4b", "audit_r5")
def nothing_in_particular(data):
    del data["entity"][0]["what"]


@breaks("SOLE-065-NAME", "audit_r4b")
def name_and_query(data):
    data["entity"][1]["name"] = "search"


@breaks("SOLE-065-SYSTEM", "audit_r4b")
def role_of_nobody(data):
    data["entity"][0]["role"]["system"] = "urn:site"


@breaks("SOLE-065-SYSTEM", "audit_r4b")
def source_of_nobody(data):
    data["source"]["type"][0]["system"] = "urn:site"


@breaks("FHIR-AUDIT-AGENTS", "audit_r4b", "audit_r5")
def no_destination(data):
    data["agent"].pop()


def without(paths):
    """A defect: the first names of these paths are left out."""

    def defect(data):
        for path in paths:
            data.pop(path.partition(".")[0], None)

    defect.__name__ = f"no_{paths[0].partition('.')[0]}"
    return defect


#: The resource from which an element that is asked for can be taken without breaking its structure.
HOLDERS = {
    "ServiceRequest": {"R4B": "order_r4b", "R5": "order_r5"},
    "Task": {"R4B": "task_r4b", "R5": "task_r5"},
    "ImagingStudy": {"R4B": "study_r4b", "R5": "study_r5"},
    "Observation": {"R4B": "volume", "R5": "volume_r5"},
    "DiagnosticReport": {"R4B": "report_r4b", "R5": "report_r5"},
    "Device": {"R4B": "engine_r4b", "R5": "engine_r5"},
    "Provenance": {"R4B": "provenance", "R5": "provenance"},
    "AuditEvent": {"R4B": "audit_r4b", "R5": "audit_r5"},
    "ImagingSelection": {"R5": "selection"},
}
#: Of those the modality is with the series, too; without it the study is taken without series.
ALSO = {"FHIR-STUDY-MODALITY": ("series", "modality")}
DEFECTS += [
    (rule, HOLDERS[RULES[rule].applies][version], without(ALSO.get(rule, paths)))
    for rule, of_versions in asked().items()
    for version, paths in of_versions.items()
    if paths
]


def judged(name, defect):
    """The findings of a good resource with a defect, in the version that the good one shows."""
    data = good(name)
    defect(data)
    return check_resource(data, name, GOOD[name][0])


@pytest.mark.parametrize("name", GOOD)
def test_what_is_right_gives_no_finding_and_shows_its_version(name):
    version, _ = GOOD[name]
    assert check_resource(good(name), name) == []
    assert check_resource(good(name), name, version) == []
    assert resource_of(good(name)).version == version


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
    assert all(one.severity == RULES[rule].severity for one in found)


BROKEN = {
    "empty": b"",
    "cut": b'{"resourceType":"Task"',
    "deep": b"[" * 100_000,
    "twice": b'{"resourceType":"Task","resourceType":"Task"}',
    "latin_1": '{"resourceType":"Ärzte"}'.encode("latin-1"),
    "xml": b"<Task/>",
    "list_of_texts": b'["Task"]',
}


@pytest.mark.requirement("FHIR-FILE")
@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_is_no_resource_is_one_finding(name, tmp_path):
    (tmp_path / name).write_bytes(BROKEN[name])
    assert [(one.rule, one.severity) for one in check("fhir", [tmp_path])] == [("FHIR-FILE", Severity.ERROR)]


def proofs():
    """What is shown here: the rule, and the defect that breaks it."""
    rows = {(rule, f"{name}: {defect.__name__}") for rule, name, defect in DEFECTS}
    rows |= {("FHIR-FILE", name) for name in BROKEN}
    return sorted({rule: ("mutation", defect) for rule, defect in sorted(rows, reverse=True)}.items())


def test_the_table_of_proofs_is_what_these_tests_show():
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    table.writerow(("rule", "kind", "defect"))
    table.writerows((rule, *proof) for rule, proof in proofs())
    path = files("conformance").joinpath("tables/proved_fhir.csv")
    assert path.read_text(encoding="utf-8") == written.getvalue(), "write it again from proofs()"


def test_every_rule_has_a_proof_and_is_looked_at():
    assert {rule for rule, _ in proofs()} == set(RULES)
    assert not BOOK.unlooked
    assert set(BOOK.rules) == set(RULES) - {"FHIR-FILE"}


def test_every_rule_says_what_it_wants_what_to_do_and_where_it_is_written():
    for row in TABLE:
        assert row["requirement"][0].isupper()
        assert row["fix"].endswith(".")
        assert "FHIR" in row["source"] or ".md" in row["source"]
        assert row["verified"] in {"read", "quoted", "project", "memory"}
        assert row["verified"] in {"read", "quoted"} or row["severity"] != Severity.ERROR, row["rule"]


def test_no_code_is_judged_by_a_list_that_the_library_has_cut_short():
    """Where fhir.resources ends a list of codes with a plus, the table has all of them."""
    known = {(version, row["element"]) for row in read_table("conformance", "fhir_codes")
             for version in ([row["version"]] if row["version"] else ["R4B", "R5"])}  # fmt: skip
    for version, package in (("R4B", "fhir.resources.R4B"), ("R5", "fhir.resources")):
        for kind in {data["resourceType"] for _, data in GOOD.values()}:
            if (version, kind) == ("R4B", "ImagingSelection"):
                continue
            for made in vars(import_module(f"{package}.{kind.lower()}")).values():
                if not (isinstance(made, type) and issubclass(made, BaseModel) and made.__name__.startswith(kind)):
                    continue
                for name, field in made.model_fields.items():
                    terms = (field.json_schema_extra or {}).get("enum_values", [])
                    assert "+" not in terms or (version, f"{made.__name__}.{name}") in known


@pytest.mark.parametrize("version", ["R4", "R4B", "r4b", "4.0.1", "4.3.0"])
def test_the_version_may_be_given_by_any_of_its_names(version):
    assert check_resource(good("order_r4b"), "x", version) == []
    assert {one.rule for one in check_resource(good("order_r5"), "x", version)} == {"FHIR-STRUCTURE"}


def test_a_resource_that_shows_no_version_is_right_when_it_is_so_in_one():
    study = good("study_r5")
    del study["procedure"]
    assert resource_of(study).version == "R5"
    assert check_resource(study, "x") == []


def test_a_bundle_is_judged_with_all_its_resources(tmp_path):
    entries = [
        {"fullUrl": f"urn:uuid:c757873d-ec9a-4326-a141-556f432395{number}", "resource": good(name)}
        for number, name in enumerate(GOOD, start=30)
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    path = tmp_path / "bundle.json"
    path.write_text(json.dumps(bundle))
    assert check("fhir", [path]) == []
    entries[0]["resource"]["status"] = "bogus"
    path.write_text(json.dumps(bundle))
    assert [(one.rule, one.file) for one in check("fhir", [path])] == [("FHIR-CODE", f"{path} entry[1]")]


@pytest.mark.parametrize("entries", [[], ["text"], [{}], [None, {"resource": 5}], "entry"])
def test_a_bundle_of_anything_is_judged(entries):
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    assert all(one.rule != "HARNESS" for one in check_resource(bundle, "bundle"))


def test_a_list_of_resources_is_judged_one_by_one(tmp_path):
    second = good("volume")
    second["status"] = "bogus"
    path = tmp_path / "all.json"
    path.write_text(json.dumps([good("volume"), second]))
    assert [(one.rule, one.file) for one in check_files([path])] == [("FHIR-CODE", f"{path}[2]")]


def test_a_study_by_the_type_of_a_reference_is_one():
    volume = good("volume")
    volume["partOf"] = [{"type": "ImagingStudy", "identifier": {"system": "urn:dicom:uid", "value": "urn:oid:1.2"}}]
    assert check_resource(volume, "x") == []


def test_dates_and_times_in_one_period_are_not_compared():
    task = good("task_r4b")
    task["executionPeriod"] = {"start": "2026-11-24T08:00:00+01:00", "end": "2026-11-24"}
    assert check_resource(task, "x") == []


def spoiled(value):
    if isinstance(value, dict):
        return {key: spoiled(one) for key, one in value.items()}
    if isinstance(value, list):
        return [spoiled(one) for one in value]
    return "Secret name" if isinstance(value, str) else value


@pytest.mark.parametrize("name", GOOD)
def test_no_finding_tells_of_the_patient(name):
    data = {**spoiled(good(name)), "resourceType": GOOD[name][1]["resourceType"], "Secret": 1}
    told = [f"{one.path} {one.message}" for one in check_resource(data, "x")]
    assert told
    assert not [words for words in told if "Secret name" in words]


def places(value, path=()):
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in children:
        yield from places(one, (*path, key))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(sorted(GOOD)),
    where=st.floats(0, 1, exclude_max=True),
    other=st.none() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=3), max_size=2)
    | st.dictionaries(st.sampled_from(["coding", "reference", "value", "code", "x"]), st.text(max_size=3)),
)  # fmt: skip
def test_nothing_in_memory_makes_the_judge_fail(name, where, other):
    """Anything in the place of any element is judged."""
    data = good(name)
    *path, last = ("resource", *list(places(data))[int(where * len(list(places(data))))])
    holder = {"resource": data}
    inner = holder
    for key in path:
        inner = inner[key]
    inner[last] = other
    if isinstance(holder["resource"], dict):
        assert all(one.rule != "HARNESS" for one in check_resource(holder["resource"], "x"))
