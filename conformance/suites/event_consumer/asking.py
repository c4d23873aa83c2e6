"""How a consumer asks for events (ITI-82), and what it makes of the answers. What it shows, a person has to say."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

from conformance.harness import Trial, shows
from conformance.partners.event_archive import member
from conformance.partners.events import Sent, event, stamp
from conformance.partners.exchanges import Fault
from conformance.suites.event_consumer.stage import Asked

_HOST = "harness.example.org"
_MANY = 10_000
_KNOWN = ("RID45871", "SOLE114", "SOLE115")
_UNKNOWN = "SOLE199"
_HOUR = timedelta(hours=1)


def _asks(trial: Trial, asked: Asked, start: datetime, stop: datetime) -> list[str]:
    """Let the system ask for a range of time; the evidence of what it asked."""
    known = len(asked.searches())
    text = f"Let the system ask for the events from {stamp(start)} to {stamp(stop)}."
    if not trial.ask("ask-events", text, **{"from": stamp(start), "to": stamp(stop)}):
        trial.inconclusive(f"it could not be done: {text}")
    trial.wait_for(lambda: len(asked.searches()) > known)
    return asked.archive.proof(trial, *asked.searches()[known:])


def _range() -> tuple[datetime, datetime]:
    stop = datetime.now(UTC).replace(microsecond=0)
    return stop - _HOUR, stop


@shows("SOLE-EC-001", "The request for a range of time is well formed and asks for that range")
def request(trial: Trial, asked: Asked) -> None:
    """sole.md 7.2."""
    start, stop = _range()
    evidence = _asks(trial, asked, start, stop)
    searches = asked.searches()
    trial.require(searches, "the system asks for events at /syslogsearch", "it did not")
    for search in searches:
        query = search.request.query
        dates = [value for name, value in parse_qsl(query) if name.lower() == "date"]
        trial.must(search.request.method == "GET", "the method is GET", search.request.method, evidence)
        trial.must(dates, "the parameter date is given", "it is not", evidence)
        trial.must(search.reply.status == 200, "the dates are dates with prefix", "one is none", evidence)  # noqa: PLR2004
        trial.must("+" not in query, "a plus sign is sent as %2B", "a plus sign stands in the query", evidence)
    asked.archive.hold_messages([event(start + _HOUR / 2, _HOST)])
    trial.step("an event lies within the range, and the system asks again")
    evidence = _asks(trial, asked, start, stop)
    found = any(b"Pri" in one.reply.body for one in asked.searches())
    trial.must(found, "what it asks for contains what happened within the range", "the event is left out", evidence)


@shows("SOLE-EC-002", "Known events are interpreted, and one of an unknown kind is tolerated")
def unknown(trial: Trial, asked: Asked) -> None:
    """sole.md 5.2: unknown codes are stored and counted, not refused."""
    start, stop = _range()
    messages = [event(start + n * _HOUR / 9, _HOST, code) for n, code in enumerate((*_KNOWN, _UNKNOWN), start=1)]
    asked.archive.hold_messages(messages)
    evidence = _asks(trial, asked, start, stop)
    seen = trial.ask(
        "see-events",
        f"Look at what the system shows from {stamp(start)} to {stamp(stop)}.",
        f"Does it show the events {', '.join(_KNOWN)}, and go on although there is one with the code {_UNKNOWN}?",
        codes=",".join(_KNOWN),
        unknown=_UNKNOWN,
    )
    trial.must(seen, "the known events are shown, the unknown one does no harm", "they are not", evidence)


@shows("SOLE-EC-003", "Ten thousand events are taken whole", limit_seconds=600)
def many(trial: Trial, asked: Asked) -> None:
    """In one answer or by pages."""
    start, stop = _range()
    asked.archive.hold_messages([event(start + _HOUR * n / (_MANY + 1), _HOST) for n in range(1, _MANY + 1)])
    evidence = _asks(trial, asked, start, stop)
    seen = trial.ask(
        "count-events",
        f"Look at how many events the system has from {stamp(start)} to {stamp(stop)}.",
        f"Does it have {_MANY} events?",
        count=str(_MANY),
    )
    trial.must(seen, f"the system has all {_MANY} events", "it has another number", evidence)


@shows("SOLE-EC-004", "Whatever the repository answers, the system says so and goes on", limit_seconds=600)
def failures(trial: Trial, asked: Asked) -> None:
    """Refusals, errors, silence, and an answer that is cut off."""
    start, stop = _range()
    messages = [event(start + _HOUR / 2, _HOST)]
    whole = json.dumps({"Events": [member(one) for one in messages]}).encode()
    for words, fault, body in (
        *((f"status {status}", Fault(bool, status=status, times=None), None) for status in (401, 403, 404, 500)),
        ("a broken connection", Fault(bool, lost=True, times=None), None),
        ("JSON that is cut off", None, whole[:-20]),
    ):
        trial.step(f"the repository answers with {words}")
        asked.archive.spare()
        asked.archive.hold_messages(messages)
        if fault:
            asked.archive.fail(fault)
        if body is not None:
            asked.archive.answer_with(body)
        evidence = _asks(trial, asked, start, stop)
        told = trial.ask(
            "see-failure",
            "Look at what the system says of the query.",
            "Does it say that the query failed (and not that there are no events)?",
            failure=words,
        )
        trial.must(told, f"{words}: the system says that the query failed", "it does not", evidence)
    trial.step("the repository is well again")
    asked.archive.spare()
    asked.archive.hold_messages(messages)
    before = len(asked.searches())
    evidence = _asks(trial, asked, start, stop)
    again = asked.searches()[before:]
    trial.must(again, "the system goes on to ask", "it asks no longer", evidence)


@shows("SOLE-EC-005", "Events out of order are put in order by their own time")
def order(trial: Trial, asked: Asked) -> None:
    """sole.md 8.5 rule 1: EventDateTime, never TIMESTAMP or the order of arrival."""
    start, stop = _range()
    begin, end = start + _HOUR / 4, start + _HOUR / 2
    late = stop - _HOUR / 60
    told = [
        _told(event(end, _HOST, "SOLE115", process="2", note="TURNAROUND"), late),
        _told(event(begin, _HOST, "SOLE114", process="1", note="TURNAROUND"), late + timedelta(seconds=1)),
    ]
    asked.archive.hold_messages(told)
    evidence = _asks(trial, asked, start, stop)
    minutes = int((end - begin).total_seconds() // 60)
    seen = trial.ask(
        "see-duration",
        "Look at the order with the number TURNAROUND: post-processing started and ended.",
        f"Does the system show the start before the end, {minutes} minutes apart?",
        accession="TURNAROUND",
        minutes=str(minutes),
    )
    trial.must(seen, "the events are in order, and the time between them is right", "they are not", evidence)


def _told(sent: Sent, at: datetime) -> Sent:
    """The same event, told later."""
    return Sent(stamp(at), sent.content, sent.hostname, sent.application, sent.process, sent.message_id)
