"""A DICOMweb client that records: STOW-RS, QIDO-RS and WADO-RS as a foreign system would speak them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.harness.trial import SystemFailed
from conformance.partners.http import Answer, RecordingClient

JSON = "application/dicom+json"
DICOM = "application/dicom"
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart answer; header names in lower case."""

    headers: Mapping[str, str]
    body: bytes


class DicomWeb:
    """The three services of one archive."""

    def __init__(self, http: RecordingClient) -> None:
        """Nothing is sent yet."""
        self.http = http

    def store(self, files: Sequence[bytes], study: str = "", *, accept: str = JSON, kind: str = DICOM) -> Answer:
        """STOW-RS of Part 10 files (PS3.18 section 10.5).

        Args:
            files: one for each part.
            study: the study to store into, or empty.
            accept: for the answer.
            kind: media type of the parts.
        """
        boundary = b"stepwell-harness-7f3a9c"
        body = b"".join(b"--%s\r\nContent-Type: %s\r\n\r\n%s\r\n" % (boundary, kind.encode(), one) for one in files)
        headers = {
            "Accept": accept,
            "Content-Type": f'multipart/related; type="{kind}"; boundary={boundary.decode()}',
        }
        path = f"/studies/{study}" if study else "/studies"
        return self.http.send("POST", path, headers=headers, body=body + b"--%s--\r\n" % boundary)

    def search(self, path: str, query: str = "") -> tuple[Answer, list[dict[str, Any]]]:
        """QIDO-RS: the answer, and its matches (none for 204)."""
        answer = self.http.send("GET", path, query=query, headers={"Accept": JSON})
        matches = answer.json() if answer.ok and answer.body.strip() else []
        if not isinstance(matches, list):
            raise SystemFailed("the result of a search is no JSON array (PS3.18 section 10.6.3)", [answer.evidence])
        return answer, matches

    def retrieve(self, path: str, accept: str) -> Answer:
        """WADO-RS: the answer as it is."""
        return self.http.send("GET", path, headers={"Accept": accept})


def parts(answer: Answer) -> list[Part]:
    """The parts of a multipart answer.

    Raises:
        SystemFailed: when it is none, or breaks off.
    """
    match = _BOUNDARY.search(answer.headers.get("content-type", ""))
    if match is None:
        raise SystemFailed("the Content-Type names no boundary (RFC 2046 section 5.1.1)", [answer.evidence])
    mark = b"--" + match[1].encode()
    pieces = (b"\r\n" + answer.body).split(b"\r\n" + mark)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):  # noqa: PLR2004 - what is before and after the first mark
        raise SystemFailed("the multipart body has no closing boundary (RFC 2046 section 5.1.1)", [answer.evidence])
    found = []
    for piece in pieces[1:-1]:
        head, _, body = piece.lstrip(b" \t").removeprefix(b"\r\n").partition(b"\r\n\r\n")
        lines = [line.partition(b":") for line in head.split(b"\r\n") if b":" in line]
        found.append(Part({name.decode().strip().lower(): value.decode().strip() for name, _, value in lines}, body))
    return found


def values(entry: dict[str, Any], tag: str) -> list[Any]:
    """The values of an attribute of a DICOM JSON object; none when it is absent."""
    element = entry.get(tag)
    found = element.get("Value", []) if isinstance(element, dict) else []
    return found if isinstance(found, list) else []
