"""Who is next: the rank of waiting work under a policy; the lowest goes first, and of equals the earliest."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

from profiles.errors import BadInput
from sole_logging.whatif.work import Work

#: The expected length of work, by engine and modality.
Lengths = Mapping[tuple[str, str], int]
_URGENCY: Final = {"HIGH": 0, "LOW": 2}


class Policy(StrEnum):
    """In which order waiting work is claimed."""

    FIRST_COME = "first-come"
    STAT_FIRST = "stat-first"
    SHORT_FIRST = "short-first"


#: Policies in words.
WORDS: Final[Mapping[Policy, str]] = {
    Policy.FIRST_COME: "first come, first served",
    Policy.STAT_FIRST: "STAT first",
    Policy.SHORT_FIRST: "expected short work first",
}


def policy_of(name: str) -> Policy | None:
    """The policy of a name; None for an empty one.

    Raises:
        BadInput: when there is none of that name.
    """
    if name and name not in set(Policy):
        raise BadInput(f"{name!r} is no policy; there are {', '.join(Policy)}.")
    return Policy(name) if name else None


def urgency(priority: str) -> int:
    """The place of a priority among the others; one that is not told is like MEDIUM."""
    return _URGENCY.get(priority, 1)


def rank(policy: Policy, work: Work, lengths: Lengths) -> int:
    """The rank of work: its priority, its expected length, or none."""
    return _RANKS[policy](work, lengths)


_RANKS: Final[Mapping[Policy, Callable[[Work, Lengths], int]]] = {
    Policy.FIRST_COME: lambda _work, _lengths: 0,
    Policy.STAT_FIRST: lambda work, _lengths: urgency(work.priority),
    Policy.SHORT_FIRST: lambda work, lengths: lengths.get((work.engine, work.modality), 0),
}


def expected_lengths(works: Iterable[Work]) -> dict[tuple[str, str], int]:
    """The mean length of the work of each engine and modality, in microseconds."""
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for one in works:
        total, count = sums.get((one.engine, one.modality), (0, 0))
        sums[one.engine, one.modality] = (total + one.service, count + 1)
    return {kind: total // count for kind, (total, count) in sums.items()}


def agreement(policy: Policy, works: Sequence[Work], lengths: Lengths) -> tuple[int, int]:
    """How often the work that was claimed is what a policy takes, among the claims that had a choice.

    Args:
        policy: the policy.
        works: the work of one queue.
        lengths: expected lengths.

    Returns:
        Claims that agree, and claims made while other work waited, too.
    """
    moments = [(one.arrival, 0, number) for number, one in enumerate(works)]
    moments += [(one.claim, 1, number) for number, one in enumerate(works)]
    waiting: list[tuple[int, int, int]] = []
    agreed = chosen = 0
    for _, is_claim, number in sorted(moments):
        place = (rank(policy, works[number], lengths), works[number].arrival, number)
        if not is_claim:
            insort(waiting, place)
            continue
        if len(waiting) > 1:
            chosen += 1
            agreed += place[:2] == waiting[0][:2]
        waiting.remove(place)
    return agreed, chosen
