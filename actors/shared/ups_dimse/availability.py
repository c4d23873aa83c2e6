"""Instance Availability Notification as SCP (PS3.4 Annex R, RAD-49): a hint that awaited inputs may have come.

A notification shortens the wait; whether all inputs are there is asked of the archive, as without it. So one that is
lost, comes twice or names something unknown does no harm, and nothing of it has to be kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydicom.dataset import Dataset

from actors.shared.logs import get_logger
from actors.shared.ups_dimse.statuses import SUCCESS, failure
from profiles.errors import error_row

AVAILABILITY = "1.2.840.10008.5.1.4.33"
#: Type 1 of the N-CREATE request (PS3.4 Table R.3.2-1).
_REQUIRED = ("StudyInstanceUID", "ReferencedSeriesSequence")
_log = get_logger(__name__)
Answer = Callable[[Any], tuple[Any, Dataset | None]]


def noting_availability(create: Answer, notified: Callable[[], None]) -> Answer:
    """A handler of N-CREATE that takes notifications itself and leaves everything else to another.

    Args:
        create: the other.
        notified: told of each notification.
    """

    def handle(event: Any) -> tuple[Any, Dataset | None]:
        if event.request.AffectedSOPClassUID != AVAILABILITY:
            return create(event)
        try:
            lacking = [keyword for keyword in _REQUIRED if not getattr(event.attribute_list, keyword, None)]
        except Exception as error:  # whatever pydicom cannot read; its words may hold what the caller sent
            _log.warning("notification-refused", reason=type(error).__name__)
            return failure(error_row("internal").dimse, "the notification cannot be read"), None
        if lacking:
            return failure(error_row("missing-attribute").dimse, f"{lacking[0]} is missing (PS3.4 Table R.3.2-1)"), None
        _log.info("availability-notified", study=str(event.attribute_list.StudyInstanceUID))
        notified()
        return SUCCESS, None

    return handle
