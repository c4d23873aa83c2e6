"""All HTTP exchanges of a run as one HTTP Archive (HAR 1.2), which browsers and proxies open."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conformance.harness.evidence import Item

_UNKNOWN = {"httpVersion": "HTTP/1.1", "cookies": [], "headersSize": -1, "bodySize": -1}


def har(items: Sequence[Item], folder: Path) -> dict[str, Any]:
    """The archive; entries that were cut short for their size are left out and lie beside it."""
    entries = [
        _entry(item, json.loads((folder / item.file).read_text(encoding="utf-8")))
        for item in items
        if item.kind == "http" and not item.cut
    ]
    return {"log": {"version": "1.2", "creator": {"name": "Stepwell", "version": "1"}, "entries": entries}}


def _entry(item: Item, told: dict[str, Any]) -> dict[str, Any]:
    request, response = told["request"], told["response"]
    return {
        **told,
        "request": {**_UNKNOWN, "queryString": [], **request},
        "response": {**_UNKNOWN, "statusText": "", "redirectURL": "", **response},
        "cache": {},
        "timings": {"send": 0, "wait": told.get("time", 0), "receive": 0},
        "comment": " ".join([item.id, told.get("comment", "")]).strip(),
    }
