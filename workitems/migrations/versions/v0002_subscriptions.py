"""Subscriptions, deliveries, contracts, leases, retention, and the columns of further searches."""

from __future__ import annotations

import orjson
import sqlalchemy as sa
from alembic import op

from workitems.store.columns import search_columns

revision = "0002"
down_revision = "0001"

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_NAMES = ("performer", "rejected_by", "lease_until", "final_at")
_SEARCHED = ("station_class", "patient_name", "requested_procedure", "replaced", "start", "expected_completion")
_SEARCHED_BEFORE = (
    "label",
    "priority",
    "readiness",
    "workitem_code",
    "station",
    "study",
    "patient_id",
    "accession",
)
_INDEXED = ("patient_name", "requested_procedure")
#: What is the same for many workitems leads to few of them together with their state.
_INDEXED_BY_STATE = ("label", "workitem_code", "station")
_COMPOSITE = {
    "ix_workitem_worklist": ["state", "label", "station", "number"],
    "ix_workitem_state": ["state", "number"],
    **{f"ix_workitem_{name}": [name, "state", "number"] for name in _INDEXED_BY_STATE},
    "ix_workitem_start": ["state", "start"],
}
#: What is empty in most rows, which these indexes leave out.
_SPARSE = {
    "lease_until": ["lease_until"],
    "final_at": ["final_at"],
    "replaced": ["replaced"],
    "station_class": ["station_class", "state", "number"],
    "expected_completion": ["state", "expected_completion"],
}
_REPLACED = ("state", "label", "workitem_code", "station")
_PORTION = 500
_BY_CODE_POINT = sa.String(collation="C")


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _fill() -> None:
    """Give the workitems that are there their search columns."""
    names = ("number", "content", *_SEARCHED, *_SEARCHED_BEFORE)
    rows, connection = sa.table("workitem", *(sa.column(name) for name in names)), op.get_bind()
    last = 0
    while some := connection.execute(
        sa.select(rows.c.number, rows.c.content).where(rows.c.number > last).order_by(rows.c.number).limit(_PORTION)
    ).all():
        for number, content in some:
            columns = search_columns(orjson.loads(content))
            connection.execute(sa.update(rows).where(rows.c.number == number).values(**columns))
        last = some[-1].number


def upgrade() -> None:
    """Add columns and tables; searched columns sort by code point."""
    searched = _BY_CODE_POINT if _is_postgresql() else sa.String()
    for name in (*_NAMES, *_SEARCHED):
        kind = searched if name in _SEARCHED else sa.String()
        op.add_column("workitem", sa.Column(name, kind, nullable=False, server_default=""))
    op.add_column("workitem", sa.Column("attempt", sa.Integer(), nullable=False, server_default="1"))
    for name in _REPLACED:
        op.drop_index(f"ix_workitem_{name}", "workitem")
    if _is_postgresql():
        for name in _SEARCHED_BEFORE:
            op.alter_column("workitem", name, type_=_BY_CODE_POINT)
    _fill()
    for name in _INDEXED:
        op.create_index(f"ix_workitem_{name}", "workitem", [name])
    for name, columns in _COMPOSITE.items():
        op.create_index(name, "workitem", columns)
    for name, columns in _SPARSE.items():
        filled = sa.text(f"{name} <> ''")
        op.create_index(f"ix_workitem_{name}", "workitem", columns, sqlite_where=filled, postgresql_where=filled)
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
    _create_contracts()


def _create_contracts() -> None:
    op.create_table(
        "contract",
        sa.Column("child", sa.String(), primary_key=True),
        sa.Column("parent", sa.String(), nullable=False, index=True),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("station", sa.String(), nullable=False),
        sa.Column("standing", sa.String(), nullable=False),
        sa.Column("recalled", sa.Boolean(), nullable=False),
        sa.Column("result", sa.LargeBinary(), nullable=False),
    )


def downgrade() -> None:
    """Take them away, with all they hold."""
    for table in ("contract", "delivery", "global_subscription", "subscription", "subscriber", "tombstone"):
        op.drop_table(table)
    for name in (*_COMPOSITE, *(f"ix_workitem_{name}" for name in (*_INDEXED, *_SPARSE))):
        op.drop_index(name, "workitem")
    for name in _REPLACED:
        op.create_index(f"ix_workitem_{name}", "workitem", [name])
    for name in (*_NAMES, *_SEARCHED, "attempt"):
        op.drop_column("workitem", name)
