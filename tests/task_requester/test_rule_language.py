"""What a condition of a rule may say, and what becomes of values that nobody knows."""

import string
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.task_requester.rules import Rule
from actors.task_requester.rules.fields import age_in_years, series_values, study_values
from actors.task_requester.rules.language import ExpressionFailed, compile_expression, fields
from profiles.dicom import put_items
from profiles.hl7 import Patient
from tests.task_requester.rule_files import dataset, order, rules_of, series, study

STUDY, BOTH = ("study",), ("study", "series")


def holds(text, **attributes):
    """Whether a condition holds for a study with these attributes."""
    found = study(series(**attributes))
    return compile_expression(text, STUDY).holds(study_values(order(), found))


def test_every_field_of_the_table_has_a_value_of_its_type():
    found = study()
    values = study_values(order(), found) | series_values(found.series[0])
    for name, row in fields(BOTH).items():
        kinds = {"text": str, "number": float, "texts": list}
        assert isinstance(values[name], kinds[row["type"]]), name


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        ("MagneticFieldStrength >= 1.5", {"MagneticFieldStrength": 3.0}),
        ('"A" in SequenceVariant', {"SequenceVariant": ["A", "B"]}),
        ('ContrastBolusAgent == ""', {}),
        ('StationName == "MR1" and "MR1" in stations', {"StationName": "MR1"}),
        ('"GE" in manufacturers and "ward 3" in institutions', {"Manufacturer": "GE", "InstitutionName": "ward 3"}),
        ("age >= 18 and age < 19", {"PatientAge": "018Y"}),
        ('sex == "F"', {"PatientSex": "F"}),
        ('study_weekday == "wednesday" and study_hour == 23', {"StudyDate": "20261125", "StudyTime": "235900"}),
        ("PixelSpacing[0] < 1", {"PixelSpacing": [0.5, 0.5]}),
        ('PatientName =~ "TEST.*"', {"PatientName": {"Alphabetic": "TEST^X"}}),
        ('origin == "hl7" and called_ae == ""', {}),
    ],
)
def test_a_condition_can_ask_for_fields_and_for_any_attribute_by_keyword(text, attributes):
    assert holds(text, **attributes)


def test_a_condition_can_ask_within_sequences():
    first = dataset(Modality="MR")
    put_items(first, "AnatomicRegionSequence", dataset(CodeValue="1", CodeMeaning="Head"), dataset(CodeMeaning="Neck"))
    condition = compile_expression('"Neck" in AnatomicRegionSequence__CodeMeaning', STUDY)
    assert condition.holds({"dicom": first})
    assert not condition.holds({"dicom": {}})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("PatientsAge > 3", "no field"),
        ("PixelData == 1", "no field"),
        ('AnatomicRegionSequence == "x"', "AnatomicRegionSequence__CodeValue"),
        ('Modality__CodeValue == "x"', "no field"),
        ("modality > 3", "no field"),
        ("age >", None),
        ("$random() > 1", None),
        ("$now == $now", None),
        ("$range(99999999999).length > 1", None),
        ('study_description =~ "("', "no pattern"),
    ],
)
def test_what_is_no_condition_is_told_before_it_is_used(text, words):
    with pytest.raises(ValueError, match=words):
        compile_expression(text, STUDY)


@pytest.mark.parametrize(
    "text",
    ["age >= 18", "age < 18", "age == 18", "age + 1 > 0", "MagneticFieldStrength > 0", 'sex == "F"', "age in [1]"],
)
def test_a_comparison_with_what_is_unknown_is_false(text):
    assert not holds(text)
    assert not compile_expression(text, STUDY).holds({})


def test_whether_a_number_is_known_can_be_asked():
    assert holds("age.is_nan")
    assert not holds("age.is_nan", PatientAge="030Y")


@pytest.mark.parametrize(
    ("attributes", "born", "age"),
    [
        ({"PatientAge": "045Y"}, "", 45),
        ({"PatientAge": "018M"}, "", 1.5),
        ({"PatientAge": "216M"}, "", 18),
        ({"PatientAge": "053W"}, "", 1),
        ({"PatientBirthDate": "20081126", "StudyDate": "20261125"}, "", 17),
        ({"PatientBirthDate": "20081125", "StudyDate": "20261125"}, "", 18),
        ({"StudyDate": "20261125"}, "20081125", 18),
    ],
)
def test_the_age_is_that_at_the_time_of_the_study(attributes, born, age):
    found = age_in_years(order(patient=Patient(birth_date=born)), dataset(**attributes))
    assert found // 0.5 / 2 == age or found // 1 == age


def test_what_tells_of_the_patient_is_kept_back_in_explanations(tmp_path):
    (rule,) = rules_of(tmp_path, 'age > 40 and sex == "F" and PatientName =~ "DOE.*" and study_hour > 100')
    found = study(series(PatientAge="044Y", PatientSex="F", PatientName={"Alphabetic": "DOE^JANE"}, StudyTime="10"))
    decision = rule.decide(study_values(order(), found), [])
    assert "study_hour is 10" in decision.explanation
    assert "age is kept back" in decision.explanation
    assert not {"44", "DOE^JANE", "'F'"} & set(decision.explanation.replace(",", " ").split())
    assert decision.values["age"] == 44


FRAGMENTS = (
    *('"a"', "3", "0", "-1", "null", "true", "nan", "[]", "[1,2]", "(", ")", "[", "]", ".", "..", "not", "and", "or"),
    *(
        "in",
        "==",
        ">",
        "=~",
        "=~~",
        "+",
        "/",
        "%",
        "**",
        "?",
        ":",
        "&.",
        "$any",
        "$max",
        "length",
        "as_upper",
        "to_int",
    ),
    *("modalities", "age", "study_description", "image_count", "PixelSpacing", "for", "x", "is_nan", "<<", "$map"),
)
VALUES = st.one_of(
    st.none(), st.text(max_size=4), st.floats(), st.integers(), st.lists(st.text(max_size=3), max_size=3)
)


@pytest.mark.parametrize(
    "text", ["(" * 5000 + "1" + ")" * 5000, "not " * 5000 + "true", "age > " + "1 + " * 5000 + "1"]
)
def test_a_condition_that_is_nested_too_deeply_is_refused_or_decided(text):
    with suppress(ValueError, ExpressionFailed):
        compile_expression(text, STUDY).holds({})


@pytest.mark.parametrize("text", ["{} =~~ '(a+)+$'", "{} =~ '(a|a)*b'", "{} =~~ '(.*)*c'"])
def test_no_pattern_takes_more_than_linear_time(text):
    condition = compile_expression(text.format("study_description").replace("'", '"'), STUDY)
    assert not condition.holds({"study_description": "a" * 5000 + "!"})
    assert not compile_expression(text.format('"' + "a" * 50 + '!"').replace("'", '"'), STUDY).holds({})


@pytest.mark.parametrize("pattern", ["(?=a)b", "(?<!a)b", "(a)\\\\1", "a{1,5000}", "["])
def test_a_pattern_that_cannot_be_matched_in_linear_time_is_a_fault_of_the_file(pattern):
    with pytest.raises(ValueError, match="no pattern of RE2"):
        compile_expression(f'study_description =~ "{pattern}"', STUDY)


def test_a_value_that_is_no_pattern_stops_the_rule_and_is_not_quoted():
    condition = compile_expression("study_description =~ PatientName", STUDY)
    with pytest.raises(ExpressionFailed) as stopped:
        condition.holds({"dicom": dataset(PatientName={"Alphabetic": "DOE["})})
    assert "DOE" not in stopped.value.message


def test_a_condition_that_goes_through_long_lists_too_often_is_stopped():
    condition = compile_expression("$any([$any([a == b for b in stations]) for a in stations])", STUDY)
    with pytest.raises(ExpressionFailed, match="goes through stations too often"):
        condition.holds({"stations": [str(number) for number in range(2000)]})
    assert condition.holds({"stations": ["MR1", "MR2"]})


@settings(max_examples=300, deadline=None)
@given(text=st.lists(st.sampled_from(FRAGMENTS), max_size=9).map(" ".join) | st.text(string.printable, max_size=20))
def test_no_text_does_anything_but_be_refused_or_become_a_condition_that_holds_fails_or_does_not(text):
    try:
        condition = compile_expression(text, STUDY)
    except ValueError:
        return
    for values in ({}, study_values(order(), study())):
        with suppress(ExpressionFailed):
            assert condition.holds(values) in {True, False}


@settings(max_examples=200, deadline=None)
@given(
    text=st.sampled_from(
        [
            "age > 3 and modalities[0] == 'MR'",
            "modalities[3] == 'MR' or age / 0 > image_count",
            "study_description.to_int > 3",
            "PixelSpacing[1] > 0.5",
            "$max(PixelSpacing) > 1",
            "[one for one in stations if one =~ 'a'][2] == 'b'",
        ]
    ),
    names=st.dictionaries(st.sampled_from(["age", "image_count"]), st.floats()),
    spacing=VALUES,
)
def test_a_rule_that_raises_stops_itself_only(text, names, spacing):
    condition = compile_expression(text.replace("'", '"'), STUDY)
    table = type("Table", (), {"name": "x", "means": "", "series_most": None, "start": None, "until": None})()
    rule = Rule(table, condition, None)
    values = study_values(order(), study()) | names
    values["dicom"] = {"00280030": {"vr": "DS", "Value": [spacing]}}
    decision = rule.decide(values, [{"uid": "1"}])
    assert decision.stopped is decision.explanation.startswith("rule x: stopped")
    assert not (decision.stopped and decision.matches)


def test_a_rule_that_stops_is_shown_and_the_others_go_on(tmp_path):
    failing, other = rules_of(tmp_path, 'modalities[3] == "MR"', '"MR" in modalities')
    values = study_values(order(), study())
    stopped, decided = (rule.decide(values, [{"uid": "1"}]) for rule in (failing, other))
    assert (stopped.stopped, stopped.matches, decided.matches) == (True, False, True)
    assert "stopped, 'modalities[3] == \"MR\"' cannot be decided" in stopped.explanation
