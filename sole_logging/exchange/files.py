"""Entries as files: JSON lines, CSV, Parquet. No patient; people by numbers that mean nothing outside the file."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, replace
from datetime import datetime
from importlib import import_module
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson

from profiles.errors import BadInput, NotFound, Unavailable
from sole_logging.measures.entry import LogEntry

NAMES = tuple(one.name for one in fields(LogEntry))
_NUMBERS = frozenset({"outcome", "bytes", "instances"})
_TIMES = frozenset({"at", "received_at"})
_PART = 10_000
Row = dict[str, Any]


def write_entries(path: Path, entries: Iterable[LogEntry]) -> int:
    """Write entries into a file, in the form that its ending names: ``.jsonl``, ``.csv`` or ``.parquet``.

    Returns:
        How many.

    Raises:
        BadInput: when the ending is none of these.
        Unavailable: when it cannot be written, or a library is missing.
    """
    write = _form(path)[0]
    try:
        return write(path, (_row(one) for one in _nameless(entries)))
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror or error}.") from error


def read_entries(path: Path) -> Iterator[LogEntry]:
    """The entries of a file that `write_entries` or another program made.

    Raises:
        NotFound: when there is no such file.
        BadInput: when it holds something else; the message names the entry.
    """
    read = _form(path)[1]
    number = 0
    try:
        for number, row in enumerate(read(path), 1):  # noqa: B007 - told in the refusal
            yield _entry(row)
    except FileNotFoundError as error:
        raise NotFound(f"There is no file {path}.") from error
    except (ValueError, TypeError, KeyError, csv.Error) as error:
        raise BadInput(
            f"{path} is no log that `stepwell sole export` writes: entry {number or 1} cannot be read ({error})."
        ) from error


def _nameless(entries: Iterable[LogEntry]) -> Iterator[LogEntry]:
    people: dict[str, str] = {}
    for one in entries:
        if one.person:
            yield replace(one, person=people.setdefault(one.person, f"person {len(people) + 1}"))
        else:
            yield one


def _row(entry: LogEntry) -> Row:
    row = {name: getattr(entry, name) for name in NAMES}
    return {**row, "codes": "|".join(entry.codes), **{name: row[name].isoformat() for name in _TIMES}}


def _entry(row: Row) -> LogEntry:
    if not isinstance(row, dict) or not {"event_id", "at", "codes"} <= set(row):
        raise ValueError("event_id, at and codes must be there")
    values: dict[str, Any] = {name: str(row[name]) for name in NAMES if row.get(name) is not None}
    values |= {name: int(values.get(name) or 0) for name in _NUMBERS}
    values["received_at"] = values.get("received_at") or values["at"]
    values |= {name: datetime.fromisoformat(values[name]) for name in _TIMES}
    if any(values[name].tzinfo is None for name in _TIMES):
        raise ValueError("times need a zone")
    values["codes"] = tuple(one for one in values["codes"].split("|") if one)
    return LogEntry(**{"source": "", **values})


def _write_lines(path: Path, rows: Iterable[Row]) -> int:
    number = 0
    with path.open("wb") as file:
        for number, row in enumerate(rows, 1):  # noqa: B007 - counted
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    return number


def _read_lines(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                yield orjson.loads(line)


def _write_csv(path: Path, rows: Iterable[Row]) -> int:
    number = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, NAMES)
        writer.writeheader()
        for number, row in enumerate(rows, 1):  # noqa: B007 - counted
            writer.writerow(row)
    return number


def _read_csv(path: Path) -> Iterator[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def _pyarrow() -> tuple[ModuleType, ModuleType]:
    """The library, which is a large one and not there for everybody."""
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise Unavailable("Parquet needs the library pyarrow; run `pip install stepwell[parquet]`.") from error


def _write_parquet(path: Path, rows: Iterable[Row]) -> int:
    arrow, parquet = _pyarrow()
    kinds = {**dict.fromkeys(NAMES, arrow.string()), **dict.fromkeys(_NUMBERS, arrow.int64())}
    schema = arrow.schema([arrow.field(name, kinds[name]) for name in NAMES])
    number = 0
    rows = iter(rows)
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        while part := list(islice(rows, _PART)):
            writer.write_table(arrow.Table.from_pylist(part, schema))
            number += len(part)
    return number


def _read_parquet(path: Path) -> Iterator[Row]:
    with _pyarrow()[1].ParquetFile(path) as file:
        for batch in file.iter_batches(_PART):
            yield from batch.to_pylist()


_Form = tuple[Callable[[Path, Iterable[Row]], int], Callable[[Path], Iterator[Row]]]
_FORMS: dict[str, _Form] = {
    ".jsonl": (_write_lines, _read_lines),
    ".csv": (_write_csv, _read_csv),
    ".parquet": (_write_parquet, _read_parquet),
}


def _form(path: Path) -> _Form:
    try:
        return _FORMS[path.suffix.lower()]
    except KeyError:
        raise BadInput(f"{path.name} must end with {', '.join(_FORMS)}, which says how it is written.") from None
