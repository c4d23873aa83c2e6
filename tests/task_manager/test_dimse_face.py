"""UPS over DIMSE as a foreign peer sees it (PS3.4 Annex CC): statuses, datasets, and requests that make no sense."""

from itertools import cycle

import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.sop_class import (
    CTImageStorage,
    ModalityPerformedProcedureStep,
    ModalityWorklistInformationFind,
    UnifiedProcedureStepEvent,
    UnifiedProcedureStepPull,
    UnifiedProcedureStepPush,
    UnifiedProcedureStepQuery,
    UnifiedProcedureStepWatch,
    Verification,
)

from actors.shared.ups_dimse.dataset import to_dataset
from connectathon.workitems import new_workitem
from profiles.dicom import get, new_uid, put, put_items, tag_of, text
from tests.contract.dimse import CLASSES, code, dimse_task_manager, keys, now, wire, without
from workitems.search import Page
from workitems.worklist import UPS_PUSH, Worklist


@pytest.fixture(scope="module")
def manager(tmp_path_factory):
    with dimse_task_manager(tmp_path_factory.mktemp("dimse"), peers={}) as running:
        running.worklist.subscriptions.subscribe("PERFORMER", "1.2.840.10008.5.1.4.34.5", "websocket")
        yield running


@pytest.fixture(scope="module")
def peer(manager):
    with manager.wire() as made:
        yield made


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
@pytest.mark.requirement("AIWI-TM-074")
def test_all_five_classes_and_verification_are_accepted_in_each_syntax(syntax, manager):
    with manager.wire(syntaxes=[syntax]) as peer:
        assert {one.abstract_syntax for one in peer.association.accepted_contexts} >= set(CLASSES)
        assert {one.transfer_syntax[0] for one in peer.association.accepted_contexts} == {syntax}
        assert code(peer.association.send_c_echo()) == "0000"
        uid = new_uid()
        assert code(peer.create(new_workitem(now=now()), uid)) == "0000"
        assert text(peer.get(uid)[1], "SOPInstanceUID") == uid


@pytest.mark.parametrize("context", [UnifiedProcedureStepPull, UnifiedProcedureStepWatch, UnifiedProcedureStepPush])
@pytest.mark.requirement("AIWI-TM-076")
def test_every_service_names_ups_push_whatever_its_context_is_of(context, manager, peer):
    transaction = new_uid()
    uid = manager.workitem_in("IN PROGRESS", transaction)
    status, found = peer.get(uid, context=context)
    assert (code(status), text(found, "SOPClassUID")) == ("0000", UPS_PUSH)
    changes = put(put({}, "TransactionUID", transaction), "ProcedureStepLabel", "changed")
    assert code(peer.set(uid, changes, context=context)) == "0000"
    assert code(peer.act(2, uid, {}, context=context)) == "0000"


@pytest.mark.parametrize("sop_class", CLASSES[1:])
@pytest.mark.requirement("AIWI-TM-080")
def test_another_ups_class_is_not_the_class_of_the_workitem(sop_class, manager, peer):
    uid = manager.workitem_in("SCHEDULED", new_uid())
    assert code(peer.get(uid, sop_class=sop_class)[0]) == "0119"
    assert code(peer.create(new_workitem(now=now()), new_uid(), sop_class=sop_class)) == "0119"


@pytest.mark.requirement("AIWI-TM-080")
def test_what_is_unknown_is_said_to_be_unknown(manager, peer):
    uid = manager.workitem_in("SCHEDULED", new_uid())
    for sop_class in (ModalityPerformedProcedureStep, CTImageStorage, Verification, "1.2.3"):
        assert code(peer.set(uid, keys(ProcedureStepLabel="x"), sop_class=sop_class)) == "0118"
        assert code(peer.get(uid, sop_class=sop_class)[0]) == "0118"
    assert code(peer.act(6, uid, {})) == "0123"
    assert code(peer.act(0, uid, {})) == "0123"
    for answer in (
        peer.get(new_uid())[0],
        peer.set(new_uid(), keys(ProcedureStepLabel="x")),
        peer.act(2, new_uid(), {}),
    ):
        assert code(answer) == "C307"


def test_a_request_that_names_no_workitem_is_answered(peer):
    assert code(peer.get("")[0]) == "0212"
    assert code(peer.act(2, "", {})) == "0212"


def test_an_operation_that_ups_lacks_is_not_recognised_and_the_association_goes_on(manager, peer):
    uid = manager.workitem_in("SCHEDULED", new_uid())
    association = peer.association
    assert code(association.send_n_delete(UPS_PUSH, uid, meta_uid=UnifiedProcedureStepPush)) == "0211"
    report = association.send_n_event_report(None, 1, UPS_PUSH, uid, meta_uid=UnifiedProcedureStepEvent)
    assert code(report[0]) == "0211"
    assert code(association.send_c_echo()) == "0000"


@pytest.mark.parametrize("keyword", ["ScheduledProcedureStepPriority", "InputReadinessState", "ProcedureStepState"])
@pytest.mark.requirement("AIWI-TM-004", "AIWI-TM-005")
def test_a_creation_without_an_attribute_is_0120_and_without_its_value_0121(keyword, peer):
    uid = new_uid()
    workitem = new_workitem(now=now())
    missing = peer.create(without(workitem, keyword), uid)
    assert (code(missing), missing.ErrorComment.startswith(keyword)) == ("0120", True)
    empty = peer.create(put(workitem, keyword), uid)
    assert (code(empty), empty.ErrorComment.startswith(keyword)) == ("0121", True)
    assert code(peer.get(uid)[0]) == "C307"


@pytest.mark.parametrize("keyword", ["ScheduledProcessingParametersSequence", "WorklistLabel", "PatientBirthDate"])
@pytest.mark.requirement("AIWI-TM-087")
def test_a_creation_without_a_type_2_attribute_is_0120(keyword, peer):
    assert code(peer.create(without(new_workitem(now=now()), keyword), new_uid())) == "0120"


@pytest.mark.requirement("AIWI-TM-004", "AIWI-TM-006")
def test_a_creation_in_another_state_is_c309_and_with_an_illegal_value_0106(peer):
    assert code(peer.create(put(new_workitem(now=now()), "ProcedureStepState", "IN PROGRESS"), new_uid())) == "C309"
    urgent = put(new_workitem(now=now()), "ScheduledProcedureStepPriority", "URGENT")
    assert code(peer.create(urgent, new_uid())) == "0106"


@pytest.mark.requirement("UPS-101")
def test_a_creation_that_was_completed_is_b300_and_one_without_uid_is_told_its_own(manager, peer):
    assert code(peer.create(put(new_workitem(now=now()), "WorklistLabel"), new_uid())) == "B300"
    before = {text(one, "SOPInstanceUID") for one in manager.worklist.search({}, 10_000).workitems}
    assert code(peer.create(new_workitem(now=now()), None)) == "0000"
    assert code(peer.create(put(new_workitem(now=now()), "WorklistLabel"), None)) == "B300"
    after = {text(one, "SOPInstanceUID") for one in manager.worklist.search({}, 10_000).workitems}
    assert len(after - before) == 2


@pytest.mark.requirement("AIWI-TM-014")
def test_retrieval_gives_what_is_named_and_never_the_transaction_uid(manager, peer):
    uid = manager.workitem_in("IN PROGRESS", new_uid())
    status, found = peer.get(uid, ["ProcedureStepState", "ReferencedRequestSequence", "TransactionUID"])
    assert code(status) == "0001"
    assert set(found) == {tag_of("ProcedureStepState"), tag_of("ReferencedRequestSequence")}
    status, found = peer.get(uid, ["ProcedureStepState", "ExpectedCompletionDateTime"])
    assert (code(status), get(found, "ProcedureStepState")) == ("0000", "IN PROGRESS")
    assert found[tag_of("ExpectedCompletionDateTime")] == {"vr": "DT"}, "an attribute without value is there, empty"
    everything = peer.get(uid)[1]
    assert tag_of("TransactionUID") not in everything
    assert len(everything) > 30
    only = peer.get(uid, ["TransactionUID"])
    assert (code(only[0]), only[1]) == ("0001", {})


@pytest.mark.parametrize("context", [UnifiedProcedureStepPull, UnifiedProcedureStepWatch, UnifiedProcedureStepQuery])
@pytest.mark.requirement("AIWI-TM-078")
def test_a_query_matches_by_value_sequence_and_range_and_returns_what_it_names(context, peer):
    label = new_uid()[-16:]
    early, late = (new_workitem(now=now(), label=label) for _ in range(2))
    put(early, "ScheduledProcedureStepStartDateTime", "20240101120000")
    put(late, "ScheduledProcedureStepStartDateTime", "20250101120000")
    for workitem in (early, late):
        assert code(peer.create(workitem, put(workitem, "SOPInstanceUID", new_uid())["00080018"]["Value"][0])) in "0000"
    identifier = keys("SOPInstanceUID", "ProcedureStepState", WorklistLabel=label)
    codes, found = peer.find(identifier, context)
    assert codes == ["FF00", "FF00", "0000"]
    assert all(set(one) == set(identifier) for one in found)
    since = keys("ProcedureStepLabel", WorklistLabel=label, ScheduledProcedureStepStartDateTime="20240601-")
    assert len(peer.find(since, context)[1]) == 1
    coded = put_items(
        keys(WorklistLabel=label), "ScheduledWorkitemCodeSequence", keys("CodeMeaning", CodeValue="BRAINSEG")
    )
    codes, found = peer.find(dict(sorted(coded.items())), context)
    assert (codes, len(found)) == (["FF00", "FF00", "0000"], 2)
    assert set(found[0]["00404018"]["Value"][0]) == {tag_of("CodeValue"), tag_of("CodeMeaning")}
    uids = [text(one, "SOPInstanceUID") for one in peer.find(identifier, context)[1]]
    listed = {"00080018": {"vr": "UI", "Value": uids}}
    assert len(peer.find(listed, context)[1]) == 2


@pytest.mark.requirement("AIWI-TM-078")
def test_an_identifier_whose_keys_are_all_empty_finds_everything_and_one_without_keys_nothing(manager, peer):
    manager.workitem_in("SCHEDULED", new_uid())
    everything = manager.worklist.search({}, 10_000).workitems
    assert len(peer.find(keys("SOPInstanceUID"))[1]) == len(everything)
    assert peer.find(keys(SpecificCharacterSet="ISO_IR 192")) == (["0000"], [])


@pytest.mark.requirement("AIWI-TM-078")
def test_a_key_that_is_not_kept_is_ignored_and_told_by_ff01(manager, peer):
    label = new_uid()[-16:]
    uid = new_uid()
    assert code(peer.create(put(new_workitem(now=now(), label=label), "SOPInstanceUID", uid), uid)) in ("0000", "B300")
    for strange in (
        keys(WorklistLabel=label, Modality="CT"),
        {**keys(WorklistLabel=label), "00090010": {"vr": "LO", "Value": ["US"]}, "00091001": {"vr": "LO"}},
        keys("TransactionUID", WorklistLabel=label),
    ):
        codes, found = peer.find(strange)
        assert (codes, len(found)) == (["FF01", "0000"], 1)
        assert tag_of("TransactionUID") not in found[0]


@pytest.mark.requirement("AIWI-TM-014", "AIWI-TM-078")
def test_a_query_that_cannot_be_understood_is_a900_and_of_another_class_0122(manager, peer):
    two = {
        tag_of("ReferencedRequestSequence"): {"vr": "SQ", "Value": [keys("AccessionNumber"), keys("AccessionNumber")]}
    }
    for wrong in (two, keys(TransactionUID="1.2.3"), keys(ScheduledProcedureStepStartDateTime="-")):
        assert peer.find(wrong)[0] == ["A900"]
    assert peer.find(keys("SOPInstanceUID"), UnifiedProcedureStepPush)[0] == ["0122"]


class EndlessWorklist(Worklist):
    """Finds its workitems again and again, so that a search ends by being canceled only."""

    def search(self, keys, limit, offset=0, **options):
        found = super().search(keys, 1, 0, **options).workitems
        return Page([one for one, _ in zip(cycle(found), range(50), strict=False)], 50)


@pytest.mark.requirement("AIWI-TM-078")
def test_a_query_ends_with_fe00_when_it_is_canceled(tmp_path):
    with dimse_task_manager(tmp_path, worklist_of=EndlessWorklist) as manager, manager.wire() as peer:
        manager.workitem_in("SCHEDULED", new_uid())
        association = peer.association
        codes = []
        for status, _ in association.send_c_find(
            to_dataset(keys("SOPInstanceUID")), UnifiedProcedureStepPull, msg_id=7
        ):
            codes.append(code(status))
            if len(codes) == 1:
                association.send_c_cancel(7, query_model=UnifiedProcedureStepPull)
        assert codes[-1] == "FE00"
        assert set(codes[:-1]) == {"FF00"}
        assert code(association.send_c_echo()) == "0000"


@pytest.mark.requirement("AIWI-TM-079")
def test_subscriptions_are_refused_with_the_reason(manager, peer, tmp_path):
    uid = manager.workitem_in("SCHEDULED", new_uid())
    assert code(peer.subscribe("NOBODY", uid)) == "C308"
    assert code(peer.end(4, "NOBODY", uid)) == "C308"
    assert code(peer.end(5, "NOBODY", "1.2.840.10008.5.1.4.34.5")) == "C308"
    manager.peers["SOMEBODY"] = ("127.0.0.1", 1)
    assert code(peer.subscribe("SOMEBODY", new_uid())) == "C307"
    assert code(peer.subscribe("SOMEBODY", uid, lock="PERHAPS")) == "0115"
    assert code(peer.subscribe("", uid)) == "0115"
    assert code(peer.subscribe("SOMEBODY", "1.2.840.10008.5.1.4.34.5.1")) == "0115"
    strange = keys(Modality="CT")
    assert code(peer.subscribe("SOMEBODY", "1.2.840.10008.5.1.4.34.5.1", keys=strange)) == "0115"
    assert code(peer.end(5, "SOMEBODY", uid)) == "C314"
    assert code(peer.end(4, "SOMEBODY", uid)) == "C307"
    with dimse_task_manager(tmp_path) as silent, silent.wire() as other:
        assert code(other.subscribe("SOMEBODY", silent.workitem_in("SCHEDULED", new_uid()))) == "C315"


@pytest.mark.parametrize("state", ["", "DONE"])
def test_a_state_that_is_missing_or_none_is_an_invalid_argument(state, manager, peer):
    uid = manager.workitem_in("SCHEDULED", new_uid())
    assert code(peer.change_state(uid, state, new_uid())) == "0115"


@pytest.mark.requirement("AIWI-TM-045", "UPS-138")
def test_a_request_to_cancel_tells_the_calling_ae_and_its_reason(manager):
    with manager.wire(ae_title="WARD_7") as peer:
        uid = manager.workitem_in("IN PROGRESS", new_uid())
        assert code(peer.act(2, uid, keys(ReasonForCancellation="order withdrawn"))) == "0000"
    event = manager.store.events_after(0, 100_000)[-1]
    assert text(event.content, "RequestingAE") == "WARD_7"
    assert text(event.content, "ReasonForCancellation") == "order withdrawn"


def test_a_class_that_is_not_of_ups_is_not_negotiated(manager):
    with wire(manager.port, classes=[*CLASSES, ModalityWorklistInformationFind]) as peer:
        contexts = {one.abstract_syntax for one in peer.association.accepted_contexts}
        assert ModalityWorklistInformationFind not in contexts
