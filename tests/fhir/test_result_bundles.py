"""Results as FHIR bundles: fhir.resources takes them, our judge finds nothing, and they say what the results say."""

from __future__ import annotations

import copy
import csv
import dataclasses
import json
from importlib import import_module
from importlib.resources import files

import pytest
from hypothesis import HealthCheck, given, settings
from pydicom import DataElement, config

from conformance import check
from conformance.fhir import check_resource
from profiles import air
from profiles.air import Finding, IllegalResult, ImageReference, Location, Mark, Region, Results, encode
from profiles.air.geometry import Outline
from profiles.dicom import Code
from profiles.fhir.bundle import fhir_bundle
from profiles.fhir.datatypes import system_of
from profiles.fhir.elements import Version
from tests.fhir.scenes import (
    ALGORITHM,
    LEFT,
    LUNG,
    NODULE,
    STANDINGS,
    VERIFIED,
    WORKITEM,
    context,
    everything,
    everything_encoded,
    images,
    results,
)
from tests.hl7.test_results import PRIMITIVES

VERSIONS = pytest.mark.parametrize("version", list(Version))
PACS = "https://pacs.example/dicom-web/"
ONE = Results(findings=(Finding(NODULE, air.Tracking("Nodule 1")),))
SNOMED, DCM, UID = "http://snomed.info/sct", "http://dicom.nema.org/resources/ontology/DCM", "urn:dicom:uid"


def told(version, found=None, retrieve_url=PACS, workitem_uid=WORKITEM, **changes):
    """The bundle of everything that a result can say, or of other results; nothing is wrong with it."""
    where = context(**changes)
    objects = everything_encoded() if found is None else encode(found, where, ALGORITHM)
    made = fhir_bundle(
        found or everything(), where, ALGORITHM, objects,
        version=version, workitem_uid=workitem_uid, retrieve_url=retrieve_url,
    )  # fmt: skip
    made = json.loads(json.dumps(made))
    assert check_resource(made, "result", version) == []
    return made


def of(bundle, kind):
    return [one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == kind]


def codes(concept):
    return {one["code"] for one in concept["coding"]}


def observed(bundle, name):
    """The observations of that name."""
    return [one for one in of(bundle, "Observation") if name in codes(one["code"])]


def referred(bundle, reference):
    (found,) = [one["resource"] for one in bundle["entry"] if one["fullUrl"] == reference["reference"]]
    return found


def uids(resource):
    return [one["value"].removeprefix("urn:oid:") for one in resource["identifier"] if one.get("system") == UID]


def group(bundle, name):
    """The observation of the thing with that Tracking Identifier."""
    (found,) = [one for one in of(bundle, "Observation") if name in [row["value"] for row in one["identifier"]]]
    return found


@pytest.mark.requirement("HL7-067")
@VERSIONS
def test_a_result_that_says_everything_is_a_good_bundle_of_its_version(version, tmp_path):
    bundle = told(version)
    (tmp_path / "result.json").write_text(json.dumps(bundle), encoding="utf-8")
    assert check("fhir", [tmp_path]) == []
    package = "fhir.resources.R4B" if version is Version.R4B else "fhir.resources"
    for one in bundle["entry"]:
        kind = one["resource"]["resourceType"]
        getattr(import_module(f"{package}.{kind.lower()}"), kind).model_validate(one["resource"])


@VERSIONS
def test_each_version_has_the_resources_that_it_knows(version):
    kinds = {one["resource"]["resourceType"] for one in told(version)["entry"]}
    both = {"Device", "DiagnosticReport", "Observation", "Provenance"}
    only = {"R4B": {"DocumentReference"}, "R5": {"ImagingSelection", "BodyStructure", "Endpoint"}}
    assert kinds == both | only[version]


@pytest.mark.requirement("HL7-068")
@VERSIONS
def test_every_number_of_the_report_is_one_observation_with_its_observation_uid(version):
    bundle = told(version)
    report = everything_encoded()[2]

    def numbers(items):
        for item in items:
            if item.ValueType == "NUM":
                measured = item.MeasuredValueSequence[0]
                yield (
                    str(item.ObservationUID), item.ConceptNameCodeSequence[0].CodeValue,
                    float(measured.NumericValue), measured.MeasurementUnitsCodeSequence[0].CodeValue,
                )  # fmt: skip
            elif item.ValueType == "CONTAINER":
                yield from numbers(item.ContentSequence)

    measured = next(
        one for one in report.ContentSequence if one.get("ConceptNameCodeSequence", [{}])[0].CodeValue == "126010"
    )
    expected = sorted(numbers(measured.ContentSequence))
    found = sorted(
        (uids(one)[0], one["code"]["coding"][0]["code"], one["valueQuantity"]["value"], one["valueQuantity"]["code"])
        for one in of(bundle, "Observation") if "valueQuantity" in one
    )  # fmt: skip
    assert found == expected
    assert len(found) == 4


@pytest.mark.requirement("HL7-069", "HL7-070")
@VERSIONS
def test_every_observation_names_patient_study_order_device_and_time(version):
    bundle = told(version)
    (report,) = of(bundle, "DiagnosticReport")
    study = "imagingStudy" if version is Version.R4B else "study"
    assert report[study] == of(bundle, "Observation")[0]["partOf"]
    for one in of(bundle, "Observation"):
        assert one["subject"]["identifier"]["value"] == str(images()[0].PatientID)
        assert one["subject"]["identifier"]["assigner"] == {"display": "HOSP&Ü"}
        assert one["partOf"][0]["identifier"]["value"] == f"urn:oid:{context().study_instance_uid}"
        assert one["basedOn"][0]["identifier"]["value"] == "A|1"
        assert referred(bundle, one["device"])["manufacturer"] == "Ørsted & Søn"
        assert one["issued"] == "2030-01-02T03:04:05.000+00:00"


@VERSIONS
def test_the_report_carries_all_order_numbers_with_their_authorities(version):
    (report,) = of(told(version), "DiagnosticReport")
    numbers = {one["type"]["coding"][0]["code"]: one for one in report["identifier"] if "type" in one}
    assert {kind: one["value"] for kind, one in numbers.items()} == {"ACSN": "A|1", "FILL": "F9", "PLAC": "P9"}
    assert numbers["PLAC"]["system"] == "urn:oid:1.2.3.4"
    assert uids(report) == [str(everything_encoded()[2].SOPInstanceUID)]


@VERSIONS
def test_what_is_absent_is_said_to_be_absent_and_concluded_nowhere(version):
    bundle = told(version)
    gone = group(bundle, "Nodule 2")
    assert codes(gone["code"]) == {"373572006"}
    assert codes(gone["valueCodeableConcept"]) == {"27925004"}
    assert codes(gone["interpretation"][0]) == {"ND"}
    absent = told(version, Results(findings=(Finding(NODULE, air.Tracking("x"), present=False),)))
    assert "conclusionCode" not in of(absent, "DiagnosticReport")[0]
    assert [codes(one) for one in of(bundle, "DiagnosticReport")[0]["conclusionCode"]] == [{"27925004"}]


@VERSIONS
def test_nothing_found_is_said(version):
    (found,) = observed(told(version, Results(nothing_found=True)), "111017")
    assert codes(found["valueCodeableConcept"]) == {"111241"}


@VERSIONS
def test_a_thing_has_its_members_and_its_tracking_identifier(version):
    bundle = told(version)
    nodule = group(bundle, "Nodule 1")
    assert codes(nodule["code"]) == {"49755003"}
    members = [referred(bundle, one) for one in nodule["hasMember"]]
    assert [next(iter(codes(one["code"]))) for one in members] == [
        "246112005", "81827009", "81827009", "111012", "246112005", "121106",
    ]  # fmt: skip
    assert members[-1]["valueString"] == "Größe 6^4 mm | a~b \\ c & d\nzweite Zeile\r\ndritte"
    assert members[3]["valueQuantity"] == {
        "value": 87.5, "unit": "Percent", "system": "http://unitsofmeasure.org", "code": "%",
    }  # fmt: skip
    tracking = {next(iter(codes(one["type"]))) for one in nodule["identifier"] if "type" in one}
    assert tracking == {"112039", "112040"}


@VERSIONS
def test_a_measurement_says_method_derivation_uncertainty_range_and_normality(version):
    bundle = told(version)
    first, second = observed(bundle, "81827009")
    assert codes(first["method"]) == {"370129005"}
    parts = {next(iter(codes(one["code"]))): one for one in first["component"]}
    assert codes(parts["121401"]["valueCodeableConcept"]) == {"373098007"}
    assert parts["371886008"]["valueQuantity"]["value"] == 0.25
    assert parts["371885007"]["valueQuantity"]["value"] == 0.1
    (normal,) = first["referenceRange"]
    assert (normal["low"]["value"], normal["high"]["value"], normal["high"]["code"]) == (-1.5, 5.0, "mm")
    assert codes(first["interpretation"][0]) == {"H", "371879000"}
    assert "low" not in second["referenceRange"][0]
    (volume,) = observed(bundle, "118565006")
    assert codes(volume["interpretation"][0]) == {"1"}


def test_r4b_names_a_side_in_words_and_as_an_expression_and_further_sites_as_components():
    bundle = told(Version.R4B)
    nodule = group(bundle, "Nodule 1")
    expression = f"{LUNG.value}:272741003={LEFT.value}"
    assert codes(nodule["bodySite"]) == {LUNG.value, expression}
    assert nodule["bodySite"]["text"] == "Lung, Left, Distal"
    assert [codes(one["valueCodeableConcept"]) for one in nodule["component"]] == [{"10200004"}]
    measured = observed(bundle, "81827009")[0]
    assert "10200004" in [next(iter(codes(one.get("valueCodeableConcept", {"coding": [{"code": ""}]}))))
                          for one in measured["component"]]  # fmt: skip


def test_r5_names_sides_parts_and_several_sites_in_a_body_structure():
    bundle = told(Version.R5)
    lung, liver = referred(bundle, group(bundle, "Nodule 1")["bodyStructure"])["includedStructure"]
    assert (codes(lung["structure"]), codes(lung["laterality"])) == ({LUNG.value}, {LEFT.value})
    assert codes(lung["qualifier"][0]) == {"46053002"}
    assert codes(liver["structure"]) == {"10200004"}
    assert codes(group(bundle, "Nodule 2")["bodySite"]) == {"10200004"}


def test_r5_draws_what_is_drawn_and_selects_segments_maps_and_images():
    bundle = told(Version.R5)

    def selected(name):
        found = [referred(bundle, one) for one in group(bundle, name)["derivedFrom"]]
        return [one for one in found if "111040" not in codes(one["code"])]

    (box,) = selected("Box")
    assert box["instance"][0]["imageRegion2D"] == [
        {"regionType": "polyline", "coordinate": [1.0, 1.0, 4.0, 1.0, 4.0, 5.0, 1.0, 5.0, 1.0, 1.0]}
    ]
    (dots,) = selected("Dots")
    assert [one["coordinate"] for one in dots["instance"][0]["imageRegion2D"]] == [[1.0, 2.0], [3.0, 4.5]]
    assert dots["instance"][0]["uid"] == str(images()[1].SOPInstanceUID)
    (ball,), (line,) = selected("Ball"), selected("Line")
    assert ball["instance"][0]["imageRegion3D"][0]["regionType"] == "ellipsoid"
    assert line["instance"][0]["imageRegion3D"][0]["coordinate"] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert ball["frameOfReferenceUid"] == str(images()[0].FrameOfReferenceUID)
    segmentation, heat = everything_encoded()[:2]
    (brain,), (warm,), (image,) = selected("Brain"), selected("Heat"), selected("Nodule 1")
    assert (brain["instance"][0]["uid"], brain["instance"][0]["subset"]) == (str(segmentation.SOPInstanceUID), ["1"])
    assert warm["instance"][0]["uid"] == str(heat.SOPInstanceUID)
    assert image["instance"][0]["uid"] == str(images()[0].SOPInstanceUID)
    assert referred(bundle, image["endpoint"][0])["address"] == PACS


def test_r5_names_frames_of_what_has_frames():
    where = context()
    for image in where.images:
        image.NumberOfFrames = 2
    shape = Location(
        Mark.POINT, ((1.0, 1.0),), ImageReference(str(images()[0].SOPInstanceUID), (2,)), air.Tracking("x")
    )
    found = Results(locations=(shape,), regions=(
        Region(Outline.CIRCLE, ((3.0, 3.0), (3.0, 4.0)), shape.where, air.Tracking("y")),))  # fmt: skip
    try:
        bundle = fhir_bundle(found, where, ALGORITHM, encode(found, where, ALGORITHM), version=Version.R5)
    finally:
        for image in where.images:
            del image.NumberOfFrames
    drawn = [one["instance"][0] for one in of(bundle, "ImagingSelection") if "imageRegion2D" in one["instance"][0]]
    assert [one["subset"] for one in drawn] == [["2"], ["2"]]
    assert {one["imageRegion2D"][0]["regionType"] for one in drawn} == {"point", "circle"}


@VERSIONS
def test_key_images_are_an_observation_of_their_title(version):
    bundle = told(version)
    (key,) = observed(bundle, "113000")
    assert key["valueString"] == "the best | one"
    assert len(key["derivedFrom"]) == (1 if version is Version.R4B else 3)


def test_r4b_refers_to_each_object_by_a_document_with_its_address():
    bundle = told(Version.R4B)
    documents = {one["masterIdentifier"]["value"]: one for one in of(bundle, "DocumentReference")}
    assert set(documents) == {f"urn:oid:{made.SOPInstanceUID}" for made in everything_encoded()}
    report = everything_encoded()[2]
    address = documents[f"urn:oid:{report.SOPInstanceUID}"]["content"][0]["attachment"]["url"]
    place = f"studies/{report.StudyInstanceUID}/series/{report.SeriesInstanceUID}/instances/{report.SOPInstanceUID}"
    assert address == PACS + place


@VERSIONS
def test_without_a_service_no_address_is_told(version):
    assert PACS not in json.dumps(told(version, retrieve_url=""))


@VERSIONS
def test_the_algorithm_is_a_device_whose_parent_is_the_program_that_ran_it(version):
    bundle = told(version)
    (device,) = [one for one in of(bundle, "Device") if uids(one) == [ALGORITHM.device_uid]]
    assert device["version"] == [{"value": ALGORITHM.version}]
    assert ALGORITHM.name in (device.get("displayName"), device.get("deviceName", [{}])[0].get("name"))
    words = [one.get("valueString") or one["valueCode"][0]["text"] for one in device["property"]]
    assert words == list(ALGORITHM.parameters)
    host = referred(bundle, device["parent"])
    assert (host["modelNumber"], host["serialNumber"]) == (context().equipment.model, "1")


@VERSIONS
def test_the_provenance_names_algorithm_workitem_study_and_what_is_replaced(version):
    bundle = told(version, replaces=(everything_encoded()[2],))
    (found,) = of(bundle, "Provenance")
    values = [one["what"]["identifier"]["value"] for one in found["entity"]]
    report = everything_encoded()[2]
    assert values == [f"urn:oid:{uid}" for uid in (context().study_instance_uid, WORKITEM, report.SOPInstanceUID)]
    assert [one["role"] for one in found["entity"]] == ["source", "source", "revision"]
    assert uids(referred(bundle, found["agent"][0]["who"])) == [ALGORITHM.device_uid]
    (without,) = of(told(version, workitem_uid=""), "Provenance")
    assert len(without["entity"]) == 1


@pytest.mark.requirement("HL7-072")
@VERSIONS
@pytest.mark.parametrize(
    ("changes", "report", "observation"),
    [
        ({}, "preliminary", "preliminary"),
        ({"standing": air.Standing(preliminary=True)}, "preliminary", "preliminary"),
        ({"standing": air.Standing(False, "a slice is missing")}, "partial", "preliminary"),
        ({"standing": VERIFIED}, "final", "final"),
        ({"standing": VERIFIED, "replaces": (everything_encoded()[2],)}, "amended", "amended"),
        ({"replaces": (everything_encoded()[2],)}, "preliminary", "preliminary"),
    ],
    ids=["of_software", "preliminary", "incomplete", "verified", "verified_and_replacing", "replacing"],
)
def test_the_status_is_final_only_when_a_person_verified_the_result(version, changes, report, observation):
    bundle = told(version, ONE, **changes)
    (found,) = of(bundle, "DiagnosticReport")
    assert found["status"] == report
    assert {one["status"] for one in of(bundle, "Observation")} == {observation}
    is_verified = changes.get("standing") is VERIFIED
    assert ("not verified" in found["conclusion"]) != is_verified
    person = [{"type": "Practitioner", "display": "Nguyễn Thị Ánh Dr Jr"}]
    assert found.get("resultsInterpreter") == (person if is_verified else None)


@VERSIONS
def test_told_again_the_bundle_is_the_same_and_leaves_no_second_copy(version):
    bundle = told(version)
    assert bundle == told(version)
    assert bundle["type"] == "transaction"
    for one in bundle["entry"]:
        request, kind = one["request"], one["resource"]["resourceType"]
        wanted = request.get("ifNoneExist") or request["url"].removeprefix(f"{kind}?")
        own = "urn:oid:" + uids(one["resource"])[0] if kind != "Provenance" else ""
        assert wanted == (f"identifier=urn:dicom:uid%7C{own}" if own else f"Provenance/{one['resource']['id']}")
        assert (request["method"] == "POST") == (kind in {"Device", "Endpoint"})
    urls = [one["fullUrl"] for one in bundle["entry"]]
    assert len(urls) == len(set(urls))


@VERSIONS
def test_results_of_the_same_thing_in_another_run_are_other_observations(version):
    first, second = told(version, ONE), told(version, ONE, seed="w-1 a-2")
    one, other = group(first, "Nodule 1"), group(second, "Nodule 1")
    assert uids(one)[0] != uids(other)[0]
    assert uids(one)[1] == uids(other)[1]


@VERSIONS
def test_a_result_without_order_or_issuer_is_told_all_the_same(version):
    where = context(requests=())
    objects = encode(ONE, where, ALGORITHM)
    where.attributes.AccessionNumber = where.attributes.IssuerOfPatientID = ""
    bundle = fhir_bundle(ONE, where, ALGORITHM, objects, version=version)
    assert {one.rule for one in check_resource(bundle, "result", version)} == {"FHIR-REP-ORDER"}
    assert "assigner" not in of(bundle, "Observation")[0]["subject"]["identifier"]


@VERSIONS
def test_a_result_of_nobody_is_told_to_nobody(version):
    where = context()
    objects = encode(ONE, where, ALGORITHM)
    where.attributes.PatientID = ""
    with pytest.raises(IllegalResult, match="no Patient ID"):
        fhir_bundle(ONE, where, ALGORITHM, objects, version=version)


@VERSIONS
@pytest.mark.parametrize(
    ("date", "time", "expected"),
    [
        ("20291231", "235959.5", "2029-12-31T23:59:59+00:00"),
        ("20291231", "", "2029-12-31"),
        ("", "1200", None),
        ("2029-12-31", "12", None),
    ],
)
def test_the_time_of_an_observation_is_that_of_its_images(version, date, time, expected):
    first = copy.deepcopy(images()[0])
    first.TimezoneOffsetFromUTC = "+0000"
    where = context(images=(first, *images()[1:]))
    objects = encode(ONE, where, ALGORITHM)
    for keyword, vr, value in (("StudyDate", "DA", date), ("StudyTime", "TM", time)):
        first[keyword] = DataElement(keyword, vr, value, validation_mode=config.IGNORE)
    bundle = fhir_bundle(ONE, where, ALGORITHM, objects, version=version)
    assert {one.get("effectiveDateTime") for one in of(bundle, "Observation")} == {expected}


def test_a_local_coding_scheme_has_a_system_of_its_own_that_stays_the_same():
    assert system_of("99SITE").startswith("urn:oid:2.25.")
    assert system_of("99SITE") == system_of("99SITE") != system_of("99OTHER")
    assert system_of("SCT") == SNOMED
    assert system_of("DCM") == DCM


@VERSIONS
def test_what_fhir_cannot_say_is_refused_with_the_place(version):
    broken = Results(findings=(Finding(NODULE, air.Tracking("x"), category=Code("1", "99X", "a")),))
    where = context()
    objects = encode(broken, where, ALGORITHM)
    object.__setattr__(where, "language", Code("two  spaces", "RFC5646", "x"))
    with pytest.raises(IllegalResult, match="cannot be told"):
        fhir_bundle(broken, where, ALGORITHM, objects, version=version)


@VERSIONS
def test_without_objects_there_is_nothing_to_tell_of(version):
    with pytest.raises(IllegalResult, match="encode the results first"):
        fhir_bundle(ONE, context(), ALGORITHM, [], version=version)


@pytest.mark.requirement("HL7-067", "HL7-068")
@VERSIONS
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(results(), STANDINGS)
def test_any_result_is_a_good_bundle_that_says_the_same(version, found, standing):
    bundle = told(version, found=found, standing=standing)
    things = found.things()
    numbers = [one["valueQuantity"]["value"] for one in of(bundle, "Observation") if "valueQuantity" in one]
    assert sorted(numbers) == sorted(row.value for thing in things for row in thing.measurements)
    words = [one["valueString"] for one in observed(bundle, "121106")]
    assert sorted(words) == sorted(row.words for row in found.comments)
    assert len(observed(bundle, "373572006")) == sum(not one.present for one in found.findings)
    for thing in things:
        said = len(thing.measurements) + len(thing.evaluations) + len(thing.comments)
        assert len(group(bundle, thing.tracking.identifier).get("hasMember", [])) == said


def test_the_table_names_every_part_of_every_primitive():
    """What a result can say stands in an element, or is named as not carried."""
    table = files("profiles.fhir").joinpath("tables/carried.csv").read_text(encoding="utf-8")
    rows = {(row["primitive"], row["part"]): row for row in csv.DictReader(table.splitlines())}
    assert set(rows) == {(kind, field.name) for kind in PRIMITIVES for field in dataclasses.fields(getattr(air, kind))}
    assert all(row["R4B"] and row["R5"] for row in rows.values())
