"""Read files to be judged within bounds; what is wrong with one is told in words that hold nothing of its content."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

LARGEST = 16 * 2**20
MOST_PARTS = 250_000


class Unreadable(ValueError):
    """A file is not what it is to be; the words say why."""


def files_below(paths: Sequence[Path]) -> Iterator[Path]:
    """Files as they are, folders as the files below them in the order of their names."""
    for path in paths:
        yield from sorted(entry for entry in path.rglob("*") if entry.is_file()) if path.is_dir() else [path]


def read_bytes(path: Path) -> bytes:
    """The content of a file of at most 16 MiB.

    Raises:
        Unreadable: when it is larger, empty or cannot be opened.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise Unreadable(f"the file has more than {LARGEST // 2**20} MiB, and is not read")
        content = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"the file cannot be read ({type(error).__name__})") from error
    if not content.strip():
        raise Unreadable("the file is empty")
    return content


def read_json(content: bytes) -> Any:
    """The object or list of a JSON text in UTF-8, of at most 250,000 objects.

    Raises:
        Unreadable: when the text is none, has more, has a key twice in one object, or has numbers that are none.
    """
    count = Count()

    def once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        count.one_more()
        found = dict(pairs)
        if len(found) != len(pairs):
            raise Unreadable("the JSON has an object with the same key twice")
        return found

    try:
        found = json.loads(content.decode("utf-8-sig"), object_pairs_hook=once_each, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise Unreadable("the text is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise Unreadable(f"the file is no JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise Unreadable("the JSON is nested too deeply") from error
    except Unreadable:
        raise
    except ValueError as error:
        raise Unreadable("the JSON has a number that nobody can hold") from error
    if not found or not isinstance(found, dict | list):
        raise Unreadable("the JSON has no object")
    return found


class Count:
    """How many parts a file has shown so far."""

    def __init__(self) -> None:
        self._parts = 0

    def one_more(self) -> None:
        """Count one.

        Raises:
            Unreadable: when there are more than 250,000.
        """
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise Unreadable(f"the file has more than {MOST_PARTS:,} parts, and is not judged")


def _no_constant(_name: str) -> NoReturn:
    raise Unreadable("the JSON has a number that is none")
