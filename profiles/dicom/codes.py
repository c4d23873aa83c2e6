"""Coded concepts (PS3.3 section 8), and the table of those that this project uses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from profiles.tables import read_table


@dataclass(frozen=True, slots=True)
class Code:
    """A code value, its coding scheme designator and its meaning. Two codes are the same without regard to meaning."""

    SHORT: ClassVar[int] = 16

    value: str
    scheme: str
    meaning: str = ""

    def same_as(self, other: Code | None) -> bool:
        """Whether value and scheme agree (PS3.3 section 8.1: the meaning never decides)."""
        return other is not None and (self.value, self.scheme) == (other.value, other.scheme)

    def __str__(self) -> str:
        return f"({self.value}, {self.scheme}, {self.meaning!r})"


@cache
def _table() -> dict[tuple[str, str], Code]:
    rows = read_table("profiles.dicom", "codes")
    return {(row["scheme"], row["value"]): Code(row["value"], row["scheme"], row["meaning"]) for row in rows}


def code(scheme: str, value: str) -> Code:
    """The code of a scheme and value, with its meaning from ``tables/codes.csv``.

    Raises:
        KeyError: when the table has no such code.
    """
    try:
        return _table()[(scheme, value)]
    except KeyError:
        raise KeyError(
            f"({value}, {scheme}) is not in profiles/dicom/tables/codes.csv; add a row with its source, or state the "
            f"code whole: Code({value!r}, {scheme!r}, meaning)"
        ) from None
