"""The OpenAPI description of the routes, from the table of resources."""

from __future__ import annotations

from typing import Any

from actors.shared.ups_face.capabilities import WADL
from actors.shared.ups_face.media import MULTIPART_XML, XML, Form
from actors.shared.ups_face.resources import Resource, Transaction

_WORDS = {
    400: "The request cannot be understood or breaks a rule; the payload says which",
    403: "The caller may not do this",
    404: "There is no such workitem or subscription",
    406: "None of the media types asked for can be produced",
    409: "The request does not fit the state that the workitem is in",
    410: "The workitem was there and has been deleted",
    413: "The payload is too large",
    415: "The payload's media type is not taken",
}
_UID = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)*$", "maxLength": 64}
_AE_TITLE = {"type": "string", "pattern": r"^[ !-\[\]-~]{1,16}$"}
_FLAG = {"type": "boolean"}
_COUNT = {"type": "integer", "minimum": 0}
_TEXT = {"type": "string"}
_PARAMETERS: dict[str, tuple[dict[str, Any], str]] = {
    "uid": (_UID, "The workitem; in subscriptions also the UID of a global one"),
    "aetitle": (_AE_TITLE, "Receiving AE"),
    "requester": (_AE_TITLE, "AE title of the caller"),
    "workitem": (_UID, "UID of the new workitem"),
    "Transaction-uid": (_UID, "The performer's lock; absent for a SCHEDULED workitem"),
    "deletionlock": (_FLAG, "Whether the workitem is kept until the subscription ends"),
    "filter": (_TEXT, "Matching keys of the filtered global subscription: attribute=value,…"),
    "includefield": ({"type": "array", "items": _TEXT}, "Attributes returned besides the required ones, or all"),
    "fuzzymatching": (_FLAG, "Match person names by likeness"),
    "emptyvaluematching": (_FLAG, "Not supported; the answer warns"),
    "multiplevaluematching": (_FLAG, "Not supported; the answer warns"),
    "offset": (_COUNT, "How many matches are left out first"),
    "limit": (_COUNT, "How many matches are answered at most"),
    "accept": ({"type": "string", "enum": [str(form) for form in Form]}, "Media type of the answer"),
    "charset": ({"type": "string", "enum": ["utf-8"]}, "Character set of the answer"),
}
_ELEMENT = {
    "type": "object",
    "required": ["vr"],
    "properties": {
        "vr": {"type": "string", "pattern": "^[A-Z]{2}$"},
        "Value": {"type": "array"},
        "InlineBinary": {"type": "string"},
    },
    "additionalProperties": False,
}
#: PS3.18 F.2: elements by tag.
_DATASET = {"type": "object", "patternProperties": {"^[0-9A-F]{8}$": _ELEMENT}, "additionalProperties": False}
_ONE = {"type": "array", "items": _DATASET, "minItems": 1, "maxItems": 1}
_FINDINGS = {
    "type": "object",
    "required": ["error", "message", "findings"],
    "properties": {"error": _TEXT, "message": _TEXT, "findings": {"type": "array", "items": {"type": "object"}}},
}


def description(resource: Resource, transaction: Transaction) -> dict[str, Any]:
    """What FastAPI is to write about one method of one resource.

    Returns:
        Arguments of ``add_api_route``.
    """
    responses: dict[int | str, dict[str, Any]] = {transaction.success: _success(transaction)}
    if transaction.name == "Search":
        responses[204] = {"description": "Nothing matches"}
    for status in (400, *transaction.refusals):
        content = {"application/json": {"schema": _FINDINGS}}
        responses[status] = {"description": _WORDS[status], "content": content}
    extra: dict[str, Any] = {"parameters": [*_in_path(resource.template), *map(_query, transaction.parameters)]}
    if transaction.payload:
        extra["requestBody"] = {
            "required": transaction.payload == "required",
            "content": {str(Form.JSON): {"schema": _ONE}, MULTIPART_XML: {"schema": _TEXT}, XML: {"schema": _TEXT}},
        }
    return {
        "summary": transaction.name,
        "description": f"PS3.18 {transaction.section}",
        "status_code": transaction.success,
        "responses": responses,
        "openapi_extra": extra,
        "deprecated": resource.dialect or None,
    }


def _success(transaction: Transaction) -> dict[str, Any]:
    found: dict[str, Any] = {"description": "Done"}
    if transaction.name == "Retrieve Capabilities":
        found["content"] = {"application/json": {"schema": {"type": "object"}}, WADL: {"schema": _TEXT}}
    elif transaction.answers:
        datasets = {"schema": {"type": "array", "items": _DATASET}}
        found["content"] = {str(Form.JSON): datasets, MULTIPART_XML: {"schema": _TEXT}, XML: {"schema": _TEXT}}
    return found


def _in_path(template: str) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in template.split("/") if part.startswith("{")]
    return [{"name": name, "in": "path", "required": True, **_described(name)} for name in names]


def _query(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, **_described(name)}


def _described(name: str) -> dict[str, Any]:
    schema, words = _PARAMETERS[name]
    return {"schema": schema, "description": words}
