"""From the log to a model: queues with their performers, how fast these take work, and who is next. Pure.

Performers that do the work of one engine share a queue. A performer has as many slots as workitems it had in hand at
once. A slot that is free takes work after a delay: it looks for work now and then, or is told; those delays are read
from the log, once for work that finds a free slot and once for work that waited for one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sole_logging.measures.resources import Span
from sole_logging.whatif.policies import Lengths, Policy, agreement, expected_lengths
from sole_logging.whatif.work import Work, WorkLog

#: More work at once than a performer has slots is an error of clocks when it lasts so small a part of its time.
_BRIEF = 0.005


@dataclass(frozen=True, slots=True)
class Queue:
    """Work that waits in one line, and who takes it.

    Attributes:
        name: its engines; else its performers.
        engines: what it does.
        slots: how much each performer works on at once.
        down: when slots are down; one span for each slot.
        at_once: delays of claims that found a free slot, in microseconds.
        in_turn: delays of claims after a slot became free.
        queued: how much work waited for a slot.
    """

    name: str
    engines: frozenset[str]
    slots: Mapping[str, int]
    down: tuple[Span, ...] = ()
    at_once: tuple[int, ...] = (0,)
    in_turn: tuple[int, ...] = (0,)
    queued: int = 0

    @property
    def capacity(self) -> int:
        """How much is worked on at once."""
        return sum(self.slots.values())


@dataclass(frozen=True, slots=True)
class Model:
    """The configuration of the log.

    Attributes:
        queues: by name.
        queue_of: the queue of each performer.
        policy: the one that agrees with most claims.
        agreement: the share of claims with a choice that it agrees with; None when no claim had one.
        lengths: expected lengths.
    """

    queues: Mapping[str, Queue]
    queue_of: Mapping[str, str]
    policy: Policy
    agreement: float | None
    lengths: Lengths


def calibrate(log: WorkLog) -> Model:
    """The model of a log."""
    of_performer = _by(log.works, "performer")
    lines = _lines(log.works)
    lengths = expected_lengths(log.works)
    queues: dict[str, Queue] = {}
    queue_of: dict[str, str] = {}
    told = {policy: [0, 0] for policy in Policy}
    for performers in lines:
        works = sorted((one for name in performers for one in of_performer[name]), key=lambda one: one.arrival)
        queue = _queue(performers, of_performer, works, log.down)
        queues[queue.name] = queue
        queue_of |= dict.fromkeys(performers, queue.name)
        for policy, sums in told.items():
            agreed, chosen = agreement(policy, works, lengths)
            sums[0] += agreed
            sums[1] += chosen
    policy = max(told, key=lambda one: told[one][0])
    agreed, chosen = told[policy]
    return Model(queues, queue_of, policy, agreed / chosen if chosen else None, lengths)


def slots_of(works: Iterable[Work]) -> int:
    """How much one performer works on at once: the most that it had in hand, but for a brief moment."""
    moments = [(one.claim, 1) for one in works] + [(_freed(one), -1) for one in works]
    lasted: dict[int, int] = defaultdict(int)
    level = before = 0
    for at, step in sorted(moments):
        lasted[level] += at - before
        level, before = level + step, at
    busy = sum(length for number, length in lasted.items() if number)
    beyond = number = 0
    for number in sorted(lasted, reverse=True):
        beyond += lasted[number]
        if beyond > _BRIEF * busy:
            break
    return number


def delays(works: Sequence[Work], capacity: int, down: Iterable[Span]) -> tuple[list[int], list[int]]:
    """How long free slots waited before they claimed what was there.

    Args:
        works: the work of one queue.
        capacity: its slots.
        down: spans in which one slot is down.

    Returns:
        Delays of work that found a free slot, and of work that waited for one.
    """
    moments = [(_freed(one), 0, None) for one in works] + [(one.claim, 1, one) for one in works]
    moments += [(end, 0, None) for _, end in down] + [(start, 1, None) for start, _ in down]
    level, free_since = 0, 0
    at_once: list[int] = []
    in_turn: list[int] = []
    for at, step, work in sorted(moments, key=lambda one: one[:2]):
        if not step:
            level -= 1
            free_since = at if level == capacity - 1 else free_since
            continue
        if work and work.arrival >= free_since and level < capacity:
            at_once.append(work.wait)
        elif work:
            in_turn.append(at - free_since if level < capacity else 0)
        level += 1
    return at_once, in_turn


def _freed(one: Work) -> int:
    """When the slot of work is free again: after its claim, also when it took no time."""
    return max(one.end, one.claim + 1)


def _queue(
    performers: Sequence[str],
    of_performer: Mapping[str, Sequence[Work]],
    works: Sequence[Work],
    down: Mapping[str, Sequence[Span]],
) -> Queue:
    engines = frozenset(one.engine for one in works if one.engine)
    slots = {name: slots_of(of_performer[name]) for name in performers}
    lost = tuple(span for name in performers for span in down.get(name, ()) for _ in range(slots[name]))
    at_once, in_turn = delays(works, sum(slots.values()), lost)
    name = " + ".join(sorted(engines)) or " + ".join(performers) or "not told"
    every = at_once + in_turn or [0]
    return Queue(name, engines, slots, lost, tuple(at_once or every), tuple(in_turn or every), len(in_turn))


def _lines(works: Iterable[Work]) -> list[tuple[str, ...]]:
    """Performers that share an engine, directly or through others."""
    lines: list[tuple[set[str], set[str]]] = []
    for performer, some in sorted(_by(works, "performer").items()):
        names, engines = {performer}, {one.engine for one in some if one.engine}
        for line in [one for one in lines if one[1] & engines]:
            names |= line[0]
            engines |= line[1]
            lines.remove(line)
        lines.append((names, engines))
    return [tuple(sorted(names)) for names, _ in lines]


def _by(works: Iterable[Work], name: str) -> dict[str, list[Work]]:
    found: dict[str, list[Work]] = defaultdict(list)
    for one in works:
        found[getattr(one, name)].append(one)
    return found
