"""The messages that a result makes: for whom, with which patient, and whether it corrects another. No I/O."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

import orjson
from pydicom import Dataset

from actors.task_requester.results_back.reading import FoundResult
from actors.task_requester.results_back.settings import ResultsSettings
from profiles.air import Priority, ResultContext
from profiles.errors import Conflict
from profiles.hl7 import ImagingOrder
from profiles.hl7.results import Parties, oru_r01
from profiles.hl7.values import Patient

_CONTROL_ID_LENGTH = 20
_OBR_25, _OBX_11, _CONTROL_ID = 25, 11, 9


def parties_of(settings: ResultsSettings) -> Parties:
    """Sender, receiver and dialect."""
    names = Parties.__dataclass_fields__
    return Parties(**{name: getattr(settings, name) for name in names})


def require_same_patient(found: FoundResult, ordered: Iterable[Patient]) -> None:
    """Let no result go out under the order of another patient.

    Args:
        found: the result.
        ordered: the order's patient as told and as known now (after merges).

    Raises:
        Conflict: the result names a patient that the order never had.
    """
    stated = str(found.context.attributes.get("PatientID", "") or "")
    known = {
        identifier.value
        for patient in ordered
        for identifier in (patient.identifier, *patient.other_identifiers)
        if identifier
    }
    if stated and known and stated not in known:
        raise Conflict(
            "The result is of another patient than its order is now (Patient ID); correct the order or the objects, "
            "then send it again."
        )


def result_message(
    found: FoundResult,
    order: ImagingOrder,
    *,
    workitem_uid: str,
    corrects: bool,
    settings: ResultsSettings,
    sent: datetime,
) -> bytes:
    """ORU^R01 for the order's patient as known now; a correction when it takes the place of another (HL7-072).

    Raises:
        IllegalResult: when a needed field has no value.
    """
    context = present_context(found, order, (Dataset(),) if corrects or found.corrects else ())
    return oru_r01(
        found.results,
        context,
        found.algorithm,
        found.objects,
        parties=parties_of(settings),
        workitem_uid=workitem_uid,
        sent=sent,
    )


def present_context(found: FoundResult, order: ImagingOrder, replaces: tuple[Dataset, ...]) -> ResultContext:
    """What a result is tied to, with the order's patient as known now, and the reports that it takes the place of."""
    attributes = copy.deepcopy(found.context.attributes)
    for keyword, told in _patient(order.patient).items():
        if told:
            setattr(attributes, keyword, told)
    if order.accession and not attributes.get("AccessionNumber"):
        attributes.AccessionNumber = order.accession.value
    return replace(found.context, attributes=attributes, replaces=replaces)


def _patient(patient: Patient) -> dict[str, str]:
    return {
        "PatientID": patient.identifier.value,
        "IssuerOfPatientID": patient.identifier.namespace,
        "PatientName": patient.name,
        "PatientBirthDate": patient.birth_date,
        "PatientSex": patient.sex,
    }


def withdrawal(message: bytes, sent: str) -> tuple[bytes, str]:
    """The message that takes a sent result back: OBX-11 is W, posted as wrong, and OBR-25 is C (HL7-072).

    Args:
        message: as it was sent.
        sent: MSH-7, as `profiles.hl7.format_timestamp` writes it.

    Returns:
        The octets and their control id.
    """
    segments = [segment.split(b"|") for segment in message.rstrip(b"\r").split(b"\r")]
    earlier = segments[0][_CONTROL_ID].decode("ascii")
    control_id = derived_id("withdrawal", earlier)
    segments[0][6], segments[0][_CONTROL_ID] = sent.encode("ascii"), control_id.encode("ascii")
    changes = {b"OBR": (_OBR_25, b"C"), b"OBX": (_OBX_11, b"W")}
    for segment in segments:
        if segment[0] in changes:
            number, status = changes[segment[0]]
            segment[number] = status
    return b"".join(b"|".join(segment) + b"\r" for segment in segments), control_id


def why_urgent(found: FoundResult, settings: ResultsSettings) -> str:
    """Why a result is urgent, in codes alone; empty when it is not."""
    hint = found.results.priority
    if hint is not None and hint.level == Priority.HIGH:
        return "priority HIGH"
    wanted = set(settings.urgent_findings)
    codes = [f"{one.what.value}|{one.what.scheme}" for one in found.results.findings if one.present]
    return next((f"finding {one}" for one in codes if one in wanted), "")


def alert_message(*, alert: str, workitem_uid: str, order: ImagingOrder, why: str, raised_at: str, stage: str) -> bytes:
    """What is posted for an urgent result: identifiers of the work, nothing of the patient."""
    told = {
        "alert": alert,
        "stage": stage,
        "workitem": workitem_uid,
        "study": order.study_instance_uid,
        "accession_number": order.accession.value,
        "why": why,
        "raised_at": raised_at,
    }
    return orjson.dumps(told)


def derived_id(*parts: str) -> str:
    """A control id that is the same whenever it is made for the same thing."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:_CONTROL_ID_LENGTH].upper()
