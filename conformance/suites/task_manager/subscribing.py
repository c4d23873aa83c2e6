"""RAD-86: who subscribes is told, and who unsubscribes is left alone (PS3.4 section CC.2.3; PS3.18 section 11.10)."""

from __future__ import annotations

from functools import partial
from urllib.parse import quote, urlsplit

from conformance.harness import Trial, shows
from conformance.partners.attributes import put, values
from conformance.partners.reports import Kind
from conformance.partners.workitems import new_uid, workitem
from conformance.partners.worklist import JSON
from conformance.suites.task_manager.stage import BOTH, IN_PROGRESS, Manager
from conformance.suites.task_manager.subscriber import FILTERED, GLOBAL, Subscriber

_REST = ("rest",)
_EXISTING = 5
_STATIONS = "ScheduledStationNameCodeSequence"


@shows("AIWI-TM-059", "A subscription is told where its notification connection is", transports=_REST)
def where(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-059."""
    title = manager.declared.harness_ae_title
    path = f"/workitems/{manager.created()}/subscribers/{quote(title)}"
    answer = manager.http.send("POST", path, headers={"Accept": JSON})
    trial.defer(lambda: manager.http.send("DELETE", path, headers={"Accept": JSON}))
    trial.require(answer.status == 201, "the status is 201", answer.words, answer.evidence)  # noqa: PLR2004
    told = answer.headers.get("content-location", "")
    other = "; Location is there" if answer.headers.get("location") else ""
    trial.require(told, "Content-Location names the connection", f"it is missing{other}", answer.evidence)
    scheme = urlsplit(told).scheme
    trial.must(scheme in {"ws", "wss", ""}, "it is a ws or wss address", f"it is {told}", answer.evidence)
    trial.should(scheme, "it is an absolute address", f"it is {told}", answer.evidence)


@shows("AIWI-TM-060", "Who subscribes to a workitem is told its state at once", transports=BOTH)
def initial_report(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-060."""
    subscriber = Subscriber(manager)
    for uid, state in ((manager.created(), "SCHEDULED"), (manager.claimed().uid, IN_PROGRESS)):
        answer = subscriber.subscribed(uid)
        found = subscriber.received.wait(uid, kind=Kind.STATE)
        came = [*subscriber.received.evidence, answer.evidence]
        trial.must(found, f"a State Report of the workitem in {state} comes", "none came", came)
        for report in found[:1]:
            trial.must(report.state == state, f"it says {state}", report.words, report.evidence)
            ready = report.value("00404041")
            trial.must(ready == "READY", "it says that the input is READY", f"{ready}", report.evidence)


@shows("AIWI-TM-061", "Who subscribes to all is told of each new workitem, and to whom it is assigned", transports=BOTH)
def new_items(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-061."""
    subscriber = Subscriber(manager)
    subscriber.subscribed(GLOBAL)
    uid = manager.created()
    found = subscriber.received.wait(uid, kind=Kind.STATE)
    trial.must(found, "a State Report of a new workitem comes", "none came", subscriber.received.evidence)
    for report in found[:1]:
        trial.must(report.state == "SCHEDULED", "it says SCHEDULED", report.words, report.evidence)
    assigned = subscriber.received.wait(uid, kind=Kind.ASSIGNED)
    trial.must(
        assigned, "an Assigned event of it comes, because it has a station", "none came", subscriber.received.evidence
    )
    for report in assigned[:1]:
        trial.must(values(report.dataset, _STATIONS), "it names the station", "it does not", report.evidence)


@shows("AIWI-TM-062", "Who subscribes to all with a lock is told the state of each workitem there is", transports=BOTH)
def existing_items(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-062."""
    there = [manager.created() for _ in range(_EXISTING)]
    subscriber = Subscriber(manager)
    subscriber.subscribed(GLOBAL, lock=True)
    found = subscriber.received.wait(*there, kind=Kind.STATE, count=_EXISTING)
    told = {report.workitem for report in found}
    came = subscriber.received.evidence
    trial.must(
        told == set(there), f"a State Report of each of the {_EXISTING} comes", f"{len(told)} were reported", came
    )


@shows(
    "AIWI-TM-063",
    "Who subscribes with a filter is told of what matches, and of nothing else",
    transports=BOTH,
    option="filtered-subscription",
)
def filtered(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-063."""
    subscriber, label = Subscriber(manager), manager.label()
    subscriber.subscribed(FILTERED, keys={"WorklistLabel": label})
    other, wanted = manager.created(workitem(manager.label())), manager.created(workitem(label))
    found = subscriber.received.wait(wanted, kind=Kind.STATE)
    came = subscriber.received.evidence
    trial.must(found, "a new workitem that matches is reported", "it is not", came)
    if not found:
        subscriber.catch_up()
    trial.must(not subscriber.received.of(other), "one that does not match is not reported", "it is", came)


@shows(
    "AIWI-TM-064",
    "A filtered subscription without a filter is refused",
    transports=BOTH,
    option="filtered-subscription",
)
def no_filter(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-064."""
    answer = Subscriber(manager).subscribe(FILTERED)
    trial.must(answer.bad, "it is refused as a bad request", answer.words, answer.evidence)


@shows("AIWI-TM-068", "Who has unsubscribed from a workitem hears no more of it", transports=BOTH)
def unsubscribed(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-068."""
    subscriber, uid = Subscriber(manager), manager.created()
    subscriber.subscribed(uid)
    answer = subscriber.unsubscribe(uid)
    trial.must(answer.status in {0, 200} and answer.ok, "unsubscribing is answered 200", answer.words, answer.evidence)
    trial.step("change the workitem, and have another one reported")
    subscriber.catch_up()
    before = len(subscriber.received.of(uid))
    manager.worklist.update(uid, put({}, "InputReadinessState", "UNAVAILABLE"))
    subscriber.catch_up()
    after = subscriber.received.of(uid)[before:]
    trial.must(not after, "no event of it comes any more", f"{len(after)} came", [one.evidence for one in after])
    again = subscriber.unsubscribe(uid)
    if trial.transport == "rest":
        trial.must(again.status == 404, "who is not subscribed gets 404", again.words, again.evidence)  # noqa: PLR2004
    else:
        trial.note(f"who is not subscribed gets {again.code}", again.evidence)


@shows(
    "AIWI-TM-069",
    "Who has suspended a global subscription is told of old workitems, and of no new one",
    transports=BOTH,
)
def suspended(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-069."""
    subscriber = Subscriber(manager)
    subscriber.subscribed(GLOBAL)
    old = manager.created()
    answer = subscriber.suspend(GLOBAL)
    trial.must(answer.ok and answer.status in {0, 200}, "suspending is answered 200", answer.words, answer.evidence)
    trial.step("create a new workitem, then change the old one")
    new = manager.created()
    manager.worklist.update(old, put({}, "InputReadinessState", "UNAVAILABLE"))
    unready = trial.wait_for(
        lambda: [one for one in subscriber.received.of(old) if one.value("00404041") == "UNAVAILABLE"]
    )
    came = subscriber.received.evidence
    trial.must(unready, "the change of the old workitem is reported", "it is not", came)
    if not unready:
        subscriber.catch_up()
    trial.must(not subscriber.received.of(new), "the new workitem is not reported", "it is", came)


@shows(
    "AIWI-TM-070", "A workitem with a deletion lock can be read at its end, until the lock is released", transports=BOTH
)
def locked(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-070."""
    subscriber, item = Subscriber(manager), manager.claimed()
    answer = subscriber.subscribed(item.uid, lock=True)
    if answer.warned:
        words = "not granted" in answer.warning.lower() or answer.code == "B301"
        trial.must(words, "a lock that is not granted is told so", answer.words, answer.evidence)
        trial.note("the system does not grant the lock, as it may (PS3.4 section CC.2.3.3)", answer.evidence)
        return
    manager.finished(item)
    found = manager.worklist.retrieve(item.uid)
    trial.must(found.ok, "the workitem with a lock can be retrieved at its end", found.words, found.evidence)
    released = subscriber.unsubscribe(item.uid)
    trial.must(released.ok, "the lock is released", released.words, released.evidence)


@shows("AIWI-TM-071", "A subscription to nothing, or of nobody, is refused", transports=_REST)
def nothing(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-071."""
    title = quote(manager.declared.harness_ae_title)
    unknown = manager.http.send("POST", f"/workitems/{new_uid()}/subscribers/{title}", headers={"Accept": JSON})
    trial.must(unknown.status == 404, "an unknown workitem gets 404", unknown.words, unknown.evidence)  # noqa: PLR2004
    uid = manager.created()
    for words, bad in (("17 characters", "A" * 17), ("a backslash", "HARN\\ESS")):
        path = f"/workitems/{uid}/subscribers/{quote(bad)}"
        answer = manager.http.send("POST", path, headers={"Accept": JSON})
        if answer.ok:
            trial.defer(partial(manager.http.send, "DELETE", path, headers={"Accept": JSON}))
        trial.must(
            answer.status in {400, 404}, f"an AE title with {words} gets 400 or 404", answer.words, answer.evidence
        )
