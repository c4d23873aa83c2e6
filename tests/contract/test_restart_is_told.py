"""A Task Manager that stops and starts tells its DIMSE subscribers so, and they keep their subscriptions."""

import threading

import pytest

from actors.shared.ups_dimse.receiver import EventReceiver
from actors.shared.ups_dimse_client import DimseUpsClient
from connectathon.waiting import eventually, free_port
from connectathon.workitems import new_workitem
from profiles.dicom import text
from profiles.ups.subscriptions import GLOBAL_SUBSCRIPTION
from tests.contract.conftest import Subscriber
from tests.contract.dimse import SERVER, now
from tests.task_manager.conftest import RunningTaskManager


@pytest.mark.requirement("AIWI-TM-081", "UPS-141", "UPS-142", "UPS-190", "UPS-191")
def test_the_end_and_the_beginning_are_reported_and_subscriptions_last(tmp_path):
    stopped = threading.Event()
    with EventReceiver("WATCHER") as receiver:
        inbox = Subscriber(receiver.events(stopped), stopped)
        port = free_port()
        peers = {"WATCHER": {"host": "127.0.0.1", "port": receiver.port}}
        manager = RunningTaskManager(tmp_path / "data", dimse_port=port, peers=peers).start()
        client = DimseUpsClient("127.0.0.1", port, called_ae=SERVER, ae_title="WATCHER")
        try:
            client.subscribe(GLOBAL_SUBSCRIPTION)
            manager.stop()
            told = eventually(lambda: [text(one.information, "SCPStatus") for one in inbox.told], what="the farewell")
            assert told == ["GOING DOWN"]
            manager.start()
            eventually(lambda: len(inbox.told) == 2, what="the greeting")
            assert text(inbox.told[1].information, "SCPStatus") == "RESTARTED"
            assert text(inbox.told[1].information, "SubscriptionListStatus") == "WARM START"
            uid = client.create(new_workitem(now=now()))
            assert inbox.has(uid, 1)[0].kind == "state"
        finally:
            client.close()
            manager.stop()
            manager.http.close()
            inbox.close()
