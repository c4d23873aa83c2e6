"""What the hospital is like: who comes when, what is done with it, how long that takes, and what goes wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Final

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

#: Share of a day's patients by hour (UTC), and how many come on a weekday and at the weekend, of the usual number.
_BY_HOUR = (1, 1, 1, 1, 1, 2, 3, 6, 9, 10, 10, 9, 8, 9, 9, 8, 7, 5, 4, 3, 3, 2, 2, 1)
_ON_WEEKDAY, _AT_WEEKEND = 1.2, 0.5
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Modality:
    """A kind of scanner: its share of the studies, minutes of an exam, size of its studies and minutes to read one."""

    name: str
    share: float
    minutes: float
    instances: int
    octets: int
    reading: float


@dataclass(frozen=True, slots=True)
class Algorithm:
    """An algorithm: whose images it takes, at how many performers, and seconds of inference with each version."""

    name: str
    modalities: tuple[str, ...]
    performers: int
    versions: tuple[str, str]
    seconds: tuple[float, float]
    positive: float


MODALITIES: Final = (
    Modality("CT", 0.30, 9, 320, 180_000_000, 8),
    Modality("MR", 0.16, 26, 420, 150_000_000, 12),
    Modality("CR", 0.36, 4, 2, 22_000_000, 2.5),
    Modality("US", 0.14, 17, 45, 40_000_000, 5),
    Modality("XA", 0.04, 48, 260, 210_000_000, 11),
)
ALGORITHMS: Final = (
    Algorithm("lung nodules", ("CT",), 2, ("2.1", "3.0"), (95.0, 55.0), 0.22),
    Algorithm("chest findings", ("CR",), 2, ("1.4", "1.5"), (9.0, 8.0), 0.31),
)
#: Site with its share; place of service with its share, and hours between order and appointment (mean).
SITES: Final = (("North Campus", 0.6), ("South Campus", 0.3), ("Harbour Clinic", 0.1))
PLACES: Final = (("emergency", 0.30, 0.4), ("inpatient", 0.32, 5.0), ("outpatient", 0.38, 30.0))
#: Priorities with their shares by place.
PRIORITIES: Final = {
    "emergency": (("HIGH", 0.7), ("MEDIUM", 0.3)),
    "inpatient": (("HIGH", 0.1), ("MEDIUM", 0.75), ("LOW", 0.15)),
    "outpatient": (("MEDIUM", 0.35), ("LOW", 0.65)),
}
#: How long a reader lets a study of a priority wait for others that came later.
PATIENCE: Final = {"HIGH": 0, "MEDIUM": 40 * MINUTE, "LOW": 5 * HOUR}
REASONS_OF_FAILURE: Final = ("110501", "110505", "110524")
REASONS_OF_CANCEL: Final = ("110513", "110510")


@dataclass(frozen=True, slots=True)
class Hospital:
    """A hospital and its log.

    Attributes:
        seed: the same makes the same log.
        studies_a_day: mean number.
        begin: midnight of its first day, UTC.
        new_versions: after so many days, each algorithm is replaced by its next version.
        missing: share of events that are never told.
        doubled: share that is delivered again.
        late: share that is delivered hours later.
        failing: share of AI runs that fail; half of them are tried again.
    """

    seed: int = 1
    studies_a_day: float = 1000.0
    begin: datetime = datetime(2026, 1, 5, tzinfo=UTC)
    new_versions: int = 180
    missing: float = 0.004
    doubled: float = 0.004
    late: float = 0.01
    failing: float = 0.03

    def arrivals(self, day: int, chance: Random) -> list[int]:
        """The moments of a day at which studies are ordered, in microseconds after its midnight, in order."""
        weekend = (self.begin.weekday() + day) % 7 >= _SATURDAY
        mean = self.studies_a_day * (_AT_WEEKEND if weekend else _ON_WEEKDAY)
        number = max(0, round(chance.gauss(mean, mean**0.5)))
        hours = chance.choices(range(24), _BY_HOUR, k=number)
        return sorted(hour * HOUR + chance.randrange(HOUR) for hour in hours)

    @property
    def readers(self) -> int:
        """How many radiologists read: enough for the work, and no more."""
        return max(2, round(self.studies_a_day / 130))

    def scanners(self, modality: Modality, share: float) -> int:
        """How many scanners of a kind a site of a share has: two thirds of their busiest hour is work."""
        return max(1, round(self.studies_a_day * share * modality.share * 0.12 * (modality.minutes + 4) / 60))

    def performers(self, algorithm: Algorithm) -> int:
        """How many performers an algorithm has."""
        return max(1, round(algorithm.performers * self.studies_a_day / 500))


@dataclass(slots=True)
class Study:
    """One study on its way."""

    number: int
    site: str
    modality: Modality
    place: str
    priority: str
    uid: str
    accession: str
    run: int = 0
    opened: int = 0
    positive: bool = False
    told: dict[str, str] = field(default_factory=dict)


def pick(chance: Random, shares: tuple[tuple[str, float], ...]) -> str:
    """One of some names, by their shares."""
    at = chance.random() * sum(share for _, share in shares)
    for name, share in shares:
        at -= share
        if at < 0:
            return name
    return shares[-1][0]


def around(chance: Random, mean: float) -> int:
    """A length of time around a mean in microseconds, never negative, sometimes much longer."""
    return int(mean * chance.lognormvariate(-0.08, 0.4))
