"""The pages under ``/dashboard``, and ``/metrics``. Read only; pages that name single studies leave an audit event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import Connection

from actors.event_repository.dashboard import pages, present
from actors.event_repository.dashboard.charts import Chart
from actors.event_repository.dashboard.differences import differences, sides
from actors.event_repository.dashboard.serving import ASSETS, PACKAGE, Live
from actors.event_repository.dashboard.story import story
from actors.event_repository.dashboard.views import LAST, UNTOLD, View, read_view
from actors.event_repository.dashboard.what_if import Asked, charts_of, read_question
from actors.shared.pages import Templates
from profiles.errors import BadInput, NotFound
from sole_logging.exchange import metrics_text
from sole_logging.measures import MeasureQuery, ask
from sole_logging.measures.comparing import can_compare
from sole_logging.measures.definitions import STRATA, Measure, measures
from sole_logging.measures.present import present as look
from sole_logging.measures.spread import events_of
from sole_logging.measures.windows import Strata
from sole_logging.store import EventStore
from sole_logging.whatif import WORDS, read_work, what_if

#: Pages in the order of the navigation: address, name.
PAGES = (
    ("", "Now"),
    ("efficiency", "Efficiency"),
    ("distribution", "Distribution"),
    ("compare", "Compare"),
    ("what-if", "What if"),
    ("failures", "Failures"),
    ("gaps", "Gaps"),
    ("left-out", "Left out"),
)
_NAMES = {
    "priority": "Priority", "place": "Place of service", "modality": "Modality", "site": "Site", "hours": "Hours",
    "readers": "Readers", "engine": "Engine", "version": "Version", "finding": "AI finding", "reason": "Reason",
}  # fmt: skip
#: Strata that every page offers as filters.
_OFFERED = tuple(name for name in STRATA if name not in ("readers", "reason"))
_UNFILTERED = frozenset({"gaps"})
_METRICS_WINDOW = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Desk:
    """What the pages are made from.

    Attributes:
        store: the log, with its facts.
        audit: told of the address of a page that shows single studies, and of who asks.
        worklist_url: address of the Watcher's pages; empty when there are none.
    """

    store: EventStore
    audit: Callable[[Request], None]
    live: Live
    worklist_url: str = ""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


def create_dashboard(desk: Desk) -> list[APIRouter]:
    """The routes of the pages, of their files, and of the metrics."""
    router = APIRouter(prefix="/dashboard")
    templates = Templates(PACKAGE, ASSETS, {"pages": PAGES, "stratum_names": _NAMES, "worklist_url": desk.worklist_url})
    _add_present(router, desk, templates)
    _add_charts(router, desk, templates)
    _add_compare(router, desk, templates)
    _add_what_if(router, desk, templates)
    _add_case(router, desk, templates)
    return [router, _elsewhere(desk), ASSETS.router()]


def _elsewhere(desk: Desk) -> APIRouter:
    router = APIRouter()

    @router.get("/")
    def start() -> Response:
        return RedirectResponse("/dashboard/")

    @router.get("/metrics")
    def metrics() -> Response:
        """All measures of the last 24 hours, for Prometheus."""
        now = desk.now()
        names = tuple(name for name in measures() if name != "A30")
        with desk.store.database.read() as connection:
            answer = ask(connection, MeasureQuery(names, now - _METRICS_WINDOW, now))
        return Response(metrics_text(answer), media_type=CONTENT_TYPE_LATEST)

    return router


def _view(request: Request, desk: Desk, last: str = "30d") -> View:
    found = [(name, value) for name, value in request.query_params.multi_items() if name != "chart"]
    return read_view(found, desk.now(), last)


def _common(request: Request, connection: Connection, desk: Desk, view: View) -> dict[str, Any]:
    """Values that all templates use."""
    here = request.url.path.rpartition("/")[2]
    strata = Strata(connection, view.ask("A11").window)
    offered = () if here in _UNFILTERED else _OFFERED
    choices = {name: [one or UNTOLD for one in strata.labels(name)[0]] for name in offered}
    return {
        "here": here,
        "view": view,
        "now": desk.now(),
        "choices": {name: some for name, some in choices.items() if some not in ([], [UNTOLD]) or name in view.filters},
        "lasts": tuple(LAST),
        "untold": UNTOLD,
    }


def _add_present(router: APIRouter, desk: Desk, templates: Templates) -> None:
    def values(request: Request) -> dict[str, Any]:
        view, now = _view(request, desk, "24h"), desk.now()
        with desk.store.database.read() as connection:
            found = look(connection, view.filters, now - present.HORIZON)
            charts, stalled = present.charts(connection, view, found, now)
            return {
                "tiles": present.tiles(found, stalled, view, now),
                "shares": present.shares(connection, view),
                "charts": charts,
                "unread": desk.store.figures()["unread"],
                **_common(request, connection, desk, view),
            }

    @router.get("/", response_class=HTMLResponse)
    def page(request: Request) -> Response:
        return templates.page("now.html", **values(request))

    @router.get("/now", response_class=HTMLResponse)
    def part(request: Request) -> Response:
        return templates.page("now_part.html", **values(request))

    @router.get("/now.csv")
    def table(request: Request) -> Response:
        return _csv(request, values(request)["charts"])

    @router.get("/live")
    async def live() -> Response:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(desk.live.listen(), media_type="text/event-stream", headers=headers)


_LOOKING_BACK: dict[str, Callable[[Connection, View], list[Chart]]] = {
    "efficiency": pages.efficiency,
    "distribution": pages.distribution,
    "failures": pages.failures,
    "gaps": pages.gap_charts,
    "left-out": lambda connection, view: [pages.left_out_chart(connection, view)],
}
#: Pages that name single studies.
_OF_CASES = frozenset({"distribution", "gaps"})


def _add_charts(router: APIRouter, desk: Desk, templates: Templates) -> None:
    def add(name: str, made: Callable[[Connection, View], list[Chart]]) -> None:
        @router.get(f"/{name}", response_class=HTMLResponse)
        def page(request: Request) -> Response:
            view = _view(request, desk)
            with desk.store.database.read() as connection:
                values = _common(request, connection, desk, view)
                charts = made(connection, view)
            if name in _OF_CASES:
                desk.audit(request)
            return templates.page(f"{name}.html", charts=charts, measures=_measures(name), **values)

        @router.get(f"/{name}.csv")
        def table(request: Request) -> Response:
            with desk.store.database.read() as connection:
                charts = made(connection, _view(request, desk))
            if name in _OF_CASES:
                desk.audit(request)
            return _csv(request, charts)

    for name, made in _LOOKING_BACK.items():
        add(name, made)


def _add_compare(router: APIRouter, desk: Desk, templates: Templates) -> None:
    def made(request: Request) -> tuple[dict[str, Any], list[Chart]]:
        view = _view(request, desk)
        with desk.store.database.read() as connection:
            values = _common(request, connection, desk, view)
            versions = [one for one in Strata(connection, view.ask("A11").window).labels("version")[0] if one]
            charts, sentences, trouble = list[Chart](), list[str](), ""
            try:
                charts, sentences = differences(connection, view)
            except BadInput as error:
                trouble = error.message
        told = {"sentences": sentences, "trouble": trouble, "versions": versions, "sides": sides(view)}
        return {**values, **told, "charts": charts, "measures": _measures("compare")}, charts

    @router.get("/compare", response_class=HTMLResponse)
    def page(request: Request) -> Response:
        return templates.page("compare.html", **made(request)[0])

    @router.get("/compare.csv")
    def table(request: Request) -> Response:
        return _csv(request, made(request)[1])


def _add_what_if(router: APIRouter, desk: Desk, templates: Templates) -> None:
    def made(request: Request) -> tuple[dict[str, Any], list[Chart]]:
        question, rest = read_question(one for one in request.query_params.multi_items() if one[0] != "chart")
        view = read_view(rest, desk.now(), "7d")
        answer, charts, trouble = None, list[Chart](), ""
        with desk.store.database.read() as connection:
            values = _common(request, connection, desk, view)
            engines = [one for one in Strata(connection, view.ask("A02").window).labels("engine")[0] if one]
        try:
            with desk.store.database.read() as connection:
                log = read_work(connection, view.ask("A02").window)
            answer = what_if(log, question.scenario)
            charts = charts_of(answer)
        except BadInput as error:
            trouble = error.message
        told = {"question": question, "engines": engines, "policies": WORDS, "answer": answer, "trouble": trouble}
        return {**values, **told, "asked": Asked(view, question), "charts": charts}, charts

    @router.get("/what-if", response_class=HTMLResponse)
    def page(request: Request) -> Response:
        return templates.page("what-if.html", **made(request)[0])

    @router.get("/what-if.csv")
    def table(request: Request) -> Response:
        return _csv(request, made(request)[1])


def _add_case(router: APIRouter, desk: Desk, templates: Templates) -> None:
    @router.get("/find")
    def find(name: str) -> Response:
        return RedirectResponse(f"/dashboard/{pages.case_address(name.strip())}")

    @router.get("/case/{name:path}", response_class=HTMLResponse)
    def page(request: Request, name: str) -> Response:
        with desk.store.database.read() as connection:
            entries = events_of(connection, name)
            values = _common(request, connection, desk, read_view((), desk.now()))
        desk.audit(request)
        return templates.page("case.html", name=name, story=story(entries), **{**values, "here": "distribution"})


@cache
def _measures(page: str) -> tuple[Measure, ...]:
    """The measures that a page lets one choose from."""
    kinds = {"distribution": ("interval", "throughput", "ratio", "compliance")}.get(page)
    return tuple(one for one in measures().values() if (one.kind in kinds if kinds else can_compare(one)))


def _csv(request: Request, charts: list[Chart]) -> Response:
    name = request.query_params.get("chart", "")
    found = next((one for one in charts if one.name == name), None)
    if found is None:
        raise NotFound("This page has no such table, or there is nothing in it.")
    headers = {"Content-Disposition": f'attachment; filename="{found.name}.csv"', "Cache-Control": "no-store"}
    return Response(found.as_csv(), media_type="text/csv; charset=utf-8", headers=headers)
