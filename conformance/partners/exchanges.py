"""A request to a simulated server, the answer to it, and what may go wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

from conformance.plain_files import Unreadable
from conformance.ups.native_xml import read_xml

JSON = "application/dicom+json"


@dataclass(frozen=True)
class Request:
    """One request as it came.

    Attributes:
        number: in the order of arrival, over all simulators.
        at: seconds of the clock that all simulators share.
        method: of HTTP; ``WEBSOCKET`` for the opening of a notification connection.
        path: below the base, percent-decoded.
        query: as it stood behind the question mark.
        headers: by lower-case name.
        body: octets.
        client: address and port.
    """

    number: int
    at: float
    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    client: tuple[str, int] = ("", 0)

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """Names and values of the query, decoded; a bare value has an empty name."""
        named = [part if "=" in part else f"={part}" for part in self.query.split("&") if part]
        return parse_qsl("&".join(named), keep_blank_values=True)

    def parameter(self, *names: str) -> str:
        """The first value of a parameter of one of these names, in any case; empty when there is none."""
        wanted = {name.lower() for name in names}
        return next((value for name, value in self.parameters if name.lower() in wanted), "")

    def json(self) -> Any:
        """The body as JSON; None when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @cached_property
    def dataset(self) -> dict[str, Any]:
        """The dataset of the body, in JSON (alone or in an array of one) or in XML; empty when there is none."""
        found = self._xml() if "xml" in self.headers.get("content-type", "") else self.json()
        if isinstance(found, list) and len(found) == 1:
            found = found[0]
        return found if isinstance(found, dict) else {}

    def _xml(self) -> dict[str, Any]:
        try:
            return read_xml(self.body)
        except Unreadable:
            return {}


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered.

    Attributes:
        status: of HTTP.
        body: octets.
        headers: of the answer.
        told: stands for a body that is too large for the evidence.
        about: UIDs of what the answer is about, where the simulator knows them.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    told: str = ""
    about: tuple[str, ...] = ()

    @staticmethod
    def json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
        """A reply with a JSON body."""
        return Reply(status, json.dumps(value).encode(), {"content-type": JSON, **(headers or {})})

    @staticmethod
    def warning(status: int, text: str) -> Reply:
        """A reply without a body, with a Warning header."""
        return Reply(status, headers={"warning": f"299 harness: {text}"} if text else {})


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and the answer to it.

    Attributes:
        request: what came.
        reply: what was answered, or would have been.
        answered: when, by the clock of the requests.
        lost: whether the answer never left.
    """

    request: Request
    reply: Reply
    answered: float
    lost: bool = False

    @property
    def ok(self) -> bool:
        """Whether it was a success, lost or not."""
        return 200 <= self.reply.status < 300  # noqa: PLR2004 - the class of success is what the number says

    @property
    def words(self) -> str:
        """One line for the evidence."""
        request = self.request
        end = "answer lost" if self.lost else str(self.reply.status)
        return f"{request.method} {request.path} → {end}"


@dataclass(slots=True)
class Fault:
    """What goes wrong with some of the requests.

    Attributes:
        when: whether it is about a request.
        status: answered instead of doing what was asked; 0: it is done.
        warning: text of a Warning header of the answer.
        lost: the connection breaks instead of the answer.
        seconds: how long the answer takes.
        times: how many requests it befalls; None for all of them.
        after: how many pass unharmed first.
        then: done when it has befallen one, before the answer leaves.
        met: how many it has befallen.
    """

    when: Callable[[Request], bool]
    status: int = 0
    warning: str = ""
    lost: bool = False
    seconds: float = 0.0
    times: int | None = 1
    after: int = 0
    then: Callable[[], object] = lambda: None
    met: int = 0

    def befalls(self, request: Request) -> bool:
        """Whether it is this request's turn; counts."""
        if not self.when(request) or (self.times is not None and self.met >= self.times):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.met += 1
        return True
