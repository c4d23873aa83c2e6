"""Retrieve Capabilities (PS3.18 8.9, Annex H): what this service offers, as JSON or WADL."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Any

import orjson
from lxml import etree

from actors.shared.ups_face.answers import Answer
from actors.shared.ups_face.dialects import Dialect
from actors.shared.ups_face.media import Form, negotiate
from actors.shared.ups_face.queries import SEARCH_MAXIMUM
from actors.shared.ups_face.resources import RESOURCES, Resource, Transaction
from profiles.ups.subscriptions import FILTERED_GLOBAL_SUBSCRIPTION, GLOBAL_SUBSCRIPTION

_JSON, WADL = "application/json", "application/vnd.sun.wadl+xml"
_WADL_NAMESPACE = "http://wadl.dev.java.net/2009/02"
_CHARACTER_SETS = ["ISO_IR 192"]
_MATCHING = {"fuzzymatching": True, "emptyvaluematching": False, "multiplevaluematching": False}
_OPENED = (
    "GET with Upgrade: websocket (RFC 6455, version 13) to {connection}, before or after subscribing; the Receiving AE "
    "is the last part of the path. Subscribe answers this address in Content-Location and in Location."
)
Document = dict[str, Any]


def capabilities(service: str, seen: Mapping[str, list[str]], *, accept: str | None, known: str) -> Answer:
    """The document, in the form that the caller takes.

    Args:
        service: base URI.
        seen: the dialects of each peer.
        accept: the header.
        known: If-None-Match; 304 when it names the document as it is.

    Raises:
        NotAcceptable: when the caller takes neither form.
    """
    form = negotiate(accept, None, (_JSON, WADL))
    document = _document(service, seen)
    body = orjson.dumps(document) if form == _JSON else _wadl(document)
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    named = {one.strip().removeprefix("W/") for one in known.split(",")}
    if named & {tag, "*"}:
        return Answer(304, headers=(("ETag", tag),))
    return Answer(200, body, form, (("ETag", tag),))


def _document(service: str, seen: Mapping[str, list[str]]) -> Document:
    connection = f"ws{service.removeprefix('http')}/subscribers/{{requester}}"
    return {
        "service": service,
        "standard": "PS3.18 chapter 11, 2024e with the additions of 2026c",
        "mediaTypes": {"request": [str(form) for form in Form], "response": [str(form) for form in Form]},
        "characterSets": _CHARACTER_SETS,
        "matching": {**_MATCHING, "limit": SEARCH_MAXIMUM},
        "notification": {"webSocket": connection, "opened": _OPENED.format(connection=connection)},
        "resources": _tree(),
        "dialects": {"understood": [str(one) for one in Dialect], "seen": dict(seen)},
    }


@cache
def _tree() -> list[Document]:
    """The resources as they lie in each other (Table H-1)."""
    root: dict[str, Document] = {}
    for resource in RESOURCES:
        if not resource.dialect:
            for path in _well_known(resource):
                _add(root, path, resource)
    return [_node(path, node) for path, node in root.items()]


def _well_known(resource: Resource) -> list[list[str]]:
    """The paths of a resource in Table H-1, which has the two global subscriptions beside the workitems."""
    path = resource.template.strip("/").split("/")
    if "subscribers" not in path:
        return [path]
    globally = [[path[0], uid, *path[2:]] for uid in (GLOBAL_SUBSCRIPTION, FILTERED_GLOBAL_SUBSCRIPTION)]
    return globally if path[-1] == "suspend" else [path, *globally]


def _add(root: dict[str, Document], path: list[str], resource: Resource) -> None:
    children, node = root, {}
    for part in path:
        node = children.setdefault(part, {"methods": [], "children": {}})
        children = node["children"]
    node["methods"] = [_method(method, transaction) for method, transaction in resource.transactions.items()]


def _method(method: str, transaction: Transaction) -> Document:
    return {
        "method": method,
        "transaction": transaction.name,
        "section": f"PS3.18 {transaction.section}",
        "parameters": list(transaction.parameters),
        "payload": transaction.payload,
        "answers": transaction.answers,
        "statuses": [transaction.success, 400, *transaction.refusals],
    }


def _node(path: str, node: Document) -> Document:
    return {
        "path": path,
        "methods": node["methods"],
        "resources": [_node(child, inner) for child, inner in node["children"].items()],
    }


def _wadl(document: Document) -> bytes:
    """The document as WADL: one application with one resources element (PS3.18 8.9.3)."""
    root = etree.Element(_qualified("application"), nsmap={None: _WADL_NAMESPACE})  # type: ignore[dict-item] # None is the default namespace
    for title in ("standard", "characterSets", "matching", "notification", "dialects"):
        _element(root, "doc", title=title).text = orjson.dumps(document[title]).decode()
    resources = _element(root, "resources", base=document["service"])
    for resource in document["resources"]:
        _wadl_resource(resources, resource)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _wadl_resource(parent: etree._Element, resource: Document) -> None:
    made = _element(parent, "resource", path=resource["path"])
    if resource["path"].startswith("{"):
        _element(made, "param", name=resource["path"][1:-1], style="template", required="true")
    for method in resource["methods"]:
        _wadl_method(made, method)
    for inner in resource["resources"]:
        _wadl_resource(made, inner)


def _wadl_method(parent: etree._Element, method: Document) -> None:
    made = _element(parent, "method", name=method["method"], id=method["transaction"].replace(" ", ""))
    request = _element(made, "request")
    for name in method["parameters"]:
        _element(request, "param", name=name, style="query", required="false")
    if method["payload"]:
        for form in Form:
            _element(request, "representation", mediaType=str(form))
    for status in method["statuses"]:
        response = _element(made, "response", status=str(status))
        if method["answers"] and status == method["statuses"][0]:
            forms = [str(form) for form in Form] if method["transaction"] != "Retrieve Capabilities" else [_JSON, WADL]
            for one in forms:
                _element(response, "representation", mediaType=one)


def _element(parent: etree._Element, tag: str, /, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, _qualified(tag), attributes)


def _qualified(name: str) -> str:
    return f"{{{_WADL_NAMESPACE}}}{name}"
