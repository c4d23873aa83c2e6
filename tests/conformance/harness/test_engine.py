"""What a verdict means, and that no test can hold up a run."""

import threading

from conformance.finding import Finding, Severity
from conformance.harness import Verdict
from conformance.harness.verdicts import exit_status, of_tests

from .conftest import case, requirement


def verdicts(result):
    return [test.verdict for test in result.tests]


def test_a_test_passes_when_all_that_must_hold_holds(judged):
    result = judged(lambda trial, _: trial.must(True, "it holds"))
    assert verdicts(result) == [Verdict.PASS]
    assert result.verdict is Verdict.PASS


def test_a_broken_must_fails_and_the_test_goes_on(judged):
    def body(trial, _):
        trial.must(False, "first", found="nothing")
        trial.must(False, "second")

    result = judged(body)
    assert verdicts(result) == [Verdict.FAIL]
    assert [one.text for one in result.tests[0].broken] == ["first", "second"]


def test_a_broken_require_ends_the_test(judged):
    def body(trial, _):
        trial.require(False, "first")
        trial.must(False, "second")

    assert [one.text for one in judged(body).tests[0].broken] == ["first"]


def test_a_broken_should_warns_and_a_warning_is_conformant(judged):
    result = judged(lambda trial, _: trial.should(False, "a Warning header is there"))
    assert verdicts(result) == [Verdict.WARN]
    assert exit_status(result.verdict) == 0


def test_a_note_changes_nothing(judged):
    def body(trial, _):
        trial.must(True, "it holds")
        trial.note("the answer came as 409")

    assert verdicts(judged(body)) == [Verdict.PASS]


def test_a_requirement_of_level_warning_never_fails(judged):
    row = requirement(severity=Severity.WARNING)
    assert verdicts(judged(case(lambda trial, _: trial.must(False, "it holds"), row=row))) == [Verdict.WARN]


def test_an_uncertain_requirement_never_fails(judged):
    row = requirement(verified="project")
    assert verdicts(judged(case(lambda trial, _: trial.must(False, "it holds"), row=row))) == [Verdict.WARN]


def test_a_requirement_of_level_information_never_warns(judged):
    row = requirement(severity=Severity.INFO)

    def body(trial, _):
        trial.must(False, "it is told")
        trial.should(False, "it is told too")

    assert verdicts(judged(case(body, row=row))) == [Verdict.PASS]


def test_findings_of_an_object_check_count_at_their_own_level(judged):
    def found(severity):
        return [Finding("x", "AIR-016", severity, "ContributingEquipmentSequence", "is absent", "Add it.", "air")]

    def body(severity):
        return lambda trial, _: trial.findings(found(severity), "the object is legal")

    severities = (Severity.ERROR, Severity.WARNING, Severity.INFO)
    result = judged(*(case(body(severity)) for severity in severities))
    assert verdicts(result) == [Verdict.FAIL, Verdict.WARN, Verdict.PASS]
    broken = result.tests[0].broken[0]
    assert (broken.rule, broken.found, broken.fix) == ("AIR-016", "ContributingEquipmentSequence: is absent", "Add it.")


def test_a_test_that_judges_nothing_is_inconclusive(judged):
    assert verdicts(judged(lambda trial, _: trial.step("look"))) == [Verdict.INCONCLUSIVE]


def test_skip_inconclusive_and_omit_carry_their_reason(judged):
    result = judged(
        lambda trial, _: trial.skip("no images"),
        lambda trial, _: trial.inconclusive("no traffic"),
        lambda trial, _: trial.omit("not offered"),
    )
    assert [(test.verdict, test.reason) for test in result.tests] == [
        (Verdict.SKIP, "no images"),
        (Verdict.INCONCLUSIVE, "no traffic"),
        (Verdict.OMIT, "not offered"),
    ]
    assert exit_status(result.verdict) == 3


def test_a_breach_seen_before_the_test_gave_up_still_fails(judged):
    def body(trial, _):
        trial.must(False, "it holds")
        trial.inconclusive("no traffic")

    assert verdicts(judged(body)) == [Verdict.FAIL]


def test_a_defect_of_the_harness_is_an_error_and_never_a_failure(judged):
    def body(trial, _):
        trial.must(False, "it holds")
        raise ZeroDivisionError("ours")

    result = judged(body)
    assert verdicts(result) == [Verdict.ERROR]
    assert "ZeroDivisionError" in result.tests[0].reason
    assert exit_status(result.verdict) == 4
    assert any(
        "ZeroDivisionError" in (judged.evidence.folder / item.file).read_text() for item in judged.evidence.items
    )


def test_what_the_system_does_not_declare_is_omitted(judged):
    def body(trial, _):
        trial.must(False, "never judged")

    cases = (case(body, option="xml"), case(body, transport="dimse"))
    result = judged(*cases)
    assert verdicts(result) == [Verdict.OMIT, Verdict.OMIT]
    assert "xml" in result.tests[0].reason
    assert "dimse" in result.tests[1].reason
    assert verdicts(judged(*cases, options={"xml"}, transports={"dimse"})) == [Verdict.FAIL, Verdict.FAIL]


def test_a_test_that_waits_too_long_is_inconclusive(judged):
    def body(trial, _):
        trial.wait_for(lambda: False, seconds=3600)

    result = judged(case(body, limit_seconds=0.2), lambda trial, _: trial.must(True, "the next one runs"))
    assert verdicts(result) == [Verdict.INCONCLUSIVE, Verdict.PASS]


def test_a_test_that_does_not_end_is_an_error_and_the_run_goes_on(judged, monkeypatch):
    monkeypatch.setattr("conformance.harness.engine._GRACE_SECONDS", 0.1)
    free = threading.Event()
    try:
        result = judged(
            case(lambda trial, _: free.wait(), limit_seconds=0.1),
            lambda trial, _: trial.must(True, "the next one runs"),
        )
    finally:
        free.set()
    assert verdicts(result) == [Verdict.ERROR, Verdict.PASS]


def test_cleaning_up_happens_last_first_however_the_test_ended(judged):
    done = []

    def body(trial, _):
        trial.defer(lambda: done.append("first"))
        trial.defer(lambda: done.append("second"))
        trial.require(False, "it holds")

    judged(body)
    assert done == ["second", "first"]


def test_what_cannot_be_cleaned_up_is_told(judged):
    def body(trial, _):
        trial.defer(lambda: 1 / 0)
        trial.must(True, "it holds")

    result = judged(body)
    assert verdicts(result) == [Verdict.PASS]
    assert "could not clean up" in result.tests[0].reason


def test_without_an_operator_a_test_that_needs_one_is_inconclusive(judged):
    def body(trial, _):
        trial.must(trial.ask("restart", "Start the system again."), "it was done")

    assert verdicts(judged(body)) == [Verdict.INCONCLUSIVE]
    assert verdicts(judged(body, actions={"restart": lambda instruction: True})) == [Verdict.PASS]
    assert verdicts(judged(body, actions={"restart": lambda instruction: False})) == [Verdict.FAIL]


def test_a_system_is_as_good_as_its_worst_test():
    order = [Verdict.PASS, Verdict.WARN, Verdict.SKIP, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR]
    for number, worst in enumerate(order):
        assert of_tests([*order[: number + 1], Verdict.OMIT]) is worst
    assert of_tests([Verdict.OMIT]) is Verdict.INCONCLUSIVE
