"""The result as a whole: DiagnosticReport and Provenance (orders.md section 11.3)."""

from __future__ import annotations

from collections.abc import Sequence

from profiles.air.report_object import procedures_reported
from profiles.air.statements import finding_codes, remark
from profiles.fhir.case import Case, Entry
from profiles.fhir.datatypes import Json, concept, term, uid_identifier
from profiles.fhir.sources import attachment

_SECTION = "http://terminology.hl7.org/CodeSystem/v2-0074"
_PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_OPERATION = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"


def diagnostic_report(case: Case, results: Sequence[Entry]) -> Entry:
    """The report over all observations; its conclusion says first that no person has verified it, while none has."""
    word = case.context.standing.verification
    values = {
        "identifiers": [uid_identifier(case.report_uid), *case.order_numbers],
        "language": case.context.language.value,
        "status": case.status["report"],
        "categories": term(_SECTION, "RAD", "Radiology"),
        "code": concept(procedures_reported(case.context)[0]),
        "organizations": {"type": "Organization", "display": word.organization} if word else None,
        "results": [one.reference for one in results],
        "forms": [attachment(made, case.retrieve_url) for made in case.objects] if case.retrieve_url else [],
        "conclusion": remark(case.context),
        "findings": [concept(found) for found in finding_codes(case.results)],
    }
    return case.made("DiagnosticReport", case.report_uid, values)


def provenance(case: Case, targets: Sequence[Entry], device: Entry, host: Entry) -> Entry:
    """Which algorithm made the result, on which program, for which workitem, from which study, in place of what."""
    agents = [
        {"type": term(_PARTICIPANT, "assembler", "Assembler"), "who": device.reference, "onBehalfOf": host.reference},
        *({"type": term(_PARTICIPANT, "verifier", "Verifier"), "who": person} for person in case.people),
    ]
    entities = [{"role": "source", "what": case.study}]
    if case.workitem_uid:
        entities.append({"role": "source", "what": {"type": "Task", "identifier": uid_identifier(case.workitem_uid)}})
    entities += [_replaced(str(one.SOPInstanceUID)) for one in case.context.replaces]
    values = {
        "targets": [one.reference for one in targets],
        "activity": term(_OPERATION, "CREATE", "create"),
        "agents": agents,
        "entities": entities,
    }
    return case.made("Provenance", case.key("provenance"), values)


def _replaced(uid: str) -> Json:
    return {"role": "revision", "what": {"type": "DiagnosticReport", "identifier": uid_identifier(uid)}}
