"""What the Image Manager does with received instances, whichever face they came through."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path

from sqlalchemy.exc import OperationalError

from actors.image_manager.files import InstanceFiles, storage_failure
from actors.image_manager.index import Index
from actors.image_manager.instance import Instance, NotStorable, read_instance
from actors.image_manager.merges import Merges
from actors.image_manager.refiling import presented, rebuild, refile
from actors.image_manager.search import level_attributes
from actors.image_manager.steps import Step
from actors.shared.logs import get_logger
from actors.shared.refusals import RefusalLog
from actors.shared.steps import reached
from profiles.errors import Unavailable
from profiles.hl7.adt import PatientEvent
from profiles.sole.event import Outcome
from profiles.tables import read_table

_log = get_logger(__name__)
_INDEX = "index.sqlite"


class Fate(StrEnum):
    """What became of one received instance."""

    STORED = "stored"
    ALREADY_STORED = "already stored"
    OTHER_KEPT = "another content kept"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FailureReason:
    """A row of ``tables/failure_reasons.csv``."""

    key: str
    code: int
    http: int
    meaning: str


@cache
def failure_reason(key: str) -> FailureReason:
    """The row of one key."""
    for row in read_table("actors.image_manager", "failure_reasons"):
        if row["key"] == key:
            return FailureReason(key, int(row["code"], 16), int(row["http"]), row["meaning"])
    raise KeyError(key)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer for one received instance.

    Attributes:
        reason: why it failed, or why the sender is warned; None when all is well.
        message: the same in words, for logs and the sender.
    """

    fate: Fate
    sop_class: str = ""
    sop_instance: str = ""
    study: str = ""
    series: str = ""
    reason: FailureReason | None = None
    message: str = ""


class ImageManager:
    """Stores instances in files and index, so that what was acknowledged survives power loss.

    Order of one request: files complete in ``incoming`` → intents in the index → files moved and synced → index rows
    added and intents removed in one transaction → acknowledged. What a crash leaves of an unacknowledged request is
    taken back at the next start.

    Args:
        data_dir: directory of this actor.
        clock: seconds since 1970.
        refusals: told of every instance that is not stored.
        authority: of Patient IDs whose instances name no issuer.

    Raises:
        Unavailable: when the directory cannot be written.
    """

    def __init__(
        self,
        data_dir: Path,
        clock: Callable[[], float] = time.time,
        refusals: RefusalLog | None = None,
        authority: str = "",
    ) -> None:
        self._refusals = refusals or RefusalLog()
        self.files = InstanceFiles(data_dir)
        self.clock = clock
        self._storing = threading.Lock()
        try:
            self.merges = Merges(data_dir / "merges.jsonl", authority)
            is_lost = not (data_dir / _INDEX).exists() and any(self.files.studies.iterdir())
            self.index = Index(data_dir / _INDEX)
            self._recover()
            if is_lost or self.files.rebuilding.exists():
                rebuild(self.files, self.index, self.merges)
            refile(self.files, self.index, self.merges, self.merges.priors)
        except OSError as error:
            raise storage_failure(error, data_dir) from error
        except OperationalError as error:
            raise _index_failure(error, data_dir) from error

    def close(self) -> None:
        """Close the index."""
        self.index.close()

    def store(self, paths: Sequence[Path], study: str | None = None) -> list[Receipt]:
        """Store received files: all whole ones, or, when the storage fails, none.

        Args:
            paths: files in ``incoming``; none of them is there afterwards.
            study: the Study Instance UID that was addressed; instances of other studies are refused.

        Returns:
            One receipt per file, in order.

        Raises:
            Unavailable: when the storage is full or cannot be written; nothing of the request is stored then.
        """
        try:
            read = [self._read(path, study) for path in paths]
            reached(Step.RECEIVED, study=study or "")
            with self._storing:
                return self._store(list(zip(paths, read, strict=True)))
        except OSError as error:
            _log.error("storage-failed", reason=error.strerror)
            raise storage_failure(error, self.files.root) from error
        except OperationalError as error:
            _log.error("index-failed", reason=str(error.orig))
            raise _index_failure(error, self.files.root) from error
        finally:
            for path in paths:
                _discard(path)

    def learn(self, events: Sequence[PatientEvent], at: datetime) -> None:
        """Take what was told of merged patients: what is stored and what comes is filed under the survivor (HL7-048).

        Args:
            events: all of them are taken, or none.
            at: when it happened, timezone-aware.

        Raises:
            MessageRefused: when a merge cannot be.
            Unavailable: when it cannot be written.
        """
        now = datetime.fromtimestamp(self.clock(), UTC)
        try:
            with self._storing:
                concerned = self.merges.learn(events, at, now)
                refile(self.files, self.index, self.merges, concerned)
        except OSError as error:
            raise storage_failure(error, self.files.root) from error
        except OperationalError as error:
            raise _index_failure(error, self.files.root) from error

    def path_of(self, study: str, series: str, sop_instance: str) -> Path:
        """Where a stored instance lies."""
        return self.files.place(study, series, sop_instance)

    def _read(self, path: Path, study: str | None) -> Instance | Receipt:
        try:
            instance = read_instance(path)
        except NotStorable as refused:
            self._refused(refused.reason, refused.sop_instance)
            return _failed(refused)
        if study is None or instance.study == study:
            return instance
        self._refused("not-this-study", instance.sop_instance)
        words = "its Study Instance UID is not the one in the URL; send it to its own study"
        return _receipt(instance, Fate.FAILED, failure_reason("not-this-study"), words)

    def _refused(self, reason: str, instance: str) -> None:
        target = f"urn:oid:{instance}" if instance else "urn:stepwell:image_manager"
        self._refusals.tell("instance-refused", Outcome.MINOR_FAILURE, target=target, reason=reason, instance=instance)

    def _store(self, received: list[tuple[Path, Instance | Receipt]]) -> list[Receipt]:
        instances = [one for _path, one in received if isinstance(one, Instance)]
        digests = {uid: row.digest for uid, row in self.index.known([one.sop_instance for one in instances]).items()}
        homes = self.index.study_of_series({one.series for one in instances})
        new: dict[Path, Instance] = {}
        receipts: list[Receipt] = []
        for path, one in received:
            receipt = one if isinstance(one, Receipt) else _judge(one, digests, homes)
            if isinstance(one, Instance) and receipt.fate is Fate.STORED:
                new[path] = one
                digests[one.sop_instance] = one.digest
                homes[one.series] = one.study
            receipts.append(receipt)
        if new:
            self._file(new)
        return receipts

    def _file(self, new: dict[Path, Instance]) -> None:
        places = {one.sop_instance: self.path_of(one.study, one.series, one.sop_instance) for one in new.values()}
        self.index.intend(places)
        study = next(iter(new.values())).study
        reached(Step.INTENDED, study=study)
        try:
            self.files.file([(path, places[one.sop_instance]) for path, one in new.items()])
            reached(Step.FILED, study=study)
            self.index.add([presented(one, self.merges) for one in new.values()], level_attributes, self.clock())
        except (OSError, OperationalError):
            for place in places.values():
                self.files.remove(place)
            raise
        reached(Step.INDEXED, study=study)
        _log.info("stored", study=study, instances=len(new))

    def _recover(self) -> None:
        """Take back what the last process did not acknowledge. Runs at start, before anything listens."""
        intents = self.index.intents()
        stored = self.index.known([uid for uid, _place in intents])
        for uid, place in intents:
            if uid not in stored:
                self.files.remove(place)
        if intents:
            self.index.forget_intents([uid for uid, _place in intents])
        left = self.files.clear_incoming()
        if intents or left:
            _log.warning("unfinished-taken-back", filed=len(intents), incoming=left)


def _judge(one: Instance, digests: dict[str, str], homes: dict[str, str]) -> Receipt:
    known = digests.get(one.sop_instance)
    if known == one.digest:
        return _receipt(one, Fate.ALREADY_STORED)
    if known is not None:
        reason = failure_reason("differs")
        return _receipt(
            one, Fate.OTHER_KEPT, reason, f"{reason.meaning}; give a changed instance a new SOP Instance UID"
        )
    if homes.get(one.series, one.study) != one.study:
        reason = failure_reason("series-elsewhere")
        return _receipt(one, Fate.FAILED, reason, reason.meaning)
    return _receipt(one, Fate.STORED)


def _receipt(one: Instance, fate: Fate, reason: FailureReason | None = None, message: str = "") -> Receipt:
    return Receipt(fate, one.sop_class, one.sop_instance, one.study, one.series, reason, message)


def _failed(refused: NotStorable) -> Receipt:
    return Receipt(
        Fate.FAILED,
        refused.sop_class,
        refused.sop_instance,
        reason=failure_reason(refused.reason),
        message=refused.message,
    )


def _index_failure(error: OperationalError, where: Path) -> Unavailable:
    words = str(error.orig)
    full = "full" in words
    return Unavailable(
        f"The index of the Image Manager cannot be written ({where}): {words}. Nothing of this request was stored. "
        "Free space there or make it writable for this user, or set [stepwell] data_dir to another disk; send again.",
        key="storage-full" if full else None,
    )


def _discard(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _log.warning("incoming-left", reason=error.strerror)
