"""Asking for a cancellation (PS3.18 section 11.8), and event reports over DIMSE (PS3.4 section CC.2.4)."""

from __future__ import annotations

from conformance.harness import Trial, shows
from conformance.partners.associations import EVENT, PUSH, associated
from conformance.partners.attributes import put
from conformance.partners.objects import new_uid
from conformance.partners.reports import Kind
from conformance.partners.simulating import Fault
from conformance.partners.steps import IN_PROGRESS
from conformance.partners.storage import Address
from conformance.suites.watcher.stage import LEAVES, Watched, workitem
from conformance.ups import check_workitem

_DECLINED = "Performer chooses not to cancel."


@shows("AIWI-W-007", "A user asks for a cancellation, and sees how that ended", option="cancel", leaves=LEAVES)
def cancellation(trial: Trial, watched: Watched) -> None:
    """AIWI-W-007."""
    manager, uid = watched.manager, watched.manager.add(workitem())
    manager.take(uid)
    trial.step("have a cancellation asked for, and accept it")
    _ask(trial, uid)
    asked = trial.wait_for(lambda: manager.of("cancelrequest", uid)) or []
    proof = manager.proof(trial, *asked)
    trial.require(asked, "the system sends POST …/workitems/{UID}/cancelrequest", "nothing of that kind came", proof)
    details = asked[0].request.dataset
    if details:
        found = check_workitem(details, "cancel", "cancel request")
        trial.findings(found, "the details are those of Table CC.2.2-1", proof)
    trial.step("have it asked for again, and refuse with a Warning")
    manager.fail(Fault(manager.when("cancelrequest", uid), status=409, warning=_DECLINED, times=None))
    _ask(trial, uid)
    question = f"Does the system tell that the cancellation was refused, with the words “{_DECLINED}”?"
    shown = watched.shows(uid, "refusal", "chooses not to cancel", question)
    trial.must(shown, "refusal and Warning text are shown", "they are not", proof)


@shows("AIWI-W-011", "An event report over DIMSE is taken", option="event-reports-dimse", leaves=LEAVES)
def over_dimse(trial: Trial, watched: Watched) -> None:
    """AIWI-W-011."""
    about = watched.declared.watcher
    uid = new_uid()
    state = put(put({}, "InputReadinessState", "READY"), "ProcedureStepState", IN_PROGRESS)
    address = Address(about.host, about.port, about.ae_title)
    with associated(trial, address, about.harness_ae_title, (EVENT,), provides=True) as association:
        outcome = association.report(Kind.STATE, uid, state)
    trial.must(
        outcome.status == "0000",
        f"N-EVENT-REPORT with the class UPS Push ({PUSH}) in a context of UPS Event is answered 0000",
        outcome.words,
        outcome.evidence,
    )
    trial.must(
        watched.shows(uid, "state", IN_PROGRESS, "Does the system show that the workitem is IN PROGRESS?"),
        "the event is shown",
        "it is not shown",
        outcome.evidence,
    )


def _ask(trial: Trial, uid: str) -> None:
    words = f"Ask for the cancellation of the workitem {uid}, with a reason if the system takes one."
    trial.require(trial.ask("request-cancel", words, workitem=uid), "the user can ask for it", "not done")
