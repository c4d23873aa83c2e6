"""Results of one patient's studies over time: what lines up, what changed, and what a rule makes of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.air import (
    AlgorithmIdentification,
    Finding,
    IllegalResult,
    Measurement,
    ResultContext,
    Results,
    Segmentation,
    Tracking,
    encode,
)
from profiles.air.lineage import StudyResults, Succession, carry_tracking, identified
from profiles.air.longitudinal import Course, Evolution, change_of, evolution, line_up, time_points
from profiles.air.progression import Against, ProgressionRule, Verdict, progression_rule
from profiles.air.units import Amount
from profiles.dicom import Code, code
from profiles.tables import read_table
from tests.air.conftest import Judge

VOLUME, DIAMETER, MEAN = code("SCT", "118565006"), code("SCT", "81827009"), code("SCT", "373098007")
ML, MM3, MM, LESION = code("UCUM", "mL"), code("UCUM", "mm3"), code("UCUM", "mm"), code("SCT", "52988006")
START = datetime(2030, 1, 1, 9, tzinfo=UTC)
GLIOMA, NADIR = progression_rule("glioma-volume"), progression_rule("glioma-volume-nadir")


def lesions(**volumes: float | None) -> Results:
    """Lesions with their volumes in mL; None is absent."""
    named = {Tracking(name): volume for name, volume in volumes.items()}
    return Results(
        findings=tuple(Finding(LESION, of, present=volume is not None) for of, volume in named.items()),
        measurements=tuple(Measurement(VOLUME, volume, ML, of) for of, volume in named.items() if volume is not None),
    )


def stated(value: float, unit: Code = ML, uid: str = "", name: str = "A", **how: Any) -> Results:
    """One lesion with one measurement."""
    of = Tracking(name, uid)
    row = Measurement(how.pop("quantity", VOLUME), value, unit, of, **how)
    return Results(findings=(Finding(LESION, of),), measurements=(row,))


def study(day: int, results: Results, **other: Any) -> StudyResults:
    """A study some days after the first, read on its day."""
    at = START + timedelta(days=day)
    filled = {"patient_id": "P1", "engine": "Seg", "version": "1.0", "study_instance_uid": f"1.2.40.9.{day + 1}"}
    return StudyResults(**{**filled, "at": at, "made_at": at, "results": results, **other})


def courses(*found: StudyResults, rule: ProgressionRule = GLIOMA) -> dict[str, Course]:
    return {course.series.tracking.identifier: course for course in evolution(found, rule).courses}


def verdicts(*volumes: float | None, rule: ProgressionRule, days: int = 30) -> list[Verdict]:
    """The verdict on each study after the first, of one lesion."""
    found = [study(days * place, lesions(A=volume)) for place, volume in enumerate(volumes)]
    return [judgement.verdict for judgement in courses(*found, rule=rule)["A"].judgements]


P, R, S, N, T = (
    Verdict.PROGRESSION,
    Verdict.RESPONSE,
    Verdict.STABLE,
    Verdict.NOT_COMPARABLE,
    Verdict.TO_BE_CONFIRMED,
)


@pytest.mark.parametrize(
    ("volumes", "rule", "expected"),
    [
        pytest.param((1.0, 1.4), GLIOMA, [P], id="forty-percent"),
        pytest.param((1.1, 1.54), GLIOMA, [P], id="forty-percent-of-decimal-fractions"),
        pytest.param((1.0, 1.399), GLIOMA, [S], id="below-forty-percent"),
        pytest.param((1.0, 0.5, 0.9), GLIOMA, [S, S], id="from-nadir-does-not-count"),
        pytest.param((1.0, 0.35), GLIOMA, [R], id="response"),
        pytest.param((1.0, 0.5, 0.7), NADIR, [S, T], id="from-nadir-to-be-confirmed"),
        pytest.param((1.0, 0.5, 0.7, 0.7), NADIR, [S, T, P], id="confirmed"),
        pytest.param((1.0, 0.5, 0.7, 0.5, 0.7), NADIR, [S, T, S, T], id="not-confirmed"),
        pytest.param((1.0, None), GLIOMA, [R], id="gone"),
        pytest.param((None, 0.1), GLIOMA, [P], id="come"),
        pytest.param((None, None, 0.0), GLIOMA, [S, S], id="nothing-of-nothing"),
    ],
)
def test_a_rule_decides_what_a_change_is(
    volumes: tuple[float | None, ...], rule: ProgressionRule, expected: list[Verdict]
) -> None:
    assert verdicts(*volumes, rule=rule) == expected


amounts = st.one_of(st.none(), st.integers(0, 10**6).map(lambda number: number / 1000))


@given(st.lists(amounts, min_size=2, max_size=5), st.randoms(use_true_random=False), st.sampled_from([GLIOMA, NADIR]))
def test_verdicts_depend_neither_on_the_order_given_nor_on_the_unit(
    volumes: list[float | None], chance: Random, rule: ProgressionRule
) -> None:
    found = [study(30 * place, lesions(A=volume)) for place, volume in enumerate(volumes)]
    cubes = [
        dataclasses.replace(
            one,
            results=dataclasses.replace(
                one.results,
                measurements=tuple(
                    dataclasses.replace(row, value=round(row.value * 1000), unit=MM3)
                    for row in one.results.measurements
                ),
            ),
        )
        for one in found
    ]
    chance.shuffle(cubes)
    usual, other = evolution(found, rule).courses, evolution(cubes, rule).courses
    assert [[one.verdict for one in course.judgements] for course in usual] == [
        [one.verdict for one in course.judgements] for course in other
    ]


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_progression_begins_at_forty_percent_exactly(before: int, now: int) -> None:
    """In whole cubic millimetres, so that integers can tell."""
    found = courses(study(0, stated(before / 1000)), study(30, stated(now / 1000)))["A"]
    assert (found.latest.verdict is P) == (10 * now >= 14 * before)


def test_what_needs_a_readers_eye_comes_first() -> None:
    first = study(0, lesions(A=1.0, B=1.0, C=1.0, D=1.0))
    later = study(30, lesions(A=1.0, B=0.1, D=2.0))
    verdict = [course.latest.verdict for course in evolution([first, later], GLIOMA).courses]
    assert verdict == [P, N, R, S]


def test_a_progression_is_confirmed_only_after_its_days() -> None:
    assert verdicts(1.0, 2.0, 2.0, 2.0, rule=NADIR, days=14) == [T, T, P]


def test_a_small_increase_is_none_whatever_its_percentage() -> None:
    rule = ProgressionRule(VOLUME, 40, minimum_absolute=500, minimum_unit=MM3)
    assert verdicts(0.1, 0.5, 0.6, rule=rule) == [S, P]
    assert "40 % and 500 mm3 or more above baseline" in str(rule)


def test_a_least_increase_in_another_dimension_does_not_compare() -> None:
    rule = ProgressionRule(VOLUME, 40, minimum_absolute=5, minimum_unit=MM)
    assert verdicts(1.0, 2.0, rule=rule) == [N]


def test_what_was_never_called_for_response_is_stable() -> None:
    assert verdicts(1.0, 0.1, rule=ProgressionRule(VOLUME, 40)) == [S]


@pytest.mark.parametrize(
    ("against", "expected"),
    [(Against.BASELINE, (2.0, 20)), (Against.NADIR, (11.0, 10)), (Against.PREVIOUS, (3.0, 5))],
)
def test_changes_are_against_baseline_nadir_or_the_study_before(against: Against, expected: tuple[float, int]) -> None:
    found = [study(day, lesions(A=volume)) for day, volume in ((0, 10.0), (10, 1.0), (15, 9.0), (20, 12.0))]
    (series,) = line_up(found)
    change = series.change(3, against)
    assert not isinstance(change, str)
    assert (float(change.absolute.number), change.days) == expected
    assert change.absolute.unit == ML


@pytest.mark.requirement("AIR-070", "AIR-071")
def test_each_quantity_of_each_thing_is_a_series() -> None:
    two = Tracking("A")
    full = Results(
        findings=(Finding(LESION, two),),
        measurements=(
            Measurement(VOLUME, 1, ML, two),
            Measurement(DIAMETER, 9, MM, two),
            Measurement(DIAMETER, 7, MM, two, derivation=MEAN),
        ),
    )
    found = line_up([study(0, full), study(9, full)])
    assert [(one.quantity.name.meaning, one.quantity.derivation) for one in found] == [
        ("Volume", None),
        ("Diameter", None),
        ("Diameter", MEAN),
    ]
    assert all(len(one.points) == 2 for one in found)


def test_studies_stand_in_the_order_of_their_moments_not_of_their_hours() -> None:
    east, west = timezone(timedelta(hours=9)), timezone(timedelta(hours=-8))
    first = study(0, lesions(A=1.0), at=datetime(2030, 3, 2, 1, tzinfo=east))
    second = study(1, lesions(A=2.0), at=datetime(2030, 3, 1, 20, tzinfo=west))
    (series,) = line_up([second, first])
    assert [str(point) for point in series.points] == ["1 mL on 2030-03-02", "2 mL on 2030-03-01"]


def test_of_two_results_of_a_study_the_later_ones_count() -> None:
    again = study(30, lesions(A=1.1), study_instance_uid="1.2.40.9.31", made_at=START + timedelta(days=400))
    old = study(30, lesions(A=9.0), version="0.9")
    assert courses(again, study(0, lesions(A=1.0)), old)["A"].latest.verdict is S


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        pytest.param({}, {"version": "1.1"}, "version 1.0 of Seg read the study", id="version"),
        pytest.param({}, {"engine": "Other"}, "read both with one engine", id="engine"),
        pytest.param({"results": stated(1, method=Code("1", "99A", "x"))}, {}, "another method", id="method"),
        pytest.param({"results": lesions(B=1.0)}, {}, "of the study of 2030-01-01: it was not reported", id="missing"),
        pytest.param({}, {"results": lesions(B=1.0)}, "does not mean that it is absent", id="not-reported"),
        pytest.param({"results": stated(3, MM, quantity=DIAMETER)}, {}, "not stated exactly once", id="no-volume"),
    ],
)
def test_what_does_not_compare_says_why(first: dict[str, Any], second: dict[str, Any], reason: str) -> None:
    one = study(0, **{"results": lesions(A=1.0), **first})
    two = study(30, **{"results": lesions(A=2.0), **second})
    found = courses(one, two)["A"]
    assert found.latest.verdict is N
    assert reason in found.words


def test_the_nadir_is_unknown_when_one_study_does_not_compare() -> None:
    old, *later = study(0, lesions(A=1.0), version="0.9"), study(9, lesions(A=3.0)), study(60, lesions(A=3.1))
    assert courses(old, *later, rule=NADIR)["A"].latest.verdict is N
    across = dataclasses.replace(NADIR, across_versions=True)
    assert courses(old, *later, rule=across)["A"].latest.verdict is P


@pytest.mark.parametrize(
    ("value", "unit", "to", "expected"),
    [
        ("1.4", "mL", "mm3", "1400 mm3"),
        ("1", "cm3", "mL", "1 mL"),
        ("2500000", "um2", "mm2", "2.5 mm2"),
        ("0.25", "1", "%", "25 %"),
        ("1", "mL", "mm", None),
        ("1", "[hnsf'U]", "mL", None),
        ("3", "[hnsf'U]", "[hnsf'U]", "3 [hnsf'U]"),
    ],
)
def test_units_convert_exactly_or_not_at_all(value: str, unit: str, to: str, expected: str | None) -> None:
    found = Amount.of(float(value), Code(unit, "UCUM", unit)).to(Code(to, "UCUM", to))
    assert (str(found) if found else None) == expected


@given(st.floats(1e-6, 1e6), st.sampled_from([row["unit"] for row in read_table("profiles.air", "units")]))
def test_there_and_back_is_the_same_amount(value: float, unit: str) -> None:
    there = Amount.of(value, Code(unit, "UCUM", unit))
    for row in read_table("profiles.air", "units"):
        other = there.to(Code(row["unit"], "UCUM", row["unit"]))
        assert other is None or other.to(there.unit) == there


def test_volumes_in_other_units_compare() -> None:
    found = courses(study(0, stated(1000, MM3)), study(30, stated(1.4)))["A"]
    assert found.latest.verdict is P
    assert found.words == (
        "A: progression. Volume 1.4 mL on 2030-01-31: +0.4 mL (+40 %) in 30 days since baseline "
        "(1000 mm3 on 2030-01-01)."
    )


def test_quantities_without_exact_conversion_do_not_compare() -> None:
    density, unit, other = Code("1", "99A", "Mean value"), code("UCUM", "[hnsf'U]"), code("UCUM", "1")
    found = courses(
        study(0, stated(30, unit, quantity=density)),
        study(30, stated(40, other, quantity=density)),
        rule=ProgressionRule(density, 40),
    )
    assert "do not convert exactly" in found["A"].words


def test_a_negative_quantity_grows_by_its_distance() -> None:
    density, unit = Code("1", "99A", "Mean value"), code("UCUM", "[hnsf'U]")
    rule = ProgressionRule(density, 50, response_percent=50)
    found = [study(day, stated(value, unit, quantity=density)) for day, value in ((0, -100), (9, -50), (19, -150))]
    assert [one.verdict for one in courses(*found, rule=rule)["A"].judgements] == [P, R]


def test_absent_is_not_the_same_as_unreported() -> None:
    found = [study(0, lesions(A=1.0, B=1.0)), study(30, lesions(A=None))]
    assert courses(*found)["A"].words.startswith("A: response. Volume absent on 2030-01-31: -1 mL (-100 %)")
    assert courses(*found)["B"].latest.verdict is N
    clean = [found[0], study(30, Results(nothing_found=True))]
    assert {course.latest.verdict for course in courses(*clean).values()} == {R}


def test_what_has_no_size_is_unknown_when_absent() -> None:
    density, unit = Code("1", "99A", "Mean value"), code("UCUM", "[hnsf'U]")
    found = [study(0, stated(30, unit, quantity=density)), study(30, lesions(A=None))]
    assert "it is absent, so Mean value is unknown" in courses(*found, rule=ProgressionRule(density, 40))["A"].words


@pytest.mark.requirement("AIR-074")
def test_a_uid_finds_a_thing_under_another_name() -> None:
    one, two = stated(1, uid="1.2.40.1", name="A"), stated(2, uid="1.2.40.1", name="Left lesion")
    found = courses(study(0, one), study(30, two))
    assert list(found) == ["Left lesion"]
    assert found["Left lesion"].latest.verdict is P


@pytest.mark.requirement("AIR-073")
def test_a_name_given_to_another_thing_is_another_thing() -> None:
    first = stated(1, uid="1.2.40.1", name="A")
    moved, new = Tracking("B", "1.2.40.1"), Tracking("A", "1.2.40.2")
    second = Results(
        findings=(Finding(LESION, new), Finding(LESION, moved)),
        measurements=(Measurement(VOLUME, 9, ML, new), Measurement(VOLUME, 1, ML, moved)),
    )
    found = courses(study(0, first), study(30, second))
    assert (found["B"].latest.verdict, found["A"].latest.verdict) == (S, N)


def test_a_thing_recognised_by_its_name_alone_says_so() -> None:
    found = courses(study(0, stated(1, uid="1.2.40.1")), study(30, stated(2, uid="1.2.40.2")))["A"]
    assert found.words.endswith("Recognised by its name; its Tracking UIDs differ.")


def test_parts_of_a_split_thing_add_up() -> None:
    split = study(30, lesions(A1=0.9, A2=0.6), successions=(Succession(("A",), ("A1", "A2")),))
    found = courses(study(0, lesions(A=1.0)), split, study(60, lesions(A1=0.3, A2=None)))
    assert list(found) == ["A1 + A2"]
    assert [one.verdict for one in found["A1 + A2"].judgements] == [P, R]


def test_things_that_merged_are_compared_as_their_sum() -> None:
    merged = study(30, lesions(AB=2.0), successions=(Succession(("A", "B"), ("AB",)),))
    found = courses(study(0, lesions(A=1.0, B=0.9)), merged)
    assert list(found) == ["AB"]
    assert found["AB"].latest.verdict is S


def test_diameters_of_parts_do_not_add_up() -> None:
    parts = (Tracking("A1"), Tracking("A2"))
    both = Results(
        findings=tuple(Finding(LESION, of) for of in parts),
        measurements=tuple(Measurement(DIAMETER, 8, MM, of) for of in parts),
    )
    split = study(30, both, successions=(Succession(("A",), ("A1", "A2")),))
    found = courses(study(0, stated(9, MM, quantity=DIAMETER)), split, rule=ProgressionRule(DIAMETER, 20))
    assert "does not add up" in found["A1 + A2"].words


def test_parts_in_other_units_or_by_other_methods_do_not_add_up() -> None:
    parts = (Tracking("A1"), Tracking("A2"))
    both = Results(
        findings=tuple(Finding(LESION, of) for of in parts),
        measurements=(
            Measurement(VOLUME, 1, ML, parts[0]),
            Measurement(VOLUME, 1, ML, parts[1], method=Code("1", "99A", "x")),
        ),
    )
    split = study(30, both, successions=(Succession(("A",), ("A1", "A2")),))
    assert "different methods" in courses(study(0, lesions(A=1.0)), split)["A1 + A2"].words


def test_a_part_that_is_renamed_stays_a_part() -> None:
    def parts(day: int, *names: str) -> StudyResults:
        trackings = [Tracking(name, f"1.2.40.{number}") for number, name in enumerate(names, start=1)]
        results = Results(
            findings=tuple(Finding(LESION, of) for of in trackings),
            measurements=tuple(Measurement(VOLUME, 1, ML, of) for of in trackings),
        )
        return study(day, results, successions=(Succession(("A",), ("A1", "A2")),) if day == 30 else ())

    (course,) = courses(study(0, lesions(A=2.0)), parts(30, "A1", "A2"), parts(60, "Left", "A2")).values()
    assert [one.verdict for one in course.judgements] == [S, S]


@pytest.mark.requirement("AIR-214")
def test_a_report_keeps_the_uids_of_an_earlier_one() -> None:
    earlier = Results(findings=tuple(Finding(LESION, Tracking(name, f"1.2.40.{name}")) for name in "123"))
    now = Results(
        findings=(Finding(LESION, Tracking("1")), Finding(LESION, Tracking("2", "1.2.40.9"))),
        measurements=(Measurement(VOLUME, 1, ML, Tracking("1")),),
    )
    kept = carry_tracking(earlier, now)
    assert [found.of.uid for found in kept.findings] == ["1.2.40.1", "1.2.40.9"]
    assert kept.measurements[0].of.uid == "1.2.40.1"


def test_no_uid_is_carried_to_a_second_thing() -> None:
    earlier = Results(findings=(Finding(LESION, Tracking("A", "1.2.40.1")),))
    now = Results(findings=(Finding(LESION, Tracking("A")), Finding(LESION, Tracking("B", "1.2.40.1"))))
    assert [found.of.uid for found in carry_tracking(earlier, now).findings] == ["", "1.2.40.1"]


def test_segments_carry_uids_too(results: Results) -> None:
    earlier = Results(findings=(Finding(LESION, Tracking("Core", "1.2.40.1")),))
    kept: tuple[Segmentation, ...] = carry_tracking(earlier, results).segmentations
    assert [segment.tracking.uid for segment in kept[0].segments] == ["", "1.2.40.1"]


@pytest.mark.requirement("AIR-135", "AIR-214")
def test_a_segment_has_in_a_later_study_the_uid_of_the_earlier(
    make_context: Callable[..., ResultContext], algorithm: AlgorithmIdentification, results: Results
) -> None:
    earlier, now = make_context(), make_context()
    now.attributes.StudyInstanceUID = "1.2.40.9.31"

    def uids(found: Results, context: ResultContext) -> list[str]:
        return [str(segment.TrackingUID) for segment in encode(found, context, algorithm)[0].SegmentSequence]

    kept = carry_tracking(identified(results, earlier, algorithm), results)

    assert uids(results, earlier) != uids(results, now)
    assert uids(kept, now) == uids(results, earlier)


def test_each_study_is_a_time_point_after_the_first() -> None:
    found = time_points([study(91, lesions(A=1.0)), study(0, lesions(A=1.0))])
    assert [(one.label, one.order, one.offset_days) for one in found.values()] == [
        ("Baseline", 0, 0),
        ("Follow-up 1", 1, 91),
    ]


@pytest.mark.requirement("AIR-093", "AIR-214")
def test_the_change_is_a_measurement_of_the_same_thing(judge: Judge, results: Results) -> None:
    smaller = dataclasses.replace(
        results, measurements=tuple(dataclasses.replace(row, value=row.value / 2) for row in results.measurements)
    )
    found = courses(study(0, smaller), study(90, results))["Brain"]
    measured, remark = change_of(found)
    both = dataclasses.replace(results, measurements=(*results.measurements, measured), comments=(remark,))
    report = judge(both)[1]
    (number,) = judge.named(report, "125314")
    assert float(number.MeasuredValueSequence[0].NumericValue) == 100
    (said,) = judge.named(report, "121106")
    assert said.TextValue.endswith("The earlier study is 1.2.40.9.1.")


def test_a_change_without_percentage_is_no_measurement() -> None:
    for first in (lesions(A=None), lesions(B=1.0)):
        course = courses(study(0, first), study(30, lesions(A=1.0)))["A"]
        with pytest.raises(IllegalResult, match="no change in percent"):
            change_of(course)


def test_the_evolution_ends_with_its_rule() -> None:
    found: Evolution = evolution([study(0, lesions(A=1.0, B=1.0)), study(30, lesions(A=2.0, B=1.0))], NADIR)
    lines = found.words.splitlines()
    assert [line.split(".")[0] for line in lines[:-1]] == ["A: progression to be confirmed", "B: stable"]
    assert lines[-1] == "Progression is 40 % or more above nadir, confirmed after 28 days."


def test_segmented_things_line_up_across_studies(results: Results) -> None:
    assert set(courses(study(0, results), study(30, results))) == {"Brain", "Core"}


def test_every_rule_of_the_table_is_one_and_says_where_it_comes_from() -> None:
    for row in read_table("profiles.air", "progression"):
        assert progression_rule(row["name"]).threshold_percent > 0
        assert "doi:" in row["source"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: evolution([], GLIOMA), "no studies"),
        (lambda: evolution([study(0, lesions(A=1.0))], GLIOMA), "a change needs two"),
        (
            lambda: line_up([study(0, lesions(A=1.0)), study(1, lesions(A=1.0), patient_id="P2")]),
            "several patients",
        ),
        (lambda: line_up([study(0, lesions(A=1.0)), study(0, lesions(A=1.0), engine="B")]), "the same study"),
        (lambda: study(0, lesions(A=1.0), at=datetime(2030, 1, 1)), "no zone"),  # noqa: DTZ001
        (lambda: study(0, lesions(A=1.0), study_instance_uid="x"), "Study Instance UID"),
        (lambda: Succession(("A", "B"), ("C", "D")), "2 to 2"),
        (lambda: Succession((), ("C",)), "0 to 1"),
        (lambda: Succession(("A", "A"), ("C",)), "twice"),
        (
            lambda: line_up([study(0, lesions(A=1.0), successions=(Succession(("Z",), ("A",)),))]),
            "Z should have split or merged",
        ),
        (lambda: progression_rule("x"), "known are glioma-volume"),
        (lambda: ProgressionRule(VOLUME, 0), "above 0"),
        (lambda: ProgressionRule(VOLUME, float("nan")), "above 0"),
        (lambda: ProgressionRule(VOLUME, 40, response_percent=140), "at most 100"),
        (lambda: ProgressionRule(VOLUME, 40, minimum_absolute=5), "needs its unit"),
        (lambda: ProgressionRule(VOLUME, 40, confirmation_days=5), "needs_confirmation"),
        (lambda: ProgressionRule(VOLUME, 40, against="best"), "baseline, nadir, previous"),  # type: ignore[arg-type] # refused
    ],
)
def test_what_cannot_be_lined_up_is_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(IllegalResult, match=words):
        make()
