"""Single values: UIDs (PS3.5 section 9) and date-times (PS3.5 section 6.2, VR DT)."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from pydicom.valuerep import DT


def new_uid() -> str:
    """A new UID derived from a random UUID, under the root 2.25 (PS3.5 section B.2)."""
    return f"2.25.{uuid.uuid4().int}"


def dicom_datetime(moment: datetime) -> str:
    """A timezone-aware moment as VR DT in UTC with microseconds and offset, e.g. ``20261124120000.000000+0000``.

    Raises:
        ValueError: when the moment carries no zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a DICOM date-time is made from a timezone-aware datetime")
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M%S.%f+0000")


def parse_dicom_datetime(value: str) -> datetime:
    """A VR DT value as a timezone-aware moment; a value without offset is read as UTC.

    Raises:
        ValueError: when the value is no VR DT.
    """
    parsed = DT(value)
    if not isinstance(parsed, datetime):
        raise ValueError(f"{value!r} is no DICOM date-time")  # noqa: TRY004 - the value is wrong, not its type
    moment = datetime.fromisoformat(parsed.isoformat())
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
