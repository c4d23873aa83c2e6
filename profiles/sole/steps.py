"""The steps of our walk and the codes that say them (sole.md 5.3, ``tables/steps.csv``)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from profiles.dicom import Code
from profiles.tables import read_table


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step.

    Attributes:
        step: key by which actors report it.
        codes: EventTypeCodes, the first of which is also the MSGID.
        action: EventActionCode.
    """

    step: str
    codes: tuple[Code, ...]
    action: str


@cache
def step_rows() -> dict[str, StepRow]:
    """All steps by key."""
    rows = {}
    for row in read_table("profiles.sole", "steps"):
        codes = [Code(row["code"], row["scheme"], row["meaning"])]
        if row["added_code"]:
            codes.append(Code(row["added_code"], row["added_scheme"], row["added_meaning"]))
        rows[row["step"]] = StepRow(row["step"], tuple(codes), row["action"])
    return rows


@cache
def _by_codes() -> dict[tuple[str, ...], str]:
    return {tuple(code.value for code in row.codes): row.step for row in step_rows().values()}


def step_of(codes: tuple[str, ...]) -> str:
    """The step that these event type codes say, or an empty string."""
    known = _by_codes()
    return known.get(codes[:2]) or known.get(codes[:1]) or ""
