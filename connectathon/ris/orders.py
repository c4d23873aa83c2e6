"""Order messages as a RIS sends them: OMI^O23 of HL7 2.5.1 (RAD-4 option) and ORM^O01 of HL7 2.3.1 (RAD-4)."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from connectathon.fiction import DemoOrder
from profiles.errors import BadInput
from profiles.hl7.building import SegmentContent, build, components
from profiles.hl7.timestamps import format_timestamp

_FACILITY = "STEPWELL-DEMO"
_PROCEDURE = ("MRHEAD", "L")
KINDS = ("OMI^O23", "ORM^O01")


def build_order(
    order: DemoOrder,
    kind: str = "OMI^O23",
    *,
    control: str = "NW",
    status: str = "SC",
    priority: str = "R",
    control_id: str | None = None,
    now: datetime | None = None,
) -> bytes:
    """One order message in UTF-8.

    Args:
        order: patient, numbers, study.
        kind: ``OMI^O23`` or ``ORM^O01``.
        control: ORC-1, e.g. ``NW`` or ``CA``.
        status: ORC-5, e.g. ``SC``.
        priority: TQ1-9 or ORC-7.6, e.g. ``S`` for stat.
        control_id: MSH-10; a new one when not given.
        now: MSH-7 and ORC-9; the present when not given.

    Raises:
        BadInput: another kind.
    """
    at = format_timestamp(now or datetime.now(UTC))
    identity = control_id or secrets.token_hex(8).upper()
    if kind == "OMI^O23":
        return build("OMI_O23", "2.5.1", _omi(order, (control, status, priority), identity, at))
    if kind == "ORM^O01":
        return build("ORM_O01", "2.3.1", _orm(order, (control, status, priority), identity, at[:14]))
    raise BadInput(f"{kind!r} is no order message that this RIS sends; choose one of {', '.join(KINDS)}.")


def _omi(order: DemoOrder, control: tuple[str, str, str], control_id: str, at: str) -> list[SegmentContent]:
    patient, group = ("OMI_O23_PATIENT",), ("OMI_O23_ORDER",)
    ris = components("", "RIS")
    imaging = {
        1: components(order.accession_number, "RIS"),
        2: components(order.requested_procedure_id, "RIS"),
        3: components(order.study_instance_uid, "RIS"),
        4: components(order.scheduled_step_id, "RIS"),
        5: components("MR", "", "DCM"),
    }
    request = {**_request(order), 44: components(_PROCEDURE[0], order.procedure_description, _PROCEDURE[1])}
    return [
        SegmentContent("MSH", _header("OMI^O23^OMI_O23", "2.5.1", control_id, at)),
        SegmentContent("PID", _patient(order), patient),
        SegmentContent("PV1", _visit(order), (*patient, "OMI_O23_PATIENT_VISIT")),
        SegmentContent("ORC", {**_common(order, control, at), 17: ris}, group),
        SegmentContent("TQ1", {7: format_timestamp(order.ordered), 9: control[2]}, (*group, "OMI_O23_TIMING")),
        SegmentContent("OBR", request, group),
        SegmentContent("IPC", imaging, group),
    ]


def _orm(order: DemoOrder, control: tuple[str, str, str], control_id: str, at: str) -> list[SegmentContent]:
    patient, group = ("ORM_O01_PATIENT",), ("ORM_O01_ORDER",)
    timing = "^".join(("1", "once", "", format_timestamp(order.ordered)[:14], "", control[2]))
    request = {
        **_request(order),
        18: components(order.accession_number),
        19: components(order.requested_procedure_id),
        20: components(order.scheduled_step_id),
        24: "MR",
        27: timing,
        44: components(_PROCEDURE[0], order.procedure_description, _PROCEDURE[1]),
    }
    study = "^".join((components(order.study_instance_uid), "RIS", "Application", "DICOM"))
    detail = (*group, "ORM_O01_ORDER_DETAIL", "ORM_O01_CHOICE")
    return [
        SegmentContent("MSH", _header("ORM^O01", "2.3.1", control_id, at)),
        SegmentContent("PID", _patient(order), patient),
        SegmentContent("PV1", _visit(order), (*patient, "ORM_O01_PATIENT_VISIT")),
        SegmentContent("ORC", {**_common(order, control, at), 7: timing}, group),
        SegmentContent("OBR", request, detail),
        SegmentContent("ZDS", {1: study}),
    ]


def _header(kind: str, version: str, control_id: str, at: str) -> dict[int, str]:
    return {
        3: "RIS",
        4: _FACILITY,
        5: "STEPWELL",
        6: _FACILITY,
        7: at,
        9: kind,
        10: control_id,
        11: "P",
        12: version,
        18: "UNICODE UTF-8",
    }


def _patient(order: DemoOrder) -> dict[int, str]:
    family, given, middle, prefix, suffix = [*order.patient_name.split("^"), *[""] * 5][:5]
    return {
        3: components(order.patient_id, "", "", order.issuer, "PI"),
        5: components(family, given, middle, suffix, prefix),
        7: order.patient_birth_date,
        8: order.patient_sex,
    }


def _visit(order: DemoOrder) -> dict[int, str]:
    return {2: "O", 8: components("", *order.referring_physician.split("^"))}


def _common(order: DemoOrder, control: tuple[str, str, str], at: str) -> dict[int, str]:
    numbers = {2: components(order.placer_order_number, "EHR"), 3: components(order.filler_order_number, "RIS")}
    given = {2: order.placer_order_number, 3: order.filler_order_number}
    return {
        1: control[0],
        **{number: value for number, value in numbers.items() if given[number]},
        5: control[1],
        9: at,
    }


def _request(order: DemoOrder) -> dict[int, str]:
    numbers = {
        number: value for number, value in _common(order, ("", "", ""), "").items() if number in {2, 3} and value
    }
    description = order.procedure_description
    return {1: "1", **numbers, 4: components(_PROCEDURE[0], description, _PROCEDURE[1])}
