"""The five actions of N-ACTION (PS3.4 Tables CC.2.1-1, CC.2.2-1, CC.2.3-1), by their type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from actors.shared.ups_dimse.identifier import matching_keys
from actors.shared.ups_dimse.peers import Peers
from profiles.dicom import JsonDataset, tag_of, text
from profiles.errors import BadInput, NotAuthorised, NotFound
from profiles.ups import State
from profiles.ups.subscriptions import FILTERED_GLOBAL_SUBSCRIPTION
from workitems.model import Channel
from workitems.worklist import Worklist

_LOCKS = {"TRUE": True, "FALSE": False}
_NO_KEYS = (tag_of("ReceivingAE"), tag_of("DeletionLock"))


@dataclass(frozen=True, slots=True)
class Action:
    """One request.

    Attributes:
        kind: Action Type ID.
        uid: Requested SOP Instance UID.
        information: Action Information.
        caller: AE title of who asks.
    """

    kind: int
    uid: str
    information: JsonDataset
    caller: str


def take_action(action: Action, worklist: Worklist, peers: Peers | None) -> str:
    """Do what is asked.

    Args:
        action: the request.
        worklist: the domain.
        peers: who can be told of events; None when nobody can.

    Returns:
        Key of the error table whose warning status goes with the answer; empty for none.

    Raises:
        BadInput: for an unknown type, or an argument that is missing or none.
        StepwellError: as the worklist refuses.
    """
    take = _ACTIONS.get(action.kind)
    if take is None:
        raise BadInput("Actions are of type 1 to 5 (PS3.4 CC.2.1 to CC.2.3).", key="no-such-action")
    return take(action, worklist, peers)


def _change_state(action: Action, worklist: Worklist, _peers: Peers | None) -> str:
    state = text(action.information, "ProcedureStepState")
    if state not in set(State):
        raise BadInput(
            "Procedure Step State is missing or none of the four (PS3.4 Table CC.2.1-1).", key="invalid-argument"
        )
    transaction = text(action.information, "TransactionUID") or None
    return worklist.change_state(action.uid, state, transaction, action.caller).warning


def _request_cancel(action: Action, worklist: Worklist, _peers: Peers | None) -> str:
    return worklist.request_cancel(action.uid, action.information, action.caller).warning


def _subscribe(action: Action, worklist: Worklist, peers: Peers | None) -> str:
    receiver = _receiver(action)
    lock = _LOCKS.get(text(action.information, "DeletionLock"))
    if lock is None:
        raise BadInput("Deletion Lock must be TRUE or FALSE (PS3.4 Table CC.2.3-1).", key="invalid-argument")
    if peers is None:
        raise NotAuthorised("This server sends no event reports over DIMSE.", key="events-not-supported")
    if receiver not in peers:
        raise _unknown(receiver)
    keys = None
    if action.uid == FILTERED_GLOBAL_SUBSCRIPTION:
        keys = matching_keys({tag: one for tag, one in action.information.items() if tag not in _NO_KEYS})
    return worklist.subscriptions.subscribe(
        receiver,
        action.uid,
        Channel.DIMSE,
        locked=lock,
        keys=keys,
        authorised=worklist.policy.may_subscribe(action.caller, receiver),
    )


def _end(action: Action, worklist: Worklist, peers: Peers | None, end: Callable[..., None]) -> str:
    receiver = _receiver(action)
    try:
        end(receiver, action.uid, authorised=worklist.policy.may_subscribe(action.caller, receiver))
    except NotFound as error:
        if error.row_key == "no-such-subscription" and receiver not in (peers or {}):
            raise _unknown(receiver) from error
        raise
    return ""


def _unsubscribe(action: Action, worklist: Worklist, peers: Peers | None) -> str:
    return _end(action, worklist, peers, worklist.subscriptions.unsubscribe)


def _suspend(action: Action, worklist: Worklist, peers: Peers | None) -> str:
    return _end(action, worklist, peers, worklist.subscriptions.suspend)


def _receiver(action: Action) -> str:
    receiver = text(action.information, "ReceivingAE").strip()
    if not receiver:
        raise BadInput("Receiving AE is missing (PS3.4 Table CC.2.3-1).", key="invalid-argument")
    return receiver


def _unknown(receiver: str) -> NotFound:
    return NotFound(
        f"No address is configured for {receiver}; add it to the peers (PS3.4 CC.2.3.3).", key="receiving-ae-unknown"
    )


_ACTIONS: Mapping[int, Callable[[Action, Worklist, Peers | None], str]] = {
    1: _change_state,
    2: _request_cancel,
    3: _subscribe,
    4: _unsubscribe,
    5: _suspend,
}
