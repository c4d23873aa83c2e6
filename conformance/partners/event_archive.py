"""A simulated Event Repository that is asked (ITI-82): it holds what a test puts there, and fails as it is told to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from conformance.partners.events import Sent
from conformance.partners.exchanges import Reply, Request
from conformance.partners.simulating import Simulator

_FIELDS = {
    "pri": "pri",
    "version": "version",
    "hostname": "hostname",
    "app-name": "application",
    "procid": "process",
    "msg-id": "message_id",
}
_JSON = "application/json"
_LONG = 1024 * 1024


class EventArchive(Simulator):
    """Messages, and their search by the rules of sole.md 7.2.

    Args:
        host: interface.
        port: TCP port.
    """

    def __init__(self, host: str, port: int) -> None:
        self._messages: tuple[Sent, ...] = ()
        self._raw: bytes | None = None
        super().__init__(host, port, "")

    def hold_messages(self, messages: Sequence[Sent]) -> None:
        """From now on there are these."""
        with self.lock:
            self._messages, self._raw = tuple(messages), None

    def answer_with(self, body: bytes) -> None:
        """From now on every search is answered with these octets."""
        with self.lock:
            self._raw = body

    def answer(self, request: Request) -> Reply:
        """The messages that match; 400 without a date, and for dates that are none."""
        if request.method != "GET" or request.path != "/syslogsearch":
            return Reply(404)
        if self._raw is not None:
            return Reply(200, self._raw, {"content-type": _JSON})
        dates = [value.replace(" ", "+") for name, value in request.parameters if name.lower() == "date"]
        bounds = [_bound(value) for value in dates]
        if not dates or None in bounds:
            return Reply(400)
        found = [one for one in self._messages if all(_within(one, bound) for bound in bounds if bound)]
        for name, value in request.parameters:
            field = _FIELDS.get(name.lower())
            if field:
                wanted = value.replace(" ", "+").split(",")  # a plus sign that was not sent as %2B
                found = [one for one in found if getattr(one, field) in wanted]
            elif name.lower() == "msg":
                found = [one for one in found if value.encode() in one.content]
        start, count = request.parameter("_offset"), request.parameter("_count")
        found = found[_number(start, 0) :][: _number(count, len(found))]
        body = json.dumps({"Events": [member(one) for one in found]}).encode()
        told = f"{len(found)} messages, {len(body)} octets" if len(body) > _LONG else ""
        return Reply(200, body, {"content-type": _JSON}, told)


def member(sent: Sent) -> dict[str, str]:
    """A message as RAD-124 and ITI-82 have it (sole.md 3.4)."""
    return {
        "Pri": sent.pri,
        "Version": sent.version,
        "Timestamp": sent.timestamp,
        "Hostname": sent.hostname,
        "App-name": sent.application,
        "Procid": sent.process,
        "Msg-id": sent.message_id,
        "Msg": sent.content.decode(),
    }


def _bound(value: str) -> tuple[str, datetime] | None:
    """Prefix and moment of a date, as FHIR R4 search has it; None when it is none."""
    prefix, text = (value[:2], value[2:]) if value[:1].isalpha() else ("eq", value)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (prefix, at if at.tzinfo else at.replace(tzinfo=UTC)) if prefix in {"ge", "gt", "le", "lt", "eq"} else None


def _within(sent: Sent, bound: tuple[str, datetime]) -> bool:
    prefix, limit = bound
    at = datetime.fromisoformat(sent.timestamp)
    return {"ge": at >= limit, "gt": at > limit, "le": at <= limit, "lt": at < limit, "eq": at == limit}[prefix]


def _number(text: str, otherwise: int) -> int:
    return int(text[:9]) if text.isascii() and text.isdecimal() else otherwise
