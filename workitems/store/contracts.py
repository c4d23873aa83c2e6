"""Contracts as SQL: which workitem is done as which others; the rules are in ``workitems.contracts``."""

from __future__ import annotations

from collections.abc import Iterable

import orjson
from sqlalchemy import Connection, delete, insert, select, update

from profiles.dicom import JsonDataset
from profiles.ups import State
from workitems.model import Contract, EventKind
from workitems.store.rows import CONTRACT, OUTBOX, WORKITEM, contract_of, contract_row


def add(connection: Connection, contracts: Iterable[Contract]) -> None:
    """Add contracts; that one of them is there already is an IntegrityError."""
    if rows := [contract_row(contract) for contract in contracts]:
        connection.execute(insert(CONTRACT), rows)


def put(connection: Connection, contract: Contract) -> None:
    """Change a contract."""
    row = contract_row(contract)
    query = update(CONTRACT).where(*(CONTRACT.c[name] == row[name] for name in ("parent", "step", "attempt")))
    connection.execute(query.values(**row))


def of_parent(connection: Connection, parent: str) -> list[Contract]:
    """The contracts of a parent, by step and attempt."""
    query = select(CONTRACT).where(CONTRACT.c.parent == parent).order_by(CONTRACT.c.step, CONTRACT.c.attempt)
    return [contract_of(row) for row in connection.execute(query)]


def open_parents(connection: Connection) -> list[str]:
    """UIDs of the workitems IN PROGRESS that have contracts."""
    query = select(WORKITEM.c.uid).where(
        (WORKITEM.c.state == str(State.IN_PROGRESS)) & WORKITEM.c.uid.in_(select(CONTRACT.c.parent))
    )
    return list(connection.execute(query.order_by(WORKITEM.c.number)).scalars())


def parents_of(connection: Connection, child: str) -> list[str]:
    """UIDs of the workitems that a child is a step of; none for what is no child."""
    query = select(CONTRACT.c.parent).where(CONTRACT.c.child == child).order_by(CONTRACT.c.parent)
    return list(connection.execute(query.distinct()).scalars())


def sharing(connection: Connection, shared: str) -> list[Contract]:
    """The contracts that have a digest of what is done."""
    query = select(CONTRACT).where(CONTRACT.c.shared == shared)
    query = query.order_by(CONTRACT.c.parent, CONTRACT.c.step, CONTRACT.c.attempt)
    return [contract_of(row) for row in connection.execute(query)]


def cancel_request(connection: Connection, uid: str) -> JsonDataset | None:
    """What was said when somebody last asked for a workitem to be canceled; None when nobody did."""
    where = (OUTBOX.c.workitem_uid == uid) & (OUTBOX.c.kind == str(EventKind.CANCEL_REQUESTED))
    query = select(OUTBOX.c.content).where(where).order_by(OUTBOX.c.sequence.desc()).limit(1)
    content = connection.execute(query).scalar()
    return None if content is None else dict(orjson.loads(content))


def end_all_of(connection: Connection, parent: str) -> None:
    """Forget the contracts of a workitem that is deleted."""
    connection.execute(delete(CONTRACT).where(CONTRACT.c.parent == parent))
