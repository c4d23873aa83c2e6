"""HL7 data types as values: EI, CX, HD, CE/CWE, XPN, XCN (HL7 2.5.1 chapter 2.A)."""

from __future__ import annotations

from profiles.dicom import Code
from profiles.hl7.message import NULL, Segment
from profiles.hl7.values import EntityIdentifier, Person

_PN_COMPONENTS = 5


def plain(segment: Segment | None, field: int, component: int = 1, subcomponent: int = 1, repetition: int = 1) -> str:
    """A leaf as text; absent and the explicit null are both empty (in an order neither names anything)."""
    found = segment.get(field, component, subcomponent, repetition).strip() if segment else ""
    return "" if found == NULL else found


def entity_identifier(segment: Segment | None, field: int, repetition: int = 1) -> EntityIdentifier:
    """EI; senders that put the assigner into subcomponents are read too."""
    values = [plain(segment, field, number, 1, repetition) for number in (1, 2, 3, 4)]
    if values[0] and not any(values[1:]):
        values[1:] = [plain(segment, field, 1, number, repetition) for number in (2, 3, 4)]
    return EntityIdentifier(*values)


def entity_pair(segment: Segment | None, field: int, number: int) -> EntityIdentifier:
    """EIP: the placer's (1) or the filler's (2) identifier, its assigner in subcomponents."""
    return EntityIdentifier(*(plain(segment, field, number, part) for part in (1, 2, 3, 4)))


def extended_identifier(segment: Segment | None, field: int, repetition: int = 1) -> EntityIdentifier:
    """CX: identifier with the assigning authority of component 4 (HD)."""
    authority = [plain(segment, field, 4, number, repetition) for number in (1, 2, 3)]
    return EntityIdentifier(plain(segment, field, 1, 1, repetition), *authority)


def coded(segment: Segment | None, field: int, first: int = 1) -> Code | None:
    """CE or CWE as a code, from the component given; None when it has no value."""
    value, meaning, scheme = (plain(segment, field, first + number) for number in range(3))
    return Code(value, scheme or "L", meaning or value) if value else None


def patient_name(segment: Segment | None, field: int) -> str:
    """XPN as VR PN: of the legal repetition (type L), else the first; suffix and prefix change places (HL7-054)."""
    count = segment.repetitions(field) if segment else 0
    legal = [number for number in range(1, count + 1) if plain(segment, field, 7, 1, number) == "L"]
    chosen = legal[0] if legal else 1
    family, given, middle, suffix, prefix = (plain(segment, field, number, 1, chosen) for number in range(1, 6))
    return person_name(family, given, middle, prefix, suffix)


def person(segment: Segment | None, field: int) -> Person:
    """XCN: id, family, given, middle, suffix, prefix."""
    identifier, family, given, middle, suffix, prefix = (plain(segment, field, number) for number in range(1, 7))
    return Person(person_name(family, given, middle, prefix, suffix), identifier)


def person_name(*components: str) -> str:
    """VR PN from its components; signs that PN uses for itself become spaces (PS3.5 section 6.2)."""
    clean = [component.translate(_NOT_IN_NAMES).strip() for component in components[:_PN_COMPONENTS]]
    return "^".join(clean).rstrip("^")


_NOT_IN_NAMES = str.maketrans(dict.fromkeys("^=\\\r\n\t", " "))
