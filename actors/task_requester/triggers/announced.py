"""Images that MPPS or IAN list: once the archive has every one of them, that is an event (HL7-058, HL7-059)."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import TypeAdapter

from actors.shared.logs import get_logger
from actors.shared.refusals import RefusalLog
from actors.shared.serving import write_durably
from actors.task_requester.images import NO_IMAGES, ImageSource
from actors.task_requester.projection import overlay
from actors.task_requester.recording import Told
from actors.task_requester.triggers.reading import order_of_study
from profiles.dicom import text
from profiles.errors import Unavailable
from profiles.hl7 import ImagingOrder, MessageRefused
from profiles.sole.event import Outcome

_PATIENCE = 10.0
_SLOWEST_SECONDS = 30.0
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Announced:
    """Images of one study that are, or will be, in the archive.

    Attributes:
        order: what the notice says of it.
        origin: ``mpps`` or ``ian``.
        instances: SOP Instance UIDs that are waited for.
        at: when it was received; nothing is looked for before ``not_before``.
    """

    order: ImagingOrder
    origin: str
    instances: frozenset[str]
    at: datetime
    not_before: datetime


_ANNOUNCED = TypeAdapter(Announced)


class Announcements:
    """Waits for what was announced; what is waited for is on disk.

    Args:
        directory: where it is kept.
        record: takes the event, durably.
        archive: asked for the instances.
        refusals: told of notices that cannot be taken.
        clock: the present, timezone-aware.
        give_up_seconds: images that did not come for so long are waited for no more.
    """

    def __init__(
        self,
        directory: Path,
        record: Callable[[Told], object],
        archive: ImageSource,
        *,
        refusals: RefusalLog,
        clock: Callable[[], datetime],
        give_up_seconds: float = 86_400.0,
    ) -> None:
        self._directory, self._record, self._archive, self._refusals = directory, record, archive, refusals
        self._clock, self._turn, self._give_up = clock, threading.Lock(), timedelta(seconds=give_up_seconds)
        directory.mkdir(parents=True, exist_ok=True)
        self._awaited = {path: _ANNOUNCED.validate_json(path.read_bytes()) for path in directory.glob("*.json")}
        self._next: dict[Path, datetime] = {}

    def expect(self, announced: Announced) -> None:
        """Wait for images; durable when this returns. Lists of one study from one kind of notice are added up.

        Raises:
            Unavailable: the directory cannot be written.
        """
        name = f"{announced.origin}|{announced.order.study_instance_uid}"
        path = self._directory / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"
        with self._turn:
            if known := self._awaited.get(path):
                announced = replace(
                    announced,
                    instances=known.instances | announced.instances,
                    not_before=max(known.not_before, announced.not_before),
                )
            try:
                write_durably(path, _ANNOUNCED.dump_json(announced), 0o600)
            except OSError as error:
                raise Unavailable(f"The notice cannot be kept: {error.strerror}.") from error
            self._awaited[path] = announced
            self._next.pop(path, None)

    def look(self) -> int:
        """Record what is there by now; returns how many notices that were."""
        with self._turn:
            now, done = self._clock(), 0
            for path, one in sorted(self._awaited.items()):
                if now < max(one.not_before, self._next.get(path, now)):
                    continue
                pause = min((now - one.at).total_seconds() / _PATIENCE, _SLOWEST_SECONDS)
                self._next[path] = now + timedelta(seconds=pause)
                try:
                    done += self._look_for(path, one, now)
                except Unavailable as error:
                    _log.warning("announced-not-looked-for", reason=error.message)
                    break
            return done

    def _look_for(self, path: Path, one: Announced, now: datetime) -> bool:
        study = one.order.study_instance_uid
        thread = {"study": study, "accession": one.order.accession.value, "origin": one.origin}
        found = self._archive.search_studies({"StudyInstanceUID": study, "includefield": "IssuerOfPatientID"})
        held, images = _held(self._archive, study) if found else (set(), set())
        if not one.instances <= held:
            if now - one.at > self._give_up:
                _log.warning("announced-images-missing", missing=len(one.instances - held), **thread)
                self._forget(path)
            return False
        order = overlay(order_of_study(found[0]), one.order) if found else one.order
        if one.origin == "mpps" or images <= one.instances:  # else more is there, or coming, than the notice knows of
            order = replace(order, control="SC", status="CM")
        action = "status" if one.origin == "mpps" else "images"
        try:
            self._record(Told(order, action, one.origin, one.at))
        except MessageRefused as error:
            reason = "; ".join(f"{finding.path}: {finding.message}" for finding in error.message_findings)
            target = "urn:stepwell:task_requester"
            self._refusals.tell("notice-refused", Outcome.MINOR_FAILURE, target=target, reason=reason, **thread)
        else:
            _log.info("announced-images-present", instances=len(one.instances), **thread)
        self._forget(path)
        return True

    def _forget(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        del self._awaited[path]
        self._next.pop(path, None)


def _held(archive: ImageSource, study: str) -> tuple[set[str], set[str]]:
    """All instances that the archive has of a study, and those of image series."""
    held: set[str] = set()
    images: set[str] = set()
    for series in archive.search_series(study):
        found = archive.search_instances(study, text(series, "SeriesInstanceUID"))
        uids = {text(one, "SOPInstanceUID") for one in found}
        held |= uids
        images |= uids if text(series, "Modality") not in NO_IMAGES else set()
    return held, images
