"""Rules of event reports (PS3.4 Table CC.2.4-1; PS3.18 section 8.10.5): one JSON object with its command elements.

Published examples of events are wrong in several ways; what follows them where PS3.4 and PS3.6 say otherwise is warned
of, and no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from conformance.rules import Breach
from conformance.ups.book import BOOK, Workitem
from conformance.ups.elements import has_value, text, values
from conformance.ups.identity import PUSH, UPS_CLASSES

STATE, CANCEL, PROGRESS, STATUS, ASSIGNED = range(1, 6)
_LISTS = ("SubscriptionListStatus", "UnifiedProcedureStepListStatus")
_LIST_TERMS = {"WARM START", "COLD START", "COLD STARTED"}
_STATUS_TERMS = {"RESTARTED", "GOING DOWN"}
_ASSIGNMENT = ("ScheduledStationNameCodeSequence", "HumanPerformerCodeSequence", "HumanPerformerOrganization")


def type_of(subject: Workitem) -> int:
    """The event's type; 0 when it has none that is known."""
    given = text(subject.dataset, "EventTypeID")
    return int(given) if given in {"1", "2", "3", "4", "5"} else 0


@BOOK.rule("UPS-EVENT-CLASS")
def _class(subject: Workitem) -> Iterable[Breach]:
    if text(subject.dataset, "AffectedSOPClassUID") not in UPS_CLASSES:
        yield "AffectedSOPClassUID", "is the class of no UPS"


@BOOK.rule("UPS-EVENT-PUSH")
def _push(subject: Workitem) -> Iterable[Breach]:
    if text(subject.dataset, "AffectedSOPClassUID") in UPS_CLASSES - {PUSH}:
        yield "AffectedSOPClassUID", "is another UPS class than Push, as in a published example"


@BOOK.rule("UPS-EVENT-INSTANCE")
def _instance(subject: Workitem) -> Iterable[Breach]:
    if not has_value(subject.dataset, "AffectedSOPInstanceUID"):
        yield "AffectedSOPInstanceUID", "has no value"


@BOOK.rule("UPS-EVENT-MESSAGE")
def _message(subject: Workitem) -> Iterable[Breach]:
    if not has_value(subject.dataset, "MessageID"):
        yield "MessageID", "has no value"


@BOOK.rule("UPS-EVENT-TYPE")
def _type(subject: Workitem) -> Iterable[Breach]:
    if not type_of(subject):
        yield "EventTypeID", "is none of 1 to 5"


def _needs(event: int, *keywords: str) -> Callable[[Workitem], Iterable[Breach]]:
    def look(subject: Workitem) -> Iterable[Breach]:
        if type_of(subject) == event:
            for keyword in keywords:
                if not has_value(subject.dataset, keyword):
                    yield keyword, "has no value"

    return look


BOOK.rule("UPS-EVENT-STATE")(_needs(STATE, "ProcedureStepState", "InputReadinessState"))
BOOK.rule("UPS-EVENT-CANCEL")(_needs(CANCEL, "RequestingAE"))
BOOK.rule("UPS-EVENT-PROGRESS")(_needs(PROGRESS, "ProcedureStepProgressInformationSequence"))
BOOK.rule("UPS-EVENT-STATUS")(_needs(STATUS, "SCPStatus", *_LISTS))


@BOOK.rule("UPS-EVENT-STATUS-TERMS")
def _status_terms(subject: Workitem) -> Iterable[Breach]:
    wanted = {"SCPStatus": _STATUS_TERMS, **dict.fromkeys(_LISTS, _LIST_TERMS)}
    if type_of(subject) == STATUS:
        for keyword, terms in wanted.items():
            if has_value(subject.dataset, keyword) and text(subject.dataset, keyword) not in terms:
                yield keyword, "is none of the terms"


@BOOK.rule("UPS-EVENT-ASSIGNED")
def _assigned(subject: Workitem) -> Iterable[Breach]:
    if type_of(subject) == ASSIGNED and not any(has_value(subject.dataset, keyword) for keyword in _ASSIGNMENT):
        yield "", f"has none of {', '.join(_ASSIGNMENT)}"


@BOOK.rule("UPS-EVENT-DEEP")
def _at_the_top(subject: Workitem) -> Iterable[Breach]:
    if type_of(subject) == ASSIGNED and values(subject.dataset, "ScheduledHumanPerformersSequence"):
        yield "ScheduledHumanPerformersSequence", "is around attributes that belong to the event itself"
