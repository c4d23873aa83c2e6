"""A UPS-RS client for people and performers (PS3.18 chapter 11). Needs no server library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
import orjson

from profiles.dicom import Code, JsonDataset, put, put_codes
from profiles.errors import BadInput, Conflict, Gone, NotAuthorised, NotFound, StepwellError, Unavailable

JSON = "application/dicom+json"
_KINDS: dict[int, type[StepwellError]] = {
    400: BadInput,
    401: NotAuthorised,
    403: NotAuthorised,
    404: NotFound,
    410: Gone,
    409: Conflict,
}
_SERVER_ERROR = 500
_LATER = (408, 429)


class DuplicateWorkitem(Conflict):
    """There is a workitem of that UID already; for a requester that tries again this means done."""

    key = "duplicate-workitem"


class AlreadyInProgress(Conflict):
    """The workitem is IN PROGRESS under the very Transaction UID that was sent: the claim is one's own (C302)."""

    key = "already-in-progress"


class UpsClient:
    """One worklist service.

    Args:
        base_url: service base, e.g. ``http://127.0.0.1:8080/ups-rs``.
        ae_title: the caller's AE title, sent as ``requester``.
        timeout_seconds: for each request.
        modified: called with UID and words of the server when it created a workitem otherwise than asked (a Warning
            header with 201, PS3.18 section 11.4.3).
    """

    def __init__(
        self,
        base_url: str,
        *,
        ae_title: str,
        timeout_seconds: float = 10,
        modified: Callable[[str, str], None] = lambda _uid, _words: None,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._ae_title = ae_title
        self._modified = modified
        self._http = httpx.Client(timeout=timeout_seconds, headers={"Accept": JSON})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def create(self, workitem: JsonDataset, uid: str | None = None) -> str:
        """Create a workitem (RAD-80) and return its UID.

        Raises:
            DuplicateWorkitem: when it exists already.
            BadInput: with the server's words.
        """
        try:
            answer = self._send("POST", "/workitems", params={"workitem": uid} if uid else None, dataset=[workitem])
        except Conflict as error:
            raise DuplicateWorkitem(error.message) from error
        created = answer.headers["Location"].rstrip("/").rsplit("/", 1)[-1]
        if words := answer.headers.get("Warning", ""):
            self._modified(created, words)
        return created

    def retrieve(self, uid: str) -> JsonDataset:
        """The workitem (RAD-83).

        Raises:
            NotFound: when there is none.
        """
        found: Any = self._send("GET", f"/workitems/{uid}").json()
        dataset: JsonDataset = found[0] if isinstance(found, list) else found
        return dataset

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
            includefield: attributes wanted besides the required ones.
        """
        params = {**(matches or {}), "includefield": includefield}
        if limit is not None:
            params["limit"] = str(limit)
        if offset:
            params["offset"] = str(offset)
        answer = self._send("GET", "/workitems", params=params)
        found: list[JsonDataset] = answer.json() if answer.content else []
        return found

    def update(self, uid: str, changes: JsonDataset, transaction_uid: str | None) -> None:
        """Change attributes (RAD-84); the Transaction UID for a claimed workitem, None for a SCHEDULED one."""
        params = {"Transaction-uid": transaction_uid} if transaction_uid else None
        self._send("POST", f"/workitems/{uid}", params=params, dataset=[changes])

    def change_state(self, uid: str, state: str, transaction_uid: str) -> None:
        """Ask for another state (RAD-82, RAD-85)."""
        wanted: JsonDataset = {}
        put(wanted, "TransactionUID", transaction_uid)
        put(wanted, "ProcedureStepState", state)
        self._send("PUT", f"/workitems/{uid}/state", params={"requester": self._ae_title}, dataset=[wanted])

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
        self._send(
            "POST",
            f"/workitems/{uid}/cancelrequest",
            params={"requester": self._ae_title},
            dataset=[details] if details else None,
        )

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
            URL of the notification connection to open.
        """
        params = {"deletionlock": "true" if locked else "false", "requester": self._ae_title}
        if keys:
            params["filter"] = ",".join(f"{key}={quote(value, safe='*?-.')}" for key, value in keys.items())
        answer = self._send("POST", self._subscriber(target, receiver), params=params)
        told = answer.headers.get("Content-Location") or answer.headers.get("Location", "")
        return str(httpx.URL(self._base.replace("http", "ws", 1)).join(told)) if told else self.channel(receiver)

    def unsubscribe(self, target: str, *, receiver: str = "") -> None:
        """End a subscription; ending the global one ends every other of that AE (RAD-86)."""
        self._send("DELETE", self._subscriber(target, receiver), params={"requester": self._ae_title})

    def suspend(self, target: str, *, receiver: str = "") -> None:
        """Be subscribed to no further workitems; what there is stays (RAD-86)."""
        path = f"{self._subscriber(target, receiver)}/suspend"
        self._send("POST", path, params={"requester": self._ae_title})

    def channel(self, receiver: str = "") -> str:
        """URL of the notification connection as the 2026 editions have it (PS3.18 8.10.4)."""
        return f"{self._base.replace('http', 'ws', 1)}/subscribers/{quote(receiver or self._ae_title)}"

    def _subscriber(self, target: str, receiver: str) -> str:
        return f"/workitems/{target}/subscribers/{quote(receiver or self._ae_title)}"

    def _send(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, dataset: Any = None
    ) -> httpx.Response:
        headers = {"Content-Type": JSON} if dataset is not None else {}
        try:
            answer = self._http.request(
                method, self._base + path, params=params, headers=headers, content=_dumps(dataset)
            )
        except httpx.TransportError as error:
            raise Unavailable(
                f"The Task Manager at {self._base} does not answer: {error}. It is tried again."
            ) from error
        if answer.is_success:
            return answer
        raise _error(answer)


def _dumps(dataset: Any) -> bytes | None:
    """Attributes in the order of their tags (PS3.18 section F.2.2)."""
    return None if dataset is None else orjson.dumps(dataset, option=orjson.OPT_SORT_KEYS)


def _error(answer: httpx.Response) -> StepwellError:
    try:
        body = answer.json()
    except ValueError:
        body = {}
    body = body if isinstance(body, dict) else {}
    warning = answer.headers.get("Warning", "").partition(": ")[2]
    words = str(
        body.get("message") or warning or answer.reason_phrase
    )  # no other words of a peer: they may name patients
    message = f"The Task Manager answered {answer.status_code}: {words}"
    if body.get("error") == AlreadyInProgress.key:
        return AlreadyInProgress(message)
    if answer.status_code >= _SERVER_ERROR or answer.status_code in _LATER:
        return Unavailable(message)
    return _KINDS.get(answer.status_code, BadInput)(message)
