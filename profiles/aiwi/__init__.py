"""AI Workflow for Imaging (IHE RAD AIW-I): what a requester puts into a workitem, and the profile's requirement ids.

``tables/content.csv`` holds the content rules, ``tables/requirements.csv`` one row per ``AIWI-…`` id with its status.
"""

from profiles.aiwi.content import content_findings, explain
from profiles.aiwi.values import InputInstance, InputSeries, InputStudy, Request
from profiles.aiwi.workitem import (
    explain_priority,
    input_items,
    priority_of,
    with_patient,
    workitem_for_order,
    workitem_uid,
)

__all__ = [
    "InputInstance",
    "InputSeries",
    "InputStudy",
    "Request",
    "content_findings",
    "explain",
    "explain_priority",
    "input_items",
    "priority_of",
    "with_patient",
    "workitem_for_order",
    "workitem_uid",
]
