"""How the work on a workitem ends otherwise than well, and the coded reason for it (``tables/failures.csv``)."""

from __future__ import annotations

from functools import cache

from pydantic import BaseModel, ConfigDict

from ai_engines import Failure
from profiles.dicom import Code, code
from profiles.tables import read_table


class Reason(BaseModel):
    """Why a workitem is canceled.

    Attributes:
        kind: short name of the failure.
        value: code value of PS3.16 CID 9300.
        scheme: its coding scheme.
        meaning: its meaning.
        text: in words, with what to do; no patient data.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    value: str
    scheme: str
    meaning: str
    text: str

    @property
    def code(self) -> Code:
        """The reason as a code."""
        return Code(self.value, self.scheme, self.meaning)


class Failed(Exception):
    """The workitem cannot be done, by nobody and at no time: it is canceled with the reason (DESIGN D8)."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.text)
        self.reason = reason


class Stopped(Exception):
    """The actor is told to end; the journal says where to go on."""


class GivenUp(Exception):
    """A peer or a resource stayed away for too long; the workitem becomes a dead letter (DESIGN D8)."""


class TakenAway(Exception):
    """The workitem is in a final state, or not ours: somebody else has ended it."""


def stopped_or_taken(is_stopped: bool) -> Exception:
    """Why a run was ended from outside."""
    return Stopped() if is_stopped else TakenAway("the workitem was ended by somebody else")


@cache
def _rows() -> dict[str, dict[str, str]]:
    return {row["kind"]: row for row in read_table("actors.task_performer", "failures")}


def failed(kind: str, detail: str) -> Failed:
    """The failure of a kind of ``tables/failures.csv``."""
    row = _rows()[kind]
    found = code(row["scheme"], row["reason"])
    words = row["text"].format(detail=detail)
    return Failed(Reason(kind=kind, value=found.value, scheme=found.scheme, meaning=found.meaning, text=words))


def failed_engine(failure: Failure) -> Failed:
    """The failure of an engine run."""
    found = failure.reason
    return Failed(
        Reason(kind=failure.kind, value=found.value, scheme=found.scheme, meaning=found.meaning, text=failure.text)
    )
