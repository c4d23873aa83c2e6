"""An HTTP client that records each exchange and is never held up: bounded in time and in size."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from conformance.harness.trial import SystemFailed, Trial

_CHUNK = 64 * 1024
_SECRET_HEADERS = {"authorization", "cookie", "set-cookie", "proxy-authorization"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: the HTTP status code.
        headers: by lower-case name; a header that came several times is joined with commas.
        body: as received, after the content coding.
        evidence: id of the recorded exchange.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    evidence: str

    @property
    def ok(self) -> bool:
        """Whether it is a success (2xx)."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the class of success is what the number says

    @property
    def refused(self) -> bool:
        """Whether it is a refusal for state or ownership; editions and peers differ between 400 and 409."""
        return self.status in {400, 409}

    @property
    def warning(self) -> str:
        """The Warning header, or empty."""
        return self.headers.get("warning", "")

    @property
    def words(self) -> str:
        """Status and Warning in one line, for what was found."""
        return f"status {self.status}" + (f", Warning: {self.warning}" if self.warning else "")

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            SystemFailed: when it is none.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise SystemFailed(f"a body that should be JSON is none ({error})", [self.evidence]) from error


class RecordingClient:
    """Requests to one base address; each exchange becomes evidence of the trial that is on."""

    def __init__(self, base: str, verify: Any = True) -> None:
        """Nothing is sent yet.

        Args:
            base: address under which the resources lie, such as ``http://127.0.0.1:8080/dicom-web``.
            verify: what httpx takes as ``verify``: True, False or an SSL context.
        """
        self.base = base.rstrip("/")
        self._client = httpx.Client(verify=verify, follow_redirects=False, trust_env=False)
        self.trial: Trial | None = None

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        step: str = "",
    ) -> Answer:
        """Send one request and take the whole answer.

        Args:
            method: of HTTP.
            path: below the base, beginning with a slash; or a whole address.
            query: as it is to stand behind the question mark, already encoded.
            headers: of the request; only ``Host``, ``Content-Length`` and the like are added.
            body: of the request.
            step: words for the evidence.

        Raises:
            SystemFailed: when no whole, legal answer came within the declared limits.
        """
        trial = self._on()
        url = (path if "://" in path else self.base + path) + (f"?{query}" if query else "")
        request = self._client.build_request(method, url, headers=dict(headers or {}), content=body)
        for name in ("accept", "accept-encoding", "user-agent"):
            if name not in {key.lower() for key in headers or {}}:
                request.headers.pop(name, None)
        started = time.time()
        received = _Received()
        failure = ""
        try:
            self._take(request, received, trial)
        except SystemFailed as failed:
            failure = failed.words
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            failure = f"no whole legal answer to {method} {request.url.path} ({type(error).__name__}: {error})"
        evidence = trial.keep(
            "http",
            f"{step or method + ' ' + request.url.path} → {received.status or failure}",
            _exchange(request, body, received, started, failure),
            "json",
        )
        if failure:
            raise SystemFailed(failure, [evidence])
        return Answer(received.status, received.headers, bytes(received.body), evidence)

    def _on(self) -> Trial:
        if self.trial is None:
            raise RuntimeError("no test is on")
        return self.trial

    def _take(self, request: httpx.Request, received: _Received, trial: Trial) -> None:
        limits = trial.declared.limits
        end = time.monotonic() + limits.answer_seconds
        request.extensions["timeout"] = httpx.Timeout(limits.answer_seconds).as_dict()
        response = self._client.send(request, stream=True)
        try:
            received.status = response.status_code
            received.headers = {key.lower(): value for key, value in response.headers.items()}
            for chunk in response.iter_bytes(_CHUNK):
                received.body += chunk
                if len(received.body) > limits.answer_bytes:
                    raise SystemFailed(f"the answer is longer than {limits.answer_bytes} octets and did not end")
                if time.monotonic() > end:
                    raise SystemFailed(f"the answer did not end within {limits.answer_seconds:g} s")
        finally:
            response.close()


class _Received:
    """What has come so far."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()


def _exchange(
    request: httpx.Request, body: bytes | None, received: _Received, started: float, failure: str
) -> dict[str, Any]:
    """One entry in the way of HAR 1.2."""
    return {
        "startedDateTime": _moment(started),
        "time": round((time.time() - started) * 1000, 3),
        "request": {
            "method": request.method,
            "url": str(request.url),
            "httpVersion": "HTTP/1.1",
            "headers": _named(request.headers),
            "postData": {"mimeType": request.headers.get("content-type", ""), "text": _text(body or b"")},
        },
        "response": {
            "status": received.status,
            "headers": _named(received.headers),
            "content": {
                "size": len(received.body),
                "mimeType": received.headers.get("content-type", ""),
                "text": _text(bytes(received.body)),
            },
        },
        "comment": failure,
    }


def _named(headers: Mapping[str, str]) -> list[dict[str, str]]:
    return [
        {"name": name, "value": "CREDENTIAL" if name.lower() in _SECRET_HEADERS else value}
        for name, value in headers.items()
    ]


def _text(body: bytes) -> str:
    return body.decode("utf-8", errors="backslashreplace")


def _moment(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")
