"""What if: the simulation against queueing theory, the model against logs that are known, scenarios against both."""

import heapq
import itertools
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.errors import BadInput
from sole_logging.measures.entry import micros
from sole_logging.whatif import Policy, Scenario, Work, WorkLog, document_of, policy_of, what_if
from sole_logging.whatif.answering import distance
from sole_logging.whatif.calibrating import calibrate, delays, slots_of
from sole_logging.whatif.scenario import changed
from sole_logging.whatif.simulating import Job, simulate
from tests.sole_logging.measures.log_scene import START

SECOND = 1_000_000
BEGIN = micros(START)
PRIORITIES = ("HIGH", "MEDIUM", "LOW")


def chance_of(seed):
    return random.Random(seed)  # noqa: S311 - a simulation


def made_log(number, between, service, performers=1, *, poll=0.0, seed=3, policy=Policy.FIRST_COME, load=1):
    """A log made by a queue of its own, written without the code under test: Poisson arrivals, exponential lengths."""
    chance = chance_of(seed)
    arrivals = list(itertools.accumulate(round(chance.expovariate(load / between) * SECOND) for _ in range(number)))
    coming = [(BEGIN + one, chance.choice(PRIORITIES)) for one in arrivals]
    free = [(BEGIN, name) for name in range(performers)]
    waiting, works = [], []
    while coming or waiting:
        at, performer = heapq.heappop(free)
        while coming and (coming[0][0] <= at or not waiting):
            arrival, priority = coming.pop(0)
            urgency = PRIORITIES.index(priority) if policy is Policy.STAT_FIRST else 0
            heapq.heappush(waiting, (urgency, arrival, priority))
            at = max(at, min(one[1] for one in waiting))
        _, arrival, priority = heapq.heappop(waiting)
        claim = max(at, arrival) + round(chance.uniform(0, poll) * SECOND)
        end = claim + max(1, round(chance.expovariate(1 / service) * SECOND))
        heapq.heappush(free, (end, performer))
        works.append(Work(arrival, claim, end, f"AI{performer}", "lung", "CT", priority, end - claim))
    works.sort(key=lambda one: one.arrival)
    return WorkLog(BEGIN, works[-1].arrival + 1, tuple(works))


@pytest.fixture(scope="module")
def busy():
    """Two performers, busy for 80 % of the time, that look for work every two seconds."""
    return made_log(1500, 25, 40, 2, poll=2)


def erlang_wait(rate, service, servers):
    """The mean wait of M/M/c by Erlang's formula; of M/M/1 it is rho / (1 - rho) service times."""
    offered = rate * service
    below = sum(offered**number / np.prod(range(1, number + 1)) for number in range(servers))
    full = offered**servers / np.prod(range(1, servers + 1)) * servers / (servers - offered)
    return full / (below + full) * service / (servers - offered)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.5), (1, 0.7), (3, 0.7)])
def test_simulated_waits_are_those_of_queueing_theory(servers, load):
    chance = chance_of(11)
    service, number = 60, 15_000
    rate = load * servers / service
    arrivals = itertools.accumulate(chance.expovariate(rate) for _ in range(number))
    jobs = [Job(round(one * SECOND), 0, round(chance.expovariate(1 / service) * SECOND)) for one in arrivals]
    expected = erlang_wait(rate, service, servers)
    assert servers > 1 or expected == pytest.approx(load / (1 - load) * service)
    assert np.mean(simulate(jobs, servers)) / SECOND == pytest.approx(expected, rel=0.1)


def test_a_queue_that_can_be_followed_by_hand_waits_as_it_must():
    jobs = [Job(0, 1, 10), Job(1, 1, 10), Job(2, 0, 10), Job(50, 1, 10, at_once=3, in_turn=7), Job(51, 1, 1, 3, 7)]
    assert simulate(jobs, 1) == [0, 19, 8, 3, 19]
    assert simulate(jobs, 2) == [0, 0, 8, 3, 3]
    assert simulate([], 1) == []


@pytest.mark.requirement("SOLE-088")
def test_a_slot_that_is_down_finishes_what_it_has_and_takes_nothing_until_it_is_up():
    jobs = [Job(0, 0, 10), Job(1, 0, 10), Job(30, 0, 1)]
    assert simulate(jobs, 1, [(5, 25)]) == [0, 29, 10]
    assert simulate(jobs, 2, [(5, 25)]) == [0, 0, 0]


JOBS = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 2), st.integers(0, 60)), min_size=1, max_size=40)


@given(JOBS, st.integers(1, 4))
def test_one_more_performer_makes_nobody_wait_longer_who_came_first_is_served_first(told, capacity):
    jobs = [Job(arrival, 0, service) for arrival, _, service in sorted(told)]
    fewer, more = simulate(jobs, capacity), simulate(jobs, capacity + 1)
    assert all(one >= other for one, other in zip(fewer, more, strict=True))


@given(JOBS)
def test_priorities_move_waiting_about_and_do_not_make_any_when_all_work_is_as_long(told):
    ranked = [Job(arrival, urgency, 20) for arrival, urgency, _ in sorted(told)]
    plain = [Job(one.arrival, 0, 20) for one in ranked]
    with_ranks, without = simulate(ranked, 1), simulate(plain, 1)
    assert sum(with_ranks) == sum(without)
    urgent = [number for number, one in enumerate(ranked) if one.rank == 0]
    assert sum(with_ranks[number] for number in urgent) <= sum(without[number] for number in urgent)


def test_the_replay_of_its_own_configuration_waits_as_the_log_did(busy):
    answer = what_if(busy, Scenario())
    assert answer.validation.fits
    assert answer.doubts == ()
    assert answer.validation.distance < 0.05
    assert answer.validation.replayed.median == pytest.approx(answer.validation.real.median, rel=0.1)
    assert answer.waits[0][0] == answer.waits[0][1]
    assert answer.verdict.startswith("The model fits")
    (line,) = answer.lines
    assert (line.name, line.slots, line.slots_then) == ("lung", 2, 2)


def test_the_same_seed_gives_the_same_answer_and_another_one_another(busy):
    answers = [document_of(what_if(busy, Scenario(load=1.1, seed=seed)))["waits"] for seed in (1, 1, 2)]
    assert answers[0] == answers[1]
    assert answers[0] != answers[2]


def test_the_policy_of_the_log_is_read_from_its_claims():
    plain, ranked = (made_log(600, 20, 18, policy=one) for one in (Policy.FIRST_COME, Policy.STAT_FIRST))
    assert (calibrate(plain).policy, calibrate(plain).agreement) == (Policy.FIRST_COME, 1.0)
    assert (calibrate(ranked).policy, calibrate(ranked).agreement) == (Policy.STAT_FIRST, 1.0)
    assert what_if(ranked, Scenario()).validation.fits


def test_stat_first_lets_urgent_work_pass_and_others_wait(busy):
    waits = {now.group: (now.mean, then.mean) for now, then in what_if(busy, Scenario(policy=Policy.STAT_FIRST)).waits}
    assert list(waits) == ["all", "HIGH", "MEDIUM", "LOW"]
    assert waits["HIGH"][1] < 0.7 * waits["HIGH"][0]
    assert waits["LOW"][1] > 1.2 * waits["LOW"][0]
    assert waits["all"][1] == pytest.approx(waits["all"][0], rel=0.1)


def test_short_work_first_makes_the_mean_wait_shorter(busy):
    long = [
        Work(one.arrival, one.claim, one.end, one.performer, one.engine, "MR" if one.service > 40 * SECOND else "CT")
        for one in busy.works
    ]
    answer = what_if(WorkLog(busy.since, busy.until, tuple(long)), Scenario(policy=Policy.SHORT_FIRST))
    assert answer.waits[0][1].mean < 0.9 * answer.waits[0][0].mean


def test_performers_and_faster_engines_shorten_waits_and_fewer_lengthen_them(busy):
    own = what_if(busy, Scenario()).waits[0][1].mean
    for better in (Scenario(performers={"lung": 1}), Scenario(performers={"": 2}), Scenario(speeds={"lung": 2})):
        answer = what_if(busy, better)
        assert answer.waits[0][1].mean < 0.5 * own
        assert answer.spent[1].mean < answer.spent[0].mean
        assert answer.lines[0].utilisation_then < answer.lines[0].utilisation
    assert what_if(busy, Scenario(performers={"": -1})).waits[0][1].mean > 10 * own


def test_only_the_inference_of_a_faster_engine_is_faster():
    works = [Work(BEGIN, BEGIN, BEGIN + 100, "AI1", "lung", inference=60)]
    slow, fast = (
        what_if(WorkLog(BEGIN, BEGIN + 1000, tuple(works)), Scenario(speeds={"": factor})).lines[0].utilisation_then
        for factor in (1, 2)
    )
    assert (slow, fast) == (0.1, 0.07)


def test_twice_the_load_is_said_to_have_no_end_when_the_slots_cannot_do_it(busy):
    answer = what_if(busy, Scenario(load=2))
    assert answer.waits[0][1].count == 2 * len(busy.works)
    assert answer.validation.fits
    assert "grows as long as work comes" in answer.verdict
    assert answer.verdict.startswith("Do not trust")
    half = what_if(busy, Scenario(load=0.5))
    assert half.waits[0][1].count == pytest.approx(len(busy.works) / 2, rel=0.1)
    assert half.waits[0][1].mean < half.waits[0][0].mean


def test_added_load_gives_the_waits_of_a_log_that_had_that_load():
    """What is predicted from a quiet log is what the same queue does under more load."""
    quiet, loud = made_log(4000, 60, 40, poll=1, seed=5), made_log(4000, 60, 40, poll=1, seed=6, load=1.25)
    predicted = what_if(quiet, Scenario(load=1.25))
    assert predicted.doubts == ()
    assert predicted.waits[0][1].mean == pytest.approx(np.mean([one.wait for one in loud.works]), rel=0.25)


def test_few_cases_are_no_ground_to_decide_on_and_fewer_than_five_are_not_shown():
    few = what_if(made_log(50, 25, 20), Scenario())
    assert "fewer than 100 workitems" in few.verdict
    hidden = what_if(made_log(4, 25, 20), Scenario())
    assert hidden.validation.real.hidden
    assert document_of(hidden)["waits"][0]["now"]["median"] is None
    assert hidden.proof == "There is too little to compare."
    empty = what_if(WorkLog(BEGIN, BEGIN + 1, ()), Scenario())
    assert (empty.lines, empty.validation.fits, empty.validation.distance) == ((), False, 1.0)


def test_a_log_whose_waits_no_queue_explains_is_not_believed(busy):
    """Work is let lie at night: claims come hours after slots were free."""
    works = [
        Work(one.arrival, one.claim + pause, one.end + pause, one.performer, one.engine)
        for number, one in enumerate(busy.works)
        for pause in [3600 * SECOND * (number % 3)]
    ]
    answer = what_if(WorkLog(busy.since, busy.until, tuple(works)), Scenario())
    assert not answer.validation.fits
    assert "not that of the log" in answer.verdict or "spread otherwise" in answer.verdict


def test_work_that_could_not_be_simulated_is_counted_and_too_much_of_it_is_a_doubt(busy):
    answer = what_if(WorkLog(busy.since, busy.until, busy.works, unclaimed=300, unended=50, unclear=1), Scenario())
    assert answer.left_out == 351
    assert "351 workitems without claim or end" in answer.verdict


def test_a_log_without_queues_says_so():
    answer = what_if(made_log(200, 600, 20, 2), Scenario(load=3))
    assert any("Hardly any work" in one for one in answer.notes)


def test_slots_are_the_most_that_a_performer_had_in_hand_but_for_brief_errors_of_clocks():
    def works(*spans):
        return [Work(start, start, end, "AI1") for start, end in spans]

    assert slots_of(works((0, 100), (100, 200))) == 1
    assert slots_of(works((0, 100), (50, 200), (60, 90))) == 3
    assert slots_of(works((0, 10_000), (9_999, 20_000))) == 1
    assert slots_of(works((5, 5))) == 1


@pytest.mark.requirement("SOLE-088")
def test_delays_count_from_when_a_slot_was_free_and_up():
    works = [Work(0, 2, 10, "AI1"), Work(3, 14, 20, "AI1"), Work(30, 65, 70, "AI1")]
    assert delays(works, 1, [(25, 60)]) == ([2], [4, 5])


def test_performers_that_share_an_engine_share_a_queue_and_the_rest_has_its_own():
    works = [
        Work(at, at, at + 10, performer, engine)
        for at, (performer, engine) in enumerate(
            [("A", "x"), ("B", "y"), ("C", "x"), ("C", "y"), ("D", "z"), ("E", ""), ("F", "")]
        )
    ]
    model = calibrate(WorkLog(0, 100, tuple(works)))
    assert model.queue_of == {"A": "x + y", "B": "x + y", "C": "x + y", "D": "z", "E": "E", "F": "F"}
    assert model.queues["x + y"].slots == {"A": 1, "B": 1, "C": 2}


@pytest.mark.requirement("SOLE-088")
def test_downtimes_go_with_the_performers_that_have_them():
    works = [Work(at, at, at + 10, name, "x") for name in "AB" for at in range(0, 100, 10)]
    log = WorkLog(0, 200, tuple(sorted(works, key=lambda one: one.arrival)), {"B": [(100, 150)], "other": [(0, 9)]})
    queue = calibrate(log).queues["x"]
    assert queue.down == ((100, 150),)
    assert len(changed(queue, {"": 3}).slots) == 5
    assert changed(queue, {"y": 3}) == queue
    with pytest.raises(BadInput, match="at least one must be left"):
        changed(queue, {"x": -2})


@pytest.mark.parametrize(
    "given",
    [{"load": 11}, {"load": 0}, {"speeds": {"lung": 0.01}}, {"performers": {"": 5000}}, {"load": float("nan")}],
    ids=["much", "none", "slow", "many", "nan"],
)
def test_numbers_that_make_no_sense_are_refused(given):
    with pytest.raises(BadInput):
        Scenario(**given)


def test_unknown_engines_policies_and_endless_work_are_refused(busy):
    with pytest.raises(BadInput, match="'heart'; it knows lung"):
        what_if(busy, Scenario(speeds={"heart": 2}))
    with pytest.raises(BadInput, match="first-come, stat-first, short-first"):
        policy_of("random")
    assert policy_of("") is None
    much = WorkLog(busy.since, busy.until, busy.works * 7)
    with pytest.raises(BadInput, match="100000"):
        what_if(much, Scenario(load=10))


def test_the_distance_of_two_samples_is_that_of_kolmogorov_and_smirnov():
    statistics = pytest.importorskip("scipy.stats")
    chance = chance_of(2)
    one = [chance.randrange(100) for _ in range(60)]
    other = [chance.randrange(120) for _ in range(90)]
    assert distance(one, other) == pytest.approx(statistics.ks_2samp(one, other).statistic)
    assert distance(one, one) == 0
    assert distance([1, 2], [3]) == 1
