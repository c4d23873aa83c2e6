"""Where what was asked for in FHIR stands, as resources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import ColumnElement
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from actors.task_requester.database import Database, OrderRow, WorkitemRow, WorkitemState
from actors.task_requester.recording import stored_order
from profiles.dicom import JsonDataset
from profiles.errors import NotFound
from profiles.fhir.datatypes import Json, logical, numbered
from profiles.fhir.elements import Version
from profiles.fhir.tasks import task_of

#: Status of a ServiceRequest, and of a Task without a workitem, by the phase of the order.
_STATUS = {
    "active": ("active", "received"),
    "held": ("on-hold", "on-hold"),
    "canceled": ("revoked", "cancelled"),
    "superseded": ("revoked", "cancelled"),
    "incomplete": ("unknown", "received"),
}
_LONGEST_NUMBER = 19  # a signed 64-bit integer
_KINDS = {"PLAC": "placer", "FILL": "filler", "ACSN": "accession"}


class WorkitemSource(Protocol):
    """The part of the Task Manager's client that is needed here."""

    def retrieve(self, uid: str) -> JsonDataset:
        """The workitem; raises NotFound."""


@dataclass(frozen=True, slots=True)
class Standings:
    """Reads what became of requests.

    Args:
        database: the order store.
        worklist: has the workitems.
    """

    database: Database
    worklist: WorkitemSource

    def task(self, name: str, version: Version) -> Json:
        """The Task of a workitem UID, or of a request by its number: its workitem, once there is one.

        Raises:
            NotFound: there is none.
        """
        if not name.isdecimal():
            return task_of(name, self.worklist.retrieve(name), version)
        row = self._order(name)
        with self.database.read() as session:
            made = list(session.exec(_created(WorkitemRow.order_number == row.number)))
        asked = stored_order(row).asked
        wanted = [one for one in made if one.rule in asked] or made
        if wanted:
            return {**task_of(wanted[0].uid, self.worklist.retrieve(wanted[0].uid), version), "id": name}
        return {"resourceType": "Task", "id": name, "status": _STATUS[row.phase][1], "intent": "order"}

    def tasks(self, study: str, version: Version) -> Json:
        """The Tasks of a study, as a searchset."""
        with self.database.read() as session:
            uids = [one.uid for one in session.exec(_created(WorkitemRow.study_uid == study))]
        found = [task_of(uid, self.worklist.retrieve(uid), version) for uid in uids]
        entries = [{"resource": one, "search": {"mode": "match"}} for one in found]
        made: Json = {"resourceType": "Bundle", "type": "searchset", "total": len(found)}
        return {**made, **({"entry": entries} if entries else {})}

    def service_request(self, name: str) -> Json:
        """A request by its number, as far as status, numbers and patient go.

        Raises:
            NotFound: there is none.
        """
        row = self._order(name)
        order = stored_order(row)
        known = {code: getattr(order, kind).value for code, kind in _KINDS.items()}
        numbers = [numbered(code, value) for code, value in known.items() if value]
        return {
            "resourceType": "ServiceRequest",
            "id": name,
            **({"identifier": numbers} if numbers else {}),
            "status": _STATUS[row.phase][0],
            "intent": "order",
            "subject": logical("Patient", {"value": order.patient.identifier.value}),
        }

    def _order(self, name: str) -> OrderRow:
        with self.database.read() as session:
            row = session.get(OrderRow, int(name)) if name.isdecimal() and len(name) < _LONGEST_NUMBER else None
        if row is None:
            raise NotFound("There is no such request.")
        return row


def _created(condition: bool | ColumnElement[bool]) -> SelectOfScalar[WorkitemRow]:
    wanted = select(WorkitemRow).where(condition, WorkitemRow.state == WorkitemState.CREATED)
    return wanted.order_by(col(WorkitemRow.planned_at), col(WorkitemRow.uid))
