"""What if: from events to the work that is simulated, and the command."""

import json
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from profiles.errors import BadInput
from sole_logging.exchange import write_entries
from sole_logging.measures.entry import micros
from sole_logging.measures.windows import Window
from sole_logging.whatif import Scenario, Work, document_of, read_work, what_if, work
from stepwell.cli import app
from tests.sole_logging.measures.log_scene import START, ai_run, entry, memory

BEGIN = micros(START)
SECOND = 1_000_000
DAY = Window(BEGIN, BEGIN + 86_400 * SECOND)


def work_of(*groups, window=DAY):
    with memory() as facts:
        facts.apply(*groups)
        with facts.engine.begin() as connection:
            return read_work(connection, window)


def runs(number, every=60, **told):
    return [one for place in range(number) for one in ai_run(place, shift=every * place, **told)]


def without(codes, entries):
    return [one for one in entries if codes not in one.codes]


def test_a_workitem_is_read_with_its_waiting_its_inference_and_what_it_is_told_apart_by():
    log = work_of(ai_run(priority="HIGH", modality="CT"))
    at = [BEGIN + second * SECOND for second in (1531, 1540, 1588)]
    assert log.works == (Work(*at, "AI1", "lung", "CT", "HIGH", inference=30 * SECOND),)
    assert (log.works[0].wait, log.works[0].service, log.left_out) == (9 * SECOND, 48 * SECOND, 0)


def test_without_its_inference_all_of_the_execution_is_taken_for_it():
    log = work_of(without("AIX121", ai_run()))
    assert log.works[0].inference == log.works[0].service


def test_work_from_before_the_window_fills_the_queue_and_is_not_counted():
    middle = Window(BEGIN + 1535 * SECOND, DAY.until)
    log = work_of(ai_run(1), ai_run(2, shift=60), window=middle)
    assert [one.counted for one in log.works] == [False, True]


def test_filters_choose_whose_waiting_is_told_and_all_work_fills_the_queue():
    heads = Window(DAY.since, DAY.until, {"modality": ("MR",)})
    log = work_of(ai_run(1, modality="CT"), ai_run(2, shift=60, modality="MR"), window=heads)
    assert [one.counted for one in log.works] == [False, True]


def test_what_was_not_claimed_or_not_ended_or_contradicts_itself_is_counted_by_why():
    log = work_of(
        without("AIX103", ai_run(1)),
        without("AIX107", ai_run(2)),
        without("AIX107", without("AIX103", ai_run(3))),
        [*without("AIX103", ai_run(4)), entry("AIX103", 1000, workitem="2.999.9.4")],
        ai_run(5),
    )
    assert (log.unclaimed, log.unended, log.unclear, len(log.works)) == (2, 1, 1, 1)


@pytest.mark.requirement("SOLE-088")
def test_downtimes_of_performers_are_read():
    log = work_of(ai_run(), [entry("AIX152", 100, performer="AI1", source="ai"), entry("AIX151", 160, performer="AI1")])
    assert log.down == {"AI1": [(BEGIN + 100 * SECOND, BEGIN + 160 * SECOND)]}


@pytest.mark.requirement("SOLE-087")
def test_the_answer_is_the_same_when_the_log_comes_in_another_order_or_twice():
    entries = runs(120)
    plain, twisted = work_of(entries), work_of(entries[::-1], entries)
    assert document_of(what_if(plain, Scenario(load=2))) == document_of(what_if(twisted, Scenario(load=2)))
    assert what_if(plain, Scenario()).validation.fits


def test_more_work_than_can_be_simulated_is_refused(monkeypatch):
    monkeypatch.setattr(work, "MOST_EXACT", 1)
    with pytest.raises(BadInput, match="take a shorter window"):
        work_of(runs(2))


@pytest.fixture(scope="module")
def log_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    write_entries(path, runs(150, every=60, priority="MEDIUM"))
    return str(path)


def what_if_of(log_file, *options):
    until = (START + timedelta(days=1)).date().isoformat()
    return CliRunner().invoke(
        app, ["sole", "what-if", "--from", log_file, "--since", "2026-03-02", "--until", until, *options]
    )


def test_the_command_answers_with_tables_and_says_how_well_the_model_fits(log_file):
    answer = what_if_of(log_file, "--performers", "+1", "--speed", "lung=2", "--policy", "stat-first")
    assert answer.exit_code == 0, answer.output
    assert "all: what if" in answer.stdout
    assert "The model fits the log" in answer.stderr
    assert "150 workitems: median" in answer.stderr


def test_the_command_answers_programs_with_json(log_file):
    answer = what_if_of(log_file, "--load", "2", "--seed", "4", "--performers", "lung=+1", "--json")
    told = json.loads(answer.stdout)
    assert told["scenario"] == {"performers": {"lung": 1}, "speeds": {}, "policy": None, "load": 2.0, "seed": 4}
    assert told["validation"]["fits"] is True
    assert told["validation"]["real"]["median"] == 9.0
    assert told["queues"][0]["slots_then"] == 2
    assert told["waits"][0]["then"]["count"] == 300


def test_the_command_refuses_what_is_no_number(log_file):
    assert isinstance(what_if_of(log_file, "--speed", "lung=fast").exception, BadInput)
    assert isinstance(what_if_of(log_file, "--policy", "random").exception, BadInput)
