"""How a Task Requester asks for cancellation, and what its user learns (RAD-88)."""

from __future__ import annotations

from conformance.harness import Trial, shows
from conformance.partners.attributes import codes, put, text
from conformance.partners.simulating import Exchange, Fault
from conformance.partners.steps import COMPLETED, IN_PROGRESS
from conformance.suites.task_requester.stage import LEAVES, Requesting
from conformance.ups import check_workitem

_UNREACHABLE = "The performer cannot be contacted."


@shows("AIWI-TR-011", "Cancelling sends a cancel request with its reason, and changes no state", leaves=LEAVES)
def asked(trial: Trial, department: Requesting) -> None:
    """AIWI-TR-011."""
    scan = department.scan()
    uid = department.uid_of(department.made(scan))
    department.worklist.take(uid)
    trial.step("cancel while a performer is at work")
    department.withdraw(scan)
    found = _cancel_request(trial, department, uid)
    proof, told = department.proof(found), found.request.dataset
    requester = found.request.parameter("requester")
    trial.should(requester, "the request names the requester", "there is no parameter requester", proof)
    if found.request.body:
        trial.findings(check_workitem(told, "cancel", "cancel request"), "the request is legal", proof)
    reason = text(told, "ReasonForCancellation") or codes(told, "ProcedureStepDiscontinuationReasonCodeSequence")
    trial.should(reason, "it gives a reason", "neither text nor code", proof)
    if not (text(told, "ContactDisplayName") or text(told, "ContactURI")):
        trial.note("no contact is given (Contact Display Name and Contact URI are optional)", proof)
    department.nothing_more()
    changes = [*department.worklist.of("state", uid), *department.worklist.of("update", uid)]
    trial.must(not changes, "nothing but the cancel request is sent", f"{len(changes)}", department.proof(*changes))
    state = department.worklist.item(uid).state
    trial.must(state == IN_PROGRESS, "the workitem is left to its performer", f"it is {state}", proof)


def _cancel_request(trial: Trial, department: Requesting, uid: str) -> Exchange:
    found = trial.wait_for(lambda: department.worklist.of("cancelrequest", uid))
    trial.require(found, "a cancel request comes", "none came")
    return (found or [])[0]


@shows("AIWI-TR-012", "The user learns what became of a request and of its cancellation", leaves=LEAVES)
def told(trial: Trial, department: Requesting) -> None:
    """AIWI-TR-012."""
    for words in ("it was completed already", "the performer cannot be contacted"):
        trial.step(f"cancel; {words}")
        scan = department.scan()
        uid = department.uid_of(department.made(scan))
        department.worklist.take(uid)
        if words.startswith("it"):
            department.worklist.change(uid, put({}, "ProcedureStepState", COMPLETED))
        else:
            department.worklist.fail(
                Fault(department.worklist.when("cancelrequest", uid), status=409, warning=_UNREACHABLE, times=None)
            )
        department.withdraw(scan)
        found = _cancel_request(trial, department, uid)
        shown = trial.ask(
            "is-outcome-shown",
            f"Look whether the system shows that the cancellation of workitem {uid} failed because {words}.",
            "Does it show that?",
            workitem=uid,
        )
        trial.must(shown, f"the user learns that {words}", "nothing is shown", department.proof(found))
