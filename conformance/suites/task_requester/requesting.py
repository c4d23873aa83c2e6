"""What a Task Requester asks for: the request itself, what it names, and for whom (RAD-80)."""

from __future__ import annotations

import re

from conformance.harness import Trial, shows
from conformance.partners.attributes import codes, text, values
from conformance.partners.orders import imaging_order
from conformance.rules import read_rules
from conformance.suites.hl7_receiver.changing import judge_images
from conformance.suites.task_requester.stage import LEAVES, Requesting
from conformance.ups import check_workitem

_UID = re.compile(r"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*))+")
_UID_LENGTH = 64
_INPUT = "InputInformationSequence"
_REQUEST = "ReferencedRequestSequence"
_TYPES = ("application/dicom+json", "application/dicom+xml")


@shows("AIWI-TR-001", "A request is one legal Create with a new UID", leaves=LEAVES)
def one_create(trial: Trial, department: Requesting) -> None:
    """AIWI-TR-001."""
    first, second = (department.scan() for _ in range(2))
    found = [department.made(scan) for scan in (first, second)]
    department.nothing_more()
    for scan, exchange in zip((first, second), found, strict=True):
        made, proof = department.tried(scan), department.proof(exchange)
        trial.must(len(made) == 1, "a task is requested once", f"{len(made)} requests", department.proof(*made))
        request = exchange.request
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        trial.must(kind in _TYPES, "the content is DICOM JSON or XML", kind or "no Content-Type", proof)
        uid = request.parameter("workitem", "AffectedSOPInstanceUID", "")
        inside = text(request.dataset, "SOPInstanceUID")
        trial.must(uid or inside or not request.query, "the query is the UID, or empty", "it is neither", proof)
        for one in filter(None, (uid, inside)):
            legal = bool(_UID.fullmatch(one)) and len(one) <= _UID_LENGTH
            trial.must(legal, "the UID of the workitem is well formed", "it is not", proof)
        trial.must(not (uid and inside) or uid == inside, "both UIDs are the same", "they are not", proof)
    uids = {department.uid_of(exchange) for exchange in found}
    trial.must(len(uids) == len(found), "every task has a UID of its own", "they share one", department.proof(*found))


@shows("AIWI-TR-002", "A request has every attribute that a new workitem needs, and none that it must not have")
def attributes(trial: Trial, department: Requesting) -> None:
    """AIWI-TR-002."""
    found = department.made(department.scan())
    about = read_rules("ups_rules")
    broken = [
        one
        for one in check_workitem(found.request.dataset, "create", "workitem")
        if one.rule not in about or about[one.rule].applies != "content"  # what it says is for the other tests
    ]
    trial.findings(broken, "the workitem is whole", department.proof(found))
    state = text(found.request.dataset, "ProcedureStepState")
    trial.must(state == "SCHEDULED", "its state is SCHEDULED", state or "it has none", department.proof(found))


@shows("AIWI-TR-003", "A request says what is to be done, by whom, and how urgent it is")
def selection(trial: Trial, department: Requesting) -> None:
    """AIWI-TR-003."""
    found = department.made(department.scan())
    workitem, proof = found.request.dataset, department.proof(found)
    work = codes(workitem, "ScheduledWorkitemCodeSequence")
    whole = bool(work) and all(value and scheme for value, scheme in work)
    trial.must(whole, "there is a workitem code", f"{len(work)} items", proof)
    stations = [
        one
        for keyword in ("ScheduledStationNameCodeSequence", "ScheduledStationClassCodeSequence")
        for one in codes(workitem, keyword)
    ]
    bad = [one for one in stations if not all(one)]
    trial.must(not bad, "stations are named by whole codes", f"{len(bad)} are not", proof)
    if not stations:
        trial.note("no station is named: the workitem code alone selects the performer", proof)
    trial.must(text(workitem, "ProcedureStepLabel"), "there is a Procedure Step Label", "it is empty", proof)
    priority = text(workitem, "ScheduledProcedureStepPriority")
    trial.must(priority in {"HIGH", "MEDIUM", "LOW"}, "the priority is HIGH, MEDIUM or LOW", priority, proof)


@shows("AIWI-TR-004", "A request names images that the archive has, and how to retrieve them")
def inputs(trial: Trial, department: Requesting) -> None:
    """AIWI-TR-004."""
    scan = department.scan()
    found = department.made(scan)
    workitem, proof = found.request.dataset, department.proof(found)
    items = values(workitem, _INPUT)
    trial.require(items, "there is input information", "there is none", proof)
    ours = {str(one.SOPInstanceUID) for one in scan.images}
    series = {str(one.SeriesInstanceUID) for one in scan.images}
    for item in items:
        kind = text(item, "TypeOfInstances")
        trial.must(kind == "DICOM", "the type of instances is DICOM", kind or "it is empty", proof)
        trial.must(text(item, "StudyInstanceUID") == scan.uid, "the study is the one asked for", "another", proof)
        named = text(item, "SeriesInstanceUID")
        trial.must(named in series, "the series is one that the archive has", "it is not", proof)
        unknown = {str(one) for one in values(item, "ReferencedSOPSequence.ReferencedSOPInstanceUID")} - ours
        trial.must(not unknown, "the instances are those of the archive", f"{len(unknown)} are not", proof)
        trial.must(_is_retrievable(department, item), "it says how to retrieve them", "it does not", proof)
    judge_images(trial, department, scan, found)


def _is_retrievable(department: Requesting, item: object) -> bool:
    """WADO-RS at an address that is the archive's, or a DIMSE retrieval from an AE title."""
    addresses = [str(one) for one in values(item, "WADORSRetrievalSequence.RetrieveURL")]
    if addresses:
        return all(one.startswith(department.archive.url) for one in addresses)
    return bool(text(item, "DICOMRetrievalSequence.RetrieveAETitle"))


@shows("AIWI-TR-005", "A request is for the patient and the order of the images")
def identity(trial: Trial, department: Requesting) -> None:
    """AIWI-TR-005."""
    scan = department.scan()
    found = department.made(scan)
    workitem, proof, study = found.request.dataset, department.proof(found), scan.order.study
    for path, wanted, words in (
        ("PatientID", study.patient_id, "the Patient ID is that of the images"),
        ("PatientName", study.patient_name, "the patient's name is that of the images"),
        ("StudyInstanceUID", scan.uid, "the Study Instance UID is that of the images"),
        (f"{_REQUEST}.StudyInstanceUID", scan.uid, "the request is for that study"),
        (f"{_REQUEST}.AccessionNumber", study.accession, "the accession number is that of the images"),
    ):
        told = text(workitem, path)
        accepted = told == wanted or (not told and path == "StudyInstanceUID")
        trial.must(accepted, words, f"{path} is {'another' if told else 'empty'}", proof)
    if department.declared.hl7.port:
        told = text(workitem, f"{_REQUEST}.RequestedProcedureID")
        wanted = scan.order.requested_procedure
        trial.must(told == wanted, "the Requested Procedure ID is that of the order", "it is not", proof)


@shows("AIWI-TR-006", "A request for an urgent order is of priority HIGH")
def urgent(trial: Trial, department: Requesting) -> None:
    """AIWI-TR-006."""
    found = department.made(department.scan(priority="S"))
    told = text(found.request.dataset, "ScheduledProcedureStepPriority")
    trial.must(told == "HIGH", "the priority is HIGH", told or "it is empty", department.proof(found))


@shows("AIWI-TR-010", "A request says where results are to be stored, in a way that can be used")
def destination(trial: Trial, department: Requesting) -> None:
    """AIWI-TR-010."""
    found = department.made(department.scan())
    workitem, proof = found.request.dataset, department.proof(found)
    items = values(workitem, "OutputDestinationSequence")
    trial.must(items, "there is an Output Destination Sequence", "it is empty or missing", proof)
    for item in items:
        addresses = [str(one) for one in values(item, "STOWRSStorageSequence.StorageURL")]
        titles = [str(one) for one in values(item, "DICOMStorageSequence.DestinationAE")]
        usable = all(one.startswith(("http://", "https://")) for one in addresses) and (addresses or any(titles))
        trial.must(usable, "each destination has an address for STOW-RS or an AE title", "one has neither", proof)


@shows("AIWI-TR-013", "The same trigger twice makes one workitem", leaves=LEAVES)
def twice(trial: Trial, department: Requesting) -> None:
    """AIWI-TR-013."""
    if not department.declared.hl7.port:
        trial.omit("only a message can be the same twice, and the system takes none")
    scan = department.scan()
    message = imaging_order(scan.order, department.parties, department.kind)
    department.store(scan)
    for _ in range(2):
        department.ask_for(scan, message)
    department.requested(scan)
    department.ask_for(scan, message)
    department.nothing_more()
    made = department.created(scan)
    trial.must(len(made) == 1, "there is one workitem", f"{len(made)}", department.proof(*made))
