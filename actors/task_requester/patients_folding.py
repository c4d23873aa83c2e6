"""Who a patient is: a fold over everything that was told of patients, by the time at which it happened (orders.md 5).

Pure. Merges and changed identifiers are links from the identifier that disappeared to the one that stays, followed to
the end. What is known of a patient is the newest that was told under any of its identifiers. So the same events come to
the same patients in whichever order they were received.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydantic import TypeAdapter

from profiles.hl7 import EntityIdentifier, ImagingOrder, MessageFinding
from profiles.hl7.adt import PatientAction, PatientEvent, has_authority, refused_patient
from profiles.hl7.values import Patient

EVENT = TypeAdapter(PatientEvent)
_FIELDS = ("name", "birth_date", "sex")
_KEYWORDS = {"name": "PatientName", "birth_date": "PatientBirthDate", "sex": "PatientSex"}
_IDENTIFYING = ("PatientID", "IssuerOfPatientID")


@dataclass(frozen=True, slots=True)
class Happened:
    """An event with its time, ISO 8601 in UTC."""

    time: str
    event: PatientEvent


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the patient that an identifier names.

    Attributes:
        asked: the identifier.
        identifier: the one that is valid now.
        others: all further ones.
        retired: those of them that were merged away or changed.
        said: ``name``, ``birth_date`` and ``sex``, as far as anything was told of them.
        gone_since: when the asked one was merged away or changed, ISO 8601; empty when it is valid.
        sharing: patients of different authorities that the asked one may name, when it names no authority itself.
        is_registered: whether anything was told of the patient.
    """

    asked: EntityIdentifier
    identifier: EntityIdentifier
    others: tuple[EntityIdentifier, ...] = ()
    retired: tuple[EntityIdentifier, ...] = ()
    said: Mapping[str, str] = field(default_factory=dict)
    gone_since: str = ""
    sharing: tuple[EntityIdentifier, ...] = ()
    is_registered: bool = False

    @property
    def identifiers(self) -> tuple[EntityIdentifier, ...]:
        """All identifiers of the patient, the valid one first."""
        return self.identifier, *self.others

    def as_orders_see(self) -> object:
        """Equal as long as nothing that orders depend on changes."""
        return self.identifier, frozenset(self.others), tuple(sorted(self.said.items())), self.sharing


class Registry:
    """All patients that some events speak of.

    Args:
        events: all that concern the patients of interest, in any order.
    """

    def __init__(self, events: Iterable[Happened]) -> None:
        self._events = sorted(events, key=_when)
        named = [one for found in self._events for one in (found.event.identifier, found.event.prior) if one]
        self._named = sorted({one for one in named if has_authority(one)}, key=_fullest)
        self._links: dict[EntityIdentifier, tuple[EntityIdentifier, str]] = {}
        for found in self._events:
            self._link(found)

    def known(self, identifier: EntityIdentifier) -> Known:
        """What is known of the patient that an identifier names."""
        node = self.node(identifier)
        root = self.root(node)
        theirs = [one.event for one in self._events if self.root(self.node(one.event.identifier)) == root]
        said = {name: value for one in theirs for name in _FIELDS if (value := getattr(one, name)) is not None}
        priors = {one.event.prior for one in self._events if one.event.prior}
        retired = {one for one in priors if self.root(self.node(one)) == root and self.node(one) != root}
        aliases = retired | {one for event in theirs for one in (event.identifier, *event.others)}
        return Known(
            asked=identifier,
            identifier=root,
            others=tuple(sorted(aliases - {root}, key=str)),
            retired=tuple(sorted(retired, key=str)),
            said=said,
            gone_since=self._links[node][1] if node in self._links else "",
            sharing=self._sharing(identifier),
            is_registered=bool(theirs),
        )

    def node(self, identifier: EntityIdentifier) -> EntityIdentifier:
        """The fullest form of an identifier; one without authority is the only one of its value that has one."""
        if not has_authority(identifier):
            patients = self._of_value(identifier)
            return patients[0] if len(patients) == 1 else identifier
        return next((one for one in self._named if one.same_as(identifier)), identifier)

    def root(self, node: EntityIdentifier) -> EntityIdentifier:
        """The identifier that is valid now."""
        while node in self._links:
            node = self._links[node][0]
        return node

    def against(self, found: Happened) -> MessageFinding | None:
        """What speaks against a merge or a changed identifier; nothing against one that is known (HL7-045, HL7-049)."""
        event = found.event
        if event.action is PatientAction.UPDATE or not event.prior:
            return None
        for path, one in (("MRG-1", event.prior), ("PID-3", event.identifier)):
            if self._sharing(one):
                words = f"{path} names no authority, and patients of several have this identifier."
                return refused_patient(path, words, "HL7-044", code=204)
        prior, stays = self.node(event.prior), self.node(event.identifier)
        if self.root(prior) == self.root(stays):
            is_known = prior in self._links
            return None if is_known else refused_patient("MRG-1", "This would close a circle of merges.", "HL7-045")
        if prior in self._links:
            return refused_patient("MRG-1", "The prior identifier was merged into another one.", "HL7-045")
        if event.action is PatientAction.CHANGE and "" < self._first_told(stays) < found.time:
            return in_use()
        return None

    def has_link(self, event: PatientEvent) -> bool:
        """Whether the merge or changed identifier is known."""
        prior, stays = self.node(event.prior), self.node(event.identifier)
        return prior in self._links and self.root(prior) == self.root(stays)

    def _first_told(self, node: EntityIdentifier) -> str:
        return next((one.time for one in self._events if self.node(one.event.identifier) == node), "")

    def _link(self, found: Happened) -> None:
        if found.event.action is PatientAction.UPDATE or not found.event.prior:
            return
        prior, stays = self.node(found.event.prior), self.node(found.event.identifier)
        if prior not in self._links and self.root(stays) != prior:
            self._links[prior] = stays, found.time

    def _of_value(self, identifier: EntityIdentifier) -> Sequence[EntityIdentifier]:
        nodes = {self.node(one) for one in self._named if one.value == identifier.value}
        return sorted(nodes, key=str)

    def _sharing(self, identifier: EntityIdentifier) -> tuple[EntityIdentifier, ...]:
        if not identifier or has_authority(identifier):
            return ()
        found = self._of_value(identifier)
        patients = {self.root(one) for one in found}
        return tuple(found) if len(patients) > 1 else ()


def standing(known: Known) -> str:
    """What became of an identifier, in words; empty when nothing did. Of patients it names identifiers only."""
    if known.gone_since:
        return f"{known.asked} is {known.identifier} since {known.gone_since}"
    merged = ", ".join(map(str, known.retired))
    return f"{known.identifier} stands for {merged}, too" if merged else ""


def in_use() -> MessageFinding:
    """A changed identifier cannot become one that another patient has."""
    return refused_patient("PID-3", "The new identifier is that of a patient who is known.", "HL7-049")


def present_patient(patient: Patient, known: Known) -> Patient:
    """The patient of an order as known now: what was told of it goes before what the order says (HL7-050)."""
    if not known.is_registered:
        return patient
    others = [one for one in (*patient.other_identifiers, *known.others) if one != known.identifier]
    return replace(
        patient, identifier=known.identifier, other_identifiers=tuple(dict.fromkeys(others)), **dict(known.said)
    )


def told_attributes(known: Known) -> tuple[str, ...]:
    """DICOM keywords of what was told of the patient, which goes before what its images say."""
    told = tuple(_KEYWORDS[name] for name in _FIELDS if name in known.said)
    return told + (_IDENTIFYING if known.retired else ())


def trouble(order: ImagingOrder, known: Known, *, must_be_registered: bool) -> str:
    """Why a person has to look before anything is done for the patient of an order; empty when nobody has to.

    Args:
        order: as it was told.
        known: of its patient.
        must_be_registered: whether a patient that nobody told of is in doubt.
    """
    if known.sharing:
        authorities = ", ".join(sorted(one.namespace or one.universal_id for one in known.sharing))
        return f"The order's patient identifier names no authority, and patients of several have it: {authorities}."
    if must_be_registered and order.patient.identifier and not known.is_registered:
        return "Nobody told of the order's patient yet (ADT)."
    if _is_somebody_else(order.patient, known):
        return "The order's patient has another birth date and family name than was told of the identifier (ADT)."
    return ""


def _is_somebody_else(patient: Patient, known: Known) -> bool:
    born, name = known.said.get("birth_date", ""), known.said.get("name", "")
    if not (born and name and patient.birth_date and patient.name):
        return False
    return born != patient.birth_date and _family(name) != _family(patient.name)


def _family(name: str) -> str:
    return name.partition("^")[0].strip().casefold()


def _fullest(identifier: EntityIdentifier) -> tuple[int, str]:
    parts = (identifier.namespace, identifier.universal_id, identifier.universal_id_type)
    return parts.count(""), str(identifier)


def _when(found: Happened) -> tuple[str, str, bytes]:
    return found.time, str(found.event.action), EVENT.dump_json(found.event)
