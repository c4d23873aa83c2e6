"""Take event reports over DIMSE (PS3.4 CC.2.4): the acceptor of the associations that a Task Manager opens to us."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.sop_class import UnifiedProcedureStepEvent, Verification

from actors.shared.ups_dimse.dataset import parse
from actors.shared.ups_dimse.limits import limited, shut_down
from actors.shared.ups_dimse.statuses import failure
from actors.shared.ups_watch import EVENTS, EventReport
from profiles.errors import BadInput, Unavailable, error_row

_MOST_WAITING = 1000
_LOOK_SECONDS = 0.2
_PATIENCE_SECONDS = 20.0
_SYNTAXES = [ImplicitVRLittleEndian, ExplicitVRLittleEndian]


class EventReceiver:
    """An AE that takes event reports, while it is entered.

    A report is answered once it is in the queue that `events` reads; when the queue is full the sender waits.

    Args:
        ae_title: its AE title, to which the Task Manager must know the address.
        host: interface.
        port: TCP port; 0 for any that is free.
        idle_seconds: after so long without a message an association is ended.

    Raises:
        Unavailable: on entering, when the port is taken.
    """

    def __init__(self, ae_title: str, host: str = "127.0.0.1", port: int = 0, *, idle_seconds: float = 60.0) -> None:
        self._address, self._idle_seconds = (host, port), idle_seconds
        self._ae = AE(ae_title=ae_title)
        self._ae.require_called_aet = True
        self._ae.network_timeout = self._ae.acse_timeout = self._ae.dimse_timeout = idle_seconds
        self._ae.add_supported_context(Verification, _SYNTAXES)
        self._ae.add_supported_context(UnifiedProcedureStepEvent, _SYNTAXES, scu_role=True, scp_role=True)
        self._reports: queue.Queue[EventReport] = queue.Queue(_MOST_WAITING)
        self.port = port

    def __enter__(self) -> Self:
        handlers = [
            *limited(self._idle_seconds),
            (evt.EVT_C_ECHO, lambda _event: 0x0000),
            (evt.EVT_N_EVENT_REPORT, self._take),
        ]
        try:
            self._server: Any = self._ae.start_server(self._address, block=False, evt_handlers=handlers)
        except OSError as error:
            raise Unavailable(
                f"Port {self._address[1]} cannot be listened on: {error.strerror or error}. Choose another, and tell "
                "the Task Manager."
            ) from error
        self.port = int(self._server.server_address[1])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shut_down(self._ae, self._server)

    def _take(self, event: Any) -> tuple[Dataset | int, None]:
        request = event.request
        try:
            implicit = event.context.transfer_syntax == ImplicitVRLittleEndian
            information = parse(request.EventInformation, implicit=implicit)
            report = EventReport(
                EVENTS.get(request.EventTypeID, f"event-{request.EventTypeID}"),
                str(request.AffectedSOPInstanceUID),
                int(request.MessageID),
                information,
            )
            self._reports.put(report, timeout=_PATIENCE_SECONDS)
        except BadInput as error:
            return failure(error.row.dimse, error.message), None
        except queue.Full:
            return failure(error_row("unavailable").dimse, "too many reports wait to be read; send it again"), None
        return 0x0000, None

    def events(self, stopped: threading.Event) -> Iterator[EventReport]:
        """The reports as they come, until told to stop."""
        while not stopped.is_set():
            try:
                yield self._reports.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                continue
