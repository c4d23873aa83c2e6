"""What to do with a workitem that the journal holds when the performer starts again. Pure."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from actors.task_performer.journal import Phase, Record

FINAL = ("COMPLETED", "CANCELED")


class Course(StrEnum):
    """The ways on."""

    CLAIM = "claim"
    GO_ON = "go on"
    DROP = "drop"


def course(record: Record, state: str) -> Course:
    """How to go on, from what the journal and the Task Manager say (ups.md 13: a lost claim state is resumed).

    Args:
        record: of the journal.
        state: Procedure Step State at the Task Manager; empty when it does not know the workitem.
    """
    if state in FINAL:
        ending = record.failure is not None or record.has_reached(Phase.UPDATED)
        return Course.GO_ON if ending else Course.DROP
    if not state:
        return Course.DROP
    if record.phase is Phase.INTENDED or state == "SCHEDULED":
        return Course.CLAIM
    return Course.GO_ON


def revived(record: Record, folder: Path) -> Record:
    """The record for one more attempt; where files are missing that its phase needs, the work starts again.

    Args:
        record: of the journal.
        folder: of the workitem's files.
    """
    changes: dict[str, object] = {"attempt": record.attempt + 1, "dead": ""}
    if record.has_reached(Phase.RETRIEVED) and not record.has_reached(Phase.STORED) and not _whole(record, folder):
        changes |= {"phase": Phase.CLAIMED, "outputs": ()}
    return record.model_copy(update=changes)


def _whole(record: Record, folder: Path) -> bool:
    if record.phase is Phase.RETRIEVED:
        return any((folder / "input").rglob("*.dcm"))
    if record.phase is Phase.INFERRED:
        return (folder / "output" / "results.json").exists() and any((folder / "input").rglob("*.dcm"))
    return all((folder / "objects" / one.file).exists() for one in record.outputs)
