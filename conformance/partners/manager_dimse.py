"""The simulated worklist manager over DIMSE: UPS Pull and Query as SCP, on the workitems of the RESTful one (PS3.4)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock
from typing import Any

from pydicom import Dataset
from pynetdicom import AE, evt

from conformance.harness.trial import Trial
from conformance.partners.attributes import Attributes, matches, tag_of, text
from conformance.partners.manager import Manager
from conformance.partners.simulating import Reply
from conformance.partners.steps import FINAL, IN_PROGRESS, Item

PUSH, WATCH, PULL, EVENT, QUERY = (f"1.2.840.10008.5.1.4.34.6.{number}" for number in range(1, 6))
_VERIFICATION = "1.2.840.10008.1.1"
_IDLE_SECONDS = 60.0
_PENDING, _SUCCESS, _NO_SUCH_ACTION, _UNKNOWN = 0xFF00, 0x0000, 0x0123, 0xC307
_CHANGE_STATE = 1
_MOST = 5_000


@dataclass(frozen=True, slots=True)
class Message:
    """One request and how it was answered.

    Attributes:
        kind: ``find``, ``get``, ``set``, ``state`` or ``other``, as in :mod:`conformance.partners.manager`.
        at: seconds of the clock that all simulators share.
        context: abstract syntax of its presentation context.
        sop_class: that its command names.
        workitem: that its command names.
        content: data set, or the attributes that N-GET asks for.
        status: of the last answer.
        evidence: id of what went over the wire.
    """

    kind: str
    at: float
    context: str
    sop_class: str
    workitem: str
    content: Attributes
    status: int
    evidence: str

    @property
    def state(self) -> str:
        """The state that is asked for."""
        return text(self.content, "ProcedureStepState")

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return self.status == _SUCCESS or self.status >> 12 == 0xB  # noqa: PLR2004 - the class of warnings


class DimseManager:
    """A UPS SCP over the workitems of a manager.

    Args:
        manager: whose workitems.
        host: interface.
        port: TCP port.
        ae_title: of the SCP.

    Attributes:
        heard: how many requests have come at all.
    """

    def __init__(self, manager: Manager, host: str, port: int, ae_title: str) -> None:
        self._manager = manager
        self.heard = 0
        self._messages: list[Message] = []
        self._trial: Trial | None = None
        self._lock = Lock()
        entity = AE(ae_title=ae_title)
        entity.network_timeout = entity.dimse_timeout = entity.acse_timeout = _IDLE_SECONDS
        for context in (PULL, WATCH, PUSH, QUERY, _VERIFICATION):
            entity.add_supported_context(context)
        handlers = [
            (evt.EVT_C_ECHO, lambda _event: _SUCCESS),
            (evt.EVT_C_FIND, self._find),
            (evt.EVT_N_GET, self._get),
            (evt.EVT_N_SET, self._set),
            (evt.EVT_N_ACTION, self._act),
        ]
        self._entity = entity
        self._server: Any = entity.start_server((host, port), block=False, evt_handlers=handlers)

    def begin(self, trial: Trial) -> None:
        """What comes from now on is that trial's evidence."""
        with self._lock:
            self._trial = trial
            self._messages.clear()

    def end(self) -> None:
        """No trial is on."""
        with self._lock:
            self._trial = None

    def close(self) -> None:
        """Listen no longer."""
        self._server.shutdown()
        self._entity.shutdown()

    def of(self, kind: str, uid: str = "", state: str = "") -> list[Message]:
        """What came of a kind in this trial, about a workitem, and for a state; each unless empty."""
        with self._lock:
            return [
                one
                for one in self._messages
                if one.kind == kind and uid in {"", one.workitem} and state in {"", one.state}
            ]

    def _find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        wanted = event.identifier.to_json_dict()
        keys = list(_keys(wanted))
        found = [item for item in self._manager.items if matches(item.content, keys)]
        self._keep("find", event, wanted, _SUCCESS, words=f"{len(found)} matches")
        for item in found:
            shown = {tag: item.content.get(tag, {"vr": key["vr"]}) for tag, key in wanted.items()}
            yield _PENDING, Dataset.from_json(shown)

    def _get(self, event: Any) -> tuple[int, Dataset | None]:
        tags = [f"{tag:08X}" for tag in event.request.AttributeIdentifierList or []]
        asked: Attributes = {tag: {} for tag in tags}
        item = self._item(event)
        self._keep("get", event, asked, _UNKNOWN if item is None else _SUCCESS)
        if item is None:
            return _UNKNOWN, None
        shown = {tag: value for tag, value in item.content.items() if not tags or tag in tags}
        return _SUCCESS, Dataset.from_json(shown)

    def _set(self, event: Any) -> tuple[int, Dataset | None]:
        changes = event.modification_list.to_json_dict()
        lock = text(changes, "TransactionUID")
        return self._done("set", event, changes, lambda uid: self._manager.update_as(uid, changes, lock)), None

    def _act(self, event: Any) -> tuple[int, Dataset | None]:
        content = event.action_information.to_json_dict() if event.request.ActionInformation else {}
        if event.request.ActionTypeID != _CHANGE_STATE:
            self._keep("other", event, content, _NO_SUCH_ACTION)
            return _NO_SUCH_ACTION, None
        wanted, lock = text(content, "ProcedureStepState"), text(content, "TransactionUID")
        return self._done("state", event, content, lambda uid: self._manager.change_state_as(uid, wanted, lock)), None

    def _done(self, kind: str, event: Any, content: Attributes, act: Any) -> int:
        item = self._item(event)
        with self._lock:
            if self._trial is not None and text(content, "TransactionUID"):
                self._trial.secret(text(content, "TransactionUID"))
        status = _UNKNOWN if item is None else status_of(act(item.uid), item, text(content, "ProcedureStepState"))
        self._keep(kind, event, content, status)
        return status

    def _item(self, event: Any) -> Item | None:
        uid = str(event.request.RequestedSOPInstanceUID)
        return next((item for item in self._manager.items if item.uid == uid), None)

    def _keep(self, kind: str, event: Any, content: Attributes, status: int, words: str = "") -> None:
        request = event.request
        sop_class = getattr(request, "RequestedSOPClassUID", None) or getattr(request, "AffectedSOPClassUID", "")
        uid = str(getattr(request, "RequestedSOPInstanceUID", "") or "")
        context = str(event.context.abstract_syntax)
        with self._lock:
            self.heard += 1
            if self._trial is None or len(self._messages) >= _MOST:
                return
            evidence = self._trial.keep(
                "dimse",
                f"{kind} {uid} → {words or f'{status:04X}'}",
                {
                    "context": context,
                    "sop_class": str(sop_class),
                    "sop_instance": uid,
                    "received": content,
                    "status": f"{status:04X}",
                },
                "json",
            )
            self._messages.append(
                Message(kind, time.monotonic(), context, str(sop_class), uid, content, status, evidence)
            )


def status_of(reply: Reply, before: Item, wanted: str) -> int:
    """The status over DIMSE of what is answered over HTTP (PS3.4 Tables CC.2.1-2 and CC.2.6-1).

    Args:
        reply: the answer.
        before: the workitem as it was.
        wanted: the state that was asked for; empty for an update.
    """
    if reply.status == 200:  # noqa: PLR2004 - done
        return {"CANCELED": 0xB304, "COMPLETED": 0xB306}[wanted] if reply.headers.get("warning") else _SUCCESS
    if before.state in FINAL and not (wanted and reply.status == 400):  # noqa: PLR2004 - the owner is wrong
        return 0xC300
    if reply.status == 400:  # noqa: PLR2004
        return 0xC301 if wanted in {"", IN_PROGRESS, *FINAL} else 0xC303
    return 0xC302 if wanted == before.state == IN_PROGRESS else 0xC310


def _keys(identifier: Attributes, path: str = "") -> Iterator[tuple[str, str]]:
    """The keys of an identifier as those of a RESTful search."""
    for tag, element in identifier.items():
        name = f"{path}{tag}"
        values = element.get("Value", [])
        if element["vr"] == "SQ":
            for item in values:
                yield from _keys(item, f"{name}.")
        elif tag != tag_of("SpecificCharacterSet"):
            yield (
                name,
                "\\".join(str(one.get("Alphabetic", "")) if isinstance(one, dict) else str(one) for one in values),
            )
