"""The rule file: which studies get which workitem (design decision D12)."""

import pytest

from actors.task_requester.rules import load_rules
from profiles.errors import BadInput

STUDY = {
    "modalities": ["MR"],
    "body_parts": ["HEAD"],
    "series_descriptions": ["T1"],
    "study_description": "MR head",
    "image_count": 176.0,
    "largest_series": 176.0,
    "procedure_code": "",
    "procedure_scheme": "",
    "procedure": "",
    "ordered_modalities": [],
    "reason": "",
    "patient_class": "",
    "priority": "",
    "sender": "",
}
SERIES = {
    "uid": "1.2.3",
    "modality": "MR",
    "body_part": "HEAD",
    "series_description": "T1",
    "images": 176.0,
    "sop_class": "1.2.840.10008.5.1.4.1.1.4",
    "image_type": ["ORIGINAL", "PRIMARY"],
    "acquisition_type": "3D",
    "slice_thickness": 1.0,
}
RULE = """
[[rule]]
name = "{name}"
when = '{when}'
{more}
workitem_code = {{ value = "X", scheme = "99X", meaning = "x" }}
label = "x"
"""


def rule_file(tmp_path, *rules, more=""):
    path = tmp_path / "rules.toml"
    texts = [RULE.format(name=f"rule-{number}", when=when, more=more) for number, when in enumerate(rules, 1)]
    path.write_text("".join(texts))
    return path


@pytest.mark.parametrize(
    ("study", "matches"),
    [
        ({}, True),
        ({"modalities": ["CT"]}, False),
        ({"modalities": ["MR", "OT"]}, True),
        ({"body_parts": ["KNEE"]}, False),
        ({"body_parts": ["KNEE"], "study_description": "MR head"}, False),
        ({"body_parts": [], "study_description": "MRT Kopf nativ"}, True),
        ({"body_parts": [], "study_description": "", "procedure": "MR Brain w/o contrast"}, True),
        ({"body_parts": [], "study_description": "MR of the forearm"}, False),
        ({"body_parts": [], "study_description": ""}, False),
    ],
)
def test_the_rules_of_the_package_send_heads_to_brain_extraction(study, matches):
    (rule,) = load_rules(None)
    decision = rule.decide({**STUDY, **study}, [SERIES])
    assert decision.matches is matches
    assert rule.table.workitem_code.value == "BRAINSEG"
    assert "modalities is" in decision.explanation


def test_only_series_that_fit_are_input():
    (rule,) = load_rules(None)
    localizer = {**SERIES, "uid": "1.2.4", "image_type": ["ORIGINAL", "LOCALIZER"]}
    short = {**SERIES, "uid": "1.2.5", "images": 3.0}
    assert rule.decide(STUDY, [localizer, SERIES, short]).series == ("1.2.3",)
    decision = rule.decide(STUDY, [localizer, short])
    assert not decision.matches
    assert "images is 3" in decision.explanation


def test_all_faults_of_a_rule_file_are_told_at_once(tmp_path):
    path = tmp_path / "rules.toml"
    path.write_text(
        RULE.format(name="one", when="modality ==", more="")
        + RULE.format(name="two", when="weight > 80", more="")
        + RULE.format(name="three", when='"MR" in modalities', more='colour = "red"\nseries = "images > modality"')
        + RULE.format(name="same", when='"MR" in modalities', more="")
        + RULE.format(name="same", when='"MR" in modalities', more="")
        + "[[rule]]\nname = 'bare'\n[other]\n"
    )
    with pytest.raises(BadInput) as caught:
        load_rules(path)
    message = caught.value.message
    for fault in ("rule one, when", "rule two, when", "colour", "rule same", "bare, when", "bare, label", "other"):
        assert fault in message, message
    assert "docs/rules.md" in message


@pytest.mark.parametrize(
    ("content", "words"), [("not toml [", "no TOML"), ("", "no [[rule]]"), ("rule = 3", "no [[rule]]")]
)
def test_a_file_that_is_no_rule_file_is_told(tmp_path, content, words):
    path = tmp_path / "rules.toml"
    path.write_text(content)
    with pytest.raises(BadInput) as caught:
        load_rules(path)
    assert words in caught.value.message


def test_a_rule_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(BadInput, match="cannot be read"):
        load_rules(tmp_path / "none.toml")


@pytest.mark.parametrize("when", ['__import__("os")', "modalities.__class__", "open('/etc/passwd')"])
def test_a_condition_is_never_python(tmp_path, when):
    path = tmp_path / "rules.toml"
    path.write_text(RULE.format(name="one", when=when.replace("'", '"'), more=""))
    with pytest.raises(BadInput, match="no condition"):
        load_rules(path)


def test_every_rule_that_matches_makes_a_decision(tmp_path):
    rules = load_rules(rule_file(tmp_path, '"MR" in modalities', '"CT" in modalities', "image_count > 100"))
    assert [rule.decide(STUDY, [SERIES]).matches for rule in rules] == [True, False, True]
