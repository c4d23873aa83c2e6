"""What the log says of what happened: clocks that are off, events that are lost, come twice or come late."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Final

from connectathon.operational_log.hospital import DAY, HOUR, MINUTE, SECOND, Hospital
from connectathon.operational_log.workflow import Happening, Workflow
from sole_logging.measures.entry import LogEntry

#: How far clocks of sources are off; and one that was ten minutes ahead for a day (sole.md 3.7).
_OFF: Final = {"viewer": -int(1.2 * SECOND), "pacs": int(0.4 * SECOND)}
_WRONG: Final = ("CT0@North Campus", 10 * MINUTE, 3)
_DELIVERED: Final = 40_000
_DOMAIN = "hospital.example"


def operational_log(hospital: Hospital) -> Iterator[LogEntry]:
    """The log in the order in which a repository gets it, duplicates among it, without an end.

    Args:
        hospital: the same makes the same log.
    """
    chance, order = Random(hospital.seed + 1), count(1)  # noqa: S311 - nothing secret
    coming: list[tuple[int, int, LogEntry]] = []
    for now, happened in Workflow(hospital).happenings():
        while coming and coming[0][0] < now:
            yield heappop(coming)[2]
        for one in happened:
            if chance.random() < hospital.missing:
                continue
            number = next(order)
            received = one.at + int(chance.expovariate(1 / _DELIVERED))
            if chance.random() < hospital.late:
                received += int(chance.expovariate(1 / (3 * HOUR)))
            heappush(coming, (received, number, _entry(hospital, one, number, received)))
            if chance.random() < hospital.doubled:
                again = received + int(chance.expovariate(1 / MINUTE))
                heappush(coming, (again, next(order), _entry(hospital, one, number, again)))


def _entry(hospital: Hospital, one: Happening, number: int, received: int) -> LogEntry:
    source, ahead, day = _WRONG
    off = ahead if one.source == source and one.at // DAY == day else _OFF.get(one.source, 0)
    return LogEntry(
        event_id=f"{number >> 32:08x}-{number >> 16 & 0xFFFF:04x}-4{hospital.seed & 0xFFF:03x}-8000-{number:012x}",
        at=hospital.begin + timedelta(microseconds=one.at + off),
        received_at=hospital.begin + timedelta(microseconds=received),
        codes=one.codes,
        outcome=one.outcome,
        source=one.source,
        host=f"{one.source.lower().replace('@', '.').replace(' ', '-')}.{_DOMAIN}",
        **one.told,
    )
