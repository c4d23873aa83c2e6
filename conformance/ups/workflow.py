"""What AIW-I asks of a workitem's content (RAD AIW-I 50.4.1, 4.80 to 4.85), and whether it agrees with itself."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from conformance.rules import Breach
from conformance.ups.book import BOOK, Workitem
from conformance.ups.elements import Dataset, code_of, has_value, inside, items, placed, tag_of, text, values
from conformance.ups.table import PERFORMED, PROGRESS

_INPUT, _OUTPUT, _REFERENCES = "InputInformationSequence", "OutputInformationSequence", "ReferencedSOPSequence"
_AE_TITLE = re.compile(r"[!-\[\]-~]([ -\[\]-~]{0,14}[!-\[\]-~])?")
_STUDY, _SERIES = re.compile(r"/studies/([0-9.]+)"), re.compile(r"/series/([0-9.]+)")
_WEB = {"http", "https"}
_REASONS = {str(code) for code in (*range(110500, 110517), *range(110521, 110525), *range(110526, 110534))}
_MOMENT = re.compile(r"([0-9]{4,14})(?:\.[0-9]{1,6})?([+-][0-9]{4})?")


def _is_empty(dataset: Dataset, keyword: str) -> bool:
    """Whether a sequence is there without items; where it is missing, the attribute table has its say."""
    return tag_of(keyword) in dataset and not items(dataset, keyword)


def _inputs(subject: Workitem) -> Iterator[tuple[str, Dataset]]:
    yield from placed(subject.dataset, _INPUT)


def _outputs(subject: Workitem) -> Iterator[tuple[str, Dataset]]:
    for where, performed in placed(subject.dataset, PERFORMED):
        yield from placed(performed, _OUTPUT, where)


@BOOK.rule("AIWI-C-001")
def _code(subject: Workitem) -> Iterable[Breach]:
    if _is_empty(subject.dataset, "ScheduledWorkitemCodeSequence"):
        yield "ScheduledWorkitemCodeSequence", "has no code"


@BOOK.rule("AIWI-C-002")
def _has_inputs(subject: Workitem) -> Iterable[Breach]:
    if text(subject.dataset, "InputReadinessState") != "INCOMPLETE" and _is_empty(subject.dataset, _INPUT):
        yield _INPUT, "names no instance"


@BOOK.rule("AIWI-C-002-SERIES")
def _by_series(subject: Workitem) -> Iterable[Breach]:
    counted = Counter(text(found, "SeriesInstanceUID") for _, found in _inputs(subject))
    if any(count > 1 for uid, count in counted.items() if uid):
        yield _INPUT, "has several items for one series"


@BOOK.rule("AIWI-C-006-TWICE")
def _input_once(subject: Workitem) -> Iterable[Breach]:
    yield from _twice(_INPUT, (found for _, found in _inputs(subject)))


@BOOK.rule("AIWI-P-006-TWICE")
def _output_once(subject: Workitem) -> Iterable[Breach]:
    yield from _twice(inside(PERFORMED, _OUTPUT), (found for _, found in _outputs(subject)))


def _twice(where: str, found: Iterable[Dataset]) -> Iterator[Breach]:
    counted = Counter(_reference(reference) for one in found for reference in items(one, _REFERENCES))
    if any(count > 1 for key, count in counted.items() if key[0]):
        yield where, "names an instance twice"


def _reference(reference: Dataset) -> tuple[str, str, str]:
    parts = (values(reference, "ReferencedFrameNumber"), values(reference, "ReferencedSegmentNumber"))
    return text(reference, "ReferencedSOPInstanceUID"), str(parts[0]), str(parts[1])


@BOOK.rule("AIWI-C-007")
def _retrievable(subject: Workitem) -> Iterable[Breach]:
    others = ("DICOMMediaRetrievalSequence", "WADORetrievalSequence", "XDSRetrievalSequence")
    for where, found in (*_inputs(subject), *_outputs(subject)):
        usable = has_value(found, "WADORSRetrievalSequence") or has_value(found, "DICOMRetrievalSequence")
        if not usable and any(has_value(found, other) for other in others):
            yield where, "can be retrieved by neither WADO-RS nor DICOM"


@BOOK.rule("AIWI-C-007-URL")
def _retrieve_url(subject: Workitem) -> Iterable[Breach]:
    for where, found in (*_inputs(subject), *_outputs(subject)):
        for place, way in placed(found, "WADORSRetrievalSequence", where):
            url = text(way, "RetrieveURL")
            if url and (fault := _url_fault(url, found)):
                yield f"{place}.RetrieveURL", fault


def _url_fault(url: str, found: Dataset) -> str:
    path = _web_path(url)
    if path is None:
        return "is no address of http or https"
    study, series = _STUDY.search(path), _SERIES.search(path)
    if study is None:
        return "names no study, as a resource of WADO-RS does"
    if has_value(found, "StudyInstanceUID") and study[1] != text(found, "StudyInstanceUID"):
        return "names another study than its item"
    if series and has_value(found, "SeriesInstanceUID") and series[1] != text(found, "SeriesInstanceUID"):
        return "names another series than its item"
    return ""


def _web_path(url: str) -> str | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts.path if parts.scheme.lower() in _WEB and parts.netloc else None


@BOOK.rule("AIWI-C-008")
def _claimed_ready(subject: Workitem) -> Iterable[Breach]:
    state = text(subject.dataset, "ProcedureStepState")
    if state in {"IN PROGRESS", "COMPLETED"} and text(subject.dataset, "InputReadinessState") == "INCOMPLETE":
        yield "InputReadinessState", f"is INCOMPLETE, and the workitem is {state}"


@BOOK.rule("AIWI-C-010")
def _study(subject: Workitem) -> Iterable[Breach]:
    if not has_value(subject.dataset, "StudyInstanceUID"):
        yield "StudyInstanceUID", "has no value"


@BOOK.rule("AIWI-C-010-STUDY")
def _one_study(subject: Workitem) -> Iterable[Breach]:
    requests = (found for _, found in placed(subject.dataset, "ReferencedRequestSequence"))
    known = {text(found, "StudyInstanceUID") for found in (*requests, *(found for _, found in _inputs(subject)))} - {""}
    own = text(subject.dataset, "StudyInstanceUID")
    if own and known and own not in known:
        yield "StudyInstanceUID", "is a study of neither order nor inputs"


@BOOK.rule("AIWI-C-011")
def _destination(subject: Workitem) -> Iterable[Breach]:
    for where, found in placed(subject.dataset, "OutputDestinationSequence"):
        for place, way in placed(found, "STOWRSStorageSequence", where):
            url = text(way, "StorageURL")
            if url and _web_path(url) is None:
                yield f"{place}.StorageURL", "is no address of http or https"


@BOOK.rule("AIWI-C-012")
def _request(subject: Workitem) -> Iterable[Breach]:
    if _is_empty(subject.dataset, "ReferencedRequestSequence"):
        yield "ReferencedRequestSequence", "says nothing of the order"


@BOOK.rule("AIWI-C-018")
def _station(subject: Workitem) -> Iterable[Breach]:
    stations = [*placed(subject.dataset, "ScheduledStationNameCodeSequence")]
    for where, performed in placed(subject.dataset, PERFORMED):
        stations += placed(performed, "PerformedStationNameCodeSequence", where)
    for where, station in stations:
        value = text(station, "CodeValue")
        if value and not _AE_TITLE.fullmatch(value):
            yield f"{where}.CodeValue", "is no AE title"


@BOOK.rule("AIWI-P-001")
def _as_scheduled(subject: Workitem) -> Iterable[Breach]:
    scheduled = code_of(subject.dataset, "ScheduledWorkitemCodeSequence")
    for where, performed in placed(subject.dataset, PERFORMED):
        code = code_of(performed, "PerformedWorkitemCodeSequence")
        if "" not in {scheduled[0], code[0]} and code != scheduled:
            yield f"{where}.PerformedWorkitemCodeSequence", "is another code than the scheduled one"


@BOOK.rule("AIWI-P-002")
def _has_outputs(subject: Workitem) -> Iterable[Breach]:
    for where, performed in placed(subject.dataset, PERFORMED):
        if _is_empty(performed, _OUTPUT):
            yield inside(where, _OUTPUT), "names no instance"


@BOOK.rule("AIWI-P-004")
def _ends_after_start(subject: Workitem) -> Iterable[Breach]:
    for where, found in placed(subject.dataset, PERFORMED):
        if _is_before(found, "PerformedProcedureStepEndDateTime", "PerformedProcedureStepStartDateTime"):
            yield f"{where}.PerformedProcedureStepEndDateTime", "is before the start"


@BOOK.rule("AIWI-P-005")
def _known_reason(subject: Workitem) -> Iterable[Breach]:
    keyword = "ProcedureStepDiscontinuationReasonCodeSequence"
    for where, found in (("", subject.dataset), *placed(subject.dataset, PROGRESS)):
        value, scheme = code_of(found, keyword)
        if scheme == "DCM" and value not in _REASONS:
            yield inside(where, keyword), "is no code of CID 9300 or 9303"


@BOOK.rule("UPS-TIMES")
def _schedule(subject: Workitem) -> Iterable[Breach]:
    for keyword in ("ExpectedCompletionDateTime", "ScheduledProcedureStepExpirationDateTime"):
        if _is_before(subject.dataset, keyword, "ScheduledProcedureStepStartDateTime"):
            yield keyword, "is before the scheduled start"


def _is_before(dataset: Dataset, one: str, other: str) -> bool:
    """Whether a date and time is before another, as far as both say and in one time zone."""
    first, second = _MOMENT.fullmatch(text(dataset, one)), _MOMENT.fullmatch(text(dataset, other))
    if first is None or second is None or first[2] != second[2]:
        return False
    length = min(len(first[1]), len(second[1]))
    return first[1][:length] < second[1][:length]
