"""How peers of different editions convey UIDs, media types and datasets (ups.md section 15); all accepted here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import Request
from pydicom.datadict import keyword_for_tag, tag_for_keyword

from profiles.dicom import JsonDataset, text
from profiles.errors import BadInput, NotAcceptable, StepwellError, UnsupportedMediaType

JSON = "application/dicom+json"
_TAKEN = (JSON, "application/json", "*/*", "application/*")
_UID_CHARACTERS = frozenset("0123456789.")
_TRANSACTION_NAMES = ("transaction-uid", "transaction")
_CREATE_NAMES = ("workitem", "affectedsopinstanceuid")
MAXIMUM_DEPTH = 16
TAG_DIGITS = 8
UID_LENGTH = 64


def require_accept(header: str | None) -> None:
    """See that the caller takes DICOM JSON (PS3.18 8.7.5).

    Raises:
        NotAcceptable: when the header is missing or names other types only.
    """
    if not header:
        raise NotAcceptable(f"The request has no Accept header (PS3.18 8.7.5); send Accept: {JSON}.")
    if not any(part.split(";")[0].strip().lower() in _TAKEN for part in header.split(",")):
        raise NotAcceptable(f"None of the types in Accept can be produced (PS3.18 8.7.8.1); send Accept: {JSON}.")


def read_dataset(body: bytes, content_type: str | None, optional: bool = False) -> JsonDataset:
    """One dataset from a request payload: an object, or an array of one (PS3.18 11.1.3).

    Raises:
        UnsupportedMediaType: when the payload is of another type.
        BadInput: when it is no DICOM JSON dataset; the message says where.
    """
    if optional and not body:
        return {}
    if (content_type or "").split(";")[0].strip().lower() not in (JSON, "application/json"):
        raise UnsupportedMediaType(f"The payload's Content-Type must be {JSON} (PS3.18 11.1.3).")
    try:
        document: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadInput(
            f"The payload is not JSON: {error}. Send one dataset in the DICOM JSON Model (PS3.18 Annex F)."
        ) from error
    if isinstance(document, list) and len(document) == 1:
        document = document[0]
    if not isinstance(document, dict):
        raise BadInput("The payload must be one dataset, alone or as the only element of an array (PS3.18 11.4.1.4).")
    _check(document, "", 0)
    return document


def _check(dataset: JsonDataset, where: str, depth: int) -> None:
    if depth > MAXIMUM_DEPTH:
        raise BadInput(f"{where} is nested deeper than {MAXIMUM_DEPTH} sequences; no attribute of PS3.4 CC.2.5 is.")
    for tag, element in dataset.items():
        here = f"{where}{tag}"
        if len(tag) != TAG_DIGITS or not set(tag) <= set("0123456789ABCDEF"):
            raise BadInput(f"{here} is no tag; write eight upper-case hexadecimal digits (PS3.18 F.2.2).")
        if not isinstance(element, dict) or not isinstance(element.get("vr"), str):
            raise BadInput(f"{here} has no vr (PS3.18 F.2.2).")
        values = element.get("Value", [])
        if not isinstance(values, list):
            raise BadInput(f"{here}.Value must be an array (PS3.18 F.2.2).")
        for number, value in enumerate(values, 1):
            if element["vr"] == "SQ":
                if not isinstance(value, dict):
                    raise BadInput(f"{here}[{number}] is no item; a sequence holds datasets (PS3.18 F.2.2).")
                _check(value, f"{here}[{number}].", depth + 1)


def created_uid(query: str, parameters: Mapping[str, str]) -> str | None:
    """The workitem UID in the address of a Create: named, or a bare query (ups.md 5.1)."""
    return _uid(query, parameters, _CREATE_NAMES)


def transaction_uid(query: str, parameters: Mapping[str, str], dataset: JsonDataset) -> str | None:
    """The Transaction UID of an Update: named, bare, or inside the dataset (ups.md 5.3).

    Raises:
        BadInput: when two are given and differ.
    """
    outside, inside = _uid(query, parameters, _TRANSACTION_NAMES), text(dataset, "TransactionUID")
    if outside and inside and outside != inside:
        raise BadInput("The Transaction UID in the address and the one in the dataset differ; send one (PS3.18 11.6).")
    return outside or inside or None


def _uid(query: str, parameters: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    named = {key.lower(): value for key, value in parameters.items()}
    found = next((named[name] for name in names if named.get(name)), None)
    if found is None and query and set(query) <= _UID_CHARACTERS:
        found = query
    if found is not None and (len(found) > UID_LENGTH or not set(found) <= _UID_CHARACTERS):
        raise BadInput("The UID in the address is no UID: digits and periods, at most 64 characters (PS3.5 section 9).")
    return found


def requester(request: Request) -> str:
    """AE title of the caller: ``?requester=`` (2026c), or a path suffix of older peers; empty when it is not told."""
    suffix: str = request.path_params.get("requester", "")
    return request.query_params.get("requester", suffix)


def search_keys(parameters: Mapping[str, str]) -> dict[str, str]:
    """Matching keys by dotted keyword; keys may be given as tags (PS3.18 8.3.4.1). Unknown ones are ignored."""
    keys: dict[str, str] = {}
    for name, value in parameters.items():
        if name in ("limit", "offset", "includefield", "fuzzymatching", "accept", "charset"):
            continue
        words = [_keyword(part) for part in name.split(".")]
        if all(words):
            keys[".".join(words)] = value
    return keys


def _keyword(part: str) -> str:
    if len(part) == TAG_DIGITS and set(part) <= set("0123456789ABCDEFabcdef"):
        return keyword_for_tag(int(part, 16))
    return part if tag_for_keyword(part) is not None else ""


def number(parameters: Mapping[str, str], name: str, default: int) -> int:
    """A non-negative number from the query.

    Raises:
        BadInput: when it is none.
    """
    value = parameters.get(name, str(default))
    if not value.isdecimal():
        raise BadInput(f"{name} is {value!r}; PS3.18 8.3.4.4 wants an unsigned integer.")
    return int(value)


def error_body(error: StepwellError) -> bytes:
    """A refusal as JSON: what, by which rule, what to do."""
    findings = [
        {"path": one.path, "message": one.message, "rule": one.rule, "remedy": one.remedy} for one in error.findings
    ]
    return orjson.dumps({"error": error.row_key, "message": error.message, "findings": findings})
