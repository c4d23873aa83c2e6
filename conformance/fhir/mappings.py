"""Rules of what orders, tasks, studies and results say in FHIR (orders.md section 11.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from conformance.fhir.book import BOOK, UID_SYSTEM, is_uid
from conformance.fhir.resources import Resource, at, codings, placed
from conformance.rules import Breach

_ORDER_NUMBERS = {"PLAC", "FILL", "ACSN"}
_ORDER_INTENTS = {"order", "original-order", "reflex-order", "filler-order", "instance-order"}
_IMAGING = {("http://snomed.info/sct", "363679005")}
_RADIOLOGY = {("http://terminology.hl7.org/CodeSystem/v2-0074", code) for code in ("RAD", "IMG", "CT", "MRI", "NMR")}
_RADIOLOGY |= {("http://loinc.org", "LP29684-5"), *_IMAGING}
_STATES = {"requested", "ready", "in-progress", "completed", "cancelled", "failed"}
_STUDY = re.compile(r"(^|/)ImagingStudy/")


def _uid_identifiers(subject: Resource) -> list[Any]:
    return [one for one in at(subject.data, "identifier") if isinstance(one, dict) and one.get("system") == UID_SYSTEM]


def _code(subject: Resource, name: str) -> str:
    """A code of the resource itself; empty when it has none."""
    value = subject.data.get(name)
    return value if isinstance(value, str) else ""


@BOOK.rule("FHIR-ORDER-NUMBER")
def _order_number(subject: Resource) -> Iterable[Breach]:
    if not any(code in _ORDER_NUMBERS for _, code in codings(subject.data, "identifier.type")):
        yield "identifier", "has no placer, filler or accession number by its type"


@BOOK.rule("FHIR-ORDER-INTENT")
def _order_intent(subject: Resource) -> Iterable[Breach]:
    if _code(subject, "intent") not in {"", *_ORDER_INTENTS}:
        yield "intent", "is no order"


@BOOK.rule("FHIR-ORDER-CATEGORY")
def _order_category(subject: Resource) -> Iterable[Breach]:
    if not codings(subject.data, "category") & _IMAGING:
        yield "category", "is not imaging (363679005 of SNOMED CT)"


@BOOK.rule("FHIR-TASK-UID")
def _task_uid(subject: Resource) -> Iterable[Breach]:
    if not _uid_identifiers(subject):
        yield "identifier", f"has no workitem UID of system {UID_SYSTEM}"


@BOOK.rule("FHIR-TASK-STATE")
def _task_state(subject: Resource) -> Iterable[Breach]:
    if _code(subject, "status") not in {"", *_STATES}:
        yield "status", "stands for no state of a workitem"


@BOOK.rule("FHIR-TASK-INTENT")
def _task_intent(subject: Resource) -> Iterable[Breach]:
    if _code(subject, "intent") not in {"", "plan", *_ORDER_INTENTS}:
        yield "intent", "is neither order nor plan"


@BOOK.rule("FHIR-TASK-REASON")
def _task_reason(subject: Resource) -> Iterable[Breach]:
    if subject.data.get("status") == "failed" and not at(subject.data, "statusReason"):
        yield "statusReason", "has no value, and the task has failed"


@BOOK.rule("FHIR-TASK-OUTPUT")
def _task_output(subject: Resource) -> Iterable[Breach]:
    if subject.data.get("status") == "completed" and not at(subject.data, "output"):
        yield "output", "has no value, and the task is completed"


@BOOK.rule("FHIR-STUDY-UID")
def _study_uid(subject: Resource) -> Iterable[Breach]:
    if not _uid_identifiers(subject):
        yield "identifier", f"has no Study Instance UID of system {UID_SYSTEM}"


@BOOK.rule("FHIR-STUDY-COUNT")
def _study_count(subject: Resource) -> Iterable[Breach]:
    for path, holder, name in (("", subject.data, "Series"), *_series(subject)):
        stated, listed = holder.get(f"numberOf{name}"), holder.get("series" if name == "Series" else "instance")
        if isinstance(stated, int) and isinstance(listed, list) and len(listed) > stated:
            yield f"{path}numberOf{name}", f"is {stated}, and {len(listed)} are listed"


def _series(subject: Resource) -> Iterator[tuple[str, dict[str, Any], str]]:
    yield from ((f"{path}.", found, "Instances") for path, found in placed(subject.data, "series"))


@BOOK.rule("FHIR-UID-BARE")
def _bare_uids(subject: Resource) -> Iterable[Breach]:
    for path in ("studyUid", "seriesUid", "series.uid", "series.instance.uid", "instance.uid"):
        if not all(is_uid(value) for value in at(subject.data, path)):
            yield path, "is no bare UID"


@BOOK.rule("FHIR-OBS-STUDY")
def _of_study(subject: Resource) -> Iterable[Breach]:
    if not any(_STUDY.search(str(one)) for one in _targets(subject)):
        yield "partOf", "refers to no ImagingStudy"


def _targets(subject: Resource) -> Iterator[Any]:
    for name in ("partOf", "derivedFrom"):
        yield from at(subject.data, f"{name}.reference")
        yield from (f"{kind}/" for kind in at(subject.data, f"{name}.type"))


def _value(data: dict[str, Any]) -> list[str]:
    return [name for name in data if re.fullmatch("value[A-Z][A-Za-z]+", name)]


@BOOK.rule("FHIR-OBS-VALUE")
def _has_value(subject: Resource) -> Iterable[Breach]:
    others = ("hasMember", "component", "dataAbsentReason")
    if not _value(subject.data) and not any(at(subject.data, name) for name in others):
        yield "value[x]", f"is missing, as are {', '.join(others)}"


@BOOK.rule("FHIR-OBS-ABSENT")
def _is_absent(subject: Resource) -> Iterable[Breach]:
    for path, found in (("", subject.data), *placed(subject.data, "component")):
        if _value(found) and at(found, "dataAbsentReason"):
            yield f"{path}.dataAbsentReason".lstrip("."), "is there beside a value"


@BOOK.rule("FHIR-OBS-FINAL")
def _is_verified(subject: Resource) -> Iterable[Breach]:
    if subject.data.get("status") == "final" and at(subject.data, "device") and not at(subject.data, "performer"):
        yield "status", "is final, and only a device observed it"


@BOOK.rule("FHIR-REP-FINAL")
def _is_interpreted(subject: Resource) -> Iterable[Breach]:
    if subject.data.get("status") == "final" and not at(subject.data, "resultsInterpreter"):
        yield "status", "is final, and nobody interpreted the results"


@BOOK.rule("FHIR-REP-CATEGORY")
def _report_category(subject: Resource) -> Iterable[Breach]:
    if not codings(subject.data, "category") & _RADIOLOGY:
        yield "category", "is not imaging or radiology"


@BOOK.rule("FHIR-REP-FORM")
def _forms(subject: Resource) -> Iterable[Breach]:
    for path, form in placed(subject.data, "presentedForm"):
        if not at(form, "contentType") or not (at(form, "data") or at(form, "url")):
            yield path, "has no content type, or neither data nor an address"
