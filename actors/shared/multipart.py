"""Multipart bodies of DICOMweb (PS3.18 section 8.6.1.2): split into files as they stream in, or written out from files.

Both sides use it: the Image Manager for what is stored, the Archive client for what is retrieved. No part is ever held
in memory whole.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import IO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from profiles.errors import BadInput

CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type with its parameters; names in lower case, quotes taken off."""

    name: str
    parameters: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, header: str) -> MediaType:
        """Read a Content-Type or one range of an Accept header, quoted or unquoted (PS3.18 section 8.7.3)."""
        message = Message()
        message["Content-Type"] = header
        pairs = message.get_params(failobj=[]) or []
        return cls(
            pairs[0][0].strip().lower() if pairs else "",
            {name.strip().lower(): value.strip() for name, value in pairs[1:]},
        )


@dataclass(frozen=True, slots=True)
class PartFile:
    """One part of a body, as it lies on disk.

    Attributes:
        path: the file that holds the part's content.
        media_type: its Content-Type; ``application/dicom`` when the part names none.
    """

    path: Path
    media_type: MediaType


class PartFiles:
    """Writes each part of a multipart body to a file of its own while the body arrives.

    Args:
        content_type: the body's Content-Type, with its boundary.
        new_path: names the file of the next part.

    Raises:
        BadInput: when the boundary is missing or the body is not well formed (RFC 2046 section 5.1).
        OSError: when a file cannot be written.
    """

    def __init__(self, content_type: str, new_path: Callable[[], Path]) -> None:
        boundary = MediaType.parse(content_type).parameters.get("boundary", "")
        if not boundary:
            raise BadInput(
                "The multipart body has no boundary; RFC 2046 section 5.1.1 demands one in the Content-Type. "
                'Send Content-Type: multipart/related; type="application/dicom"; boundary=…'
            )
        self.parts: list[PartFile] = []
        self._new_path = new_path
        self._stream: IO[bytes] | None = None
        self._header: list[bytes] = [b"", b""]
        self._headers: dict[str, str] = {}
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary.encode("latin-1"),
                {
                    "on_part_begin": self._headers.clear,
                    "on_header_field": self._field,
                    "on_header_value": self._value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._open,
                    "on_part_data": self._data,
                    "on_part_end": self._close,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise BadInput(f"The multipart boundary cannot be used: {error} (RFC 2046 section 5.1.1).") from error

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise BadInput(
                f"The multipart body is not well formed: {error} (RFC 2046 section 5.1). Check that the boundary in "
                "the Content-Type is the one in the body."
            ) from error

    def finish(self) -> list[PartFile]:
        """The parts, once the whole body was fed."""
        if not self._ended:
            raise BadInput(
                "The multipart body ends before its closing boundary (RFC 2046 section 5.1.1). Send it again."
            )
        return self.parts

    def close(self) -> None:
        """Close what is open and delete every part; for bodies that are given up."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        for part in self.parts:
            part.path.unlink(missing_ok=True)

    def _field(self, data: bytes, start: int, end: int) -> None:
        self._header[0] += data[start:end]

    def _value(self, data: bytes, start: int, end: int) -> None:
        self._header[1] += data[start:end]

    def _header_end(self) -> None:
        name, value = (text.decode("latin-1").strip() for text in self._header)
        self._headers[name.lower()] = value
        self._header = [b"", b""]

    def _open(self) -> None:
        path = self._new_path()
        media_type = MediaType.parse(self._headers.get("content-type", "application/dicom"))
        self.parts.append(PartFile(path, media_type))
        self._stream = path.open("wb")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._stream is not None:
            self._stream.write(memoryview(data)[start:end])

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _end(self) -> None:
        self._ended = True


def new_boundary() -> str:
    """A boundary that no DICOM content will contain by chance."""
    return f"stepwell-{uuid.uuid4().hex}"


def file_parts(boundary: str, files: Iterable[tuple[Path, str]]) -> Iterator[bytes]:
    """A multipart body made of files, in chunks.

    Args:
        boundary: from `new_boundary`.
        files: path and Content-Type of each part.
    """
    return chunked_parts(boundary, ((file_chunks(path), content_type) for path, content_type in files))


def bytes_parts(boundary: str, parts: Iterable[bytes], content_type: str) -> Iterator[bytes]:
    """A multipart body made of contents in memory, e.g. frames."""
    return chunked_parts(boundary, (((content,), content_type) for content in parts))


def chunked_parts(boundary: str, parts: Iterable[tuple[Iterable[bytes], str]]) -> Iterator[bytes]:
    """A multipart body made of contents in chunks, each with its Content-Type."""
    for chunks, content_type in parts:
        yield part_head(boundary, content_type)
        yield from chunks
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def file_chunks(path: Path) -> Iterator[bytes]:
    """The content of a file."""
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk


def part_head(boundary: str, content_type: str) -> bytes:
    """The lines before one part's content."""
    return f"--{boundary}\r\nContent-Type: {content_type}\r\n\r\n".encode()


_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
UID_LENGTH = 64


def is_uid(text: str) -> bool:
    """Whether a text can be a UID (PS3.5 section 9.1); leading zeros of components are let pass, as archives do."""
    return len(text) <= UID_LENGTH and _UID.fullmatch(text) is not None
