"""The whole state table over DIMSE (PS3.4 Table CC.1.1-2): every request in every state, by its owner and by others."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.harness import Trial, shows
from conformance.partners.workitems import discontinued, performed
from conformance.partners.worklist import Reply
from conformance.suites.task_manager.stage import CANCELED, COMPLETED, IN_PROGRESS, Claimed, Manager
from profiles.tables import read_table

_SCHEDULED = "SCHEDULED"
Cell = Mapping[str, str]


@shows("AIWI-TM-077", "Each request is answered as the state table says, in each state", transports=("dimse",))
def state_table(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-077."""
    cells = read_table("conformance", "state_matrix")
    for state in (_SCHEDULED, IN_PROGRESS, COMPLETED, CANCELED):
        item = _in_state(manager, state)
        for cell in (one for one in cells if one["state"] == state and not one["becomes"]):
            _judge(trial, cell, _asked(trial, manager, item, cell))
        manager.must_be(item.uid, state)
        for cell in (one for one in cells if one["state"] == state and one["becomes"]):
            changing = _in_state(manager, state)
            if cell["becomes"] in {COMPLETED, CANCELED} and state == IN_PROGRESS:
                ready = {**performed(), **discontinued()}
                manager.worklist.update(changing.uid, ready, changing.transaction_uid)
            _judge(trial, cell, _asked(trial, manager, changing, cell))
            manager.must_be(changing.uid, cell["becomes"])


def _in_state(manager: Manager, state: str) -> Claimed:
    if state == _SCHEDULED:
        return Claimed(manager.created(), manager.trial.transaction_uid())
    return {IN_PROGRESS: manager.claimed, COMPLETED: manager.completed, CANCELED: manager.canceled}[state]()


def _asked(trial: Trial, manager: Manager, item: Claimed, cell: Cell) -> Reply:
    if cell["request"] == "request cancel":
        return manager.worklist.request_cancel(item.uid)
    lock = item.transaction_uid if cell["lock"] == "own" else trial.transaction_uid()
    return manager.worklist.change_state(item.uid, cell["request"], lock)


def _judge(trial: Trial, cell: Cell, answer: Reply) -> None:
    wanted = cell["answers"].split()
    words = cell["request"] if cell["request"].startswith("request") else f"change to {cell['request']}"
    who = {"own": " by its owner", "foreign": " under another Transaction UID"}.get(cell["lock"], "")
    trial.must(
        answer.code in wanted,
        f"{words}{who} in {cell['state']} is answered {' or '.join(wanted)} ({cell['source']})",
        answer.words,
        answer.evidence,
    )
