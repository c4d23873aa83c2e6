"""What runs inside Orthanc's network namespace; `test_triggers_polling.py` starts it. Not collected by itself."""

import time
from datetime import UTC, datetime

from actors.shared.dicomweb import Archive
from actors.shared.refusals import RefusalLog
from actors.task_requester.database import Database
from actors.task_requester.triggers.bulk import BulkRequests
from actors.task_requester.triggers.polling import Poller
from actors.task_requester.triggers.searching import find_studies
from actors.task_requester.triggers.settings import Polling, Triggers
from connectathon.fiction import new_order
from connectathon.modality import mr_phantom_study
from connectathon.peers.orthanc import orthanc
from connectathon.waiting import eventually


def now():
    return datetime.now(UTC)


def test_new_studies_are_found_and_their_growth_is_seen(tmp_path):
    told = []
    settings = Triggers(quiet_seconds=0.5, polling=Polling(interval_seconds=0.2, filters="ModalitiesInStudy=MR"))
    with orthanc(tmp_path / "orthanc") as peer, Archive(peer.dicomweb) as archive:
        database = Database(tmp_path / "orders")
        poller = Poller(
            database,
            told.append,
            archive,
            settings,
            refusals=RefusalLog(),
            clock=now,
            monotonic=time.monotonic,
        )
        order = new_order()
        files = mr_phantom_study(order, tmp_path / "study")
        archive.store(files[:-2])
        eventually(lambda: poller.look() or told, what="the study")
        archive.store(files[-2:])
        eventually(lambda: poller.look() or len(told) == 2, what="its late images")
        assert {one.order.study_instance_uid for one in told} == {order.study_instance_uid}
        said = told[0].order
        assert (said.patient.identifier.value, said.patient.identifier.namespace) == (order.patient_id, order.issuer)
        assert said.accession.value == order.accession_number
        archive.store(mr_phantom_study(new_order(), tmp_path / "other", slices=2))
        assert len(find_studies(archive, {"ModalitiesInStudy": "MR"})) == 2
        assert len(find_studies(archive, {"ModalitiesInStudy": "MR"}, most=1)) == 1
        assert find_studies(archive, {"ModalitiesInStudy": "CT"}) == []
        assert find_studies(archive, {"ModalitiesInStudy": "MR", "StudyDate": "19990101-19991231"}) == []
        database.close()


def test_a_bulk_request_takes_what_orthanc_has(tmp_path):
    from actors.task_requester.rules import load_rules

    with orthanc(tmp_path / "orthanc") as peer, Archive(peer.dicomweb) as archive:
        database = Database(tmp_path / "orders")
        for number in range(3):
            archive.store(mr_phantom_study(new_order(), tmp_path / str(number), slices=2))
        rules = load_rules(None)
        bulk = BulkRequests(database, archive, rules, now)
        assert bulk.ask("ModalitiesInStudy=MR", rules[0].table.name)["studies"] == 3
        database.close()
