"""Which series, which earlier studies, when, how often: what a rule decides besides whether it matches."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from actors.task_performer.guards import Station, objections
from actors.task_requester.images import ImageStudy
from actors.task_requester.rules.applying import decide_all
from actors.task_requester.rules.fields import series_values, study_values
from actors.task_requester.rules.model import Hours
from actors.task_requester.rules.requesting import Places, explain_request, start_of, workitem_of
from actors.task_requester.rules.trying import order_of_images
from profiles.aiwi import content_findings, workitem_uid
from profiles.dicom import Code, get_all, item, items, parse_dicom_datetime, text
from profiles.errors import BadInput
from profiles.ups.parameters import wanted_version
from tests.task_requester.rule_files import dataset, order, rules_of, sample_rules, samples, series, study

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
PLACES = Places("http://127.0.0.1:1/dicom-web", "http://127.0.0.1:1/dicom-web/studies")
ANY = "image_count > 0"


def decide(rule, found, now=None):
    """What a rule says about a study that nobody ordered."""
    values = study_values(order_of_images(found.identity), found)
    return rule.decide(values, [series_values(one) for one in found.series], now)


class Archive:
    """Studies, each with the date and patient of its first image."""

    def __init__(self, *studies):
        self.studies = {one.uid: one for one in studies}
        self.asked = []

    def search_studies(self, filters=None):
        self.asked.append(filters)
        return [
            {
                **one.identity,
                **dataset(StudyInstanceUID=one.uid, ModalitiesInStudy=[row.modality for row in one.series]),
            }
            for one in self.studies.values()
        ]

    def search_series(self, study_uid, filters=None):
        return [dataset(SeriesInstanceUID=one.uid, Modality=one.modality) for one in self.studies[study_uid].series]

    def search_instances(self, study_uid, series_uid=None, filters=None):
        (found,) = (one for one in self.studies[study_uid].series if one.uid == series_uid)
        return [dataset(SOPClassUID=one.sop_class_uid, SOPInstanceUID=one.sop_instance_uid) for one in found.instances]

    def instance_metadata(self, study_uid, series_uid, instance):
        (found,) = (one for one in self.studies[study_uid].series if one.uid == series_uid)
        return found.first


def dated(uid, day, body_part="HEAD", patient="P1", modality="MR", count=100, issuer=""):
    """A study of one series of a day."""
    attributes = {"StudyDate": day, "StudyTime": "120000", "PatientID": patient, "BodyPartExamined": body_part}
    issuers = {"IssuerOfPatientID": issuer} if issuer else {}
    return ImageStudy(uid, (series(f"{uid}.1", count, Modality=modality, **attributes, **issuers),))


def test_the_series_with_the_highest_value_are_chosen(tmp_path):
    more = "series = 'modality == \"MR\"'\nseries_prefer = 'images'\nseries_most = 2"
    (rule,) = rules_of(tmp_path, {"when": ANY, "more": more})
    found = study(series("1", 20), series("2", 60), series("3", 200, Modality="CT"), series("4", 40))
    decision = decide(rule, found)
    assert decision.series == ("2", "4")
    assert "input: 2 of 4 image series, those with the highest images of 3" in decision.explanation


def test_series_whose_value_is_unknown_are_chosen_last(tmp_path):
    more = "series_prefer = '0 - SliceThickness'\nseries_most = 1"
    (rule,) = rules_of(tmp_path, {"when": ANY, "more": more})
    found = study(series("1"), series("2", SliceThickness=3.0), series("3", SliceThickness=1.0))
    assert decide(rule, found).series == ("3",)
    assert decide(rule, study(series("1"))).series == ("1",)


@pytest.mark.parametrize(
    ("now", "matches"), [("2026-02-28", False), ("2026-03-01", True), ("2026-03-31", True), ("2026-04-01", False)]
)
def test_a_rule_counts_from_its_first_day_until_its_last(tmp_path, now, matches):
    (rule,) = rules_of(tmp_path, {"when": ANY, "more": "from = 2026-03-01\nuntil = 2026-04-01"})
    decision = decide(rule, study(), datetime.fromisoformat(now).astimezone())
    assert decision.matches is matches
    assert matches or "it counts from 2026-03-01" in decision.explanation


@pytest.mark.parametrize(
    ("hours", "now", "start"),
    [
        ("22:00-06:00", "09:00", "22:00"),
        ("22:00-06:00", "23:30", "23:30"),
        ("22:00-06:00", "05:59", "05:59"),
        ("22:00-06:00", "06:00", "22:00"),
        ("12:00-13:00", "11:00", "12:00"),
        ("12:00-13:00", "13:00", "12:00"),
    ],
)
def test_work_that_can_wait_begins_within_the_hours_of_the_rule(hours, now, start):
    moment = datetime.fromisoformat(f"2026-03-01T{now}+00:00")
    found = Hours.parse(hours).next_start(moment)
    assert (f"{found:%H:%M}", moment <= found < moment + timedelta(days=1)) == (start, True)


@pytest.fixture
def berlin(monkeypatch):
    """A machine in Berlin, where clocks go back on 25 October 2026 at 03:00."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("berlin")
def test_the_hours_are_those_of_the_clock_also_when_it_changes_before_them(tmp_path):
    (rule,) = rules_of(tmp_path, {"when": ANY, "more": 'hours = "04:00-06:00"'})
    start = start_of(rule.table, order(), datetime(2026, 10, 24, 20, tzinfo=UTC))
    assert start.astimezone(UTC) == datetime(2026, 10, 25, 3, tzinfo=UTC)


@pytest.mark.parametrize("hours", ["22:00", "22-06:0", "late", "06:00-06:00"])
def test_hours_that_are_none_are_a_fault_of_the_file(tmp_path, hours):
    with pytest.raises(BadInput, match="hours"):
        rules_of(tmp_path, {"when": ANY, "more": f'hours = "{hours}"'})


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("from = 2026-03-01\nuntil = 2026-03-01", "never counts"),
        ("series_prefer = 'images'", "series_most"),
        ("series_most = 1\nseries_prefer = 'weight'", "series_prefer"),
        ("priors = { days = 30, series = 'weight > 3' }", "priors.series"),
        ("priors = { days = 0 }", "priors.days"),
        ('once_per = "year"', "once_per"),
    ],
)
def test_every_fault_of_a_further_key_names_it(tmp_path, more, words):
    with pytest.raises(BadInput, match=words):
        rules_of(tmp_path, {"when": ANY, "more": more})


@pytest.mark.requirement("HL7-057")
@pytest.mark.parametrize(
    ("said", "priority", "waits"),
    [("S", "HIGH", False), ("A", "HIGH", False), ("R", "LOW", True), ("", "MEDIUM", True), ("T", "HIGH", False)],
)
def test_urgent_work_begins_at_once_and_the_rest_waits_for_the_night(tmp_path, said, priority, waits):
    more = 'hours = "22:00-06:00"\nexpected_minutes = 90\npriorities = { r = "LOW", T = "HIGH" }'
    (rule,) = rules_of(tmp_path, {"when": ANY, "more": more})
    found, ordered = dated("1.2", "20260301"), order(priority=said)
    now = datetime(2026, 3, 1, 9).astimezone()
    workitem = workitem_of(decide(rule, found), ordered, found, PLACES, now)
    start = parse_dicom_datetime(text(workitem, "ScheduledProcedureStepStartDateTime"))
    expected = parse_dicom_datetime(text(workitem, "ExpectedCompletionDateTime"))
    assert (text(workitem, "ScheduledProcedureStepPriority"), start > now) == (priority, waits)
    assert expected - start == timedelta(minutes=90)
    assert start == start_of(rule.table, ordered, now)
    words = explain_request(decide(rule, found), ordered, now)
    assert (priority in words, "hours of the rule" in words) == (True, waits)
    assert content_findings(workitem) == []


def test_the_version_of_the_engine_is_asked_for_by_a_parameter(tmp_path):
    (rule,) = rules_of(tmp_path, {"when": ANY, "more": 'engine_version = "1.0.2"\nparameters = { level = "3" }'})
    workitem = workitem_of(decide(rule, study()), order(), study(), PLACES, NOW)
    parameters = items(workitem, "ScheduledProcessingParametersSequence")
    told = {text(item(one, "ConceptNameCodeSequence"), "CodeValue"): text(one, "TextValue") for one in parameters}
    assert told == {"111003": "1.0.2", "level": "3"}
    assert wanted_version(workitem) == "1.0.2"


@pytest.mark.requirement("AIWI-TP-001")
def test_two_versions_side_by_side_give_two_workitems_and_each_performer_may_claim_its_own(tmp_path):
    old, new = ({"when": ANY, "code": "BRAIN", "more": f'engine_version = "{version}"'} for version in "12")
    decisions = [decide(rule, study()) for rule in rules_of(tmp_path, old, new)]
    workitems = [workitem_of(one, order(), study(), PLACES, NOW) for one in decisions]
    assert len({workitem_uid("A1", "1.2.3", one.rule.name) for one in decisions}) == 2
    code = Code("BRAIN", "99X", "x")
    for number, version in enumerate("12"):
        performer = Station("AI", (code,), ("http://127.0.0.1:1/dicom-web",), versions=((code, version),))
        may = [not objections(one, performer) for one in workitems]
        assert may == [number == 0, number == 1]


PRESENT = dated("9", "20260301")
PRIORS = "priors = {{ days = 365, most = {most}, same = {same} }}"


@pytest.mark.parametrize(
    ("earlier", "most", "same", "chosen"),
    [
        ([dated("1", "20260101"), dated("2", "20260201")], 1, '["modality", "body_part"]', ["2"]),
        ([dated("1", "20260101"), dated("2", "20260201")], 5, "[]", ["2", "1"]),
        ([dated("1", "20240101"), dated("2", "20260302")], 5, "[]", []),
        ([dated("1", "20260101", patient="P2")], 5, "[]", []),
        ([dated("1", "20260101", body_part="KNEE")], 5, '["modality", "body_part"]', []),
        ([dated("1", "20260101", body_part="KNEE")], 5, '["modality"]', ["1"]),
        ([dated("1", "20260101", modality="CT")], 5, '["modality"]', []),
        ([dated("1", "20260101", modality="SR")], 5, "[]", []),
    ],
)
def test_earlier_studies_of_the_patient_are_further_input(tmp_path, earlier, most, same, chosen):
    (rule,) = rules_of(tmp_path, {"when": ANY, "more": PRIORS.format(most=most, same=same)})
    ordered = order_of_images(PRESENT.identity)
    (decision,) = decide_all([rule], ordered, PRESENT, Archive(PRESENT, *earlier))
    assert [one.study_instance_uid for one in decision.priors] == chosen
    workitem = workitem_of(decision, ordered, PRESENT, PLACES, NOW)
    inputs = items(workitem, "InputInformationSequence")
    assert [text(one, "StudyInstanceUID") for one in inputs] == ["9", *chosen]
    assert get_all(workitem, "StudyInstanceUID") == ["9"]
    assert f"{len(chosen)} earlier studies" in explain_request(decision, ordered, NOW)


def test_an_earlier_study_of_another_issuers_patient_is_never_taken(tmp_path):
    (rule,) = rules_of(tmp_path, {"when": ANY, "more": PRIORS.format(most=5, same="[]")})
    present = dated("9", "20260301", issuer="HOSPITAL")
    archive = Archive(present, dated("1", "20260101", issuer="CLINIC"), dated("2", "20260101", issuer="HOSPITAL"))
    (decision,) = decide_all([rule], order_of_images(present.identity), present, archive)
    assert [one.study_instance_uid for one in decision.priors] == ["2"]


def test_a_rule_can_need_an_earlier_study(tmp_path):
    (rule,) = rules_of(tmp_path, {"when": ANY, "more": "priors = { days = 30, required = true }"})
    ordered = order_of_images(PRESENT.identity)
    (without,) = decide_all([rule], ordered, PRESENT, Archive(PRESENT))
    (having,) = decide_all([rule], ordered, PRESENT, Archive(PRESENT, dated("1", "20260220")))
    assert (without.matches, having.matches) == (False, True)
    assert "needs an earlier study" in without.explanation


def test_a_condition_for_earlier_series_that_fails_stops_its_rule_only(tmp_path):
    more = "priors = { days = 300, same = [], series = 'image_type[5] == \"x\"' }"
    stopping, other = rules_of(tmp_path, {"when": ANY, "more": more}, ANY)
    archive = Archive(PRESENT, dated("1", "20260101"))
    first, second = decide_all([stopping, other], order_of_images(PRESENT.identity), PRESENT, archive)
    assert (first.stopped, first.matches, second.matches) == (True, False, True)


BRAIN = {
    "Modality": "MR",
    "BodyPartExamined": "BRAIN",
    "PatientAge": "040Y",
    "SeriesDescription": "Sag 3D T1 MPRAGE",
}


@pytest.mark.parametrize(
    ("changes", "matches"),
    [
        ({}, True),
        ({"PatientAge": "018Y"}, True),
        ({"PatientAge": "017Y"}, False),
        ({"PatientAge": ""}, False),
        ({"Modality": "CT"}, False),
        ({"BodyPartExamined": "KNEE"}, False),
        ({"SeriesDescription": "3D T2 SPACE"}, False),
        ({"SeriesDescription": "ax t1 2d"}, False),
        ({"SeriesDescription": "t1_3d_vibe"}, True),
    ],
)
def test_the_brain_sample_asks_for_modality_body_part_age_and_the_name_of_a_series(tmp_path, changes, matches):
    (rule,) = sample_rules(tmp_path, "brain-volume-3d-t1")
    found = study(series("1", 20, **BRAIN | {"SeriesDescription": "localizer"}), series("2", **BRAIN | changes))
    if "SeriesDescription" not in changes:
        found = study(
            *(
                series(one.uid, 50, **BRAIN | changes | {"SeriesDescription": name})
                for one, name in zip(found.series, ("localizer", "3D T1"), strict=True)
            )
        )
    decision = decide(rule, found)
    assert (decision.matches, decision.series) == (matches, ("2",) if matches else ())


CT, DX, MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.1.1", "1.2.840.10008.5.1.4.1.1.4"


@pytest.mark.parametrize(
    ("sop_class", "description", "station", "rules"),
    [
        (MR, "MR Brain native", "MR1", ["mr-of-the-brain"]),
        (MR, "MR Brain native", "MR9", []),
        (CT, "CT Thorax", "CT_ER", ["ct-of-the-chest"]),
        (CT, "CT Abdomen", "CT_ER", []),
        (DX, "Chest p.a.", "DX3", ["digital-chest-film"]),
        (MR, "Chest", "DX3", []),
    ],
)
def test_the_routing_sample_sends_each_study_to_its_pipeline(tmp_path, sop_class, description, station, rules):
    found = study(series("1", 10, sop_class, Modality="OT", StudyDescription=description, StationName=station))
    decisions = [decide(rule, found) for rule in sample_rules(tmp_path, "mr-of-the-brain")]
    assert [one.rule.name for one in decisions if one.matches] == rules


def test_all_samples_are_rule_files(tmp_path):
    assert len(samples()) == 6
    for name in samples():
        assert sample_rules(tmp_path, name)


def test_a_rule_can_ask_where_the_request_came_from(tmp_path):
    (rule,) = rules_of(tmp_path, 'called_ae == "STEPWELL_BRAIN" and origin == "arrival"')
    sent = replace(order_of_images({}), called_ae="STEPWELL_BRAIN")
    found = study()
    assert rule.decide(study_values(sent, found), [{"uid": "1"}]).matches
    assert not rule.decide(study_values(order(), found), [{"uid": "1"}]).matches
