"""Rules of what a workitem is, what it replaces and what moves its state."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.rules import Breach
from conformance.ups.book import BOOK, Workitem
from conformance.ups.elements import has_value, name_of, placed, tag_of, text, values
from conformance.ups.moments import CANCEL_REQUEST

PUSH = "1.2.840.10008.5.1.4.34.6.1"
UPS_CLASSES = {f"1.2.840.10008.5.1.4.34.6.{number}" for number in range(1, 6)}
_STATES = {"IN PROGRESS", "COMPLETED", "CANCELED"}


@BOOK.rule("UPS-CLASS")
def _class(subject: Workitem) -> Iterable[Breach]:
    if has_value(subject.dataset, "SOPClassUID") and text(subject.dataset, "SOPClassUID") != PUSH:
        yield "SOPClassUID", "is not that of UPS Push"


@BOOK.rule("UPS-IDENTITY")
def _identity(subject: Workitem) -> Iterable[Breach]:
    for keyword in ("SOPClassUID", "SOPInstanceUID"):
        if subject.form != "dicom" and not has_value(subject.dataset, keyword):
            yield keyword, "has no value"


@BOOK.rule("UPS-CREATE-STATE")
def _scheduled(subject: Workitem) -> Iterable[Breach]:
    if text(subject.dataset, "ProcedureStepState") not in {"", "SCHEDULED"}:
        yield "ProcedureStepState", "is not SCHEDULED"


@BOOK.rule("UPS-REPLACED")
def _replaced(subject: Workitem) -> Iterable[Breach]:
    own = text(subject.dataset, "SOPInstanceUID")
    for where, found in placed(subject.dataset, "ReplacedProcedureStepSequence"):
        if text(found, "ReferencedSOPClassUID") not in {"", *UPS_CLASSES}:
            yield f"{where}.ReferencedSOPClassUID", "is the class of no UPS"
        if own and text(found, "ReferencedSOPInstanceUID") == own:
            yield f"{where}.ReferencedSOPInstanceUID", "is this workitem itself"


@BOOK.rule("UPS-STATE-TXUID")
def _transaction(subject: Workitem) -> Iterable[Breach]:
    if not has_value(subject.dataset, "TransactionUID"):
        yield "TransactionUID", "has no value"


@BOOK.rule("UPS-STATE-VALUE")
def _state(subject: Workitem) -> Iterable[Breach]:
    given = text(subject.dataset, "ProcedureStepState")
    if given == "SCHEDULED":
        yield "ProcedureStepState", "is SCHEDULED, to which nothing returns"
    elif not given:
        yield "ProcedureStepState", "has no value"


@BOOK.rule("UPS-STATE-ONLY")
def _only_state(subject: Workitem) -> Iterable[Breach]:
    yield from _other_than(subject, ("TransactionUID", "ProcedureStepState"))


@BOOK.rule("UPS-CANCEL-ONLY")
def _only_cancel(subject: Workitem) -> Iterable[Breach]:
    yield from _other_than(subject, CANCEL_REQUEST)


def _other_than(subject: Workitem, keywords: Iterable[str]) -> Iterable[Breach]:
    allowed = {tag_of(keyword) for keyword in (*keywords, "SpecificCharacterSet", "TimezoneOffsetFromUTC")}
    for tag in subject.dataset:
        if tag not in allowed and not int(tag[3], 16) % 2:
            yield name_of(tag), "does not belong into this request"


@BOOK.rule("UPS-PROGRESS-RANGE")
def _percent(subject: Workitem) -> Iterable[Breach]:
    for where, found in placed(subject.dataset, "ProcedureStepProgressInformationSequence"):
        for value in values(found, "ProcedureStepProgress"):
            try:
                percent = float(value)
            except (TypeError, ValueError):
                continue
            if not 0 <= percent <= 100:  # noqa: PLR2004 - percent
                yield f"{where}.ProcedureStepProgress", "is no percentage from 0 to 100"
