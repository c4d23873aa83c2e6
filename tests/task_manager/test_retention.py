"""Retention over a real Task Manager: kept 24 hours, held by locks, gone afterwards (AIW-I 4.85.4.1.3, ups.md 6.5)."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy

from connectathon.waiting import eventually
from profiles.dicom import new_uid

LOCKER = "LOCKER"


def grow_old(manager, uid, hours):
    """Lay the moment at which a workitem became final into the past."""
    url = manager.settings.get("database_url") or f"sqlite:///{manager.data_dir / 'task_manager' / 'workitems.sqlite'}"
    moment = (datetime.now(UTC) - timedelta(hours=hours)).isoformat(timespec="microseconds")
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        statement = sqlalchemy.text("UPDATE workitem SET final_at = :moment WHERE uid = :uid")
        assert connection.execute(statement, {"moment": moment, "uid": uid}).rowcount == 1
    engine.dispose()


def status(manager, uid):
    return manager.http.get(f"/workitems/{uid}").status_code


@pytest.mark.requirement("UPS-185", "UPS-187", "AIWI-TM-070")
def test_a_final_workitem_is_kept_for_its_time_held_by_a_lock_and_then_gone(task_managers):
    managers = task_managers(housekeeping_seconds=0.1)
    manager = managers[-1]
    young, old, locked = (manager.workitem_in("CANCELED", new_uid()) for _ in range(3))
    for _ in range(2):  # again: it changes nothing
        assert (
            manager.http.post(f"/workitems/{locked}/subscribers/{LOCKER}", params={"deletionlock": "true"}).status_code
            == 201
        )
    for uid, hours in ((young, 23.9), (old, 24.1), (locked, 1000)):
        grow_old(manager, uid, hours)
    eventually(lambda: status(manager, old) == 410, what="retention to end")
    assert status(managers[0], young) == 200
    assert status(managers[0], locked) == 200
    assert status(managers[0], new_uid()) == 404
    assert manager.http.delete(f"/workitems/{locked}/subscribers/{LOCKER}").status_code == 200
    eventually(lambda: status(manager, locked) == 410, what="the released workitem to be deleted")

    def deleted():
        return sorted(line["workitem"] for one in managers for line in one.logged("workitem-deleted"))

    eventually(lambda: deleted() == sorted([old, locked]), what="both deletions to be in the log, each once")


@pytest.mark.requirement("UPS-115", "UPS-186", "AIWI-TM-070")
def test_a_site_that_grants_no_locks_says_so_and_subscribes_without(task_managers):
    manager = task_managers(housekeeping_seconds=0.1, grants_locks=False)[0]
    uid = manager.workitem_in("CANCELED", new_uid())
    answer = manager.http.post(f"/workitems/{uid}/subscribers/{LOCKER}", params={"deletionlock": "true"})
    assert answer.status_code == 201
    assert answer.headers["Warning"].endswith(": Deletion Lock not granted.")
    grow_old(manager, uid, 25)
    eventually(lambda: status(manager, uid) == 410, what="retention to end")
