"""What a repository answers (ITI-82 and ITI-81), and the trace that a query leaves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from conformance.fhir import check_resource
from conformance.harness import Trial, shows
from conformance.partners.events import Sent, stamp
from conformance.sole import check_message
from conformance.suites.event_repository.stage import Opposite, events_of

_LEAVES = "a few messages of a host that does not exist, some hours old"
_HOURS = ("p0", "p1", "p2", "p3")
_CLIENT_ERRORS, _SERVER_ERRORS = 400, 500
_A_MINUTE = timedelta(minutes=1)


def _asked(repository: Opposite, *parameters: tuple[str, str], window: bool = True) -> tuple[set[str], str]:
    """PROCIDs of this test's messages in an answer, and the evidence."""
    answer = repository.ask(*parameters, window=window)
    told = [one for one in events_of(answer) if one.get("hostname") == repository.host]
    return {one.get("procid", "") for one in told}, answer.evidence


@shows("SOLE-ER-005", "A query by time gives exactly the messages within its bounds", leaves=_LEAVES)
def bounds(trial: Trial, repository: Opposite) -> None:
    """sole.md 7.2: prefixes as in FHIR search, in whatever order."""
    messages = [repository.event(60 * number, process=name) for number, name in enumerate(_HOURS)]
    repository.send(trial, messages)
    stored, evidence = repository.await_stored(trial, messages)
    trial.require(len(stored) >= len(messages), "the messages are stored", f"{len(stored)} of them", evidence)
    shape = check_message(repository.ask().body, "the answer")
    trial.findings(
        [one for one in shape if one.rule == "SOLE-060"], "the answer has the members of a message", evidence
    )
    early, first, second, late = (one.timestamp for one in messages)
    for query, wanted in (
        ((f"ge{first}", f"le{second}"), {"p1", "p2"}),
        ((f"le{second}", f"ge{first}"), {"p1", "p2"}),
        ((f"gt{first}", f"lt{late}"), {"p2"}),
        ((f"ge{early}", f"lt{first}"), {"p0"}),
        ((f"ge{late}",), {"p3"}),
        ((f"le{early}",), {"p0"}),
    ):
        found, evidence = _asked(repository, *(("date", bound) for bound in query), window=len(query) == 1)
        names = " and ".join(bound[:2] for bound in query)
        words = f"found {len(found)} instead of {len(wanted)}, or others"
        trial.must(found == wanted, f"the bounds {names} give the messages within them", words, evidence)


@shows(
    "SOLE-ER-006", "A query by a field of the header or by text gives exactly the messages that have it", leaves=_LEAVES
)
def fields(trial: Trial, repository: Opposite) -> None:
    """sole.md 7.2; the names of the parameters are those of the header's fields."""
    moment, host = stamp(repository.base), repository.host
    messages = [
        repository.event(0, process="q1", code="RID45871", note="NEEDLE"),
        repository.event(1, process="q2", code="SOLE115"),
        Sent(moment, b"hay", host, "IHE_SOLE", "q3", "SOLE11", pri="13"),
        Sent(moment, b"straw", f"x{host}", "IHE+SOLE", "q4", "RID45871"),
    ]
    repository.send(trial, messages)
    stored, evidence = repository.await_stored(trial, messages[:3])
    trial.require(len(stored) >= 3, "the messages are stored", f"{len(stored)} of 3", evidence)  # noqa: PLR2004
    for name, value, wanted in (
        ("app-name", "IHE+SOLE", {"q1", "q2"}),
        ("msg-id", "SOLE115", {"q2"}),
        ("msg-id", "SOLE11", {"q3"}),
        ("procid", "q2", {"q2"}),
        ("pri", "13", {"q3"}),
        ("hostname", host, {"q1", "q2", "q3"}),
        ("msg", "NEEDLE", {"q1"}),
    ):
        found, evidence = _asked(repository, (name, value))
        words = f"found {len(found)} instead of {len(wanted)}, or others"
        trial.must(found == wanted, f"{name}={value if name != 'hostname' else '…'} gives what has it", words, evidence)
    found, evidence = _asked(repository, ("msg-id", "SOLE115"), ("app-name", "IHE+SOLE"), ("procid", "q1"))
    trial.must(not found, "several parameters have to hold together", f"found {len(found)}", evidence)
    answer = repository.ask(("hostname", host))
    others = {one.get("hostname") for one in events_of(answer)} - {host}
    trial.must(
        not others, "hostname gives the messages of that host only", f"{len(others)} other hosts", answer.evidence
    )


@shows("SOLE-ER-007", "A query without a match is answered with nothing, one without a date is refused")
def odd_queries(trial: Trial, repository: Opposite) -> None:
    """sole.md 7.2."""
    answer = repository.ask(("hostname", f"no-{repository.host}"))
    none = answer.ok and not events_of(answer)
    trial.must(none, "no match is an empty answer", answer.words, answer.evidence)
    answer = repository.ask(("hostname", repository.host), window=False)
    refused = _CLIENT_ERRORS <= answer.status < _SERVER_ERRORS
    trial.must(refused, "a query without a date is refused with 4xx", answer.words, answer.evidence)
    answer = repository.ask(("date", "geyesterday"), window=False)
    refused = _CLIENT_ERRORS <= answer.status < _SERVER_ERRORS
    trial.must(refused, "a query with a date that is none is refused with 4xx", answer.words, answer.evidence)
    answer = repository.ask(("colour", "red"))
    trial.must(
        answer.status < _SERVER_ERRORS, "an unknown parameter is passed over or refused", answer.words, answer.evidence
    )
    trial.note(f"an unknown parameter is answered with {answer.status}", answer.evidence)


@shows("SOLE-ER-008", "Events are found as FHIR AuditEvents", option="audit-event", leaves=_LEAVES)
def audit_events(trial: Trial, repository: Opposite) -> None:
    """sole.md 7.1: ``date`` is required; the SOLE code is the subtype."""
    messages = [
        repository.event(0, process="a1", code="SOLE115"),
        repository.event(1, process="a2", code="SOLE114"),
    ]
    repository.send(trial, messages)
    repository.await_stored(trial, messages)
    start, stop = repository.base - _A_MINUTE, repository.base + _A_MINUTE
    dates = f"date={quote(f'ge{stamp(start)}')}&date={quote(f'le{stamp(stop)}')}"
    url = f"{repository.declared.queries.fhir_url.rstrip('/')}/AuditEvent"
    headers = {"Accept": "application/fhir+json"}
    for query, wanted in ((dates, {"SOLE115", "SOLE114"}), (f"{dates}&subtype=SOLE115", {"SOLE115"})):
        answer = repository.http.send("GET", url, query=query, headers=headers)
        bundle = answer.json() if answer.ok else {}
        trial.must(
            bundle.get("resourceType") == "Bundle" and bundle.get("type") == "searchset",
            "the answer is a Bundle of a search",
            answer.words,
            answer.evidence,
        )
        resources = _resources(bundle, repository.host)
        broken = [
            one for number, resource in enumerate(resources) for one in check_resource(resource, f"#{number}", "R4")
        ]
        trial.findings(broken, "each is a valid AuditEvent of FHIR R4", answer.evidence)
        found = {code for one in resources for code in _subtypes(one)}
        missing, others = wanted - found, (found & {"SOLE114", "SOLE115"}) - wanted
        words = f"{len(missing)} missing, {len(others)} too many"
        trial.must(not missing and not others, "exactly the events that match are found", words, answer.evidence)
    answer = repository.http.send("GET", url, headers=headers)
    trial.must(answer.status == _CLIENT_ERRORS, "a search without a date is refused", answer.words, answer.evidence)


def _resources(bundle: Any, host: str) -> list[Any]:
    """AuditEvents that this test's host told."""
    entries = [entry.get("resource", {}) for entry in bundle.get("entry", []) if isinstance(entry, dict)]
    return [one for one in entries if one.get("resourceType") == "AuditEvent" and host in str(one)]


def _subtypes(resource: Any) -> list[str]:
    return [str(one.get("code", "")) for one in resource.get("subtype", []) if isinstance(one, dict)]


@shows("SOLE-ER-010", "A query leaves a record that the log was used")
def log_used(trial: Trial, repository: Opposite) -> None:
    """PS3.15 section A.5.3.2: Audit Log Used (110101)."""
    since = datetime.now(UTC)
    asked = repository.ask()
    told, evidence = repository.await_told(trial, since, 'csd-code="110101"')
    trial.must(told, "an Audit Log Used message tells of the query", "none is stored", [asked.evidence, evidence])
