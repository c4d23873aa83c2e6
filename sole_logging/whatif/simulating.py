"""The discrete-event simulation: work comes, waits in its queue by rank, and is claimed by slots (simpy)."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import simpy

#: Downtimes go before all work: a slot that is free, or becomes free, is down.
_FIRST = -1


@dataclass(frozen=True, slots=True)
class Job:
    """Work to be simulated.

    Attributes:
        arrival: when it comes, in microseconds.
        rank: who is next: the lowest, and of equals the earliest.
        service: how long a slot is busy with it.
        at_once, in_turn: how long until a slot claims it that was free when it came, or that became free later.
    """

    arrival: int
    rank: int
    service: int
    at_once: int = 0
    in_turn: int = 0


def simulate(jobs: Sequence[Job], capacity: int, down: Iterable[tuple[int, int]] = ()) -> list[int]:
    """How long each job of one queue waits until it is claimed, in microseconds.

    Args:
        jobs: the work, in any order.
        capacity: how many slots there are.
        down: spans in which one slot takes no work; work in hand is finished first.
    """
    everything = [*jobs, *(Job(start, _FIRST, end - start) for start, end in down)]
    order = sorted(range(len(everything)), key=lambda number: everything[number].arrival)
    start = everything[order[0]].arrival if order else 0
    environment = simpy.Environment(start)
    line = simpy.PriorityStore(environment)
    claims = [0] * len(everything)
    for _ in range(capacity):
        environment.process(_slot(environment, line, everything, claims))
    environment.process(_source(environment, line, everything, order))
    environment.run()
    return [claim - job.arrival for claim, job in zip(claims, jobs, strict=False)]


def _source(
    environment: simpy.Environment, line: simpy.PriorityStore, jobs: Sequence[Job], order: Iterable[int]
) -> Generator[simpy.Event, Any, None]:
    for number in order:
        job = jobs[number]
        yield environment.timeout(job.arrival - environment.now)
        yield line.put((job.rank, job.arrival, number))


def _slot(
    environment: simpy.Environment, line: simpy.PriorityStore, jobs: Sequence[Job], claims: list[int]
) -> Generator[simpy.Event, Any, None]:
    while True:
        _, arrival, number = yield line.get()
        job = jobs[number]
        yield environment.timeout(job.at_once if environment.now == arrival else job.in_turn)
        claims[number] = int(environment.now)
        yield environment.timeout(job.service)
