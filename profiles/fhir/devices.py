"""The algorithm and the program that hosts it, as Device (orders.md section 11.3, engine)."""

from __future__ import annotations

from profiles.air.identifiers import derived_uid
from profiles.dicom import code
from profiles.fhir.case import Case, Entry
from profiles.fhir.datatypes import concept, uid_identifier


def devices(case: Case) -> tuple[Entry, Entry]:
    """The algorithm, and the Evidence Creator, which is its parent; what is there already is left as it is."""
    host = _host(case)
    algorithm = case.algorithm
    parameters = code("DCM", "111002")
    made = case.made(
        "Device",
        algorithm.device_uid,
        {
            "identifiers": uid_identifier(algorithm.device_uid, code("DCM", "121012")),
            "kind": concept(algorithm.family),
            "manufacturer": algorithm.manufacturer,
            "names": {"name": algorithm.name, "type": "model-name"},
            "display": algorithm.name,
            "model": algorithm.name,
            "version": {"value": algorithm.version},
            "properties_as_concepts": [
                {"type": concept(parameters), "valueCode": [{"text": one}]} for one in algorithm.parameters
            ],
            "properties": [{"type": concept(parameters), "valueString": one} for one in algorithm.parameters],
            "parent": host.reference,
        },
        kept=True,
    )
    return made, host


def _host(case: Case) -> Entry:
    found = case.context.equipment
    uid = derived_uid("equipment", found.manufacturer, found.model, found.software_version, found.serial_number)
    values = {
        "identifiers": uid_identifier(uid),
        "kind": concept(code("DCM", "109102")),
        "manufacturer": found.manufacturer,
        "names": {"name": found.model, "type": "model-name"},
        "display": found.model,
        "model": found.model,
        "serial": found.serial_number,
        "version": {"value": found.software_version},
    }
    return case.made("Device", uid, values, kept=True)
