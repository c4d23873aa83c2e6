"""The answer to a what-if, which never comes without the proof that the model fits the log. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

import numpy as np

from sole_logging.measures.entry import moment_of
from sole_logging.measures.figures import Figures, exact_figures
from sole_logging.whatif.calibrating import Model, calibrate
from sole_logging.whatif.policies import WORDS, urgency
from sole_logging.whatif.scenario import Run, Scenario, run
from sole_logging.whatif.work import WorkLog

#: The group of all work.
ALL: Final = "all"
#: Fewer cases say little about the rare long waits.
FEWEST = 100
#: A replay fits when the distributions of waits are nowhere further apart, and median and 90 % differ by no more.
LARGEST_DISTANCE, LARGEST_ERROR = 0.15, 0.25
#: Differences below this are no difference to anybody who waits, in microseconds.
_NOTHING = 2_000_000
_MOST_LEFT_OUT = 0.1
_LEAST_AGREEMENT = 0.7
_FULL = 1.0
_RARELY = 0.02


@dataclass(frozen=True, slots=True)
class Validation:
    """How well the replay of the log's own configuration gives the waits of the log.

    Attributes:
        real, replayed: figures of the waits, in microseconds.
        distance: of Kolmogorov and Smirnov: the largest difference of their distributions, 0 to 1.
        doubts: why the model is not to be trusted; empty when it is.
    """

    real: Figures
    replayed: Figures
    distance: float
    doubts: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Whether the model may be trusted."""
        return not self.doubts


@dataclass(frozen=True, slots=True)
class Line:
    """One queue: slots and utilisation, as it is and as it would be."""

    name: str
    slots: int
    slots_then: int
    utilisation: float
    utilisation_then: float


@dataclass(frozen=True, slots=True)
class WhatIfAnswer:
    """What would be, beside the proof and the doubts.

    Attributes:
        validation: of the model; without it there is no answer.
        policy: who is next in the log, as its claims show.
        waits: figures of waits by group, as replayed and as they would be; the first group is all.
        spent: the same of the time from the creation of a workitem to its end.
        lines: the queues.
        doubts: why the answer is not to be trusted; empty when it is.
        notes: what else has to be known.
        left_out: workitems of the window that could not be simulated.
    """

    scenario: Scenario
    since: int
    until: int
    validation: Validation
    policy: str
    waits: tuple[tuple[Figures, Figures], ...]
    spent: tuple[Figures, Figures]
    lines: tuple[Line, ...]
    doubts: tuple[str, ...]
    notes: tuple[str, ...]
    left_out: int

    @property
    def verdict(self) -> str:
        """Whether to trust the answer, in one sentence."""
        if not self.doubts:
            return "The model fits the log: its replay waits as long as the log did."
        return "Do not trust this answer: " + "; ".join(self.doubts) + "."

    @property
    def proof(self) -> str:
        """How near the replay comes, in one sentence."""
        real, replayed = self.validation.real, self.validation.replayed
        if real.median is None or replayed.median is None or real.p90 is None or replayed.p90 is None:
            return "There is too little to compare."
        waits = (real.median, replayed.median, real.p90, replayed.p90)
        median, median_now, most, most_now = (f"{value / 1e6:.1f} s" for value in waits)
        return (
            f"Replay of the log's own configuration, {real.count} workitems: median {median_now} against {median}, 90 %"
            f" {most_now} against {most}, distance of Kolmogorov and Smirnov {self.validation.distance:.3f}."
        )


def what_if(log: WorkLog, scenario: Scenario) -> WhatIfAnswer:
    """Simulate a scenario, and the log's own configuration to compare it with and to prove the model.

    Raises:
        BadInput: when the scenario does not go with the log.
    """
    model = calibrate(log)
    own = run(log, model, Scenario(seed=scenario.seed))
    then = run(log, model, scenario)
    validation = _validate(log, model, own)
    return WhatIfAnswer(
        scenario,
        log.since,
        log.until,
        validation,
        model.policy.value,
        tuple(_groups(own, then)),
        (_figures("", own.spent), _figures("", then.spent)),
        tuple(_queues(own, then)),
        (*validation.doubts, *_overload(then, "would have")),
        tuple(_notes(log, model)),
        log.left_out,
    )


def distance(one: Sequence[int], other: Sequence[int]) -> float:
    """The statistic of Kolmogorov and Smirnov for two samples: 0 when they are alike, 1 when they do not overlap."""
    if not one or not other:
        return 1.0
    first, second = np.sort(np.array(one)), np.sort(np.array(other))
    every = np.concatenate([first, second])
    below = [np.searchsorted(some, every, side="right") / len(some) for some in (first, second)]
    return float(np.max(np.abs(below[0] - below[1])))


def document_of(answer: WhatIfAnswer) -> dict[str, Any]:
    """The answer as JSON; times in seconds."""
    proof = answer.validation
    return {
        "since": moment_of(answer.since).isoformat(),
        "until": moment_of(answer.until).isoformat(),
        "scenario": {name.name: _plain(getattr(answer.scenario, name.name)) for name in fields(Scenario)},
        "trustworthy": not answer.doubts,
        "doubts": list(answer.doubts),
        "validation": {
            "real": told(proof.real),
            "replayed": told(proof.replayed),
            "distance": round(proof.distance, 4),
            "fits": proof.fits,
        },
        "notes": list(answer.notes),
        "policy_of_the_log": answer.policy,
        "left_out": answer.left_out,
        "waits": [{"priority": now.group, "now": told(now), "then": told(then)} for now, then in answer.waits],
        "creation_to_end": {"now": told(answer.spent[0]), "then": told(answer.spent[1])},
        "queues": [asdict(one) for one in answer.lines],
    }


_TOLD: Final = ("median", "p90", "p95", "maximum", "mean")


def told(figures: Figures) -> dict[str, Any]:
    """Figures of times as JSON, in seconds."""
    seconds = {name: getattr(figures, name) for name in _TOLD}
    return {
        "count": figures.count,
        "hidden": figures.hidden,
        **{name: None if value is None else round(value / 1e6, 3) for name, value in seconds.items()},
    }


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _validate(log: WorkLog, model: Model, own: Run) -> Validation:
    waits = [one.wait for one in log.works if one.counted]
    real, replayed = _figures("", waits), _figures("", own.waits)
    far = distance(waits, own.waits)
    return Validation(real, replayed, far, tuple(_doubts(log, model, own, (real, replayed, far))))


def _doubts(log: WorkLog, model: Model, own: Run, fit: tuple[Figures, Figures, float]) -> Iterator[str]:
    real, replayed, far = fit
    if (real.count or 0) < FEWEST:
        yield f"the window has fewer than {FEWEST} workitems that were claimed and ended"
    if real.median is None or replayed.median is None:
        return
    if far > LARGEST_DISTANCE and not _alike(real, replayed):
        yield f"the waits of the replay are spread otherwise than those of the log (distance {far:.2f})"
    for name, words in (("median", "median"), ("p90", "90 %")):
        if not _near(getattr(real, name), getattr(replayed, name)):
            yield f"the {words} of the waits is not that of the log"
    if log.left_out > _MOST_LEFT_OUT * (log.left_out + len(own.works)):
        yield f"{log.left_out} workitems without claim or end had to be left out"
    if model.agreement is not None and model.agreement < _LEAST_AGREEMENT:
        yield f"no policy explains in which order work was claimed (the best explains {100 * model.agreement:.0f} %)"
    yield from _overload(own, "has")


def _notes(log: WorkLog, model: Model) -> Iterator[str]:
    if model.agreement is not None:
        share = f"{100 * model.agreement:.0f} %"
        yield f"Who is next in the log: {WORDS[model.policy]}; that explains {share} of the claims that had a choice."
    if sum(queue.queued for queue in model.queues.values()) < _RARELY * len(log.works):
        yield (
            "Hardly any work of the log waited for a slot: performers may do more at once than it shows, and waits"
            " under more load, or with fewer performers, may be shorter than these."
        )
    if log.left_out:
        yield f"{log.left_out} workitems without claim or end are left out."


def _alike(real: Figures, replayed: Figures) -> bool:
    """Whether all waits are so short that their spread means nothing."""
    return all(one.p95 is not None and one.p95 < _NOTHING for one in (real, replayed))


def _near(real: float, replayed: float) -> bool:
    return abs(real - replayed) <= max(_NOTHING, LARGEST_ERROR * real)


def _overload(of: Run, words: str) -> Iterator[str]:
    for name, used in of.utilisation.items():
        if used >= _FULL:
            yield (
                f"the queue of {name} {words} {used:.2f} times the work that its slots can do, so that it grows as long"
                " as work comes, and its waits say how long the window is"
            )


def _groups(own: Run, then: Run) -> Iterator[tuple[Figures, Figures]]:
    yield _figures(ALL, own.waits), _figures(ALL, then.waits)
    names = sorted({one.priority for one in own.works}, key=lambda name: (urgency(name), name))
    for name in names if len(names) > 1 else ():
        yield _figures(name, _of(own, name)), _figures(name, _of(then, name))


def _of(some: Run, priority: str) -> list[int]:
    return [wait for work, wait in zip(some.works, some.waits, strict=True) if work.priority == priority]


def _figures(group: str, values: Sequence[int]) -> Figures:
    return exact_figures(group, np.array(values, np.int64), is_ratio=False)


def _queues(own: Run, then: Run) -> Iterator[Line]:
    for name in own.capacity:
        yield Line(
            name,
            own.capacity[name],
            then.capacity.get(name, 0),
            own.utilisation[name],
            then.utilisation.get(name, 0.0),
        )
