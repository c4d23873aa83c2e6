"""What happens after the order: it is cancelled, its images come late, its patient changes."""

from __future__ import annotations

from conformance.harness import Trial, shows
from conformance.partners.attributes import put, text, values
from conformance.partners.orders import patient_merge, patient_update
from conformance.partners.simulating import Exchange
from conformance.partners.steps import CANCELED, COMPLETED, IN_PROGRESS, SCHEDULED
from conformance.suites.hl7_receiver.stage import LEAVES, Department, Scan


@shows("HL7-103", "Cancelling an order cancels its workitem, or asks its performer", leaves=LEAVES)
def cancelled(trial: Trial, department: Department) -> None:
    """HL7-103: before there is a workitem, and while it is SCHEDULED, IN PROGRESS and COMPLETED."""
    trial.step("cancel an order before its images are there")
    early = department.scan()
    department.send(early)
    department.send(early, control="CA", status="CA")
    department.store(early)
    scans = {state: department.scan() for state in (SCHEDULED, IN_PROGRESS, COMPLETED)}
    for scan in scans.values():
        department.store(scan)
        department.send(scan)
    for state, scan in scans.items():
        uid = department.uid_of(department.requested(scan))
        if state != SCHEDULED:
            department.worklist.take(uid)
        if state == COMPLETED:
            department.worklist.change(uid, put({}, "ProcedureStepState", COMPLETED))
        trial.step(f"cancel the order while its workitem is {state}")
        department.send(scan, control="CA", status="CA")
        _judge_cancel(trial, department, uid, state)
    department.nothing_more()
    found = department.created(early)
    trial.must(not found, "an order that was cancelled makes no workitem", f"{len(found)}", department.proof(*found))


def _judge_cancel(trial: Trial, department: Department, uid: str, state: str) -> None:
    """Of a completed workitem no cancellation need be asked."""

    def asked() -> list[Exchange]:
        return department.worklist.of("cancelrequest", uid)

    found = trial.wait_for(asked) or [] if state != COMPLETED else asked()
    words = f"cancellation of the {state} workitem is requested (RAD-88)"
    trial.must(found or state == COMPLETED, words, "no cancel request came", department.proof(*found))
    changes = department.worklist.of("state", uid)
    trial.must(not changes, "the requester changes no state itself", f"{len(changes)}", department.proof(*changes))
    now = department.worklist.item(uid).state
    wanted = CANCELED if state == SCHEDULED else state
    trial.must(not found or now == wanted, f"it is {wanted} then", f"it is {now}", department.proof(*found))


@shows("HL7-109", "Images that come bit by bit make one workitem, when all are there", option="image-trigger")
def late_images(trial: Trial, department: Department) -> None:
    """HL7-109."""
    scan = department.scan()
    trial.step("half of the images come, then the order, and the others when the system has counted those")
    department.store_in_halves(scan, lambda: department.send(scan))
    found = department.requested(scan)
    department.nothing_more()
    made = department.created(scan)
    trial.must(len(made) == 1, "one workitem is created", f"{len(made)}", department.proof(*made))
    judge_images(trial, department, scan, found)


def judge_images(trial: Trial, department: Department, scan: Scan, found: Exchange) -> None:
    """Whether the workitem names every image of the study as input."""
    named = values(found.request.dataset, "InputInformationSequence.ReferencedSOPSequence.ReferencedSOPInstanceUID")
    missing = {str(one.SOPInstanceUID) for one in scan.images} - set(named)
    trial.must(not missing, "its input is all images", f"{len(missing)} are missing", department.proof(found))


@shows(
    "HL7-112", "Patient updates and merges are taken, and change open workitems where that is declared", leaves=LEAVES
)
def patient(trial: Trial, department: Department) -> None:
    """HL7-112."""
    scan = department.scan()
    department.store(scan)
    department.send(scan)
    uid = department.uid_of(department.requested(scan))
    parties, declared = department.parties, department.declared.hl7.updates_patients
    survivor = f"{scan.order.study.patient_id}-S"
    for words, message, path, wanted in (
        ("an update", patient_update(scan.order, parties, family="Renamed"), "PatientName", "Renamed^Harness"),
        ("a merge", patient_merge(scan.order, parties, survivor), "PatientID", survivor),
    ):
        trial.step(f"send {words} of the patient")
        reply = department.placer.send(message, f"{words} of the patient")
        trial.findings(department.judged(reply, message), f"{words} is answered well", reply.evidence)
        if not declared:
            trial.note(f"{words} of the patient is answered {reply.code}; open workitems are not declared to change")
            continue
        trial.must(reply.accepted, f"{words} is accepted", reply.words, reply.evidence)
        changed = trial.wait_for(lambda path=path, wanted=wanted: _is(department, uid, path, wanted))  # type: ignore[misc] # the loop's own
        trial.must(changed, f"the workitem changes with {words}", f"{path} is as it was", reply.evidence)


def _is(department: Department, uid: str, path: str, wanted: str) -> bool:
    return text(department.worklist.item(uid).content, path).rstrip("^") == wanted
