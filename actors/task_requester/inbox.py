"""Messages that were answered and whose effects are still to be worked out: a durable queue in a file of its own.

Several senders share one write to the disk: whoever comes first writes for all who wait (decision 0010).
"""

from __future__ import annotations

import itertools
import json
import sqlite3
import threading
import time
from collections import Counter, deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from actors.task_requester.database import FILE as ORDERS
from profiles.errors import Unavailable

FILE = "inbox.sqlite"
#: More than so many wait for nothing: senders are then answered as fast as the effects are worked out.
MOST_WAITING = 10_000
#: Longer ones are worked out before they are answered, so that what is read back at a time stays small.
LONGEST = 2**16
#: Begins a name that several letters may have at a time.
SHARED = "patient:"
_PATIENCE_SECONDS = 10.0
_TABLE = """
CREATE TABLE IF NOT EXISTS letter (number INTEGER PRIMARY KEY, content BLOB NOT NULL,
answer BLOB NOT NULL, peer TEXT NOT NULL, received_at TEXT NOT NULL, names TEXT NOT NULL)
"""
_PUT = "INSERT INTO letter (number, content, answer, peer, received_at, names) VALUES (?, ?, ?, ?, ?, ?)"
_LETTER = "SELECT content, answer, peer, received_at, names FROM letter WHERE number = ?"
_KNOWN = """
SELECT 1 WHERE EXISTS (SELECT 1 FROM message WHERE sender = ? AND control_id = ?)
OR EXISTS (SELECT 1 FROM order_key WHERE value IN (SELECT value FROM json_each(?)))
"""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as it came, and what it was answered.

    Attributes:
        content: the bytes of the frame.
        answer: the acknowledgment that was given.
        peer: address of the sender.
        received_at: ISO 8601.
        names: what it tells of. What is told of the same thing waits until the letter was worked out.
        number: its place in the queue, once it is on disk.
    """

    content: bytes
    answer: bytes
    peer: str
    received_at: str
    names: frozenset[str]
    number: int = 0


@dataclass(slots=True)
class _Slot:
    """A letter on its way to the disk; it has a number, or a failure, when it was written."""

    letter: Letter
    number: int = 0
    failure: sqlite3.Error | None = None


class Inbox:
    """The queue of one Task Requester on SQLite.

    Args:
        directory: of the order store, which is there already.

    Attributes:
        is_stalled: whether effects cannot be worked out just now: then nobody is answered before they are.
        last_put: when the last letter came, as `time.monotonic` tells it.
        turn: held while the effects of a letter are worked out.

    Raises:
        Unavailable: when the file cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        self.is_stalled, self.last_put, self.turn = False, 0.0, threading.Lock()
        self._names: Counter[str] = Counter()
        self._coming: list[frozenset[str]] = []
        self._waiting: dict[int, frozenset[str]] = {}
        self._slots: deque[_Slot] = deque()
        self._changed, self._writing, self._looking = threading.Condition(), threading.Lock(), threading.Lock()
        with _storing():
            (directory / FILE).touch(mode=0o600)
            self._durable, self._lazy = _connected(directory / FILE, "FULL"), _connected(directory / FILE, "NORMAL")
            self._orders = _connected(directory / ORDERS, "FULL")
            self._durable.execute(_TABLE)
            for number, names in self._durable.execute("SELECT number, names FROM letter ORDER BY number"):
                self._waiting[number] = frozenset(json.loads(names))
                self._names.update(self._waiting[number])
            self._numbers = itertools.count(max(self._waiting, default=0) + 1)

    def close(self) -> None:
        """Close the file; what waits is taken up at the next start."""
        for connection in (self._durable, self._lazy, self._orders):
            connection.close()

    @property
    def count(self) -> int:
        """How many letters wait."""
        return len(self._waiting) + len(self._coming)

    def __contains__(self, letter: Letter) -> bool:
        return letter.number in self._waiting

    def is_known(self, sender: str, control_id: str, values: Collection[str]) -> bool:
        """Whether the order store has a message of that control id, or anything that is named by one of the values."""
        with _storing(), self._looking:
            found = self._orders.execute(_KNOWN, (sender, control_id, json.dumps([*values])))
            return found.fetchone() is not None

    def reserve(self, names: frozenset[str]) -> bool:
        """Keep names for a letter that is to be put in; False when one of them is taken, or too many letters wait."""
        with self._changed:
            is_full = self.is_stalled or self.count >= MOST_WAITING
            if is_full or any(self._names[name] for name in names if not name.startswith(SHARED)):
                return False
            self._names.update(names)
            self._coming.append(names)
            return True

    def release(self, names: frozenset[str]) -> None:
        """Give names back that were reserved for a letter which does not come."""
        with self._changed:
            self._coming.remove(names)
            self._forget(names)
            self._changed.notify_all()

    def put(self, letter: Letter) -> None:
        """Make a letter durable whose names were reserved; returns when it is on disk.

        Raises:
            Unavailable: it is not; its names are given back.
        """
        slot = _Slot(letter)
        self._slots.append(slot)
        with self._writing:
            if not slot.number and slot.failure is None:
                self._write()
        if slot.failure is not None:
            self.release(letter.names)
            with _storing():
                raise slot.failure
        with self._changed:
            self._coming.remove(letter.names)
            self._waiting[slot.number] = letter.names
            self.last_put = time.monotonic()
            self._changed.notify_all()

    def await_letter(self, limit_seconds: float) -> None:
        """Return when a letter waits, or when the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting, limit_seconds)

    def oldest(self) -> Letter | None:
        """The letter that waits longest."""
        with self._changed:
            number = next(iter(self._waiting), 0)
        return self._letter(number)

    def sharing(self, names: frozenset[str]) -> Iterator[Letter]:
        """The letters that tell of one of the names, oldest first; those on their way to the disk are awaited."""
        with self._changed:
            if not any(self._names[name] for name in names):
                return
            self._changed.wait_for(lambda: not any(names & coming for coming in self._coming), _PATIENCE_SECONDS)
            numbers = sorted(number for number, theirs in self._waiting.items() if theirs & names)
        yield from filter(None, map(self._letter, numbers))

    def done(self, letter: Letter) -> None:
        """Take a letter out, as its effects are in the order store; not at once durable, as it can be worked out again.

        Raises:
            Unavailable: it stays.
        """
        with _storing(), self._writing:
            self._lazy.execute("DELETE FROM letter WHERE number = ?", (letter.number,))
        with self._changed:
            if self._waiting.pop(letter.number, None) is not None:
                self._forget(letter.names)

    def _forget(self, names: frozenset[str]) -> None:
        self._names.subtract(names)
        for name in names:
            if not self._names[name]:
                del self._names[name]

    def _letter(self, number: int) -> Letter | None:
        with _storing(), self._writing:
            found = self._durable.execute(_LETTER, (number,)).fetchone()
        if found is None:
            return None
        content, answer, peer, received_at, names = found
        return Letter(content, answer, peer, received_at, frozenset(json.loads(names)), number)

    def _write(self) -> None:
        """Write everything that waits to be written, by whomever."""
        slots = [self._slots.popleft() for _ in range(len(self._slots))]
        rows = [(next(self._numbers), *_row(slot.letter)) for slot in slots]
        try:
            if len(rows) == 1:
                self._durable.execute(_PUT, rows[0])
            else:
                self._durable.execute("BEGIN IMMEDIATE")
                self._durable.executemany(_PUT, rows)
                self._durable.execute("COMMIT")
        except sqlite3.Error as error:
            if self._durable.in_transaction:
                self._durable.execute("ROLLBACK")
            for slot in slots:
                slot.failure = error
            return
        for slot, (number, *_) in zip(slots, rows, strict=True):
            slot.number = number


def _row(letter: Letter) -> tuple[bytes, bytes, str, str, str]:
    return letter.content, letter.answer, letter.peer, letter.received_at, json.dumps(sorted(letter.names))


def _connected(file: Path, synchronous: str) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode=WAL", f"synchronous={synchronous}", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


@contextmanager
def _storing() -> Iterator[None]:
    """Turns the words of SQLite and of the file system into ours.

    Raises:
        Unavailable: always instead of them.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise Unavailable(
            f"The inbox of the order store cannot be written: {error}. Free space on the disk, or make the data "
            "directory writable; nothing was accepted in the meantime.",
            key="storage-full",
        ) from error
