"""Peers that break off, send rubbish, or too much: the association ends, the server goes on (DESIGN D16)."""

import socket
import struct

import pytest
from pynetdicom import AE, evt
from pynetdicom.sop_class import UnifiedProcedureStepPull, UnifiedProcedureStepPush, Verification

from actors.shared.ups_dimse import limits
from actors.shared.ups_dimse.dataset import to_dataset
from actors.shared.ups_dimse.server import Listening, ups_dimse_server
from connectathon.waiting import eventually
from connectathon.workitems import new_workitem
from profiles.dicom import new_uid, put
from profiles.errors import Unavailable
from tests.contract.dimse import SERVER, code, dimse_task_manager, keys, now, wire

PATIENT = "Geheim^Paula"


@pytest.fixture
def manager(tmp_path):
    with dimse_task_manager(tmp_path, idle_seconds=1.5, associations=4) as running:
        yield running


def still_serves(manager):
    with manager.wire() as peer:
        uid = new_uid()
        assert code(peer.create(new_workitem(now=now()), uid)) == "0000"
        assert code(peer.get(uid)[0]) == "0000"
    return True


def is_closed(connection):
    """Wait for the server to end a connection; what it says before does not matter."""
    connection.settimeout(30)
    try:
        while connection.recv(4096):
            pass
    except ConnectionError:
        pass
    return True


class Recorder:
    """The bytes that a well-behaved peer sends for one request."""

    def __init__(self, manager):
        self.pdus = []
        ae = AE(ae_title="CALLER")
        ae.add_requested_context(UnifiedProcedureStepPush)
        association = ae.associate(
            "127.0.0.1", manager.port, evt_handlers=[(evt.EVT_DATA_SENT, lambda event: self.pdus.append(event.data))]
        )
        association.send_n_create(None, UnifiedProcedureStepPush, new_uid())
        association.release()


@pytest.mark.parametrize("cut", [0, 1, 6, 20])
def test_a_peer_that_vanishes_in_the_middle_of_a_message_leaves_the_server_alive(cut, manager):
    pdus = Recorder(manager).pdus
    for reset in (False, True):
        with socket.create_connection(("127.0.0.1", manager.port)) as connection:
            connection.sendall(pdus[0])
            assert connection.recv(1) == b"\x02"
            connection.sendall(pdus[1][:cut])
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert still_serves(manager)


def test_a_peer_that_aborts_instead_of_waiting_for_the_answer_leaves_the_server_alive(manager):
    with manager.wire() as peer:
        for _ in range(20):
            manager.worklist.create(new_workitem(now=now()))
        wanted = to_dataset(keys("SOPInstanceUID", "PatientName"))
        answers = peer.association.send_c_find(wanted, UnifiedProcedureStepPull)
        next(answers)
        peer.association.abort()
    assert still_serves(manager)


@pytest.mark.parametrize(
    "rubbish",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40),
        bytes(64),
        b"\xff" * 64,
        struct.pack(">BBL", 1, 0, 10) + bytes(10),
        struct.pack(">BBL", 4, 0, 2**32 - 1) + bytes(100),
    ],
    ids=["HTTP", "TLS", "zeros", "ones", "short request", "endless data"],
)
def test_rubbish_ends_the_connection_and_nothing_else(rubbish, manager):
    with socket.create_connection(("127.0.0.1", manager.port)) as connection:
        connection.sendall(rubbish)
        assert is_closed(connection)
    assert still_serves(manager)


def test_half_a_pdu_is_waited_for_no_longer_than_the_limit(manager):
    with socket.create_connection(("127.0.0.1", manager.port)) as connection:
        connection.sendall(struct.pack(">BBL", 1, 0, 200) + bytes(50))
        assert is_closed(connection)
    assert still_serves(manager)


def test_silence_after_connecting_or_associating_ends_in_time(manager):
    with manager.wire() as peer, socket.create_connection(("127.0.0.1", manager.port)) as connection:
        assert is_closed(connection)
        eventually(lambda: not peer.association.is_established, what="the idle association to be ended")
    assert still_serves(manager)


def test_a_message_larger_than_any_of_ups_ends_the_association(manager):
    pdus = Recorder(manager).pdus
    context = pdus[1][10]
    fragment = struct.pack(">LBB", 2 + 16_000, context, 0) + bytes(16_000)
    pdu = struct.pack(">BBL", 4, 0, len(fragment)) + fragment
    with socket.create_connection(("127.0.0.1", manager.port)) as connection:
        connection.sendall(pdus[0])
        assert connection.recv(1) == b"\x02"
        with pytest.raises(ConnectionError):
            connection.sendall(pdu * (40 * limits.MESSAGE_BYTES // len(pdu)))
    assert still_serves(manager)


def test_more_associations_than_allowed_are_rejected_and_room_is_made_again(manager):
    open_ones = [wire(manager.port) for _ in range(4)]
    for one in open_ones:
        one.__enter__()
    ae = AE(ae_title="FIFTH")
    ae.add_requested_context(Verification)
    fifth = ae.associate("127.0.0.1", manager.port, ae_title=SERVER)
    assert fifth.is_rejected
    for one in open_ones:
        one.__exit__(None, None, None)
    assert eventually(lambda: still_serves(manager), what="room for another association")


def test_connections_that_are_closed_without_a_word_take_no_room(tmp_path):
    with dimse_task_manager(tmp_path, idle_seconds=300, associations=4) as manager:
        for _ in range(12):
            socket.create_connection(("127.0.0.1", manager.port)).close()
        assert eventually(lambda: _is_accepted(manager.port), what="room for an association")


def test_a_server_ends_also_while_a_peer_has_connected_and_said_nothing(tmp_path):
    with dimse_task_manager(tmp_path, idle_seconds=300) as manager:
        connection = socket.create_connection(("127.0.0.1", manager.port))
        assert still_serves(manager)
    assert is_closed(connection)
    connection.close()


def _is_accepted(port):
    ae = AE(ae_title="CALLER")
    ae.add_requested_context(Verification)
    association = ae.associate("127.0.0.1", port)
    accepted = association.is_established
    if accepted:
        association.release()
    return accepted


def test_only_callers_on_the_list_may_associate_and_by_the_right_name(tmp_path):
    with dimse_task_manager(tmp_path, callers=("FRIEND",), require_called=True) as manager:
        with manager.wire(ae_title="FRIEND") as peer:
            assert code(peer.association.send_c_echo()) == "0000"
        for caller, called in (("STRANGER", SERVER), ("FRIEND", "OTHER")):
            ae = AE(ae_title=caller)
            ae.add_requested_context(Verification)
            assert ae.associate("127.0.0.1", manager.port, ae_title=called).is_rejected


def test_a_port_in_use_is_told_with_what_to_do(manager):
    where = Listening("127.0.0.1", manager.port, SERVER)
    with pytest.raises(Unavailable, match="another dimse_port"):  # noqa: SIM117 - what raises is the inner one
        with ups_dimse_server(manager.worklist, manager.store, where):
            pass


@pytest.mark.requirement("AIWI-TM-014")
def test_no_log_line_holds_patient_data_or_a_transaction_uid(tmp_path, capfd, caplog):
    transaction = new_uid()
    caplog.set_level("DEBUG")
    with dimse_task_manager(tmp_path) as manager, manager.wire() as peer:
        uid = new_uid()
        assert code(peer.create(put(new_workitem(now=now()), "PatientName", PATIENT), uid)) == "0000"
        assert code(peer.create(put(new_workitem(now=now()), "PatientName", PATIENT), uid)) == "0111"
        for _ in range(2):
            peer.change_state(uid, "IN PROGRESS", transaction)
        assert code(peer.set(uid, put({}, "ProcedureStepLabel", PATIENT))) == "C301"
        assert peer.find(keys("PatientName", SOPInstanceUID=uid))[0] == ["FF00", "0000"]
        assert code(peer.set(uid, put({}, "PatientName", PATIENT))).startswith(("C", "0"))
    said = "".join(capfd.readouterr())
    server_side = said + "".join(
        record.getMessage() for record in caplog.records if "Sending" not in record.getMessage()
    )
    assert "Geheim" not in server_side
    assert transaction not in server_side
    assert "refused" in said


def test_a_failure_inside_is_a_processing_failure_and_tells_nothing_of_the_request(tmp_path, capfd):
    with dimse_task_manager(tmp_path) as manager, manager.wire() as peer:
        manager.store.find = None  # whatever fails inside, fails as this does
        status = peer.set(new_uid(), put({}, "ProcedureStepLabel", PATIENT))
        assert code(status) == "0110"
        assert "log" in status.ErrorComment
        assert code(peer.association.send_c_echo()) == "0000"
    assert "Geheim" not in "".join(capfd.readouterr())
