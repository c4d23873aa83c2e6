"""What the check of a rule file finds, and what it cannot see."""

from datetime import UTC, datetime

import pytest

from actors.task_requester.rules import load_rules
from actors.task_requester.rules.checking import check_rules
from actors.task_requester.rules.offered import Offered
from actors.task_requester.rules.sampling import samples_of
from profiles.dicom import Code
from tests.task_requester.rule_files import rules_of, sample_rules, samples
from workitems.pipelines import Pipeline, Step

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
HIGH = 'priority = "HIGH"'


def doubts(rules, offered=None):
    """Rule and kind of everything doubtful."""
    return [(one.rule, one.kind) for one in check_rules(rules, offered or Offered(), NOW)]


@pytest.mark.parametrize(
    ("when", "more", "kinds"),
    [
        ('"MR" in modalities', "", []),
        ('"MR" in modalities and age >= 18 and priority in ["S", "A"] and sex == "F"', "", []),
        ('study_description =~~ "(?i)\\\\b(head|sch[aä]del)" and procedure == "x"', "", []),
        ("age > 18 and age < 12", "", ["unreachable"]),
        ('sex == "F" and sex == "M"', "", ["unreachable"]),
        ('"MR" in modalities and not "MR" in modalities', "", ["unreachable"]),
        ("age > 3 or not age > 3", "", ["always"]),
        ('"MR" in modalities', "series = 'images > 5 and images < 2'", ["unreachable"]),
        ('modalities[1] == "MR"', "", ["unreachable", "failing"]),
        ('study_description =~ "x{9}(y|z){7}" or age > 3', "", ["unseen"]),
        ('"MR" in modalities', "until = 2026-01-01", ["over"]),
        ('"mr" in modalities', "", ["impossible", "unreachable"]),
        ('"mr" in modalities or "MR" in modalities', "", ["impossible"]),
        ('sex == "female"', "", ["impossible", "unreachable"]),
        ('study_weekday == "Monday"', "", ["impossible", "unreachable"]),
        ('origin == "dicom"', "", ["impossible", "unreachable"]),
        ('"BRAIN" in procedure_codes', "", ["impossible", "unreachable"]),
        ('ScanningSequence[0] == "se"', "", ["impossible", "unreachable", "failing"]),
        ("study_hour > 24", "", ["unreachable"]),
        ("age > 3", "series_prefer = 'image_type[4]'\nseries_most = 1", ["failing"]),
        ("age > 3", "priors = { days = 9, series = 'modality == \"mr\"' }", ["impossible"]),
        ("age > 3", "priors = { days = 9, series = 'image_type[7] == \"X\"' }", ["failing"]),
        ('$any([one =~ "(?i)brain.*" for one in body_parts])', "", []),
        ("modalities.length > 2", "", []),
        ("$sum([1 for one in stations]) > 3", "", []),
    ],
)
def test_rules_that_never_or_always_hold_or_fail_are_found(tmp_path, when, more, kinds):
    rules = rules_of(tmp_path, {"when": when, "more": more})
    assert [kind for _, kind in doubts(rules)] == kinds


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"when": "age > 18"}, {"when": "age > 60"}, [("rule-2", "covered")]),
        ({"when": "age > 60"}, {"when": "age > 18"}, [("rule-1", "covered")]),
        ({"when": "age > 18"}, {"when": "age > 60", "more": HIGH}, [("rule-1", "contradiction")]),
        ({"when": "age > 18"}, {"when": "age > 60", "code": "Y"}, []),
        ({"when": "age > 60"}, {"when": "age < 18"}, []),
        ({"when": "age > 18"}, {"when": "age < 60"}, []),
        ({"when": "age > 18", "more": "until = 2026-06-01"}, {"when": "age > 60", "more": "from = 2026-06-01"}, []),
        (
            {"when": "age > 18", "more": 'engine_version = "1"'},
            {"when": "age > 18", "more": 'engine_version = "2"'},
            [],
        ),
    ],
)
def test_rules_that_contradict_or_cover_each_other_are_found(tmp_path, one, other, expected):
    assert doubts(rules_of(tmp_path, one, other)) == expected


def test_codes_that_nobody_serves_and_versions_that_are_not_here_are_found(tmp_path):
    more = 'engine_version = "2"'
    rules = rules_of(tmp_path, {"when": "age > 1", "code": "X", "more": more}, {"when": "age > 1", "code": "Z"})
    assert doubts(rules, Offered({("X", "99X"): {"1"}})) == [("rule-1", "version"), ("rule-2", "unserved")]
    assert doubts(rules, Offered({("X", "99X"): {"1", "2"}, ("Z", "99X"): {"1"}})) == []


X, QC = Code("X", "99X", "x"), Code("QC", "99X", "qc")


def test_a_version_for_a_pipeline_or_one_that_no_engine_has_for_a_step_is_found(tmp_path):
    rules = rules_of(tmp_path, {"when": "age > 1", "more": 'engine_version = "2"'})
    steps = (Step("one", QC), Step("two", QC, engine_version="3"))
    offered = Offered({("QC", "99X"): {"1"}}, [Pipeline(steps, X)])
    assert doubts(rules, offered) == [("rule-1", "version"), ("pipeline X", "version")]


@pytest.mark.parametrize(
    ("step", "kinds"),
    [
        (Step("one", QC), [("pipeline X", "twice")]),
        (Step("one", QC, shared=True), []),
        (Step("one", QC, engine_version="1"), []),
    ],
    ids=["twice", "shared", "another-version"],
)
def test_a_step_that_two_pipelines_would_do_twice_is_found(tmp_path, step, kinds):
    other = Pipeline((Step("another", QC, shared=True),), Code("Y", "99X", "y"))
    rules = rules_of(tmp_path, {"when": "age > 1"})
    assert doubts(rules, Offered({("QC", "99X"): {"1"}}, [Pipeline((step,), X), other])) == kinds


def test_earlier_studies_for_an_engine_that_does_not_tell_them_apart_are_found(tmp_path):
    rules = rules_of(tmp_path, {"when": "age > 1", "more": "priors = { days = 30 }"})
    assert doubts(rules, Offered({("X", "99X"): {"1"}})) == [("rule-1", "priors")]
    assert doubts(rules, Offered({("QC", "99X"): {"1"}}, [Pipeline((Step("one", QC),), X)])) == []


def test_the_rules_of_the_package_and_the_samples_are_free_of_doubt(tmp_path):
    assert doubts(load_rules(None)) == []
    for name in samples():
        assert doubts(sample_rules(tmp_path, name)) == []


@pytest.mark.parametrize(
    "pattern", ["abc", "(?i)3d", "(?i)\\b(head|brain)", "MR.*", "a\\d+", "sch[aä]del", "A|B", "^x$"]
)
def test_texts_are_found_for_patterns_of_the_usual_kind(pattern):
    assert samples_of(pattern)


def test_no_text_is_claimed_for_a_pattern_that_it_does_not_fit():
    assert samples_of("x{9}") == []
