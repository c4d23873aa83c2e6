"""The page that asks what if: from its address to a scenario, from the answer to charts. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from actors.event_repository.dashboard.charts import Cell, Chart, Column, cell_of
from actors.event_repository.dashboard.views import View
from profiles.errors import BadInput
from sole_logging.measures import Figures
from sole_logging.measures.figures import SMALLEST_GROUP
from sole_logging.whatif import Scenario, WhatIfAnswer, policy_of

_TOLD = (("Median", "median"), ("90 %", "p90"), ("95 %", "p95"), ("Longest", "maximum"))
_FEW = f"Groups of fewer than {SMALLEST_GROUP} cases are not shown."


@dataclass(frozen=True, slots=True)
class Question:
    """What shall be different.

    Attributes:
        performers: so many more or fewer.
        speed: times as fast as now.
        of: the engine that these two are about; empty for all.
        policy: who is next; empty for the policy of the log.
        load: times as much work.
    """

    performers: int = 0
    speed: float = 1.0
    of: str = ""
    policy: str = ""
    load: float = 1.0

    @property
    def scenario(self) -> Scenario:
        """The scenario that is simulated.

        Raises:
            BadInput: when a number or the policy makes no sense.
        """
        return Scenario({self.of: self.performers}, {self.of: self.speed}, policy_of(self.policy), self.load)


@dataclass(frozen=True, slots=True)
class Asked:
    """A view with its question, as it stands in the address."""

    view: View
    question: Question

    def query(self) -> str:
        """The query part of the address."""
        told = {name: getattr(self.question, name) for name in _READ}
        return "&".join(filter(None, (self.view.query(), urlencode(told))))


_READ: dict[str, Callable[[str], object]] = {"performers": int, "speed": float, "of": str, "policy": str, "load": float}


def read_question(parameters: Iterable[tuple[str, str]]) -> tuple[Question, list[tuple[str, str]]]:
    """The question in the parameters of an address, and the parameters that are those of a view.

    Raises:
        BadInput: when one is no number.
    """
    told: dict[str, object] = {}
    rest: list[tuple[str, str]] = []
    for name, value in parameters:
        if name not in _READ:
            rest.append((name, value))
        elif value:
            try:
                told[name] = _READ[name](value)
            except ValueError:
                raise BadInput(f"{name} is {value[:20]!r}, which is no number.") from None
    return Question(**told), rest  # type: ignore[arg-type] # read by what each field is


def charts_of(answer: WhatIfAnswer) -> list[Chart]:
    """Waits as they would be, the proof, and the queues."""
    return [_waits(answer), _proof(answer), _queues(answer)]


def _waits(answer: WhatIfAnswer) -> Chart:
    columns = [Column("Workitems")]
    for words, _ in _TOLD:
        drawn = "bar" if words in ("Median", "90 %") else ""
        columns += [Column(f"{words} now", drawn, "s"), Column(f"{words} what if", drawn, "s")]
    columns += [Column("Cases now", "", "count"), Column("Cases what if", "", "count")]
    told = [(now.group or "priority not told", now, then) for now, then in answer.waits]
    told.append(("creation to end", *answer.spent))
    rows = [(Cell(words), *_pairs(now, then), _count(now), _count(then)) for words, now, then in told]
    lead = "From the creation of a workitem until a performer claims it; the last row until its end. Less is better."
    notes = ("Now is the replay of the log's own configuration.", *answer.notes, _FEW)
    return Chart("waits", "Waiting for AI, now and what if", tuple(columns), tuple(rows), lead, notes)


def _proof(answer: WhatIfAnswer) -> Chart:
    real, replayed = answer.validation.real, answer.validation.replayed
    columns = (Column("Waiting"), Column("In the log", "bar", "s"), Column("Replayed", "bar", "s"))
    rows = tuple((Cell(words), _time(real, name), _time(replayed, name)) for words, name in _TOLD)
    lead = "The log's own configuration, simulated: the nearer to the log, the more the model can be trusted."
    return Chart("proof", "Does the model fit?", columns, rows, lead, (answer.proof,))


def _queues(answer: WhatIfAnswer) -> Chart:
    columns = (
        Column("Queue"),
        Column("Slots now", "", "count"),
        Column("Slots what if", "", "count"),
        Column("Used now", "bar", "share"),
        Column("Used what if", "bar", "share"),
    )
    rows = tuple(
        (
            Cell(one.name),
            cell_of(one.slots, "cases"),
            cell_of(one.slots_then, "cases"),
            cell_of(one.utilisation, "share"),
            cell_of(one.utilisation_then, "share"),
        )
        for one in answer.lines
    )
    lead = "How much of their time performers are busy. Above about 80 % waits grow fast; at 100 % without end."
    notes = ("A slot is one workitem in hand; performers have as many as the log shows at once.",)
    return Chart("queues", "Use of performers", columns, rows, lead, notes)


def _pairs(now: Figures, then: Figures) -> Iterable[Cell]:
    return (_time(one, name) for _, name in _TOLD for one in (now, then))


def _time(figures: Figures, name: str) -> Cell:
    return cell_of(getattr(figures, name), "us", hidden=figures.hidden)


def _count(figures: Figures) -> Cell:
    return cell_of(figures.count, "cases", hidden=figures.hidden)
