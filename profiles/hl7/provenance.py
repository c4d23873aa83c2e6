"""Which place of a message each value of an order was read from, for people who write a dialect."""

from __future__ import annotations

from dataclasses import dataclass

from profiles.hl7.message import Message
from profiles.hl7.paths import FieldPath
from profiles.hl7.values import ImagingOrder
from profiles.tables import read_table


@dataclass(frozen=True, slots=True)
class Origin:
    """One value of an order.

    Attributes:
        field: what it is, in words.
        value: as the order has it; empty when the message has none.
        place: where it stands, e.g. ``OBR[2]-18.1``; the places that were looked at when it has none.
        is_of_patient: whether it tells of the patient.
    """

    field: str
    value: str
    place: str
    is_of_patient: bool


def origins(message: Message, order: ImagingOrder) -> list[Origin]:
    """Every value of an order with its place, in the order of ``tables/order_fields.csv``."""
    return [
        Origin(
            row["field"],
            value := _value(order, row["value"]),
            _place(message, row["places"].split(), value),
            row["patient"] == "yes",
        )
        for row in read_table("profiles.hl7", "order_fields")
    ]


def _value(order: ImagingOrder, path: str) -> str:
    found: object = order
    for name in path.split("."):
        found = getattr(found, name, "")
        if isinstance(found, tuple):
            found = found[0] if found else ""
    return str(found or "")


def _place(message: Message, places: list[str], value: str) -> str:
    """Where exactly that value stands; else where any stands, as some are written otherwise in DICOM (names, dates)."""
    if not value:
        return " ".join(places)
    paths = [FieldPath.parse(place) for place in places]
    standing = [
        (path.at(number), path.of(segment).strip())
        for path in paths
        for number, segment in enumerate(message.all(path.segment), 1)
    ]
    filled = [(path, found) for path, found in standing if found]
    exact = [path for path, found in filled if found == value]
    return str(exact[0] if exact else filled[0][0]) if filled else "(worked out)"
