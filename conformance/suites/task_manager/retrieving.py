"""RAD-83: what a workitem says of itself (PS3.18 section 11.5; PS3.4 section CC.2.7)."""

from __future__ import annotations

from conformance.harness import Trial, shows
from conformance.partners.attributes import text
from conformance.partners.workitems import new_uid, workitem
from conformance.partners.worklist import JSON, reply
from conformance.suites.task_manager.stage import BOTH, Manager

_NO_UID = "not-a-uid"
_PUSH = "1.2.840.10008.5.1.4.34.6.1"


@shows("AIWI-TM-013", "A workitem is retrieved as legal DICOM", transports=BOTH)
def retrieve(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-013."""
    uid = manager.created()
    found = manager.worklist.retrieve(uid)
    trial.require(found.ok and found.dataset, "the workitem is retrieved", found.words, found.evidence)
    if trial.transport == "rest":
        kind = text(found.dataset, "SOPClassUID")
        trial.must(kind == _PUSH, "its SOP class is UPS Push", kind, found.evidence)
        trial.must(len(found.datasets) == 1, "it comes alone", f"{len(found.datasets)} datasets", found.evidence)
    manager.must_be_legal(found, "stored", uid)


@shows("AIWI-TM-014", "The Transaction UID is in no answer", transports=BOTH)
def lock_is_secret(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-014."""
    label = manager.label()
    item = manager.claimed(workitem(label))
    found = manager.worklist.retrieve(item.uid)
    listed = manager.worklist.search({"WorklistLabel": label}, "TransactionUID")
    asked = [("retrieve", found), ("search", listed)]
    if trial.transport == "rest":
        everything = manager.http.send(
            "GET", "/workitems", query=f"WorklistLabel={label}&includefield=all", headers={"Accept": JSON}
        )
        asked.append(("search with every attribute", reply(everything)))
    for words, answer in asked:
        trial.must(answer.ok, f"{words} is answered", answer.words, answer.evidence)
        hidden = item.transaction_uid.encode() not in answer.raw
        trial.must(hidden, f"the answer to {words} does not disclose it", "it is in the answer", answer.evidence)


@shows("AIWI-TM-015", "A UID that is not there is answered as such, and one that is none refused", transports=BOTH)
def unknown(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-015."""
    found = manager.worklist.retrieve(new_uid())
    trial.must(found.absent, "an unknown UID is answered 404 (0112 or C307 over DIMSE)", found.words, found.evidence)
    if trial.transport == "rest":
        found = manager.worklist.retrieve(_NO_UID)
        trial.must(found.status in {400, 404}, "what is no UID is answered 400 or 404", found.words, found.evidence)


@shows("AIWI-TM-016", "The answer comes in a media type that is accepted", transports=("rest",))
def negotiation(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-016."""
    uid = manager.created()
    answer = manager.http.send("GET", f"/workitems/{uid}", headers={"Accept": "image/png"})
    trial.must(answer.status == 406, "image/png alone is answered 406", answer.words, answer.evidence)  # noqa: PLR2004
    for accept in ("*/*", f"image/png;q=0.9, {JSON};q=0.5"):
        answer = manager.http.send("GET", f"/workitems/{uid}", headers={"Accept": accept})
        trial.must(answer.status == 200, f"Accept: {accept} is answered", answer.words, answer.evidence)  # noqa: PLR2004
        kind = answer.headers.get("content-type", "")
        trial.must("dicom" in kind, "what comes is a type of DICOM", kind, answer.evidence)
