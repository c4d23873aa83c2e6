"""What a Watcher does when it is refused, or loses its connection (PS3.18 sections 8.10.4 and 11.10.3)."""

from __future__ import annotations

from itertools import pairwise

from conformance.harness import Trial, shows
from conformance.partners.attributes import put
from conformance.partners.objects import new_uid
from conformance.partners.simulating import Exchange, Fault
from conformance.partners.steps import IN_PROGRESS
from conformance.partners.ups_requests import FILTERED, GLOBAL
from conformance.suites.watcher.stage import LEAVES, Watched, workitem

_REFUSALS = 3
_SHORTEST_PAUSE_SECONDS = 0.05


@shows("AIWI-W-008", "A lost connection is opened again, with pauses, and what was missed is read", leaves=LEAVES)
def lost_connection(trial: Trial, watched: Watched) -> None:
    """AIWI-W-008."""
    manager, uid = watched.manager, watched.manager.add(workitem())
    socket = watched.connection(watched.watch(uid))
    before = len(manager.exchanges)
    trial.step(f"break the connection, refuse {_REFUSALS} attempts to open it, and change the workitem meanwhile")
    refusing = manager.fail(Fault(manager.when("channel"), status=503, times=_REFUSALS))
    manager.drop(socket)
    trial.wait_for(lambda: not socket.open)
    manager.change(uid, put({}, "ProcedureStepState", IN_PROGRESS))
    again = trial.wait_for(lambda: refusing.met == _REFUSALS and manager.open_sockets(socket.ae_title))
    attempts = [one for one in manager.exchanges[before:] if one.request.method == "WEBSOCKET"]
    proof = manager.proof(trial, *attempts)
    trial.require(again, "the connection is opened again", f"{len(attempts)} attempts came, none goes on", proof)
    pauses = [later.request.at - one.request.at for one, later in pairwise(attempts)]
    busy = [pause for pause in pauses if pause < _SHORTEST_PAUSE_SECONDS]
    trial.must(not busy, "there is a pause between two attempts", f"{len(busy)} came at once", proof)
    trial.should(
        pauses[-1] >= pauses[0], "the pauses do not become shorter", f"{[round(one, 2) for one in pauses]} s", proof
    )
    learnt = trial.wait_for(lambda: _asked_after(manager.exchanges, attempts[-1], uid))
    trial.must(
        learnt,
        "the state that was missed is read again: by a retrieval, a search, or a subscription that is answered by it",
        "nothing of that kind came after the connection",
        manager.proof(trial, *manager.exchanges[before:]),
    )
    shown = watched.shows(uid, "state", IN_PROGRESS, "Does the system show that the workitem is IN PROGRESS now?")
    trial.must(shown, "what was missed is shown", "it is not shown")


@shows("AIWI-W-010", "A refusal is told to the user, or the system finds another way", leaves=LEAVES)
def refusals(trial: Trial, watched: Watched) -> None:
    """AIWI-W-010."""
    manager, unknown = watched.manager, new_uid()
    trial.step("have a workitem watched that the manager does not know")
    watched.watch(unknown)
    told = watched.shows(unknown, "refusal", "", "Does the system tell that this workitem cannot be watched?")
    trial.must(told, "404 is told to the user", "it is not", manager.proof(trial, *manager.of("subscribe", unknown)))
    watched.stop()
    uid = manager.add(workitem())
    trial.step("accept a subscription, and say that its lock was not granted")
    manager.fail(Fault(manager.when("subscribe"), warning="Deletion Lock not granted."))
    watched.connection(watched.watch(uid))
    watched.stop()
    if watched.declared.watcher.watches_filtered:
        trial.step("refuse subscriptions with a filter")
        manager.takes_subscriptions = False
        watched.watch_label("HARNESS-2")
        trial.wait_for(lambda: manager.of("subscribe", FILTERED))
        told = watched.shows("", "refusal", "", "Does the system tell that it cannot watch with a filter?")
        another = [*manager.of("subscribe", GLOBAL), *manager.of("search")]
        proof = manager.proof(trial, *manager.exchanges)
        trial.must(told or another, "403 is told to the user, or leads to another way of watching", "neither", proof)


def _asked_after(exchanges: list[Exchange], opened: Exchange, uid: str) -> list[Exchange]:
    """What would tell a system the state of a workitem, after an exchange."""
    return [
        one
        for one in exchanges
        if one.request.number > opened.request.number
        and one.ok
        and one.request.method in {"GET", "POST"}
        and (uid in one.request.path or one.request.path.rstrip("/") == "/workitems")
    ]
