"""RAD-88: asking that a workitem be canceled (PS3.18 section 11.8; PS3.4 section CC.2.2)."""

from __future__ import annotations

from conformance.harness import Trial, shows
from conformance.partners.attributes import text, values
from conformance.partners.workitems import cancel_request, new_uid
from conformance.partners.worklist import JSON
from conformance.suites.task_manager.stage import BOTH, CANCELED, Manager

_PROGRESS = "ProcedureStepProgressInformationSequence"


@shows(
    "AIWI-TM-044",
    "A request to cancel what nobody has claimed cancels it, and keeps reason and contact",
    transports=BOTH,
)
def scheduled(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-044."""
    uid = manager.created()
    answer = manager.worklist.request_cancel(uid, cancel_request("Harness changed its mind", "Harness desk"))
    trial.must(answer.status == 202 or answer.ok, "the request is accepted", answer.words, answer.evidence)  # noqa: PLR2004
    if answer.status:
        trial.should(answer.status == 202, "the status is 202", answer.words, answer.evidence)  # noqa: PLR2004
    manager.must_be(uid, CANCELED)
    found = manager.worklist.retrieve(uid)
    reason = text(found.dataset, f"{_PROGRESS}.ReasonForCancellation")
    trial.should(reason == "Harness changed its mind", "the reason is kept", reason or "absent", found.evidence)
    contact = text(found.dataset, f"{_PROGRESS}.ProcedureStepCommunicationsURISequence.ContactDisplayName")
    trial.should(contact == "Harness desk", "the contact is kept", contact or "absent", found.evidence)


@shows("AIWI-TM-046", "A request to a performer that cannot be reached is refused with a warning", transports=BOTH)
def not_reachable(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-046."""
    item = manager.claimed()
    answer = manager.worklist.request_cancel(item.uid, cancel_request())
    refused = answer.status == 409 or answer.code == "C312"  # noqa: PLR2004
    trial.must(refused, "it is refused (409; C312 over DIMSE)", answer.words, answer.evidence)
    if answer.status and refused:
        trial.must(answer.warning, "a Warning says that nobody can be contacted", "no Warning", answer.evidence)
    manager.must_be(item.uid, "IN PROGRESS")


@shows("AIWI-TM-047", "A request to cancel what is COMPLETED is refused with a warning", transports=BOTH)
def completed(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-047."""
    item = manager.completed()
    before = manager.worklist.retrieve(item.uid)
    answer = manager.worklist.request_cancel(item.uid, cancel_request())
    refused = answer.status == 409 or answer.code == "C311"  # noqa: PLR2004
    trial.must(refused, "it is refused (409; C311 over DIMSE)", answer.words, answer.evidence)
    if answer.status:
        trial.should(
            "completed" in answer.warning.lower(), "a Warning says why", answer.warning or "none", answer.evidence
        )
    manager.must_be_unchanged(item.uid, before, "the refusal")


@shows("AIWI-TM-048", "A request to cancel what is CANCELED is answered with a warning", transports=BOTH)
def canceled(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-048."""
    item = manager.canceled()
    answer = manager.worklist.request_cancel(item.uid, cancel_request())
    said = answer.code == "B304" or "canceled" in answer.warning.lower()
    trial.must(said, "a warning says that it is CANCELED already", answer.words, answer.evidence)
    if answer.status:
        trial.must(answer.status == 202, "the status is 202", answer.words, answer.evidence)  # noqa: PLR2004
    manager.must_be(item.uid, CANCELED)


@shows(
    "AIWI-TM-049",
    "A request without body is accepted; one about nothing or with a bad body is refused",
    transports=("rest",),
)
def odd_requests(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-049."""
    nothing = manager.worklist.request_cancel(new_uid(), cancel_request())
    trial.must(nothing.absent, "an unknown UID is answered 404", nothing.words, nothing.evidence)
    uid = manager.created()
    path = f"/workitems/{uid}/cancelrequest"
    bad = manager.http.send("POST", path, headers={"Content-Type": JSON}, body=b'[{"00741238": ')
    trial.must(bad.status == 400, "a body that is no JSON is answered 400", bad.words, bad.evidence)  # noqa: PLR2004
    manager.must_be(uid, "SCHEDULED")
    empty = manager.worklist.request_cancel(uid)
    trial.must(empty.status == 202, "a request without body is accepted (202)", empty.words, empty.evidence)  # noqa: PLR2004
    manager.must_be(uid, CANCELED)
    found = manager.worklist.retrieve(uid)
    when = values(found.dataset, f"{_PROGRESS}.ProcedureStepCancellationDateTime")
    trial.should(when, "it says when it was canceled", "absent", found.evidence)
