"""Worklists of any size, filled by bulk SQL: what a department's Task Manager holds after some years."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connectathon.fiction import DemoOrder
from connectathon.workitems import ANALYSIS, new_workitem, performed
from profiles.dicom import Code, put, put_codes
from profiles.ups import State
from workitems.model import Workitem
from workitems.store import Store, sqlite_url
from workitems.store.rows import workitem_row

LABELS = ("BRAIN", "CHEST", "KNEE", "SPINE")
STATIONS = ("AI_ONE", "AI_TWO", "AI_THREE", "AI_FOUR")
PAIRS = tuple(itertools.product(LABELS, STATIONS))
_DAYS, _CANCELED_OF = 16, 20
_NUMBER = "97531864"  # stands for the number of a workitem in a template
_NOW = datetime.now(UTC).replace(microsecond=0)
_Row = dict[str, Any]


def fill(path: Path, size: int, open_per_pair: int) -> None:
    """Make a store of so many workitems: the last are open, for each label and station the same number, the rest final.

    Args:
        path: of the database.
        size: workitems in all.
        open_per_pair: SCHEDULED workitems of each label and station, however many are final.
    """
    Store(sqlite_url(path)).close()  # makes the tables
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous=OFF")
    rows = _rows(size, open_per_pair)
    first = next(rows)
    names = ", ".join(first)
    statement = f"INSERT INTO workitem ({names}) VALUES ({', '.join('?' * len(first))})"  # noqa: S608 - column names
    with connection:
        connection.executemany(statement, (tuple(row.values()) for row in itertools.chain([first], rows)))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def mix(size: int, open_per_pair: int) -> str:
    """The mix in words."""
    waiting = open_per_pair * len(PAIRS)
    return (
        f"{size:,} workitems: {waiting:,} SCHEDULED ({open_per_pair * len(STATIONS)} for each of {len(LABELS)} labels, "
        f"{len(STATIONS)} stations), the rest final, 1 of {_CANCELED_OF} CANCELED"
    )


def _rows(size: int, open_per_pair: int) -> Iterator[_Row]:
    """Rows as the store writes them; final ones first, for they are the oldest."""
    final = size - open_per_pair * len(PAIRS)
    templates = {
        (state, pair, day): _template(state, pair, day)
        for state in (State.SCHEDULED, State.COMPLETED, State.CANCELED)
        for pair in PAIRS
        for day in range(_DAYS)
    }
    for number in range(size):
        ended = State.CANCELED if number % _CANCELED_OF == 0 else State.COMPLETED
        state = ended if number < final else State.SCHEDULED
        template = templates[state, PAIRS[number % len(PAIRS)], number // len(PAIRS) % _DAYS]
        text = f"{number:08d}"
        yield {
            name: value.replace(_NUMBER.encode(), text.encode())
            if isinstance(value, bytes)
            else value.replace(_NUMBER, text)
            if isinstance(value, str)
            else value
            for name, value in template.items()
        }


def _template(state: State, pair: tuple[str, str], day: int) -> _Row:
    label, station = pair
    start = _NOW - timedelta(days=day, minutes=7 * day)
    order = DemoOrder(
        accession_number=f"A{_NUMBER}",
        study_instance_uid=f"2.25.1{_NUMBER}",
        patient_id=f"DEMO-{_NUMBER}",
        placer_order_number=f"P{_NUMBER}",
        filler_order_number=f"F{_NUMBER}",
        requested_procedure_id=f"RP{_NUMBER}",
    )
    uid = f"2.25.2{_NUMBER}"
    content = new_workitem(order, now=start, label=label)
    put(put(content, "SOPInstanceUID", uid), "ProcedureStepState", str(state))
    put_codes(content, "ScheduledWorkitemCodeSequence", ANALYSIS)
    put_codes(content, "ScheduledStationNameCodeSequence", Code(station, "L", station))
    if state is State.COMPLETED:
        content |= performed(start)
    workitem = Workitem(uid, 1, state, dict(sorted(content.items())), final_at=_NOW if state.is_final else None)
    return {"uid": uid, **workitem_row(workitem)}
