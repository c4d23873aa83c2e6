"""``errors.csv``: what each kind of error is on each wire, and that the code knows no other kind."""

import ast
from functools import cache
from http import HTTPStatus
from pathlib import Path

import pytest
from pynetdicom.status import (
    GENERAL_STATUS,
    STORAGE_SERVICE_CLASS_STATUS,
    UNIFIED_PROCEDURE_STEP_SERVICE_CLASS_STATUS,
    code_to_category,
)

import profiles.errors
from profiles.errors import ErrorRow, StepwellError, error_row, error_rows
from profiles.tables import read_table
from profiles.ups import requirements

ROOT = Path(profiles.__file__).parent.parent
ROOMS = ("profiles", "workitems", "ai_engines", "sole_logging", "actors", "conformance", "connectathon", "stepwell")
DIMSE = {**GENERAL_STATUS, **STORAGE_SERVICE_CLASS_STATUS, **UNIFIED_PROCEDURE_STEP_SERVICE_CLASS_STATUS}
SUCCESSFUL = range(200, 300)
REFUSING = range(400, 500)

# PS3.18 2024e sections 11.4 to 11.12 (and 2026a 11.8.3), each text with the status codes that it goes with.
WARNINGS = {
    "The Workitem was created with modifications.": {201},
    "The Workitem was updated with modifications.": {200},
    "Requested optional Attributes are not supported.": {200},
    "The target URI did not reference a claimed Workitem.": REFUSING,
    "The submitted request is inconsistent with the current state of the Workitem.": REFUSING,
    "The UPS is already in the requested state of CANCELED.": {200, 202},
    "The UPS is already in the requested state of COMPLETED.": {200},
    "The Transaction UID is missing.": REFUSING,
    "The Transaction UID is incorrect.": REFUSING,
    "The submitted request is inconsistent with the state of the UPS Instance.": REFUSING,
    "The UPS is already COMPLETED.": {409},
    "Performer chooses not to cancel.": {409},
    "The performer cannot be contacted.": {409},
    "Deletion Lock not granted.": {201},
    "Filtered Worklist Subscriptions are not supported.": {403},
    "There are <remaining> additional results that can be requested": {200},
    "The fuzzymatching parameter is not supported. Only literal matching has been performed.": {200, 204},
    "The emptyvaluematching parameter is not supported. Empty Value Matching has not been performed.": {200, 204},
    "The multiplevaluematching parameter is not supported. Multiple Value Matching has not been performed.": {200, 204},
}


@cache
def modules():
    paths = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


def texts(node):
    """The texts that an expression can be."""
    return {found.value for found in ast.walk(node) if isinstance(found, ast.Constant) and isinstance(found.value, str)}


def keys_used():
    """Each key that the code names: given to an error, asked of the table, or compared with."""
    classes = set(error_classes())
    for path, tree in modules():
        for node in ast.walk(tree):
            found = set()
            if isinstance(node, ast.Call):
                if {one.id for one in ast.walk(node.func) if isinstance(one, ast.Name)} & classes:
                    found = {one for given in node.keywords if given.arg == "key" for one in texts(given.value)}
                elif isinstance(node.func, ast.Name) and node.func.id in ("error_row", "_error"):
                    found = {one for given in node.args[:1] for one in texts(given)}
            elif isinstance(node, ast.Compare) and isinstance(node.left, ast.Attribute) and node.left.attr == "row_key":
                found = {one for given in node.comparators for one in texts(given)}
            for key in found:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", key


def error_classes():
    """Class name to the default key that it states, or to None when it has that of its parent."""
    known, grown = {"StepwellError": "internal"}, True
    while grown:
        before = len(known)
        for _, tree in modules():
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef) and {ast.unparse(base) for base in node.bases} & set(known):
                    stated = [
                        one
                        for part in node.body
                        if isinstance(part, ast.Assign | ast.AnnAssign)
                        for target in (part.targets if isinstance(part, ast.Assign) else [part.target])
                        if ast.unparse(target) == "key" and part.value is not None
                        for one in texts(part.value)
                    ]
                    known[node.name] = stated[0] if stated else None
        grown = len(known) > before
    return known


def test_every_key_in_the_code_is_a_row_of_the_table():
    used = list(keys_used())
    assert len(used) > 10
    assert [(where, key) for where, key in used if key not in error_rows()] == []


def test_every_class_of_error_has_a_row_of_its_own_or_of_its_parent():
    classes = error_classes()
    assert {"BadInput", "Gone", "Unavailable", "IllegalResult"} <= set(classes)
    assert [(name, key) for name, key in classes.items() if key is not None and key not in error_rows()] == []


def test_every_refusal_of_the_transition_table_is_a_row():
    outcomes = {row["outcome"] for row in read_table("profiles.ups", "transitions")} - {"done", "accepted"}
    assert outcomes <= set(error_rows())


def test_a_key_that_the_table_lacks_is_named():
    with pytest.raises(KeyError, match="no-such-row"):
        error_row("no-such-row")
    with pytest.raises(KeyError, match="no-such-row"):
        _ = StepwellError("words", key="no-such-row").row


def each_row(test):
    return pytest.mark.parametrize("row", error_rows().values(), ids=list(error_rows()))(test)


@each_row
def test_the_status_is_one_of_http(row: ErrorRow):
    assert HTTPStatus(row.http) not in range(300, 400)
    assert row.source


@each_row
def test_what_went_well_is_audited_as_a_success_and_a_refusal_is_not(row: ErrorRow):
    """EventOutcomeIndicator: 0 success, 4 minor, 8 serious, 12 major failure (PS3.15 A.5)."""
    assert row.audit_outcome in ((0,) if row.http in SUCCESSFUL else (4, 8, 12))


@each_row
@pytest.mark.requirement(*(f"UPS-{number}" for number in range(101, 121)))
def test_a_warning_is_a_text_of_the_standard_with_its_status(row: ErrorRow):
    if row.warning:
        assert row.http in WARNINGS[row.warning]


@pytest.mark.requirement(*(f"UPS-{number}" for number in range(101, 121)))
def test_the_requirements_have_the_same_texts():
    assert {one.rule for one in requirements().values() if one.kind == "warning"} == set(WARNINGS)


@each_row
def test_a_dimse_status_is_four_digits_that_pynetdicom_knows(row: ErrorRow):
    if row.dimse:
        assert len(row.dimse) == 4
        assert row.dimse == row.dimse.upper()
        status = int(row.dimse, 16)
        assert status in DIMSE or row.dimse.startswith(("A7", "C"))
        assert code_to_category(status) == ("Warning" if row.http in SUCCESSFUL else "Failure")


def test_only_what_has_no_counterpart_on_the_wire_lacks_a_dimse_status():
    lacking = {row.key for row in error_rows().values() if not row.dimse}
    assert lacking == {
        "not-authenticated",
        "not-acceptable",
        "unsupported-media-type",
        "method-not-allowed",
        "payload-not-received",
        "fuzzymatching-unsupported",
        "emptyvaluematching-unsupported",
        "multiplevaluematching-unsupported",
    }
