"""The work on one claimed workitem, phase by phase; each phase stands in the journal before the next begins."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from actors.shared.dicomweb import Archive
from actors.shared.logs import get_logger
from actors.shared.serving import sync_directory
from actors.shared.steps import reached
from actors.shared.ups_client import UpsClient
from actors.task_performer.addresses import destination_of
from actors.task_performer.encoding import Encoder
from actors.task_performer.failing import (
    Failed,
    GivenUp,
    Reason,
    Stopped,
    TakenAway,
    failed,
    failed_engine,
    stopped_or_taken,
)
from actors.task_performer.inputs import planned, retrieve
from actors.task_performer.journal import Journal, Phase, Record, disk_faults
from actors.task_performer.owning import Owned
from actors.task_performer.patience import Patience
from actors.task_performer.performed import performed
from actors.task_performer.reporting import Reporter, WorkLog, thread_of
from actors.task_performer.settings import Settings
from actors.task_performer.steps import Step
from ai_engines import EngineDescription, Limits, RunOutcome, run_isolated
from profiles.dicom import JsonDataset
from profiles.errors import NotFound, StepwellError, Unavailable

_log = get_logger(__name__)
_ONCE = "1"
_MEGABYTE = 2**20


@dataclass(frozen=True, slots=True)
class Means:
    """What every work needs.

    Attributes:
        settings: of the actor.
        journal: what was begun.
        client: of the Task Manager.
        reporter: to the operational log.
        patience: waits for what is away.
        folder: of all workitems' files.
        clock: the time, timezone-aware.
        own: of the performer's own worklist, where it has one besides (push).
    """

    settings: Settings
    journal: Journal
    client: UpsClient
    reporter: Reporter
    patience: Patience
    folder: Path
    clock: Callable[[], datetime]
    own: UpsClient | None = None

    @property
    def clients(self) -> tuple[UpsClient, ...]:
        """Of every worklist that work is taken from, the own one first."""
        return (self.own, self.client) if self.own else (self.client,)

    def client_of(self, workitem_uid: str) -> UpsClient:
        """Of the worklist that has a workitem."""
        if self.own:
            with suppress(NotFound):
                self.own.retrieve(workitem_uid)
                return self.own
        return self.client

    def folder_of(self, workitem_uid: str) -> Path:
        """Where the files of one workitem are."""
        return self.folder / "work" / workitem_uid

    def forget(self, workitem_uid: str) -> None:
        """Remove the files and then the record of a workitem that is done with."""
        with disk_faults(self.folder):
            shutil.rmtree(self.folder_of(workitem_uid), ignore_errors=True)
        self.journal.remove(workitem_uid)


class Work:
    """The work on one workitem that is claimed.

    Args:
        means: what every work needs.
        record: of the journal, at the phase to go on from.
        workitem: as the Task Manager has it.
        engine: that serves it.
        cancel_request: says why somebody asked that a workitem be canceled; None when nobody did.
    """

    def __init__(
        self,
        means: Means,
        record: Record,
        workitem: JsonDataset,
        engine: EngineDescription,
        cancel_request: Callable[[str], Reason | None] = lambda _uid: None,
    ) -> None:
        self._cancel_request = cancel_request
        self._means, self._record, self._workitem, self._engine = means, record, workitem, engine
        self._folder = means.folder_of(record.workitem_uid)
        self._owned = Owned(means.client_of(record.workitem_uid), record, workitem, means.settings.cancel_check_seconds)
        self._log = WorkLog(
            means.reporter,
            thread_of(workitem, record.workitem_uid),
            means.settings.ae_title,
            engine.algorithm,
            means.clock,
        )
        self._thread = {"workitem": record.workitem_uid, "study": self._log.thread.study_instance_uid}
        self._encoder: Encoder | None = None
        self._inference_begun = False

    def run(self) -> None:
        """Go through the phases to a final state; what is left of the work afterwards is nothing, or a dead letter.

        Raises:
            Stopped: when the actor ends; the journal says where to go on.
        """
        try:
            self._run()
        except (GivenUp, StepwellError) as error:
            self._set_aside(str(error))
        finally:
            self._end_encoder()

    def _run(self) -> None:
        try:
            if self._record.failure is None:
                self._walk()
            if self._record.failure is not None:
                self._cancel(self._record.failure)
        except TakenAway as error:
            _log.warning("workitem-taken-away", reason=str(error), **self._thread)
        self._means.patience.until_done(
            lambda: self._means.forget(self._record.workitem_uid), who="disk", thread=self._thread
        )
        _log.info("workitem-done", failed=self._record.failure.kind if self._record.failure else "", **self._thread)

    def _walk(self) -> None:
        limit = self._means.settings.give_up_seconds
        phases: dict[Phase, tuple[Callable[[], None], str, float | None]] = {
            Phase.CLAIMED: (self._retrieve, "archive", limit),
            Phase.RETRIEVED: (self._infer, "engine", limit),
            Phase.INFERRED: (self._encode, "encoder", limit),
            Phase.ENCODED: (self._store, "archive", limit),
            Phase.STORED: (self._update, "task-manager", None),
            Phase.UPDATED: (self._complete, "task-manager", None),
        }
        while self._record.phase in phases:
            act, who, limit_seconds = phases[self._record.phase]
            if self._means.patience.stopped.is_set():
                raise Stopped
            try:
                self._means.patience.until_done(
                    self._on_disk(act), who=who, limit_seconds=limit_seconds, thread=self._thread
                )
            except Failed as failure:
                self._note_failure(failure.reason)
                return

    def _on_disk(self, act: Callable[[], None]) -> Callable[[], None]:
        def guarded() -> None:
            with disk_faults(self._means.folder):
                act()

        return guarded

    def _reach(self, record: Record, step: Step) -> None:
        self._record = self._means.journal.write(record)
        reached(step, **self._thread)

    def _attempt(self) -> str:
        return str(self._record.attempt)

    def _retrieve(self) -> None:
        self._log.tell("images-requested", self._attempt())
        self._owned.tell(5, "retrieving images", always=True)
        self._start_encoder()
        with self._log.transferring(self._means.settings.archive_url):
            got = retrieve(planned(self._workitem, self._means.settings.archives), self._folder / "input")
        details = {"InstanceCount": str(got.instances), "ByteCount": str(got.octets)}
        self._log.tell("images-retrieved", self._attempt(), details=details)
        self._reach(self._record.at(Phase.RETRIEVED), Step.RETRIEVED)

    def _infer(self) -> None:
        settings, output = self._means.settings, self._folder / "output"
        attempted = self._folder / f"output-{self._attempt()}"
        self._start_encoder()
        self._log.tell("inference-started", self._attempt())
        run = run_isolated(
            self._record.engine,
            self._folder / "input",
            attempted,
            limits=Limits(
                wall_seconds=settings.wall_seconds,
                memory_bytes=settings.memory_megabytes * _MEGABYTE,
                threads=settings.threads,
            ),
            cancelled=self._is_off,
            on_progress=self._tell_inference,
        )
        if run.outcome is RunOutcome.CANCELLED:
            self._heed_cancel_request()
            raise stopped_or_taken(self._means.patience.stopped.is_set())
        if run.failure is not None:
            if run.failure.retry:
                raise Unavailable(run.failure.text)
            raise failed_engine(run.failure)
        shutil.rmtree(output, ignore_errors=True)
        _sync(attempted.iterdir())
        sync_directory(attempted)
        attempted.rename(output)
        sync_directory(self._folder)
        at = self._record.inferred_at or self._means.clock()
        self._log.tell("inference-ended", self._attempt(), at=at)
        _log.info("inferred", engine=self._engine.name, seconds=round(run.seconds, 3), **self._thread)
        self._reach(self._record.at(Phase.INFERRED, inferred_at=at), Step.INFERRED)

    def _is_off(self) -> bool:
        asked = self._cancel_request(self._record.workitem_uid) is not None
        return asked or self._means.patience.stopped.is_set() or self._owned.taken_away()

    def _heed_cancel_request(self) -> None:
        """Cancel the workitem when somebody asked for it (RAD-88); once its results are stored it is completed."""
        reason = self._cancel_request(self._record.workitem_uid)
        if reason is not None:
            raise Failed(reason)

    def _tell_inference(self, percent: int, words: str) -> None:
        if not self._inference_begun:
            self._inference_begun = True
            reached(Step.INFERENCE_STARTED, **self._thread)
        self._owned.tell(10 + percent * 7 // 10, words)

    def _encode(self) -> None:
        self._start_encoder()
        encoder, self._encoder = self._encoder, None
        station = self._means.settings.station_code
        job = {
            "workitem": self._workitem,
            "input": str(self._folder / "input"),
            "output": str(self._folder / "output"),
            "engine": self._record.engine,
            "station": [station.value, station.scheme, station.meaning],
            "now": (self._record.inferred_at or self._means.clock()).isoformat(),
            "seed": self._record.workitem_uid,
        }
        if encoder is None:
            raise Unavailable("The encoding process did not start.")
        self._owned.tell(85, "encoding results")
        with encoder:
            outputs = encoder.encode(job, self._folder / "objects")
        self._reach(self._record.at(Phase.ENCODED, outputs=outputs), Step.ENCODED)

    def _destination(self) -> str:
        return destination_of(self._workitem, self._means.settings.archives) or self._means.settings.archive_url

    def _store(self) -> None:
        """Store the objects; doing it again after a crash stores the same instances, not others."""
        outputs = self._record.outputs
        self._heed_cancel_request()
        if self._owned.taken_away(at_once=True):
            raise TakenAway("it was ended before its results were stored; nothing was stored")
        self._owned.tell(90, "storing results")
        with Archive(self._destination()) as archive:
            try:
                archive.store([self._folder / "objects" / one.file for one in outputs])
            except Unavailable:
                raise
            except StepwellError as error:
                raise failed("result-not-taken", error.message) from error
        at = self._means.clock()
        self._log.tell("result-stored", _ONCE, at=at, outputs=outputs)
        self._reach(self._record.at(Phase.STORED, ended_at=at), Step.STORED)

    def _update(self) -> None:
        record, now = self._record, self._means.clock()
        changes = performed(
            self._workitem,
            record.outputs,
            station=self._means.settings.station_code,
            algorithm=self._engine.algorithm,
            archive=self._destination(),
            started_at=record.started_at or now,
            ended_at=record.ended_at or now,
        )
        self._owned.update(changes)
        self._reach(record.at(Phase.UPDATED), Step.UPDATED)

    def _complete(self) -> None:
        self._owned.complete()
        self._log.tell("result-available", _ONCE, outputs=self._record.outputs)
        self._reach(self._record.at(Phase.COMPLETED), Step.COMPLETED)

    def _note_failure(self, reason: Reason) -> None:
        self._means.patience.until_done(
            lambda: self._log.tell_failed(_STEP_OF[self._record.phase], f"{self._attempt()} failed", reason),
            who="log",
            thread=self._thread,
        )
        _log.error("workitem-failed", kind=reason.kind, code=reason.value, reason=reason.text, **self._thread)
        self._keep_evidence()
        self._record = self._means.journal.write(self._record.model_copy(update={"failure": reason}))

    def _cancel(self, reason: Reason) -> None:
        self._means.patience.until_done(
            lambda: self._owned.cancel(reason, self._means.clock()), who="task-manager", thread=self._thread
        )

    def _keep_evidence(self) -> None:
        """Keep what shows why it failed, the images apart: the objects, the findings, the engine's own words."""
        kept = self._means.folder / "evidence" / self._record.workitem_uid
        with suppress(OSError):
            kept.mkdir(parents=True, exist_ok=True, mode=0o700)
            for path in [*self._folder.glob("output-*/engine.log"), *self._folder.glob("objects/*")]:
                shutil.copy2(path, kept / path.name)

    def _set_aside(self, words: str) -> None:
        """Make it a dead letter: visible, off the slot, taken up again when the actor starts anew (DESIGN D8)."""
        self._record = self._means.journal.write(self._record.model_copy(update={"dead": words}))
        _log.error("dead-letter", phase=str(self._record.phase), reason=words, **self._thread)
        self._log.tell_given_up(_STEP_OF.get(self._record.phase, "result-available"), self._attempt(), words)
        self._owned.tell(self._owned.percent, f"set aside: {words}", always=True)

    def _start_encoder(self) -> None:
        if self._encoder is None:
            self._encoder = Encoder(self._folder)

    def _end_encoder(self) -> None:
        if self._encoder is not None:
            self._encoder.close()
            self._encoder = None


_STEP_OF = {
    Phase.CLAIMED: "images-retrieved",
    Phase.RETRIEVED: "inference-ended",
    Phase.INFERRED: "result-stored",
    Phase.ENCODED: "result-stored",
    Phase.STORED: "result-available",
    Phase.UPDATED: "result-available",
}


def _sync(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.is_file():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
