"""A request's payload becomes one dataset, or is refused with the reason (PS3.18 8.6.1, 11.1.3, Annex F)."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import orjson
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from actors.shared.multipart import MediaType
from actors.shared.ups_face.dialects import Dialect
from actors.shared.ups_face.elements import check_dataset
from actors.shared.ups_face.media import JSON, MULTIPART_XML, XML
from profiles.dicom import JsonDataset
from profiles.errors import BadInput, UnsupportedMediaType

_PLAIN_JSON = "application/json"
#: A workitem with 10,000 input references has as many; a parser that is given a million stops everybody else.
_MAXIMUM_CONTAINERS = 100_000
_AFTER_A_QUOTE = (b'" ', b'"\t', b'"\n', b'"\r')
_SPACED_KEY = re.compile(rb'"[ \t\r\n]+:')
Noted = Callable[[Dialect], None]


def read_dataset(body: bytes, content_type: str | None, noted: Noted, *, encoding: str = "") -> JsonDataset:
    """One dataset from a request payload: JSON, XML, or one of them as the only part of a multipart body.

    Args:
        body: the payload.
        content_type: as the header says.
        noted: told of each dialect.
        encoding: Content-Encoding; none is taken.

    Raises:
        UnsupportedMediaType: when the payload is of another type.
        BadInput: when it is no dataset; the message says where.
    """
    if encoding.strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType("The payload has a Content-Encoding; send it without (PS3.18 8.6.1).")
    if content_type == JSON:
        dataset = _json(body, noted)
    else:
        media_type = MediaType.parse(content_type or "")
        if media_type.name == "multipart/related":
            body, media_type = _only_part(body, media_type)
        elif media_type.name == XML:
            noted(Dialect.PAYLOAD_PLAIN_XML)
        dataset = _read(body, media_type, noted)
    check_dataset(dataset)
    return dataset


def _read(body: bytes, media_type: MediaType, noted: Noted) -> JsonDataset:
    if media_type.name == XML:
        from profiles.dicom.native_xml import read_native  # its library is loaded when XML comes

        return read_native(body)
    if media_type.name not in (JSON, _PLAIN_JSON):
        raise UnsupportedMediaType(f"The payload's Content-Type must be {JSON} or {MULTIPART_XML} (PS3.18 11.1.3).")
    if media_type.parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType("DICOM JSON is in UTF-8 (PS3.18 F.2); send it so, and say charset=utf-8 or nothing.")
    if media_type.name == _PLAIN_JSON:
        noted(Dialect.PAYLOAD_PLAIN_JSON)
    return _json(body, noted)


def _json(body: bytes, noted: Noted) -> JsonDataset:
    if body.count(b"[") + body.count(b"{") > _MAXIMUM_CONTAINERS:
        raise BadInput(f"The payload has more than {_MAXIMUM_CONTAINERS} arrays and objects; no workitem has.")
    try:
        document: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadInput(
            f"The payload is not JSON: {error}. Send one dataset in the DICOM JSON Model (PS3.18 Annex F)."
        ) from error
    refuse_duplicate_keys(body, document)
    if isinstance(document, list) and len(document) == 1:
        document = document[0]
    elif isinstance(document, dict):
        noted(Dialect.PAYLOAD_OBJECT)
    if not isinstance(document, dict):
        raise BadInput("The payload must be one dataset, alone or as the only element of an array (PS3.18 11.4.1.4).")
    return document


def refuse_duplicate_keys(body: bytes, document: object) -> None:
    """See that no object of a JSON text has a key twice; parsers keep the last one and say nothing (RFC 8259 4).

    Where no key is followed by a space and no value holds an escaped quote before a colon, each ``":`` is a key:
    when the text has as many as the parsed document written anew, no key was lost. Others are parsed again, slowly.

    Args:
        body: the text.
        document: what it was parsed to.

    Raises:
        BadInput: when a key is there twice.
    """
    try:
        again = orjson.dumps(document)
    except orjson.JSONEncodeError as error:  # nested deeper than can be written
        raise BadInput("The payload is nested too deeply; no workitem is (PS3.4 CC.2.5).") from error
    odd = any(one in body for one in _AFTER_A_QUOTE) and _SPACED_KEY.search(body)
    if odd or b'\\":' in body or b'\\":' in again or body.count(b'":') != again.count(b'":'):
        json.loads(body, object_pairs_hook=_without_duplicates)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise BadInput(f"The key {twice[:16]!r} is there twice in one object (PS3.18 F.2.2); send it once.")
    return found


def _only_part(body: bytes, media_type: MediaType) -> tuple[bytes, MediaType]:
    """The content and type of the only part of a multipart body (PS3.18 11.4.1.4)."""
    parts = _Parts(media_type)
    parts.feed(body)
    if len(parts.contents) != 1 or not parts.ended:
        raise BadInput("A multipart payload must have one part, and end with its closing boundary (PS3.18 11.4.1.4).")
    named = parts.types[0] or media_type.parameters.get("type", "")
    return bytes(parts.contents[0]), MediaType.parse(named)


class _Parts:
    """The parts of a multipart body in memory."""

    def __init__(self, media_type: MediaType) -> None:
        self.contents: list[bytearray] = []
        self.types: list[str] = []
        self.ended = False
        self._header = [b"", b""]
        callbacks = {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header_bytes(0, data[start:end]),
            "on_header_value": lambda data, start, end: self._header_bytes(1, data[start:end]),
            "on_header_end": self._header_end,
            "on_part_data": lambda data, start, end: self.contents[-1].extend(data[start:end]),
            "on_end": self._end,
        }
        try:
            boundary = media_type.parameters.get("boundary", "").encode("ascii")
            self._parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type] # the names above are its own
        except (FormParserError, UnicodeEncodeError) as error:
            raise BadInput("The boundary of the multipart payload cannot be used (RFC 2046 5.1.1).") from error

    def feed(self, body: bytes) -> None:
        """Take the whole body."""
        try:
            self._parser.write(body)
        except FormParserError as error:
            raise BadInput(f"The multipart payload is not well formed: {error} (RFC 2046 5.1).") from error

    def _begin(self) -> None:
        self.contents.append(bytearray())
        self.types.append("")

    def _header_bytes(self, which: int, data: bytes) -> None:
        self._header[which] += data

    def _header_end(self) -> None:
        name, value = (one.decode("latin-1").strip() for one in self._header)
        if name.lower() == "content-type":
            self.types[-1] = value
        self._header = [b"", b""]

    def _end(self) -> None:
        self.ended = True
