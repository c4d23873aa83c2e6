"""Leases of claims over real Task Manager processes (DESIGN D7): one over SQLite, three over PostgreSQL."""

from datetime import UTC, datetime

from connectathon.waiting import eventually
from connectathon.workitems import performed
from profiles.dicom import code, get, get_code, item, new_uid
from profiles.sole.message import encoded

QUICK = {"housekeeping_seconds": 0.1}
PROGRESS = "ProcedureStepProgressInformationSequence"


def claimed(manager, uid, requester="AI_ONE"):
    body = [{"00741000": {"vr": "CS", "Value": ["IN PROGRESS"]}, "00081195": {"vr": "UI", "Value": [new_uid()]}}]
    answer = manager.http.put(
        f"/workitems/{uid}/state",
        params={"requester": requester},
        json=body,
        headers={"Content-Type": "application/dicom+json"},
    )
    assert answer.status_code == 200, answer.text
    return body[0]["00081195"]["Value"][0]


def replacement(manager, uid):
    """UIDs of the workitems that replace one."""
    key = {"ReplacedProcedureStepSequence.ReferencedSOPInstanceUID": uid}
    answer = manager.http.get("/workitems", params=key)
    return [get(one, "SOPInstanceUID") for one in answer.json()] if answer.status_code == 200 else []


def test_a_silent_performers_work_is_given_to_others_once_and_never_completed_by_both(task_managers):
    managers = task_managers(leases=[{"performer": "AI_ONE", "seconds": 1}], **QUICK)
    first, last = managers[0], managers[-1]
    uid = first.create()
    silent = claimed(first, uid)
    heir = eventually(lambda: replacement(last, uid), what="the replacement")
    assert first.state(uid) == "CANCELED"
    other = claimed(last, heir[0], "AI_TWO")
    assert last.post(f"/workitems/{heir[0]}", performed(datetime.now(UTC)), other).status_code == 200
    assert last.change_state(heir[0], "COMPLETED", other).status_code == 200
    for late in (uid, heir[0]):
        assert first.change_state(late, "COMPLETED", silent).status_code in (400, 409)
    assert replacement(last, uid) == heir
    releases = [line for manager in managers for line in manager.logged("lease-ran-out")]
    assert [(line["workitem"], line["replacement"]) for line in releases] == [(uid, heir[0])]
    assert silent not in "".join(manager.log.read_text() for manager in managers)


def test_after_the_last_attempt_a_person_sees_a_dead_letter_in_log_events_and_workitem(task_managers):
    managers = task_managers(leases=[{"seconds": 0.5, "attempts": 1}], **QUICK)
    uid = managers[0].create()
    claimed(managers[-1], uid)
    eventually(lambda: managers[0].state(uid) == "CANCELED", what="the claim to end")
    [letter] = eventually(lambda: [line for manager in managers for line in manager.logged("dead-letter")])
    assert (letter["workitem"], letter["performer"], letter["attempt"]) == (uid, "AI_ONE", 1)
    progress = item(managers[0].retrieve(uid), PROGRESS)
    assert get_code(progress, "ProcedureStepDiscontinuationReasonCodeSequence").value == "110529"
    assert "a person must decide" in get(progress, "ReasonForCancellation")
    assert replacement(managers[0], uid) == []

    def told():
        return [one for manager in managers for one in manager.spooled() if uid in one and "AIX106" in one]

    [message] = eventually(told, what="the operational log to be told")
    assert 'EventOutcomeIndicator="8"' in message
    given_up = code("DCM", "110529")
    assert encoded(f"{given_up.value}^{given_up.scheme}^{given_up.meaning}") in message
