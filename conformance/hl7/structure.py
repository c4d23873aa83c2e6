"""Whether segments stand in the order of a message structure: an automaton, linear in the length of the message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

_MANY = -1


class Deviation(NamedTuple):
    """Where segments first leave the structure.

    Attributes:
        place: index of the segment that does not fit; the number of segments when the message ends too early.
        expected: names of the segments that could stand there.
    """

    place: int
    expected: tuple[str, ...]


class Grammar:
    """One message structure.

    Args:
        reference: the structure as hl7apy has it: nested groups of ``(name, reference, (least, most), kind)``.
    """

    def __init__(self, reference: Any) -> None:
        self._steps: list[dict[str, set[int]]] = []
        self._free: list[set[int]] = []
        self.names: set[str] = set()
        self._start = self._state()
        self._end = self._group(reference, self._start)

    def deviation(self, names: Sequence[str]) -> Deviation | None:
        """Where the order of segments first leaves the structure; None when it is as it should be."""
        at = self._closure({self._start})
        for place, name in enumerate(names):
            following = {state for one in at for state in self._steps[one].get(name, ())}
            if not following:
                return Deviation(place, self._expected(at))
            at = self._closure(following)
        return None if self._end in at else Deviation(len(names), self._expected(at))

    def _expected(self, at: set[int]) -> tuple[str, ...]:
        return tuple(sorted({name for state in at for name in self._steps[state]}))

    def _state(self) -> int:
        self._steps.append({})
        self._free.append(set())
        return len(self._steps) - 1

    def _group(self, reference: Any, start: int) -> int:
        """Lay the states of a group from a state on; its last state."""
        if reference[0] == "choice":
            end = self._state()
            for child in reference[1]:
                self._free[self._child(child, start)].add(end)
            return end
        for child in reference[1]:
            start = self._child(child, start)
        return start

    def _child(self, child: Any, before: int) -> int:
        name, reference, (least, most), kind = child
        start, after = self._state(), self._state()
        self._free[before].add(start)
        if kind == "SEG":
            end = self._state()
            self._steps[start].setdefault(name, set()).add(end)
            self.names.add(name)
        else:
            end = self._group(reference, start)
        self._free[end].add(after)
        if most == _MANY:
            self._free[end].add(start)
        if least == 0:
            self._free[before].add(after)
        return after

    def _closure(self, states: set[int]) -> set[int]:
        reached, todo = set(states), list(states)
        while todo:
            for state in self._free[todo.pop()] - reached:
                reached.add(state)
                todo.append(state)
        return reached
