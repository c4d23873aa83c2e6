"""Images that came through the gateway: when a study is complete, its arrival is an event (HL7-060, HL7-062).

That a study is arriving is on disk before its first image is acknowledged, so no restart loses it; the times are not:
after a restart a study must stand still anew.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter

from actors.shared.logs import get_logger
from actors.shared.refusals import RefusalLog
from actors.shared.serving import write_durably
from actors.task_requester.images import NO_IMAGES
from actors.task_requester.recording import Told
from actors.task_requester.triggers.settings import Triggers
from profiles.errors import Unavailable
from profiles.hl7 import ImagingOrder, MessageRefused
from profiles.sole.event import Outcome

_ORDER = TypeAdapter(ImagingOrder)
_AFTER_RESTART = ""
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Arrived:
    """One object that the archive has.

    Attributes:
        order: of what its dataset says of patient and study, with the AE title that it was sent to.
        series_uid: Series Instance UID.
        modality: Modality (0008,0060).
        maker: Manufacturer (0008,0070).
    """

    order: ImagingOrder
    series_uid: str
    modality: str
    maker: str = ""

    def is_own_output(self, makers: tuple[str, ...]) -> bool:
        """Whether it is a result or a document, which never asks for work (HL7-062)."""
        return self.modality in NO_IMAGES or self.maker in makers


@dataclass(slots=True)
class Arriving:
    """A study on its way to one AE title: when it began, and when each series last grew and counts as complete."""

    order: ImagingOrder
    began: float
    objects: int = 0
    quiet_at: dict[str, float] = field(default_factory=dict)

    def complete(self, now: float, force_seconds: float) -> str:
        """``quiet`` when no series is pending, ``forced`` when that took too long; empty while it goes on."""
        if now >= max(self.quiet_at.values()):
            return "quiet"
        return "forced" if now >= self.began + force_seconds else ""


class Arrivals:
    """Counts the objects of each study and called AE title, and records the arrival when it is over.

    Args:
        directory: where studies that are arriving are kept.
        record: takes the event, durably.
        settings: how long to wait.
        refusals: told of arrivals that cannot be taken.
        clock: the present, timezone-aware.
        monotonic: seconds that never go backwards.
    """

    def __init__(
        self,
        directory: Path,
        record: Callable[[Told], object],
        settings: Triggers,
        *,
        refusals: RefusalLog,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._directory, self._record, self._settings, self._refusals = directory, record, settings, refusals
        self._clock, self._monotonic, self._turn = clock, monotonic, threading.Lock()
        directory.mkdir(parents=True, exist_ok=True)
        self._arriving: dict[Path, Arriving] = {}
        for path in sorted(directory.glob("*.json")):
            self._arriving[path] = self._begin(_ORDER.validate_json(path.read_bytes()))

    def note(self, arrived: Arrived) -> None:
        """Take note of an object that the archive has; durable when this returns.

        Raises:
            Unavailable: the directory cannot be written.
        """
        if arrived.is_own_output(self._settings.own_makers):
            return
        path = self._path(arrived.order)
        with self._turn:
            known = self._arriving.get(path)
            if known is None:
                self._keep(path, arrived.order)
                known = self._arriving[path] = self._begin(arrived.order)
                known.quiet_at.clear()
            known.objects += 1
            known.quiet_at[arrived.series_uid] = self._monotonic() + self._settings.quiet_for(arrived.modality)

    def look(self) -> int:
        """Record the arrivals that are over; returns how many."""
        with self._turn:
            over = [
                (path, one, how)
                for path, one in self._arriving.items()
                if (how := one.complete(self._monotonic(), self._settings.force_seconds))
            ]
            return sum(self._conclude(path, one, how) for path, one, how in over)

    def _begin(self, order: ImagingOrder) -> Arriving:
        now = self._monotonic()
        return Arriving(order, now, quiet_at={_AFTER_RESTART: now + self._settings.quiet_seconds})

    def _conclude(self, path: Path, one: Arriving, how: str) -> bool:
        order = one.order
        if how == "quiet":  # a study that stood still for its time need not do so once more
            order = replace(order, control="SC", status="CM")
        thread = {"study": order.study_instance_uid, "accession": order.accession.value, "called_ae": order.called_ae}
        try:
            self._record(Told(order, "images", "arrival", self._clock()))
        except Unavailable as error:
            _log.error("arrival-not-recorded", reason=error.message, **thread)
            return False
        except MessageRefused as error:
            reason = "; ".join(f"{one.path}: {one.message}" for one in error.message_findings)
            target = "urn:stepwell:task_requester"
            self._refusals.tell("arrival-refused", Outcome.MINOR_FAILURE, target=target, reason=reason, **thread)
        else:
            _log.info("study-arrived", how=how, objects=one.objects, **thread)
        path.unlink(missing_ok=True)
        del self._arriving[path]
        return True

    def _path(self, order: ImagingOrder) -> Path:
        name = hashlib.sha256(f"{order.study_instance_uid}|{order.called_ae}".encode()).hexdigest()[:32]
        return self._directory / f"{name}.json"

    def _keep(self, path: Path, order: ImagingOrder) -> None:
        try:
            write_durably(path, _ORDER.dump_json(order), 0o600)
        except OSError as error:
            raise Unavailable(f"The arrival cannot be noted: {error.strerror}.") from error
