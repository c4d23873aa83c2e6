"""The list of what was not understood, which grows while objects are read."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from profiles.air.errors import IllegalResult
from profiles.air.reading.outcome import Unread

DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)
"""What the reading of damaged elements raises, in pydicom and in what it calls."""


@dataclass(slots=True)
class Notes:
    """What was not understood of one object.

    Attributes:
        object_uid: its SOP Instance UID.
        unread: the list.
        private: words of the object that no reason may repeat.
    """

    object_uid: str
    unread: list[Unread] = field(default_factory=list)
    private: set[str] = field(default_factory=set)

    def add(self, path: str, what: str, reason: str) -> None:
        """Note that something was not understood, or not taken as it stands."""
        for words in sorted(self.private, key=len, reverse=True):
            reason = reason.replace(repr(words), "(its name)").replace(words, "(its name)")
        self.unread.append(Unread(self.object_uid, path, what, reason))

    @contextmanager
    def taking(self, path: str, what: str) -> Iterator[None]:
        """Note what is illegal or damaged, and go on behind the block."""
        try:
            yield
        except IllegalResult as error:
            self.add(path, what, str(error))
        except DAMAGE as error:
            self.add(path, what, f"It cannot be read as DICOM ({type(error).__name__}); it is damaged or incomplete.")
