"""A performer rejects what it is assigned, over HTTP (RAD-88 with 110530, AIW-I 50.4.2.4)."""

import pytest

from profiles.dicom import Code, get_code, item, put_codes

REASON = "ProcedureStepDiscontinuationReasonCodeSequence"
REJECTED = Code("110530", "DCM", "Workitem assignment rejected by assigned resource")


def reject(manager, uid, requester):
    body = put_codes({}, REASON, REJECTED)
    return manager.post(f"/workitems/{uid}/cancelrequest", body, query=f"requester={requester}").status_code


def station(manager, uid):
    return get_code(manager.retrieve(uid), "ScheduledStationNameCodeSequence").value


@pytest.mark.requirement("UPS-067", "AIWI-TM-044")
def test_a_rejected_workitem_goes_to_the_next_station_and_is_canceled_when_nobody_is_left(task_managers):
    rule = {"workitem_code": "BRAINSEG^99STEPWELL", "stations": ["AI_ONE^AI one", "AI_TWO"]}
    managers = task_managers(assignments=[rule])
    uid = managers[0].create()
    assert station(managers[-1], uid) == "AI_ONE"
    assert reject(managers[-1], uid, "AI_ONE") == 202
    assert (managers[0].state(uid), station(managers[0], uid)) == ("SCHEDULED", "AI_TWO")
    assert reject(managers[0], uid, "AI_TWO") == 202
    assert managers[-1].state(uid) == "CANCELED"
    progress = item(managers[-1].retrieve(uid), "ProcedureStepProgressInformationSequence")
    assert get_code(progress, REASON).same_as(REJECTED)
