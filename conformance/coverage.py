"""Which requirements the harness proves, and which not.

Coverage is over the rows marked ``object`` (judged on an object or message) and ``wire`` (judged from outside, in
traffic); ``internal`` rows are proved by tests of the actors and listed apart. A row counts only when a named bad peer
or a mutated object makes exactly its test or check fail; the ``proved_…`` tables say which, and tests keep them true.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from conformance.harness.registry import catalogue
from profiles.tables import read_table

FAMILIES = ("UPS", "AIW-I", "AIR", "SOLE", "HL7")
_ROW = re.compile(r"[A-Z]+(?:-[A-Z0-9]+)*?-\d+")


@dataclass(frozen=True, slots=True)
class Row:
    """One requirement.

    Attributes:
        id: of its row.
        family: whose coverage it counts for.
        kind: ``object``, ``wire`` or ``internal``.
        proof: the bad peer or the mutation that shows that the judge sees a breach; empty when there is none.
    """

    id: str
    family: str
    kind: str
    proof: str


@cache
def rows() -> tuple[Row, ...]:
    """Every requirement, in the order of the tables."""
    proved = _proofs()
    kinds: dict[str, tuple[str, str]] = {row.id: (row.family, row.kind) for row in catalogue().values()}
    for listed in read_table("conformance", "requirements"):
        kinds[listed["id"]] = (listed["family"], listed["kind"])
    return tuple(Row(name, family, kind, proved.get(name, "")) for name, (family, kind) in kinds.items())


def coverage() -> dict[str, float]:
    """The proved share of each family's rows that can be judged from outside."""
    found = {}
    for family in FAMILIES:
        judged = [row for row in rows() if row.family == family and row.kind != "internal"]
        found[family] = round(sum(bool(row.proof) for row in judged) / len(judged), 3) if judged else 0.0
    return found


def uncovered() -> list[str]:
    """The rows that can be judged from outside and have no proof."""
    return [row.id for row in rows() if row.kind != "internal" and not row.proof]


def internal() -> list[str]:
    """The rows that cannot be judged from outside."""
    return [row.id for row in rows() if row.kind == "internal"]


def _proofs() -> dict[str, str]:
    """The proof of each row; a check or case that has a suffix proves its row (``AIWI-TM-018.dimse``)."""
    found: dict[str, str] = {}
    for table in sorted(entry.name for entry in files("conformance").joinpath("tables").iterdir()):
        if table.startswith("proved_") and table.endswith(".csv"):
            for listed in read_table("conformance", table.removesuffix(".csv")):
                match = _ROW.match(listed["rule"])
                found.setdefault(match[0] if match else listed["rule"], f"{listed['kind']}: {listed['defect']}")
    return found
