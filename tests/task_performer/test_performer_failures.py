"""What becomes of a workitem when something goes wrong: waited out, or CANCELED with a coded reason (DESIGN D8)."""

import pytest


@pytest.mark.requirement("AIWI-TP-002", "AIWI-TP-008", "AIWI-TP-009", "AIWI-TP-010", "AIWI-TP-019", "UPS-038")
def test_a_workitem_is_performed_from_claim_to_complete_and_names_what_was_stored(ward, performer):
    uid = ward.schedule()
    running = performer()
    assert ward.await_final(uid)
    assert ward.state(uid) == "COMPLETED"
    assert sorted(ward.results(uid).values()) == ["SEG", "SR"]
    assert sorted(ward.outputs(uid)) == sorted(ward.results(uid))
    running.await_idle()
    assert running.steps(uid) == [
        "images-requested",
        "images-retrieved",
        "inference-started",
        "inference-ended",
        "result-stored",
        "result-available",
    ]
