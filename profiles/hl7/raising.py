"""OMI^O23 XO that raises the priority of an order for the reader (RAD-13; aiw-i.md 6.7): its identifiers stay."""

from __future__ import annotations

from datetime import datetime

from profiles.hl7.building import SegmentContent, build, components, subcomponents
from profiles.hl7.charsets import codec_of
from profiles.hl7.results import Parties
from profiles.hl7.timestamps import format_timestamp
from profiles.hl7.values import EntityIdentifier, ImagingOrder, Patient

RAISED = "S"
"""Stat, of HL7 table 0485."""


def priority_raise(order: ImagingOrder, *, parties: Parties, control_id: str, sent: datetime) -> bytes:
    """The message that asks for an order to be read at once.

    Args:
        order: as known now; nothing of it changes but its priority.
        parties: sender and receiver; the version is always 2.5.1.
        control_id: MSH-10, at most 20 characters.
        sent: MSH-7 and ORC-9, timezone-aware.
    """
    at = format_timestamp(sent)
    patient, group = ("OMI_O23_PATIENT",), ("OMI_O23_ORDER",)
    numbers = {2: _entity(order.placer), 3: _entity(order.filler)}
    procedure = (
        components(order.procedure.value, order.procedure.meaning, order.procedure.scheme) if (order.procedure) else ""
    )
    step = order.steps[0] if order.steps else None
    issuer = order.accession.namespace
    segments = [
        SegmentContent("MSH", _header(parties, control_id, at)),
        SegmentContent("PID", _patient(order.patient, parties), patient),
        SegmentContent("PV1", {2: order.patient_class or "U"}, (*patient, "OMI_O23_PATIENT_VISIT")),
        SegmentContent("ORC", {1: "XO", **numbers, 9: at}, group),
        SegmentContent("TQ1", {9: components(RAISED, "Stat", "HL70485")}, (*group, "OMI_O23_TIMING")),
        SegmentContent("OBR", {1: "1", **numbers, 4: procedure, 44: procedure}, group),
        SegmentContent(
            "IPC",
            {
                1: _entity(order.accession),
                2: components(order.requested_procedure_id, issuer),
                3: components(order.study_instance_uid, issuer),
                4: components(step.identifier if step else "", issuer),
                5: components(step.modality, "", "DCM") if step and step.modality else "",
            },
            group,
        ),
    ]
    filled = [
        SegmentContent(one.name, {number: value for number, value in one.fields.items() if value}, one.groups)
        for one in segments
    ]
    return build("OMI_O23", "2.5.1", filled, codec_of(parties.charset) or "ascii")


def _entity(identifier: EntityIdentifier) -> str:
    if not identifier:
        return ""
    return components(identifier.value, identifier.namespace, identifier.universal_id, identifier.universal_id_type)


def _header(parties: Parties, control_id: str, at: str) -> dict[int, str]:
    return {
        3: components(parties.sending_application),
        4: components(parties.sending_facility),
        5: components(parties.receiving_application),
        6: components(parties.receiving_facility),
        7: at,
        9: "OMI^O23^OMI_O23",
        10: control_id,
        11: parties.processing_id,
        12: "2.5.1",
        18: parties.charset,
    }


def _patient(patient: Patient, parties: Parties) -> dict[int, str]:
    identifier = patient.identifier
    authority = subcomponents(
        identifier.namespace or parties.assigning_authority, identifier.universal_id, identifier.universal_id_type
    )
    family, given, middle, prefix, suffix = [*patient.name.split("^"), *[""] * 5][:5]
    return {
        3: f"{components(identifier.value)}^^^{authority}^{patient.identifier_type or 'PI'}",
        5: components(family, given, middle, suffix, prefix),
        7: patient.birth_date,
        8: patient.sex,
    }
