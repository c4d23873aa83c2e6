"""What values a field or attribute can have at all (``tables/forms.csv``)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from actors.task_requester.rules.language import Name, compile_pattern
from profiles.dicom import vr_of
from profiles.tables import read_table


@dataclass(frozen=True, slots=True)
class Form:
    """What values there are.

    Attributes:
        pattern: of texts; None for any.
        least: of numbers.
        most: of numbers.
        words: for people.
    """

    pattern: Any
    least: float
    most: float
    words: str

    def has(self, value: Any) -> bool:
        """Whether a value can be; what is unknown always can."""
        if isinstance(value, str):
            return not value or self.pattern is None or self.pattern.fullmatch(value) is not None
        return not (value < self.least or value > self.most)

    def values(self, found: Iterable[Any]) -> list[Any]:
        """Those that can be."""
        return [one for one in found if self.has(one)]


ANY = Form(None, float("-inf"), float("inf"), "")


def form_of(name: Name) -> Form:
    """The form of the values of a name; that of its VR for a DICOM attribute."""
    own = _forms().get(name.name)
    return own or _forms().get(_vr(name.name), ANY)


def _vr(name: str) -> str:
    return vr_of(name.rpartition("__")[2]) if name[:1].isupper() else ""


@cache
def _forms() -> dict[str, Form]:
    return {
        name: Form(
            compile_pattern(row["form"]) if row["form"] else None,
            float(row["least"] or "-inf"),
            float(row["most"] or "inf"),
            row["words"],
        )
        for row in read_table("actors.task_requester", "forms")
        for name in row["names"].split()
    }
