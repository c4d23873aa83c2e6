"""When a performer may claim a workitem (AIW-I 4.82.4.1.1), as a table of guards over the workitem."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from actors.shared.multipart import is_uid
from actors.task_performer.addresses import destination_of
from profiles.dicom import Code, JsonDataset, get_all, get_code, items, parse_dicom_datetime, text
from profiles.tables import read_table
from profiles.ups.parameters import wanted_version


@dataclass(frozen=True, slots=True)
class Station:
    """What a performer is, as far as the guards ask.

    Attributes:
        ae_title: names it.
        workitem_codes: what its engines serve.
        classes: pools that it belongs to.
        organisation: that it works for; empty when that is nobody's concern.
        archives: where it may store, the default first.
        versions: of its engines, each with a code that it serves.
    """

    ae_title: str
    workitem_codes: tuple[Code, ...]
    archives: tuple[str, ...]
    classes: tuple[Code, ...] = ()
    organisation: str = ""
    versions: tuple[tuple[Code, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Guard:
    """One row of ``tables/claim_guards.csv``."""

    id: str
    path: str
    kind: str
    value: str
    objection: str
    requirement: str
    source: str

    def __str__(self) -> str:
        return f"{self.objection} ({self.id}, {self.source})"


@cache
def guards() -> tuple[Guard, ...]:
    """All guards, in the order in which they are asked."""
    return tuple(Guard(**row) for row in read_table("actors.task_performer", "claim_guards"))


def objections(workitem: JsonDataset, station: Station) -> list[Guard]:
    """The guards that speak against a claim; an empty list when the station may claim the workitem."""
    return [guard for guard in guards() if not _HOLDS[guard.kind](guard, workitem, station)]


def is_due(workitem: JsonDataset, now: datetime) -> bool:
    """Whether the scheduled start of a workitem has come; one without a start that can be read is always due."""
    try:
        return parse_dicom_datetime(text(workitem, "ScheduledProcedureStepStartDateTime")) <= now
    except ValueError:
        return True


def _values(dataset: JsonDataset, path: str) -> list[Any]:
    """All values at a dotted path, in every item on the way."""
    head, _, rest = path.partition(".")
    if not rest:
        return [value for value in get_all(dataset, head) if value not in (None, "", {})]
    return [value for one in items(dataset, head) for value in _values(one, rest)]


def _codes(workitem: JsonDataset, path: str) -> list[Code]:
    return [
        Code(text(one, "CodeValue"), text(one, "CodingSchemeDesignator"), text(one, "CodeMeaning"))
        for one in _values(workitem, path)
    ]


def _is(guard: Guard, workitem: JsonDataset, _station: Station) -> bool:
    return _values(workitem, guard.path) == [guard.value]


def _served(guard: Guard, workitem: JsonDataset, station: Station) -> bool:
    found = _codes(workitem, guard.path)
    return len(found) == 1 and _any_same(found, station.workitem_codes)


def _version(_guard: Guard, workitem: JsonDataset, station: Station) -> bool:
    code, wanted = get_code(workitem, "ScheduledWorkitemCodeSequence"), wanted_version(workitem)
    return wanted in {"", *(version for served, version in station.versions if served.same_as(code))}


def _station(guard: Guard, workitem: JsonDataset, station: Station) -> bool:
    """The AE title decides; peers differ in the scheme they give it."""
    found = _codes(workitem, guard.path)
    return not found or any(one.value.strip() == station.ae_title.strip() for one in found)


def _class(guard: Guard, workitem: JsonDataset, station: Station) -> bool:
    found = _codes(workitem, guard.path)
    return not found or _any_same(found, station.classes)


def _organisation(guard: Guard, workitem: JsonDataset, station: Station) -> bool:
    found = [str(value).strip() for value in _values(workitem, guard.path)]
    return not found or station.organisation.strip() in found


def _some(guard: Guard, workitem: JsonDataset, _station: Station) -> bool:
    return bool(_values(workitem, guard.path))


def _dicom(guard: Guard, workitem: JsonDataset, _station: Station) -> bool:
    return all(_is_series(one) for one in items(workitem, guard.path))


def _is_series(one: JsonDataset) -> bool:
    """Whether an input names a series, and perhaps some of its instances, by UIDs; they become parts of addresses."""
    instances = [text(found, "ReferencedSOPInstanceUID") for found in items(one, "ReferencedSOPSequence")]
    uids = [text(one, "StudyInstanceUID"), text(one, "SeriesInstanceUID"), *instances]
    return text(one, "TypeOfInstances") in ("", "DICOM") and all(is_uid(uid) for uid in uids)


def _destination(_guard: Guard, workitem: JsonDataset, station: Station) -> bool:
    return destination_of(workitem, station.archives) is not None


def _any_same(found: Sequence[Code], ours: Sequence[Code]) -> bool:
    return any(one.same_as(other) for one in found for other in ours)


_HOLDS: dict[str, Callable[[Guard, JsonDataset, Station], bool]] = {
    "is": _is,
    "served": _served,
    "version": _version,
    "station": _station,
    "class": _class,
    "organisation": _organisation,
    "some": _some,
    "dicom": _dicom,
    "destination": _destination,
}
