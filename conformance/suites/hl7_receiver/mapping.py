"""What becomes of an order in the workitem: identifiers, names in any character set, priority."""

from __future__ import annotations

import re
from dataclasses import replace

from conformance.harness import Trial, shows
from conformance.partners.attributes import codes, text
from conformance.partners.orders import OMI, Parties, imaging_order, imaging_orders
from conformance.partners.simulating import Exchange
from conformance.suites.hl7_receiver.stage import LEAVES, Department, Scan

_REQUEST = "ReferencedRequestSequence"


@shows("HL7-102", "An order for an AI procedure makes one workitem with the order's identifiers", leaves=LEAVES)
def one_workitem(trial: Trial, department: Department) -> None:
    """HL7-102."""
    scans = [department.scan() for _ in department.kinds]
    for scan, kind in zip(scans, department.kinds, strict=True):
        department.store(scan)
        trial.step(f"send a new order as {kind} for images that are there")
        department.send(scan, kind)
    found = [department.requested(scan) for scan in scans]
    department.nothing_more()
    for scan, first in zip(scans, found, strict=True):
        made = department.created(scan)
        trial.must(len(made) == 1, "there is one workitem for the study", f"{len(made)}", department.proof(*made))
        _judge_mapping(trial, department, scan, first)
    if OMI in department.kinds:
        _two_in_one(trial, department)


def _two_in_one(trial: Trial, department: Department) -> None:
    trial.step("send two orders of one patient in one message")
    first = department.scan()
    second = department.scan(of=first)
    for scan in (first, second):
        department.store(scan)
    reply = department.placer.send(imaging_orders([first.order, second.order], department.parties), "two orders")
    trial.require(reply.accepted, "the message is accepted", reply.words, reply.evidence)
    department.requested(first)
    found = trial.wait_for(lambda: department.created(second))
    trial.should(found, "the second order of the message makes a workitem too", "it makes none", reply.evidence)


def _judge_mapping(trial: Trial, department: Department, scan: Scan, found: Exchange) -> None:
    workitem, study, order = found.request.dataset, scan.order.study, scan.order
    proof = department.proof(found)
    for path, wanted, words in (
        ("PatientID", study.patient_id, "the patient is that of the order"),
        (f"{_REQUEST}.AccessionNumber", study.accession, "the accession number is that of the order"),
        (f"{_REQUEST}.StudyInstanceUID", study.uid, "the study is that of the order"),
        (f"{_REQUEST}.RequestedProcedureID", order.requested_procedure, "the Requested Procedure ID is that of it"),
    ):
        told = text(workitem, path)
        trial.must(told == wanted, words, f"{path} is {'another' if told else 'empty'}", proof)
    told_codes = codes(workitem, f"{_REQUEST}.RequestedProcedureCodeSequence")
    wanted_code = (order.procedure.code, order.procedure.scheme)
    words = f"Requested Procedure Code Sequence has {told_codes}"
    trial.must(wanted_code in told_codes, "the procedure is that of the order", words, proof)
    numbers = {
        "PlacerOrderNumberImagingServiceRequest": order.placer,
        "FillerOrderNumberImagingServiceRequest": order.filler,
    }
    for keyword, wanted in numbers.items():
        told = text(workitem, f"{_REQUEST}.{keyword}")
        trial.should(told in {wanted, ""}, "order numbers are those of the order", f"{keyword} is another", proof)


_NAMES = (
    ("8859/1", "Müller-Lüdenscheidt", "Zoë", "Schädel"),
    ("UNICODE UTF-8", "Żółć", "Ḿiŕ", "头部 MRI"),
    ("UNICODE UTF-8", "O'Neil & Sons", "A|B~C", "6^4 \\ x & y"),
)


@shows("HL7-106", "Names and texts arrive as they were sent, in each character set and with escapes", leaves=LEAVES)
def characters(trial: Trial, department: Department) -> None:
    """HL7-106: the images have no name, so that what the workitem says comes from the order."""
    scans = []
    for charset, family, given, meaning in _NAMES:
        scan = department.scan(patient_name="", family=family, given=given)
        scan = replace(scan, order=replace(scan.order, procedure=replace(scan.order.procedure, meaning=meaning)))
        trial.step(f"send an order in {charset}")
        _send(trial, department, scan, imaging_order(scan.order, _in(department, charset), department.kind))
        scans.append(scan)
    trial.step("send an order with an escape in hexadecimal")
    scan = department.scan(patient_name="", family="Muller")
    message = imaging_order(scan.order, _in(department, "8859/1"), department.kind)
    _send(trial, department, scan, message.replace(b"Muller", b"M\\XFC\\ller"))
    for one in (*scans, replace(scan, order=replace(scan.order, family="Müller"))):
        _judge_texts(trial, department, one)


def _in(department: Department, charset: str) -> Parties:
    return replace(department.parties, charset=charset)


def _send(trial: Trial, department: Department, scan: Scan, message: bytes) -> None:
    department.store(scan)
    reply = department.placer.send(message, "order with a name of its own")
    trial.require(reply.accepted, "the order is accepted", reply.words, reply.evidence)


def _judge_texts(trial: Trial, department: Department, scan: Scan) -> None:
    found, order = department.requested(scan), scan.order
    workitem, proof = found.request.dataset, department.proof(found)
    told = text(workitem, "PatientName")
    same = told.rstrip("^") == f"{order.family}^{order.given}"
    words = "it is another" if told else "the workitem has no name"
    trial.must(same, "the patient's name is that of the order", words, proof)
    told = text(workitem, f"{_REQUEST}.RequestedProcedureDescription")
    told = told or text(workitem, f"{_REQUEST}.RequestedProcedureCodeSequence.CodeMeaning")
    same = bool(_as_dicom(order.procedure.meaning).fullmatch(told))
    trial.must(same, "the description is that of the order", "it is another", proof)


def _as_dicom(value: str) -> re.Pattern[str]:
    """The text; a backslash separates values in DICOM, so any other character may stand for it (orders.md 8.5)."""
    return re.compile(".".join(re.escape(part) for part in value.split("\\")))


@shows("HL7-107", "The priority of the order decides that of the workitem", leaves=LEAVES)
def priority(trial: Trial, department: Department) -> None:
    """HL7-107."""
    about = department.declared.procedure
    wanted = {"S": frozenset({"HIGH"}), "A": about.asap, "R": about.routine}
    scans = []
    for kind in department.kinds:
        for ordered in wanted:
            trial.step(f"send an order of priority {ordered} as {kind}")
            scans.append(department.scan(priority=ordered))
            department.store(scans[-1])
            department.send(scans[-1], kind)
    for scan in scans:
        found, ordered = department.requested(scan), scan.order.priority
        told = text(found.request.dataset, "ScheduledProcedureStepPriority")
        words = f"priority {ordered} becomes {' or '.join(sorted(wanted[ordered]))}"
        trial.must(told in wanted[ordered], words, f"it becomes {told or 'nothing'}", department.proof(found))
