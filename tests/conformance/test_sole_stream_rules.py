"""Each rule for a stream is broken by a defect of its own; what clocks, retries and resending explain breaks none."""

import pytest

from conformance.sole import check_message, check_stream
from profiles.sole import Outcome, Source, Thread
from tests.conformance.sole_messages import READER, SOURCE, THREAD, Defects, audited, event, setting, signed

STREAM = Defects()
MANAGER = Source("task_manager", "wm1.example.org", "41", "Clinic Süd", "77d0")
LIFE = (
    (MANAGER, "workitem-created"),
    (MANAGER, "workitem-claimed"),
    (SOURCE, "images-requested"),
    (SOURCE, "images-retrieved"),
    (SOURCE, "inference-started"),
    (SOURCE, "inference-ended"),
    (SOURCE, "result-stored"),
    (MANAGER, "workitem-completed"),
)


def life(after=0.0, thread=THREAD, **moved):
    """The events of one workitem, 10 s apart; some moved to another second."""
    return [
        event(step, after=after + moved.get(step.replace("-", "_"), 10.0 * place), thread=thread, source=source)
        for place, (source, step) in enumerate(LIFE)
    ]


def told_by_a_reader(step, after):
    """An event of the image display, with the person who read."""
    person = (
        b'<ActiveParticipant UserID="E40817" UserIsRequestor="false"><RoleIDCode csd-code="121098" '
        b'codeSystemName="DCM" originalText="Verifying"/></ActiveParticipant><AuditSourceIdentification'
    )
    return event(step, after=after, source=READER).replace(b"<AuditSourceIdentification", person, 1)


def reading(opened=0.0, shown=10.0, accepted=20.0):
    return [
        told_by_a_reader("exam-opened", opened),
        told_by_a_reader("result-displayed", shown),
        told_by_a_reader("result-accepted", accepted),
    ]


def rules(messages):
    return sorted({found.rule for found in check_stream([(str(n), raw) for n, raw in enumerate(messages)])})


@STREAM.breaks("SOLE-032")
def another_address_of_the_same_host():
    return [*life(), setting(life()[5], "ActiveParticipant", NetworkAccessPointID="10.0.0.7")]


@STREAM.breaks("SOLE-074")
def stored_before_inference_ended():
    return life(result_stored=45)


@STREAM.breaks("SOLE-074")
def claimed_before_it_was_created():
    return life(workitem_created=12, workitem_claimed=10)


@STREAM.breaks("SOLE-074")
def completed_before_the_result_was_stored():
    return life(workitem_completed=55)


@STREAM.breaks("SOLE-075")
def completed_and_canceled():
    return [*life(), event("workitem-canceled", after=75, source=MANAGER)]


@STREAM.breaks("SOLE-075")
def completed_twice():
    return [*life(), event("workitem-completed", after=75, source=MANAGER)]


@STREAM.breaks("SOLE-076")
def work_before_the_claim():
    return life(images_requested=7)


@STREAM.breaks("SOLE-079-SAME")
def another_study_at_the_end():
    other = Thread("MRN1^^^&1.2.3&ISO", "A-1", "P-1", "F-1", "2.25.77", "2.25.8")
    return [*life()[:-1], event("workitem-completed", after=70, thread=other, source=MANAGER)]


@STREAM.breaks("SOLE-079-SAME")
def another_accession_number_at_the_end():
    other = Thread("MRN1^^^&1.2.3&ISO", "A-2", "P-1", "F-1", "2.25.7", "2.25.8")
    return [*life()[:-1], event("workitem-completed", after=70, thread=other, source=MANAGER)]


@STREAM.breaks("SOLE-081")
def shown_before_the_exam_was_opened():
    return reading(opened=12)


@STREAM.breaks("SOLE-081")
def accepted_before_it_was_shown():
    return reading(accepted=5)


@STREAM.breaks("SOLE-082")
def accepted_and_not_assessed():
    return [*reading(), told_by_a_reader("result-not-assessed", 30)]


@pytest.mark.parametrize(("rule", "defect"), STREAM.parameters())
def test_a_defect_breaks_its_rule_and_no_other(rule, defect):
    messages = defect()
    assert rules(messages) == [rule]
    assert not [found for raw in messages for found in check_message(raw, "message")]


@pytest.mark.parametrize(("rule", "defect"), STREAM.parameters())
def test_the_order_of_arrival_and_being_sent_twice_change_nothing(rule, defect):
    """Events are ordered by their own time (sole.md 8.5)."""
    if rule != "SOLE-032":  # whose finding is about the later one
        assert rules([*reversed(defect()), *defect()]) == [rule]


def test_a_good_life_and_a_good_reading_break_no_rule():
    assert rules([*life(), *reading(), signed(), audited()]) == []


def test_a_stream_of_nothing_is_nothing():
    assert check_stream([]) == []
    assert check_stream([("text", b"hello")]) == []


@pytest.mark.requirement("SOLE-074", "SOLE-076", "SOLE-075")
def test_workitems_are_told_apart():
    other = Thread("MRN1^^^&1.2.3&ISO", "A-1", "P-1", "F-1", "2.25.7", "2.25.88")
    assert rules([*life(), *life(after=-35, thread=other)]) == []


@pytest.mark.requirement("SOLE-074")
def test_what_two_clocks_leave_open_is_no_breach():
    """Two hosts with right clocks may still be 2 s apart (sole.md 3.7); one host is never behind itself."""
    assert rules(life(workitem_completed=58.5)) == []
    assert rules(life(result_stored=49.5)) == ["SOLE-074"]


@pytest.mark.requirement("SOLE-074", "SOLE-076")
def test_a_workitem_that_failed_once_and_was_done_again_breaks_no_rule():
    failed = [
        event(step, Outcome.SERIOUS_FAILURE if "ended" in step else Outcome.SUCCESS, after=n, source=source)
        for n, (source, step) in enumerate(LIFE[:6])
    ]
    assert rules([*failed, *life(after=100)[1:]]) == []


@pytest.mark.requirement("SOLE-032")
def test_two_machines_on_one_host_may_have_an_address_each():
    others = [event(step, source=Source("store", SOURCE.host, "9", "", "x")) for step in ("images-stored",)]
    moved = [setting(raw, "ActiveParticipant", NetworkAccessPointID="10.0.0.7") for raw in others]
    assert rules([*life(), *moved]) == []


@pytest.mark.requirement("SOLE-081")
def test_another_reader_may_have_opened_the_exam_later():
    other = told_by_a_reader("exam-opened", 300).replace(b"E40817", b"E50000")
    assert rules([*reading()[1:], other]) == []
