"""The pages and pictures of the Image Display: ``/results`` and what is below it; they change nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from actors.image_display.assessing import ReaderOf, assessment_router, require_uids
from actors.image_display.ohif import ohif_router
from actors.image_display.reporting import ReadingLog
from actors.image_display.service import ImageDisplay, engine_of
from actors.image_display.settings import Settings
from actors.image_display.view import ResultView
from actors.shared.dicomweb import Archive
from actors.shared.pages import Assets, Templates
from actors.shared.pages import create_app as create_pages_app
from profiles.errors import NotFound

PACKAGE = "actors.image_display"
_IMMUTABLE = {"Cache-Control": "private, max-age=3600"}
_PICTURE = "/results/{study}/series/{series}"


def create_router(
    settings: Settings, display: ImageDisplay | None = None, reading: ReadingLog | None = None
) -> APIRouter:
    """The routes; they close what they opened when the application ends.

    Args:
        settings: names the archive.
        display: swapped by tests; else one over the archive of the settings.
        reading: told of what readers see and say; nobody is told when there is none.
    """
    images = display or ImageDisplay(Archive(settings.archive_url, timeout_seconds=settings.timeout_seconds))
    assets = Assets(PACKAGE, "/assets/image_display")
    values = {
        "worklist_url": settings.worklist_url.rstrip("/"),
        "engine_of": engine_of,
        "ohif": bool(settings.ohif_folder),
    }
    templates = Templates(PACKAGE, assets, values)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        images.close()

    router = APIRouter(lifespan=lifespan)
    router.include_router(assets.router())
    log, reader = reading or ReadingLog(), ReaderOf(settings.reader_header)
    _add_pages(router, images, templates, log, reader)
    router.include_router(assessment_router(images, log, reader))
    _add_pictures(router, images)
    if settings.ohif_folder:
        router.include_router(ohif_router(settings.ohif_folder, settings.archive_url, settings.timeout_seconds))
    return router


def create_app(settings: Settings, reading: ReadingLog | None = None) -> FastAPI:
    """The Image Display alone: its first page is the list of results."""
    app = create_pages_app("image_display", [create_router(settings, reading=reading)])

    @app.get("/")
    def first() -> RedirectResponse:
        return RedirectResponse("/results")

    return app


def _add_pages(
    router: APIRouter, images: ImageDisplay, templates: Templates, reading: ReadingLog, reader: ReaderOf
) -> None:
    @router.get("/results", response_class=HTMLResponse)
    def results() -> Response:
        return templates.page("results.html", here="results", studies=images.recent())

    @router.get("/results/{study}", response_class=HTMLResponse)
    def result(
        request: Request, study: str, segmentation: str = "", series: str = "", slice: int | None = None
    ) -> Response:
        require_uids(study, segmentation, series)
        found = images.study(study)
        view = ResultView.build(images, found, segmentation, series, slice)
        reading.shown(found, reader(request), request.client.host if request.client else "")
        return templates.page("result.html", here="results", study=found, view=view)


def _add_pictures(router: APIRouter, images: ImageDisplay) -> None:
    @router.get("/results/{study}/overlay.png")
    def overlay(study: str, slice: int | None = None, segmentation: str = "") -> Response:
        require_uids(study, segmentation)
        view = _view(images, study, segmentation, slice)
        return _png(images.overlay_picture(study, view.series, view.segmentation_uid, view.index), "no-store")

    @router.get("/results/{study}/montage.png")
    def montage(study: str, segmentation: str = "") -> Response:
        require_uids(study, segmentation)
        view = _view(images, study, segmentation, None)
        return _png(images.montage(study, view.series, view.segmentation_uid, view.caption), "no-store")

    @router.get(_PICTURE + "/slices/{number}.png")
    def slice_picture(study: str, series: str, number: int) -> Response:
        require_uids(study, series)
        return _png(images.slice_picture(study, series, number - 1))

    @router.get(_PICTURE + "/masks/{segmentation}/{segment}/{number}.png")
    def mask(study: str, series: str, segmentation: str, segment: int, number: int) -> Response:
        require_uids(study, series, segmentation)
        return _png(images.mask_picture(study, series, segmentation, segment, number - 1))


def _view(images: ImageDisplay, study: str, segmentation: str, number: int | None) -> ResultView:
    view = ResultView.build(images, images.study(study), segmentation, "", number)
    if not view.segmentation_uid or not view.series:
        raise NotFound("The study has no segmentation that can be drawn over its images yet.")
    return view


def _png(content: bytes, keep: str = "") -> Response:
    return Response(content, media_type="image/png", headers={"Cache-Control": keep} if keep else _IMMUTABLE)
