"""Events over HTTP: RAD-124 Transfer Multiple Events (sole.md 3.4) and the FHIR feed of ITI-20 (sole.md 3.5).

Both acknowledge, so what was taken leaves the spool at once. A batch that is refused is halved until the message that
spoils it stands alone; that one is refused for good, the others arrive.
"""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from profiles.errors import StepwellError
from profiles.fhir.audit import audit_event
from profiles.sole.syslog import parse_syslog
from sole_logging.connection import client_context
from sole_logging.links import Taken, wait_for_wake
from sole_logging.spool import Spooled
from sole_logging.targets import Target

#: A request holds no more; a repository takes 10 MiB or 10,000 events (sole.md 3.4).
_MOST_EVENTS, _MOST_OCTETS = 1_000, 4 * 2**20
_TIMEOUT_SECONDS = 30.0
#: The content is at fault, not the way to the repository: the same again would be refused again.
_REFUSED = frozenset({400, 413, 422})
_LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class Form:
    """How a batch is posted.

    Attributes:
        path: below the base URL.
        media_type: of the request and of the answer.
        statuses: of an answer that acknowledges.
        body: the batch as JSON; raises StepwellError or ValueError for a message that this form cannot carry.
    """

    path: str
    media_type: str
    statuses: frozenset[int]
    body: Callable[[Sequence[Spooled]], Any]


def bulk_body(batch: Sequence[Spooled]) -> dict[str, Any]:
    """The body of RAD-124: the parts of each syslog message as strings."""
    return {"Events": [_event(message) for message in batch]}


def _event(message: Spooled) -> dict[str, str]:
    parts = parse_syslog(message.content)
    if parts is None:
        raise ValueError("it has no header of RFC 5424")
    return {
        "Pri": str(parts.pri),
        "Version": str(parts.version),
        "Timestamp": parts.timestamp,
        "Hostname": parts.hostname,
        "App-name": parts.application,
        "Procid": parts.process,
        "Msg-id": parts.message_id,
        "Msg": parts.content.decode(),
    }


def feed_body(batch: Sequence[Spooled]) -> dict[str, Any]:
    """A batch Bundle of AuditEvents, to be created one by one (FHIR R4 http.html#transaction)."""
    request = {"method": "POST", "url": "AuditEvent"}
    entries = [{"resource": _audit_event(message), "request": request} for message in batch]
    return {"resourceType": "Bundle", "type": "batch", "entry": entries}


def _audit_event(message: Spooled) -> dict[str, Any]:
    parts = parse_syslog(message.content)
    if parts is None:
        raise ValueError("it has no header of RFC 5424")
    return audit_event(parts.content, message.at, header=parts)


BULK = Form("/bulk-syslog-events", "application/json", frozenset({204}), bulk_body)
FEED = Form("", "application/fhir+json", frozenset({200}), feed_body)


class Posting:
    """Posts batches to one repository.

    Args:
        base_url: of its interface.
        form: how.
        target: names the certificates of an ``https`` base URL.
        wake: a socket that becomes readable when there is something new to send.
        transport: swapped by tests.
    """

    def __init__(
        self,
        base_url: str,
        form: Form,
        target: Target,
        wake: socket.socket,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url, self._form, self._wake = base_url.rstrip("/") + form.path, form, wake
        secure = target.certificates if base_url.startswith("https:") else None
        context: ssl.SSLContext | bool = client_context(secure) if secure else True
        self._client = httpx.Client(
            timeout=_TIMEOUT_SECONDS,
            trust_env=False,
            transport=transport,
            verify=context,
            headers={**target.headers, "Content-Type": form.media_type, "Accept": form.media_type},
        )

    def deliver(self, batch: Sequence[Spooled]) -> Taken:
        """Post messages in order; all of them are acknowledged or refused when this returns.

        Raises:
            ConnectionError: when the repository cannot be asked, or answers neither yes nor no.
        """
        refused: dict[int, str] = {}
        for part in _parts(batch):
            refused |= self._post(part)
        return Taken(frozenset(message.number for message in batch) - refused.keys(), refused)

    def _post(self, batch: Sequence[Spooled]) -> dict[int, str]:
        """Post a batch, in halves where it is refused; what is refused for good, and why."""
        try:
            reason = self._reason(json.dumps(self._form.body(batch)).encode(), batch)
        except (StepwellError, ValueError) as error:
            reason = str(error)
        if not reason:
            return {}
        if len(batch) == 1:
            return {batch[0].number: reason[:_LONGEST_REASON]}
        middle = len(batch) // 2
        return self._post(batch[:middle]) | self._post(batch[middle:])

    def _reason(self, body: bytes, batch: Sequence[Spooled]) -> str:
        """Why a batch is refused; empty when all of it was taken."""
        try:
            answer = self._client.post(self._url, content=body)
        except httpx.HTTPError as error:
            raise ConnectionError(f"{self._url} cannot be reached: {type(error).__name__}: {error}") from error
        if answer.status_code in _REFUSED:
            return f"{answer.status_code} {answer.reason_phrase}"
        if answer.status_code not in self._form.statuses:
            raise ConnectionError(f"{self._url} answered {answer.status_code}")
        return _refused_entries(answer, len(batch)) if answer.content else ""

    def wait(self, seconds: float) -> None:
        """Wait for something to send."""
        wait_for_wake(self._wake, seconds)

    def close(self) -> None:
        """End the connections."""
        self._client.close()


def _parts(batch: Sequence[Spooled]) -> Iterator[list[Spooled]]:
    """Cut a batch into requests."""
    part: list[Spooled] = []
    octets = 0
    for message in batch:
        if part and (len(part) == _MOST_EVENTS or octets + len(message.content) > _MOST_OCTETS):
            yield part
            part, octets = [], 0
        part.append(message)
        octets += len(message.content)
    if part:
        yield part


def _refused_entries(answer: httpx.Response, wanted: int) -> str:
    """The first failure that the answer to a batch Bundle tells. What it took is recognised when it comes again.

    Raises:
        ConnectionError: when it is no such answer, or tells of a failure that is not the content's.
    """
    try:
        statuses = [str(one["response"]["status"]) for one in answer.json()["entry"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ConnectionError("the answer to a batch Bundle is no batch-response Bundle") from error
    bad = [one for one in statuses if not one.startswith("2")]
    if len(statuses) != wanted or any(int(one[:3]) not in _REFUSED for one in bad):
        raise ConnectionError(f"the FHIR feed took {len(statuses) - len(bad)} of {wanted} events")
    return bad[0] if bad else ""
