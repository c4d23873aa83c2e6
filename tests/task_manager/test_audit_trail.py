"""Each change of a workitem is one operational and one audit event; searches and reads are audited."""

import base64
from collections import Counter

import pytest
from defusedxml.ElementTree import fromstring

from connectathon.waiting import eventually
from profiles.dicom import new_uid
from profiles.sole import parse
from profiles.ups import State


def messages_about(manager, uid):
    return [parse(one[one.index("<AuditMessage") :].encode()) for one in manager.spooled() if uid in one]


def counted(manager, uid):
    """How often which event is told of a workitem."""
    found = Counter()
    for one in manager.spooled():
        if uid in one:
            event = fromstring(one[one.index("<AuditMessage") :]).find("EventIdentification")
            code = event.find("EventTypeCode" if "IHE+SOLE" in one else "EventID").get("csd-code")
            found[code, event.get("EventActionCode")] += 1
    return found


@pytest.mark.requirement("SOLE-070", "AIWI-TM-084")
def test_create_claim_and_complete_are_each_one_event_of_both_families(task_manager):
    uid = task_manager.workitem_in(State.COMPLETED, new_uid())
    wanted = {("AIX101", "E"): 1, ("AIX103", "E"): 1, ("AIX107", "E"): 1, ("110111", "C"): 1}

    def told():
        found = counted(task_manager, uid)
        return found if found.items() >= wanted.items() and found["110111", "U"] >= 2 else None

    found = eventually(told, what="both families to be told")
    updates = found["AIX104", "E"]
    assert found["110111", "U"] == 2 + updates


@pytest.mark.requirement("SOLE-070", "SOLE-036")
def test_a_canceled_workitem_is_told_to_both_families_with_its_patient(task_manager):
    uid = task_manager.workitem_in(State.CANCELED, new_uid())
    eventually(lambda: counted(task_manager, uid)["110111", "U"] >= 2, what="both changes")
    audits = [one for one in messages_about(task_manager, uid) if not one.is_operational]
    assert {one.thread.patient_id != "" for one in audits} == {True}


@pytest.mark.requirement("SOLE-072", "SOLE-044")
def test_searches_and_reads_are_audited_with_the_query_and_without_secrets(task_manager):
    uid, secret = task_manager.create(), new_uid()
    task_manager.retrieve(uid)
    query = "00404041=READY&limit=1&00741000=SCHEDULED"
    task_manager.http.get(f"{task_manager.base}/workitems?{query}&TransactionUID={secret}")
    task_manager.http.get(f"{task_manager.base}/workitems?{query}")

    def searched():
        texts = [one for one in task_manager.spooled() if 'csd-code="110112"' in one]
        queries = [base64.b64decode(one.split("ParticipantObjectQuery>")[1].removesuffix("</")) for one in texts]
        return query.encode() in queries

    eventually(searched, what="the search to be told")
    eventually(lambda: counted(task_manager, uid)["110111", "R"] == 1, what="the reading to be told")
    assert not any(secret in one for one in task_manager.spooled())
