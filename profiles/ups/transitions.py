"""The state machine of a workitem as the table that it is (PS3.4 Table CC.1.1-2, ``tables/transitions.csv``)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from profiles.tables import read_table


class State(StrEnum):
    """Procedure Step State (0074,1000), PS3.4 Table CC.1.1-1."""

    SCHEDULED = "SCHEDULED"
    IN_PROGRESS = "IN PROGRESS"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"

    @property
    def is_final(self) -> bool:
        """Whether nothing can follow."""
        return self in (State.COMPLETED, State.CANCELED)


class Request(StrEnum):
    """What is asked of a workitem."""

    CREATE = "create"
    CLAIM = "claim"
    SCHEDULE = "schedule"
    COMPLETE = "complete"
    CANCEL = "cancel"
    REQUEST_CANCEL = "request-cancel"
    UPDATE = "update"


class TransactionUid(StrEnum):
    """How the Transaction UID supplied compares with the recorded one."""

    NOT_ASKED = "-"
    MISSING = "missing"
    OK = "ok"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Decision:
    """One cell of the table.

    Attributes:
        requirement: id of the cell, ``UPS-NNN``.
        outcome: ``done``, ``accepted``, or a key of the error table that says why not.
        effect: what to do, empty for nothing.
    """

    requirement: str
    outcome: str
    effect: str


@cache
def transition_table() -> dict[tuple[str, str, str], Decision]:
    """All cells by request, Transaction UID and state (``none`` for no such workitem)."""
    return {
        (row["request"], row["transaction_uid"], row["state"]): Decision(row["id"], row["outcome"], row["effect"])
        for row in read_table("profiles.ups", "transitions")
    }


def decide(request: Request, state: State | None, transaction_uid: TransactionUid) -> Decision:
    """What the table says to a request.

    Args:
        request: what is asked.
        state: the workitem's state, None when there is no such workitem.
        transaction_uid: how the supplied UID compares; ``NOT_ASKED`` for create and request-cancel.
    """
    return transition_table()[(request, transaction_uid, state or "none")]
