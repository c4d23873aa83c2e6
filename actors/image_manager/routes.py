"""The HTTP application of the Image Manager: DICOMweb under ``/dicom-web``, and ``/health``."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from actors.image_manager.service import ImageManager
from actors.image_manager.stow import stow_router
from actors.image_manager.wado import qido_router, wado_router
from actors.shared.logs import get_logger
from profiles.errors import StepwellError

_log = get_logger(__name__)


def create_app(manager: ImageManager) -> FastAPI:
    """The application over one Image Manager."""
    app = FastAPI(title="Stepwell Image Manager", docs_url=None, redoc_url=None, openapi_url=None)
    for router in (stow_router(manager), qido_router(manager), wado_router(manager)):
        app.include_router(router, prefix="/dicom-web")

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"actor": "image_manager", "state": "ready"}

    @app.exception_handler(StepwellError)
    async def refuse(_request: Request, error: StepwellError) -> JSONResponse:
        _log.warning("refused", key=error.row_key, status=error.row.http)
        headers = {"Retry-After": "10"} if error.row.http == HTTPStatus.SERVICE_UNAVAILABLE else None
        return JSONResponse({"error": error.row_key, "message": error.message}, error.row.http, headers)

    return app
