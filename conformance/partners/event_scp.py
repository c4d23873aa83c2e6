"""A subscriber that listens over DIMSE and records: the acceptor of associations that bring N-EVENT-REPORT."""

from __future__ import annotations

from threading import Lock
from typing import Any

from pynetdicom import AE, evt

from conformance.harness.trial import Trial
from conformance.partners.associations import json_of
from conformance.partners.reports import EVENT, EVENT_TYPE, MESSAGE_ID, PUSH, SOP_CLASS, SOP_INSTANCE, Received, Report

VERIFICATION = "1.2.840.10008.1.1"
_ASSOCIATIONS = 20
_IDLE_SECONDS = 60.0
_CONTEXTS = (VERIFICATION, EVENT, PUSH)
_OCTETS = 1_000  # about as long as a report is
_SUCCESS, _PROCESSING_FAILURE = 0x0000, 0x0110


class EventScp:
    """Listens for the length of a run; what comes is kept for whoever of its AE titles is called.

    Args:
        host: interface.
        port: TCP port; the system under test must know it.
    """

    def __init__(self, host: str, port: int) -> None:
        self._inboxes: dict[str, Received] = {}
        self._trial: Trial | None = None
        self._lock = Lock()
        entity = AE(ae_title="HARNESS")
        entity.maximum_associations = _ASSOCIATIONS
        entity.network_timeout = entity.dimse_timeout = entity.acse_timeout = _IDLE_SECONDS
        for context in _CONTEXTS:
            entity.add_supported_context(context, scu_role=True, scp_role=True)
        handlers = [(evt.EVT_N_EVENT_REPORT, self._take), (evt.EVT_C_ECHO, lambda _event: _SUCCESS)]
        self._entity = entity
        self._server: Any = entity.start_server((host, port), block=False, evt_handlers=handlers)

    def begin(self, trial: Trial) -> None:
        """What comes from now on is that trial's evidence."""
        with self._lock:
            self._trial, self._inboxes = trial, {}

    def end(self) -> None:
        """No trial is on: what comes is answered and forgotten."""
        with self._lock:
            self._trial, self._inboxes = None, {}

    def close(self) -> None:
        """Stop listening, and end the associations."""
        self._server.shutdown()
        self._entity.shutdown()

    def inbox(self, ae_title: str) -> Received:
        """What comes for an AE title."""
        with self._lock:
            if self._trial is None:
                raise RuntimeError("no test is on")
            return self._inboxes.setdefault(ae_title, Received(self._trial))

    def _take(self, event: Any) -> tuple[int, None]:
        called = str(event.assoc.acceptor.primitive.called_ae_title).strip()
        with self._lock:
            trial = self._trial
            inbox = self._inboxes.setdefault(called, Received(trial)) if trial else None
        if trial is None or inbox is None:
            return _SUCCESS, None
        report, status = _kept(trial, event, called)
        inbox.add(report, _OCTETS)
        return status, None


def _kept(trial: Trial, event: Any, called: str) -> tuple[Report, int]:
    request, context = event.request, event.context
    command = {
        SOP_CLASS: _element("UI", request.AffectedSOPClassUID),
        MESSAGE_ID: _element("US", request.MessageID),
        SOP_INSTANCE: _element("UI", request.AffectedSOPInstanceUID),
        EVENT_TYPE: _element("US", request.EventTypeID),
    }
    status, trouble, information = _SUCCESS, "", {}
    try:
        if request.EventInformation is not None:
            information = json_of(event.event_information)
    except Exception as error:  # whatever pydicom cannot read
        status, trouble = _PROCESSING_FAILURE, f"the Event Information cannot be read ({type(error).__name__})"
    report = Report({**command, **information}, context=str(context.abstract_syntax))
    evidence = trial.keep(
        "dimse",
        trouble or f"N-EVENT-REPORT to {called}: {report.words} of {report.workitem}",
        {
            "calling": str(event.assoc.requestor.ae_title).strip(),
            "called": called,
            "context": {"abstract": str(context.abstract_syntax), "transfer": str(context.transfer_syntax)},
            "command": command,
            "information": information,
            "answered": f"{status:04X}",
            "trouble": trouble,
        },
        "json",
    )
    return Report(report.dataset, evidence, context=report.context), status


def _element(vr: str, value: Any) -> dict[str, Any]:
    return {"vr": vr} if value is None else {"vr": vr, "Value": [int(value) if vr == "US" else str(value)]}
