"""Judge one dataset: what it was sent as, what it shows to be, and every rule of ``tables/ups_rules.csv`` for that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.finding import Finding
from conformance.ups.book import BOOK, Workitem
from conformance.ups.moments import Moment

from conformance.ups import events, identity, workflow  # isort: skip  # noqa: F401 - they enter rules into the book

_KINDS = {
    Moment.CREATE: ("create", "content"),
    Moment.STORED: ("answer", "stored", "content"),
    Moment.COMPLETED: ("answer", "stored", "content", "final", "completed"),
    Moment.CANCELED: ("answer", "stored", "content", "final", "canceled"),
    Moment.FOUND: ("answer", "found"),
    Moment.UPDATE: ("update",),
    Moment.EVENT: ("answer", "event"),
    Moment.STATE: ("state",),
    Moment.CANCEL: ("cancel",),
}


def check_workitem(dataset: dict[str, Any], moment: str, name: str, *, form: str = "json") -> list[Finding]:
    """Judge one dataset in memory.

    Args:
        dataset: in the DICOM JSON Model, as it came; of an event with its command elements.
        moment: of ``Moment``, by value: create, stored, update, completed, canceled, found, event, state, cancel.
            What is stored in a final state is judged by that state, too.
        name: to report it by.
        form: ``json``; ``xml`` or ``dicom`` when it was converted, so that nothing is said of JSON.

    Returns:
        Every broken rule, in the order of the table.
    """
    subject = Workitem.of(dataset, Moment(moment), form)
    return list(_judged(subject, name))


def _judged(subject: Workitem, name: str) -> Iterator[Finding]:
    kinds = {"any", *_KINDS[subject.moment]}
    if subject.form == "json":
        kinds.add("json")
    yield from BOOK.look(subject, name, kinds)
