"""OHIF under ``/ohif/``, and the archive as it sees it under ``/viewer-dicom-web``: one origin, nothing is stored.

The viewer is another program: fetched by ``scripts/ohif.py``, served as it is, and configured by ``ohif-config.js``.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from importlib.resources import files
from pathlib import Path

import httpx
import orjson
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import FileResponse, Response, StreamingResponse

from actors.image_display.ohif_metadata import for_ohif
from actors.shared.pages.assets import IMMUTABLE
from profiles.errors import BadInput, NotFound, Unavailable

_HASHED = re.compile(r"\.[0-9a-f]{16,}\.|^[0-9a-f]{16,}\.")
_RESOURCE = re.compile(r"studies(/[A-Za-z0-9][\w.,-]*)*")
_PASSED_ON = ("content-type", "warning", "retry-after")
_CONFIG = "app-config.js"
_PAGE = "index.html"
#: OHIF makes decoders, workers, styles and (for segmentations) functions at run time; only our own files are loaded.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval' 'unsafe-eval'",
        "worker-src 'self' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


def ohif_router(folder: Path, archive_url: str, timeout_seconds: float) -> APIRouter:
    """The viewer and its way to the archive.

    Args:
        folder: what ``scripts/ohif.py`` made ready.
        archive_url: DICOMweb base URL of the archive.
        timeout_seconds: how long to wait for its next bytes.

    Raises:
        BadInput: when the folder holds no viewer.
    """
    client = httpx.Client(timeout=timeout_seconds, trust_env=False, headers={"Accept-Encoding": "identity"})

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        with client:
            yield

    router = APIRouter(lifespan=lifespan)
    _add_viewer(router, folder)
    _add_archive(router, client, archive_url.rstrip("/"))
    return router


def _add_viewer(router: APIRouter, folder: Path) -> None:
    """Every file of the folder by its name; any other address is one of the viewer's own and answers with its page."""
    known = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    if _PAGE not in known:
        raise BadInput(f"ohif_folder {folder} holds no viewer; run scripts/ohif.py, which prints the folder to name.")
    config = files("actors.image_display").joinpath("static", "ohif-config.js").read_bytes()

    @router.get("/ohif/{name:path}")
    def viewer(name: str) -> Response:
        headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-store"}
        if name == _CONFIG:
            return Response(config, media_type="text/javascript", headers=headers)
        if _HASHED.search(name) and name in known:
            headers["Cache-Control"] = IMMUTABLE
        return FileResponse(known.get(name, known[_PAGE]), headers=headers)


def _add_archive(router: APIRouter, client: httpx.Client, archive_url: str) -> None:
    """Search and retrieval pass through; metadata is written for the viewer, with our addresses for the archive's."""

    @router.get("/viewer-dicom-web/{resource:path}")
    def passed_on(request: Request, resource: str) -> Response:
        if not _RESOURCE.fullmatch(resource):
            raise NotFound("The viewer searches and retrieves studies only (PS3.18 sections 10.4 and 10.6).")
        address = f"{archive_url}/{resource}?{request.url.query}".rstrip("?")
        wanted = client.build_request("GET", address, headers={"Accept": request.headers.get("accept", "*/*")})
        try:
            answer = client.send(wanted, stream=True)
            headers = {name: answer.headers[name] for name in _PASSED_ON if name in answer.headers}
            if "json" not in headers.get("content-type", ""):
                return StreamingResponse(_body(answer), answer.status_code, headers)
            content = answer.read()
        except httpx.TransportError as error:
            raise Unavailable(f"The archive at {archive_url} cannot be reached ({type(error).__name__}).") from error
        if answer.is_success and resource.endswith("/metadata"):
            content = orjson.dumps([for_ohif(one) for one in orjson.loads(content)])
        own = f"{str(request.base_url).rstrip('/')}/viewer-dicom-web"
        return Response(content.replace(archive_url.encode(), own.encode()), answer.status_code, headers)


def _body(answer: httpx.Response) -> Iterator[bytes]:
    with closing(answer):
        yield from answer.iter_raw()
