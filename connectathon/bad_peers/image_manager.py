"""Image Managers with one defect each."""

from __future__ import annotations

import re
from typing import Any

from connectathon.bad_peers.defects import defect
from connectathon.bad_peers.spoiling import Exchange, spoil_answers

_RETRIEVE = re.compile(r"/studies/[^/]+(/series/[^/]+(/instances/[^/]+)?)?$")
_STORED, _FAILED = "00081199", "00081198"


def _searches(exchange: Exchange) -> bool:
    return exchange.method == "GET" and exchange.path.endswith(("/studies", "/series", "/instances"))


@defect("im-empty-value", "image_manager", "empty sequences have an empty Value in metadata", fails=("AIR-IM-013",))
def _empty_value() -> None:
    from actors.image_manager import instance

    instance._drop_empty_values = lambda _header: None  # type: ignore[assignment]


@defect("im-no-retrieve-url", "image_manager", "stored instances have no Retrieve URL", fails=("AIR-IM-002",))
def _no_retrieve_url() -> None:
    def change(exchange: Exchange) -> None:
        if exchange.method == "POST" and exchange.ok:
            told = exchange.json()
            for item in told.get(_STORED, {}).get("Value", []):
                item.pop("00081190", None)
            exchange.answer(told)

    spoil_answers(change)


@defect("im-all-or-nothing", "image_manager", "a broken instance makes all of a request fail", fails=("AIR-IM-003",))
def _all_or_nothing() -> None:
    def change(exchange: Exchange) -> None:
        if exchange.method == "POST" and exchange.status == 202:  # noqa: PLR2004 - a partial success
            told = exchange.json()
            exchange.status = 409
            exchange.answer({_FAILED: told.get(_STORED, {"vr": "SQ"})})

    spoil_answers(change)


@defect("im-any-study", "image_manager", "takes instances under a study they do not belong to", fails=("AIR-IM-004",))
def _any_study() -> None:
    from actors.image_manager.service import ImageManager

    honest = ImageManager.store

    def store(self: ImageManager, paths: Any, study: str | None = None) -> Any:
        del study
        return honest(self, paths)

    ImageManager.store = store  # type: ignore[method-assign]


@defect("im-406-as-500", "image_manager", "an Accept it cannot meet is an internal error", fails=("AIR-IM-005",))
def _406_as_500() -> None:
    def change(exchange: Exchange) -> None:
        if exchange.method == "POST" and exchange.status == 406:  # noqa: PLR2004
            exchange.status = 500

    spoil_answers(change)


@defect("im-doubles", "image_manager", "lists an instance twice that was stored twice", warns=("AIR-IM-006",))
def _doubles() -> None:
    seen: dict[str, int] = {}

    def change(exchange: Exchange) -> None:
        if exchange.method == "POST" and exchange.ok:
            for item in exchange.json().get(_STORED, {}).get("Value", []):
                uid = item["00081155"]["Value"][0]
                seen[uid] = seen.get(uid, 0) + 1
        if exchange.path.endswith("/instances") and exchange.ok and exchange.body:
            found = exchange.json()
            exchange.answer([one for one in found for _ in range(seen.get(one["00080018"]["Value"][0], 1))])

    spoil_answers(change)


@defect("im-loses-private", "image_manager", "loses private attributes", warns=("AIR-IM-007",))
def _loses_private() -> None:
    from actors.image_manager.files import InstanceFiles

    honest = InstanceFiles.file

    def file(self: InstanceFiles, moves: Any) -> Any:
        import pydicom

        for source, _place in moves:
            dataset = pydicom.dcmread(source)
            dataset.remove_private_tags()
            dataset.save_as(source)
        return honest(self, moves)

    InstanceFiles.file = file  # type: ignore[method-assign]


@defect("im-patient-id-ignored", "image_manager", "a search by Patient ID finds every patient", fails=("AIR-IM-008",))
def _patient_id_ignored() -> None:
    from actors.image_manager.search import Query

    honest = Query.parse

    def parse(parameters: Any) -> Query:
        return honest([pair for pair in parameters if pair[0] not in {"PatientID", "00100020"}])

    Query.parse = parse  # type: ignore[method-assign]


@defect(
    "im-offset-ignored", "image_manager", "every page is the first one", fails=("AIR-IM-009",), warns=("AIR-IM-016",)
)
def _offset_ignored() -> None:
    from actors.image_manager.search import Query

    honest = Query.parse

    def parse(parameters: Any) -> Query:
        return honest([pair for pair in parameters if pair[0] != "offset"])

    Query.parse = parse  # type: ignore[method-assign]


@defect("im-class-ignored", "image_manager", "a search by SOP class finds every class", fails=("AIR-IM-009",))
def _class_ignored() -> None:
    from actors.image_manager.search import Query

    honest = Query.parse

    def parse(parameters: Any) -> Query:
        return honest([pair for pair in parameters if pair[0] != "SOPClassUID"])

    Query.parse = parse  # type: ignore[method-assign]


@defect("im-404-as-200", "image_manager", "answers 200 and nothing for what it does not have", fails=("AIR-IM-010",))
def _404_as_200() -> None:
    def change(exchange: Exchange) -> None:
        if exchange.method == "GET" and exchange.status == 404 and _RETRIEVE.search(exchange.path):  # noqa: PLR2004
            exchange.status, exchange.body = 200, b""

    spoil_answers(change)


@defect("im-quotes-only", "image_manager", "understands only quoted media type parameters", fails=("AIR-IM-011",))
def _quotes_only() -> None:
    def change(exchange: Exchange) -> None:
        if exchange.method == "GET" and exchange.accept == "multipart/related; type=application/dicom":
            exchange.status = 406

    spoil_answers(change)


@defect("im-refuses-maps", "image_manager", "refuses Parametric Maps over DIMSE", fails=("AIR-IM-001",))
def _refuses_maps() -> None:
    from pynetdicom import AE

    honest = AE.add_supported_context

    def add(self: AE, syntax: Any, *args: Any, **kwargs: Any) -> None:
        if str(syntax) != "1.2.840.10008.5.1.4.1.1.30":
            honest(self, syntax, *args, **kwargs)

    AE.add_supported_context = add


@defect("im-forgets", "image_manager", "finds only the first 500 instances of a study", warns=("AIR-IM-016",))
def _forgets() -> None:
    def change(exchange: Exchange) -> None:
        offset = re.search(r"offset=(\d+)", exchange.query)
        if _searches(exchange) and offset and int(offset[1]) >= 500:  # noqa: PLR2004
            exchange.status, exchange.body = 204, b""

    spoil_answers(change)
