"""Fictional patients and orders: what the simulated RIS orders and the simulated modality acquires."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime

from profiles.dicom import new_uid

_FICTION = uuid.uuid5(uuid.NAMESPACE_OID, "stepwell.connectathon.fiction")
_FIRST_NAMES = ("ADA", "BRUNO", "CLARA", "DORIAN", "EDDA", "FLORIAN", "GRETA", "HUGO")


@dataclass(frozen=True, slots=True)
class DemoOrder:
    """An order for an MR of the head of a patient who does not exist.

    Attributes:
        accession_number: at most 16 characters (VR SH).
        study_instance_uid: Study Instance UID that the order assigns.
        patient_name: in DICOM form, component groups separated by carets.
        patient_id: with ``issuer`` the identifier of the patient.
        issuer: Issuer of Patient ID (0010,0021), HL7 CX-4.1.
        ordered: when it was ordered; the images are acquired at that moment too.
    """

    accession_number: str = "DEMO-A1"
    study_instance_uid: str = field(default_factory=new_uid)
    patient_name: str = "FICTIONAL^ADA"
    patient_id: str = "DEMO-0001"
    issuer: str = "STEPWELL-DEMO"
    patient_birth_date: str = "19700101"
    patient_sex: str = "O"
    placer_order_number: str = ""
    filler_order_number: str = ""
    requested_procedure_id: str = "RP1"
    scheduled_step_id: str = "SPS1"
    procedure_description: str = "MR head without contrast"
    study_id: str = "1"
    referring_physician: str = "REFERRER^FICTIONAL"
    ordered: datetime = field(default_factory=lambda: datetime.now(UTC))


def new_order() -> DemoOrder:
    """An order with numbers that no other order has, for one of our fictional patients."""
    number = f"{secrets.randbelow(10**8):08d}"
    return DemoOrder(
        accession_number=f"A{number}",
        patient_name=f"FICTIONAL^{secrets.choice(_FIRST_NAMES)}",
        patient_id=f"DEMO-{number}",
        placer_order_number=f"P{number}",
        filler_order_number=f"F{number}",
        requested_procedure_id=f"RP{number}",
        scheduled_step_id=f"SPS{number}",
    )


def order_for(accession: str) -> DemoOrder:
    """The order with an accession number: the same patient, numbers and study each time.

    So RIS and modality, which know nothing of each other, act for the same patient when each is told the number.
    """
    identity = uuid.uuid5(_FICTION, accession).int
    number = f"{identity % 10**8:08d}"
    return DemoOrder(
        accession_number=accession,
        study_instance_uid=f"2.25.{identity}",
        patient_name=f"FICTIONAL^{_FIRST_NAMES[identity % len(_FIRST_NAMES)]}",
        patient_id=f"DEMO-{number}",
        placer_order_number=f"P{number}",
        filler_order_number=f"F{number}",
        requested_procedure_id=f"RP{number}",
        scheduled_step_id=f"SPS{number}",
    )
