"""Read the actors' structured logs while they write them: how the demo knows that a step was reached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from connectathon.waiting import eventually


class LogReader:
    """The lines of one actor's log from the moment of construction on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = path.stat().st_size if path.exists() else 0
        self.lines: list[dict[str, Any]] = []

    def _read_more(self) -> None:
        if not self._path.exists():
            return
        with self._path.open("rb") as stream:
            stream.seek(self._offset)
            while (line := stream.readline()).endswith(b"\n"):
                self._offset += len(line)
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                self.lines.append(entry)

    def has(self, **wanted: str) -> bool:
        """Whether a line with these values has come."""
        self._read_more()
        return any(all(str(line.get(key, "")) == value for key, value in wanted.items()) for line in self.lines)

    def wait_for(self, limit_seconds: float = 120.0, **wanted: str) -> None:
        """Wait until a line with these values has come.

        Raises:
            TimeoutError: when none came in time.
        """
        eventually(lambda: self.has(**wanted), limit_seconds, f"{wanted} in {self._path.name}")
