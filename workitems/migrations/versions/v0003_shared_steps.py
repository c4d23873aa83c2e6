"""Contracts by parent, step and attempt: several parents may share a child."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0003"
down_revision = "0002"

_KINDS: dict[str, TypeEngine[Any]] = {
    **dict.fromkeys(("child", "parent", "step"), sa.String()),
    "attempt": sa.Integer(),
    **dict.fromkeys(("place", "station", "standing"), sa.String()),
    "recalled": sa.Boolean(),
    "result": sa.LargeBinary(),
}


def _move(key: tuple[str, ...], indexed: tuple[str, ...], *more: sa.Column[str]) -> None:
    """Make the table anew with another key, and take over what it held."""
    columns = [
        sa.Column(name, kind, primary_key=name in key, nullable=False, autoincrement=False)
        for name, kind in _KINDS.items()
    ]
    op.create_table("contract_anew", *columns, *more)
    names = ", ".join(_KINDS)
    op.execute(f"INSERT INTO contract_anew ({names}) SELECT {names} FROM contract")  # noqa: S608  # names of ours
    op.drop_table("contract")
    op.rename_table("contract_anew", "contract")
    for name in indexed:
        op.create_index(f"ix_contract_{name}", "contract", [name])


def upgrade() -> None:
    """Make room for contracts of several parents about one child."""
    shared = sa.Column("shared", sa.String(), nullable=False, server_default="")
    _move(("parent", "step", "attempt"), ("child", "shared"), shared)


def downgrade() -> None:
    """Keep one contract of each child."""
    op.execute(
        "DELETE FROM contract WHERE EXISTS (SELECT 1 FROM contract AS other WHERE other.child = contract.child "
        "AND other.parent < contract.parent)"
    )
    _move(("child",), ("parent",))
