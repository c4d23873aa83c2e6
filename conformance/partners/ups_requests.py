"""What kind of request a worklist manager is asked, and what it says (PS3.18 chapter 11)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from conformance.partners.attributes import Attributes, matches, put, tag_of, values
from conformance.partners.simulating import Exchange, Request
from conformance.partners.steps import Item
from profiles.tables import read_table

GLOBAL, FILTERED = "1.2.840.10008.5.1.4.34.5", "1.2.840.10008.5.1.4.34.5.1"
_UID, _AE = r"(?P<uid>[^/]+)", r"(?P<ae>[^/]+)"
_ROUTES = tuple(
    (name, method, re.compile(pattern + "/?"))
    for name, method, pattern in (
        ("create", "POST", "/workitems"),
        ("search", "GET", "/workitems"),
        ("retrieve", "GET", f"/workitems/{_UID}"),
        ("update", "POST", f"/workitems/{_UID}"),
        ("state", "PUT", f"/workitems/{_UID}/state(?:/[^/]+)?"),
        ("cancelrequest", "POST", f"/workitems/{_UID}/cancelrequest(?:/[^/]+)?"),
        ("subscribe", "POST", f"/workitems/{_UID}/subscribers/{_AE}"),
        ("unsubscribe", "DELETE", f"/workitems/{_UID}/subscribers/{_AE}"),
        ("suspend", "POST", f"/workitems/{_UID}/subscribers/{_AE}/suspend"),
        ("channel", "WEBSOCKET", f"(?:/.*)?/{_AE}"),
        ("options", "OPTIONS", "/?"),
    )
)
NO_KEYS = {"includefield", "limit", "offset", "fuzzymatching", "emptyvaluematching", "multiplevaluematching", ""}


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who wants to hear of what.

    Attributes:
        ae_title: who is told.
        target: UID of a workitem, or of a global subscription.
        locked: with a deletion lock.
        keys: of a filtered global subscription.
        exchange: how it was asked for.
    """

    ae_title: str
    target: str
    locked: bool
    keys: tuple[tuple[str, str], ...]
    exchange: Request

    def covers(self, item: Item) -> bool:
        """Whether it is about a workitem."""
        return self.target in {item.uid, GLOBAL} or (self.target == FILTERED and matches(item.content, self.keys))


def kind_of(request: Request) -> tuple[str, str, str]:
    """Kind of a request, UID of its workitem, AE title of its subscriber; empty where there is none."""
    for name, method, pattern in _ROUTES:
        found = pattern.fullmatch(request.path) if request.method == method else None
        if found:
            parts = found.groupdict()
            return name, parts.get("uid", ""), parts.get("ae", "")
    return "other", "", ""


def found_in(exchange: Exchange) -> list[str]:
    """UIDs of the workitems that a search was answered with."""
    return list(exchange.reply.about)


def filter_of(request: Request) -> tuple[tuple[str, str], ...]:
    """Keys of a filtered subscription: as one parameter ``filter``, or as parameters of their own."""
    listed = [one.partition("=") for one in request.parameter("filter").split(",") if "=" in one]
    named = [(name, value) for name, _, value in listed]
    alone = [(name, value) for name, value in request.parameters if tag_of(name.partition(".")[0])]
    return tuple(named or alone)


@cache
def returned() -> frozenset[str]:
    """Top-level attributes that every result of a search has (PS3.4 Table CC.2.5-3, return types 1 and 2)."""
    rows = read_table("profiles.ups", "ups_attributes")
    return frozenset(
        tag_of(row["keyword"])
        for row in rows
        if row["path"] == row["keyword"] and row["cfind_return"][:1] in {"1", "2"}
    )


def reason_of(details: Attributes) -> Attributes:
    """What a workitem that is canceled on request says of the reason."""
    reason = "ProcedureStepDiscontinuationReasonCodeSequence"
    given = values(details, reason)
    return put({}, "ProcedureStepProgressInformationSequence", put({}, reason, *given)) if given else {}


def number_of(value: str, default: int) -> int:
    """The number that a parameter gives; the default for what is none."""
    return int(value) if value.isdecimal() else default
