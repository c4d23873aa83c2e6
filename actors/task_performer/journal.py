"""What this performer has begun and not ended, on disk before it happens: one file of mode 0600 for each workitem.

The record holds the Transaction UID, the lock on the workitem, from before the claim on (ups.md 5.4). It never leaves
the journal but in requests to the Task Manager.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from actors.shared.logs import get_logger
from actors.shared.multipart import is_uid
from actors.shared.serving import sync_directory, write_durably
from actors.task_performer.failing import Reason
from profiles.errors import BadInput, Unavailable

_log = get_logger(__name__)
_SUFFIX = ".json"


class Phase(StrEnum):
    """How far a workitem has come; each is durable before the next begins."""

    INTENDED = "intended"
    CLAIMED = "claimed"
    RETRIEVED = "retrieved"
    INFERRED = "inferred"
    ENCODED = "encoded"
    STORED = "stored"
    UPDATED = "updated"
    COMPLETED = "completed"


ORDER = tuple(Phase)


class Output(BaseModel):
    """One result object.

    Attributes:
        file: its name in the folder of objects.
        modality: SEG or SR.
        sop_class_uid: its class.
        sop_instance_uid: the instance.
        series_instance_uid: its series.
        study_instance_uid: its study.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    modality: str
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str


class Record(BaseModel):
    """One workitem in hand.

    Attributes:
        workitem_uid: which.
        transaction_uid: of our claim; never shown.
        engine: name of the engine that serves it.
        phase: the last one that was reached.
        attempt: how often the work was taken up, from 1.
        started_at: when the claim was granted.
        inferred_at: when inference ended; also the time in the results, so that encoding again gives the same objects.
        ended_at: when the results were stored.
        outputs: the result objects, once they are encoded.
        failure: why the workitem is being canceled, if it is.
        dead: why it was set aside, if it was.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    workitem_uid: str
    transaction_uid: str = Field(repr=False)
    engine: str
    phase: Phase = Phase.INTENDED
    attempt: int = Field(default=1, ge=1)
    started_at: datetime | None = None
    inferred_at: datetime | None = None
    ended_at: datetime | None = None
    outputs: tuple[Output, ...] = ()
    failure: Reason | None = None
    dead: str = ""

    def at(self, phase: Phase, **changes: object) -> Record:
        """The record at a later phase.

        Raises:
            ValueError: when the phase is not the next one; work is not skipped and does not go backwards.
        """
        if ORDER.index(phase) != ORDER.index(self.phase) + 1:
            raise ValueError(f"{phase} does not follow {self.phase}")
        return self.model_copy(update={**changes, "phase": phase})

    def has_reached(self, phase: Phase) -> bool:
        """Whether the work has come this far."""
        return ORDER.index(self.phase) >= ORDER.index(phase)


class Journal:
    """The records of one performer.

    Args:
        directory: of mode 0700; made when missing.

    Raises:
        Unavailable: when the directory cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._writing = threading.Lock()
        with self._translated():
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            directory.chmod(0o700)
            for leftover in directory.glob(".*"):
                leftover.unlink()

    def write(self, record: Record) -> Record:
        """Make a record durable, in place of the one before.

        Raises:
            Unavailable: when the disk is full or read-only; the record before is still there.
        """
        with self._writing, self._translated():
            write_durably(self._path(record.workitem_uid), record.model_dump_json(indent=1).encode(), mode=0o600)
        return record

    def remove(self, workitem_uid: str) -> None:
        """Forget a workitem that is done with."""
        with self._writing, self._translated():
            self._path(workitem_uid).unlink(missing_ok=True)
            sync_directory(self._directory)

    def find(self, workitem_uid: str) -> Record | None:
        """The record of a workitem, if there is one."""
        try:
            return Record.model_validate_json(self._path(workitem_uid).read_bytes())
        except FileNotFoundError:
            return None

    def holds(self, workitem_uid: str) -> bool:
        """Whether there is a record of a workitem."""
        return self._path(workitem_uid).exists()

    def records(self) -> list[Record]:
        """Everything begun and not ended. A file that is no record is set aside under a name that says so."""
        found = []
        for path in sorted(self._directory.glob(f"*{_SUFFIX}")):
            try:
                found.append(Record.model_validate_json(path.read_bytes()))
            except ValidationError as error:
                path.rename(path.with_suffix(".unreadable"))
                _log.error("journal-record-unreadable", file=path.name, faults=error.error_count())
        return found

    def _path(self, workitem_uid: str) -> Path:
        if not is_uid(workitem_uid):
            raise BadInput("The Task Manager names a workitem by something that is no UID (PS3.5 section 9.1).")
        return self._directory / f"{workitem_uid}{_SUFFIX}"

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        with disk_faults(self._directory):
            yield


@contextlib.contextmanager
def disk_faults(directory: Path) -> Iterator[None]:
    """Say in words what is wrong with a directory.

    Raises:
        Unavailable: for any error of the file system.
    """
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"The Task Performer cannot write to {directory}: {error.strerror or type(error).__name__}. Free some "
            "space there or make it writable; the work goes on by itself.",
            key="storage-full",
        ) from error
