"""Checks as data: an engine measures quantities, a table says which values it accepts and how it refuses others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ai_engines.refusal import Moment, Refused
from profiles.dicom import code
from profiles.tables import read_table

Quantity = float | str | None


@dataclass(frozen=True, slots=True)
class Check:
    """One row of an engine's table of checks.

    Attributes:
        check: id, named in refusals.
        moment: when it is made.
        quantity: name of what was measured.
        minimum: lowest accepted number; None for no bound.
        maximum: highest accepted number; None for no bound.
        allowed: accepted words; empty for numbers.
        reason: code value of CID 9300.
        message: what to say, with ``{value}``.
        why: where the bound comes from.
    """

    check: str
    moment: Moment
    quantity: str
    minimum: float | None
    maximum: float | None
    allowed: tuple[str, ...]
    reason: str
    message: str
    why: str

    def accepts(self, value: Quantity) -> bool:
        """Whether the quantity is acceptable; one that is not known (None) is."""
        if value is None:
            return True
        if self.allowed or isinstance(value, str):
            return str(value) in self.allowed
        return (self.minimum is None or value >= self.minimum) and (self.maximum is None or value <= self.maximum)


def read_checks(package: str, name: str) -> tuple[Check, ...]:
    """The table of checks ``<package>/tables/<name>.csv``."""
    return tuple(
        Check(
            check=row["check"],
            moment=Moment(row["moment"]),
            quantity=row["quantity"],
            minimum=float(row["minimum"]) if row["minimum"] else None,
            maximum=float(row["maximum"]) if row["maximum"] else None,
            allowed=tuple(row["allowed"].split("|")) if row["allowed"] else (),
            reason=row["reason"],
            message=row["message"],
            why=row["why"],
        )
        for row in read_table(package, name)
    )


def judge(checks: tuple[Check, ...], moment: Moment, quantities: Mapping[str, Quantity]) -> None:
    """Make the checks of one moment, in the order of the table.

    Args:
        checks: the table.
        moment: which of its rows to apply.
        quantities: what was measured; a name that the table asks for and this lacks is a defect of the engine.

    Raises:
        Refused: by the first check that does not accept.
    """
    for row in checks:
        if row.moment != moment:
            continue
        value = quantities[row.quantity]
        if not row.accepts(value):
            shown = f"{value:.4g}" if isinstance(value, float) else str(value)
            raise Refused(
                code("DCM", row.reason),
                row.message.format(value=shown, minimum=row.minimum, maximum=row.maximum),
                check=row.check,
                moment=moment,
            )
