"""Check workitem datasets against the attribute table (PS3.4 Table CC.2.5-3, ``tables/ups_attributes.csv``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from profiles.dicom import JsonDataset, get, items, put, tag_of
from profiles.errors import Finding
from profiles.tables import read_table
from profiles.ups.requirements import attribute_requirements
from profiles.ups.transitions import State

_TABLE = "PS3.4 Table CC.2.5-3"
ENUMERATED = {
    "ProcedureStepState": ("SCHEDULED", "IN PROGRESS", "COMPLETED", "CANCELED"),
    "ScheduledProcedureStepPriority": ("HIGH", "MEDIUM", "LOW"),
    "InputReadinessState": ("INCOMPLETE", "UNAVAILABLE", "READY"),
}
CREATION, UPDATE, FINAL = "N-CREATE", "N-SET", "final state"
#: The value of a content item is one of these; which one, its Value Type says (PS3.4 Table CC.2.5-2c).
_VALUE_OF = {
    "DateTime": "DATETIME",
    "Date": "DATE",
    "Time": "TIME",
    "PersonName": "PNAME",
    "UID": "UIDREF",
    "TextValue": "TEXT",
    "ConceptCodeSequence": "CODE",
    "NumericValue": "NUMERIC",
    "MeasurementUnitsCodeSequence": "NUMERIC",
}


@dataclass(frozen=True, slots=True)
class AttributeRule:
    """One row: an attribute's requirement at each moment of a workitem's life."""

    module: str
    path: tuple[str, ...]
    ncreate: str
    nset: str
    final: str
    find_match: str
    find_return: str

    def source(self, moment: str) -> str:
        """Section and requirement id of the cell of a moment."""
        return attribute_requirements()[(f"{self.module}/{'.'.join(self.path)}", moment)].source


@cache
def attribute_rules() -> tuple[AttributeRule, ...]:
    """All rows that name an attribute."""
    return tuple(
        AttributeRule(
            row["module"],
            tuple(row["path"].split(".")),
            row["ncreate"],
            row["nset"],
            row["final_state"],
            row["cfind_match"],
            row["cfind_return"],
        )
        for row in read_table("profiles.ups", "ups_attributes")
        if not row["path"].endswith("*")
    )


def _holders(dataset: JsonDataset, path: tuple[str, ...], at: str = "") -> Iterator[tuple[str, JsonDataset]]:
    """Every dataset that should hold the last keyword of a path, with where it is."""
    if len(path) == 1:
        yield f"{at}{path[0]}", dataset
        return
    for number, item in enumerate(items(dataset, path[0]), 1):
        yield from _holders(item, path[1:], f"{at}{path[0]}[{number}].")


def _is_present(dataset: JsonDataset, keyword: str) -> bool:
    return tag_of(keyword) in dataset


def _has_value(dataset: JsonDataset, keyword: str) -> bool:
    return bool((dataset.get(tag_of(keyword)) or {}).get("Value"))


def _is_value_of_another_type(holder: JsonDataset, keyword: str) -> bool:
    kind = get(holder, "ValueType")
    return kind is not None and keyword in _VALUE_OF and _VALUE_OF[keyword] != kind


def _typed(dataset: JsonDataset, moment: str) -> list[Finding]:
    findings = []
    for rule in attribute_rules():
        kind = (rule.ncreate if moment == CREATION else rule.nset).split("/")[0].split(";")[0]
        if kind not in ("1", "2"):
            continue
        if moment == UPDATE and len(rule.path) == 1:
            continue  # an update names what changes only
        keyword, source = rule.path[-1], rule.source(moment)
        for where, holder in _holders(dataset, rule.path):
            if _is_value_of_another_type(holder, keyword):
                continue
            if not _is_present(holder, keyword):
                remedy = "Give it a value." if kind == "1" else "Send it, empty if unknown."
                words = f"is missing; it is type {kind} in {source}."
                findings.append(Finding(where, words, source, remedy, key="missing-attribute"))
            elif kind == "1" and not _has_value(holder, keyword):
                words = f"is empty; it is type 1 in {source}."
                findings.append(Finding(where, words, source, "Give it a value.", key="missing-value"))
    return findings


def _enumerated(dataset: JsonDataset) -> list[Finding]:
    findings = []
    for keyword, allowed in ENUMERATED.items():
        value: Any = get(dataset, keyword)
        if value is not None and value not in allowed:
            words = f"is {value!r}; {_TABLE} allows {', '.join(allowed)}."
            findings.append(Finding(keyword, words, _TABLE))
    return findings


def validate_create(dataset: JsonDataset) -> list[Finding]:
    """Every rule of the N-CREATE column that a dataset breaks (PS3.4 CC.2.5.1.3)."""
    findings = _typed(dataset, CREATION) + _enumerated(dataset)
    for rule in attribute_rules():
        if rule.ncreate.endswith(";empty") and _has_value(dataset, rule.path[0]):
            source = rule.source(CREATION)
            findings.append(Finding(rule.path[0], f"has a value; {source} wants it empty.", source, "Send it empty."))
    if len(items(dataset, "ScheduledWorkitemCodeSequence")) > 1:
        findings.append(
            Finding("ScheduledWorkitemCodeSequence", "has more than one item.", "PS3.17 GGG.3.2", "Send one code.")
        )
    return findings


def with_type_2(dataset: JsonDataset) -> bool:
    """Add the type 2 attributes that a creation lacks, empty (PS3.4 Table CC.2.5-3); whether there were any."""
    missing = [
        rule.path[0]
        for rule in attribute_rules()
        if len(rule.path) == 1 and rule.ncreate.startswith("2/") and not _is_present(dataset, rule.path[0])
    ]
    for keyword in missing:
        put(dataset, keyword)
    return bool(missing)


def validate_update(dataset: JsonDataset) -> list[Finding]:
    """Every rule of the N-SET column that a modification list breaks (PS3.4 CC.2.6.2)."""
    findings = _typed(dataset, UPDATE) + _enumerated(dataset)
    for rule in attribute_rules():
        keyword = rule.path[0]
        if len(rule.path) == 1 and rule.nset.startswith("NA") and _is_present(dataset, keyword):
            source = rule.source(UPDATE)
            words = f"cannot be changed by an update, says {source}."
            findings.append(
                Finding(keyword, words, source, "Leave it out; to change an order, cancel and create anew.")
            )
    return findings


def validate_final(dataset: JsonDataset, state: State) -> list[Finding]:
    """Every final-state requirement that a workitem does not meet (PS3.4 CC.2.5.1.3.2).

    Args:
        dataset: the workitem as it stands.
        state: COMPLETED or CANCELED.
    """
    wanted = {"R", "P"} if state is State.COMPLETED else {"R", "X"}
    findings = []
    for rule in attribute_rules():
        if rule.final not in wanted:
            continue
        holders = list(_holders(dataset, rule.path))
        keyword = rule.path[-1]
        present = [_has_value(holder, keyword) for _, holder in holders]
        if keyword == "OutputInformationSequence":
            present = [_is_present(holder, keyword) for _, holder in holders]
        if not present or not all(present):
            source = rule.source(FINAL)
            words = f"has no value; {source} requires it (code {rule.final}) before {state}."
            findings.append(Finding(".".join(rule.path), words, source, "Set it by an update first."))
    return findings
