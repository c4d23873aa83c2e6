"""What happens in the hospital, in order of time: patients wait for scanners, images for performers and for readers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from heapq import heapify, heappop, heappush, heapreplace
from itertools import count
from random import Random
from typing import Any, Protocol

from connectathon.operational_log.hospital import (
    ALGORITHMS,
    DAY,
    HOUR,
    MINUTE,
    MODALITIES,
    PATIENCE,
    PLACES,
    PRIORITIES,
    REASONS_OF_CANCEL,
    REASONS_OF_FAILURE,
    SECOND,
    SITES,
    Algorithm,
    Hospital,
    Modality,
    Study,
    around,
    pick,
)


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened: when by the true clock, its codes, who tells it, and what else is told."""

    at: int
    codes: tuple[str, ...]
    source: str
    told: Mapping[str, Any] = field(default_factory=dict)
    outcome: int = 0


class _Stage(Protocol):
    def __call__(self, now: int) -> Iterator[Happening]: ...


class Workflow:
    """The days of a hospital, from the first on, without an end.

    Args:
        hospital: what it is like.
    """

    def __init__(self, hospital: Hospital) -> None:
        self._hospital, self._chance = hospital, Random(hospital.seed)  # noqa: S311 - nothing secret
        self._stages: list[tuple[int, int, _Stage]] = []
        self._order, self._studies = count(), count(1)
        self._scanners: dict[tuple[str, str], list[tuple[int, int]]] = {
            (site, one.name): [(0, number) for number in range(hospital.scanners(one, share))]
            for site, share in SITES
            for one in MODALITIES
        }
        self._performers = {
            one.name: [(0, number) for number in range(1, hospital.performers(one) + 1)] for one in ALGORITHMS
        }
        self._readers = [(0, number) for number in range(1, hospital.readers + 1)]
        for queue in (*self._scanners.values(), *self._performers.values(), self._readers):
            heapify(queue)
        self._later(0, self._day)

    def happenings(self) -> Iterator[tuple[int, list[Happening]]]:
        """What happens, stage by stage: its time, before which nothing more will happen, and what it brings."""
        while True:
            now, _, stage = heappop(self._stages)
            yield now, list(stage(now))

    def _happens(self, share: float) -> bool:
        return self._chance.random() < share

    def _later(self, at: int, stage: _Stage) -> None:
        heappush(self._stages, (at, next(self._order), stage))

    def _day(self, now: int) -> Iterator[Happening]:
        """The orders of a day, and what its machines do."""
        for offset in self._hospital.arrivals(now // DAY, self._chance):
            self._later(now + offset, partial(self._ordered, self._new_study()))
        self._later(now + DAY, self._day)
        for (site, name), rooms in self._scanners.items():
            for _, number in rooms:
                scanner = f"{name}{number}@{site}"
                yield from self._scanner_day(now, scanner, site)
        for algorithm in ALGORITHMS:
            if self._happens(0.1):
                down = now + self._chance.randrange(20 * HOUR)
                performer = f"AI_{algorithm.name.split()[0].upper()}_1"
                up = down + around(self._chance, 25 * MINUTE)
                yield Happening(down, ("AIX152", "110121"), "ai", {"performer": performer})
                yield Happening(up, ("AIX151", "110120"), "ai", {"performer": performer})

    def _scanner_day(self, now: int, scanner: str, site: str) -> Iterator[Happening]:
        told = {"site": site}
        begin = now + 6 * HOUR + self._chance.randrange(HOUR)
        end = now + 21 * HOUR + self._chance.randrange(2 * HOUR)
        for at, code in ((begin, "RID45986"), (begin, "RID45988"), (end, "RID45987"), (end, "RID45989")):
            yield Happening(at, (code,), scanner, told)
        ready = begin + 10 * MINUTE
        yield Happening(ready, ("RID45935",), scanner, told)
        yield Happening(ready + around(self._chance, 8 * HOUR), ("RID45936",), scanner, told)
        if self._happens(0.02):
            down = begin + self._chance.randrange(8 * HOUR)
            yield Happening(down, ("RID45994",), scanner, told)
            yield Happening(down + around(self._chance, 50 * MINUTE), ("RID45995",), scanner, told)

    def _new_study(self) -> Study:
        chance, number = self._chance, next(self._studies)
        place = pick(chance, tuple((name, share) for name, share, _ in PLACES))
        (modality,) = chance.choices(MODALITIES, [one.share for one in MODALITIES])
        study = Study(
            number,
            pick(chance, SITES),
            modality,
            place,
            pick(chance, PRIORITIES[place]),
            f"2.999.1.{self._hospital.seed}.{number}",
            f"A{number:08d}",
        )
        study.told = {"accession": study.accession, "study": study.uid, "site": study.site, "place": place}
        study.told |= {"modality": modality.name, "priority": study.priority}
        return study

    def _ordered(self, study: Study, now: int) -> Iterator[Happening]:
        order = {name: value for name, value in study.told.items() if name != "study"}  # there are no images yet
        yield Happening(now, ("RID45813",), "ris", order)
        yield Happening(now + around(self._chance, 2 * SECOND), ("SOLE101",), "ris", order)
        if study.priority == "HIGH" and self._happens(0.5):
            yield Happening(now, ("RID45941",), "ris", order)
        hours = next(hours for name, _, hours in PLACES if name == study.place)
        arrives = now + around(self._chance, hours * HOUR)
        if self._happens(0.02):
            yield Happening(now + (arrives - now) // 2, ("RID45862",), "ris", order)
        else:
            self._later(arrives, partial(self._arrived, study))

    def _arrived(self, study: Study, now: int) -> Iterator[Happening]:
        chance, told, modality = self._chance, study.told, study.modality
        scanners = self._scanners[study.site, modality.name]
        free, number = scanners[0]
        start = max(now + around(chance, 6 * MINUTE), free)
        enters, acquired = start - around(chance, 2 * MINUTE), start + around(chance, modality.minutes * MINUTE)
        end = acquired + around(chance, 30 * SECOND)
        leaves = end + around(chance, 2 * MINUTE)
        heapreplace(scanners, (leaves, number))
        scanner = f"{modality.name}{number}@{study.site}"
        counted = {**told, "instances": modality.instances, "bytes": self._octets(modality)}
        yield Happening(now, ("RID45825",), "ris", told)
        yield Happening(max(now, enters), ("RID45897",), scanner, told)
        yield Happening(start, ("RID46000",), scanner, told)
        yield Happening(acquired, ("RID45826",), scanner, told)
        yield Happening(end, ("RID45847",), scanner, counted)
        yield Happening(leaves, ("RID45899",), scanner, told)
        if self._happens(0.02):
            yield Happening(end + MINUTE, ("SOLE105",), scanner, told)
        stored = end + around(chance, 40 * SECOND)
        prepared = stored + around(chance, 3 * SECOND)
        yield Happening(stored, ("RID45871",), "pacs", counted)
        yield Happening(prepared, ("RID45914",), "pacs", told)
        for algorithm in ALGORITHMS:
            if modality.name in algorithm.modalities and self._happens(0.95):
                self._later(stored + around(chance, 2 * SECOND), partial(self._created, study, algorithm))
        self._later(prepared + PATIENCE[study.priority], partial(self._listed, study, prepared, end))

    def _octets(self, modality: Modality) -> int:
        return int(modality.octets * self._chance.uniform(0.6, 1.5))

    def _created(self, study: Study, algorithm: Algorithm, now: int) -> Iterator[Happening]:
        study.run += 1
        uid = f"2.999.2.{self._hospital.seed}.{study.number}.{study.run}"
        old = now < self._hospital.new_versions * DAY
        work = {"study": study.uid, "accession": study.accession, "workitem": uid, "site": study.site}
        work |= {"engine": algorithm.name, "engine_version": algorithm.versions[not old]}
        yield Happening(now, ("AIX101",), "manager", work)
        if self._happens(0.05):
            yield Happening(now + SECOND, ("AIX102",), "manager", work)
        if self._happens(0.01):
            reason = {"reason": self._chance.choice(REASONS_OF_CANCEL)}
            yield Happening(now + around(self._chance, 3 * MINUTE), ("AIX106",), "manager", {**work, **reason})
            return
        seconds = algorithm.seconds[not old]
        yield from self._performed(study, algorithm, work, seconds, now)

    def _performed(
        self, study: Study, algorithm: Algorithm, work: dict[str, str], seconds: float, now: int
    ) -> Iterator[Happening]:
        chance, queue = self._chance, self._performers[algorithm.name]
        free, number = queue[0]
        claimed = max(now + around(chance, 1.5 * SECOND), free)
        performer = f"AI_{algorithm.name.split()[0].upper()}_{number}"
        work = {**work, "performer": performer}
        asked = claimed + around(chance, 0.2 * SECOND)
        octets = self._octets(study.modality)
        arrived = asked + int(octets / 60 * chance.uniform(0.7, 1.6))  # 60 octets a microsecond
        started = arrived + around(chance, 0.8 * SECOND)
        ended = started + around(chance, seconds * SECOND)
        yield Happening(claimed, ("AIX103",), "manager", work)
        yield Happening(asked, ("SOLE112", "AIX111"), performer, work)
        size = {"bytes": octets, "instances": study.modality.instances}
        yield Happening(arrived, ("SOLE113", "AIX112"), performer, {**work, **size})
        yield Happening(started, ("SOLE114", "AIX121"), performer, work)
        if self._happens(self._hospital.failing):
            yield Happening(ended, ("SOLE115", "AIX122", "111245"), performer, work, outcome=8)
            yield from self._failed(study, algorithm, (work, seconds, ended), number)
            return
        study.positive = self._happens(algorithm.positive)
        finding = "111242" if study.positive else "111241"
        stored = ended + around(chance, 2 * SECOND)
        available, done = stored + around(chance, 1.5 * SECOND), stored + around(chance, 2.5 * SECOND)
        heapreplace(queue, (done, number))
        yield Happening(ended, ("SOLE115", "AIX122", finding), performer, work)
        yield Happening(stored, ("AIX131",), "pacs", work)
        yield Happening(available, ("RID45833", "AIX132"), "pacs", work)
        yield Happening(done, ("AIX107",), "manager", work)
        if study.positive:
            yield Happening(available + around(chance, 4 * SECOND), ("RID45829", "AIX133"), performer, work)
        self._later(available, partial(self._available, study, work))

    def _failed(
        self, study: Study, algorithm: Algorithm, run: tuple[dict[str, str], float, int], number: int
    ) -> Iterator[Happening]:
        """A run that failed: its performer takes the workitem once more, or gives it up."""
        work, seconds, ended = run
        freed = ended + around(self._chance, SECOND)
        heapreplace(self._performers[algorithm.name], (freed, number))
        if self._happens(0.5):
            self._later(freed, partial(self._performed, study, algorithm, work, seconds))
            return
        reason = {"reason": self._chance.choice(REASONS_OF_FAILURE)}
        yield Happening(freed, ("AIX106",), "manager", {**work, **reason}, outcome=8)

    def _available(self, study: Study, work: dict[str, str], now: int) -> Iterator[Happening]:
        """A result is there: shown when the study is opened, or soon when it is open already."""
        self._later(max(now, study.opened or now + DAY), partial(self._shown, study, work))
        return iter(())

    def _shown(self, study: Study, work: dict[str, str], now: int) -> Iterator[Happening]:
        chance = self._chance
        if not study.opened or self._happens(0.1):
            return
        shown = max(now, study.opened) + around(chance, 15 * SECOND)
        (said,) = chance.choices(("AIX142", "AIX143", "AIX144", "AIX145"), (80, 6, 9, 5))
        yield Happening(shown, ("AIX141",), "viewer", work)
        yield Happening(shown + around(chance, 40 * SECOND), (said,), "viewer", work)

    def _listed(self, study: Study, prepared: int, end: int, now: int) -> Iterator[Happening]:
        """The study is next on the list of a reader, or comes to that later."""
        chance, told = self._chance, study.told
        free, number = self._readers[0]
        opened = max(prepared + around(chance, 20 * SECOND), now - PATIENCE[study.priority] // 2, free)
        opened = study.opened = max(opened, now)
        claimed = opened + around(chance, 5 * SECOND)
        dictated = claimed + around(chance, 20 * SECOND)
        signed = dictated + around(chance, study.modality.reading * MINUTE)
        heapreplace(self._readers, (signed, number))
        reader = {**told, "person": f"reader{number}"}
        second = {**told, "person": f"reader{number % self._hospital.readers + 1}"}
        yield Happening(opened, ("RID45893",), "viewer", reader)
        yield Happening(claimed, ("RID45874",), "reporting", reader)
        yield Happening(dictated, ("RID45858",), "reporting", reader)
        if study.positive and self._happens(0.3):
            alert = dictated + MINUTE
            yield Happening(alert, ("RID45829",), "reporting", told)
            yield Happening(alert + around(chance, 12 * MINUTE), ("RID45854",), "reporting", told)
        if self._happens(0.2):  # another one signs what the first one wrote
            yield Happening(signed, ("RID45911",), "reporting", reader)
            reader, signed = second, signed + around(chance, HOUR)
        published = signed + around(chance, 20 * SECOND)
        yield Happening(signed, ("RID45924",), "reporting", reader)
        yield Happening(published, ("RID45865",), "reporting", told)
        viewed = published + around(chance, 2 * HOUR)
        yield Happening(viewed, ("RID45931",), "portal", told)
        if self._happens(0.6):
            yield Happening(viewed + around(chance, MINUTE), ("RID45930",), "portal", told)
        if self._happens(0.015):
            yield Happening(signed + around(chance, 5 * HOUR), ("RID45850",), "reporting", reader)
