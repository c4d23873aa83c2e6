"""Our own Evidence Creator before the judge, and results with one defect each."""

import copy
import json
from threading import Event

import pytest
from pydicom import Dataset

from actors.shared.dicomweb import Archive
from actors.shared.dimse import send
from actors.task_performer.failing import GivenUp
from actors.task_performer.patience import Patience
from conformance.harness import Verdict
from conformance.harness.registry import suite
from conformance.partners import objects as harness_objects
from connectathon.judging import broken, judge, unlike_verified
from connectathon.waiting import free_port
from profiles.errors import StepwellError
from profiles.tables import read_table
from tests.conformance.breaking import coded, drop, named, volume
from tests.conformance.breaking import write as set_value
from tests.conformance.test_region_rules import box

PRODUCES = {"objects": ["seg", "sr"], "primitives": ["measurement", "region", "tracking"], "description": "Finds it."}


def write(folder, datasets):
    folder.mkdir()
    for name, dataset in datasets:
        dataset.save_as(folder / name, enforce_file_format=True)
    return str(folder)


def references(datasets):
    items = [
        {"00081199": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": [str(one.SOPInstanceUID)]}}]}}
        for one in datasets
    ]
    return {"00741216": {"vr": "SQ", "Value": [{"00404033": {"vr": "SQ", "Value": items}}]}}


@pytest.fixture
def judging(objects, tmp_path):
    """Writes the set as it is now, and judges it."""

    def play(begins=(), options=(), produces=PRODUCES, receiver=None, actions=None, **samples):
        results = [(name, one) for name, one in objects.named if not name[0].isdigit()]
        images = [(name, one) for name, one in objects.named if name[0].isdigit()]
        workitem = tmp_path / "workitem.json"
        workitem.write_text(json.dumps(references([one for _, one in results])))
        declaration = {
            "samples": {
                "results": write(tmp_path / "results", results),
                "sources": write(tmp_path / "sources", images),
                "workitem": str(workitem),
                **samples,
            },
            "produces": produces,
            "receiver": receiver or {},
            "options": ["workitem", *options],
        }
        return judge(suite("evidence_creator"), declaration, tmp_path / "evidence", actions, begins)

    return play


def test_our_results_pass_what_applies_to_them(judging):
    ended = judging()
    assert broken(ended) == []
    assert unlike_verified(ended) == []
    omitted = {name for name, event in ended.items() if event.verdict is Verdict.OMIT}
    assert omitted == {"AIR-EC-007", "AIR-EC-013", "AIR-EC-021", "AIR-EC-023", "AIR-EC-024", "AIR-EC-025"}


DEFECTS = []


def breaks(*rows, verdict=Verdict.FAIL, on=""):
    """Decorator: results with this defect end those rows so, and no other; ``on`` names another good set."""

    def keep(defect):
        marks = pytest.mark.requirement(*rows)
        DEFECTS.append(pytest.param(rows, verdict, defect, on, id=defect.__name__, marks=marks))
        return defect

    return keep


@breaks("AIR-EC-001")
def measurements_in_a_comprehensive_sr(objects):
    objects.sr.SOPClassUID = objects.sr.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.33"


@breaks("AIR-EC-003")
def no_measurements_at_all(objects):
    drop(objects.sr, "126010")


@breaks("AIR-EC-004")
def no_device_uid_of_the_observer(objects):
    drop(objects.sr, "121012")


@breaks("AIR-EC-006")
def tracking_identifier_without_uid(objects):
    drop(objects.sr, "112040")


@breaks("AIR-EC-009")
def measurement_without_unit_of_ucum(objects):
    volume(objects).MeasuredValueSequence[0].MeasurementUnitsCodeSequence = [coded("mL", "DCM", "milliliter")]


@breaks("AIR-EC-014")
def evidence_without_the_images(objects):
    [study] = objects.sr.CurrentRequestedProcedureEvidenceSequence
    study.ReferencedSeriesSequence = study.ReferencedSeriesSequence[:1]


@breaks("AIR-EC-015")
def result_for_another_patient(objects):
    objects.sr.PatientID = "SOMEBODY-ELSE"


@breaks("AIR-EC-016")
def uid_with_a_leading_zero(objects):
    set_value(objects.sr, "SeriesInstanceUID", "1.02.3")


@breaks("AIR-EC-017", verdict=Verdict.WARN)
def verified_by_the_machine(objects):
    objects.sr.VerificationFlag = "VERIFIED"
    person = Dataset()
    person.VerifyingObserverName, person.VerifyingOrganization = "Doe^J", "Hospital"
    person.VerificationDateTime = "20900102030405"
    person.VerifyingObserverIdentificationCodeSequence = []
    objects.sr.VerifyingObserverSequence = [person]


@breaks("AIR-EC-018")
def algorithm_without_version(objects):
    for row in objects.sr.ContributingEquipmentSequence:
        if "DeviceUID" in row:
            row.SoftwareVersions = ""


@breaks("AIR-EC-019")
def code_without_meaning(objects):
    objects.seg.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeMeaning = ""


@breaks("AIR-EC-022")
def frame_of_a_segment_that_is_not_there(objects):
    groups = objects.seg.PerFrameFunctionalGroupsSequence[0]
    groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber = 9


@breaks("AIR-EC-002")
def value_that_the_iod_does_not_allow(objects):
    objects.sr.PregnancyStatus = 9


@breaks("AIR-EC-005", verdict=Verdict.WARN)
def no_procedure_reported(objects):
    drop(objects.sr, "121058")


@breaks("AIR-EC-008")
def finding_in_words_only(objects):
    found = named(objects.sr, "121071")
    found.ValueType, found.TextValue = "TEXT", "large"


@breaks("AIR-EC-011", on="drawn")
def region_of_no_image(objects):
    del box(objects).ContentSequence


@breaks("AIR-EC-012")
def segment_without_its_number(objects):
    del named(objects.sr, "121191").ReferencedSOPSequence[0].ReferencedSegmentNumber


@breaks("AIR-EC-013", on="map")
def map_in_no_space(objects):
    del objects.pm.FrameOfReferenceUID


@breaks("AIR-EC-020")
def accents_without_a_character_set(objects):
    del objects.seg.SpecificCharacterSet
    objects.seg.SeriesDescription = "brain-extraction 1.0.2 tête"


@breaks("AIR-EC-023", verdict=Verdict.WARN, on="keys")
def title_of_our_own(objects):
    objects.kos.ConceptNameCodeSequence = [coded("126000", "DCM", "Imaging Measurement Report")]


@breaks("AIR-EC-027", verdict=Verdict.WARN)
def report_older_than_the_study(objects):
    objects.sr.ContentDate = "18991231"


@pytest.mark.parametrize(("rows", "verdict", "defect", "scene"), DEFECTS)
def test_the_judge_sees_exactly_the_defect(rows, verdict, defect, scene, objects, judging, scenes):
    if scene:
        vars(objects).update(vars(scenes(scene)))
    defect(objects)
    made = {"seg", "sr", {"map": "pm", "keys": "ko"}.get(scene, "sr")}
    ended = judging(options=["parametric-map", "key-objects"], produces={**PRODUCES, "objects": sorted(made)})
    seen = {name: event.verdict for name, event in ended.items() if event.verdict not in {Verdict.PASS, Verdict.OMIT}}
    assert seen == dict.fromkeys(rows, verdict), broken(ended)


def test_the_table_of_proofs_names_the_rows_that_one_defect_breaks():
    proved = {row["rule"]: row["defect"] for row in read_table("conformance", "proved_results")}
    here = {rows[0]: name for rows, name in ((one.values[0], one.id) for one in DEFECTS) if len(rows) == 1}
    assert proved == {**here, **ALONE}


#: Rows that a test of their own proves.
ALONE = {
    "AIR-EC-021": "test_a_negative_result_is_said_in_codes",
    "AIR-EC-024": "test_only_what_was_taken_is_called_stored",
    "AIR-EC-025": "test_only_what_was_taken_is_called_stored",
    "AIR-EC-026": "test_an_output_that_was_not_stored_is_told",
    "AIR-EC-028": "test_a_capability_document_that_names_what_was_not_made_fails",
}


@pytest.mark.requirement("AIR-EC-026")
def test_an_output_that_was_not_stored_is_told(judging, objects, tmp_path):
    told = references([objects.seg, objects.sr, objects.images[0]])
    path = tmp_path / "other.json"
    path.write_text(json.dumps([told]))
    assert judging(["AIR-EC-026"], workitem=str(path))["AIR-EC-026"].verdict is Verdict.WARN


@pytest.mark.requirement("AIR-EC-028")
def test_a_capability_document_that_names_what_was_not_made_fails(judging):
    ended = judging(["AIR-EC-028"], produces={**PRODUCES, "objects": ["seg", "sr", "pm"]})
    assert "made ['seg', 'sr'], told ['pm', 'seg', 'sr']" in broken(ended)[0]


@pytest.mark.requirement("AIR-EC-021")
@pytest.mark.parametrize(("code", "verdict"), [("373572006", Verdict.PASS), ("121071", Verdict.WARN)])
def test_a_negative_result_is_said_in_codes(judging, objects, tmp_path, code, verdict):
    report = copy.deepcopy(objects.sr)
    finding = Dataset()
    finding.RelationshipType, finding.ValueType = "CONTAINS", "CODE"
    finding.ConceptNameCodeSequence = [coded(code, "SCT", "words")]
    finding.ConceptCodeSequence = [coded("4147007", "SCT", "Mass")]
    report.ContentSequence.append(finding)
    negative = write(tmp_path / "negative", [("sr.dcm", report)])
    ended = judging(["AIR-EC-021", "AIR-EC-007"], options=["negative-result"], negative=negative)
    assert ended["AIR-EC-021"].verdict is verdict
    assert ended["AIR-EC-007"].verdict is Verdict.PASS


def storing(folder, forget_failures=False):
    """Stores as our performers do, over the transport that is asked for."""

    def act(instruction):
        values = instruction.values
        paths = sorted((folder / "results").iterdir())
        try:
            if values["transport"] == "dimse":
                send(paths, values["host"], int(values["port"]), values["ae_title"])
            else:
                with Archive(values["url"]) as archive:
                    Patience(Event()).until_done(lambda: archive.store(paths), who="archive", limit_seconds=3)
        except (StepwellError, GivenUp):
            return forget_failures
        return True

    return {"store-results": act}


@pytest.mark.requirement("AIR-EC-024", "AIR-EC-025")
@pytest.mark.parametrize(("forgets", "verdict"), [(False, Verdict.PASS), (True, Verdict.FAIL)])
def test_only_what_was_taken_is_called_stored(judging, tmp_path, forgets, verdict):
    ended = judging(
        ["AIR-EC-024", "AIR-EC-025"],
        options=["stow", "store-dimse"],
        receiver={"http_port": free_port(), "dimse_port": free_port()},
        actions=storing(tmp_path, forgets),
    )
    assert {event.verdict for event in ended.values()} == {verdict}, broken(ended)


def test_maps_and_key_objects_are_judged_where_they_are_declared(judging, objects):
    study = harness_objects.Study(uid=str(objects.sr.StudyInstanceUID))
    for name, make in (("pm.dcm", harness_objects.parametric_map), ("ko.dcm", harness_objects.key_objects)):
        made = make(study, objects.images[0])
        objects.more.append((name, made))
    for _, made in objects.more:
        made.file_meta = copy.deepcopy(objects.sr.file_meta)
        made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
        made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    ended = judging(["AIR-EC-013", "AIR-EC-023"], options=["parametric-map", "key-objects"])
    assert {event.verdict for event in ended.values()} & {Verdict.ERROR, Verdict.OMIT} == set()
