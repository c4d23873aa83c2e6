"""What an actor declares, as values; the actors keep it as TOML beside their code."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A value in which no other key may stand."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Claim(Value):
    """One IHE actor that is claimed, and the suites whose required tests must all have passed for it."""

    profile: str
    actor: str
    options: tuple[str, ...] = ()
    suites: tuple[str, ...]


class DimseService(Value):
    """SOP classes (by pydicom's names) in one role."""

    classes: tuple[str, ...]
    role: str
    transfer_syntaxes: tuple[str, ...]
    note: str = ""


class WebService(Value):
    """One transaction of a web service; ``section`` is of PS3.18."""

    service: str
    transaction: str
    role: str
    section: str
    resources: tuple[str, ...]
    method: str = ""
    parameters: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()


class WorklistRole(Value):
    """The Worklist service in one role; all transactions unless some are named."""

    role: str
    transactions: tuple[str, ...] = ()
    note: str = ""


class Hl7Service(Value):
    """HL7 messages or FHIR resources that are received or sent."""

    transaction: str
    messages: tuple[str, ...]
    role: str
    note: str = ""


class CreatedObject(Value):
    """A kind of instance that the actor makes."""

    sop_class: str
    note: str = ""


class Note(Value):
    """A sentence for one section: ``worklist``, ``storage`` or ``security``."""

    section: str
    text: str


class Setting(Value):
    """One setting of the configuration, with its default."""

    name: str
    default: str


class Declared(Value):
    """Everything that one actor declares.

    Attributes:
        name: of its folder.
        settings: of its table of the configuration.
    """

    name: str
    title: str
    purpose: str
    ae_title: str = ""
    worklist: tuple[WorklistRole, ...] = ()
    claims: tuple[Claim, ...] = ()
    dimse: tuple[DimseService, ...] = ()
    web: tuple[WebService, ...] = ()
    hl7: tuple[Hl7Service, ...] = ()
    objects: tuple[CreatedObject, ...] = ()
    notes: tuple[Note, ...] = ()
    settings: tuple[Setting, ...] = ()


class Product(Value):
    """Whose statement it is."""

    vendor: str
    name: str
    version: str
    published: date
