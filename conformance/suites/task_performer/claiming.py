"""Which workitems a Task Performer claims, and how (RAD-81, RAD-82, RAD-83)."""

from __future__ import annotations

import re

from conformance.harness import Trial, shows
from conformance.partners.attributes import code, put, tag_of
from conformance.partners.simulating import Exchange, Fault
from conformance.partners.steps import FINAL, IN_PROGRESS
from conformance.partners.ups_requests import found_in
from conformance.suites.task_performer.stage import LEAVES, OTHER_STATION, URGENT, Performing, Scene

_UID = re.compile(r"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*))+")
_UID_LENGTH = 64
_CLAIMS = 25
_OWN_KEYS = tuple(
    tag_of(keyword)
    for keyword in (
        "ScheduledStationNameCodeSequence",
        "ScheduledStationClassCodeSequence",
        "ScheduledWorkitemCodeSequence",
        "ScheduledHumanPerformersSequence",
    )
)


@shows("AIWI-TP-001", "Work of others is left alone, and only work of one's own is looked for", leaves=LEAVES)
def own_work(trial: Trial, performing: Performing) -> None:
    """AIWI-TP-001."""
    foreign = _foreign(performing)
    trial.step("schedule two workitems for the station under test, after others that are more urgent but not for it")
    own = [performing.sentinel(), performing.sentinel()]
    performing.require_claim(*own)
    for words, uid in foreign.items():
        claimed = performing.claims(uid)
        trial.must(not claimed, f"{words} is not claimed", "it is claimed", performing.proof(*claimed))
    found = [one for one in performing.manager.of("search") if set(found_in(one)) & set(own)]
    if not found:
        trial.note("the workitems were claimed without a search that found them")
    bad = [one for one in found if not _narrows(one)]
    trial.must(
        not bad,
        "searches for work narrow to SCHEDULED and to a station, class or workitem code of one's own",
        f"{len(bad)} of {len(found)} do not",
        performing.proof(*(bad or found)[:3]),
    )


def _foreign(performing: Performing) -> dict[str, str]:
    other = code(OTHER_STATION, "L", "Another station")
    human = put({}, "HumanPerformerOrganization", "Another organisation of the harness")
    human = put(human, "HumanPerformerCodeSequence", code("OTHER", "99HARNESS", "Somebody else"))
    kinds: dict[str, dict[str, object]] = {
        "a workitem for another station": {"ScheduledStationNameCodeSequence": other},
        "a workitem for another class of stations": {
            "ScheduledStationNameCodeSequence": (),
            "ScheduledStationClassCodeSequence": code("OTHER", "99HARNESS", "Other stations"),
        },
        "a workitem for another organisation": {"ScheduledHumanPerformersSequence": human},
        "a workitem of another kind": {
            "ScheduledStationNameCodeSequence": (),
            "ScheduledWorkitemCodeSequence": code("OTHER", "99HARNESS", "Other work"),
        },
        "a workitem that is claimed already": {"ProcedureStepState": IN_PROGRESS},
    }
    return {words: performing.schedule(None, {**URGENT, **changes}, missing=True) for words, changes in kinds.items()}


def _narrows(search: Exchange) -> bool:
    keys = {tag_of(name.partition(".")[0]): value for name, value in search.request.parameters if value}
    if tag_of("SOPInstanceUID") in keys:  # it is no search for work but for a workitem that is known already
        return True
    return keys.get(tag_of("ProcedureStepState")) == "SCHEDULED" and any(tag in keys for tag in _OWN_KEYS)


@shows("AIWI-TP-002", "Work begins when the claim is granted, not before", leaves=LEAVES, limit_seconds=1800)
def claim_first(trial: Trial, performing: Performing) -> None:
    """AIWI-TP-002."""
    run = performing.ordinary()
    granted = [one for one in run.worklist if _is_claim(performing, one, run.item.uid) and one.ok]
    trial.require(granted, "the workitem is claimed", "no claim is granted")
    claim = granted[0]

    def early(exchanges: list[Exchange]) -> list[Exchange]:
        return [one for one in exchanges if one.request.at < claim.answered]

    archive = performing.archive
    stored = early([one for one in run.archive if archive.when("store")(one.request)])
    updated = early([one for one in run.worklist if performing.manager.when("update", run.item.uid)(one.request)])
    for words, seen in (("stored", stored), ("updated", updated)):
        trial.must(
            not seen,
            f"nothing is {words} before the claim is granted",
            f"{len(seen)} requests",
            performing.proof(claim, *seen[:3]),
        )
    fetched = early([one for one in run.archive if archive.when("retrieve")(one.request)])
    trial.should(
        not fetched,
        "no image is retrieved before the claim is granted",
        f"{len(fetched)} requests",
        performing.proof(claim, *fetched[:3]),
    )


def _is_claim(performing: Performing, exchange: Exchange, uid: str) -> bool:
    return performing.manager.when("state", uid, IN_PROGRESS)(exchange.request)


@shows("AIWI-TP-003", "Each claim has a legal Transaction UID of its own", leaves="nothing", limit_seconds=1800)
def transaction_uids(trial: Trial, performing: Performing) -> None:
    """AIWI-TP-003."""
    trial.step(f"let {_CLAIMS} claims be refused, because somebody else was faster")
    scene = performing.scene()
    pool = [performing.schedule(scene, missing=True, refused=409) for _ in range(_CLAIMS)]
    performing.require_claim(pool[0])
    limits = performing.declared.limits.reaction_seconds
    trial.wait_for(lambda: all(performing.claims(uid) for uid in pool), 3 * limits)
    claims = performing.claims()
    proof = performing.proof(*claims[:_CLAIMS])
    bad = [uid for uid, _ in performing.manager.claims if not _UID.fullmatch(uid) or len(uid) > _UID_LENGTH]
    trial.must(not bad, "Transaction UIDs are legal UIDs of at most 64 characters", f"{len(bad)} are not", proof)
    owners: dict[str, set[str]] = {}
    for uid, workitem in performing.manager.claims:
        owners.setdefault(uid, set()).add(workitem)
    shared = [workitems for workitems in owners.values() if len(workitems) > 1]
    trial.must(
        not shared,
        "no two workitems are claimed under one Transaction UID",
        f"{len(shared)} UIDs are used again",
        proof,
    )
    if len(claims) < len(pool):
        trial.note(f"{len(claims)} of {len(pool)} workitems were to be claimed within {3 * limits:g} s")


@shows(
    "AIWI-TP-004",
    "A workitem whose claim is refused is left, and the next one taken",
    leaves=LEAVES,
    limit_seconds=1800,
)
def refused_claims(trial: Trial, performing: Performing) -> None:
    """AIWI-TP-004."""
    scenes = {status: performing.scene() for status in (409, 400)}
    lost = {}
    for status, scene in scenes.items():
        trial.step(f"let a claim be refused with {status}")
        lost[status] = performing.schedule(scene, URGENT, refused=status)
    trial.step("schedule another one, whose images are missing, so that it ends soon")
    scene = performing.scene()
    taken = performing.schedule(scene, missing=True)
    performing.require_claim(*lost.values(), taken)
    about = performing.about(scene)
    trial.wait_for(lambda: performing.state(taken) in FINAL or about(performing.archive.exchanges))
    claims = performing.claims(taken)
    trial.must(any(one.ok for one in claims), "the next workitem is taken", "it is not", performing.proof(*claims))
    for status, uid in lost.items():
        _judge_left(trial, performing, scenes[status], uid, f"a workitem whose claim is refused with {status}")


def _judge_left(trial: Trial, performing: Performing, scene: Scene, uid: str, words: str) -> None:
    claim = performing.claims(uid)[0]
    worked = performing.about(scene)(performing.archive.exchanges)
    said = [*performing.manager.of("update", uid), *performing.endings(uid)]
    late = [one for one in (*worked, *said) if one.request.at > claim.answered]
    trial.must(not late, f"{words} is not worked on", f"{len(late)} requests", performing.proof(claim, *late[:5]))


@shows("AIWI-TP-005", "The whole workitem is read before work begins", leaves=LEAVES, limit_seconds=1800)
def whole_workitem(trial: Trial, performing: Performing) -> None:
    """AIWI-TP-005."""
    run = performing.ordinary()
    uid = run.item.uid
    trial.require(any(_is_claim(performing, one, uid) for one in run.worklist), "the workitem is claimed", "it is not")
    read = [one for one in run.worklist if performing.manager.when("retrieve", uid)(one.request) and one.ok]
    fetched = [one for one in run.archive if performing.archive.when("retrieve")(one.request)]
    begun = min((one.request.at for one in fetched), default=float("inf"))
    early = [one for one in read if one.answered < begun]
    trial.must(
        early,
        "the workitem is retrieved before its images are, because searches tell only a part",
        f"it is retrieved {len(read)} times, and not before",
        performing.proof(*read[:1], *fetched[:1]),
    )


@shows("AIWI-TP-013", "A workitem whose inputs are not ready is not claimed until they are", leaves="nothing")
def readiness(trial: Trial, performing: Performing) -> None:
    """AIWI-TP-013."""
    trial.step("schedule a workitem whose inputs are INCOMPLETE, and one whose inputs are READY")
    waits = performing.sentinel({**URGENT, "InputReadinessState": "INCOMPLETE"})
    performing.require_claim(performing.sentinel())
    early = performing.claims(waits)
    trial.must(not early, "it is not claimed while its inputs are INCOMPLETE", "it is", performing.proof(*early))
    trial.step("let the inputs be READY")
    performing.manager.change(waits, put({}, "InputReadinessState", "READY"))
    claimed = performing.await_claim(waits)
    trial.must(
        claimed, "it is claimed when its inputs are READY", "it is not", performing.proof(*performing.claims(waits))
    )


@shows("AIWI-TP-018", "No more is worked on at a time than declared", leaves=LEAVES, limit_seconds=1800)
def capacity(trial: Trial, performing: Performing) -> None:
    """AIWI-TP-018."""
    slots = performing.declared.timing.slots
    trial.step(f"schedule {5 * slots} workitems, and hold back their images")
    performing.archive.hold()
    scene = performing.scene()
    uids = [performing.schedule(scene) for _ in range(5 * slots)]
    performing.require_claim(uids[0])
    trial.wait_for(lambda: len(performing.owned()) >= slots)
    trial.quiet()
    owned = performing.owned()
    performing.manager.remove(*(uid for uid in uids if uid not in owned))
    trial.must(
        len(owned) <= slots,
        f"at most {slots} workitems are IN PROGRESS at a time",
        f"{len(owned)} are",
        performing.proof(*performing.claims()),
    )
    if len(owned) < slots:
        trial.note(f"{len(owned)} of {slots} declared slots are used", performing.proof(*performing.claims()))
    trial.step("let their images be missing, so that they end soon")
    performing.archive.fail(Fault(performing.archive.when("retrieve"), status=404, times=None))
    performing.archive.release()
