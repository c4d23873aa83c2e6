"""Workitems, outbox and cursors."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_SEARCHED = ("state", "label", "workitem_code", "station", "study", "patient_id", "accession")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "workitem",
        sa.Column("number", _SEQUENCE, primary_key=True),
        sa.Column("uid", sa.String(), nullable=False, unique=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("transaction_uid", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("priority", sa.String(), nullable=False),
        sa.Column("readiness", sa.String(), nullable=False),
        sa.Column("workitem_code", sa.String(), nullable=False),
        sa.Column("station", sa.String(), nullable=False),
        sa.Column("study", sa.String(), nullable=False),
        sa.Column("patient_id", sa.String(), nullable=False),
        sa.Column("accession", sa.String(), nullable=False),
    )
    for column in _SEARCHED:
        op.create_index(f"ix_workitem_{column}", "workitem", [column])
    op.create_table(
        "outbox",
        sa.Column("sequence", _SEQUENCE, primary_key=True),
        sa.Column("workitem_uid", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_outbox_workitem_uid", "outbox", ["workitem_uid"])
    op.create_table(
        "cursor",
        sa.Column("reader", sa.String(), primary_key=True),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    """Take the tables away, with all they hold."""
    for table in ("cursor", "outbox", "workitem"):
        op.drop_table(table)
