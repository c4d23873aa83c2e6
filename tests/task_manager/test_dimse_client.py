"""The UPS client over DIMSE: associations that are lost, servers that are away, searches cut short, events watched."""

import threading
from itertools import cycle

import pytest
from pynetdicom import AE
from pynetdicom.sop_class import Verification

from actors.shared.ups_client import AlreadyInProgress, DuplicateWorkitem
from actors.shared.ups_dimse import Peer
from actors.shared.ups_dimse.receiver import EventReceiver
from actors.shared.ups_dimse_client import DimseUpsClient, identifier_of
from connectathon.waiting import eventually, free_port
from connectathon.workitems import new_workitem, performed
from profiles.dicom import get, items, new_uid, tag_of, text
from profiles.errors import Conflict, NotAuthorised, Unavailable
from profiles.ups.subscriptions import GLOBAL_SUBSCRIPTION
from tests.contract.dimse import SERVER, dimse_task_manager, now
from workitems.policy import Policy
from workitems.search import Page
from workitems.worklist import Worklist


@pytest.fixture(scope="module")
def manager(tmp_path_factory):
    with dimse_task_manager(tmp_path_factory.mktemp("client"), peers={}) as running:
        yield running


@pytest.fixture
def client(manager):
    with manager.client() as made:
        yield made


def test_an_own_claim_and_an_own_creation_are_told_from_those_of_others(manager, client):
    uid = client.create(new_workitem(now=now()), new_uid())
    transaction = new_uid()
    client.claim(uid, transaction)
    with pytest.raises(AlreadyInProgress, match="C302"):
        client.claim(uid, transaction)
    with pytest.raises(DuplicateWorkitem, match="0111"):
        client.create(new_workitem(now=now()), uid)
    with pytest.raises(Conflict, match=r"has not met final state requirements.*UnifiedProcedureStepPerformed"):
        client.complete(uid, transaction)
    client.update(uid, performed(now()), transaction)
    client.complete(uid, transaction)
    client.complete(uid, transaction)  # B306: it is what was wanted
    assert get(client.retrieve(uid), "ProcedureStepState") == "COMPLETED"


def test_a_search_returns_whole_workitems_or_what_is_named(client):
    label = new_uid()[-16:]
    uids = [client.create(new_workitem(now=now(), label=label)) for _ in range(5)]
    keys = {"WorklistLabel": label, "ReferencedRequestSequence.AccessionNumber": "*"}
    found = client.search(keys)
    assert [text(one, "SOPInstanceUID") for one in found] == uids
    request = items(found[0], "ReferencedRequestSequence")[0]
    assert text(request, "FillerOrderNumberImagingServiceRequest")
    assert items(found[0], "ScheduledWorkitemCodeSequence")
    only = client.search({"WorklistLabel": label}, includefield="SOPInstanceUID,ProcedureStepState")
    assert {frozenset(one) for one in only} == {
        frozenset(map(tag_of, ("WorklistLabel", "SOPInstanceUID", "ProcedureStepState")))
    }
    page = client.search({"WorklistLabel": label}, limit=2, offset=1)
    assert [text(one, "SOPInstanceUID") for one in page] == uids[1:3]
    assert client.search({"WorklistLabel": "nowhere"}) == []


def test_an_identifier_holds_keys_at_every_depth_once():
    identifier = identifier_of({"ReferencedRequestSequence.RequestedProcedureCodeSequence.CodeValue": "X"}, "all")
    request = items(identifier, "ReferencedRequestSequence")
    assert len(request) == 1
    code = items(request[0], "RequestedProcedureCodeSequence")
    assert text(code[0], "CodeValue") == "X"
    assert tag_of("CodeMeaning") in code[0]
    assert tag_of("TransactionUID") not in identifier


class EndlessWorklist(Worklist):
    """Finds its workitems again and again, so that a search ends by being canceled only."""

    def search(self, keys, limit, offset=0, **options):
        found = super().search(keys, 1, 0, **options).workitems
        return Page([one for one, _ in zip(cycle(found), range(50), strict=False)], 50)


@pytest.mark.requirement("AIWI-TM-078")
def test_a_search_with_a_limit_is_canceled_when_it_has_enough(tmp_path):
    with dimse_task_manager(tmp_path, worklist_of=EndlessWorklist) as manager, manager.client() as client:
        uid = client.create(new_workitem(now=now()))
        assert len(client.search({"SOPInstanceUID": uid}, limit=3)) == 3
        assert get(client.retrieve(uid), "ProcedureStepState") == "SCHEDULED"


def test_an_association_that_was_lost_is_opened_again(tmp_path):
    with dimse_task_manager(tmp_path, idle_seconds=0.5) as manager, manager.client() as client:
        uid = client.create(new_workitem(now=now()))
        eventually(lambda: not client._association.is_established, what="the idle association to be ended")
        assert text(client.retrieve(uid), "SOPInstanceUID") == uid


def test_several_threads_may_share_a_client(manager, client):
    made = []
    threads = [threading.Thread(target=lambda: made.append(client.create(new_workitem(now=now())))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 8
    assert all(manager.worklist.retrieve(uid) for uid in made)


def test_a_server_that_is_away_or_unwilling_is_unavailable_and_why(tmp_path):
    with pytest.raises(Unavailable, match="cannot be reached"):
        DimseUpsClient("127.0.0.1", free_port(), called_ae=SERVER, ae_title="CALLER").retrieve("1.2")
    with dimse_task_manager(tmp_path, callers=("FRIEND",)) as manager:
        client = manager.client("STRANGER")
        with pytest.raises(Unavailable, match="rejected the association"):
            client.retrieve("1.2")
    echo_only = AE(ae_title="ECHO")
    echo_only.add_supported_context(Verification)
    server = echo_only.start_server(("127.0.0.1", 0), block=False)
    try:
        port = server.server_address[1]
        with pytest.raises(Unavailable, match="association could be made"):
            DimseUpsClient("127.0.0.1", port, called_ae="ECHO", ae_title="CALLER").retrieve("1.2")
    finally:
        echo_only.shutdown()


class SilentWorklist(Worklist):
    """Answers when it is let go."""

    silent = threading.Event()

    def retrieve(self, uid):
        self.silent.wait(60)
        return super().retrieve(uid)


def test_a_server_that_does_not_answer_in_time_is_unavailable(tmp_path):
    with dimse_task_manager(tmp_path, worklist_of=SilentWorklist) as manager:
        client = DimseUpsClient("127.0.0.1", manager.port, called_ae=SERVER, ae_title="C", timeout_seconds=3)
        uid = client.create(new_workitem(now=now()))
        with pytest.raises(Unavailable, match="did not answer in time"):
            client.retrieve(uid)
        SilentWorklist.silent.set()
        assert text(client.retrieve(uid), "SOPInstanceUID") == uid
        client.close()


def test_events_can_be_watched_from_before_the_subscription(manager):
    port, stopped = free_port(), threading.Event()
    manager.peers["WATCHER"] = Peer("127.0.0.1", port)
    with manager.client("WATCHER") as client:
        told = client.watch(stopped, port=port, opened=lambda: client.subscribe(GLOBAL_SUBSCRIPTION, locked=True))
        uids = [manager.workitem_in("SCHEDULED", new_uid()) for _ in range(2)]
        seen = set()
        for report in told:
            seen.add(report.workitem_uid)
            if seen >= set(uids):
                stopped.set()
        client.unsubscribe(GLOBAL_SUBSCRIPTION)


def test_a_gift_that_is_not_allowed_is_refused_with_words(tmp_path):
    def strict(store, clock):
        return Worklist(store, clock, policy=Policy(gift_givers=frozenset()))

    peers = {"OTHER": Peer("127.0.0.1", free_port())}
    with dimse_task_manager(tmp_path, peers=peers, worklist_of=strict) as manager:
        uid = manager.workitem_in("SCHEDULED", new_uid())
        with manager.client() as client, pytest.raises(NotAuthorised, match="0124"):
            client.subscribe(uid, receiver="OTHER")


def test_a_receiver_tells_when_its_port_is_taken():
    with EventReceiver("WATCHER") as first, pytest.raises(Unavailable, match="cannot be listened on"):
        EventReceiver("WATCHER", port=first.port).__enter__()
