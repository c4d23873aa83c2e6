"""Where in a course of studies a result stands (PS3.16 TID 1502)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from profiles.air.errors import require
from profiles.air.values import require_code, require_label
from profiles.dicom import Code


@dataclass(frozen=True, slots=True)
class TimePoint:
    """The time point of a study among others of the same patient (TID 1502; air.md 6.7).

    Attributes:
        label: the time point in words, e.g. ``Follow-up 2`` (C2348792, UMLS).
        kind: CID 6146, e.g. baseline (126072, DCM).
        order: its place among the time points (126073, DCM).
        subject_identifier: names the time point for this patient (126070, DCM).
        protocol_identifier: names the time point for all patients of a protocol (126071, DCM).
        offset_days: days since ``offset_from``, negative before it (128740, DCM).
        offset_from: the event from which days are counted, CID 280, e.g. baseline (128741, DCM).
    """

    label: str
    kind: Code | None = None
    order: int | None = None
    subject_identifier: str = ""
    protocol_identifier: str = ""
    offset_days: float | None = None
    offset_from: Code | None = None

    def __post_init__(self) -> None:
        for words, what in (
            (self.label, "Time Point"),
            (self.subject_identifier or "-", "Subject Time Point Identifier"),
            (self.protocol_identifier or "-", "Protocol Time Point Identifier"),
        ):
            require_label(words, what)
        if self.kind is not None:
            require_code(self.kind, "Time Point Type")
        require(
            self.order is None or self.order >= 0,
            f"Time Point Order is {self.order}; count the time points upwards from 0 or 1 (PS3.16 TID 1502).",
        )
        require(
            (self.offset_days is None) == (self.offset_from is None),
            "An offset in time has days and the event from which they are counted, or neither; give both, e.g. "
            "offset_from=Code('121079', 'DCM', 'Baseline') (PS3.16 TID 1502 and CID 280).",
        )
        if self.offset_from is not None:
            require_code(self.offset_from, "Longitudinal Temporal Event Type")
        require(
            self.offset_days is None or math.isfinite(self.offset_days),
            f"The offset in time is {self.offset_days} days; give a finite number, or leave it out.",
        )
