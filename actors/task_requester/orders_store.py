"""Read the order store from outside, while the Task Requester runs or when it does not: for traces and people."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from actors.task_requester.database import FILE

_ORDERS = """
SELECT o.number, o.accession, o.placer, o.filler, o.study_uid, o.state, o.explanation, o.received_at,
       o.images_complete_at, o.image_count, m.control_id, m.answer_code
FROM imaging_order o LEFT JOIN message m ON m.number = o.message_number WHERE
"""
_MESSAGES = """
SELECT m.number, m.control_id, m.kind, e.received_at, m.answer_code, e.control, e.effect, e.origin
FROM order_event e LEFT JOIN message m ON m.number = e.message_number WHERE e.order_number = ? ORDER BY e.number
"""
_WORKITEMS = """
SELECT uid, study_uid, rule, state, planned_at, created_at, explanation, cancel_outcome, revision, replaces, ups_state,
       note
FROM workitem WHERE order_number = ? ORDER BY planned_at, revision
"""
_QUARANTINE = """
SELECT number, sender, control_id, kind, received_at, answer_code, reason
FROM message WHERE answer_code <> 'AA' ORDER BY number DESC LIMIT ?
"""


def orders_by_accession(data_dir: Path, accession: str) -> list[dict[str, Any]]:
    """The orders with an accession number, flat and JSON-ready.

    Args:
        data_dir: ``data_dir`` of the installation.
        accession: accession number.

    Returns:
        For each order ``accession_number``, ``placer_order_number``, ``filler_order_number``, ``study_instance_uid``,
        ``message_control_id``, ``received_at``, ``acknowledged``, ``state``, ``explanation``; an empty list when there
        is none, or no store.
    """
    with _reading(data_dir) as connection:
        rows = _rows(connection, f"{_ORDERS} o.accession = ? ORDER BY o.number", accession)
    return [_order(row) for row in rows]


def order_thread(data_dir: Path, identifier: str) -> list[dict[str, Any]]:
    """The orders that an accession, placer or filler number, study, workitem or message control id belongs to.

    Returns:
        As `orders_by_accession`, each with ``messages`` and ``workitems``.
    """
    where = """
    ? IN (o.accession, o.placer, o.filler, o.study_uid, m.control_id)
    OR o.number IN (SELECT order_number FROM workitem WHERE uid = ?1) ORDER BY o.number
    """
    found = []
    with _reading(data_dir) as connection:
        for row in _rows(connection, _ORDERS + where.replace("? IN", "?1 IN"), identifier):
            messages = _rows(connection, _MESSAGES, row["number"])
            workitems = _rows(connection, _WORKITEMS, row["number"])
            found.append({**_order(row), "messages": messages, "workitems": workitems})
    return found


def quarantine(data_dir: Path, limit: int = 100) -> list[dict[str, Any]]:
    """Messages that were refused, newest first, each with its reason."""
    with _reading(data_dir) as connection:
        return _rows(connection, _QUARANTINE, limit)


def quarantined_message(data_dir: Path, number: int) -> bytes:
    """The bytes of a kept message, to be looked at or sent again.

    Raises:
        KeyError: when there is no message of that number.
    """
    with _reading(data_dir) as connection:
        found = _rows(connection, "SELECT content FROM message WHERE number = ?", number)
    if not found:
        raise KeyError(number)
    content: bytes = found[0]["content"]
    return content


def _order(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "accession_number": row["accession"],
        "placer_order_number": row["placer"],
        "filler_order_number": row["filler"],
        "study_instance_uid": row["study_uid"],
        "message_control_id": row["control_id"],
        "received_at": row["received_at"],
        "acknowledged": row["answer_code"],
        "state": row["state"],
        "explanation": row["explanation"],
        "images_complete_at": row["images_complete_at"],
        "image_count": row["image_count"],
    }


@contextmanager
def _reading(data_dir: Path) -> Iterator[sqlite3.Connection | None]:
    path = data_dir / "task_requester" / FILE
    if not path.exists() or path.stat().st_size == 0:
        yield None
        return
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection


def _rows(connection: sqlite3.Connection | None, query: str, value: object) -> list[dict[str, Any]]:
    return [] if connection is None else [dict(row) for row in connection.execute(query, (value,))]
