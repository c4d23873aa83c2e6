"""STOW-RS: the face through which instances are stored over HTTP (PS3.18 section 10.5)."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from actors.image_manager.auditing import TransferLog, address_of
from actors.image_manager.files import storage_failure
from actors.image_manager.media import DICOM, MULTIPART, require_json
from actors.image_manager.service import Fate, ImageManager, Receipt, failure_reason
from actors.shared.multipart import MediaType, PartFile, PartFiles
from profiles.dicom import JsonDataset, put, put_items
from profiles.errors import BadInput, UnsupportedMediaType


def stow_router(manager: ImageManager, transfers: TransferLog) -> APIRouter:
    """The routes ``POST /studies`` and ``POST /studies/{study}``."""
    router = APIRouter()

    @router.post("/studies")
    async def store(request: Request) -> Response:
        return await _store(manager, request, None, transfers)

    @router.post("/studies/{study}")
    async def store_in_study(request: Request, study: str) -> Response:
        return await _store(manager, request, study, transfers)

    return router


async def _store(manager: ImageManager, request: Request, study: str | None, transfers: TransferLog) -> Response:
    media_type = require_json(request.headers.get("accept", ""))
    content_type = request.headers.get("content-type", "")
    _require_multipart(MediaType.parse(content_type))
    body = PartFiles(content_type, manager.files.new_path)
    try:
        async for chunk in request.stream():
            body.feed(chunk)
        parts = body.finish()
        if not parts:
            raise BadInput(
                "The request has no part; a Store transaction carries at least one instance (PS3.18 10.5.1.2)."
            )
        receipts = await run_in_threadpool(_receive, manager, parts, study)
        await run_in_threadpool(transfers.received, address_of(request), receipts)
    except ClientDisconnect as error:
        await run_in_threadpool(transfers.broken, address_of(request), study or "")
        raise BadInput("The sender ended the connection within the body; nothing of it was stored.") from error
    except OSError as error:
        raise storage_failure(error, manager.files.root) from error
    finally:
        body.close()
    base_url = f"{str(request.base_url).rstrip('/')}/dicom-web"
    headers = {"Warning": f"299 stepwell: {words}"} if (words := _warning(receipts)) else None
    answer = orjson.dumps(store_response(receipts, base_url))
    return Response(answer, store_status(receipts), headers, media_type)


def _require_multipart(media: MediaType) -> None:
    kind = media.parameters.get("type", DICOM).lower()
    if media.name != MULTIPART or kind != DICOM:
        raise UnsupportedMediaType(
            f"Instances are stored as {MULTIPART}; type={DICOM}, not as {media.name or 'an unnamed type'}; type={kind} "
            "(PS3.18 section 10.5.1.2)."
        )


def _receive(manager: ImageManager, parts: Sequence[PartFile], study: str | None) -> list[Receipt]:
    reason = failure_reason("not-dicom-part")
    alien = Receipt(Fate.FAILED, reason=reason, message=reason.meaning)
    fitting = [part.path for part in parts if part.media_type.name == DICOM]
    receipts = iter(manager.store(fitting, study) if fitting else ())
    return [next(receipts) if part.media_type.name == DICOM else alien for part in parts]


def store_status(receipts: Sequence[Receipt]) -> int:
    """The HTTP status of a Store transaction (PS3.18 Table 10.5.3-1)."""
    failed = [one.reason for one in receipts if one.fate is Fate.FAILED and one.reason]
    if not failed:
        return 202 if any(one.reason for one in receipts) else 200
    if len(failed) < len(receipts):
        return 202
    kinds = {reason.http for reason in failed}
    return kinds.pop() if len(kinds) == 1 else 409


def store_response(receipts: Sequence[Receipt], base_url: str) -> JsonDataset:
    """The Store Instances Response Module (PS3.18 Annex I)."""
    answer: JsonDataset = {}
    studies = {one.study for one in receipts if one.study and one.fate is not Fate.FAILED}
    if len(studies) == 1:
        put(answer, "RetrieveURL", f"{base_url}/studies/{studies.pop()}")
    else:
        put(answer, "RetrieveURL")
    failed = [_failed_item(one) for one in receipts if one.fate is Fate.FAILED and one.sop_instance]
    stored = [_stored_item(one, base_url) for one in receipts if one.fate is not Fate.FAILED]
    nameless = [_reason_item(one) for one in receipts if one.fate is Fate.FAILED and not one.sop_instance]
    for keyword, found in (
        ("FailedSOPSequence", failed),
        ("ReferencedSOPSequence", stored),
        ("OtherFailuresSequence", nameless),
    ):
        if found:
            put_items(answer, keyword, *found)
    return dict(sorted(answer.items()))


def _stored_item(one: Receipt, base_url: str) -> JsonDataset:
    item = _reference(one)
    url = f"{base_url}/studies/{one.study}/series/{one.series}/instances/{one.sop_instance}"
    put(item, "RetrieveURL", url)
    if one.reason:
        put(item, "WarningReason", one.reason.code)
    return item


def _failed_item(one: Receipt) -> JsonDataset:
    return _reference(one) | _reason_item(one)


def _reason_item(one: Receipt) -> JsonDataset:
    item: JsonDataset = {}
    put(item, "FailureReason", one.reason.code if one.reason else 0x0110)
    put(item, "ErrorComment", one.message[:64])
    return item


def _reference(one: Receipt) -> JsonDataset:
    item: JsonDataset = {}
    put(item, "ReferencedSOPClassUID", *([one.sop_class] if one.sop_class else []))
    put(item, "ReferencedSOPInstanceUID", one.sop_instance)
    return item


def _warning(receipts: Sequence[Receipt]) -> str:
    return "; ".join(sorted({one.message for one in receipts if one.reason and one.message}))
