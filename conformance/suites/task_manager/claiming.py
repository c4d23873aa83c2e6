"""RAD-82: one workitem, one owner (PS3.18 section 11.7; PS3.4 section CC.2.1)."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import httpx

from conformance.harness import Trial, shows
from conformance.partners.attributes import put
from conformance.partners.workitems import new_uid, progress
from conformance.partners.worklist import JSON
from conformance.suites.task_manager.stage import BOTH, IN_PROGRESS, Manager

_CONTENDERS = 20


@shows("AIWI-TM-017", "A scheduled workitem is claimed", transports=BOTH)
def claim(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-017."""
    item, answer = manager.claim(manager.created())
    is_plain = answer.status == 200 or answer.code == "0000"  # noqa: PLR2004
    trial.must(is_plain, "the claim is a plain success", answer.words, answer.evidence)
    manager.must_be(item.uid, IN_PROGRESS)


@shows("AIWI-TM-018", "A second claim under another Transaction UID is refused", transports=BOTH)
def second_claim(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-018."""
    item = manager.claimed()
    before = manager.worklist.retrieve(item.uid)
    trial.step("claim it again under another Transaction UID")
    answer = manager.worklist.change_state(item.uid, IN_PROGRESS, trial.transaction_uid())
    trial.must(answer.refused, "the second claim is refused with 400 or 409", answer.words, answer.evidence)
    _told(trial, answer.status)
    if answer.status:
        trial.should(answer.warning, "a Warning names the conflict", "no Warning header", answer.evidence)
    manager.must_be_unchanged(item.uid, before, "the refusal")
    owner = manager.worklist.update(item.uid, progress(1, "still mine"), item.transaction_uid)
    trial.must(owner.ok, "the first one still owns it", owner.words, owner.evidence)


@shows("AIWI-TM-019", "A claim without a Transaction UID is refused", transports=BOTH)
def without_transaction_uid(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-019."""
    uid = manager.created()
    before = manager.worklist.retrieve(uid)
    answer = manager.worklist.change_state(uid, IN_PROGRESS)
    trial.must(answer.bad, "it is refused (400; C301 or 0120 over DIMSE)", answer.words, answer.evidence)
    if answer.status:
        words = answer.warning.lower()
        named = "transaction uid" in words and "missing" in words
        trial.should(named, "a Warning names the missing Transaction UID", answer.warning or "none", answer.evidence)
    manager.must_be_unchanged(uid, before, "the refusal")


@shows("AIWI-TM-020", "Of twenty claims at the same time exactly one wins", transports=("rest",))
def race(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-020."""
    uid, requester = manager.created(), manager.rest.query("requester", manager.declared.harness_ae_title)
    locks = [trial.transaction_uid() for _ in range(_CONTENDERS)]
    with httpx.Client(
        base_url=manager.http.base, trust_env=False, timeout=trial.declared.limits.answer_seconds
    ) as client:

        def contend(lock: str) -> int:
            content = put(put({}, "TransactionUID", lock), "ProcedureStepState", IN_PROGRESS)
            body = json.dumps([content]).encode()
            path = f"/workitems/{uid}/state?{requester}"
            try:
                return client.put(path, content=body, headers={"Content-Type": JSON, "Accept": JSON}).status_code
            except httpx.HTTPError:
                return 0

        with ThreadPoolExecutor(_CONTENDERS) as pool:
            statuses = list(pool.map(contend, locks))
    told = {lock: status for lock, status in zip(locks, statuses, strict=True)}
    evidence = trial.keep(
        "text", f"statuses of {_CONTENDERS} claims", "\n".join(f"{k} {v}" for k, v in told.items()), "txt"
    )
    winners = [lock for lock, status in told.items() if 200 <= status < 300]  # noqa: PLR2004
    trial.must(len(winners) == 1, "exactly one claim succeeds", f"{len(winners)} do", evidence)
    others = sorted({status for lock, status in told.items() if lock not in winners})
    trial.must(set(others) <= {400, 409}, "every other one is refused with 400 or 409", f"{others}", evidence)
    for lock in [*winners[:1], *[one for one in locks if one not in winners][:2]]:
        answer = manager.worklist.update(uid, progress(1, "contender"), lock)
        is_owner = lock in winners
        words = "the winner owns it" if is_owner else "a loser does not own it"
        trial.must(answer.ok == is_owner, words, answer.words, answer.evidence)


@shows("AIWI-TM-021", "What has ended cannot be claimed", transports=BOTH)
def ended(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-021."""
    for item in (manager.completed(), manager.canceled()):
        before = manager.worklist.retrieve(item.uid)
        answer = manager.worklist.change_state(item.uid, IN_PROGRESS, trial.transaction_uid())
        trial.must(answer.refused, "the claim is refused", answer.words, answer.evidence)
        if answer.code:
            trial.must(answer.code in {"C300", "C301"}, "the status is C300", answer.words, answer.evidence)
        manager.must_be_unchanged(item.uid, before, "the refusal")


@shows("AIWI-TM-022", "The owner cannot claim again", transports=BOTH)
def again(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-022."""
    item = manager.claimed()
    answer = manager.worklist.change_state(item.uid, IN_PROGRESS, item.transaction_uid)
    trial.must(answer.refused, "the second claim of the owner is refused", answer.words, answer.evidence)
    if answer.code:
        trial.must(answer.code == "C302", "the status is C302", answer.words, answer.evidence)
    manager.must_be(item.uid, IN_PROGRESS)


@shows("AIWI-TM-023", "No state goes back to SCHEDULED", transports=BOTH)
def back(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-023."""
    item = manager.claimed()
    answer = manager.worklist.change_state(item.uid, "SCHEDULED", item.transaction_uid)
    trial.must(answer.refused, "the request is refused", answer.words, answer.evidence)
    if answer.code:
        trial.must(answer.code == "C303", "the status is C303", answer.words, answer.evidence)
    manager.must_be(item.uid, IN_PROGRESS)


@shows("AIWI-TM-024", "A state that does not exist, or none, is refused", transports=("rest",))
def no_state(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-024."""
    uid = manager.created()
    before = manager.worklist.retrieve(uid)
    answer = manager.worklist.change_state(uid, "DONE", trial.transaction_uid())
    trial.must(answer.status == 400, "DONE is refused with 400", answer.words, answer.evidence)  # noqa: PLR2004
    body = json.dumps([put({}, "TransactionUID", trial.transaction_uid())]).encode()
    path = f"/workitems/{uid}/state"
    query = manager.rest.query("requester", manager.declared.harness_ae_title)
    bare = manager.http.send("PUT", path, query=query, headers={"Content-Type": JSON}, body=body)
    trial.must(bare.status == 400, "a request without state is refused with 400", bare.words, bare.evidence)  # noqa: PLR2004
    manager.must_be_unchanged(uid, before, "the refusal")


@shows("AIWI-TM-025", "A claim of what is not there is answered as such", transports=BOTH)
def nothing_there(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-025."""
    answer = manager.worklist.change_state(new_uid(), IN_PROGRESS, trial.transaction_uid())
    trial.must(answer.absent, "it is answered 404 (C307 over DIMSE)", answer.words, answer.evidence)


def _told(trial: Trial, status: int) -> None:
    if status:
        trial.note(f"a claim of what is claimed is answered {status}")
