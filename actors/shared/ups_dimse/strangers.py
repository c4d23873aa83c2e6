"""Requests not of UPS, or incomplete: answered by a status (PS3.7 Annex C), where pynetdicom aborts or is silent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pynetdicom import evt
from pynetdicom.dimse_primitives import C_ECHO, C_FIND, N_ACTION, N_CREATE, N_GET, N_SET
from pynetdicom.sop_class import Verification

from profiles.errors import BadInput, StepwellError

_SERVED = (C_FIND, N_CREATE, N_GET, N_SET, N_ACTION)
Told = Callable[[str, str, str, StepwellError], None]


def answering_strangers(classes: tuple[str, ...], told: Told) -> tuple[Any, Any]:
    """An event handler that has requests of other classes, and operations that UPS lacks, answered.

    Args:
        classes: the SOP classes that are served.
        told: told of operation, SOP Instance UID, address of the caller, and the refusal.
    """

    def opened(event: Any) -> None:
        association = event.assoc
        serve = association._serve_request

        def serve_or_refuse(message: Any, context_id: int) -> None:
            refusal = _refusal(message, classes) if _is_request(message) else None
            if refusal is None:
                serve(message, context_id)
                return
            told(message.msg_type, _uid(message), association.requestor.address, refusal)
            answer = type(message)()
            answer.MessageIDBeingRespondedTo = message.MessageID
            answer.Status = int(refusal.row.dimse, 16)
            association.dimse.send_msg(answer, context_id)

        association._serve_request = serve_or_refuse

    return evt.EVT_CONN_OPEN, opened


def _is_request(message: Any) -> bool:
    return message.MessageID is not None and message.MessageIDBeingRespondedTo is None


def _refusal(message: Any, classes: tuple[str, ...]) -> StepwellError | None:
    named = _named(message, "SOPClassUID")
    if isinstance(message, C_ECHO) and named == Verification:
        return None
    if named not in classes:
        key = "class-not-supported" if message.msg_type.startswith("C") else "no-such-class"
        return BadInput("The SOP class is not served here (PS3.4 CC.3.1).", key=key)
    if not isinstance(message, _SERVED):
        return BadInput("UPS has no such operation (PS3.4 CC.2).", key="unrecognised-operation")
    if not message.is_valid_request:
        return BadInput("The request lacks an element that PS3.7 section 10 wants.", key="mistyped-argument")
    return None


def _named(message: Any, what: str) -> str:
    return str(getattr(message, f"Requested{what}", None) or getattr(message, f"Affected{what}", None) or "")


def _uid(message: Any) -> str:
    return _named(message, "SOPInstanceUID")
