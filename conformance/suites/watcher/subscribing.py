"""How a Watcher subscribes, and how it lets go (PS3.18 sections 11.10 and 11.11)."""

from __future__ import annotations

import re

from conformance.harness import Trial, shows
from conformance.partners.ups_requests import FILTERED, GLOBAL, filter_of
from conformance.suites.watcher.stage import LEAVES, Watched, subscriber, workitem

_AE_TITLE = re.compile(r"(?! *$)[ !-\[\]-~]{1,16}")
_LABEL = "HARNESS-1"


@shows("AIWI-W-001", "The connection that events need is open, for the AE title that is subscribed", leaves=LEAVES)
def connection(trial: Trial, watched: Watched) -> None:
    """AIWI-W-001."""
    subscription = watched.watch(watched.manager.add(workitem()))
    watched.connection(subscription)
    proof = watched.manager.proof(trial, *watched.manager.of("channel"))
    titles = {one.ae_title for one in watched.manager.open_sockets()} - {subscriber(subscription)}
    trial.must(not titles, "no connection is opened for an AE title that is not its own", f"also for {titles}", proof)


@shows("AIWI-W-002", "A subscription to one workitem names a legal AE title and a lock of true or false", leaves=LEAVES)
def one_workitem(trial: Trial, watched: Watched) -> None:
    """AIWI-W-002."""
    asked = watched.watch(watched.manager.add(workitem()))
    title, proof = subscriber(asked), watched.manager.proof(trial, asked)
    trial.must(_AE_TITLE.fullmatch(title), "the AE title is legal (PS3.5 section 6.2)", f"{len(title)} octets", proof)
    declared = watched.declared.watcher.ae_title
    trial.must(not declared or title.strip() == declared, "it is the declared one", f"it is {title}", proof)
    locks = [value for name, value in asked.request.parameters if name.lower() == "deletionlock"]
    trial.must(locks in ([], ["true"], ["false"]), "deletionlock is true or false", f"it is {locks}", proof)


@shows("AIWI-W-003", "The whole worklist is watched by the well-known UIDs, with or without a filter", leaves=LEAVES)
def whole_worklist(trial: Trial, watched: Watched) -> None:
    """AIWI-W-003."""
    abilities = watched.declared.watcher
    if not (abilities.watches_all or abilities.watches_filtered):
        trial.omit("the system watches single workitems only")
    if abilities.watches_all:
        watched.watch_all()
        found = watched.subscriptions(GLOBAL)
        proof = watched.manager.proof(trial, *watched.manager.exchanges)
        trial.must(found, f"watching everything subscribes to {GLOBAL}", "no such subscription came", proof)
        watched.stop()
    if abilities.watches_filtered:
        watched.watch_label(_LABEL)
        found = watched.subscriptions(FILTERED)
        proof = watched.manager.proof(trial, *watched.manager.exchanges)
        trial.require(found, f"watching a part subscribes to {FILTERED}", "no such subscription came", proof)
        keys = filter_of(found[-1].request)
        values = [value for name, value in keys if name in {"WorklistLabel", "00741202"}]
        trial.must(values == [_LABEL], "the filter is attribute=value with the wanted label", f"keys {keys}", proof)
        if not found[-1].request.parameter("filter"):
            trial.note("the keys are parameters of their own, as in editions before 2024", proof)


@shows("AIWI-W-009", "Who stops watching is unsubscribed, and holds no lock any more", leaves=LEAVES)
def letting_go(trial: Trial, watched: Watched) -> None:
    """AIWI-W-009."""
    uid = watched.manager.add(workitem())
    subscription = watched.watch(uid)
    title = subscriber(subscription)
    watched.connection(subscription)
    trial.step("stop watching")
    watched.stop()
    ended = trial.wait_for(lambda: watched.manager.of("unsubscribe"))
    proof = watched.manager.proof(trial, *watched.manager.exchanges)
    trial.must(ended, "the system unsubscribes (DELETE)", "no such request came", proof)
    left = [one for one in watched.manager.subscriptions if one.ae_title == title and one.target in {uid, GLOBAL}]
    trial.must(not left, "no subscription of it is left, and no lock", f"{len(left)} left", proof)
