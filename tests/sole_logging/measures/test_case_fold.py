"""One case: which events give its moments, and what its measures are (sole.md 8.2 to 8.5)."""

from datetime import timedelta

import pytest

from sole_logging.measures.case import ABSENT, CLOCK_NOISE, INCOMPLETE, ORDER_ERROR, PENDING, fold
from sole_logging.measures.definitions import STRATA, anchors, measures, slot_of
from sole_logging.measures.entry import entry_of
from tests.sole_logging.measures.log_scene import START, ai_run, entry, read_study

SECOND = 1_000_000


def values(entries, key=""):
    """The values of the study, or of a workitem, by measure."""
    row = next(one for one in fold(entries) if one.key == key)
    return lambda name: row.values[slot_of(name)]


def workitem_values(entries):
    return values(entries, "2.999.9.1")


def without(entries, code):
    return [one for one in entries if code not in one.codes]


def test_every_measure_and_anchor_of_the_digest_is_a_row_with_its_section():
    numbered = {one[:3] for one in measures()}
    assert numbered == {f"K{n:02}" for n in range(1, 22)} | {f"A{n:02}" for n in range(1, 34)}
    symbols = {one.symbol for scope in ("study", "workitem") for one in anchors(scope)}
    assert {"T_ord", "T_prep", "T_sign", "A_img", "A_new", "A_av", "A_disp", "A_ign"} <= symbols
    for one in measures().values():
        assert one.source.startswith("sole.md 8.")


@pytest.mark.requirement("SOLE-EC-005", "SOLE-084")
def test_end_to_end_is_the_sum_of_its_parts():
    of = workitem_values(read_study() + ai_run())
    parts = sum(of(name) for name in ("A01", "A02", "A04", "A06", "A07", "A08", "A09"))
    assert abs(of("A11") - (parts + 1 * SECOND)) < 1000  # one second from the claim to the request of images
    assert of("A11") == 57 * SECOND


@pytest.mark.requirement("SOLE-EC-005")
def test_turnarounds_are_differences_of_event_times_whatever_order_they_came_in():
    of = values(list(reversed(read_study())))
    seconds = {"K01": 900, "K03": 300, "K04": 600, "K08": 60, "K09": 840, "K10": 600, "K11": 1440, "K12": 1500}
    assert {name: of(name) // SECOND for name in seconds} == seconds


def test_when_images_are_not_said_to_be_prepared_the_archive_counts_and_that_is_recorded():
    study = without(read_study(), "RID45914")
    assert ("T_prep", "T_arch") in fold(study)[0].instead
    assert values(study)("K08") == 30 * SECOND


def test_one_event_in_the_place_of_two_says_nothing_of_the_time_between():
    assert values(without(without(read_study(), "RID45914"), "RID45871"))("K08") == INCOMPLETE
    entries = read_study() + without(ai_run(), "AIX132")
    assert workitem_values(entries)("A09") == INCOMPLETE
    assert workitem_values(entries)("A11") == 55 * SECOND


@pytest.mark.requirement("SOLE-083")
def test_a_start_without_end_is_pending_until_the_workitem_ends_and_incomplete_then():
    begun = read_study() + [one for one in ai_run() if one.at <= START + timedelta(seconds=1552)]
    assert workitem_values(begun)("A07") == PENDING
    canceled = entry("AIX106", 1700, study="2.999.1", workitem="2.999.9.1", outcome=8)
    assert workitem_values([*begun, canceled])("A07") == INCOMPLETE


def test_a_failed_step_gives_no_end():
    run = [one for one in ai_run() if "AIX122" not in one.codes]
    failed = entry("SOLE115+AIX122+111245", 1582, study="2.999.1", workitem="2.999.9.1", outcome=8)
    of = workitem_values([*read_study(), *run, failed])
    assert of("A07") == INCOMPLETE
    assert of("A23") == (1 << 32) + 1


def test_an_inference_that_was_tried_again_counts_from_the_last_pair_and_the_claims_as_tries():
    again = [
        entry("AIX103", 1541, workitem="2.999.9.1"),
        entry("SOLE114+AIX121", 1545, workitem="2.999.9.1"),
        entry("SOLE115+AIX122", 1546, workitem="2.999.9.1", outcome=4),
    ]
    of = workitem_values([*read_study(), *ai_run(), *again])
    assert of("A07") == 30 * SECOND
    assert of("A02") == 10 * SECOND
    assert of("A24") == (1 << 32) + 1


@pytest.mark.parametrize(("second", "value"), [(1568, 8 * SECOND), (1559, CLOCK_NOISE), (1500, ORDER_ERROR)])
def test_negative_times_within_two_seconds_are_noise_and_others_an_error(second, value):
    study = [*without(read_study(), "RID45893"), entry("RID45893", second, study="2.999.1")]
    assert values(study)("K09") == value


def test_a_lead_may_be_negative_and_is_then_waiting_for_ai():
    late = [one for one in ai_run() if "AIX132" not in one.codes]
    late.append(entry("RID45833+AIX132", 2460, workitem="2.999.9.1"))
    of = workitem_values(read_study() + late)
    assert (of("A13"), of("A17")) == (-60 * SECOND, 60 * SECOND)
    assert of("A14") == 1 << 32
    assert of("A16") == (1 << 32) + 1


def test_corrections_do_not_move_the_signature():
    corrected = [*read_study(), entry("RID45924", 9000, study="2.999.1"), entry("RID45850", 9000, study="2.999.1")]
    assert values(corrected)("K12") == 1500 * SECOND
    assert values(corrected)("K19") == (1 << 32) + 1


def test_the_last_assessment_before_the_signature_is_the_word_of_the_reader():
    changed = [entry("AIX143", 2600, workitem="2.999.9.1"), entry("AIX144", 9000, workitem="2.999.9.1")]
    of = workitem_values([*read_study(), *ai_run(), *changed])
    assert [of(name) & 1 for name in ("A20", "A20b", "A20c", "A20d")] == [0, 1, 0, 0]


def test_measures_that_are_not_asked_of_a_case_are_absent():
    assert values(read_study())("K02") == ABSENT
    assert values(read_study(priority="HIGH"))("K02") == 900 * SECOND
    assert values([*read_study(), entry("RID45941", 0, study="2.999.1")])("K02") == 900 * SECOND
    assert workitem_values(read_study() + ai_run())("A12") == ABSENT


def test_throughput_is_octets_per_second_of_retrieval():
    run = without(ai_run(), "AIX112")
    run.append(entry("SOLE113+AIX112", 1551, workitem="2.999.9.1", bytes=50_000_000))
    assert workitem_values(read_study() + run)("A05") == 5_000_000


def test_strata_that_an_event_does_not_tell_are_those_of_the_other_events_of_the_case():
    rows = fold(read_study(site="North", place="E") + ai_run())
    study, work = (dict(zip(STRATA, row.strata, strict=True)) for row in rows)
    assert work["site"] == "North"
    assert (work["modality"], work["place"], work["priority"]) == ("CT", "E", "MEDIUM")
    assert (work["engine"], work["version"], work["finding"], work["hours"]) == ("lung", "2.1", "positive", "work")
    assert (study["engine"], study["finding"]) == ("lung", "positive")


def test_readers_are_counted_and_never_kept_by_name():
    two = [entry("RID45893", 2400, study="2.999.1", person="E1"), entry("RID45924", 3000, study="2.999.1", person="E2")]
    assert dict(zip(STRATA, fold(two)[0].strata, strict=True))["readers"] == "several"
    assert "E1" not in repr(fold(two))


def test_an_ai_event_without_workitem_belongs_to_the_only_run_of_its_engine():
    displayed = entry("AIX141", 2405, study="2.999.1", engine="lung")
    runs = without(ai_run(), "AIX141") + ai_run(1, workitem="2.999.9.2", engine="bone")
    row = next(one for one in fold([*read_study(), *runs, displayed]) if one.key == "2.999.9.1")
    assert row.values[slot_of("A18")] == (2405 - 1587) * SECOND


def test_what_is_strange_about_a_workitem_is_marked():
    unseen = fold(read_study() + without(ai_run(), "AIX141"))[1]
    assert unseen.strange
    no_result = fold([one for one in ai_run() if not {"AIX131", "AIX132"}.intersection(one.codes)])[1]
    assert no_result.strange
    assert not fold(read_study() + ai_run())[1].strange


def test_of_two_deliveries_of_an_event_the_first_counts():
    one = entry("RID45813", 0, study="2.999.1")
    assert len(fold([one, one])) == 1
    assert fold([]) == []


def test_an_entry_is_made_of_what_a_stored_message_says():
    made = entry_of(
        {
            "event_id": "x",
            "at": "2026-03-02T08:00:00Z",
            "received_at": START,
            "workitem": "2.999.9",
            "codes": [{"code": "SOLE115"}, {"code": "AIX122"}],
            "outcome": None,
            "source": "ai",
            "algorithm": {"name": "lung", "version": "2"},
            "details": {"Priority": "stat", "ByteCount": "12", "InstanceCount": "-1", "PatientClass": "E\0"},
        }
    )
    assert made.codes == ("SOLE115", "AIX122")
    assert (made.priority, made.bytes, made.instances, made.place) == ("HIGH", 12, 0, "E")
    assert (made.engine, made.engine_version, made.outcome) == ("lung", "2", 0)


def test_why_a_workitem_was_canceled_tells_it_apart():
    told = [entry("AIX106", 9, workitem="2.999.9.1", outcome=8, reason="110501")]
    quiet = [entry("AIX106", 9, workitem="2.999.9.2", outcome=8), entry("AIX107", 9, workitem="2.999.9.3")]
    rows = [row for case in (told, quiet[:1], quiet[1:]) for row in fold(case) if row.key]
    reasons = [dict(zip(STRATA, row.strata, strict=True))["reason"] for row in rows]
    assert reasons == ["110501", "not told", ""]
