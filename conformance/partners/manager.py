"""A worklist manager to be scripted: UPS-RS and notification connections, as a lone client of it needs them.

How a test uses it::

    uid = manager.add(workitem)                        # as if a requester had created it; events go out
    manager.change(uid, put({}, "InputReadinessState", "READY"))    # the manager's own update, with its events
    manager.request_cancel(uid, "RADIOLOGIST")         # somebody asks for cancellation
    manager.lose_race(uid, 409)                        # another performer is faster than the next claim
    manager.fail(Fault(manager.when("state", uid, COMPLETED), lost=True))   # done, and the answer is lost
    manager.fail(Fault(manager.when("create"), warning="The Workitem was created with modifications."))
    manager.down(); manager.up()                       # away, and there again
    manager.hold(); manager.release()                  # answers wait
    for socket in manager.open_sockets("WATCHER"): socket.send("any frame"); socket.close(); manager.drop(socket)

    manager.of("state", uid, COMPLETED)                # requests of a kind, with what was answered, in order
    manager.item(uid).state, .content                  # what has become of a workitem
    manager.subscriptions, manager.sockets             # who is subscribed to what, and every connection so far
    manager.proof(trial, *exchanges)                   # ids of the evidence

Kinds of requests: create, search, retrieve, update, state, cancelrequest, subscribe, unsubscribe, suspend, channel
(the opening of a notification connection), options, other. Workitems, records and faults are those of the trial that is
on; subscriptions and connections outlive it, as they do at a real manager. It judges nothing, and is lenient: what a
workitem needs to be created or completed is the test's business. Clients may speak JSON or XML.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from itertools import count

from conformance.harness.trial import Trial
from conformance.partners.attributes import Attributes, code, matches, put, tag_of, text
from conformance.partners.objects import new_uid
from conformance.partners.reports import Kind
from conformance.partners.serving import Receive, Send
from conformance.partners.simulating import Exchange, Fault, Reply, Request, Simulator
from conformance.partners.sockets import Frame, Socket
from conformance.partners.steps import (
    CANCELED,
    COMPLETED,
    FINAL,
    IN_PROGRESS,
    SCHEDULED,
    Item,
    created,
    events,
    frame,
    state_report,
)
from conformance.partners.ups_requests import (
    FILTERED,
    GLOBAL,
    NO_KEYS,
    Subscription,
    filter_of,
    kind_of,
    number_of,
    reason_of,
    returned,
)
from conformance.partners.xml_model import as_xml, wants_xml

_STANDING = ("subscribe", "unsubscribe", "suspend", "channel")
_MOST_STANDING, _MOST_CLAIMS = 1_000, 10_000
_MOST_SOCKETS, _PAGE = 200, 100


class Manager(Simulator):
    """The worklist manager.

    Args:
        host: interface.
        port: TCP port.
        base: path under which its resources lie.

    Attributes:
        abbreviates: whether searches are answered with no more than what every manager returns.
        takes_subscriptions: whether it does; otherwise they are refused with 403.
        sockets: every notification connection so far.
        standing: requests about subscriptions and connections, of this trial and those before.
        claims: Transaction UID and workitem of every claim, of this trial and those before.
    """

    def __init__(self, host: str, port: int, base: str = "/ups-rs") -> None:
        self.abbreviates, self.takes_subscriptions = False, True
        self.sockets: list[Socket] = []
        self.standing: list[Exchange] = []
        self.claims: list[tuple[str, str]] = []
        self._items: dict[str, Item] = {}
        self._subscriptions: list[Subscription] = []
        self._messages = count(1)
        self._answers: dict[str, Callable[[Request, str, str], Reply]] = {
            "create": self._create,
            "search": self._search,
            "retrieve": self._retrieve,
            "update": self._update,
            "state": self._change_state,
            "cancelrequest": self._cancel_request,
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "suspend": self._suspend,
            "channel": lambda _request, _uid, _ae: Reply(101),
            "options": lambda _request, _uid, _ae: Reply.json({}),
            "other": lambda _request, _uid, _ae: Reply(404),
        }
        super().__init__(host, port, base)

    def begin(self, trial: Trial) -> None:
        """The worklist is empty but for what is still being performed."""
        with self.lock:
            self.abbreviates, self.takes_subscriptions = False, True
            self._items = {uid: item for uid, item in self._items.items() if item.state == IN_PROGRESS}
        super().begin(trial)

    def end(self) -> None:
        """What nobody has claimed is taken back."""
        super().end()
        with self.lock:
            self._items = {uid: item for uid, item in self._items.items() if item.state != SCHEDULED}

    # -- scripting ---------------------------------------------------------------------------------------------------

    def add(self, workitem: Attributes, uid: str = "", *, told: bool = True) -> str:
        """Put a workitem on the worklist.

        Args:
            workitem: dataset as for N-CREATE.
            uid: of the workitem; a new one unless given.
            told: whether subscribers hear of it.

        Returns:
            Its UID.
        """
        item = created(uid or new_uid(), workitem)
        with self.lock:
            self._items[item.uid] = item
            if told:
                self._tell_of(item, {})
        return item.uid

    def change(self, uid: str, changes: Attributes) -> None:
        """Change attributes as the manager itself may, state and assignment included; subscribers hear of it."""
        with self.lock:
            item = self._items[uid]
            before = copy.deepcopy(item.content)
            item.content.update(changes)
            self._tell_of(item, before)

    def take(self, uid: str) -> None:
        """Another performer claims a workitem."""
        with self.lock:
            self._items[uid].owner = self._secret(new_uid())
            self.change(uid, put({}, "ProcedureStepState", IN_PROGRESS))

    def lose_race(self, uid: str, status: int = 409) -> Fault:
        """Another performer is faster than the next claim of a workitem, which is refused."""
        words = "The submitted request is inconsistent with the state of the UPS Instance."
        when = self.when("state", uid, IN_PROGRESS)
        return self.fail(Fault(when, status=status, warning=words, then=lambda: self.take(uid)))

    def remove(self, *uids: str) -> None:
        """Forget workitems: they are answered 404."""
        with self.lock:
            for uid in uids:
                self._items.pop(uid, None)

    def request_cancel(self, uid: str, requester: str, reason: str = "No longer needed.") -> bool:
        """Somebody asks that a workitem be canceled; whether anybody could be told."""
        details = put(put({}, "RequestingAE", requester), "ReasonForCancellation", reason)
        put(details, "ProcedureStepDiscontinuationReasonCodeSequence", code("110513", "DCM", "Discontinued"))
        with self.lock:
            return self.tell(self._items[uid], Kind.CANCEL_REQUESTED, dict(sorted(details.items()))) > 0

    def tell(self, item: Item, kind: int, information: Attributes) -> int:
        """Send an event of a workitem to everybody who is subscribed to it; over how many connections."""
        with self.lock:
            listening = {one.ae_title for one in self._subscriptions if one.covers(item)}
            content = json.dumps(frame(kind, item.uid, information, next(self._messages)))
            found = [socket for socket in self.sockets if socket.open and socket.ae_title in listening]
            for socket in found:
                self.send(socket, content)
            return len(found)

    def send(self, socket: Socket, content: Frame) -> None:
        """Send a frame, whatever it is, as evidence of the trial that is on."""
        if self._trial is not None:
            self._trial.keep("websocket", f"→ frame to {socket.ae_title}", content, "json")
        socket.send(content)

    def drop(self, socket: Socket) -> None:
        """Break a notification connection as a network does."""
        self.soon(lambda: self.cut(socket.exchange.request))

    # -- seeing ------------------------------------------------------------------------------------------------------

    def item(self, uid: str) -> Item:
        """A workitem as it is now.

        Raises:
            KeyError: when there is none.
        """
        with self.lock:
            return copy.deepcopy(self._items[uid])

    @property
    def states(self) -> dict[str, str]:
        """Procedure Step State of every workitem by its UID."""
        with self.lock:
            return {uid: item.state for uid, item in self._items.items()}

    @property
    def items(self) -> list[Item]:
        """Every workitem as it is now."""
        with self.lock:
            return copy.deepcopy(list(self._items.values()))

    @property
    def subscriptions(self) -> list[Subscription]:
        """Who is subscribed to what."""
        with self.lock:
            return list(self._subscriptions)

    def open_sockets(self, ae_title: str = "") -> list[Socket]:
        """The notification connections that are open, of one AE title or of all."""
        with self.lock:
            return [one for one in self.sockets if one.open and ae_title in {"", one.ae_title}]

    def when(self, kind: str, uid: str = "", state: str = "") -> Callable[[Request], bool]:
        """Whether a request is of a kind, about a workitem, and for a state; each unless empty."""

        def is_meant(request: Request) -> bool:
            name, about, _ = kind_of(request)
            wanted = text(request.dataset, "ProcedureStepState")
            return name == kind and uid in {"", about} and state in {"", wanted}

        return is_meant

    def of(self, kind: str, uid: str = "", state: str = "") -> list[Exchange]:
        """What came of a kind in this trial, about a workitem, and for a state; each unless empty."""
        is_meant = self.when(kind, uid, state)
        return [one for one in self.exchanges if is_meant(one.request)]

    # -- answering ---------------------------------------------------------------------------------------------------

    def update_as(self, uid: str, changes: Attributes, transaction_uid: str) -> Reply:
        """Update a workitem for a client, over whatever transport it came."""
        return self._changed(uid, lambda item: item.update(changes, transaction_uid))

    def change_state_as(self, uid: str, wanted: str, transaction_uid: str) -> Reply:
        """Change the state of a workitem for a client, over whatever transport it came."""
        return self._changed(uid, lambda item: item.change_state(wanted, transaction_uid))

    def answer(self, request: Request) -> Reply:
        """By the rules of PS3.18 chapter 11, as far as a partner of one system needs them."""
        name, uid, ae_title = kind_of(request)
        if name in {"retrieve", "update", "state", "cancelrequest"} and uid not in self._items:
            return Reply.warning(404, "")
        reply = self._answers[name](request, uid, ae_title)
        if reply.body and wants_xml(request.headers.get("accept", "")):
            body, kind = as_xml(reply.body, many=name == "search")
            return replace(reply, body=body, headers={**reply.headers, "content-type": kind})
        return reply

    def record(self, exchange: Exchange) -> None:
        """Secrets are known as such before anything is kept."""
        request = exchange.request
        for secret in (request.parameter("transaction-uid", "transaction"), text(request.dataset, "TransactionUID")):
            self._secret(secret)
        kind, uid, _ = kind_of(request)
        if kind in _STANDING and len(self.standing) < _MOST_STANDING:
            self.standing.append(exchange)
        if self.when("state", state=IN_PROGRESS)(request) and len(self.claims) < _MOST_CLAIMS:
            self.claims.append((text(request.dataset, "TransactionUID"), uid))
        super().record(exchange)

    async def connected(self, request: Request, receive: Receive, send: Send) -> None:
        """Open a notification connection, and carry its frames."""
        await receive()
        _, reply = self.decided(request)
        if reply.status != 101 or len(self.open_sockets()) >= _MOST_SOCKETS:  # noqa: PLR2004 - switching protocols
            await send({"type": "websocket.close", "code": 1008})
            return
        await send({"type": "websocket.accept"})
        socket = Socket(kind_of(request)[2], Exchange(request, reply, request.at), self.soon)
        with self.lock:
            self.sockets.append(socket)
        await socket.carry(receive, send)

    def _create(self, request: Request, _uid: str, _ae: str) -> Reply:
        dataset = request.dataset
        named = request.parameter("workitem", "AffectedSOPInstanceUID", "")
        uid = named or text(dataset, "SOPInstanceUID") or new_uid()
        if not dataset or uid in self._items:
            return Reply(409 if dataset else 400)
        self.add(dataset, uid)
        return Reply(201, headers={"location": f"{self.url}/workitems/{uid}"})

    def _search(self, request: Request, _uid: str, _ae: str) -> Reply:
        keys = [(name, value) for name, value in request.parameters if name.lower() not in NO_KEYS]
        found = [item for item in self._items.values() if matches(item.content, keys)]
        offset, limit = (
            number_of(request.parameter(name), default) for name, default in (("offset", 0), ("limit", _PAGE))
        )
        page = found[offset : offset + min(limit, _PAGE)]
        if not page:
            return Reply(204)
        wanted = returned() | {tag_of(name.partition(".")[0]) for name, _ in keys}
        shown = [
            {tag: value for tag, value in item.content.items() if tag in wanted} if self.abbreviates else item.content
            for item in page
        ]
        left = len(found) - offset - len(page)
        words = f"There are {left} additional results that can be requested" if left else ""
        reply = Reply.json(shown, headers=Reply.warning(200, words).headers)
        return replace(reply, about=tuple(item.uid for item in page))

    def _retrieve(self, _request: Request, uid: str, _ae: str) -> Reply:
        return Reply.json([self._items[uid].content])

    def _update(self, request: Request, uid: str, _ae: str) -> Reply:
        changes = request.dataset
        named = request.parameter("transaction-uid", "transaction", "") or text(changes, "TransactionUID")
        return self.update_as(uid, changes, named) if changes else Reply(400)

    def _change_state(self, request: Request, uid: str, _ae: str) -> Reply:
        wanted, lock = text(request.dataset, "ProcedureStepState"), text(request.dataset, "TransactionUID")
        return self.change_state_as(uid, wanted, lock)

    def _changed(self, uid: str, act: Callable[[Item], Reply]) -> Reply:
        with self.lock:
            item = self._items[uid]
            before = copy.deepcopy(item.content)
            reply = act(item)
            self._tell_of(item, before)
            return reply

    def _cancel_request(self, request: Request, uid: str, _ae: str) -> Reply:
        item = self._items[uid]
        if item.state == SCHEDULED:
            self.change(uid, put({}, "ProcedureStepState", IN_PROGRESS))
            self.change(uid, put(reason_of(request.dataset), "ProcedureStepState", CANCELED))
            return Reply(202)
        if item.state in FINAL:
            words = f"The UPS is already {'' if item.state == COMPLETED else 'in the requested state of '}{item.state}."
            return Reply.warning(409 if item.state == COMPLETED else 202, words)
        details = put(dict(request.dataset), "RequestingAE", request.parameter("requester") or "UNKNOWN")
        heard = self.tell(item, Kind.CANCEL_REQUESTED, dict(sorted(details.items())))
        return Reply(202) if heard else Reply.warning(409, "The performer cannot be contacted.")

    def _subscribe(self, request: Request, uid: str, ae_title: str) -> Reply:
        if not self.takes_subscriptions:
            return Reply.warning(403, "Filtered Worklist Subscriptions are not supported." if uid == FILTERED else "")
        if uid not in {GLOBAL, FILTERED, *self._items}:
            return Reply(404)
        locked = request.parameter("deletionlock").lower() == "true"
        asked = Subscription(ae_title, uid, locked, filter_of(request) if uid == FILTERED else (), request)
        same = (asked.ae_title, asked.target, asked.keys)
        self._subscriptions = [one for one in self._subscriptions if (one.ae_title, one.target, one.keys) != same]
        self._subscriptions.append(asked)
        told = self._items.values() if uid == GLOBAL and locked else [self._items[uid]] if uid in self._items else []
        for item in told:
            content = json.dumps(frame(Kind.STATE, item.uid, state_report(item.content), next(self._messages)))
            for socket in self.open_sockets(ae_title):
                self.send(socket, content)
        channel = f"{self.url.replace('http', 'ws', 1)}/subscribers/{ae_title}"
        return Reply(201, headers={"content-location": channel})

    def _unsubscribe(self, _request: Request, uid: str, ae_title: str) -> Reply:
        kept = [one for one in self._subscriptions if one.ae_title != ae_title or uid not in {GLOBAL, one.target}]
        found = len(kept) < len(self._subscriptions)
        self._subscriptions = kept
        return Reply(200 if found else 404)

    def _suspend(self, _request: Request, uid: str, ae_title: str) -> Reply:
        found = [one for one in self._subscriptions if one.ae_title == ae_title and one.target == uid]
        self._subscriptions = [one for one in self._subscriptions if one not in found]
        return Reply(200 if found else 404)

    def _tell_of(self, item: Item, before: Attributes) -> None:
        for kind, information in events(before, item.content):
            self.tell(item, kind, information)

    def _secret(self, transaction_uid: str) -> str:
        if transaction_uid and self._trial is not None:
            self._trial.secret(transaction_uid)
        return transaction_uid
