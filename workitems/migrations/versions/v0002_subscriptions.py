"""Subscriptions, deliveries, leases, retention, and the columns of further searches."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXT = (
    "performer",
    "rejected_by",
    "lease_until",
    "final_at",
    "station_class",
    "requested_procedure",
    "start",
    "expected_completion",
)
_INDEXED = tuple(name for name in _TEXT if name not in ("performer", "rejected_by"))


def upgrade() -> None:
    """Add columns and tables."""
    for name in _TEXT:
        op.add_column("workitem", sa.Column(name, sa.String(), nullable=False, server_default=""))
    op.add_column("workitem", sa.Column("attempt", sa.Integer(), nullable=False, server_default="1"))
    for name in _INDEXED:
        op.create_index(f"ix_workitem_{name}", "workitem", [name])
    op.create_index("ix_workitem_worklist", "workitem", ["state", "label", "station", "number"])
    op.create_table(
        "tombstone",
        sa.Column("uid", sa.String(), primary_key=True),
        sa.Column("deleted_at", sa.String(), nullable=False, index=True),
    )
    op.create_table(
        "subscriber",
        sa.Column("receiver", sa.String(), primary_key=True),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("overflowed", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "subscription",
        sa.Column("workitem_uid", sa.String(), primary_key=True),
        sa.Column("receiver", sa.String(), primary_key=True, index=True),
        sa.Column("locked", sa.Boolean(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
    )
    op.create_table(
        "global_subscription",
        sa.Column("receiver", sa.String(), primary_key=True),
        sa.Column("filter_keys", sa.String(), primary_key=True),
        sa.Column("locked", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "delivery",
        sa.Column("receiver", sa.String(), primary_key=True),
        sa.Column("sequence", sa.BigInteger(), primary_key=True, index=True, autoincrement=False),
    )


def downgrade() -> None:
    """Take them away, with all they hold."""
    for table in ("delivery", "global_subscription", "subscription", "subscriber", "tombstone"):
        op.drop_table(table)
    op.drop_index("ix_workitem_worklist", "workitem")
    for name in _INDEXED:
        op.drop_index(f"ix_workitem_{name}", "workitem")
    for name in (*_TEXT, "attempt"):
        op.drop_column("workitem", name)
