"""The workitem that a decision asks for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from actors.task_requester.images import ImageStudy
from actors.task_requester.projection import BULK
from actors.task_requester.rules.deciding import Decision
from actors.task_requester.rules.model import RuleTable
from profiles.aiwi import Request, explain_priority, input_items, priority_of, workitem_for_order
from profiles.dicom import Code, JsonDataset, dicom_datetime, items, put, put_items
from profiles.hl7 import ImagingOrder


@dataclass(frozen=True, slots=True)
class Places:
    """Where images are and results go.

    Attributes:
        archive_url: base of the DICOMweb service that has the images.
        destination_url: where results are stored (STOW-RS).
    """

    archive_url: str
    destination_url: str


def workitem_of(
    decision: Decision, order: ImagingOrder, study: ImageStudy, places: Places, now: datetime
) -> JsonDataset:
    """The dataset for N-CREATE.

    Args:
        decision: matches.
        order: what was ordered.
        study: its images.
        places: of images and results.
        now: the present, timezone-aware.
    """
    rule = decision.rule
    request = Request(
        workitem_code=rule.workitem_code.code(),
        label=rule.label,
        worklist_label=rule.worklist,
        routine_priority=rule.priority,
        station_class=rule.station_class.code() if rule.station_class else None,
        parameters={Code(name, "99STEPWELL", name): value for name, value in rule.parameters.items()},
        engine_version=rule.engine_version,
    )
    start = start_of(rule, order, now)
    content = workitem_for_order(
        order,
        study.input(decision.series),
        request,
        archive_url=places.archive_url,
        destination_url=places.destination_url,
        now=start,
    )
    put(content, "ScheduledProcedureStepPriority", urgency(rule, order))
    if rule.expected_minutes:
        expected = dicom_datetime(start + timedelta(minutes=rule.expected_minutes))
        put(content, "ExpectedCompletionDateTime", expected)
    if decision.priors:
        earlier = [one for prior in decision.priors for one in input_items(prior, places.archive_url)]
        put_items(content, "InputInformationSequence", *items(content, "InputInformationSequence"), *earlier)
    return dict(sorted(content.items()))


def urgency(rule: RuleTable, order: ImagingOrder) -> str:
    """HIGH, MEDIUM or LOW: what the rule says about the order's priority, else the profile, else the rule's own."""
    if order.origin == BULK:
        return "LOW"
    return rule.priorities.get(order.priority.strip().upper()) or priority_of(order.priority, rule.priority)


def start_of(rule: RuleTable, order: ImagingOrder, now: datetime) -> datetime:
    """When the work may begin: what is HIGH at once, the rest within the hours of the rule."""
    if rule.hours is None or urgency(rule, order) == "HIGH":
        return now
    start = rule.hours.next_start(now.astimezone())
    return start if start <= now else start.replace(tzinfo=None).astimezone()  # the clock may change until then


def explain_request(decision: Decision, order: ImagingOrder, now: datetime) -> str:
    """Why the workitem has its priority, its start and its earlier studies, in words."""
    rule, ordered = decision.rule, order.priority.strip().upper()
    words = [explain_priority(order.priority, rule.priority)]
    if order.origin == BULK:
        words = ["priority LOW: it is one of many that were asked for at once"]
    elif ordered in rule.priorities:
        words = [f"priority {rule.priorities[ordered]}: the rule says so for orders of priority {ordered}"]
    start = start_of(rule, order, now)
    if start > now:
        words.append(f"not before {start.isoformat(timespec='minutes')}, the hours of the rule")
    if rule.priors:
        words.append(f"{len(decision.priors)} earlier studies of the patient are input, too")
    return "; ".join(words)
