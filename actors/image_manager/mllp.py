"""The MLLP face of the Image Manager: it learns of merged patients (RAD-12, ITI-30; orders.md 5). No rules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from actors.image_manager.service import ImageManager
from actors.image_manager.settings import Settings
from actors.shared.logs import get_logger
from actors.shared.mllp import Frame, MllpServer
from actors.shared.refusals import RefusalLog
from profiles.dicom import new_uid
from profiles.errors import Unavailable
from profiles.hl7 import (
    Message,
    MessageFinding,
    MessageRefused,
    acknowledge,
    message_handling,
    read,
    require_acceptable,
)
from profiles.hl7.adt import PATIENT_ACTIONS, PatientEvent, authorized, event_time, patient_events
from profiles.sole.event import Outcome

_log = get_logger(__name__)
_CONTROL_ID_LENGTH = 20
_LONGEST_BYTES = 2**20


class AdtFace:
    """Answers ADT; merges and changed identifiers are on disk before AA (HL7-044, HL7-048).

    Args:
        manager: learns of them.
        authority: of identifiers that name none.
        refusals: told of every message that is not taken.
    """

    def __init__(self, manager: ImageManager, authority: str, refusals: RefusalLog) -> None:
        self._manager, self._authority, self._refusals = manager, authority, refusals

    def take(self, frame: Frame, peer: str) -> bytes:
        """Take one message and give its answer, whatever happens."""
        message: Message | None = None
        try:
            message = read(frame.content)
            self._learn(message, too_long=frame.too_long)
            return _answer(message, "AA")
        except MessageRefused as error:
            code, findings = error.acknowledgment, error.message_findings
        except Unavailable as error:
            _log.error("message-not-stored", peer=peer, reason=error.message)
            code, findings = "AR", (_finding("The receiver could not store the message.", "HL7-011", 207),)
        except Exception as error:
            _log.error("message-failed", peer=peer, reason=type(error).__name__)
            code, findings = "AR", (_finding("The receiver failed on the message.", "HL7-011", 207),)
        self._refusals.tell(
            "message-refused",
            Outcome.MINOR_FAILURE,
            target="urn:stepwell:image_manager",
            reason="; ".join(finding.rule for finding in findings),
            address=peer.rsplit(":", 1)[0],
            answer=code,
        )
        return _answer(message, code, findings)

    def _learn(self, message: Message, *, too_long: bool) -> None:
        if too_long:
            raise MessageRefused([_finding("The message is longer than 1 MiB.", "HL7-005", 102)])
        require_acceptable(message)
        if message_handling(message) not in PATIENT_ACTIONS:
            return  # known here, but it tells of no patient
        now = datetime.now(UTC)
        events = [self._with_authority(one) for one in patient_events(message, now)]
        self._manager.learn(events, event_time(message) or now)

    def _with_authority(self, event: PatientEvent) -> PatientEvent:
        identifier, prior = (authorized(one, "", {"*": self._authority}) for one in (event.identifier, event.prior))
        return replace(event, identifier=identifier, prior=prior)


@contextmanager
def adt_server(manager: ImageManager, settings: Settings, refusals: RefusalLog) -> Iterator[None]:
    """Serve while the block runs, where a port is given."""
    if settings.mllp_port is None:
        yield
        return
    face = AdtFace(manager, settings.patient_authority, refusals)
    server = MllpServer(
        face.take, settings.host, settings.mllp_port, max_bytes=_LONGEST_BYTES, idle_seconds=None, tls=settings.tls
    )
    server.start()
    try:
        yield
    finally:
        server.stop()


def _answer(message: Message | None, code: str, findings: tuple[MessageFinding, ...] = ()) -> bytes:
    control_id = new_uid()[-_CONTROL_ID_LENGTH:]
    return acknowledge(message, code, findings, control_id=control_id, now=datetime.now(UTC))


def _finding(words: str, requirement: str, code: int) -> MessageFinding:
    return MessageFinding("MSH", words, f"{requirement} (HL7 table 0357 code {code})", "It was not taken.", code)
