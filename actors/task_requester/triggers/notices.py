"""The DIMSE services that tell of images: MPPS (PS3.4 Annex F) and Instance Availability Notification (Annex R)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.sop_class import (
    InstanceAvailabilityNotification,
    ModalityPerformedProcedureStep,
)

from actors.shared.logs import get_logger
from actors.shared.serving import write_durably
from actors.task_requester.triggers.announced import Announced, Announcements
from actors.task_requester.triggers.dimse import status_of
from actors.task_requester.triggers.reading import order_of_dataset
from profiles.errors import StepwellError

CLASSES = (str(ModalityPerformedProcedureStep), str(InstanceAvailabilityNotification))
_SUCCESS, _INVALID, _FAILED, _DUPLICATE, _UNKNOWN = 0x0000, 0x0106, 0x0110, 0x0111, 0x0112
_MISSING = 0x0120
_FINAL = frozenset({"COMPLETED", "DISCONTINUED"})
_AT_HAND = frozenset({"ONLINE", "NEARLINE"})
_log = get_logger(__name__)


class _Refused(Exception):
    """Answered with a DIMSE status."""

    def __init__(self, code: int, comment: str) -> None:
        super().__init__(comment)
        self.code, self.comment = code, comment


@dataclass(frozen=True, slots=True)
class Notices:
    """Takes MPPS and IAN.

    Args:
        announcements: wait for the images.
        directory: where procedure steps are kept.
        nearline_seconds: how long images that are NEARLINE are given.
        clock: the present, timezone-aware.
        turn: one step at a time.
    """

    announcements: Announcements
    directory: Path
    nearline_seconds: float
    clock: Callable[[], datetime]
    turn: Lock

    @property
    def handlers(self) -> list[Any]:
        """For pynetdicom."""
        return [(evt.EVT_N_CREATE, self.on_create), (evt.EVT_N_SET, self.on_set)]

    def on_create(self, event: Any) -> tuple[Dataset, Dataset | None]:
        """N-CREATE of either class."""
        is_step = event.request.AffectedSOPClassUID == ModalityPerformedProcedureStep
        uid = str(event.request.AffectedSOPInstanceUID or "")
        return _answer(lambda: self._begin(uid, event.attribute_list) if is_step else self._available(event))

    def on_set(self, event: Any) -> tuple[Dataset, Dataset | None]:
        """N-SET of a procedure step."""
        return _answer(lambda: self._change(str(event.request.RequestedSOPInstanceUID), event.modification_list))

    def _begin(self, uid: str, step: Dataset) -> None:
        if not uid:
            raise _Refused(_INVALID, "no SOP Instance UID")
        if step.get("PerformedProcedureStepStatus") != "IN PROGRESS":
            raise _Refused(_INVALID, "a step begins IN PROGRESS (PS3.4 F.7.2.1)")
        with self.turn:
            if self._path(uid).exists():
                raise _Refused(_DUPLICATE, "the step is known")
            self._keep(uid, step)

    def _change(self, uid: str, changes: Dataset) -> None:
        with self.turn:
            if not self._path(uid).exists():
                raise _Refused(_UNKNOWN, "no such step")
            step = Dataset.from_json(self._path(uid).read_text())
            if step.get("PerformedProcedureStepStatus") in _FINAL:
                raise _Refused(_FAILED, "the step is final (PS3.4 F.7.2.2)")
            step.update(changes)
            if step.get("PerformedProcedureStepStatus") == "COMPLETED":
                self._complete(step)
            self._keep(uid, step)
        _log.info("procedure-step", state=str(step.get("PerformedProcedureStepStatus")))

    def _complete(self, step: Dataset) -> None:
        """Wait for the images that a step lists; one that is DISCONTINUED asks for nothing."""
        listed = frozenset(_instances_of_step(step))
        now, studies = self.clock(), set()
        for scheduled in step.get("ScheduledStepAttributesSequence") or []:
            about = Dataset()
            about.update(step)
            about.update(scheduled)
            order = order_of_dataset(about, origin="mpps")
            if order.study_instance_uid and order.study_instance_uid not in studies:
                studies.add(order.study_instance_uid)
                self.announcements.expect(Announced(order, "mpps", listed, now, now))

    def _available(self, event: Any) -> None:
        notice = event.attribute_list
        listed = list(_instances_of_notice(notice))
        if not notice.get("StudyInstanceUID") or not listed:
            raise _Refused(_MISSING, "Study Instance UID or instances are missing")
        states = {state for _, state in listed}
        order = order_of_dataset(notice, origin="ian")
        if not states <= _AT_HAND:
            _log.info("images-not-available", study=order.study_instance_uid, states=sorted(states))
            return
        now = self.clock()
        later = now + timedelta(seconds=self.nearline_seconds) if "NEARLINE" in states else now
        self.announcements.expect(Announced(order, "ian", frozenset(uid for uid, _ in listed), now, later))

    def _path(self, uid: str) -> Path:
        return self.directory / f"{hashlib.sha256(uid.encode()).hexdigest()[:32]}.json"

    def _keep(self, uid: str, step: Dataset) -> None:
        write_durably(self._path(uid), step.to_json().encode(), 0o600)


def _instances_of_step(step: Dataset) -> Iterator[str]:
    for series in step.get("PerformedSeriesSequence") or []:
        for keyword in ("ReferencedImageSequence", "ReferencedNonImageCompositeSOPInstanceSequence"):
            for one in series.get(keyword) or []:
                yield str(one.ReferencedSOPInstanceUID)


def _instances_of_notice(notice: Dataset) -> Iterator[tuple[str, str]]:
    for series in notice.get("ReferencedSeriesSequence") or []:
        for one in series.get("ReferencedSOPSequence") or []:
            yield str(one.ReferencedSOPInstanceUID), str(one.get("InstanceAvailability") or "")


def _answer(act: Callable[[], None]) -> tuple[Dataset, Dataset | None]:
    try:
        act()
    except _Refused as error:
        _log.warning("notice-refused", status=f"{error.code:04X}H", reason=error.comment)
        return status_of(error.code, error.comment), None
    except StepwellError as error:
        _log.error("notice-not-taken", reason=error.message)
        return status_of(int(error.row.dimse or "0110", 16)), None
    except Exception as error:  # the peer gets an answer, whatever it sent
        _log.error("notice-not-taken", reason=type(error).__name__)
        return status_of(_FAILED), None
    return status_of(_SUCCESS), Dataset()
