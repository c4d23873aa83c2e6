"""Good datasets at each moment of a workitem's life, and ways to get at their parts."""

import copy

from pydicom.datadict import dictionary_VR, tag_for_keyword

from connectathon.full_workitems import full_update, full_workitem

PERFORMED = "UnifiedProcedureStepPerformedProcedureSequence"
PROGRESS = "ProcedureStepProgressInformationSequence"
REASON = "ProcedureStepDiscontinuationReasonCodeSequence"
PUSH = "1.2.840.10008.5.1.4.34.6.1"
PACS = "https://pacs.example/dicomweb/studies"


def tag(keyword):
    return f"{tag_for_keyword(keyword):08X}"


def element(keyword, *values):
    """An element of the DICOM JSON Model."""
    vr = dictionary_VR(tag_for_keyword(keyword))
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


def dataset(**attributes):
    """A dataset of keywords and values; a list gives several values, None an empty element."""
    found = {}
    for keyword, value in attributes.items():
        values = value if isinstance(value, list) else [] if value is None else [value]
        found[tag(keyword)] = element(keyword, *values)
    return dict(sorted(found.items()))


def put(holder, keyword, *values):
    """Set an attribute where its tag belongs."""
    holder[tag(keyword)] = element(keyword, *values)
    ordered = dict(sorted(holder.items()))
    holder.clear()
    holder.update(ordered)


def drop(holder, *keywords):
    for keyword in keywords:
        del holder[tag(keyword)]


def item(holder, *path):
    """The first item of a sequence in the first item of another, and so on."""
    for keyword in path:
        holder = holder[tag(keyword)]["Value"][0]
    return holder


def code(value, scheme="99SITE", meaning="some meaning"):
    return dataset(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def instances(series, *uids, study="2.25.1001"):
    return dataset(
        ReferencedSOPSequence=[
            dataset(ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2", ReferencedSOPInstanceUID=uid) for uid in uids
        ],
        StudyInstanceUID=study,
        SeriesInstanceUID=series,
        TypeOfInstances="DICOM",
        WADORSRetrievalSequence=dataset(RetrieveURL=f"{PACS}/{study}/series/{series}"),
    )


def created():
    """A creation of one analysis of a study of two series, with its order."""
    request = dataset(
        AccessionNumber="A1",
        IssuerOfAccessionNumberSequence=dataset(LocalNamespaceEntityID="RIS"),
        StudyInstanceUID="2.25.1001",
        RequestedProcedureDescription="CT chest",
        RequestedProcedureCodeSequence=code("24627-2", "LN", "CT chest"),
        OrderPlacerIdentifierSequence=None,
        OrderFillerIdentifierSequence=None,
        RequestedProcedureID="RP1",
    )
    return dataset(
        SpecificCharacterSet="ISO_IR 192",
        AdmittingDiagnosesDescription=None,
        AdmittingDiagnosesCodeSequence=None,
        TransactionUID=None,
        PatientName={"Alphabetic": "Müller^Änne"},
        PatientID="P1",
        IssuerOfPatientID="SITE1",
        IssuerOfPatientIDQualifiersSequence=None,
        PatientBirthDate="19610322",
        PatientSex="F",
        OtherPatientIDsSequence=None,
        StudyInstanceUID="2.25.1001",
        AdmissionID=None,
        IssuerOfAdmissionIDSequence=None,
        CommentsOnTheScheduledProcedureStep=None,
        ScheduledProcedureStepStartDateTime="20261124080000+0100",
        ExpectedCompletionDateTime="20261124090000+0100",
        ScheduledWorkitemCodeSequence=code("LUNGNOD"),
        InputInformationSequence=[instances("2.25.1002", "2.25.1", "2.25.2"), instances("2.25.1003", "2.25.3")],
        ScheduledStationNameCodeSequence=code("AI_ONE", "L", "AI one"),
        ScheduledStationClassCodeSequence=None,
        ScheduledStationGeographicLocationCodeSequence=None,
        InputReadinessState="READY",
        OutputDestinationSequence=dataset(STOWRSStorageSequence=dataset(StorageURL=PACS)),
        ReferencedRequestSequence=request,
        ProcedureStepState="SCHEDULED",
        ProcedureStepProgressInformationSequence=None,
        ScheduledProcedureStepPriority="MEDIUM",
        WorklistLabel="AI",
        ProcedureStepLabel="Lung nodules",
        ScheduledProcessingParametersSequence=[
            dataset(ValueType="NUMERIC", ConceptNameCodeSequence=code("SLICE"), NumericValue="1.5",
                    MeasurementUnitsCodeSequence=code("mm", "UCUM", "mm")),
            dataset(ValueType="TEXT", ConceptNameCodeSequence=code("MODEL"), TextValue="large"),
        ],
        UnifiedProcedureStepPerformedProcedureSequence=None,
    )  # fmt: skip


def performed():
    """The update before COMPLETED."""
    done = dataset(
        PerformedStationNameCodeSequence=code("AI_ONE", "L", "AI one"),
        PerformedProcedureStepStartDateTime="20261124080100+0100",
        PerformedProcedureStepEndDateTime="20261124080200+0100",
        PerformedWorkitemCodeSequence=code("LUNGNOD"),
        OutputInformationSequence=instances("2.25.2001", "2.25.21", "2.25.22"),
    )
    return dataset(UnifiedProcedureStepPerformedProcedureSequence=done)


def kept(state="IN PROGRESS"):
    """What a server answers of it."""
    found = created()
    drop(found, "TransactionUID")
    put(found, "SOPClassUID", PUSH)
    put(found, "SOPInstanceUID", "2.25.4711")
    put(found, "ScheduledProcedureStepModificationDateTime", "20261124080005+0100")
    put(found, "ProcedureStepState", state)
    return found


def completed():
    found = kept("COMPLETED")
    found.update(performed())
    return dict(sorted(found.items()))


def canceled():
    found = kept("CANCELED")
    reason = dataset(
        ProcedureStepCancellationDateTime="20261124080100+0100",
        ReasonForCancellation="input unusable",
        ProcedureStepDiscontinuationReasonCodeSequence=code("110521", "DCM", "Objects incorrectly formatted"),
    )
    put(found, PROGRESS, reason)
    return found


def found():
    """A search result with nothing but what is always returned."""
    answer = kept("SCHEDULED")
    for keyword in ("ScheduledHumanPerformersSequence", "MedicalAlerts", "PregnancyStatus", "SpecialNeeds"):
        put(answer, keyword)
    drop(answer, "CommentsOnTheScheduledProcedureStep", "OutputDestinationSequence", PERFORMED)
    drop(answer, "ScheduledProcedureStepModificationDateTime")
    return answer


def updated():
    """An update of progress."""
    now = dataset(ProcedureStepProgress="50", ProcedureStepProgressDescription="inference running")
    return dataset(ProcedureStepProgressInformationSequence=now)


def event(number, **attributes):
    frame = dataset(
        AffectedSOPClassUID=PUSH, MessageID=7, AffectedSOPInstanceUID="2.25.4711", EventTypeID=number, **attributes
    )
    return dict(sorted(frame.items()))


def state_report():
    return event(1, InputReadinessState="READY", ProcedureStepState="IN PROGRESS")


def cancel_requested():
    return event(2, RequestingAE="WATCHER1", ReasonForCancellation="order withdrawn", ContactURI="tel:+15550100")


def progress_report():
    now = dataset(
        ProcedureStepProgress="50",
        ProcedureStepCommunicationsURISequence=dataset(ContactURI="https://ai.example/help"),
    )
    return event(3, ProcedureStepProgressInformationSequence=now)


def status_change():
    return event(4, SCPStatus="RESTARTED", SubscriptionListStatus="WARM START",
                 UnifiedProcedureStepListStatus="WARM START")  # fmt: skip


def assigned():
    return event(5, ScheduledStationNameCodeSequence=code("AI_ONE", "L", "AI one"))


def claim():
    return dataset(TransactionUID="2.25.99", ProcedureStepState="IN PROGRESS")


def cancel_request():
    return dataset(
        ContactURI="tel:+15550100",
        ContactDisplayName="Reading room",
        ReasonForCancellation="order withdrawn",
        ProcedureStepDiscontinuationReasonCodeSequence=code("110510", "DCM", "Duplicate order"),
    )


def _plausible(full):
    """Without what filler values say that no real workitem does."""
    for holder in (full, *(full.get(tag(PERFORMED), {}).get("Value") or ())):
        for keyword in ("InputInformationSequence", "OutputInformationSequence"):
            if tag(keyword) in holder:
                way = item(holder, keyword, "WADORSRetrievalSequence")
                put(way, "RetrieveURL", "http://127.0.0.1/studies/1.2.3/series/1.2.3")
                holder[tag(keyword)]["Value"].append(instances("2.25.1003", "2.25.3"))
    return full


def full_created():
    """A creation that has all it may have."""
    full = _plausible(full_workitem())
    drop(full, "ScheduledProcedureStepModificationDateTime")
    replaced = item(full, "ReplacedProcedureStepSequence")
    put(replaced, "ReferencedSOPClassUID", PUSH)
    put(replaced, "ReferencedSOPInstanceUID", "1.2.3.4")
    return full


def full_updated():
    """An update that changes all it may change."""
    return _plausible(full_update())


def full_kept(state="IN PROGRESS"):
    """What a server answers of a workitem that has all it may have."""
    full = {**full_updated(), **{key: value for key, value in full_created().items() if "Value" in value}}
    for keyword in ("MedicalAlerts", "PregnancyStatus", "SpecialNeeds"):
        full.setdefault(tag(keyword), element(keyword))
    drop(full, "TransactionUID")
    put(full, "SOPClassUID", PUSH)
    put(full, "SOPInstanceUID", "1.2.3")
    put(full, "ScheduledProcedureStepModificationDateTime", "20261124080000")
    put(full, "InputReadinessState", "READY")
    put(full, "ProcedureStepState", state)
    put(item(full, PROGRESS, REASON), "CodingSchemeDesignator", "99SITE")
    return copy.deepcopy(full)


#: name: the moment, and what makes the dataset
GOOD = {
    "created": ("create", created),
    "kept": ("stored", kept),
    "completed": ("stored", completed),
    "canceled": ("stored", canceled),
    "found": ("found", found),
    "performed": ("update", performed),
    "updated": ("update", updated),
    "state_report": ("event", state_report),
    "cancel_requested": ("event", cancel_requested),
    "progress_report": ("event", progress_report),
    "status_change": ("event", status_change),
    "assigned": ("event", assigned),
    "claim": ("state", claim),
    "cancel_request": ("cancel", cancel_request),
    "full_created": ("create", full_created),
    "full_updated": ("update", full_updated),
    "full_kept": ("stored", full_kept),
    "full_found": ("found", full_kept),
    "full_completed": ("stored", lambda: full_kept("COMPLETED")),
    "full_canceled": ("stored", lambda: full_kept("CANCELED")),
}
