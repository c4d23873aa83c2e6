"""Messages of an order placer and a patient registry, written segment by segment (RAD-4, RAD-13, RAD-12).

Nothing that is judged has made them; ``conformance.hl7`` finds no fault in them.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from conformance.partners.objects import Study

OMI, ORM = "OMI^O23^OMI_O23", "ORM^O01"
_CODECS = {"": "ascii", "8859/1": "latin-1", "UNICODE UTF-8": "utf-8"}
_ESCAPES = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"}


def escaped(text: str) -> str:
    """A text as a value: its delimiters escaped (HL7 section 2.7)."""
    return "".join(_ESCAPES.get(letter, letter) for letter in text)


def new_control_id() -> str:
    """A control id that nobody has used."""
    return secrets.token_hex(8).upper()


def control_id_of(message: bytes) -> str:
    """MSH-10 of a message that was made here."""
    return message.split(b"|")[9].decode()


@dataclass(frozen=True, slots=True)
class Parties:
    """Who sends to whom, as MSH-3 to MSH-6 say it, and how.

    Attributes:
        charset: MSH-18.
        processing_id: MSH-11.
    """

    application: str = "HARNESS"
    facility: str = "HARNESS"
    receiver: str = "RECEIVER"
    receiver_facility: str = "RECEIVER"
    charset: str = "UNICODE UTF-8"
    processing_id: str = "P"


@dataclass(frozen=True, slots=True)
class Procedure:
    """What is ordered, as OBR-4 and OBR-44 say it."""

    code: str = "MRHEAD"
    scheme: str = "L"
    meaning: str = "MR head"
    modality: str = "MR"


@dataclass(frozen=True, slots=True)
class Order:
    """One order.

    Attributes:
        study: patient, accession number and Study Instance UID.
        procedure: what is ordered.
        priority: of table 0485.
        issuer: assigning authority of the patient's identifier.
        family, given: the patient's name, unescaped.
        number: from which the order's other numbers are made.
    """

    study: Study
    procedure: Procedure = Procedure()
    priority: str = "R"
    issuer: str = "HARNESS"
    family: str = "Fictional"
    given: str = "Harness"
    number: str = field(default_factory=lambda: secrets.token_hex(4).upper())

    @property
    def placer(self) -> str:
        """Placer order number."""
        return f"P{self.number}"

    @property
    def filler(self) -> str:
        """Filler order number."""
        return f"F{self.number}"

    @property
    def requested_procedure(self) -> str:
        """Requested Procedure ID."""
        return f"R{self.number}"


def imaging_order(
    order: Order,
    parties: Parties,
    kind: str = OMI,
    *,
    control: str = "NW",
    status: str = "SC",
    control_id: str = "",
    now: datetime | None = None,
) -> bytes:
    """OMI^O23 of HL7 2.5.1 or ORM^O01 of 2.3.1.

    Args:
        order: what it is about.
        parties: who sends to whom.
        kind: ``OMI`` or ``ORM``.
        control: ORC-1.
        status: ORC-5.
        control_id: MSH-10; a new one unless given.
        now: MSH-7 and ORC-9; the present unless given.
    """
    at = (now or datetime.now(UTC)).strftime("%Y%m%d%H%M%S")
    write = _omi if kind == OMI else _orm
    header = _header(parties, kind, "2.5.1" if kind == OMI else "2.3.1", control_id or new_control_id(), at)
    return joined([header, *write(order, (control, status), at)], parties.charset)


def imaging_orders(orders: Sequence[Order], parties: Parties) -> bytes:
    """One OMI^O23 with a group of its own for each order; they are for one patient."""
    at = datetime.now(UTC).strftime("%Y%m%d%H%M%S")
    header = _header(parties, OMI, "2.5.1", new_control_id(), at)
    groups = [segment for order in orders for segment in _omi(order, ("NW", "SC"), at)[2:]]
    return joined([header, _patient(orders[0]), "PV1||O", *groups], parties.charset)


def discharge(order: Order, parties: Parties) -> bytes:
    """ADT^A03 of HL7 2.5: an event that no workitem depends on."""
    at = datetime.now(UTC).strftime("%Y%m%d%H%M%S")
    header = _header(parties, "ADT^A03^ADT_A03", "2.5", new_control_id(), at)
    return joined([header, f"EVN||{at}", _patient(order), "PV1||O"], parties.charset)


def patient_update(order: Order, parties: Parties, **changes: str) -> bytes:
    """ADT^A08 of HL7 2.5: the order's patient with other demographics."""
    at = datetime.now(UTC).strftime("%Y%m%d%H%M%S")
    header = _header(parties, "ADT^A08^ADT_A01", "2.5", new_control_id(), at)
    return joined([header, f"EVN||{at}", _patient(replace(order, **changes)), "PV1||O"], parties.charset)  # type: ignore[arg-type] # all are texts


def patient_merge(order: Order, parties: Parties, survivor: str) -> bytes:
    """ADT^A40 of HL7 2.5: the order's patient is absorbed by another identifier."""
    at = datetime.now(UTC).strftime("%Y%m%d%H%M%S")
    header = _header(parties, "ADT^A40^ADT_A39", "2.5", new_control_id(), at)
    patient = _patient(replace(order, study=replace(order.study, patient_id=survivor)))
    prior = f"MRG|{escaped(order.study.patient_id)}^^^{order.issuer}^PI"
    return joined([header, f"EVN||{at}", patient, prior], parties.charset)


def joined(segments: Sequence[str], charset: str) -> bytes:
    """Segments as the octets of a message."""
    return "".join(f"{segment}\r" for segment in segments).encode(_CODECS.get(charset, "utf-8"))


def _header(parties: Parties, kind: str, version: str, control_id: str, at: str) -> str:
    sides = "|".join((parties.application, parties.facility, parties.receiver, parties.receiver_facility))
    head = f"MSH|^~\\&|{sides}|{at}||{kind}|{control_id}|{parties.processing_id}|{version}"
    return f"{head}||||||{parties.charset}" if parties.charset else head


def _patient(order: Order) -> str:
    name = f"{escaped(order.family)}^{escaped(order.given)}"
    return f"PID|||{escaped(order.study.patient_id)}^^^{order.issuer}^PI||{name}||19700101|O"


def _common(order: Order, told: tuple[str, str]) -> str:
    return f"ORC|{told[0]}|{order.placer}^HARNESS|{order.filler}^HARNESS||{told[1]}"


def _coded(procedure: Procedure) -> str:
    return "^".join(escaped(one) for one in (procedure.code, procedure.meaning, procedure.scheme))


def _omi(order: Order, told: tuple[str, str], at: str) -> list[str]:
    what, study = _coded(order.procedure), order.study
    return [
        _patient(order),
        "PV1||O",
        f"{_common(order, told)}||||{at}|||1^Orders^Olga|||||HARNESS",
        f"TQ1|||||||{at}||{order.priority}",
        f"OBR|1|{order.placer}^HARNESS|{order.filler}^HARNESS|{what}{'|' * 12}1^Orders^Olga{'|' * 28}{what}",
        f"IPC|{study.accession}^HARNESS|{order.requested_procedure}^HARNESS|{study.uid}^HARNESS|S{order.number}^HARNESS"
        f"|{order.procedure.modality}",
    ]


def _orm(order: Order, told: tuple[str, str], at: str) -> list[str]:
    what, study = _coded(order.procedure), order.study
    timing = f"1^once^^{at}^^{order.priority}"
    return [
        _patient(order),
        "PV1||O",
        f"{_common(order, told)}||{timing}||{at}|||1^Orders^Olga|||||HARNESS",
        f"OBR|1|{order.placer}^HARNESS|{order.filler}^HARNESS|{what}{'|' * 12}1^Orders^Olga||{study.accession}"
        f"|{order.requested_procedure}|S{order.number}||||{order.procedure.modality}|||{timing}{'|' * 17}{what}",
        f"ZDS|{study.uid}^HARNESS^Application^DICOM",
    ]
