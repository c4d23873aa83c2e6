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
from rich.text import Text

from actors.shared.settings import ActorSettings
from actors.shared.tokens import token_in
from profiles.dicom import JsonDataset, item, items, text
from profiles.errors import StepwellError
from sole_logging.targets import authorization
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
_ACCESSION = "ReferencedRequestSequence.AccessionNumber"
_OTHER_KEYS = (
    "SOPInstanceUID",
    "StudyInstanceUID",
    "ReferencedRequestSequence.PlacerOrderNumberImagingServiceRequest",
    "ReferencedRequestSequence.FillerOrderNumberImagingServiceRequest",
)


def trace_thread(identifier: str, configuration: Configuration) -> Thread:
    """Everything known of one study.

    Args:
        identifier: accession number, Study Instance UID, workitem UID, placer or filler order number.
        configuration: names the actors to ask.

    Returns:
        JSON-ready mapping: ``id``, ``accession_number``, ``study_instance_uid``, ``orders``, ``workitems``,
        ``results``, ``timeline`` (entries with ``at``, ``what``, ``who``, ``detail``, ``outcome``, ``seconds``),
        ``durations`` and ``unanswered`` (actors that could not be asked, in words). What nobody knows has a thread in
        which ``is_known`` finds nothing.
    """
    unanswered: list[str] = []
    events = _events(identifier, configuration, unanswered)
    orders = _orders(_first(events, "accession") or identifier, configuration)
    accession = _first(events, "accession") or _first(orders, "accession_number")
    workitems = _workitems(accession or identifier, configuration, unanswered)
    accession = accession or next(map(_accession, workitems), "")
    study = _first(events, "study") or _first(orders, "study_instance_uid")
    study = study or next((text(found, "StudyInstanceUID") for found in workitems), "")
    return {
        "id": identifier,
        "accession_number": accession,
        "study_instance_uid": study,
        "orders": orders,
        "workitems": [_workitem_row(found) for found in workitems],
        "results": _results(study, configuration, unanswered) if study else [],
        "timeline": _timeline(events),
        "durations": _durations(events),
        "unanswered": unanswered,
    }


def is_known(thread: Thread) -> bool:
    """Whether anybody knows anything of the thread's identifier."""
    return any(thread[part] for part in ("timeline", "orders", "workitems", "results"))


def _url(settings: ActorSettings, path: str) -> str:
    return f"http://{settings.host}:{settings.port}{path}"  # type: ignore[attr-defined] # every HTTP actor has a port


@contextmanager
def _asking(who: str, unanswered: list[str]) -> Iterator[None]:
    """One actor that does not answer leaves a line, not an end."""
    try:
        yield
    except (httpx.HTTPError, StepwellError, ValueError) as error:
        unanswered.append(f"{who} did not answer: {error}")


def _events(identifier: str, configuration: Configuration, unanswered: list[str]) -> list[dict[str, Any]]:
    repository = configuration.actors.get("event_repository")
    if repository is None:
        return []
    file = getattr(repository, "readers_token_file", None)
    with (
        _asking("the Event Repository", unanswered),
        httpx.Client(timeout=10, headers=authorization(token_in(file))) as client,
    ):
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


def _orders(identifier: str, configuration: Configuration) -> list[dict[str, Any]]:
    requester = configuration.actors.get("task_requester")
    if requester is None:
        return []
    from actors.task_requester.orders_store import order_thread

    return order_thread(getattr(requester, "database_url", None) or configuration.common.data_dir, identifier)


def _workitems(identifier: str, configuration: Configuration, unanswered: list[str]) -> list[JsonDataset]:
    """All workitems of the accession that an accession number, order number, workitem or study UID belongs to."""
    manager = configuration.actors.get("task_manager")
    if manager is None:
        return []
    from actors.shared.ups_client import UpsClient

    with _asking("the Task Manager", unanswered), UpsClient(_url(manager, "/ups-rs"), ae_title="TRACE") as client:
        for path in (_ACCESSION, *_OTHER_KEYS):
            found = _exactly(client.search({path: identifier}), path, identifier)
            accession = next(map(_accession, found), "") if path != _ACCESSION else ""
            if accession:
                found = _exactly(client.search({_ACCESSION: accession}), _ACCESSION, accession)
            if found:
                return found
    return []


def _exactly(found: list[JsonDataset], path: str, value: str) -> list[JsonDataset]:
    """Those that have the value itself: a worklist also answers wildcards and lists of UIDs."""
    sequence, _, keyword = path.rpartition(".")
    return [one for one in found if any(text(part, keyword) == value for part in _parts(one, sequence))]


def _parts(workitem: JsonDataset, sequence: str) -> list[JsonDataset]:
    return list(items(workitem, sequence)) if sequence else [workitem]


def _accession(workitem: JsonDataset) -> str:
    return text(item(workitem, "ReferencedRequestSequence"), "AccessionNumber")


def _workitem_row(workitem: JsonDataset) -> dict[str, str]:
    return {
        "uid": text(workitem, "SOPInstanceUID"),
        "state": text(workitem, "ProcedureStepState"),
        "label": text(workitem, "ProcedureStepLabel"),
        "code": text(item(workitem, "ScheduledWorkitemCodeSequence"), "CodeMeaning"),
        "reason": _reason(workitem),
    }


def _reason(workitem: JsonDataset) -> str:
    """Why it was canceled: the coded reason and the words with it (PS3.4 CC.2.1.2)."""
    progress = item(workitem, "ProcedureStepProgressInformationSequence")
    code = item(progress, "ProcedureStepDiscontinuationReasonCodeSequence")
    coded = f"{text(code, 'CodeMeaning')} ({text(code, 'CodeValue')}, {text(code, 'CodingSchemeDesignator')})"
    return ": ".join(filter(None, [coded if code else "", text(progress, "ReasonForCancellation")]))


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
    """Print a thread for people; actors that did not answer are named under the timeline."""

    def line(words: str, style: str | None = None) -> None:
        console.print(words, style=style, soft_wrap=True, markup=False, highlight=False)

    line(f"accession {thread['accession_number']}, study {thread['study_instance_uid']}", "bold")
    for order in thread["orders"]:
        line(_order_words(order))
        for message in order["messages"]:
            line("  {received_at} {kind} {control}, answered {answer_code}: {effect}".format(**message))
        for words in order["explanation"].splitlines():
            line(f"  {words}")
    if thread["timeline"]:
        console.print(_table(thread["timeline"]))
    for name, seconds in thread["durations"].items():
        line(f"{seconds:9.2f} s  {name}")
    for workitem in thread["workitems"]:
        line("\n  ".join(filter(None, ["workitem {uid} {state} ({label})".format(**workitem), workitem["reason"]])))
    for result in thread["results"]:
        line(f"result {result['modality']} {result['sop_instance_uid']}")
    for words in thread["unanswered"]:
        line(words, "yellow")


#: What is said of an order, where there is something to say.
_TOLD = {
    "attention": "{}",
    "patient": "patient {}",
    "parent": "part of order {}",
    "derived_study_uid": "names no study; {} stands for it until its images come",
}


def _order_words(order: dict[str, Any]) -> str:
    images = f", {order['image_count']} images complete {order['images_complete_at']}" if order["image_count"] else ""
    first = (
        f"order placer {order['placer_order_number'] or '-'}, filler {order['filler_order_number'] or '-'}, message "
        f"{order['message_control_id']}: {order['state']}{images}"
    )
    told = [words.format(order[name]) for name, words in _TOLD.items() if order.get(name)]
    noted = [one for one in order["workitems"] if one["note"]]
    notes = [f"workitem {one['uid']}: {'; '.join(one['note'].splitlines())}" for one in noted]
    return "\n  ".join([first, *told, *notes])


def _table(timeline: list[dict[str, Any]]) -> Table:
    table = Table("seconds", "time (UTC)", "what happened", "who", "detail", box=None, pad_edge=False)
    for entry in timeline:
        what = Text(entry["what"])
        if entry["outcome"] not in (0, "0"):
            what.append(" failed", style="red")
        cells = (f"{entry['seconds']:.2f}", entry["at"][11:23], what, Text(entry["who"]), Text(entry["detail"]))
        table.add_row(*cells)
    return table


__all__ = ["is_known", "render", "trace_thread"]
