"""The thread of one study: order message, study, workitems, retrieval, inference, results and events in one timeline.

Everything comes from the actors' own interfaces: the Event Repository's events, the Task Manager's worklist (RAD-81),
the archive's index (QIDO-RS), and the Task Requester's order store where it is on this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from actors.shared.settings import ActorSettings
from profiles.dicom import JsonDataset, item, text
from profiles.errors import StepwellError, Unavailable
from stepwell.settings import Configuration

LIMIT = 1000
#: Spans worth a line of their own: name, first step, last step.
SPANS = (
    ("order received to workitem created", "order-received", "workitem-created"),
    ("images available to result available", "images-available", "result-available"),
    ("workitem created to claimed", "workitem-created", "workitem-claimed"),
    ("image retrieval", "images-requested", "images-retrieved"),
    ("inference", "inference-started", "inference-ended"),
    ("inference ended to result stored", "inference-ended", "result-stored"),
    ("workitem claimed to completed", "workitem-claimed", "workitem-completed"),
)
Thread = dict[str, Any]


def trace_thread(identifier: str, configuration: Configuration) -> Thread:
    """Everything known of one study.

    Args:
        identifier: accession number, Study Instance UID, workitem UID, placer or filler order number.
        configuration: names the actors to ask.

    Returns:
        JSON-ready mapping: ``id``, ``accession_number``, ``study_instance_uid``, ``orders``, ``workitems``,
        ``results``, ``timeline`` (entries with ``at``, ``what``, ``who``, ``detail``, ``outcome``, ``seconds``),
        ``durations`` and ``unanswered`` (actors that could not be asked, in words).
    """
    unanswered: list[str] = []
    events = _events(identifier, configuration, unanswered)
    accession = _first(events, "accession") or identifier
    study = _first(events, "study")
    orders = _orders(accession, configuration)
    workitems = _workitems(accession, configuration, unanswered)
    if not study and workitems:
        study = text(workitems[0], "StudyInstanceUID")
    timeline = _timeline(events)
    return {
        "id": identifier,
        "accession_number": accession if timeline or workitems or orders else "",
        "study_instance_uid": study,
        "orders": orders,
        "workitems": [_workitem_row(found) for found in workitems],
        "results": _results(study, configuration, unanswered) if study else [],
        "timeline": timeline,
        "durations": _durations(events),
        "unanswered": unanswered,
    }


def _url(settings: ActorSettings, path: str) -> str:
    return f"http://{settings.host}:{settings.port}{path}"  # type: ignore[attr-defined] # every HTTP actor has a port


@contextmanager
def _asking(who: str, unanswered: list[str]) -> Iterator[None]:
    """One actor that does not answer leaves a line, not an end."""
    try:
        yield
    except (httpx.HTTPError, StepwellError) as error:
        unanswered.append(f"{who} did not answer: {error}")


def _events(identifier: str, configuration: Configuration, unanswered: list[str]) -> list[dict[str, Any]]:
    repository = configuration.actors.get("event_repository")
    if repository is None:
        return []
    with _asking("the Event Repository", unanswered), httpx.Client(timeout=10) as client:
        for key in ("accession", "study", "workitem", "order"):
            answer = client.get(_url(repository, "/events"), params={key: identifier, "limit": LIMIT})
            answer.raise_for_status()
            found: list[dict[str, Any]] = answer.json()
            if found and key != "accession" and (accession := _first(found, "accession")):
                answer = client.get(_url(repository, "/events"), params={"accession": accession, "limit": LIMIT})
                found = answer.raise_for_status().json()
            if found:
                return sorted(found, key=lambda event: (event["at"], event["received_at"]))
    return []


def _orders(accession: str, configuration: Configuration) -> list[dict[str, Any]]:
    if "task_requester" not in configuration.actors:
        return []
    from actors.task_requester.orders_store import orders_by_accession

    return [dict(row) for row in orders_by_accession(configuration.common.data_dir, accession)]


def _workitems(accession: str, configuration: Configuration, unanswered: list[str]) -> list[JsonDataset]:
    manager = configuration.actors.get("task_manager")
    if manager is None:
        return []
    from actors.shared.ups_client import UpsClient

    with _asking("the Task Manager", unanswered), UpsClient(_url(manager, "/ups-rs"), ae_title="TRACE") as client:
        return client.search({"ReferencedRequestSequence.AccessionNumber": accession})
    return []


def _workitem_row(workitem: JsonDataset) -> dict[str, str]:
    return {
        "uid": text(workitem, "SOPInstanceUID"),
        "state": text(workitem, "ProcedureStepState"),
        "label": text(workitem, "ProcedureStepLabel"),
        "code": text(item(workitem, "ScheduledWorkitemCodeSequence"), "CodeMeaning"),
    }


def _results(study: str, configuration: Configuration, unanswered: list[str]) -> list[dict[str, str]]:
    archive = configuration.actors.get("task_performer")
    if archive is None:
        return []
    from actors.shared.dicomweb import Archive

    rows: list[dict[str, str]] = []
    with _asking("the archive", unanswered), Archive(archive.archive_url) as images:  # type: ignore[attr-defined] # its settings have it
        for modality in ("SEG", "SR"):
            for series in images.search_series(study, {"Modality": modality}):
                rows += [
                    {"modality": modality, "sop_instance_uid": text(found, "SOPInstanceUID")}
                    for found in images.search_instances(study, text(series, "SeriesInstanceUID"))
                ]
    return rows


def _first(events: list[dict[str, Any]], key: str) -> str:
    return next((str(event[key]) for event in events if event.get(key)), "")


def _timeline(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if not events:
        return []
    start = datetime.fromisoformat(events[0]["at"])
    return [
        {
            "at": event["at"],
            "seconds": round((datetime.fromisoformat(event["at"]) - start).total_seconds(), 3),
            "what": event.get("step") or event["meaning"],
            "code": event["code"],
            "who": event["source"],
            "outcome": event["outcome"],
            "detail": _detail(event),
            "workitem": event.get("workitem", ""),
            "event_id": event["event_id"],
        }
        for event in events
    ]


def _detail(event: dict[str, Any]) -> str:
    parts = [f"{key} {value}" for key, value in (event.get("details") or {}).items()]
    algorithm = event.get("algorithm") or {}
    if algorithm:
        parts.append(f"{algorithm.get('name', '')} {algorithm.get('version', '')}".strip())
    if event.get("description"):
        parts.append(str(event["description"]))
    return ", ".join(parts)


def _durations(events: list[dict[str, Any]]) -> dict[str, float]:
    """Seconds of each span: from the first occurrence of its first step to the last of its last."""

    def moment(step: str, choose: Callable[[list[datetime]], datetime]) -> datetime | None:
        found = [datetime.fromisoformat(event["at"]) for event in events if event.get("step") == step]
        return choose(found) if found else None

    spans = ((name, moment(first, min), moment(last, max)) for name, first, last in SPANS)
    return {name: round((end - begin).total_seconds(), 3) for name, begin, end in spans if begin and end}


def render(thread: Thread, console: Console) -> None:
    """Print a thread for people.

    Raises:
        Unavailable: never; actors that did not answer are named under the timeline.
    """
    console.print(f"[bold]accession {thread['accession_number']}[/]  study {thread['study_instance_uid']}")
    for order in thread["orders"]:
        console.print("order message " + ", ".join(f"{key} {value}" for key, value in order.items() if value))
    table = Table("seconds", "time (UTC)", "what happened", "who", "detail", box=None, pad_edge=False)
    for entry in thread["timeline"]:
        mark = "" if entry["outcome"] in (0, "0") else " [red]failed[/]"
        table.add_row(
            f"{entry['seconds']:.2f}", entry["at"][11:23], entry["what"] + mark, entry["who"], entry["detail"]
        )
    console.print(table)
    for name, seconds in thread["durations"].items():
        console.print(f"{seconds:9.2f} s  {name}")
    for workitem in thread["workitems"]:
        console.print(f"workitem {workitem['uid']} {workitem['state']} ({workitem['label']})", soft_wrap=True)
    for result in thread["results"]:
        console.print(f"result {result['modality']} {result['sop_instance_uid']}", soft_wrap=True)
    for line in thread["unanswered"]:
        console.print(f"[yellow]{line}[/]")


__all__ = ["Unavailable", "render", "trace_thread"]
