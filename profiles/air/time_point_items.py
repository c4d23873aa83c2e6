"""The content items of a time point (PS3.16 TID 1502), by highdicom."""

from __future__ import annotations

from typing import Any

from profiles.air.mending import as_concept
from profiles.air.time_point import TimePoint
from profiles.dicom import code


def time_point_items(found: TimePoint) -> list[Any]:
    """The items of TID 1502, all by HAS OBS CONTEXT, for a measurement group (air.md AIR-089).

    Args:
        found: the time point.
    """
    from highdicom.sr import LongitudinalTemporalOffsetFromEvent, TimePointContext

    offset = None
    if found.offset_days is not None and found.offset_from is not None:
        offset = LongitudinalTemporalOffsetFromEvent(
            value=found.offset_days, unit=as_concept(code("UCUM", "d")), event_type=as_concept(found.offset_from)
        )
    return list(
        TimePointContext(
            time_point=found.label,
            time_point_type=as_concept(found.kind) if found.kind else None,
            time_point_order=found.order,
            subject_time_point_identifier=found.subject_identifier or None,
            protocol_time_point_identifier=found.protocol_identifier or None,
            temporal_offset_from_event=offset,
        )
    )
