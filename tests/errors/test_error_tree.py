"""The error tree: each error knows its words, its findings and its form on every wire."""

import pytest

import profiles.errors
from profiles.errors import (
    BadInput,
    Conflict,
    Finding,
    Gone,
    NotAcceptable,
    NotAuthorised,
    NotFound,
    StepwellError,
    Unavailable,
    UnsupportedMediaType,
)

CLASSES = {
    StepwellError: 500,
    BadInput: 400,
    NotFound: 404,
    Gone: 410,
    Conflict: 409,
    NotAuthorised: 403,
    NotAcceptable: 406,
    UnsupportedMediaType: 415,
    Unavailable: 503,
}


@pytest.mark.parametrize(("kind", "status"), CLASSES.items())
def test_each_kind_of_error_has_its_status(kind, status):
    assert kind("words").row.http == status


@pytest.mark.parametrize("kind", CLASSES)
def test_the_tree_is_drawn_in_the_docstring(kind):
    drawn = profiles.errors.__doc__
    assert kind.__name__.removesuffix("MediaType") in drawn


def test_a_key_tells_one_kind_apart_within_its_class():
    error = BadInput("The Transaction UID is absent.", key="transaction-uid-missing")
    assert (error.row_key, error.row.dimse) == ("transaction-uid-missing", "C301")
    assert error.row.warning == "The Transaction UID is missing."
    assert BadInput("words").row_key == "bad-input"


def test_what_was_deleted_is_also_not_found():
    with pytest.raises(NotFound):
        raise Gone("The instance has been deleted.")


def test_an_error_carries_its_words_and_every_finding():
    findings = [Finding("A", "is absent"), Finding("B", "is empty")]
    error = Conflict("Two things are wrong.", findings=findings)
    assert str(error) == error.message == "Two things are wrong."
    assert error.findings == tuple(findings)


@pytest.mark.parametrize(
    ("finding", "said"),
    [
        (Finding("A.B", "is absent", "PS3.4 CC.2.5-3", "Add it."), "A.B: is absent Add it."),
        (Finding("", "The body is no JSON."), "The body is no JSON."),
        (Finding("A", "is empty"), "A: is empty"),
    ],
)
def test_a_finding_says_where_what_and_what_to_do(finding, said):
    assert str(finding) == said
