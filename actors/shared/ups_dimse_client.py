"""A UPS client over DIMSE (PS3.4 Annex CC), with the methods and errors of `actors.shared.ups_client.UpsClient`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import islice
from types import TracebackType
from typing import Any, Self

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.sop_class import (
    UnifiedProcedureStepPull,
    UnifiedProcedureStepPush,
    UnifiedProcedureStepQuery,
    UnifiedProcedureStepWatch,
)
from pynetdicom.status import UNIFIED_PROCEDURE_STEP_SERVICE_CLASS_STATUS as MEANINGS

from actors.shared.dimse import associate
from actors.shared.ups_client import AlreadyInProgress, DuplicateWorkitem
from actors.shared.ups_dimse.dataset import to_dataset, to_json
from actors.shared.ups_dimse.identifier import kept_paths
from actors.shared.ups_dimse.limits import keep_identifiers_out_of_logs
from actors.shared.ups_dimse.receiver import EventReceiver
from actors.shared.ups_watch import EventReport
from profiles.dicom import Code, JsonDataset, items, new_uid, put, put_codes, put_items, tag_of, text
from profiles.errors import (
    BadInput,
    Conflict,
    Gone,
    NotAuthorised,
    NotFound,
    StepwellError,
    Unavailable,
    error_row,
    error_rows,
)
from profiles.ups.events import UPS_PUSH

_CLASSES = (
    UnifiedProcedureStepPush,
    UnifiedProcedureStepPull,
    UnifiedProcedureStepWatch,
    UnifiedProcedureStepQuery,
)
_CONTEXTS = [(str(one), str(syntax)) for one in _CLASSES for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian)]
_KINDS: dict[int, type[StepwellError]] = {
    400: BadInput,
    403: NotAuthorised,
    404: NotFound,
    409: Conflict,
    500: Unavailable,
    503: Unavailable,
}
_OWN = {"duplicate-workitem": DuplicateWorkitem, "already-in-progress": AlreadyInProgress, "gone": Gone}
_PENDING = (0xFF00, 0xFF01)
_CANCELED = 0xFE00
_WARNINGS = range(0xB000, 0xC000)
_MESSAGE_IDS = 2**16


class DimseUpsClient:
    """One worklist service. The association is opened when it is needed, and again when it was lost.

    Args:
        host: of the Task Manager.
        port: of the Task Manager.
        called_ae: its AE title.
        ae_title: the caller's.
        timeout_seconds: for connecting, associating and each answer.
    """

    def __init__(self, host: str, port: int, *, called_ae: str, ae_title: str, timeout_seconds: float = 30) -> None:
        self._host, self._port, self._called_ae = host, port, called_ae
        self._ae_title, self._timeout_seconds = ae_title, timeout_seconds
        self._association: Any = None
        self._message = 0
        self._one_at_a_time = threading.RLock()
        keep_identifiers_out_of_logs()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the association."""
        with self._one_at_a_time:
            if self._association is not None and self._association.is_established:
                self._association.release()
            self._association = None

    def create(self, workitem: JsonDataset, uid: str | None = None) -> str:
        """Create a workitem (RAD-80) and return its UID.

        Raises:
            DuplicateWorkitem: when it exists already.
            BadInput: with the server's words.
        """
        named = uid or text(workitem, "SOPInstanceUID") or new_uid()
        content = {tag: element for tag, element in workitem.items() if tag != tag_of("SOPInstanceUID")}
        self._ask("send_n_create", to_dataset(content), UPS_PUSH, named, meta_uid=UnifiedProcedureStepPush)
        return named

    def retrieve(self, uid: str) -> JsonDataset:
        """The workitem (RAD-83).

        Raises:
            NotFound: when there is none.
        """
        _, found = self._ask("send_n_get", None, UPS_PUSH, uid, meta_uid=UnifiedProcedureStepPull)
        return to_json(found or Dataset())

    def search(
        self,
        matches: Mapping[str, str] | None = None,
        *,
        limit: int | None = None,
        offset: int = 0,
        includefield: str = "all",
    ) -> list[JsonDataset]:
        """The workitems that match (RAD-81).

        Args:
            matches: value by keyword, nested ones joined by dots.
            limit: at most so many.
            offset: leave out so many first.
            includefield: attributes wanted besides the keys, by keyword, separated by commas; or ``all``.
        """
        identifier = to_dataset(identifier_of(matches or {}, includefield))
        with self._one_at_a_time:
            last = None if limit is None else offset + limit
            found = list(islice(self._found(identifier, last), offset, None))
        return [to_json(dataset) for dataset in found]

    def _found(self, identifier: Dataset, last: int | None) -> Iterator[Dataset]:
        """What is found, up to a number; then the search is canceled (C-CANCEL) and what still comes is dropped."""
        association, number, count = self._established(), self._next_message(), 0
        canceled = False
        for status, dataset in _translated(
            association.send_c_find, identifier, UnifiedProcedureStepPull, msg_id=number
        ):
            code = _code(status)
            if code not in (*_PENDING, _CANCELED):
                _require_success(status)
                return
            if code in _PENDING and (last is None or count < last):
                count += 1
                yield dataset
            elif code in _PENDING and not canceled:
                association.send_c_cancel(number, query_model=UnifiedProcedureStepPull)
                canceled = True

    def update(self, uid: str, changes: JsonDataset, transaction_uid: str | None) -> None:
        """Change attributes (RAD-84); the Transaction UID for a claimed workitem, None for a SCHEDULED one."""
        changes = dict(changes)
        if transaction_uid:
            put(changes, "TransactionUID", transaction_uid)
        self._ask("send_n_set", to_dataset(changes), UPS_PUSH, uid, meta_uid=UnifiedProcedureStepPull)

    def change_state(self, uid: str, state: str, transaction_uid: str) -> None:
        """Ask for another state (RAD-82, RAD-85)."""
        wanted: JsonDataset = {}
        put(wanted, "ProcedureStepState", state)
        if transaction_uid:
            put(wanted, "TransactionUID", transaction_uid)
        self._act(1, uid, wanted, UnifiedProcedureStepPull)

    def claim(self, uid: str, transaction_uid: str) -> None:
        """Claim (RAD-82).

        Raises:
            AlreadyInProgress: when this very Transaction UID has claimed it before.
            StepwellError: when somebody else has (lost race), or it cannot be claimed.
        """
        self.change_state(uid, "IN PROGRESS", transaction_uid)

    def complete(self, uid: str, transaction_uid: str) -> None:
        """Complete (RAD-85)."""
        self.change_state(uid, "COMPLETED", transaction_uid)

    def cancel(self, uid: str, transaction_uid: str) -> None:
        """Cancel one's own claimed workitem (RAD-85)."""
        self.change_state(uid, "CANCELED", transaction_uid)

    def request_cancel(self, uid: str, reason: Code | None = None, text: str = "") -> None:
        """Ask that somebody's workitem be canceled (RAD-88)."""
        details: JsonDataset = {}
        if text:
            put(details, "ReasonForCancellation", text)
        if reason:
            put_codes(details, "ProcedureStepDiscontinuationReasonCodeSequence", reason)
        self._act(2, uid, details, UnifiedProcedureStepPush)

    def subscribe(
        self, target: str, *, locked: bool = False, keys: Mapping[str, str] | None = None, receiver: str = ""
    ) -> str:
        """Subscribe to a workitem, to all, or to those that match (RAD-86).

        Args:
            target: UID of a workitem, or of a global subscription (`profiles.ups.subscriptions`).
            locked: with a deletion lock.
            keys: matching keys of a filtered global subscription.
            receiver: Receiving AE; the caller's own when not given.

        Returns:
            AE title that is told, over associations which the Task Manager opens (`EventReceiver`, `watch`).
        """
        told = receiver or self._ae_title
        wanted = identifier_of(keys or {}, "")
        put(wanted, "ReceivingAE", told)
        put(wanted, "DeletionLock", "TRUE" if locked else "FALSE")
        self._act(3, target, wanted, UnifiedProcedureStepWatch)
        return told

    def unsubscribe(self, target: str, *, receiver: str = "") -> None:
        """End a subscription; ending the global one ends every other of that AE (RAD-86)."""
        self._act(4, target, self._told(receiver), UnifiedProcedureStepWatch)

    def suspend(self, target: str, *, receiver: str = "") -> None:
        """Be subscribed to no further workitems; what there is stays (RAD-86)."""
        self._act(5, target, self._told(receiver), UnifiedProcedureStepWatch)

    def watch(
        self,
        stopped: threading.Event,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        opened: Callable[[], None] = lambda: None,
    ) -> Iterator[EventReport]:
        """The events that the Task Manager reports to this AE title, as they come, until told to stop (RAD-87).

        Args:
            stopped: ends it.
            host: interface to listen on.
            port: that the Task Manager knows for this AE title.
            opened: called once reports can come; the place to subscribe.

        Raises:
            Unavailable: when the port is taken.
        """
        with EventReceiver(self._ae_title, host, port) as receiver:
            opened()
            yield from receiver.events(stopped)

    def _told(self, receiver: str) -> JsonDataset:
        wanted: JsonDataset = {}
        return put(wanted, "ReceivingAE", receiver or self._ae_title)

    def _act(self, kind: int, uid: str, information: JsonDataset, context: Any) -> None:
        dataset = to_dataset(dict(sorted(information.items()))) if information else None
        self._ask("send_n_action", dataset, kind, UPS_PUSH, uid, meta_uid=context)

    def _ask(self, send: str, *arguments: Any, meta_uid: Any) -> tuple[Dataset, Dataset | None]:
        with self._one_at_a_time:
            call = getattr(self._established(), send)
            answer: tuple[Dataset, Dataset | None] = _translated(
                call, *arguments, msg_id=self._next_message(), meta_uid=meta_uid
            )
        _require_success(answer[0])
        return answer

    def _next_message(self) -> int:
        self._message = (self._message + 1) % _MESSAGE_IDS
        return self._message

    def _established(self) -> Any:
        if self._association is None or not self._association.is_established:
            self._association = associate(
                _CONTEXTS, self._host, self._port, self._called_ae, self._ae_title, self._timeout_seconds
            )
        return self._association


def identifier_of(matches: Mapping[str, str], includefield: str) -> JsonDataset:
    """The identifier of a search: its keys, and what is wanted besides with empty values (PS3.4 CC.2.8).

    Args:
        matches: value by dotted keyword.
        includefield: keywords separated by commas, ``all``, or nothing.
    """
    keyed = {path.partition(".")[0] for path in matches if "." in path}
    paths = set(filter(None, includefield.split(",")))
    if includefield == "all":
        paths = {path for path in kept_paths() if "." not in path or path.partition(".")[0] in keyed}
    paths -= keyed
    identifier: JsonDataset = {}
    for path in sorted(paths - set(matches)):
        _put_key(identifier, path, "")
    for path, value in matches.items():
        _put_key(identifier, path, value)
    return dict(sorted(identifier.items()))


def _put_key(dataset: JsonDataset, path: str, value: str) -> None:
    head, _, rest = path.partition(".")
    if rest:
        inner = (items(dataset, head) or [{}])[0]
        _put_key(inner, rest, value)
        put_items(dataset, head, dict(sorted(inner.items())))
    elif not (value == "" and items(dataset, head)):
        put(dataset, head, *([value] if value else []))


def _translated(send: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    try:
        return send(*arguments, **options)
    except ValueError as error:
        raise Unavailable("The Task Manager accepts no presentation context for this (PS3.4 CC.3.1).") from error
    except RuntimeError as error:
        raise Unavailable("The Task Manager ended the association. It is tried again.") from error


def _code(status: Dataset) -> int:
    if "Status" not in status:
        raise Unavailable("The Task Manager did not answer in time. It is tried again.")
    return int(status.Status)


def _require_success(status: Dataset) -> None:
    """See that a request was done.

    Raises:
        StepwellError: of the kind that the status means, with the words of the server.
    """
    code = _code(status)
    if code in (0x0000, 0x0001) or code in _WARNINGS:
        return
    meaning = f" ({MEANINGS[code][1]})" if code in MEANINGS else ""
    words = str(status.get("ErrorComment", "")) or "it gave no reason"
    key = _keys_by_status().get(f"{code:04X}", "")
    kind = _OWN.get(key) or _KINDS.get(error_row(key).http if key else 400, BadInput)
    raise kind(f"The Task Manager answered {code:04X}{meaning}: {words}", key=key or None)


@cache
def _keys_by_status() -> dict[str, str]:
    """The first row of each DIMSE status; a status means the same wherever it comes from."""
    found: dict[str, str] = {}
    for row in error_rows().values():
        if row.dimse:
            found.setdefault(row.dimse, row.key)
    return found | {"0106": "bad-input", "0112": "gone"}
