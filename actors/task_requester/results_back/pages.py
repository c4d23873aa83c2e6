"""Pages of alerts: what nobody acknowledged comes first; taking one on needs a name and cannot be undone."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, Response
from sqlmodel import Session, col, select

from actors.shared.pages import Templates
from actors.shared.pages import create_app as create_pages_app
from actors.task_requester.database import Database, OrderRow, WorkitemRow
from actors.task_requester.forms import read_form, require_here
from actors.task_requester.results_back.alerts import acknowledge
from actors.task_requester.results_back.store import AlertRow
from profiles.dicom import code
from profiles.errors import BadInput, NotFound
from profiles.sole.event import SecurityEvent

PACKAGE = "actors.task_requester"
_SETTLED_SHOWN = 50
_LONGEST_NAME = 64
_REFRESH_SECONDS = 5


@dataclass(frozen=True, slots=True)
class AlertView:
    """One alert as a person sees it.

    Attributes:
        number: of the alert.
        why: what is urgent, in words.
        accession: of the order.
        study: Study Instance UID.
        workitem: its UID.
        raised: when it was raised.
        due: when it is, or was, escalated if nobody acknowledges it.
        escalated: when it was escalated; None when it was not.
        acknowledged: when a person took it on; None when nobody did.
        person: who.
    """

    number: int
    why: str
    accession: str
    study: str
    workitem: str
    raised: datetime
    due: datetime
    escalated: datetime | None
    acknowledged: datetime | None
    person: str


@dataclass(frozen=True, slots=True)
class AlertDesk:
    """What the pages need.

    Args:
        database: the order store; the Task Requester may be using it.
        audit: takes the security event of each acknowledgement.
        user: at whose desk the pages are served.
        escalation_seconds: how long an alert may wait.
        clock: the present, timezone-aware.
    """

    database: Database
    audit: Callable[[SecurityEvent], object]
    user: str
    escalation_seconds: float
    clock: Callable[[], datetime]

    def waiting(self) -> list[AlertView]:
        """Alerts that nobody acknowledged: the escalated first, then those that wait longest."""
        late_first = (col(AlertRow.escalated_at) == "", col(AlertRow.raised_at), col(AlertRow.number))
        with self.database.read() as session:
            rows = session.exec(select(AlertRow).where(AlertRow.acknowledged_at == "").order_by(*late_first))
            return [self._view(session, row) for row in rows]

    def settled(self) -> list[AlertView]:
        """Those that were acknowledged last, the newest first."""
        newest = select(AlertRow).where(AlertRow.acknowledged_at != "").order_by(col(AlertRow.acknowledged_at).desc())
        with self.database.read() as session:
            return [self._view(session, row) for row in session.exec(newest.limit(_SETTLED_SHOWN))]

    def alert(self, number: int) -> AlertView:
        """One alert.

        Raises:
            NotFound: there is none of that number.
        """
        with self.database.read() as session:
            row = session.get(AlertRow, number)
            if row is None:
                raise NotFound(f"There is no alert {number}. Start from the list of alerts.")
            return self._view(session, row)

    def take(self, number: int, name: str) -> None:
        """A person takes an alert on.

        Raises:
            Conflict: somebody did before.
        """
        acknowledge(self.database, number, name, clock=self.clock, audit=self.audit, desk=self.user)

    def _view(self, session: Session, row: AlertRow) -> AlertView:
        raised = datetime.fromisoformat(row.raised_at)
        return AlertView(
            number=row.number or 0,
            why=in_words(row.why),
            accession=session.get_one(OrderRow, row.order_number).accession,
            study=session.get_one(WorkitemRow, row.workitem_uid).study_uid,
            workitem=row.workitem_uid,
            raised=raised,
            due=raised + timedelta(seconds=self.escalation_seconds),
            escalated=_moment(row.escalated_at),
            acknowledged=_moment(row.acknowledged_at),
            person=row.acknowledged_by,
        )


def in_words(why: str) -> str:
    """What is urgent, for people: the meaning of a code where it is known."""
    kind, _, said = why.partition(" ")
    if kind != "finding":
        return "The report has the highest priority" if said == "HIGH" else why
    value, _, scheme = said.partition("|")
    try:
        return f"{code(scheme, value).meaning} ({value}, {scheme})"
    except KeyError:
        return f"Finding {value} ({scheme})"


def require_name(fields: dict[str, str]) -> str:
    """The name of who takes an alert on.

    Raises:
        BadInput: none is given, or it is none that others can read.
    """
    name = " ".join(fields.get("name", "").split())
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise BadInput(f"Say who you are, in at most {_LONGEST_NAME} letters: others must know whom to ask.")
    return name


def create_app(desk: AlertDesk, *, watcher_url: str = "", results_url: str = "") -> FastAPI:
    """The pages.

    Args:
        desk: has the alerts.
        watcher_url: where workitems are shown; empty when it is not known.
        results_url: where results are shown; empty when it is not known.
    """
    token = secrets.token_urlsafe()
    values = {"worklist_url": watcher_url, "results_url": results_url, "token": token, "refresh": _REFRESH_SECONDS}
    templates = Templates(PACKAGE, values=values)
    router = APIRouter(dependencies=[Depends(require_here)])

    def page(template: str, **found: Any) -> Response:
        return templates.page(template, now=desk.clock(), **found)

    @router.get("/", response_class=HTMLResponse)
    def alerts() -> Response:
        return page("alerts.html", waiting=desk.waiting(), settled=desk.settled())

    @router.get("/list", response_class=HTMLResponse)
    def live() -> Response:
        return page("alerts_list.html", waiting=desk.waiting(), settled=desk.settled())

    @router.get("/alerts/{number}", response_class=HTMLResponse)
    def alert(number: int) -> Response:
        return page("alert.html", alert=desk.alert(number), name="")

    @router.post("/alerts/{number}/confirm", response_class=HTMLResponse)
    async def confirm(number: int, request: Request) -> Response:
        name = require_name(await read_form(request, token))
        return page("alert.html", alert=await run_in_threadpool(desk.alert, number), name=name)

    @router.post("/alerts/{number}/acknowledge", response_class=HTMLResponse)
    async def taken(number: int, request: Request) -> Response:
        name = require_name(await read_form(request, token))
        await run_in_threadpool(desk.take, number, name)
        return page("alert.html", alert=await run_in_threadpool(desk.alert, number), name="")

    return create_pages_app("alerts_desk", [router])


def _moment(value: str) -> datetime | None:
    return datetime.fromisoformat(value) if value else None
