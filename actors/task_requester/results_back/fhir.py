"""Results as FHIR: the transaction that tells one, the one that takes it back, and what a server answers.

A transaction writes each resource by its identifier (orders.md 11.3), so one that is sent again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
from pydicom import Dataset

from actors.task_requester.results_back.outbox import Answer, Deliver
from actors.task_requester.results_back.reading import FoundResult
from actors.task_requester.results_back.settings import ResultsSettings
from actors.task_requester.results_back.telling import present_context
from profiles.errors import Unavailable
from profiles.fhir.bundle import fhir_bundle
from profiles.fhir.elements import Version
from profiles.hl7 import ImagingOrder

MEDIA_TYPE = "application/fhir+json"
_AWAY = frozenset({401, 403, 408, 425, 429, 502, 503, 504})
_LATER = frozenset({409, 500})
_OID = "urn:oid:"
_WITHDRAWN = "entered-in-error"
#: What says something of the patient, and so can be in error; devices and places cannot.
_STATEMENTS = frozenset({"DiagnosticReport", "Observation", "DocumentReference", "ImagingSelection"})


def fhir_message(
    found: FoundResult, order: ImagingOrder, *, workitem_uid: str, replaces: str, settings: ResultsSettings
) -> bytes:
    """The transaction Bundle for the order's patient as known now.

    Args:
        found: the result.
        order: as known now.
        workitem_uid: of the workitem.
        replaces: SOP Instance UID of the report that was told before; empty when none was.
        settings: version and address of the archive.

    Raises:
        IllegalResult: when a needed element has no value.
    """
    replaced = []
    for uid in dict.fromkeys(filter(None, (*found.corrects, replaces))):
        replaced.append(Dataset())
        replaced[-1].SOPInstanceUID = uid
    bundle = fhir_bundle(
        found.results,
        present_context(found, order, tuple(replaced)),
        found.algorithm,
        found.objects,
        version=Version(settings.fhir_version),
        workitem_uid=workitem_uid,
        retrieve_url=settings.retrieve_url,
    )
    return orjson.dumps(bundle)


def report_of(message: bytes) -> str:
    """SOP Instance UID of the report that a transaction tells."""
    reports = (one for one in _resources(orjson.loads(message)) if one["resourceType"] == "DiagnosticReport")
    return str(next(reports)["identifier"][0]["value"]).removeprefix(_OID)


def fhir_withdrawal(message: bytes) -> bytes:
    """The transaction that says of a result that was told that it was entered in error."""
    bundle = orjson.loads(message)
    for one in _resources(bundle):
        if one["resourceType"] in _STATEMENTS:
            one.update(dict.fromkeys(one.keys() & {"status", "docStatus"}, _WITHDRAWN))
    return orjson.dumps(bundle)


def fhir_channel(url: str, client: httpx.Client, token: Path | None = None) -> Deliver:
    """Posts transactions to the base of a FHIR server.

    Args:
        url: the base.
        client: sends them.
        token: file with a bearer token; read each time, because tokens are renewed (RFC 6750 section 2.1).
    """

    def deliver(message: bytes) -> Answer:
        headers = {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE}
        if token:
            headers["Authorization"] = f"Bearer {_secret(token)}"
        try:
            response = client.post(url, content=message, headers=headers)
        except httpx.TransportError as error:
            raise Unavailable(f"The FHIR server cannot be reached ({type(error).__name__}).") from error
        return answer_of(response.status_code, response.content)

    return deliver


def _secret(file: Path) -> str:
    try:
        return file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(f"The token for the FHIR server cannot be read from {file}.") from error


def answer_of(status: int, content: bytes) -> Answer:
    """What a server says of a transaction: all of it was taken, or nothing (FHIR R4B section 3.1.0.11).

    Raises:
        Unavailable: when the server is away, or what answers is no FHIR server.
    """
    if status in _AWAY:
        raise Unavailable(f"The FHIR server answered {status}; the transaction is sent again.")
    told = _read(content)
    if not httpx.codes.is_success(status):
        return Answer(False, f"HTTP {status}: {_outcome(told) or 'no reason given'}", status in _LATER)
    if content and told.get("resourceType") not in {"Bundle", "OperationOutcome"}:
        raise Unavailable(f"What answered {status} is no FHIR server; the transaction is sent again.")
    for entry in told.get("entry") or ():
        response = entry.get("response") or {}
        if str(response.get("status", "2"))[:1] in "45":  # a server that took the transaction for a batch
            return Answer(False, f"HTTP {response['status']}: {_outcome(response.get('outcome') or {})}")
    return Answer(True)


def _read(content: bytes) -> dict[str, Any]:
    try:
        told = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}


def _outcome(told: dict[str, Any]) -> str:
    """The issues of an OperationOutcome that are no mere warnings, in words."""
    issues = told.get("issue")
    found = [one for one in issues if isinstance(one, dict)] if isinstance(issues, list) else []
    errors = [one for one in found if one.get("severity") in {"fatal", "error"}]
    return "; ".join(" ".join(_issue(one)) for one in errors or found)


def _issue(issue: dict[str, Any]) -> Iterator[str]:
    yield str(issue.get("code", "unknown"))
    details = issue.get("details") or {}
    if words := details.get("text") or issue.get("diagnostics"):
        yield str(words)
    places = issue.get("expression") or issue.get("location") or []
    if places:
        yield f"at {', '.join(map(str, places))}"


def _resources(bundle: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (entry["resource"] for entry in bundle["entry"])
