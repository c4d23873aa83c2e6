"""What messages tell of orders though they order nothing: a study is there (RAD-132), its appointment moved (SIU).

A report (ORU with findings) is no notice: it never starts work on the study that it is about (HL7-062).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from profiles.hl7.fields import entity_identifier, plain
from profiles.hl7.message import Message, Segment
from profiles.hl7.order import patient_of
from profiles.hl7.timestamps import parse_timestamp
from profiles.hl7.values import ImagingOrder

_STUDY = "113014"
_APPOINTMENT_GONE = ("S15",)


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told of one order.

    Attributes:
        action: ``images`` when its study is there, ``schedule`` when its time is another.
        order: what is known of it.
        time: when it was so, as far as the message says.
    """

    action: str
    order: ImagingOrder
    time: datetime | None


def notice_of(message: Message, now: datetime) -> Notice | None:
    """What an ORU^R01 or SIU message tells of an order; None when it tells nothing that counts here.

    Args:
        message: of handling ``notice``.
        now: for the plausibility of birth dates.
    """
    order = ImagingOrder(
        control_id=message.get("MSH-10"),
        sender=f"{message.get('MSH-3')}|{message.get('MSH-4')}",
        transaction_time=message.get("MSH-7"),
    )
    found = _appointment(message, order) if message.kind[0] == "SIU" else _study(message, order, now)
    return found if found and (found.order.placer or found.order.filler or found.order.study_instance_uid) else None


def _study(message: Message, order: ImagingOrder, now: datetime) -> Notice | None:
    """RAD-132: observations that are references only, among them the Study Instance UID (DCM 113014)."""
    observed = list(message.all("OBX"))
    studies = [plain(one, 5) for one in observed if (plain(one, 3), plain(one, 3, 3)) == (_STUDY, "DCM")]
    if not studies or not all(map(_is_reference, observed)):
        return None
    request = message.segment("OBR")
    order = replace(
        order,
        placer=entity_identifier(request, 2),
        filler=entity_identifier(request, 3),
        accession=entity_identifier(request, 18),
        study_instance_uid=studies[0],
        patient=patient_of(message.segment("PID"), now),
    )
    return Notice("images", order, parse_timestamp(plain(request, 22), UTC) or _sent(message))


def _appointment(message: Message, order: ImagingOrder) -> Notice | None:
    """Order numbers of SCH-26 and SCH-27 with the time of AIS-4, else SCH-11.4 (HL7 2.5.1 section 10.6)."""
    schedule = message.segment("SCH")
    start = plain(message.segment("AIS"), 4) or plain(schedule, 11, 4)
    if not start or message.kind[1] in _APPOINTMENT_GONE:
        return None
    placer, filler = entity_identifier(schedule, 26), entity_identifier(schedule, 27)
    return Notice("schedule", replace(order, placer=placer, filler=filler, start=start), _sent(message))


def _is_reference(observed: Segment) -> bool:
    return plain(observed, 3, 3) == "DCM" or plain(observed, 3, 2).endswith("UID")


def _sent(message: Message) -> datetime | None:
    return parse_timestamp(message.get("MSH-7"), UTC)
