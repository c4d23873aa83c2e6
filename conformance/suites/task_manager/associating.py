"""What is special to DIMSE: contexts, classes, C-FIND and its end, event reports (PS3.4 Annex CC)."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial

from conformance.harness import Trial, shows
from conformance.partners import associations
from conformance.partners.associations import PULL, PUSH, QUERY, VERIFICATION, WATCH, UpsAssociation, associated
from conformance.partners.attributes import Attributes, code, put, text, values
from conformance.partners.storage import Address
from conformance.partners.workitems import new_uid, performed, workitem
from conformance.suites.task_manager.stage import COMPLETED, Manager
from conformance.suites.task_manager.subscriber import Subscriber, over_dimse

_DIMSE = ("dimse",)
_STATE_TAGS = ("00741000", "00404041")
_FINDING = {"Pull": PULL, "Watch": WATCH, "Query": QUERY}
_MANY, _HEAVY = 15, 200
_WITHOUT_EVENTS = "C315"


@shows(
    "AIWI-TM-074", "Every UPS class is accepted in both little endian syntaxes, and C-ECHO answered", transports=_DIMSE
)
def contexts(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-074."""
    declared = manager.declared.dimse.sop_classes
    proposed = [uid for name, uid in _CLASSES.items() if name in declared]
    with _associated(manager, [*proposed, VERIFICATION]) as association:
        echo = association.echo()
        trial.must(echo.ok, "C-ECHO is answered with success", echo.words, echo.evidence)
        for name in sorted(declared):
            for syntax in associations.SYNTAXES:
                accepted = (_CLASSES[name], syntax) in association.accepted
                trial.must(accepted, f"UPS {name} is accepted in {syntax}", "it is refused", echo.evidence)


@shows("AIWI-TM-075", "What is created over one transport is the same over the other", transports=_DIMSE)
def both_transports(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-075."""
    if "rest" not in manager.declared.transports:
        trial.omit("the system does not declare the transport rest")
    over_rest, over_both = manager.rest, ("UPS-RS", "DIMSE")
    for first, second, names in (
        (manager.worklist, over_rest, over_both[::-1]),
        (over_rest, manager.worklist, over_both),
    ):
        content, uid = workitem(), new_uid()
        answer = first.create(content, uid)
        trial.require(answer.ok, f"a workitem is created over {names[0]}", answer.words, answer.evidence)
        trial.defer(partial(manager.worklist.request_cancel, uid))
        found = second.retrieve(uid)
        trial.must(found.ok, f"it is there over {names[1]}", found.words, found.evidence)
        lost = [tag for tag, element in content.items() if element.get("Value") and tag not in found.dataset]
        trial.must(not lost, "it has all its attributes there", f"{lost} are missing", found.evidence)


@shows("AIWI-TM-076", "Messages name UPS Push in contexts of the other classes", transports=_DIMSE)
def classes(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-076."""
    item, asked = manager.claimed(), manager.created()
    results, end = (_with(one, item.transaction_uid) for one in (performed(), _state(COMPLETED)))
    with _associated(manager, [PUSH, PULL, WATCH]) as association:
        for outcome, words in (
            (association.get(item.uid, _STATE_TAGS, PUSH), "N-GET in a context of UPS Push"),
            (association.get(item.uid, _STATE_TAGS, WATCH), "N-GET in a context of UPS Watch"),
            (association.get(item.uid, _STATE_TAGS, PULL), "N-GET in a context of UPS Pull"),
            (association.action(2, asked, {}, WATCH), "N-ACTION type 2 in a context of UPS Watch"),
            (association.set(item.uid, results, PULL), "N-SET in a context of UPS Pull"),
            (association.action(1, item.uid, end, PULL), "N-ACTION type 1 in a context of UPS Pull"),
        ):
            trial.must(outcome.ok, f"{words} with the class UPS Push is accepted", outcome.words, outcome.evidence)


@shows(
    "AIWI-TM-078", "C-FIND matches by each kind of key on Pull, Watch and Query, and can be canceled", transports=_DIMSE
)
def finding(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-078."""
    label, other = manager.label(), new_uid()
    content = put(workitem(label), "ScheduledProcedureStepStartDateTime", "20300101080000")
    stations = (code("FIRST", "99HARNESS", "First"), code("SECOND", "99HARNESS", "Second"))
    put(content, "ScheduledStationNameCodeSequence", *stations)
    wanted = manager.created(content)
    others = [manager.created(workitem(label)) for _ in range(2)]
    everything = {wanted, *others}
    second = put(put({}, "CodeValue", "SECOND"), "CodingSchemeDesignator", "99HARNESS")
    cases: tuple[tuple[str, Attributes, set[str]], ...] = (
        ("universal keys", put({}, "ProcedureStepState"), everything),
        ("a single value", put({}, "ProcedureStepState", "SCHEDULED"), everything),
        ("a single value that nothing has", put({}, "ProcedureStepState", COMPLETED), set()),
        ("a list of UIDs", put({}, "SOPInstanceUID", wanted, other), {wanted}),
        ("a sequence", put({}, "ScheduledStationNameCodeSequence", second), {wanted}),
        ("a range", put({}, "ScheduledProcedureStepStartDateTime", "20291231-20300102"), {wanted}),
    )
    with _associated(manager, list(_FINDING.values())) as association:
        for name, context in _FINDING.items():
            for words, keys, expected in cases:
                _must_find(trial, association, context, (f"UPS {name}: {words}", _query(label, keys), expected))
        _cancel(trial, manager, association, label)


@shows("AIWI-TM-079", "Event reports come over an association of their own, to those who are known", transports=_DIMSE)
def event_reports(trial: Trial, manager: Manager) -> None:
    """AIWI-TM-079."""
    uid, dimse = manager.created(), manager.declared.dimse
    association = over_dimse(manager).association
    asked = put(put({}, "DeletionLock", "FALSE"), "ReceivingAE", dimse.unknown_ae_title)
    if not dimse.harness_port:
        outcome = association.action(associations.SUBSCRIBE, uid, asked, WATCH)
        words = "who sends no event reports answers C315"
        trial.must(outcome.status == _WITHOUT_EVENTS, words, outcome.words, outcome.evidence)
        return
    for kind, target, information in (
        (associations.SUBSCRIBE, uid, asked),
        (associations.UNSUBSCRIBE, uid, put({}, "ReceivingAE", dimse.unknown_ae_title)),
    ):
        outcome = association.action(kind, target, information, WATCH)
        words = f"action type {kind} for an AE that the system does not know is answered C308, or 0124 (not authorised)"
        trial.must(outcome.status in {"C308", "0124"}, words, outcome.words, outcome.evidence)
    subscriber = Subscriber(manager)
    answer = subscriber.subscribe(uid)
    trial.must(answer.code == "0000", "an AE that it knows is answered 0000", answer.words, answer.evidence)
    manager.worklist.update(uid, put({}, "InputReadinessState", "UNAVAILABLE"))
    found = subscriber.received.wait(uid)
    trial.must(found, "N-EVENT-REPORT comes to it over an association", "none came", answer.evidence)
    unknown = subscriber.subscribe(new_uid())
    trial.must(unknown.absent, "an unknown workitem is answered C307", unknown.words, unknown.evidence)


_CLASSES = {
    "Push": PUSH,
    "Watch": WATCH,
    "Pull": PULL,
    "Event": associations.EVENT,
    "Query": QUERY,
}


def _associated(manager: Manager, contexts: list[str]) -> AbstractContextManager[UpsAssociation]:
    where = manager.declared.dimse
    address = Address(where.host, where.port, where.ae_title)
    return associated(manager.trial, address, manager.declared.harness_ae_title, contexts)


def _must_find(trial: Trial, association: UpsAssociation, context: str, case: tuple[str, Attributes, set[str]]) -> None:
    words, query, expected = case
    outcome = association.find(query, context)
    found = {text(one, "SOPInstanceUID") for one in outcome.datasets}
    said = f"{len(found)} found, {len(expected - found)} missing"
    trial.must(found == expected, f"{words} finds the {len(expected)} that match", said, outcome.evidence)
    pending = set(outcome.statuses[:-1]) <= set(associations.PENDING)
    trial.must(
        pending and outcome.status == "0000",
        f"{words} is answered FF00 or FF01, and 0000 at the end",
        f"{outcome.statuses}",
        outcome.evidence,
    )
    bare = [one for one in outcome.datasets if not values(one, "SOPInstanceUID")]
    trial.must(not bare, f"{words}: each answer has the attributes that were asked for", "", outcome.evidence)


def _cancel(trial: Trial, manager: Manager, association: UpsAssociation, label: str) -> None:
    for _ in range(_MANY):
        manager.created(workitem(label, inputs=_HEAVY))
    query = _query(label, put({}, "InputInformationSequence"))  # so that the answers take their time
    outcome = association.find(query, PULL, cancel=True)
    trial.must(outcome.status in {"FE00", "0000"}, "a canceled C-FIND ends", outcome.words, outcome.evidence)
    came = f"{len(outcome.datasets)} answers came, then {outcome.status}"
    trial.should(outcome.status == "FE00", "C-CANCEL is answered FE00 (PS3.4 Table CC.2.8-2)", came, outcome.evidence)


def _query(label: str, keys: Attributes) -> Attributes:
    query = put(put({}, "WorklistLabel", label), "SOPInstanceUID")
    return dict(sorted({**query, **keys}.items()))


def _state(state: str) -> Attributes:
    return put({}, "ProcedureStepState", state)


def _with(content: Attributes, transaction_uid: str) -> Attributes:
    return dict(sorted(put(dict(content), "TransactionUID", transaction_uid).items()))
