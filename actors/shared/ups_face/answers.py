"""What is answered: a value that the edge sends as it is (PS3.18 8.4, 8.5, 8.6)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from actors.shared.ups_face.conveyance import error_body
from actors.shared.ups_face.media import MULTIPART_XML, XML, Form
from profiles.dicom import JsonDataset
from profiles.errors import StepwellError, error_row


@dataclass(frozen=True, slots=True)
class Answer:
    """A response.

    Attributes:
        status: HTTP status.
        body: payload.
        media_type: of the payload.
        headers: besides Content-Type, Content-Length and Warning.
        warnings: texts; each goes into a Warning header of its own (PS3.18 8.3.4.2).
    """

    status: int
    body: bytes = b""
    media_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()

    def raw_headers(self, service: str) -> list[tuple[bytes, bytes]]:
        """The headers as ASGI sends them.

        Args:
            service: base URI of the service, which Warnings name.
        """
        found = [(name, value.encode("latin-1", "replace")) for name, value in self._named(service)]
        if self.media_type:
            found.append((b"content-type", self.media_type.encode("latin-1")))
        if self.status not in _WITHOUT_LENGTH:
            found.append((b"content-length", str(len(self.body)).encode()))
        return found

    def _named(self, service: str) -> list[tuple[bytes, str]]:
        named = [(name.lower().encode(), value) for name, value in self.headers]
        return named + [(b"warning", f"299 {service}: {text}") for text in self.warnings]


_WITHOUT_LENGTH = (204, 304)
_SHOWN, _SHOWN_LENGTH = 8, 64


def done(status: int, warning: str = "", *headers: tuple[str, str], ignored: Sequence[str] = ()) -> Answer:
    """A request was done.

    Args:
        status: of the answer.
        warning: key of the error table; empty for none.
        headers: besides the usual ones.
        ignored: parameters that were.
    """
    warnings = [error_row(warning).warning] if warning else []
    return Answer(status, headers=headers, warnings=(*warnings, *ignored_words(ignored)))


def ignored_words(names: Sequence[str]) -> tuple[str, ...]:
    """The Warning that parameters were ignored, fit for a header whatever the names hold (PS3.18 8.3.4); or none."""
    if not names:
        return ()
    shown = [re.sub("[^A-Za-z0-9]", ".", name[:_SHOWN_LENGTH]) for name in names[:_SHOWN]]
    return (f"The following parameters are not supported and were ignored: {', '.join(shown)}",)


def refused(error: StepwellError, *headers: tuple[str, str]) -> Answer:
    """A request was refused: the reason as JSON, the mandated Warning (PS3.18 8.5)."""
    warnings = (error.row.warning,) if error.row.warning else ()
    return Answer(error.row.http, error_body(error), "application/json", headers, warnings)


def workitems(found: Sequence[JsonDataset], form: str, warnings: tuple[str, ...] = ()) -> Answer:
    """Datasets in the form that was asked for; several XML documents are always parts (PS3.18 8.6.1.2, 11.1.3)."""
    if form in (Form.JSON, Form.PLAIN_JSON):
        return Answer(200, orjson.dumps(found, option=orjson.OPT_SORT_KEYS), form, warnings=warnings)
    from profiles.dicom.native_xml import write_native  # its library is loaded when XML is wanted

    documents = [write_native(dataset) for dataset in found]
    if form == Form.XML and len(documents) == 1:
        return Answer(200, documents[0], XML, warnings=warnings)
    boundary = f"stepwell-{uuid.uuid4().hex}".encode()
    head = b"--%b\r\nContent-Type: %b\r\n\r\n" % (boundary, XML.encode())
    body = b"".join(head + document + b"\r\n" for document in documents) + b"--%b--\r\n" % boundary
    return Answer(200, body, f"{MULTIPART_XML}; boundary={boundary.decode()}", warnings=warnings)
