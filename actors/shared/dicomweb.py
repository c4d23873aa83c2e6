"""Archive: a DICOMweb client that works with any PACS, on files rather than on memory.

Instances pass through byte for byte: what is stored is what the sender wrote, and what is retrieved is what the archive
sent. Query values are sent unescaped where the URL syntax allows it, because Orthanc 1.10 does not decode them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
import orjson

from actors.shared.multipart import MediaType, PartFiles, file_parts, is_uid, new_boundary
from actors.shared.serving import sync_directory
from profiles.dicom import JsonDataset, items, tag_of, text
from profiles.errors import BadInput, Conflict, NotFound, StepwellError, Unavailable

_JSON = "application/dicom+json"
_DICOM = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_OCTETS = 'multipart/related; type="application/octet-stream"'
_STORE_OUTCOMES = frozenset({400, 409, 415})
_UNESCAPED = "*?^,-.:\\"


class StoreFailed(Conflict):
    """The archive refused at least one instance.

    Args:
        message: what was refused and why, in words.
        reasons: Failure Reason (0008,1197) by SOP Instance UID; an empty UID stands for parts it could not read.
    """

    def __init__(self, message: str, reasons: Mapping[str, int]) -> None:
        super().__init__(message)
        self.reasons = dict(reasons)


class Archive:
    """A DICOMweb origin server, as its users see it.

    Args:
        base_url: of the DICOMweb service, e.g. ``http://127.0.0.1:8081/dicom-web``.
        timeout_seconds: how long to wait for the next bytes.
        transport: swapped by tests.

    Every method raises `Unavailable` when the archive is away, full or overloaded, so that the caller can try again,
    and another `StepwellError` when trying again is useless.
    """

    def __init__(
        self, base_url: str, *, timeout_seconds: float = 60.0, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._client = httpx.Client(timeout=timeout_seconds, transport=transport, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def search_studies(self, filters: Mapping[str, str] | None = None) -> list[JsonDataset]:
        """Studies that match (QIDO-RS, PS3.18 section 10.6).

        Args:
            filters: attribute keyword or tag → value with DICOM wildcards and ranges; also ``includefield``, ``limit``,
                ``offset``.
        """
        return self._search("/studies", filters)

    def search_series(self, study: str, filters: Mapping[str, str] | None = None) -> list[JsonDataset]:
        """Series of a study that match."""
        return self._search(f"/studies/{study}/series", filters)

    def search_instances(
        self, study: str, series: str | None = None, filters: Mapping[str, str] | None = None
    ) -> list[JsonDataset]:
        """Instances of a study, or of one of its series, that match."""
        return self._search(f"{_path(study, series)}/instances", filters)

    def series_metadata(self, study: str, series: str) -> list[JsonDataset]:
        """The datasets of all instances of a series, without bulk data (PS3.18 section 10.4.1.1.2)."""
        return self._json(f"{_path(study, series)}/metadata")

    def instance_metadata(self, study: str, series: str, instance: str) -> JsonDataset:
        """The dataset of one instance, without bulk data."""
        found = self._json(f"{_path(study, series, instance)}/metadata")
        if not found:
            raise NotFound(f"The archive has no metadata of instance {instance}.")
        return found[0]

    def retrieve_series(self, study: str, series: str, into: Path) -> list[Path]:
        """Stream all instances of a series to files ``<number>.dcm`` in arrival order (WADO-RS, section 10.4).

        Args:
            study: Study Instance UID.
            series: Series Instance UID.
            into: a directory; made when missing. When the retrieval breaks off, none of its files is left.
        """
        return self._retrieve(_path(study, series), into)

    def retrieve_study(self, study: str, into: Path) -> list[Path]:
        """Stream all instances of a study to files."""
        return self._retrieve(_path(study), into)

    def retrieve_instance(self, study: str, series: str, instance: str, into: Path) -> Path:
        """Stream one instance to the file ``<SOP Instance UID>.dcm`` in a directory."""
        found = self._retrieve(_path(study, series, instance), into)
        if len(found) != 1:
            raise Conflict(f"The archive answered with {len(found)} instances for the one that was asked for.")
        return found[0].rename(into / f"{instance}.dcm")

    def frame(self, study: str, series: str, instance: str, number: int) -> bytes:
        """One frame as native little endian pixels; 1-bit frames are packed (PS3.18 section 8.7.3.3).

        Args:
            study: Study Instance UID.
            series: Series Instance UID.
            instance: SOP Instance UID.
            number: frame number, from 1.
        """
        url = f"{_path(study, series, instance)}/frames/{number}"
        with self._ask("GET", url, headers={"Accept": _OCTETS}) as response:
            content = response.read()
            content_type = response.headers.get("content-type", "")
        return _only_part(content, content_type)

    def rendered(
        self, study: str, series: str, instance: str, number: int = 1, *, parameters: Mapping[str, str] | None = None
    ) -> bytes:
        """One frame as PNG, with ``window`` and ``viewport`` of PS3.18 section 8.3.5.1."""
        url = f"{_path(study, series, instance)}/frames/{number}/rendered{_query(parameters)}"
        with self._ask("GET", url, headers={"Accept": "image/png"}) as response:
            return response.read()

    def store(self, paths: Sequence[Path], study: str | None = None) -> None:
        """Store files (STOW-RS, PS3.18 section 10.5). Storing an instance that is there already is a success.

        Args:
            paths: DICOM files.
            study: addressed study, when all files belong to one.

        Raises:
            StoreFailed: when the archive refused at least one, with its reasons.
        """
        boundary = new_boundary()
        body = file_parts(boundary, ((path, "application/dicom") for path in paths))
        headers = {
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
            "Accept": _JSON,
        }
        url = _path(study) if study else "/studies"
        with self._ask("POST", url, headers=headers, content=body, passed_on=_STORE_OUTCOMES) as response:
            response.read()
            _require_stored(response, len(paths))

    def _search(self, path: str, filters: Mapping[str, str] | None) -> list[JsonDataset]:
        return self._json(path + _query(filters))

    def _json(self, url: str) -> list[JsonDataset]:
        with self._ask("GET", url, headers={"Accept": _JSON}) as response:
            content = response.read()
        if not content:
            return []
        try:
            found = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise BadInput(f"The archive's answer is no JSON ({url.partition('?')[0]}, PS3.18 Annex F).") from error
        return found if isinstance(found, list) else [found]

    def _retrieve(self, url: str, into: Path) -> list[Path]:
        into.mkdir(parents=True, exist_ok=True)
        numbers = iter(range(1, 10**6))
        with self._ask("GET", url, headers={"Accept": _DICOM}) as response:
            content_type = response.headers.get("content-type", "")
            files = PartFiles(content_type, lambda: into / f"{next(numbers):06d}.dcm")
            try:
                for chunk in response.iter_bytes():
                    files.feed(chunk)
                found = [part.path for part in files.finish()]
            except BaseException:
                files.close()
                raise
        for path in found:
            _sync(path)
        sync_directory(into)
        return found

    @contextmanager
    def _ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: Iterable[bytes] | None = None,
        passed_on: frozenset[int] = frozenset(),
    ) -> Iterator[httpx.Response]:
        try:
            with self._client.stream(method, self.base_url + url, headers=dict(headers), content=content) as response:
                if response.status_code >= httpx.codes.BAD_REQUEST and response.status_code not in passed_on:
                    response.read()
                    raise _refusal(response)
                yield response
        except httpx.TransportError as error:
            raise Unavailable(
                f"The archive at {self.base_url} cannot be reached ({type(error).__name__}). Check that it runs and "
                "that the address is right; the request can be sent again."
            ) from error


def _path(study: str, series: str | None = None, instance: str | None = None) -> str:
    for uid in (study, series, instance):
        if uid is not None and not is_uid(uid):
            raise BadInput(f"{uid[:64]!r} is no UID (PS3.5 section 9.1).")
    parts = [f"/studies/{study}"]
    if series:
        parts.append(f"/series/{series}")
    if instance:
        parts.append(f"/instances/{instance}")
    return "".join(parts)


def _query(filters: Mapping[str, str] | None) -> str:
    if not filters:
        return ""
    return "?" + "&".join(f"{name}={quote(str(value), safe=_UNESCAPED)}" for name, value in filters.items())


def _require_stored(response: httpx.Response, count: int) -> None:
    """Raise unless the Store Instances Response (PS3.18 section 10.5.3.2) says that all is stored.

    Orthanc sends that response without a Content-Type when it refuses.
    """
    outcome = _outcome(response.content)
    failures = items(outcome, "FailedSOPSequence") + items(outcome, "OtherFailuresSequence")
    refused = response.status_code >= httpx.codes.BAD_REQUEST
    if not failures and not refused:
        return
    if refused and not outcome.keys() & {tag_of("FailedSOPSequence"), tag_of("OtherFailuresSequence")}:
        raise _refusal(response)
    reasons: dict[str, int] = {}
    words: list[str] = []
    for one in failures:
        uid = text(one, "ReferencedSOPInstanceUID")
        reason = int(text(one, "FailureReason") or 0)
        reasons[uid] = reason
        words.append(f"{uid or 'a part'}: {reason:04X}H {text(one, 'ErrorComment')}".rstrip())
    said = "; ".join(words[:5]) or f"it answered {response.status_code} and named no instance"
    if any(0xA700 <= reason <= 0xA7FF for reason in reasons.values()):  # noqa: PLR2004 - out of resources, PS3.4 B.2-1
        raise Unavailable(f"The archive is out of resources: {said}. Free space there and store again.")
    raise StoreFailed(
        f"The archive refused {max(1, len(failures))} of {count} instance(s): {said} (PS3.18 section 10.5.3).", reasons
    )


def _outcome(content: bytes) -> JsonDataset:
    try:
        found: Any = orjson.loads(content or b"{}")
    except orjson.JSONDecodeError:
        return {}
    if isinstance(found, list):
        found = found[0] if found else {}
    return found if isinstance(found, dict) else {}


def _refusal(response: httpx.Response) -> StepwellError:
    said = _words(response)
    status = response.status_code
    message = f"The archive answered {status} to {response.request.method} {response.request.url.path}: {said}"
    if status in {408, 429, 500, 502, 503, 504, 507}:
        return Unavailable(message)
    if status in {404, 410}:
        return NotFound(message)
    if status == httpx.codes.CONFLICT:
        return Conflict(message)
    return BadInput(message)


def _words(response: httpx.Response) -> str:
    """What the server says: our own message, Orthanc's, or the start of a text."""
    try:
        found = orjson.loads(response.content)
        said = found.get("message") or found.get("Message") or found.get("detail")
    except (orjson.JSONDecodeError, AttributeError):
        said = response.text if "text" in response.headers.get("content-type", "") else ""
    return str(said or response.reason_phrase)[:500]


def _only_part(content: bytes, content_type: str) -> bytes:
    media = MediaType.parse(content_type)
    if media.name != "multipart/related":
        return content
    boundary = media.parameters.get("boundary", "").encode()
    start = content.find(b"\r\n\r\n")
    end = content.rfind(b"\r\n--" + boundary)
    if not boundary or start < 0 or end < start:
        raise BadInput("The archive's answer is no well-formed multipart body (RFC 2046 section 5.1).")
    return content[start + 4 : end]


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
