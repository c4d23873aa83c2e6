"""Event reports over DIMSE (PS3.4 CC.2.4): each subscriber gets each of its events, in order, whoever is away."""

import threading

import pytest
import sqlalchemy
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.sop_class import UnifiedProcedureStepEvent

from actors.shared.ups_dimse import Peer
from actors.shared.ups_dimse import sender as sending
from actors.shared.ups_dimse.receiver import EventReceiver
from connectathon.waiting import eventually, free_port
from connectathon.workitems import STATION, new_workitem, performed
from profiles.dicom import get, get_code, item, new_uid, put, put_codes, put_items, text
from profiles.ups.subscriptions import FILTERED_GLOBAL_SUBSCRIPTION, GLOBAL_SUBSCRIPTION
from tests.contract.dimse import code, dimse_task_manager, keys, now
from workitems.model import Channel
from workitems.policy import Policy
from workitems.store import Store
from workitems.subscriptions import Subscriptions
from workitems.worklist import Worklist

CUT_OFF = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Pauses as short as a test can bear; their growth is the same."""
    monkeypatch.setattr(sending, "_FIRST_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(sending, "_LONGEST_PAUSE_SECONDS", 0.5)
    monkeypatch.setattr(sending, "_LINGER_SECONDS", 0.05)
    monkeypatch.setattr(sending, "_LOOK_SECONDS", 0.5)


class Inbox:
    """What an AE was told, gathered by a thread."""

    def __init__(self, receiver):
        self.reports, self.stopped = [], threading.Event()
        self.thread = threading.Thread(target=self._gather, args=(receiver,))
        self.thread.start()

    def _gather(self, receiver):
        for report in receiver.events(self.stopped):
            self.reports.append(report)

    def close(self):
        self.stopped.set()
        self.thread.join()

    def has(self, count):
        return eventually(lambda: len(self.reports) >= count and self.reports, what=f"{count} reports")

    def states(self, uid=None):
        of_uid = (one for one in self.reports if uid in (None, one.workitem_uid))
        return [get(one.information, "ProcedureStepState") for one in of_uid if one.kind == "state"]


@pytest.fixture
def inbox_of():
    """Makes the inbox of an AE that listens on a port."""
    opened = []

    def make(ae_title, port=0):
        receiver = EventReceiver(ae_title, "127.0.0.1", port).__enter__()
        inbox = Inbox(receiver)
        inbox.port = receiver.port
        inbox.leave = lambda: (inbox.close(), receiver.__exit__(None, None, None))
        opened.append(inbox)
        return inbox

    yield make
    for one in opened:
        one.leave()


@pytest.mark.requirement(
    "AIWI-TM-065", "AIWI-TM-066", "AIWI-TM-079", "UPS-131", "UPS-134", "UPS-135", "UPS-136", "UPS-137"
)
@pytest.mark.requirement("UPS-139", "UPS-140")
def test_a_subscriber_is_told_of_each_change_in_order_with_what_the_table_asks(tmp_path, inbox_of):
    inbox = inbox_of("WATCHER")
    peers = {"WATCHER": Peer("127.0.0.1", inbox.port)}
    with dimse_task_manager(tmp_path, peers=peers) as manager, manager.wire(ae_title="WATCHER") as peer:
        assert code(peer.subscribe("WATCHER", GLOBAL_SUBSCRIPTION)) == "0000"
        uid, transaction = new_uid(), new_uid()
        workitem = put(new_workitem(now=now()), "InputReadinessState", "UNAVAILABLE")
        put_codes(workitem, "ScheduledStationNameCodeSequence", STATION)
        assert code(peer.create(workitem, uid)) == "0000"
        assert code(peer.set(uid, keys(InputReadinessState="READY"))) == "0000"
        assert code(peer.change_state(uid, "IN PROGRESS", transaction)) == "0000"
        progress = put_items({}, "ProcedureStepProgressInformationSequence", keys(ProcedureStepProgress=50))
        assert code(peer.set(uid, put(progress, "TransactionUID", transaction))) == "0000"
        assert code(peer.act(2, uid, keys(ReasonForCancellation="замена"))) == "0000"
        assert code(peer.set(uid, put(performed(now()), "TransactionUID", transaction))) == "0000"
        assert code(peer.change_state(uid, "COMPLETED", transaction)) == "0000"
        reports = inbox.has(7)
    assert [one.kind for one in reports] == [
        "state", "assigned", "state", "state", "progress", "cancel-requested", "state",
    ]  # fmt: skip
    assert {one.workitem_uid for one in reports} == {uid}
    assert inbox.states() == ["SCHEDULED", "SCHEDULED", "IN PROGRESS", "COMPLETED"]
    readiness = [get(one.information, "InputReadinessState") for one in reports if one.kind == "state"]
    assert readiness == ["UNAVAILABLE", "READY", "READY", "READY"]
    assert get_code(reports[1].information, "ScheduledStationNameCodeSequence").same_as(STATION)
    told = item(reports[4].information, "ProcedureStepProgressInformationSequence")
    assert get(told, "ProcedureStepProgress") == 50
    assert text(reports[5].information, "ReasonForCancellation") == "замена"
    assert text(reports[5].information, "RequestingAE") == "WATCHER"
    assert transaction not in repr(reports)


@pytest.mark.requirement("UPS-133", "UPS-163", "UPS-172", "UPS-178", "UPS-181", "UPS-183", "AIWI-TM-063", "AIWI-TM-069")
def test_locks_filters_suspension_and_unsubscribing_work_over_dimse(tmp_path, inbox_of):
    inbox = inbox_of("WATCHER")
    peers = {"WATCHER": Peer("127.0.0.1", inbox.port)}
    with dimse_task_manager(tmp_path, peers=peers) as manager, manager.wire() as peer:
        old = manager.workitem_in("SCHEDULED", new_uid())
        assert code(peer.subscribe("WATCHER", old, lock="TRUE")) == "0000"
        assert inbox.has(1)[0].workitem_uid == old
        wanted = keys(WorklistLabel="CHEST")
        assert code(peer.subscribe("WATCHER", FILTERED_GLOBAL_SUBSCRIPTION, keys=wanted)) == "0000"
        uids = [new_uid(), new_uid()]
        for uid, label in zip(uids, ("CHEST", "BRAIN"), strict=True):
            assert code(peer.create(new_workitem(now=now(), label=label), uid)) == "0000"
        assert inbox.has(2)[1].workitem_uid == uids[0]
        assert code(peer.end(5, "WATCHER", FILTERED_GLOBAL_SUBSCRIPTION)) == "0000"
        assert code(peer.create(new_workitem(now=now(), label="CHEST"), new_uid())) == "0000"
        assert code(peer.act(2, uids[0], {})) == "0000"
        inbox.has(4)
        assert inbox.states(uids[0]) == ["SCHEDULED", "IN PROGRESS", "CANCELED"]
        assert code(peer.end(4, "WATCHER", old)) == "0000"
        assert code(peer.end(4, "WATCHER", old)) == "C307"
        assert code(peer.act(2, old, {})) == "0000"
        assert code(peer.subscribe("WATCHER", uids[1])) == "0000"
        assert inbox.has(5)[4].workitem_uid == uids[1]


@pytest.mark.requirement("UPS-186", "UPS-189")
def test_a_lock_that_is_not_granted_is_b301_and_a_gift_that_is_not_allowed_0124(tmp_path):
    def strict(store, clock):
        subscriptions = Subscriptions(store, clock, grants_locks=False)
        return Worklist(store, clock, policy=Policy(gift_givers=frozenset()), subscriptions=subscriptions)

    peers = {name: Peer("127.0.0.1", free_port()) for name in ("CALLER", "OTHER")}
    with dimse_task_manager(tmp_path, peers=peers, worklist_of=strict) as manager, manager.wire() as peer:
        uid = manager.workitem_in("SCHEDULED", new_uid())
        assert code(peer.subscribe("CALLER", uid, lock="TRUE")) == "B301"
        assert code(peer.subscribe("OTHER", uid)) == "0124"


@pytest.mark.requirement("UPS-190")
def test_reports_wait_for_a_peer_that_is_away_and_nobody_waits_with_it(tmp_path, inbox_of):
    present, port = inbox_of("PRESENT"), free_port()
    peers = {"PRESENT": Peer("127.0.0.1", present.port), "AWAY": Peer("127.0.0.1", port)}
    with dimse_task_manager(tmp_path, peers=peers) as manager, manager.wire() as peer:
        for name in peers:
            assert code(peer.subscribe(name, GLOBAL_SUBSCRIPTION)) == "0000"
        uids = [manager.workitem_in("SCHEDULED", new_uid()) for _ in range(20)]
        assert [one.workitem_uid for one in present.has(20)] == uids
        late = inbox_of("AWAY", port)
        assert [one.workitem_uid for one in late.has(20)] == uids
        eventually(lambda: not manager.store.deliveries_after(0), what="everything to be confirmed")


def test_a_peer_that_answers_slowly_delays_only_itself(tmp_path, inbox_of):
    quick, hold = inbox_of("QUICK"), threading.Event()
    slow = AE(ae_title="SLOW")
    slow.add_supported_context(UnifiedProcedureStepEvent)
    handlers = [(evt.EVT_N_EVENT_REPORT, lambda _event: (hold.wait(60) and 0, None))]
    server = slow.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    try:
        peers = {"QUICK": Peer("127.0.0.1", quick.port), "SLOW": Peer("127.0.0.1", server.server_address[1])}
        with dimse_task_manager(tmp_path, peers=peers) as manager, manager.wire() as peer:
            for name in peers:
                assert code(peer.subscribe(name, GLOBAL_SUBSCRIPTION)) == "0000"
            uids = [manager.workitem_in("SCHEDULED", new_uid()) for _ in range(5)]
            assert [one.workitem_uid for one in quick.has(5)] == uids
            assert len(manager.store.deliveries_after(0, receiver="SLOW")) == 5
            hold.set()
            eventually(lambda: not manager.store.deliveries_after(0), what="everything to be confirmed")
    finally:
        hold.set()
        slow.shutdown()


@pytest.mark.requirement("UPS-190", "AIWI-TM-081")
def test_what_was_not_delivered_before_a_restart_is_delivered_after_it(tmp_path, inbox_of):
    port = free_port()
    peers = {"WATCHER": Peer("127.0.0.1", port)}
    with dimse_task_manager(tmp_path, peers=peers) as manager, manager.wire() as peer:
        assert code(peer.subscribe("WATCHER", GLOBAL_SUBSCRIPTION)) == "0000"
        uids = [manager.workitem_in("SCHEDULED", new_uid()) for _ in range(3)]
    inbox = inbox_of("WATCHER", port)
    with dimse_task_manager(tmp_path, peers=peers):
        assert [one.workitem_uid for one in inbox.has(3)] == uids


def test_a_report_that_is_answered_with_a_failure_is_not_sent_again(tmp_path, capfd):
    asked = []

    def refuse(event):
        asked.append(event.request.AffectedSOPInstanceUID)
        return 0x0110, None

    ae = AE(ae_title="WATCHER")
    ae.add_supported_context(UnifiedProcedureStepEvent)
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, refuse)])
    try:
        peers = {"WATCHER": Peer("127.0.0.1", server.server_address[1])}
        with dimse_task_manager(tmp_path, peers=peers) as manager, manager.wire() as peer:
            assert code(peer.subscribe("WATCHER", GLOBAL_SUBSCRIPTION)) == "0000"
            uids = [manager.workitem_in("SCHEDULED", new_uid()) for _ in range(3)]
            eventually(lambda: len(asked) == 3, what="three reports")
            eventually(lambda: not manager.store.deliveries_after(0), what="everything to be confirmed")
        assert asked == uids
    finally:
        ae.shutdown()
    assert "report-not-taken" in "".join(capfd.readouterr())


def test_a_peer_that_breaks_off_gets_the_same_report_again(tmp_path, inbox_of):
    port, seen = free_port(), []

    def break_off(event):
        seen.append(event.request.AffectedSOPInstanceUID)
        event.assoc.abort(block=False)
        return 0x0000, None

    ae = AE(ae_title="WATCHER")
    ae.add_supported_context(UnifiedProcedureStepEvent)
    ae.start_server(("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, break_off)])
    with dimse_task_manager(tmp_path, peers={"WATCHER": Peer("127.0.0.1", port)}) as manager, manager.wire() as peer:
        assert code(peer.subscribe("WATCHER", GLOBAL_SUBSCRIPTION)) == "0000"
        uid = manager.workitem_in("SCHEDULED", new_uid())
        eventually(lambda: len(seen) >= 2, what="the report to come again")
        ae.shutdown()
        inbox = inbox_of("WATCHER", port)
        assert inbox.has(1)[0].workitem_uid == uid
    assert set(seen) == {uid}


def test_an_ae_that_takes_no_ups_event_is_asked_again_and_keeps_what_waits(tmp_path, capfd):
    ae = AE(ae_title="WATCHER")
    ae.add_supported_context("1.2.840.10008.1.1")
    server = ae.start_server(("127.0.0.1", 0), block=False)
    try:
        peers = {"WATCHER": Peer("127.0.0.1", server.server_address[1])}
        with dimse_task_manager(tmp_path, peers=peers) as manager, manager.wire() as peer:
            assert code(peer.subscribe("WATCHER", GLOBAL_SUBSCRIPTION)) == "0000"
            manager.workitem_in("SCHEDULED", new_uid())
            said = []
            eventually(lambda: said.append(capfd.readouterr().out) or "attempt=2" in "".join(said), what="attempts")
            assert len(manager.store.deliveries_after(0)) == 1
    finally:
        ae.shutdown()


def test_one_that_missed_events_is_told_so_first(tmp_path, inbox_of):
    port = free_port()
    with dimse_task_manager(tmp_path, peers={"WATCHER": Peer("127.0.0.1", port)}) as manager, manager.wire() as peer:
        assert code(peer.subscribe("WATCHER", GLOBAL_SUBSCRIPTION)) == "0000"
        uids = [manager.workitem_in("SCHEDULED", new_uid()) for _ in range(5)]
        assert manager.store.bound_backlogs(2) == [("WATCHER", 3)]
        reports = inbox_of("WATCHER", port).has(3)
        assert reports[0].kind == "scp-status"
        assert text(reports[0].information, "SubscriptionListStatus") == "WARM START"
        assert [one.workitem_uid for one in reports[1:3]] == uids[3:]


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_reports_come_in_the_syntax_that_the_subscriber_accepts(syntax, tmp_path):
    found = []

    def take(event):
        found.append((event.context.transfer_syntax, event.event_information.ProcedureStepState))
        return 0x0000, None

    ae = AE(ae_title="WATCHER")
    ae.add_supported_context(UnifiedProcedureStepEvent, [syntax])
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, take)])
    try:
        peers = {"WATCHER": Peer("127.0.0.1", server.server_address[1])}
        with dimse_task_manager(tmp_path, peers=peers) as manager, manager.wire() as peer:
            uid = manager.workitem_in("SCHEDULED", new_uid())
            assert code(peer.subscribe("WATCHER", uid)) == "0000"
            assert eventually(lambda: found, what="a report") == [(syntax, "SCHEDULED")]
    finally:
        ae.shutdown()


def test_of_several_servers_over_one_database_one_sends_and_another_takes_over(tmp_path, postgres_url, inbox_of):
    inbox = inbox_of("WATCHER")
    peers = {"WATCHER": Peer("127.0.0.1", inbox.port)}
    with dimse_task_manager(tmp_path, peers=peers, url=postgres_url) as second:
        with dimse_task_manager(tmp_path, peers=peers, url=postgres_url) as third, third.wire() as peer:
            assert code(peer.subscribe("WATCHER", GLOBAL_SUBSCRIPTION)) == "0000"
            with second.wire() as other:
                uids = [new_uid() for _ in range(10)]
                for number, uid in enumerate(uids):
                    assert code((peer, other)[number % 2].create(new_workitem(now=now()), uid)) == "0000"
            inbox.has(10)
            eventually(lambda: not third.store.deliveries_after(0), what="everything to be confirmed")
            assert [one.workitem_uid for one in inbox.reports] == uids
        with second.wire() as other:
            uid = new_uid()
            assert code(other.create(new_workitem(now=now()), uid)) == "0000"
            assert inbox.has(11)[10].workitem_uid == uid


def test_the_right_to_send_belongs_to_one_until_it_leaves_or_is_cut_off(postgres_url):
    one, other = Store(postgres_url), Store(postgres_url)
    mine, theirs, another = one.exclusive("x"), other.exclusive("x"), other.exclusive("y")
    try:
        assert mine.held()
        assert mine.held()
        assert not theirs.held()
        assert another.held()
        with one.reading() as connection:
            connection.execute(sqlalchemy.text(CUT_OFF))
        assert eventually(theirs.held, what="the right to be free")
        assert not mine.held()
        theirs.release()
        assert eventually(mine.held, what="the right to be free again")
    finally:
        for right in (mine, theirs, another):
            right.release()
        one.close()
        other.close()


def test_a_subscriber_that_wants_websockets_is_not_called(tmp_path, inbox_of):
    inbox = inbox_of("WATCHER")
    with dimse_task_manager(tmp_path, peers={"WATCHER": Peer("127.0.0.1", inbox.port)}) as manager:
        manager.worklist.subscriptions.subscribe("WATCHER", GLOBAL_SUBSCRIPTION, Channel.WEBSOCKET)
        manager.workitem_in("SCHEDULED", new_uid())
        assert manager.store.receivers_waiting(Channel.DIMSE) == []
        assert manager.store.receivers_waiting(Channel.WEBSOCKET) == ["WATCHER"]
    assert inbox.reports == []
