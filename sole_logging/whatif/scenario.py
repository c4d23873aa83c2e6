"""What shall be different: performers, policy, speed, load; and the jobs and queues that come of it. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from random import Random
from statistics import fmean

from profiles.errors import BadInput
from sole_logging.measures.rollups import DAY_LENGTH
from sole_logging.whatif.calibrating import Model, Queue
from sole_logging.whatif.policies import Policy, expected_lengths, rank
from sole_logging.whatif.simulating import Job, simulate
from sole_logging.whatif.work import Work, WorkLog

#: Added work comes up to so long before or after the work that it is like.
_SPREAD = DAY_LENGTH // 48
MOST_PERFORMERS, MOST_FACTOR = 1000, 10.0
#: So much work is simulated in some seconds.
_MOST_WORK = 100_000


@dataclass(frozen=True, slots=True)
class Scenario:
    """A configuration to be tried; without arguments the one of the log.

    Attributes:
        performers: performers more or fewer, by engine; an empty name stands for every queue.
        speeds: how many times as fast an engine infers, by engine; an empty name stands for all.
        policy: who is next; as in the log when None.
        load: how many times as much work comes.
        seed: of all chance; the same seed gives the same answer.

    Raises:
        BadInput: when a number makes no sense.
    """

    performers: Mapping[str, int] = field(default_factory=dict)
    speeds: Mapping[str, float] = field(default_factory=dict)
    policy: Policy | None = None
    load: float = 1.0
    seed: int = 1

    def __post_init__(self) -> None:
        if any(not 1 / MOST_FACTOR <= factor <= MOST_FACTOR for factor in (self.load, *self.speeds.values())):
            raise BadInput(f"Load and speed are factors from {1 / MOST_FACTOR} to {MOST_FACTOR:g}.")
        if any(abs(number) > MOST_PERFORMERS for number in self.performers.values()):
            raise BadInput(f"At most {MOST_PERFORMERS} performers can be added or taken away.")


@dataclass(frozen=True, slots=True)
class Run:
    """What a simulation gives.

    Attributes:
        works, waits: the work whose waiting is told, and how long each waits, in microseconds.
        utilisation: of each queue: the time that slots are taken by the work that comes in the window, with the delays
            before it, as a share of the time that they are up between the first work and the last; at 1 and above the
            queue grows as long as work comes.
        capacity: slots of each queue.
    """

    works: tuple[Work, ...]
    waits: tuple[int, ...]
    utilisation: Mapping[str, float]
    capacity: Mapping[str, int]

    @property
    def spent(self) -> list[int]:
        """How long each takes from its arrival to its end."""
        return [wait + one.service for one, wait in zip(self.works, self.waits, strict=True)]


def run(log: WorkLog, model: Model, scenario: Scenario) -> Run:
    """Simulate the work of a log under a scenario.

    Raises:
        BadInput: when the scenario names an engine that the log does not know, or leaves a queue without performers.
    """
    _refuse_unknown(scenario, model)
    works = _loaded(log, scenario)
    lines: dict[str, list[Work]] = defaultdict(list)
    for one in works:
        lines[model.queue_of[one.performer]].append(one)
    told: list[tuple[Work, int]] = []
    utilisation, capacity = {}, {}
    policy, lengths = scenario.policy or model.policy, expected_lengths(works)
    for name, members in sorted(lines.items()):
        queue = changed(model.queues[name], scenario.performers)
        chance = Random(f"{scenario.seed} {name}")  # noqa: S311 - a simulation, no secret
        at_once, in_turn = (chance.choices(some, k=len(members)) for some in (queue.at_once, queue.in_turn))
        ranks = [rank(policy, one, lengths) for one in members]
        arrivals, services = [one.arrival for one in members], [one.service for one in members]
        jobs = [Job(*one) for one in zip(arrivals, ranks, services, at_once, in_turn, strict=True)]
        waits = simulate(jobs, queue.capacity, queue.down)
        told += [(one, wait) for one, wait in zip(members, waits, strict=True) if one.counted]
        utilisation[name], capacity[name] = _utilisation(log, members, queue), queue.capacity
    told.sort(key=lambda one: one[0].arrival)
    return Run(tuple(one for one, _ in told), tuple(wait for _, wait in told), utilisation, capacity)


def changed(queue: Queue, performers: Mapping[str, int]) -> Queue:
    """A queue with performers more or fewer; new ones work on as much at once as the others do.

    Raises:
        BadInput: when none is left.
    """
    change = sum(number for engine, number in performers.items() if not engine or engine in queue.engines)
    names = sorted(queue.slots)
    if len(names) + change < 1:
        raise BadInput(f"The queue of {queue.name} has {len(names)} performers; at least one must be left.")
    each = max(1, round(queue.capacity / len(names)))
    slots = {name: queue.slots[name] for name in names[: len(names) + change]}
    slots |= {f"added {number}": each for number in range(1, change + 1)}
    kept = len(queue.down) * min(1.0, sum(slots.values()) / queue.capacity)
    return replace(queue, slots=slots, down=queue.down[: round(kept)])


def _refuse_unknown(scenario: Scenario, model: Model) -> None:
    known = frozenset(engine for queue in model.queues.values() for engine in queue.engines)
    for name in {*scenario.performers, *scenario.speeds} - known - {""}:
        raise BadInput(f"The log knows no work of an engine {name!r}; it knows {', '.join(sorted(known)) or 'none'}.")


def _loaded(log: WorkLog, scenario: Scenario) -> list[Work]:
    """The work of a scenario: that of the log, at the speed of its engines; less of it, or more of the same."""
    chance = Random(f"{scenario.seed} load")  # noqa: S311 - a simulation, no secret
    works = [_at_speed(one, scenario.speeds) for one in log.works]
    if scenario.load < 1:
        return [one for one in works if chance.random() < scenario.load]
    if scenario.load * len(works) > _MOST_WORK:
        raise BadInput(f"At most {_MOST_WORK} workitems can be simulated; take a shorter window, or a smaller load.")
    added = list(islice(_more(works, log, chance), round((scenario.load - 1) * len(works))))
    return sorted([*works, *added], key=lambda one: one.arrival)


def _more(works: Sequence[Work], log: WorkLog, chance: Random) -> Iterator[Work]:
    """Work like that of the log, about when that came; drawn from it again and again."""
    while True:
        one = chance.choice(works)
        arrival = min(max(one.arrival + chance.randint(-_SPREAD, _SPREAD), min(one.arrival, log.since)), log.until - 1)
        shift = arrival - one.arrival
        yield replace(one, arrival=arrival, claim=one.claim + shift, end=one.end + shift)


def _at_speed(one: Work, speeds: Mapping[str, float]) -> Work:
    factor = speeds.get(one.engine, speeds.get("", 1.0))
    saved = round(one.inference * (1 - 1 / factor))
    return replace(one, end=one.end - saved, inference=one.inference - saved) if saved else one


def _utilisation(log: WorkLog, works: Sequence[Work], queue: Queue) -> float:
    since, until = log.worked
    services = [one.service for one in works if since <= one.arrival < until]
    down = sum(max(0, min(end, until) - max(start, since)) for start, end in queue.down)
    there = queue.capacity * (until - since) - down
    return (sum(services) + len(services) * fmean(queue.in_turn)) / there if there > 0 else float("inf")
