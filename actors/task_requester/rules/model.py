"""The rule file as it is written."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from profiles.dicom import Code

Urgency = Literal["HIGH", "MEDIUM", "LOW"]
Expression = Annotated[str, Field(min_length=1)]


class OncePer(StrEnum):
    """How often a rule makes a workitem at most."""

    ORDER = "order"
    STUDY = "study"
    PATIENT_DAY = "patient-day"
    PATIENT = "patient"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class CodeValue(_Table):
    """A code in the rule file."""

    value: str = Field(min_length=1)
    scheme: str = Field(min_length=1, max_length=16)
    meaning: str = Field(min_length=1, max_length=64)

    def code(self) -> Code:
        """As a DICOM code."""
        return Code(self.value, self.scheme, self.meaning)


class Priors(_Table):
    """Which earlier studies of the patient are further input.

    Attributes:
        days: how long before the study at most.
        most: how many studies, the latest first.
        same: what the studies must share.
        series: condition over each of their series; all when not given.
        required: whether the rule makes no workitem without one.
    """

    days: int = Field(ge=1, le=36_500)
    most: int = Field(default=1, ge=1, le=20)
    same: tuple[Literal["modality", "body_part"], ...] = ("modality", "body_part")
    series: str = ""
    required: bool = False


class Hours(_Table):
    """A time of day between which work that is not urgent begins; it may go over midnight.

    Attributes:
        opens: when it begins.
        closes: when it is over.
    """

    opens: time
    closes: time

    @classmethod
    def parse(cls, text: str) -> Hours:
        """From ``22:00-06:00``.

        Raises:
            ValueError: when it is no such text.
        """
        opens, separator, closes = text.partition("-")
        try:
            found = cls(opens=time.fromisoformat(opens.strip()), closes=time.fromisoformat(closes.strip()))
        except ValueError as error:
            raise ValueError(f"{text!r} are no hours; write e.g. 22:00-06:00") from error
        if not separator or found.opens == found.closes:
            raise ValueError(f"{text!r} begins when it ends")
        return found

    def next_start(self, now: datetime) -> datetime:
        """The moment itself within the hours, else when they begin next; in the zone of ``now``."""
        clock = now.time()
        over_midnight = self.opens > self.closes
        inside = clock >= self.opens or clock < self.closes if over_midnight else self.opens <= clock < self.closes
        if inside:
            return now
        day = now.date() if clock < self.opens else now.date() + timedelta(days=1)
        return datetime.combine(day, self.opens, now.tzinfo)


class RuleTable(_Table):
    """One ``[[rule]]`` as it is written.

    Attributes:
        name: unique in the file; part of the workitem's identity, so keep it when a rule is edited.
        when: condition over study and order.
        means: what ``when`` asks, in words, for explanations.
        series: condition over each image series; those for which it holds are the input. All when not given.
        series_prefer: expression over each of those series; those with the highest values are first.
        series_most: how many series at most.
        priors: earlier studies that are further input.
        workitem_code: selects the algorithm, or the pipeline of the Task Manager.
        label: Procedure Step Label.
        worklist: Worklist Label.
        priority: for orders that do not ask for another.
        priorities: priorities by what the order says, before those of the profile.
        hours: when work that is not HIGH begins.
        expected_minutes: from the start to the expected completion.
        station_class: pool of performers.
        engine_version: the only version of the engine that may do it.
        parameters: passed on to the algorithm.
        once_per: how often at most there is a workitem of the rule.
        start: from when on the rule counts (``from`` in the file).
        until: when it counts no more.
        rerun_on_change: whether a change after the workitem has ended makes another one.
    """

    name: str = Field(min_length=1, max_length=64)
    when: Expression
    means: str = ""
    series: str = ""
    series_prefer: str = ""
    series_most: int | None = Field(default=None, ge=1)
    priors: Priors | None = None
    workitem_code: CodeValue
    label: str = Field(min_length=1, max_length=64)
    worklist: str = Field(default="", max_length=64)
    priority: Urgency = "MEDIUM"
    priorities: dict[str, Urgency] = Field(default_factory=dict)
    hours: Hours | None = None
    expected_minutes: float | None = Field(default=None, gt=0, le=525_600)
    station_class: CodeValue | None = None
    engine_version: str = Field(default="", max_length=64)
    parameters: dict[str, str] = Field(default_factory=dict)
    once_per: OncePer = OncePer.ORDER
    start: datetime | None = Field(default=None, alias="from")
    until: datetime | None = None
    rerun_on_change: bool = False

    @field_validator("hours", mode="before")
    @classmethod
    def _hours(cls, value: Any) -> Any:
        return Hours.parse(value) if isinstance(value, str) else value

    @field_validator("priorities")
    @classmethod
    def _as_compared(cls, value: dict[str, Urgency]) -> dict[str, Urgency]:
        return {said.strip().upper(): meant for said, meant in value.items()}

    @field_validator("start", "until", mode="before")
    @classmethod
    def _moment(cls, value: Any) -> Any:
        """A day begins at midnight; a moment without a zone is in that of this machine."""
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime.combine(value, time())
        return value.astimezone() if isinstance(value, datetime) else value

    @model_validator(mode="after")
    def _fits(self) -> RuleTable:
        if self.start and self.until and self.start >= self.until:
            raise ValueError("`until` is not after `from`, so the rule never counts")
        if self.series_prefer and not self.series_most:
            raise ValueError("`series_prefer` says which series come first; say in `series_most` how many are taken")
        return self

    def counts_at(self, now: datetime) -> bool:
        """Whether the rule is in force."""
        return (self.start is None or self.start <= now) and (self.until is None or now < self.until)

    def in_force(self) -> str:
        """From when until when, in words."""
        words = [f"from {self.start.isoformat(timespec='minutes')}"] if self.start else []
        words += [f"until {self.until.isoformat(timespec='minutes')}"] if self.until else []
        return " ".join(words) or "always"
