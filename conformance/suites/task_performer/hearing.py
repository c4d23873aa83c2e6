"""How a Task Performer comes to know of work: by events, or by asking now and then (RAD-81, 86, 87, 109)."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from conformance.harness import Trial, shows
from conformance.partners.attributes import code, put
from conformance.partners.simulating import Exchange
from conformance.partners.ups_requests import FILTERED, GLOBAL, kind_of
from conformance.suites.task_performer.declared import TRIGGERED_PULL
from conformance.suites.task_performer.stage import OTHER_STATION, Performing

_POLLS = 6
_SHORTEST_SECONDS = 2.0
_TOLERANCE = 0.5


@shows(
    "AIWI-TP-015",
    "Work is claimed when an event tells of it, sooner than the next poll",
    option=TRIGGERED_PULL,
    leaves="nothing",
    limit_seconds=600,
)
def triggered(trial: Trial, performing: Performing) -> None:
    """AIWI-TP-015."""
    manager, timing = performing.manager, performing.declared.timing
    trial.wait_for(lambda: manager.heard)
    performing.require_life()
    subscribed = bool(trial.wait_for(lambda: manager.subscriptions))
    proof = performing.proof(*(one for one in manager.standing if kind_of(one.request)[0] == "subscribe"))
    trial.must(subscribed, "it subscribes", "it does not", proof)
    listening = bool(trial.wait_for(manager.open_sockets))
    channels = performing.proof(*(one for one in manager.standing if kind_of(one.request)[0] == "channel"))
    trial.must(listening, "it opens a notification connection", "it does not", channels)
    whole = {one.target for one in manager.subscriptions} & {GLOBAL, FILTERED}
    trial.must(not subscribed or whole, "it subscribes to workitems that are to come", "to single ones only", proof)
    trial.step("let it ask for work, so that the next poll is far")
    performing.require_claim(performing.sentinel())
    trial.quiet()
    trial.step("schedule a workitem, and tell of it")
    uid = performing.sentinel()
    longest = timing.listening_poll_seconds * _TOLERANCE
    claimed = bool(trial.wait_for(lambda: performing.claims(uid), longest))
    claims = performing.claims(uid)
    trial.must(
        claimed,
        f"a workitem that an event tells of is claimed within {longest:g} s, half the interval of its polls",
        f"it is {'claimed later' if performing.await_claim(uid) else 'not claimed'}",
        performing.proof(*claims),
    )


@shows(
    "AIWI-TP-016",
    "Of workitems that are assigned, only those for the own station are claimed",
    option=TRIGGERED_PULL,
    leaves="nothing",
    limit_seconds=600,
)
def assigned(trial: Trial, performing: Performing) -> None:
    """AIWI-TP-016."""
    trial.step("schedule two workitems that are for a third station")
    third = {"ScheduledStationNameCodeSequence": code("A_THIRD", "L", "A third station")}
    theirs, own = performing.sentinel(third), performing.sentinel(third)
    for uid, station in ((theirs, OTHER_STATION), (own, performing.declared.task.ae_title)):
        trial.step(f"assign one to {station}, and tell of it")
        performing.manager.change(uid, put({}, "ScheduledStationNameCodeSequence", code(station, "L", "A station")))
    claimed = performing.await_claim(own)
    performing.require_life()
    trial.must(
        claimed, "the workitem for the own station is claimed", "it is not", performing.proof(*performing.claims(own))
    )
    performing.await_claim(performing.sentinel())
    wrong = performing.claims(theirs)
    trial.must(not wrong, "the workitem for another station is not", "it is", performing.proof(*wrong))


@shows("AIWI-TP-023", "An empty worklist is asked no more often than declared", leaves="nothing", limit_seconds=3600)
def polling(trial: Trial, performing: Performing) -> None:
    """AIWI-TP-023."""
    manager, interval = performing.manager, performing.declared.timing.poll_seconds
    seconds = max(_SHORTEST_SECONDS, _POLLS * interval)
    trial.step(f"have nothing to do for {seconds:g} s")
    trial.wait_for(lambda: None, seconds)
    searches = manager.of("search")
    performing.require_life()
    if not searches:
        trial.note(f"no search came within {seconds:g} s")
    alike = Counter(one.request.query for one in searches)
    means = {query: _mean_gap([one for one in searches if one.request.query == query]) for query in alike}
    shortest = min((gap for gap in means.values() if gap), default=interval)
    trial.must(
        shortest >= interval * _TOLERANCE,
        f"the same search comes again after {interval:g} s on average, as declared",
        f"after {shortest:.2f} s; {len(searches)} searches in {seconds:g} s",
        performing.proof(*searches[:10]),
    )


def _mean_gap(searches: list[Exchange]) -> float:
    """Seconds between searches on average; 0 when there are too few to tell."""
    gaps = [later.request.at - earlier.request.at for earlier, later in pairwise(searches)]
    return sum(gaps) / len(gaps) if len(gaps) >= 2 else 0.0  # noqa: PLR2004 - one gap may be a coincidence
