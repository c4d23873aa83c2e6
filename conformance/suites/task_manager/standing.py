"""What the worklist withstands, and the whole flow of a task (RAD TF-1 section 50.4.2.1)."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx

from conformance.harness import Trial, shows
from conformance.partners import associations
from conformance.partners.associations import PULL, PUSH, associated
from conformance.partners.attributes import text
from conformance.partners.storage import Address
from conformance.partners.workitems import new_uid, performed, progress, workitem
from conformance.partners.worklist import JSON
from conformance.suites.task_manager.searching import found_uids
from conformance.suites.task_manager.stage import BOTH, COMPLETED, IN_PROGRESS, Manager

_UNKNOWN_ACTION = 99
_CLIENTS, _EACH = 20, 10


@shows("AIWI-TM-080", "Unknown actions and instances are refused by the right status", transports=("dimse",))
def unknown(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-080."""
    uid = manager.created()
    where = manager.declared.dimse
    address = Address(where.host, where.port, where.ae_title)
    with associated(trial, address, manager.declared.harness_ae_title, (PUSH, PULL)) as association:
        action = association.action(_UNKNOWN_ACTION, uid, {})
        trial.must(action.status == "0123", "an unknown action type is answered 0123", action.words, action.evidence)
        nothing = association.get(new_uid(), ["00741000"])
        wanted = nothing.status in {"C307", "0112"}
        trial.must(wanted, "an unknown instance is answered C307 or 0112", nothing.words, nothing.evidence)
        claim = association.action(
            associations.CHANGE_STATE, new_uid(), {"00741000": {"vr": "CS", "Value": [IN_PROGRESS]}}
        )
        trial.must(not claim.ok, "a claim of an unknown instance is refused", claim.words, claim.evidence)


@shows("AIWI-TM-081", "State and ownership survive a restart", transports=("rest",))
def restart(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-081."""
    item = manager.claimed()
    before = manager.worklist.retrieve(item.uid)
    trial.require(trial.ask("restart", "End the system under test and start it again."), "the system was started again")
    found = trial.wait_for(lambda: _alive(manager, item.uid))
    trial.require(found, "the system answers again", "no answer")
    manager.must_be_unchanged(item.uid, before, "the restart")
    answer = manager.worklist.update(item.uid, progress(1, "after the restart"), item.transaction_uid)
    trial.must(answer.ok, "the owner still owns it", answer.words, answer.evidence)


def _alive(manager: Manager, uid: str) -> bool:
    try:
        return httpx.get(f"{manager.http.base}/workitems/{uid}", headers={"Accept": JSON}, trust_env=False).is_success
    except httpx.HTTPError:
        return False


@shows("AIWI-TM-082", "Two hundred creations by twenty clients at the same time are all there", transports=("rest",))
def many_clients(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-082."""
    label = manager.label()
    content = json.dumps([workitem(label)]).encode()
    headers = {"Content-Type": JSON, "Accept": JSON}
    seconds = trial.declared.limits.answer_seconds

    def create(_client: int) -> list[tuple[str, int]]:
        made = []
        with httpx.Client(trust_env=False, timeout=seconds) as client:
            for _ in range(_EACH):
                uid = new_uid()
                try:
                    url = f"{manager.http.base}/workitems?{manager.rest.query('workitem', uid)}"
                    made.append((uid, client.post(url, content=content, headers=headers).status_code))
                except httpx.HTTPError:
                    made.append((uid, 0))
        return made

    with ThreadPoolExecutor(_CLIENTS) as pool:
        made = [one for several in pool.map(create, range(_CLIENTS)) for one in several]
    for uid, _ in made:
        trial.defer(partial(manager.worklist.request_cancel, uid))
    evidence = trial.keep("text", "statuses of 200 creations", "\n".join(f"{a} {b}" for a, b in made), "txt")
    good = [uid for uid, status in made if status == 201]  # noqa: PLR2004
    trial.must(len(good) == len(made), "all are created", f"{len(made) - len(good)} are not", evidence)
    seen: set[str] = set()
    for offset in range(0, len(made), 50):
        query = f"WorklistLabel={label}&limit=50&offset={offset}"
        answer = manager.http.send("GET", "/workitems", query=query, headers={"Accept": JSON})
        seen |= {text(one, "SOPInstanceUID") for one in (answer.json() if answer.status == 200 else [])}  # noqa: PLR2004
    trial.must(set(good) <= seen, "all that were acknowledged are there", f"{len(set(good) - seen)} are not", evidence)


@shows("AIWI-TM-083", "Methods that a resource does not have change nothing", transports=("rest",))
def methods(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-083."""
    uid = manager.created()
    before = manager.worklist.retrieve(uid)
    for method in ("PUT", "DELETE", "HEAD", "OPTIONS"):
        answer = manager.http.send(method, "/workitems", headers={"Accept": JSON})
        allowed = answer.status in {405, 501} or (method in {"HEAD", "OPTIONS"} and answer.ok)
        trial.must(allowed, f"{method} is refused with 405 or 501", answer.words, answer.evidence)
        if answer.status == 405:  # noqa: PLR2004
            told = answer.headers.get("allow", "")
            trial.must(told, "Allow names the methods there are", "no Allow header", answer.evidence)
    manager.must_be_unchanged(uid, before, "what is not allowed")


@shows("AIWI-TM-085", "A task goes the whole way: created, found, claimed, read, told of, completed", transports=BOTH)
def whole_flow(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-085."""
    label, lock = manager.label(), trial.transaction_uid()
    trial.step("the requester creates a workitem (RAD-80)")
    uid = manager.created(workitem(label))
    trial.step("the performer finds it (RAD-81)")
    found = manager.worklist.search({"WorklistLabel": label, "ProcedureStepState": "SCHEDULED"})
    trial.require(found_uids(found) == [uid], "the performer finds it", found.words, found.evidence)
    trial.step("claims it (RAD-82) and reads it (RAD-83)")
    claim = manager.worklist.change_state(uid, IN_PROGRESS, lock)
    trial.require(claim.ok, "the performer claims it", claim.words, claim.evidence)
    whole = manager.worklist.retrieve(uid)
    trial.must(text(whole.dataset, "ProcedureStepState") == IN_PROGRESS, "it is IN PROGRESS", "", whole.evidence)
    trial.step("tells its progress (RAD-84) and what it performed")
    for changes in (progress(50, "half way"), performed()):
        answer = manager.worklist.update(uid, changes, lock)
        trial.must(answer.ok, "the performer tells it", answer.words, answer.evidence)
    trial.step("completes it (RAD-85)")
    answer = manager.worklist.change_state(uid, COMPLETED, lock)
    trial.must(answer.ok, "the performer completes it", answer.words, answer.evidence)
    manager.must_be(uid, COMPLETED)
