"""From a file of events to the events of each case, in memory that does not grow with the file."""

from __future__ import annotations

import csv
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

Row = dict[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PARTS = 64


def micros(at: datetime) -> int:
    """A time in microseconds."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def rows_of(path: Path) -> Iterator[Row]:
    """The rows of a file of JSON lines or CSV, as they are written."""
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            yield from csv.DictReader(file)
    else:
        with path.open("rb") as lines:
            yield from map(orjson.loads, lines)


def once(rows: Iterable[Row]) -> list[Row]:
    """Rows in order of their time, each event once, as it came first (8.5 rule 6); their numbers are numbers."""
    unique: dict[str, Row] = {}
    for row in rows:
        row["at"], row["received_at"] = (micros(datetime.fromisoformat(row[name])) for name in ("at", "received_at"))
        row["codes"] = row["codes"].split("|")
        row["outcome"], row["bytes"] = int(row["outcome"]), int(row["bytes"])
        known = unique.get(row["event_id"])
        if known is None or row["received_at"] < known["received_at"]:
            unique[row["event_id"]] = row
    return sorted(unique.values(), key=lambda row: (row["at"], row["event_id"]))


def cases_of(path: Path) -> Iterator[list[Row]]:
    """The rows of each case: what shares an accession number, a study or a workitem, directly or through others.

    Rows are put aside in files by their case, so that only a part of them is in memory at one time.
    """
    homes = _Homes()
    for row in rows_of(path):
        homes.join(_keys(row))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        parts = [stack.enter_context((folder / str(number)).open("w+b")) for number in range(_PARTS)]
        for row in rows_of(path):
            if keys := _keys(row):
                number = homes.root(homes.home[keys[0]])
                parts[number % _PARTS].write(b"%d %s\n" % (number, orjson.dumps(row)))
        for part in parts:
            part.seek(0)
            found: dict[bytes, list[Row]] = defaultdict(list)
            for line in part:
                case, _, text = line.partition(b" ")
                found[case].append(orjson.loads(text))
            for rows in found.values():
                yield once(rows)


def _keys(row: Row) -> list[str]:
    return [f"{name}:{row[name]}" for name in ("accession", "study", "workitem") if row[name]]


class _Homes:
    """Which keys belong together."""

    def __init__(self) -> None:
        self.home: dict[str, int] = {}
        self._parent: list[int] = []

    def root(self, number: int) -> int:
        while self._parent[number] != number:
            self._parent[number] = self._parent[self._parent[number]]
            number = self._parent[number]
        return number

    def join(self, keys: list[str]) -> None:
        known = {self.root(self.home[key]) for key in keys if key in self.home}
        if not known:
            known = {len(self._parent)}
            self._parent.append(len(self._parent))
        first = min(known)
        for other in known:
            self._parent[other] = first
        for key in keys:
            self.home[key] = first
