"""Good resources in both versions, by name."""

import copy

SCT, LOINC, DCM = "http://snomed.info/sct", "http://loinc.org", "http://dicom.nema.org/resources/ontology/DCM"
V2 = "http://terminology.hl7.org/CodeSystem/v2-0203"
UCUM = {"system": "http://unitsofmeasure.org", "code": "mL", "unit": "mL"}
STUDY = {"system": "urn:dicom:uid", "value": "urn:oid:2.25.1001"}


def concept(system, code):
    return {"coding": [{"system": system, "code": code}]}


def ref(target):
    return {"reference": target}


ORDER = {
    "resourceType": "ServiceRequest",
    "identifier": [{"type": concept(V2, "PLAC"), "value": "P9"}, {"type": concept(V2, "ACSN"), "value": "A1"}],
    "status": "active",
    "intent": "order",
    "category": [concept(SCT, "363679005")],
    "priority": "stat",
    "subject": ref("Patient/1"),
    "authoredOn": "2026-11-24T08:00:00+01:00",
    "requester": ref("Practitioner/1"),
}
TASK = {
    "resourceType": "Task",
    "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:2.25.4711"}],
    "basedOn": [ref("ServiceRequest/1")],
    "status": "completed",
    "intent": "order",
    "code": concept("http://site.example/codes", "LUNGNOD"),
    "focus": ref("ImagingStudy/1"),
    "for": ref("Patient/1"),
    "executionPeriod": {"start": "2026-11-24T08:01:00+01:00", "end": "2026-11-24T08:02:00+01:00"},
    "lastModified": "2026-11-24T08:02:01+01:00",
    "owner": ref("Device/1"),
    "output": [{"type": {"text": "report"}, "valueReference": ref("DiagnosticReport/1")}],
}
FAILED = {
    **{key: value for key, value in TASK.items() if key != "output"},
    "status": "failed",
    "statusReason": concept(DCM, "110521"),
}
SERIES = {"uid": "2.25.1002", "instance": [{"uid": "2.25.1", "sopClass": {"system": "urn:ietf:rfc:3986"}}]}
IMAGING_STUDY = {
    "resourceType": "ImagingStudy",
    "identifier": [STUDY],
    "status": "available",
    "subject": ref("Patient/1"),
    "started": "2026-11-24T07:30:00+01:00",
    "numberOfSeries": 1,
    "numberOfInstances": 1,
}
VOLUME = {
    "resourceType": "Observation",
    "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:2.25.77"}],
    "partOf": [ref("ImagingStudy/1")],
    "status": "preliminary",
    "code": concept(SCT, "118565006"),
    "subject": ref("Patient/1"),
    "issued": "2026-11-24T08:02:00.000+01:00",
    "valueQuantity": {"value": 12.5, **UCUM},
    "device": ref("Device/1"),
}
REPORT = {
    "resourceType": "DiagnosticReport",
    "identifier": [{"type": concept(V2, "ACSN"), "value": "A1"}],
    "basedOn": [ref("ServiceRequest/1")],
    "status": "preliminary",
    "category": [concept("http://terminology.hl7.org/CodeSystem/v2-0074", "RAD")],
    "code": concept(LOINC, "24627-2"),
    "subject": ref("Patient/1"),
    "issued": "2026-11-24T08:02:00.000+01:00",
    "result": [ref("Observation/1")],
    "presentedForm": [{"contentType": "text/html", "url": "https://ris.example/reports/1"}],
}
ENGINE = {
    "resourceType": "Device",
    "manufacturer": "Stepwell",
    "version": [{"value": "1.0.2"}],
}
PROVENANCE = {
    "resourceType": "Provenance",
    "target": [ref("ServiceRequest/1")],
    "recorded": "2026-11-24T08:00:00.000+01:00",
    "activity": concept("http://terminology.hl7.org/CodeSystem/v2-0003", "O23"),
    "agent": [{"who": {"display": "RIS"}}],
    "entity": [{"role": "source", "what": {"identifier": {"value": "R000002"}}}],
}
ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
ENTITY = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
AUDIT_R4B = {
    "resourceType": "AuditEvent",
    "type": {"system": "urn:ihe:rad", "code": "SOLE"},
    "subtype": [{"system": "http://radlex.org", "code": "RID45812"}],
    "action": "E",
    "recorded": "2026-11-24T08:00:00.000+01:00",
    "outcome": "0",
    "agent": [
        {
            "type": concept(DCM, "110153"),
            "who": {"identifier": {"value": "stepwell"}},
            "requestor": True,
            "network": {"address": "127.0.0.1", "type": "2"},
        },
        {"type": concept(DCM, "110152"), "who": {"identifier": {"value": "repository"}}, "requestor": False},
    ],
    "source": {
        "observer": {"identifier": {"value": "stepwell"}},
        "type": [{"system": "http://terminology.hl7.org/CodeSystem/security-source-type", "code": "4"}],
    },
    "entity": [
        {
            "what": {"identifier": {"value": "2.25.1001"}},
            "type": {"system": ENTITY, "code": "2"},
            "role": {"system": ROLE, "code": "3"},
            "detail": [{"type": "AccessionNumber", "valueString": "A1"}],
        },
        {"query": "UmVxdWVzdA==", "type": {"system": ENTITY, "code": "2"}, "role": {"system": ROLE, "code": "24"}},
    ],
}
AUDIT_R5 = {
    "resourceType": "AuditEvent",
    "category": [concept(DCM, "110112")],
    "code": concept(DCM, "110180"),
    "action": "R",
    "occurredDateTime": "2026-11-24T08:00:00+01:00",
    "recorded": "2026-11-24T08:00:00.000+01:00",
    "outcome": {"code": {"system": "http://hl7.org/fhir/issue-severity", "code": "information"}},
    "agent": [{"type": concept(DCM, "110153"), "who": ref("Device/1"), "requestor": True},
              {"type": concept(DCM, "110152"), "who": ref("Device/2"), "requestor": False}],
    "source": {"observer": ref("Device/1")},
    "entity": [{"what": {"identifier": {"value": "2.25.1001"}}}],
}  # fmt: skip

DEVICE_URL, VOLUME_URL = (f"urn:uuid:c757873d-ec9a-4326-a141-556f4323952{number}" for number in "12")
SENT = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [
        {
            "fullUrl": DEVICE_URL,
            "resource": {
                **ENGINE,
                "type": {"text": "algorithm"},
                "deviceName": [{"name": "brain", "type": "model-name"}],
            },
            "request": {"method": "POST", "url": "Device", "ifNoneExist": "identifier=urn:dicom:uid%7Curn:oid:2.25.9"},
        },
        {
            "fullUrl": VOLUME_URL,
            "resource": {**VOLUME, "device": ref(DEVICE_URL)},
            "request": {"method": "PUT", "url": "Observation?identifier=urn:dicom:uid%7Curn:oid:2.25.77"},
        },
    ],
}

#: name: the version that it shows, and the resource
GOOD = {
    "order_r4b": ("R4B", {**ORDER, "code": concept(LOINC, "24627-2"), "reasonCode": [{"text": "cough"}]}),
    "order_r5": ("R5", {**ORDER, "code": {"concept": concept(LOINC, "24627-2")},
                        "reason": [{"concept": {"text": "cough"}}]}),
    "task_r4b": ("R4B", {**TASK, "performerType": [{"text": "AI"}]}),
    "task_r5": ("R5", {**{key: value for key, value in TASK.items() if key != "owner"},
                       "requestedPerformer": [{"reference": ref("Device/1")}]}),
    "task_failed": ("R4B", {**FAILED, "performerType": [{"text": "AI"}]}),
    "study_r4b": ("R4B", {**IMAGING_STUDY, "modality": [{"system": DCM, "code": "CT"}],
                          "procedureCode": [{"text": "CT chest"}],
                          "series": [{**SERIES, "modality": {"system": DCM, "code": "CT"}, "numberOfInstances": 1}]}),
    "study_r5": ("R5", {**IMAGING_STUDY, "modality": [concept(DCM, "CT")],
                        "procedure": [{"concept": {"text": "CT chest"}}],
                        "series": [{**SERIES, "modality": concept(DCM, "CT"), "numberOfInstances": 1}]}),
    "selection": ("R5", {"resourceType": "ImagingSelection", "status": "available", "code": concept(DCM, "121191"),
                         "studyUid": "2.25.1001", "seriesUid": "2.25.2001", "instance": [{"uid": "2.25.21"}]}),
    "volume": ("R4B", VOLUME),
    "volume_r5": ("R5", {**VOLUME, "triggeredBy": [{"observation": ref("Observation/2"), "type": "reflex"}]}),
    "group": ("R4B", {**{key: value for key, value in VOLUME.items() if key != "valueQuantity"},
                      "hasMember": [ref("Observation/1")]}),
    "unread": ("R4B", {**{key: value for key, value in VOLUME.items() if key != "valueQuantity"},
                       "dataAbsentReason": {"text": "failed"}}),
    "parts": ("R4B", {**{key: value for key, value in VOLUME.items() if key != "valueQuantity"},
                      "component": [{"code": {"text": "left"}, "valueQuantity": {"value": 1, **UCUM}}]}),
    "report_r4b": ("R4B", {**REPORT, "imagingStudy": [ref("ImagingStudy/1")]}),
    "report_r5": ("R5", {**REPORT, "study": [ref("ImagingStudy/1")]}),
    "engine_r4b": ("R4B", {**ENGINE, "type": {"text": "algorithm"},
                           "deviceName": [{"name": "brain-extraction", "type": "model-name"}]}),
    "engine_r5": ("R5", {**ENGINE, "type": [{"text": "algorithm"}], "displayName": "brain-extraction"}),
    "provenance": ("R4B", PROVENANCE),
    "sent": ("R4B", SENT),
    "audit_r4b": ("R4B", AUDIT_R4B),
    "audit_r5": ("R5", AUDIT_R5),
}  # fmt: skip


def good(name):
    return copy.deepcopy(GOOD[name][1])
