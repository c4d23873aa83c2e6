"""Read the order store from outside, while the Task Requester runs or when it does not: for traces and people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, NullPool, create_engine, inspect, text
from sqlmodel import Session

from actors.task_requester.amending import GONE
from actors.task_requester.database import ENDED, FILE, storing
from actors.task_requester.patients import patients_of
from actors.task_requester.patients_folding import Known, standing
from profiles.hl7 import ImagingOrder

_ORDER = TypeAdapter(ImagingOrder)
_ORDERS = """
SELECT o.number, o.accession, o.placer, o.filler, o.study_uid, o.state, o.explanation, o.attention, o.origin,
       o.received_at, o.images_complete_at, o.image_count, o.content, m.control_id, m.answer_code
FROM imaging_order o LEFT JOIN message m ON m.number = o.message_number WHERE
"""
_MESSAGES = """
SELECT m.number, m.control_id, m.kind, e.received_at, m.answer_code, e.control, e.effect, e.origin
FROM order_event e LEFT JOIN message m ON m.number = e.message_number WHERE e.order_number = :value ORDER BY e.number
"""
_WORKITEMS = """
SELECT uid, study_uid, rule, state, planned_at, created_at, explanation, cancel_outcome, revision, replaces, ups_state,
       note
FROM workitem WHERE order_number = :value ORDER BY planned_at, revision
"""
_DECIDED = """
SELECT number, accession, study_uid, content FROM imaging_order
WHERE images_complete_at >= :value AND study_uid <> '' ORDER BY images_complete_at
"""
_CONTENTS = """
SELECT rule, content FROM workitem WHERE order_number = :value AND state <> 'withdrawn' ORDER BY revision
"""
_QUARANTINE = """
SELECT number, sender, control_id, kind, received_at, answer_code, reason
FROM message WHERE answer_code <> 'AA' ORDER BY number DESC LIMIT :value
"""


def orders_by_accession(where: Path | str, accession: str) -> list[dict[str, Any]]:
    """The orders with an accession number, flat and JSON-ready.

    Args:
        where: ``data_dir`` of the installation, or the ``database_url`` of the Task Requester.
        accession: accession number.

    Returns:
        For each order ``accession_number``, ``placer_order_number``, ``filler_order_number``, ``study_instance_uid``,
        ``message_control_id``, ``received_at``, ``acknowledged``, ``state``, ``explanation``; an empty list when there
        is none, or no store.
    """
    with _reading(where) as connection:
        rows = _rows(connection, f"{_ORDERS} o.accession = :value ORDER BY o.number", accession)
    return [_order(row) for row in rows]


def order_thread(where: Path | str, identifier: str) -> list[dict[str, Any]]:
    """The orders that an accession, placer or filler number, study, workitem, message or patient identifier belongs to.

    A patient identifier that was merged away finds the survivor's orders, too, and the other way round (HL7-044).

    Returns:
        As `orders_by_accession`, each with ``messages`` and ``workitems``, with ``cancel_pending``: whether a
        workitem of it goes on though its cancellation was asked for, and with ``patient``: what a merge or a changed
        identifier did to the patient identifier that it was looked for by.
    """
    condition = """
    :value IN (o.accession, o.placer, o.filler, o.study_uid, m.control_id)
    OR o.number IN (SELECT order_number FROM workitem WHERE uid = :value)
    OR o.number IN (SELECT order_number FROM order_key WHERE value = :value)
    OR o.number IN (SELECT e.order_number FROM order_event e JOIN message n ON n.number = e.message_number
                    WHERE n.control_id = :value)
    ORDER BY o.number
    """
    found = []
    with _reading(where) as connection:
        rows = _rows(connection, _ORDERS + condition, identifier)
        theirs, words = _of_patients(connection, identifier)
        rows += [row for row in theirs if row not in rows]
        for row in rows:
            messages = _rows(connection, _MESSAGES, row["number"])
            workitems = _rows(connection, _WORKITEMS, row["number"])
            pending = any(map(_is_cancel_pending, workitems))
            thread = {"cancel_pending": pending, "messages": messages, "workitems": workitems, "patient": words}
            found.append({**_order(row), **thread})
    return found


def decided_orders(where: Path | str, since: str) -> list[dict[str, Any]]:
    """The orders that were decided on since a moment, to be decided on again (``stepwell rules replay``).

    Args:
        where: ``data_dir`` of the installation, or the ``database_url`` of the Task Requester.
        since: ISO 8601 in UTC.

    Returns:
        For each ``accession``, ``study_uid``, ``content`` (the order as JSON), and ``workitems``: content by rule.
    """
    with _reading(where) as connection:
        return [
            {**row, "workitems": {one["rule"]: one["content"] for one in _rows(connection, _CONTENTS, row["number"])}}
            for row in _rows(connection, _DECIDED, since)
        ]


def orders_in_doubt(where: Path | str) -> list[dict[str, Any]]:
    """The orders that a person has to look at: the patient is in doubt, a workitem was refused, or the sender erred.

    Returns:
        As `orders_by_accession`, with the reason in ``explanation`` or ``attention``.
    """
    with _reading(where) as connection:
        rows = _rows(connection, f"{_ORDERS} o.state IN ('mismatch', 'refused') OR o.attention <> :value", "")
    return [_order(row) for row in sorted(rows, key=lambda row: int(row["number"]))]


def quarantine(where: Path | str, limit: int = 100) -> list[dict[str, Any]]:
    """Messages that were refused, newest first, each with its reason."""
    with _reading(where) as connection:
        return _rows(connection, _QUARANTINE, limit)


def quarantined_message(where: Path | str, number: int) -> bytes:
    """The bytes of a kept message, to be looked at or sent again.

    Raises:
        KeyError: when there is no message of that number.
    """
    with _reading(where) as connection:
        found = _rows(connection, "SELECT content FROM message WHERE number = :value", number)
    if not found:
        raise KeyError(number)
    content: bytes = found[0]["content"]
    return content


def _is_cancel_pending(workitem: dict[str, Any]) -> bool:
    return bool(workitem["cancel_outcome"]) and workitem["ups_state"] not in {*ENDED, GONE}


def _of_patients(connection: Connection | None, value: str) -> tuple[list[dict[str, Any]], str]:
    """The orders of the patients that a bare identifier may name, and what became of the identifier."""
    if connection is None:
        return [], ""
    patients: list[Known] = []
    if inspect(connection).has_table("patient_event"):
        with Session(connection) as session:
            patients = patients_of(session, value)
    values = {value, *(one.value for known in patients for one in known.identifiers)}
    rows = [row for one in sorted(values) for row in _rows(connection, f"{_ORDERS} o.patient_id = :value", one)]
    return sorted(rows, key=lambda row: int(row["number"])), "; ".join(filter(None, map(standing, patients)))


def _order(row: dict[str, Any]) -> dict[str, Any]:
    said = _ORDER.validate_json(row["content"])
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
        "attention": row["attention"],
        "origin": row["origin"],
        "images_complete_at": row["images_complete_at"],
        "image_count": row["image_count"],
        "parent": str(said.parent),
        "derived_study_uid": "" if row["study_uid"] else said.derived_study_uid,
    }


@contextmanager
def _reading(where: Path | str) -> Iterator[Connection | None]:
    path = where / "task_requester" / FILE if isinstance(where, Path) else None
    if path and (not path.exists() or path.stat().st_size == 0):
        yield None
        return
    engine = create_engine(f"sqlite:///file:{path}?mode=ro&uri=true" if path else str(where), poolclass=NullPool)
    try:
        with storing(), engine.connect() as connection:
            yield connection if inspect(connection).has_table("order_event") else None
    finally:
        engine.dispose()


def _rows(connection: Connection | None, query: str, value: object) -> list[dict[str, Any]]:
    if connection is None:
        return []
    return [dict(row) for row in connection.execute(text(query), {"value": value}).mappings()]
