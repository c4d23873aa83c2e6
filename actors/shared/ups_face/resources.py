"""The resources of UPS-RS and the transactions on each (PS3.18 Table 11.3-1 and Table H-1), in one table."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Transaction:
    """One row of Table 11.3-1.

    Attributes:
        name: as the standard has it.
        handler: who does it.
        section: of PS3.18.
        success: status of success.
        payload: whether the request has one: ``required``, ``optional`` or nothing.
        parameters: of the query.
        refusals: statuses besides 400 that mean a refusal.
        answers: whether a success has a payload.
    """

    name: str
    handler: str
    section: str
    success: int = 200
    payload: str = ""
    parameters: tuple[str, ...] = ()
    refusals: tuple[int, ...] = ()
    answers: bool = False


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource and what may be done to it.

    Attributes:
        template: of its path, below the service.
        transactions: by method.
        dialect: whether the template is one of older peers only.
    """

    template: str
    transactions: dict[str, Transaction] = field(default_factory=dict)
    dialect: bool = False

    @property
    def allowed(self) -> str:
        """What the Allow header says (RFC 9110 10.2.1)."""
        methods = [*self.transactions, *(["HEAD"] if "GET" in self.transactions else [])]
        return ", ".join(methods)


_SEARCH_PARAMETERS = (
    "includefield",
    "fuzzymatching",
    "emptyvaluematching",
    "multiplevaluematching",
    "offset",
    "limit",
    "accept",
    "charset",
)
_CHANGES = (404, 409, 410, 413, 415)
CREATE = Transaction("Create", "create", "11.4", 201, "required", ("workitem",), (409, 413, 415))
SEARCH = Transaction("Search", "search", "11.9", 200, "", _SEARCH_PARAMETERS, (406,), answers=True)
RETRIEVE = Transaction("Retrieve", "retrieve", "11.5", 200, "", ("accept", "charset"), (404, 406, 410), answers=True)
UPDATE = Transaction("Update", "update", "11.6", 200, "required", ("Transaction-uid",), _CHANGES)
CHANGE_STATE = Transaction("Change State", "change_state", "11.7", 200, "required", ("requester",), _CHANGES)
REQUEST_CANCEL = Transaction(
    "Request Cancellation", "request_cancel", "11.8", 202, "optional", ("requester",), _CHANGES
)
SUBSCRIBE = Transaction("Subscribe", "subscribe", "11.10", 201, "", ("deletionlock", "filter"), (403, 404))
UNSUBSCRIBE = Transaction("Unsubscribe", "unsubscribe", "11.11", refusals=(403, 404))
SUSPEND = Transaction("Suspend Global Subscription", "suspend", "11.12", refusals=(403, 404))
CAPABILITIES = Transaction("Retrieve Capabilities", "capabilities", "8.9", refusals=(406,), answers=True)

RESOURCES = (
    Resource("/workitems", {"GET": SEARCH, "POST": CREATE}),
    Resource("/workitems/{uid}", {"GET": RETRIEVE, "POST": UPDATE}),
    Resource("/workitems/{uid}/state", {"PUT": CHANGE_STATE}),
    Resource("/workitems/{uid}/state/{requester}", {"PUT": CHANGE_STATE}, dialect=True),
    Resource("/workitems/{uid}/cancelrequest", {"POST": REQUEST_CANCEL}),
    Resource("/workitems/{uid}/cancelrequest/{requester}", {"POST": REQUEST_CANCEL}, dialect=True),
    Resource("/workitems/{uid}/subscribers/{aetitle}", {"POST": SUBSCRIBE, "DELETE": UNSUBSCRIBE}),
    Resource("/workitems/{uid}/subscribers/{aetitle}/suspend", {"POST": SUSPEND}),
    Resource("/", {"OPTIONS": CAPABILITIES}),
)
_BY_LENGTH: dict[int, list[tuple[Resource, tuple[str, ...]]]] = {}
for _one in RESOURCES:
    _parts = tuple(_one.template.strip("/").split("/"))
    _BY_LENGTH.setdefault(len(_parts), []).append((_one, _parts))


def find_resource(path: str) -> tuple[Resource, dict[str, str]] | None:
    """The resource of a path below the service, and what its template's variables stand for; None for no resource."""
    parts = path.strip("/").split("/")
    for resource, template in _BY_LENGTH.get(len(parts), ()):
        variables = {}
        for given, wanted in zip(parts, template, strict=True):
            if wanted.startswith("{") and given:
                variables[wanted[1:-1]] = given
            elif given != wanted:
                break
        else:
            return resource, variables
    return None
