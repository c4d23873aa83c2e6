"""The handlers of the UPS DIMSE face (PS3.4 Annex CC). They translate; the worklist decides."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import evt
from pynetdicom.dsutils import encode

from actors.shared.access import UNTOLD, AccessLog
from actors.shared.logs import get_logger
from actors.shared.ups_dimse.actions import Action, take_action
from actors.shared.ups_dimse.availability import AVAILABILITY, noting_availability
from actors.shared.ups_dimse.dataset import parse, to_dataset
from actors.shared.ups_dimse.identifier import Query, project, read_identifier, select
from actors.shared.ups_dimse.peers import Peers
from actors.shared.ups_dimse.statuses import (
    CANCEL,
    PENDING,
    PENDING_WITH_UNSUPPORTED_KEYS,
    SUCCESS,
    Service,
    done,
    failure,
    refused,
)
from actors.shared.ups_dimse.strangers import answering_strangers
from profiles.dicom import JsonDataset, text
from profiles.errors import BadInput, StepwellError, error_row
from workitems.worklist import UPS_PUSH, Worklist

#: UPS Push, Watch, Pull, Event and Query (PS3.4 CC.3.1).
UPS_CLASSES = tuple(f"1.2.840.10008.5.1.4.34.6.{number}" for number in range(1, 6))
_FOUND_IN = (UPS_CLASSES[1], UPS_CLASSES[2], UPS_CLASSES[4])
_PAGE = 1000
_MOST_UNSENT = 16
_PAUSE_SECONDS = 0.002
Refused = Callable[[str, str, str, StepwellError], None]
"""Told of service, workitem UID, address of the caller, and why."""
_log = get_logger(__name__)


class UpsScp:
    """The handlers over one worklist.

    Args:
        worklist: the domain.
        peers: who can be told of events; None when nobody can.
        refused: told of every refusal, to log and audit it.
        taken: told of every request that may change something, before anything is done about it.
        notified: told of every Instance Availability Notification; None when none are taken.
        access: told who searched and read.

    Attributes:
        classes: the SOP classes that are served.
    """

    def __init__(
        self,
        worklist: Worklist,
        peers: Peers | None,
        refused: Refused,
        taken: Callable[[Service], None],
        notified: Callable[[], None] | None = None,
        access: AccessLog = UNTOLD,
    ) -> None:
        self._worklist, self._peers, self._access = worklist, peers, access
        self._refused, self._taken, self._notified = refused, taken, notified
        self.classes = UPS_CLASSES if notified is None else (*UPS_CLASSES, AVAILABILITY)

    def handlers(self) -> list[tuple[Any, Any]]:
        """What pynetdicom is to call for which event."""
        create = self._guarded(Service.CREATE, self._create)
        return [
            answering_strangers(self.classes, self._refused),
            (evt.EVT_C_ECHO, lambda _event: SUCCESS),
            (evt.EVT_N_CREATE, noting_availability(create, self._notified) if self._notified else create),
            (evt.EVT_N_GET, self._guarded(Service.GET, self._get)),
            (evt.EVT_N_SET, self._guarded(Service.SET, self._set)),
            (evt.EVT_N_ACTION, self._guarded(Service.ACTION, self._action)),
            (evt.EVT_C_FIND, self._find),
        ]

    def _guarded(
        self, service: Service, handle: Callable[[Any], tuple[Dataset, Dataset | None]]
    ) -> Callable[[Any], tuple[Dataset, Dataset | None]]:
        def answer(event: Any) -> tuple[Dataset, Dataset | None]:
            try:
                _require_ups_push(event)
                if service is not Service.GET:
                    self._taken(service)
                return handle(event)
            except Exception as error:
                return self._failed(event, service, error), None

        return answer

    def _failed(self, event: Any, service: Service, error: Exception) -> Dataset:
        if isinstance(error, StepwellError):
            self._refused(service, _instance(event), event.assoc.requestor.address, error)
            return refused(error, service, _instance(event))
        # its words may hold what the caller sent
        _log.error("request-failed", service=str(service), workitem=_instance(event), reason=type(error).__name__)
        return failure(error_row("internal").dimse, "the request failed; the server's log says where")

    def _create(self, event: Any) -> tuple[Dataset, Dataset | None]:
        content = _read(event, event.request.AttributeList)
        asked = event.request.AffectedSOPInstanceUID
        outcome = self._worklist.create(content, str(asked) if asked else None)
        status = done(outcome.warning)
        if asked:
            return status, None
        named = Dataset()
        status.AffectedSOPInstanceUID = named.AffectedSOPInstanceUID = outcome.uid
        return status, None if outcome.warning else named

    def _get(self, event: Any) -> tuple[Dataset, Dataset | None]:
        content = self._worklist.retrieve(_instance(event))
        self._access.tell_of_workitem(event.assoc.requestor.address, _instance(event), content)
        found, lacking = select(content, [int(tag) for tag in event.attribute_identifiers])
        return done("attributes-unsupported" if lacking else ""), _encodable(event, found)

    def _set(self, event: Any) -> tuple[Dataset, Dataset | None]:
        changes = _read(event, event.request.ModificationList)
        transaction = text(changes, "TransactionUID") or None
        outcome = self._worklist.update(_instance(event), changes, transaction)
        return done(outcome.warning), None

    def _action(self, event: Any) -> tuple[Dataset, Dataset | None]:
        information = _read(event, event.request.ActionInformation)
        action = Action(event.request.ActionTypeID, _instance(event), information, _caller(event))
        return done(take_action(action, self._worklist, self._peers)), None

    def _find(self, event: Any) -> Iterator[tuple[Any, Dataset | None]]:
        try:
            _require_find_class(event.request.AffectedSOPClassUID)
            query = read_identifier(_read(event, event.request.Identifier))
            asked, model = urlencode(query.keys) or "*", str(event.request.AffectedSOPClassUID)
            self._access.tell("searched", event.assoc.requestor.address, target=model, query=asked, repeats=True)
            yield from self._matches(event, query)
        except Exception as error:
            yield self._failed(event, Service.FIND, error), None

    def _matches(self, event: Any, query: Query) -> Iterator[tuple[int, Dataset | None]]:
        """The answers to a query; nothing at all matches an identifier without keys (PS3.4 CC.2.8.3.1)."""
        status = PENDING_WITH_UNSUPPORTED_KEYS if query.unsupported else PENDING
        for content in self._found(query) if query.wanted or query.keys else ():
            if event.is_cancelled:
                yield CANCEL, None
                return
            yield status, _encodable(event, project(content, query.wanted))
            _let_the_peer_keep_up(event.assoc)

    def _found(self, query: Query) -> Iterator[JsonDataset]:
        """The workitems that match, read page by page, so that a slow peer holds no connection to the store."""
        offset, more = 0, True
        while more:
            page = self._worklist.search(query.keys, _PAGE, offset)
            yield from page.workitems
            offset += len(page.workitems)
            more = bool(page.remaining and page.workitems)


def _require_ups_push(event: Any) -> None:
    """See that the request names the class of every UPS instance, whatever its context is of (PS3.4 CC.3.1).

    Raises:
        BadInput: when it names another.
    """
    request = event.request
    named = getattr(request, "RequestedSOPClassUID", None) or getattr(request, "AffectedSOPClassUID", None)
    if named == UPS_PUSH:
        return
    raise BadInput(f"Name UPS Push {UPS_PUSH} as SOP class (PS3.4 CC.3.1).", key="class-instance-conflict")


def _require_find_class(named: Any) -> None:
    if named not in _FOUND_IN:
        raise BadInput("C-FIND is of UPS Pull, Watch and Query (PS3.4 CC.2.8).", key="class-not-supported")


def _instance(event: Any) -> str:
    request = event.request
    named = getattr(request, "RequestedSOPInstanceUID", None) or getattr(request, "AffectedSOPInstanceUID", None)
    return str(named or "")


def _caller(event: Any) -> str:
    return str(event.assoc.requestor.ae_title).strip()


def _is_implicit(event: Any) -> bool:
    return bool(event.context.transfer_syntax == ImplicitVRLittleEndian)


def _read(event: Any, encoded: Any) -> JsonDataset:
    return parse(encoded, implicit=_is_implicit(event))


def _encodable(event: Any, content: JsonDataset) -> Dataset:
    """The dataset of an answer; an attribute that DICOM cannot encode costs itself only, not the answer."""
    left_out: list[str] = []
    dataset = to_dataset(content, told=left_out.append)
    if encode(dataset, _is_implicit(event), True) is None:
        for tag in list(content):
            if encode(to_dataset({tag: content[tag]}), _is_implicit(event), True) is None:
                del dataset[int(tag, 16)]
                left_out.append(tag)
    if left_out:
        _log.warning("attributes-not-encodable", tags=",".join(left_out))
    return dataset


def _let_the_peer_keep_up(association: Any) -> None:
    """Wait while answers pile up unsent: for the peer, which may cancel, and for our memory."""
    while association.dul.to_provider_queue.qsize() > _MOST_UNSENT and association.is_established:
        time.sleep(_PAUSE_SECONDS)
