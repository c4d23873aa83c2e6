"""Person names: without regard to case and accents, and by likeness when asked (PS3.4 C.2.2.2.1)."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.dicom import put
from workitems.matching import matches
from workitems.names import folded

NAME = "PatientName"


def named(alphabetic, **groups):
    return put({}, NAME, {"Alphabetic": alphabetic, **groups})


@pytest.mark.requirement("AIWI-TM-058")
@pytest.mark.parametrize(
    ("name", "wanted", "expected"),
    [
        ("FICTIONAL^ADA", "fictional^*", True),
        ("FICTIONAL^ADA", "Fictional^Ada", True),
        ("FICTIONAL^ADA", "ADA*", False),
        ("FICTIONAL^ADA", "FICTIONAL", False),
        ("FICTIONAL^ADA^^", "FICTIONAL^ADA", True),
        ("Müller^Zoë", "MULLER^ZOE", True),
        ("MULLER^ZOE", "müller^z*", True),
        ("Straße^Ada", "STRASSE^*", True),
        ("\uff21\uff24\uff21", "Ada", True),
    ],
)
def test_names_match_without_regard_to_case_and_accents(name, wanted, expected):
    assert matches(named(name), {NAME: wanted}) is expected


def test_a_key_of_one_group_matches_any_and_a_key_of_several_each_its_own():
    name = named("Yamada^Hanako", Ideographic="山田^花子", Phonetic="やまだ^はなこ")
    assert matches(name, {NAME: "山田*"})
    assert matches(name, {NAME: "yamada^*"})
    assert matches(name, {NAME: "Yamada^Hanako=山田^花子"})
    assert matches(name, {NAME: "=山田^花子"})
    assert not matches(name, {NAME: "Yamada^Hanako=山田^太郎"})
    assert not matches(name, {NAME: "山田^花子=Yamada^Hanako"})


def test_marks_that_are_no_accents_stay():
    assert not matches(named("x", Phonetic="かき"), {NAME: "がき"})


@pytest.mark.requirement("AIWI-TM-058")
@pytest.mark.parametrize(
    ("name", "wanted", "expected"),
    [
        ("MEYER^ANNA", "Meier", True),
        ("SMITH^JOHN", "Smyth^Jon", True),
        ("SMITH^JOHN", "John Smith", True),
        ("FICTIONAL^ADA", "FICTONAL*", True),
        ("FICTIONAL^ADA", "Lovelace", False),
        ("FICTIONAL^ADA", "Fictional^Edda", False),
        ("Müller^Zoë", "mueller", True),
    ],
)
def test_fuzzy_names_match_word_by_word(name, wanted, expected):
    assert matches(named(name), {NAME: wanted}, fuzzy=True) is expected


def test_fuzzy_matching_is_for_names_alone():
    assert not matches(put(named("ADA"), "PatientID", "P100"), {"PatientID": "P1O0"}, fuzzy=True)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_folding_a_name_again_changes_nothing(name):
    assert folded(folded(name)) == folded(name)


@given(st.text(st.characters(categories=["Lu", "Ll"], max_codepoint=0x24F), min_size=1, max_size=20))
def test_a_name_matches_itself_in_either_form_of_unicode(name):
    assert matches(named(unicodedata.normalize("NFD", name)), {NAME: unicodedata.normalize("NFC", name)})
    assert matches(named(name), {NAME: name}, fuzzy=True)
