"""The transactions of UPS-RS (PS3.18 chapter 11). They translate; the worklist decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

from starlette.requests import Request

from actors.shared.access import AccessLog
from actors.shared.caller import Caller
from actors.shared.ups_face import conveyance as wire
from actors.shared.ups_face.answers import Answer, done, workitems
from actors.shared.ups_face.capabilities import capabilities
from actors.shared.ups_face.dialects import Dialect, DialectLog
from actors.shared.ups_face.media import negotiate, require_charset
from actors.shared.ups_face.payload import read_dataset
from actors.shared.ups_face.queries import read_filter, read_query
from profiles.dicom import JsonDataset, text
from profiles.ups.subscriptions import FILTERED_GLOBAL_SUBSCRIPTION
from workitems.model import Channel
from workitems.worklist import Worklist

OPERATOR = "operator"
#: SOP class that a search is audited as: Unified Procedure Step - Query (PS3.15 A.5.3.10, PS3.4 Table CC.3-1).
UPS_QUERY = "1.2.840.10008.5.1.4.34.6.5"


@dataclass
class Ask:
    """A request as the handlers see it.

    Attributes:
        request: as it came.
        service: base URI of the service.
        path: what the variables of the path's template stand for.
        body: the payload.
        dialects: told of the dialects of this peer.
    """

    request: Request
    service: str
    path: Mapping[str, str]
    body: bytes
    dialects: DialectLog

    @cached_property
    def pairs(self) -> wire.Pairs:
        """The parameters of the query."""
        return wire.query_pairs(self.request.scope["query_string"])

    @property
    def uid(self) -> str:
        """The UID in the path."""
        return wire.workitem_uid(self.path["uid"])

    def noted(self, dialect: Dialect) -> None:
        """The peer spoke a dialect."""
        self.dialects.note(self.address, dialect)

    def form(self) -> str:
        """The form of the answer that the caller wants."""
        header = self.request.headers.get
        require_charset(header("accept-charset"), wire.single(self.pairs, "charset"))
        return negotiate(header("accept"), wire.single(self.pairs, "accept"))

    def dataset(self) -> JsonDataset:
        """The payload."""
        header = self.request.headers.get
        return read_dataset(self.body, header("content-type"), self.noted, encoding=header("content-encoding", ""))

    @property
    def address(self) -> str:
        """Of the caller."""
        return self.request.client.host if self.request.client else ""

    def requester(self) -> str:
        """AE title of the caller, as far as it told."""
        return wire.requester(self.pairs, self.path.get("requester", ""), self.noted)


class Handlers:
    """The transactions on one worklist.

    Args:
        worklist: the domain.
        caller_of: who makes a request.
        access: told who searched and read.
    """

    def __init__(self, worklist: Worklist, caller_of: Callable[[Request], Caller], access: AccessLog) -> None:
        self._worklist, self._caller_of, self._access = worklist, caller_of, access
        self.dialects = DialectLog()

    def create(self, ask: Ask) -> Answer:
        """Create (11.4, RAD-80)."""
        outcome = self._worklist.create(ask.dataset(), wire.created_uid(ask.pairs, ask.noted))
        return done(201, outcome.warning, ("Location", f"{ask.service}/workitems/{outcome.uid}"))

    def retrieve(self, ask: Ask) -> Answer:
        """Retrieve (11.5, RAD-83)."""
        form = ask.form()
        found = self._worklist.retrieve(ask.uid)
        self._access.tell_of_workitem(ask.address, ask.uid, found)
        return workitems([found], form)

    def search(self, ask: Ask) -> Answer:
        """Search (11.9, RAD-81)."""
        form = ask.form()
        query = read_query(ask.pairs, ask.noted)
        page = self._worklist.search(query.keys, query.limit, query.offset, fuzzy=query.fuzzy)
        asked = ask.request.scope["query_string"].decode("ascii", "replace")
        self._access.tell("searched", ask.address, target=UPS_QUERY, query=asked or "*", repeats=True)
        warnings = query.warnings
        if page.remaining:
            warnings = (f"There are {page.remaining} additional results that can be requested", *warnings)
        if not page.workitems:
            return Answer(204, warnings=warnings)
        return workitems([query.returned(one) for one in page.workitems], form, warnings)

    def update(self, ask: Ask) -> Answer:
        """Update (11.6, RAD-84)."""
        changes = ask.dataset()
        transaction = wire.transaction_uid(ask.pairs, changes, ask.noted)
        return done(200, self._worklist.update(ask.uid, changes, transaction).warning)

    def change_state(self, ask: Ask) -> Answer:
        """Change State (11.7, RAD-82 and RAD-85)."""
        wanted = ask.dataset()
        state, transaction = text(wanted, "ProcedureStepState"), text(wanted, "TransactionUID") or None
        return done(200, self._worklist.change_state(ask.uid, state, transaction, ask.requester()).warning)

    def request_cancel(self, ask: Ask) -> Answer:
        """Request Cancellation (11.8, RAD-88)."""
        details = ask.dataset() if ask.body else {}
        return done(202, self._worklist.request_cancel(ask.uid, details, ask.requester()).warning)

    def subscribe(self, ask: Ask) -> Answer:
        """Subscribe (11.10, RAD-86). The answer names the notification connection in both of the headers peers read."""
        receiver = ask.path["aetitle"]
        keys: Mapping[str, str] | None = None
        ignored: list[str] = []
        if ask.uid == FILTERED_GLOBAL_SUBSCRIPTION:
            keys, ignored = read_filter(ask.pairs, ask.request.scope["query_string"], ask.noted)
        warning = self._worklist.subscriptions.subscribe(
            receiver,
            ask.uid,
            Channel.WEBSOCKET,
            locked=wire.flag(ask.pairs, "deletionlock"),
            keys=keys,
            authorised=self._may_subscribe(ask, receiver),
        )
        url = f"ws{ask.service.removeprefix('http')}/subscribers/{quote(receiver.strip())}"
        return done(201, warning, ("Content-Location", url), ("Location", url), ignored=ignored)

    def unsubscribe(self, ask: Ask) -> Answer:
        """Unsubscribe (11.11, RAD-86)."""
        receiver = ask.path["aetitle"]
        allowed = self._may_subscribe(ask, receiver)
        self._worklist.subscriptions.unsubscribe(receiver, ask.uid, authorised=allowed)
        return done(200)

    def suspend(self, ask: Ask) -> Answer:
        """Suspend Global Subscription (11.12, RAD-86)."""
        receiver = ask.path["aetitle"]
        self._worklist.subscriptions.suspend(receiver, ask.uid, authorised=self._may_subscribe(ask, receiver))
        return done(200)

    def capabilities(self, ask: Ask) -> Answer:
        """Retrieve Capabilities (8.9)."""
        header = ask.request.headers.get
        return capabilities(
            ask.service, self.dialects.seen(), accept=header("accept"), known=header("if-none-match", "")
        )

    def _may_subscribe(self, ask: Ask, receiver: str) -> bool:
        """Whether the caller may subscribe an AE; most may subscribe none but themselves (PS3.4 CC.2.3.3)."""
        caller = self._caller_of(ask.request)
        return OPERATOR in caller.roles or self._worklist.policy.may_subscribe(caller.name, receiver.strip())
