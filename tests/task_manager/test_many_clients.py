"""Many clients at once, and restarts, over real Task Manager processes: one over SQLite, three over PostgreSQL."""

import itertools
import re
import signal
import threading
from collections import Counter
from datetime import UTC, datetime

import httpx
import pytest

from connectathon.waiting import eventually
from connectathon.workitems import new_workitem, performed
from profiles.dicom import new_uid

TYPE = {"Content-Type": "application/dicom+json", "Accept": "application/dicom+json"}


def run_together(count, work):
    """Call ``work(number)`` in that many threads which start at once; their answers in order of number."""
    barrier, answers = threading.Barrier(count), [None] * count

    def one(number):
        barrier.wait()
        answers[number] = work(number)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def claim(base, uid, transaction):
    body = [{"00741000": {"vr": "CS", "Value": ["IN PROGRESS"]}, "00081195": {"vr": "UI", "Value": [transaction]}}]
    return httpx.put(f"{base}/workitems/{uid}/state", json=body, headers=TYPE, timeout=60).status_code


@pytest.mark.requirement("AIWI-TM-020", "UPS-007", "UPS-018")
def test_of_twenty_claims_one_wins_and_only_its_transaction_uid_can_update(task_managers):
    managers = task_managers()
    uid, transactions = managers[0].create(), [new_uid() for _ in range(20)]
    bases = [manager.base for manager in managers]
    answers = run_together(20, lambda number: claim(bases[number % len(bases)], uid, transactions[number]))
    assert Counter(answers) == {200: 1, 400: 19}
    winner = transactions[answers.index(200)]
    for transaction in transactions:
        update = managers[-1].post(f"/workitems/{uid}", performed(datetime.now(UTC)), transaction)
        assert update.status_code == (200 if transaction == winner else 400)


@pytest.mark.requirement("AIWI-TM-082", "UPS-001")
def test_two_hundred_creations_by_twenty_clients_are_all_there(task_managers):
    managers = task_managers()
    bases, label = itertools.cycle([manager.base for manager in managers]), "MANY"

    def create(_number):
        made = []
        with httpx.Client(base_url=next(bases), headers=TYPE, timeout=120) as client:
            for _ in range(10):
                answer = client.post("/workitems", json=[new_workitem(now=datetime.now(UTC), label=label)])
                made.append((answer.status_code, answer.headers.get("Location", "").rsplit("/", 1)[-1]))
        return made

    answers = [one for made in run_together(20, create) for one in made]
    assert Counter(status for status, _ in answers) == {201: 200}
    found = managers[-1].http.get("/workitems", params={"WorklistLabel": label, "limit": 300}).json()
    assert Counter(one["00080018"]["Value"][0] for one in found) == Counter(uid for _, uid in answers)


@pytest.mark.requirement("AIWI-TM-081", "UPS-191")
def test_state_owner_and_subscriptions_survive_a_restart_while_in_progress(task_managers):
    managers = task_managers()
    manager, transaction = managers[0], new_uid()
    uid = manager.workitem_in("IN PROGRESS", transaction)
    assert manager.http.post(f"/workitems/{uid}/subscribers/WATCHER").status_code == 201
    for how in (signal.SIGTERM, signal.SIGKILL):
        for one in managers:
            one.stop(how)
        for one in managers:
            one.launch()
        for one in managers:
            one.wait_ready()
        assert manager.state(uid) == "IN PROGRESS"
        assert claim(manager.base, uid, new_uid()) == 400
        assert manager.post(f"/workitems/{uid}", performed(datetime.now(UTC)), new_uid()).status_code == 400
        assert manager.post(f"/workitems/{uid}", performed(datetime.now(UTC)), transaction).status_code == 200
    assert managers[-1].change_state(uid, "COMPLETED", transaction).status_code == 200
    assert manager.http.delete(f"/workitems/{uid}/subscribers/WATCHER").status_code == 200
    assert manager.http.delete(f"/workitems/{uid}/subscribers/WATCHER").status_code == 404


@pytest.mark.requirement("AIWI-TM-084")
def test_creation_claim_and_completion_are_each_told_once_with_participants_and_study(task_managers):
    managers = task_managers()
    manager, transaction = managers[-1], new_uid()
    uid = manager.workitem_in("COMPLETED", transaction)
    study = manager.retrieve(uid)["0020000D"]["Value"][0]

    def told():
        return [message for one in managers for message in one.spooled() if uid in message and "IHE+SOLE" in message]

    def all_told():
        return any("AIX107" in message for message in told())

    eventually(all_told, what="the completion to be told")
    codes = Counter(re.search(r'csd-code="(AIX\d+)"', message)[1] for message in told())
    assert codes["AIX101"] == codes["AIX103"] == codes["AIX107"] == 1
    for message in told():
        assert message.count("<ActiveParticipant ") >= 1
        assert study in message
        assert transaction not in message
