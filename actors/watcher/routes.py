"""The pages of the Watcher: ``/``, ``/workitems/{uid}`` and ``/timeline/{accession}``. Read only."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import HTMLResponse, Response

from actors.shared.multipart import is_uid
from actors.shared.pages import Templates
from actors.shared.pages import create_app as create_pages_app
from actors.shared.tokens import token_in
from actors.watcher.board import PRIORITIES, STATES, Board, Filters, board
from actors.watcher.settings import Settings
from actors.watcher.sources import Events, TaskManagerWorklist, Worklist
from actors.watcher.timeline import Timeline, timeline
from actors.watcher.workitem import WorkitemView, situation, without_lock
from profiles.errors import BadInput, StepwellError, Unavailable

PACKAGE = "actors.watcher"
_WORKITEMS_OF_ONE = 50


@dataclass(frozen=True, slots=True)
class Watch:
    """What the pages are made from."""

    settings: Settings
    worklist: Worklist
    events: Events
    templates: Templates
    now: Callable[[], datetime]

    def board(self, filters: Filters) -> tuple[Board, str]:
        """The board, and what kept it from being filled."""
        try:
            return board(self.worklist, filters, self.now(), self.settings.late_seconds), ""
        except Unavailable as error:
            return Board(), error.message

    def timeline(self, **match: str) -> tuple[Timeline, str]:
        """The timeline, and what kept it from being filled."""
        if not self.settings.event_repository_url:
            return Timeline(), "No event repository is configured (event_repository_url of [watcher])."
        try:
            return timeline(self.events.of(**match)), ""
        except Unavailable as error:
            return Timeline(), error.message

    def workitems_of(self, accession: str) -> tuple[list[WorkitemView], str]:
        """The workitems of an accession number, and what kept them away."""
        matches = {"ReferencedRequestSequence.AccessionNumber": accession}
        try:
            found = self.worklist.search(matches, _WORKITEMS_OF_ONE, ("ReferencedRequestSequence",))
        except StepwellError as error:
            return [], error.message
        return [WorkitemView.read(one) for one in found], ""

    def common(self) -> dict[str, Any]:
        """Values that all templates use."""
        return {"here": "worklist", "now": self.now(), "refresh": self.settings.refresh_seconds}


def create_router(
    settings: Settings, worklist: Worklist | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> APIRouter:
    """The routes; they close what they opened when the application ends.

    Args:
        settings: names the Task Manager and the Event Repository.
        worklist: swapped by tests; else the Task Manager of the settings.
        now: the clock.
    """
    repository = settings.event_repository_url.rstrip("/")
    values = {
        "results_url": settings.results_url.rstrip("/"),
        "operations_url": f"{repository}/dashboard/" if repository else "",
    }
    watch = Watch(
        settings,
        worklist or TaskManagerWorklist(settings),
        Events(settings.event_repository_url, settings.timeout_seconds, token_in(settings.event_repository_token_file)),
        Templates(PACKAGE, values=values),
        now,
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        watch.worklist.close()
        watch.events.close()

    router = APIRouter(lifespan=lifespan)
    _add_board(router, watch)
    _add_workitem(router, watch)
    _add_timeline(router, watch)
    return router


def create_app(settings: Settings) -> FastAPI:
    """The Watcher alone."""
    return create_pages_app("watcher", [create_router(settings)])


def _filters(state: str = "", label: str = "", engine: str = "", priority: str = "", age: str = "") -> Filters:
    return Filters(state if state in STATES else "", label, engine, priority if priority in PRIORITIES else "", age)


Wanted = Annotated[Filters, Depends(_filters)]


def _add_board(router: APIRouter, watch: Watch) -> None:
    def values(filters: Filters) -> dict[str, Any]:
        found, away = watch.board(filters)
        sentences = {one.uid: situation(one, watch.now(), watch.settings.late_seconds) for one in found.rows}
        return {"board": found, "away": away, "filters": filters, "situations": sentences, **watch.common()}

    @router.get("/", response_class=HTMLResponse)
    def worklist(filters: Wanted) -> Response:
        return watch.templates.page("worklist.html", **values(filters))

    @router.get("/board", response_class=HTMLResponse)
    def part(filters: Wanted) -> Response:
        return watch.templates.page("board.html", **values(filters))


def _add_workitem(router: APIRouter, watch: Watch) -> None:
    @router.get("/workitems/{uid}", response_class=HTMLResponse)
    def workitem(uid: str) -> Response:
        if not is_uid(uid):
            raise BadInput("The address names something that is no UID (PS3.5 section 9.1). Start from the worklist.")
        found = without_lock(watch.worklist.retrieve(uid))
        view = WorkitemView.read(found)
        thread, away = watch.timeline(workitem=uid)
        return watch.templates.page(
            "workitem.html",
            view=view,
            situation=situation(view, watch.now(), watch.settings.late_seconds),
            timeline=thread,
            events_away=away,
            raw=json.dumps(found, indent=1, ensure_ascii=False),
            **watch.common(),
        )


def _add_timeline(router: APIRouter, watch: Watch) -> None:
    @router.get("/timeline/{accession:path}", response_class=HTMLResponse)
    def thread(accession: str) -> Response:
        found, away = watch.timeline(accession=accession)
        workitems, worklist_away = watch.workitems_of(accession)
        return watch.templates.page(
            "timeline.html",
            accession=accession,
            timeline=found,
            events_away=away,
            workitems=workitems,
            worklist_away=worklist_away,
            **watch.common(),
        )
