"""What went over the wire, kept item by item: numbered, hashed, secrets replaced by tokens."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from conformance.harness.privacy import file_without_patient, without_patient
from conformance.harness.tokens import Tokens

_BINARY = {"dcm", "png", "zip"}
_LARGEST = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of evidence.

    Attributes:
        id: test and number, such as ``AIWI-TM-018/03``.
        kind: ``http``, ``dimse``, ``websocket``, ``hl7``, ``syslog``, ``dicom``, ``operator`` or ``text``.
        at: when it was kept, ISO 8601 with microseconds and zone.
        summary: one line for people.
        file: where it lies, relative to the folder of the evidence.
        sha256: of the file.
        cut: how many octets were left out, because the item was very large.
    """

    id: str
    kind: str
    at: str
    summary: str
    file: str
    sha256: str
    cut: int = 0


class Evidence:
    """The evidence of one run, in a folder that can be moved anywhere."""

    def __init__(self, folder: Path, *, patient_data: bool = True) -> None:
        """The folder is made when it is not there.

        Args:
            folder: where the items lie.
            patient_data: whether values that identify patients are kept; pictures are never looked into.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._patient_data = patient_data
        self.tokens = Tokens()
        self._items: list[Item] = []
        self._lock = Lock()

    @property
    def items(self) -> tuple[Item, ...]:
        """Everything kept so far, in order."""
        with self._lock:
            return tuple(self._items)

    def keep(self, test: str, kind: str, summary: str, content: bytes | str | dict[str, Any], suffix: str) -> str:
        """Keep one item.

        Args:
            test: id of the test it belongs to.
            kind: see :class:`Item`.
            summary: one line for people; secrets in it are replaced too.
            content: octets, text, or what is written as JSON.
            suffix: of the file; ``dcm``, ``png`` and ``zip`` are kept octet by octet, and must not hold secrets.

        Returns:
            The item's id.
        """
        raw = _octets(content)
        if not self._patient_data:
            raw = _without_patient(raw, suffix)
        cut = max(0, len(raw) - _LARGEST)
        raw = raw[:_LARGEST]
        if suffix not in _BINARY:
            raw = self.tokens.masked(raw)
        with self._lock:
            number = sum(item.id.startswith(f"{test}/") for item in self._items) + 1
            name = f"{test}/{number:02}-{kind}.{suffix}"
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)
            item = Item(
                f"{test}/{number:02}",
                kind,
                datetime.now(UTC).isoformat(timespec="microseconds"),
                self.tokens.words(summary),
                name,
                hashlib.sha256(raw).hexdigest(),
                cut,
            )
            self._items.append(item)
        return item.id

    def close(self) -> None:
        """Write the index of all items, and the manifest of their hashes."""
        items = self.items
        (self.folder / "index.json").write_text(json.dumps([asdict(item) for item in items], indent=1))
        (self.folder / "manifest.sha256").write_text("".join(f"{item.sha256}  {item.file}\n" for item in items))


def _without_patient(raw: bytes, suffix: str) -> bytes:
    if suffix == "dcm":
        return file_without_patient(raw)
    return (
        raw
        if suffix in _BINARY
        else without_patient(raw.decode(errors="surrogateescape")).encode(errors="surrogateescape")
    )


def _octets(content: bytes | str | dict[str, Any]) -> bytes:
    if isinstance(content, bytes):
        return content
    if isinstance(content, str):
        return content.encode(errors="surrogateescape")
    return json.dumps(content, indent=1, ensure_ascii=False, default=str).encode()
