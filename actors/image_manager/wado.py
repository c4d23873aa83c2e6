"""QIDO-RS and WADO-RS: the faces through which studies are searched and retrieved (PS3.18 sections 10.4 and 10.6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from starlette.background import BackgroundTask

from actors.image_manager.auditing import TransferLog, address_of
from actors.image_manager.catalog import Catalog
from actors.image_manager.frames import Rendering, frame_numbers, native_frame, render
from actors.image_manager.index import InstanceRow
from actors.image_manager.media import DICOM, MULTIPART, OCTETS, accepted, choose, require_json, require_syntax
from actors.image_manager.refiling import exported
from actors.image_manager.search import Query
from actors.image_manager.service import ImageManager
from actors.shared.multipart import bytes_parts, chunked_parts, file_chunks, new_boundary
from profiles.dicom import JsonDataset
from profiles.errors import NotAcceptable, NotFound

#: PS3.18 section 8.3.4.2, for servers without fuzzy matching
_LITERAL = "299 stepwell: The fuzzymatching parameter is not supported. Only literal matching has been performed."
_INSTANCE = "/studies/{study}/series/{series}/instances/{instance}"


def base_url(request: Request) -> str:
    """The address of the DICOMweb service as the caller sees it."""
    return f"{str(request.base_url).rstrip('/')}/dicom-web"


def qido_router(manager: ImageManager, transfers: TransferLog) -> APIRouter:
    """The search routes."""
    router = APIRouter()
    catalog = Catalog(manager.index)

    def found(request: Request, rows: Sequence[JsonDataset]) -> Response:
        transfers.searched(request)
        return _found(request, rows)

    @router.get("/studies")
    def studies(request: Request) -> Response:
        return found(request, catalog.studies(_query(request), base_url(request)))

    @router.get("/series")
    @router.get("/studies/{study}/series")
    def series(request: Request, study: str | None = None) -> Response:
        return found(request, catalog.series(_query(request), base_url(request), study))

    @router.get("/instances")
    @router.get("/studies/{study}/instances")
    @router.get("/studies/{study}/series/{series}/instances")
    def instances(request: Request, study: str | None = None, series: str | None = None) -> Response:
        return found(request, catalog.instances(_query(request), base_url(request), study, series))

    return router


def _query(request: Request) -> Query:
    require_json(request.headers.get("accept", ""))
    return Query.parse(request.query_params.multi_items())


def _found(request: Request, found: Sequence[JsonDataset]) -> Response:
    headers = {"Warning": _LITERAL} if request.query_params.get("fuzzymatching") == "true" else None
    if not found:
        return Response(status_code=204, headers=headers)
    return Response(orjson.dumps(list(found)), 200, headers, require_json(request.headers.get("accept", "")))


def wado_router(manager: ImageManager, transfers: TransferLog) -> APIRouter:
    """The retrieve routes."""
    router = APIRouter()

    def looked_at(request: Request, rows: list[InstanceRow]) -> list[InstanceRow]:
        transfers.looked_at(address_of(request), rows[0].study_uid)
        return rows

    @router.get("/studies/{study}/metadata")
    @router.get("/studies/{study}/series/{series}/metadata")
    @router.get(_INSTANCE + "/metadata")
    def metadata(request: Request, study: str, series: str | None = None, instance: str | None = None) -> Response:
        media_type = require_json(request.headers.get("accept", ""))
        rows = looked_at(request, _rows(manager, study, series, instance))
        return Response(
            orjson.dumps([_metadata(manager, row, base_url(request)) for row in rows]), media_type=media_type
        )

    @router.get("/studies/{study}")
    @router.get("/studies/{study}/series/{series}")
    @router.get(_INSTANCE)
    def retrieve(request: Request, study: str, series: str | None = None, instance: str | None = None) -> Response:
        return _instances(manager, request, _rows(manager, study, series, instance), transfers)

    @router.get(_INSTANCE + "/frames/{frames}")
    def frames(request: Request, study: str, series: str, instance: str, frames: str) -> Response:
        rows = looked_at(request, _rows(manager, study, series, instance))
        return _frames(manager, request, rows[0], frames)

    @router.get(_INSTANCE + "/bulkdata/{tag}")
    def bulkdata(request: Request, study: str, series: str, instance: str, tag: str) -> Response:
        rows = looked_at(request, _rows(manager, study, series, instance))
        return _bulkdata(manager, request, rows[0], tag)

    @router.get(_INSTANCE + "/rendered")
    @router.get(_INSTANCE + "/frames/{frames}/rendered")
    def rendered(request: Request, study: str, series: str, instance: str, frames: str = "1") -> Response:
        rows = looked_at(request, _rows(manager, study, series, instance))
        return _rendered(manager, request, rows[0], frames)

    return router


def _rows(manager: ImageManager, study: str, series: str | None, instance: str | None) -> list[InstanceRow]:
    rows = manager.index.instances(study, series, instance)
    if not rows:
        raise NotFound(
            "Nothing is stored under this study, series or instance UID (PS3.18 section 10.4.3). Search first."
        )
    return rows


def _header(manager: ImageManager, row: InstanceRow) -> JsonDataset:
    header = manager.index.header(row.uid)
    if header is None:
        raise NotFound("The instance has no header in the index.")
    return header


def _metadata(manager: ImageManager, row: InstanceRow, base: str) -> JsonDataset:
    header = _header(manager, row)
    url = f"{base}/studies/{row.study_uid}/series/{row.series_uid}/instances/{row.uid}"
    for element in header.values():
        if "BulkDataURI" in element:
            element["BulkDataURI"] = f"{url}/{element['BulkDataURI']}"
    return header


def _instances(
    manager: ImageManager, request: Request, rows: Sequence[InstanceRow], transfers: TransferLog
) -> Response:
    media = choose(request.headers.get("accept", ""), DICOM, single=len(rows) == 1)
    require_syntax(media, [row.transfer_syntax for row in rows])
    refiled = manager.index.refiled([row.uid for row in rows]) if manager.merges else set()
    if media.name == DICOM and not refiled:
        path = manager.path_of(rows[0].study_uid, rows[0].series_uid, rows[0].uid)
        told = BackgroundTask(transfers.sent, address_of(request), rows[0].study_uid, whole=True)
        return FileResponse(path, media_type=DICOM, background=told)
    contents = (_content(manager, row, is_refiled=row.uid in refiled) for row in rows)
    if media.name == DICOM:
        return StreamingResponse(transfers.watched(next(contents), address_of(request), rows), media_type=DICOM)
    kinds = [f"{DICOM}; transfer-syntax={row.transfer_syntax}" for row in rows]
    boundary = new_boundary()
    body = chunked_parts(boundary, zip(contents, kinds, strict=True))
    return _multipart(transfers.watched(body, address_of(request), rows), DICOM, boundary)


def _content(manager: ImageManager, row: InstanceRow, *, is_refiled: bool) -> Iterator[bytes]:
    path = manager.path_of(row.study_uid, row.series_uid, row.uid)
    return exported(path, _header(manager, row)) if is_refiled else file_chunks(path)


def _frames(manager: ImageManager, request: Request, row: InstanceRow, wanted: str) -> Response:
    numbers = frame_numbers(wanted, row.frames)
    media = choose(request.headers.get("accept", ""), OCTETS, single=len(numbers) == 1)
    path = manager.path_of(row.study_uid, row.series_uid, row.uid)
    header = _header(manager, row)
    contents = (native_frame(path, row, header, number) for number in numbers)
    return _octets(contents, media.name)


def _bulkdata(manager: ImageManager, request: Request, row: InstanceRow, tag: str) -> Response:
    import pydicom

    media = choose(request.headers.get("accept", ""), OCTETS, single=True)
    element = _header(manager, row).get(tag.upper())
    if element is None or "BulkDataURI" not in element:
        raise NotFound("The instance has no bulk data of this tag (PS3.18 section 10.4.1.1.5).")
    dataset = pydicom.dcmread(manager.path_of(row.study_uid, row.series_uid, row.uid))
    value = dataset[int(tag, 16)].value
    content = value if isinstance(value, bytes) else str(value).encode()
    return _octets(iter([content]), media.name)


def _rendered(manager: ImageManager, request: Request, row: InstanceRow, frames: str) -> Response:
    number = frame_numbers(frames, row.frames)[0]
    parameters = request.query_params
    rendering = Rendering.parse(
        _picture_type(request), parameters.get("window"), parameters.get("viewport"), parameters.get("quality")
    )
    path = manager.path_of(row.study_uid, row.series_uid, row.uid)
    return Response(render(path, _header(manager, row), number, rendering), media_type=rendering.media_type)


def _picture_type(request: Request) -> str:
    for media in accepted(request.query_params.get("accept") or request.headers.get("accept", "")):
        if media.name in {"image/png", "image/*", "*/*"}:
            return "image/png"
        if media.name == "image/jpeg":
            return "image/jpeg"
    raise NotAcceptable(
        "Rendered frames are served as image/png or image/jpeg (PS3.18 section 8.7.4); accept one of them."
    )


def _octets(contents: Iterator[bytes], media_name: str) -> Response:
    if media_name != MULTIPART:
        return Response(next(contents), media_type=OCTETS)
    boundary = new_boundary()
    return _multipart(bytes_parts(boundary, contents, OCTETS), OCTETS, boundary)


def _multipart(body: Iterator[bytes], kind: str, boundary: str) -> Response:
    return StreamingResponse(body, media_type=f'{MULTIPART}; type="{kind}"; boundary={boundary}')
