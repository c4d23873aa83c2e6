"""The HTTP application of the Image Manager: DICOMweb under ``/dicom-web``, and ``/health``."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from actors.image_manager.auditing import TransferLog
from actors.image_manager.service import ImageManager
from actors.image_manager.stow import stow_router
from actors.image_manager.wado import qido_router, wado_router
from actors.shared.refusals import RefusalLog
from profiles.errors import StepwellError


def create_app(manager: ImageManager, refusals: RefusalLog, transfers: TransferLog | None = None) -> FastAPI:
    """The application over one Image Manager."""
    told = transfers or TransferLog(manager.index)
    app = FastAPI(title="Stepwell Image Manager", docs_url=None, redoc_url=None, openapi_url=None)
    for router in (stow_router(manager, told), qido_router(manager, told), wado_router(manager, told)):
        app.include_router(router, prefix="/dicom-web")

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"actor": "image_manager", "state": "ready"}

    @app.exception_handler(StepwellError)
    async def refuse(request: Request, error: StepwellError) -> JSONResponse:
        address = request.client.host if request.client else ""
        await run_in_threadpool(refusals.tell_of_request, request.method, request.url.path, address, error)
        headers = {"Retry-After": "10"} if error.row.http == HTTPStatus.SERVICE_UNAVAILABLE else None
        return JSONResponse({"error": error.row_key, "message": error.message}, error.row.http, headers)

    return app
