"""What an imaging order says, as values: the receiver's view of RAD-4 and RAD-13, free of HL7 syntax."""

from __future__ import annotations

from dataclasses import dataclass, field

from profiles.dicom import Code


@dataclass(frozen=True, slots=True)
class EntityIdentifier:
    """An identifier with its assigner (data type EI; CX and HD map to it as well).

    Attributes:
        value: EI.1.
        namespace: EI.2, Local Namespace Entity ID in DICOM.
        universal_id: EI.3.
        universal_id_type: EI.4, e.g. ``ISO``.
    """

    value: str = ""
    namespace: str = ""
    universal_id: str = ""
    universal_id_type: str = ""

    def __bool__(self) -> bool:
        return bool(self.value)

    def same_as(self, other: EntityIdentifier) -> bool:
        """Whether both name the same thing; an assigner that one side leaves out does not tell them apart."""
        if not self.value or self.value != other.value:
            return False
        pairs = ((self.namespace, other.namespace), (self.universal_id, other.universal_id))
        return all(not mine or not theirs or mine == theirs for mine, theirs in pairs)

    def __str__(self) -> str:
        parts = (self.value, self.namespace, self.universal_id, self.universal_id_type)
        return "^".join(parts).rstrip("^")


@dataclass(frozen=True, slots=True)
class Person:
    """A person in a role: name in DICOM form (PN), identifier when the message has one."""

    name: str = ""
    identifier: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """PID, as far as a workitem needs it.

    Attributes:
        identifier: the primary repetition of PID-3.
        identifier_type: PID-3.5, e.g. ``PI``.
        other_identifiers: the other repetitions.
        name: PID-5 in DICOM form: family^given^middle^prefix^suffix.
        birth_date: VR DA, empty when unknown or implausible.
        sex: ``F``, ``M``, ``O`` or empty.
    """

    identifier: EntityIdentifier = field(default_factory=EntityIdentifier)
    identifier_type: str = ""
    other_identifiers: tuple[EntityIdentifier, ...] = ()
    name: str = ""
    birth_date: str = ""
    sex: str = ""

    @property
    def cx(self) -> str:
        """The identifier as CX: id, two empty components, assigning authority."""
        issuer = self.identifier
        authority = "&".join((issuer.namespace, issuer.universal_id, issuer.universal_id_type)).rstrip("&")
        return f"{issuer.value}^^^{authority}".rstrip("^") if issuer.value else ""


@dataclass(frozen=True, slots=True)
class ScheduledStep:
    """One scheduled procedure step: IPC, or one ORC/OBR pair of an ORM."""

    identifier: str = ""
    modality: str = ""
    protocol: Code | None = None
    station_ae: str = ""


@dataclass(frozen=True, slots=True)
class ImagingOrder:
    """One requested procedure with its steps.

    Attributes:
        control: ORC-1 (table 0119).
        status: ORC-5 (table 0038).
        control_id: MSH-10 of the message.
        sender: MSH-3 and MSH-4, joined by ``|``.
        transaction_time: ORC-9, else MSH-7, as sent.
        study_instance_uid: IPC-3, ZDS-1 or OBX; empty when the message has none.
        derived_study_uid: stands for the study of an order that names none, until its images say which it is. Images
            are never looked for by it.
        priority: TQ1-9, ORC-7.6, OBR-27.6 or OBR-5, as sent.
        start: TQ1-7, ORC-7.4, OBR-27.4 or OBR-36, as sent.
        reason: OBR-31 as text; ``reason_code`` when it is coded.
        cancel_reason: ORC-16 as text.
        comments: OBR-13 and the notes after OBR.
        parent: of a child order (CH) the order that it is a part of: ORC-8, else the PA before it.
        origin: what told of the order: ``hl7``, ``fhir``, ``mpps``, ``ian``, ``arrival``, ``person``,
            ``query`` or ``bulk``.
        called_ae: AE title that the images were sent to, when they came through one that chooses a pipeline.
        asked: names of rules that are to be followed whatever their condition says: by a person, a FHIR Task, or the
            AE title that the images were sent to.
        registered: DICOM keywords of patient attributes that the patient feed (ADT) told: they go before the images'.
    """

    control: str = ""
    status: str = ""
    control_id: str = ""
    sender: str = ""
    transaction_time: str = ""
    placer: EntityIdentifier = field(default_factory=EntityIdentifier)
    filler: EntityIdentifier = field(default_factory=EntityIdentifier)
    accession: EntityIdentifier = field(default_factory=EntityIdentifier)
    requested_procedure_id: str = ""
    study_instance_uid: str = ""
    patient: Patient = field(default_factory=Patient)
    patient_class: str = ""
    admission: EntityIdentifier = field(default_factory=EntityIdentifier)
    procedure: Code | None = None
    steps: tuple[ScheduledStep, ...] = ()
    priority: str = ""
    start: str = ""
    reason: str = ""
    reason_code: Code | None = None
    requesting_physician: Person = field(default_factory=Person)
    referring_physician: Person = field(default_factory=Person)
    requesting_service: str = ""
    cancel_reason: str = ""
    comments: str = ""
    parent: EntityIdentifier = field(default_factory=EntityIdentifier)
    derived_study_uid: str = ""
    origin: str = "hl7"
    called_ae: str = ""
    asked: tuple[str, ...] = ()
    registered: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What names the order in every message about it: filler number, else placer, accession, study."""
        for kind, identifier in (("filler", self.filler), ("placer", self.placer), ("accession", self.accession)):
            if identifier:
                return f"{kind}:{identifier}"
        return f"study:{self.study_instance_uid}"
