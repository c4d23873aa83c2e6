"""The orders of a message: each ORC with the segments that belong to it (orders.md section 2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from conformance.hl7.message import Message, Segment

_PARTS = {"ORC", "OBR", "TQ1", "IPC", "OBX", "NTE", "DG1"}


@dataclass(frozen=True, slots=True)
class Order:
    """One order.

    Attributes:
        segments: ORC and what follows it, up to the next ORC; ZDS is nobody's.
    """

    segments: tuple[Segment, ...]

    def all(self, name: str) -> list[Segment]:
        """Its segments of that name."""
        return [one for one in self.segments if one.name == name]

    def first(self, name: str) -> Segment | None:
        """Its first segment of that name."""
        return next(iter(self.all(name)), None)

    @property
    def control(self) -> str:
        """ORC-1, or empty."""
        return self.segments[0].part(1).strip() if self.segments[0].name == "ORC" else ""

    @property
    def status(self) -> str:
        """ORC-5, or empty."""
        return self.segments[0].part(5).strip() if self.segments[0].name == "ORC" else ""

    @property
    def is_new(self) -> bool:
        """Whether it is a new order with its details."""
        return self.control == "NW" and self.first("OBR") is not None


def orders(message: Message) -> Iterator[Order]:
    """The orders of a message in their order."""
    current: list[Segment] = []
    for segment in message.segments:
        if segment.name not in _PARTS:
            continue
        if _begins(segment, current):
            if current:
                yield Order(tuple(current))
            current = [segment]
        elif current:
            current.append(segment)
    if current:
        yield Order(tuple(current))


def _begins(segment: Segment, current: list[Segment]) -> bool:
    if segment.name == "ORC":
        return True
    return segment.name == "OBR" and (not current or any(one.name == "OBR" for one in current))
