"""The DIMSE face: images on their way to the archive, by the AE title that they are sent to (PS3.4 Annex B)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import AllTransferSyntaxes
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.sop_class import Verification

from actors.shared.dicomweb import StoreFailed
from actors.shared.logs import get_logger
from actors.shared.mllp import server_context
from actors.shared.refusals import RefusalLog
from actors.shared.sockets import without_delay
from actors.task_requester.triggers.arrivals import Arrivals, Arrived
from actors.task_requester.triggers.reading import order_of_dataset
from actors.task_requester.triggers.settings import Triggers
from profiles.errors import StepwellError, Unavailable
from profiles.sole.event import Outcome

_SUCCESS, _FAILED, _OUT_OF_RESOURCES = 0x0000, 0x0110, 0xA700
_CANNOT_UNDERSTAND = 0xC000
_COMMENT = 64  # Error Comment (0000,0902) is LO
_MOST_ASSOCIATIONS = 32
_HEADER = ("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber")
_TAGS = [*_HEADER, "StudyInstanceUID", "SeriesInstanceUID", "Modality", "Manufacturer", "SpecificCharacterSet"]
_log = get_logger(__name__)


class ImageStore(Protocol):
    """Where images go."""

    def store(self, paths: list[Path], study: str | None = None) -> None:
        """STOW-RS; what it returns from is durable."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """Passes images on to the archive, and notes what arrived.

    Args:
        archive: gets every object.
        arrivals: notes those that the archive has.
        rules: the rule of each AE title; empty for all rules.
        directory: for objects on their way.
        refusals: told of associations and objects that are refused.
    """

    archive: ImageStore
    arrivals: Arrivals
    rules: Mapping[str, str]
    directory: Path
    refusals: RefusalLog

    def requested(self, event: Any) -> None:
        """Answer to each title that is configured; pynetdicom rejects all but the one it knows (PS3.8 9.3.4)."""
        called = event.assoc.requestor.primitive.called_ae_title.strip()
        if called in self.rules:
            event.assoc.acceptor.ae_title = called
        else:
            self._tell("association-refused", "the called AE title is not configured", event)

    def store(self, event: Any) -> Dataset:
        """Answer one C-STORE: success only when the archive has the object and its arrival is noted."""
        path = self.directory / f"{uuid.uuid4().hex}.dcm"
        try:
            path.write_bytes(event.encoded_dataset())
            found = pydicom.dcmread(path, specific_tags=_TAGS, stop_before_pixels=True)
            arrived = self._arrived(found, event.assoc.requestor.primitive.called_ae_title.strip())
            self.archive.store([path])
            self.arrivals.note(arrived)
        except StoreFailed as error:
            return self._refused(event, next(iter(error.reasons.values()), _FAILED), error.message)
        except (Unavailable, OSError) as error:
            return self._refused(event, _OUT_OF_RESOURCES, getattr(error, "message", type(error).__name__))
        except StepwellError as error:
            return self._refused(event, _CANNOT_UNDERSTAND, error.message)
        except Exception as error:  # pydicom raises many kinds for one that it cannot read
            return self._refused(event, _CANNOT_UNDERSTAND, type(error).__name__)
        finally:
            path.unlink(missing_ok=True)
        return status_of(_SUCCESS)

    def _arrived(self, found: Dataset, called: str) -> Arrived:
        rule = self.rules[called]
        order = order_of_dataset(found, origin="arrival", called_ae=called, asked=(rule,) if rule else ())
        modality, maker = str(found.get("Modality") or ""), str(found.get("Manufacturer") or "")
        return Arrived(order, str(found.get("SeriesInstanceUID") or ""), modality, maker)

    def _refused(self, event: Any, code: int, reason: str) -> Dataset:
        self._tell("object-refused", f"{code:04X}H {reason}", event)
        return status_of(code, "see the log of the Task Requester")

    def _tell(self, what: str, reason: str, event: Any) -> None:
        asking = event.assoc.requestor
        self.refusals.tell(
            what,
            Outcome.MINOR_FAILURE,
            target="urn:stepwell:task_requester",
            reason=reason,
            address=str(asking.address or ""),
            calling_ae=str(asking.primitive.calling_ae_title),
        )


def status_of(code: int, comment: str = "") -> Dataset:
    """A DIMSE status."""
    status = Dataset()
    status.Status = code
    if comment:
        status.ErrorComment = comment[:_COMMENT]
    return status


@contextmanager
def dimse_server(
    gateway: Gateway,
    host: str,
    settings: Triggers,
    more: list[Any] | None = None,
    classes: tuple[str, ...] = (),
) -> Iterator[None]:
    """Serve associations while the block runs.

    Args:
        gateway: takes the images.
        host: address to listen on.
        settings: port and certificates.
        more: handlers of further services.
        classes: SOP classes of further services.
    """
    ae = AE(ae_title=next(iter(gateway.rules)))
    ae.require_called_aet = True
    ae.maximum_associations = _MOST_ASSOCIATIONS
    for sop_class in (str(Verification), *classes):
        ae.add_supported_context(sop_class)
    for context in AllStoragePresentationContexts:
        ae.add_supported_context(str(context.abstract_syntax), AllTransferSyntaxes)
    handlers: list[Any] = [
        without_delay(),
        (evt.EVT_REQUESTED, gateway.requested),
        (evt.EVT_C_STORE, gateway.store),
        (evt.EVT_C_ECHO, _on_echo),
        *(more or []),
    ]
    tls = server_context(settings.dimse_tls) if settings.dimse_tls else None
    ae.start_server((host, settings.dimse_port or 0), block=False, evt_handlers=handlers, ssl_context=tls)
    try:
        yield
    finally:
        ae.shutdown()


def _on_echo(_event: Any) -> int:
    return _SUCCESS
