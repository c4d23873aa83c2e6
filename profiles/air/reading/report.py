"""Reports by anybody (TID 1500), their parts sorted out: measurement groups, and what is said of the whole study."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pydicom import Dataset

from profiles.air.errors import require
from profiles.air.findings import Comment, Evaluation, Priority, PriorityHint
from profiles.air.reading.groups import Group, algorithm_in, group_in
from profiles.air.reading.items import Item, item, rows
from profiles.air.reading.notes import Notes
from profiles.air.reading.outcome import StatedAlgorithm
from profiles.air.reading.things import evaluation_in
from profiles.dicom import Code

_OPENED = ("126010", "126000", "C0034375")
_SILENT = ("121049", "111028", "121005", "121006", "121007", "121008", "121013", "121016", "113876")
_DEVICE = {"121012": "device_uid", "121014": "manufacturer", "121015": "name"}
_SUMMARY, _NOTHING = "111017", "111241"


@dataclass(slots=True)
class Report:
    """The parts of one report.

    Attributes:
        groups: its measurement groups.
        evaluations: coded answers about the whole study.
        comments: free words about the whole study.
        levels: how soon to read it, at most once.
        reasons: why so soon.
        nothing_found: that all was done and nothing found.
        procedures: the imaging procedures reported.
        algorithms: which algorithms it names.
        device: the device that observed, by the fields of an algorithm.
        named: items that name the algorithm of all groups.
    """

    groups: list[Group] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    levels: list[Priority] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    nothing_found: bool = False
    procedures: list[Code] = field(default_factory=list)
    device: dict[str, str] = field(default_factory=dict)
    named: list[Item] = field(default_factory=list)

    def algorithms(self) -> list[StatedAlgorithm]:
        """The device that observed, and the algorithms that the report and its groups name."""
        named = [algorithm_in(self.named), *(group.stated_algorithm() for group in self.groups)]
        parts = {field: self.device.get(field, "") for field in _DEVICE.values()}
        device = [StatedAlgorithm(parts["name"], "", parts["manufacturer"], parts["device_uid"])]
        return [*(device if parts["name"] else []), *(found for found in named if found)]

    def priority(self) -> PriorityHint | None:
        """How soon to read the study, if the report says so."""
        return PriorityHint(self.levels[0], self.reasons[0] if self.reasons else "") if self.levels else None


def report_in(made: Dataset, notes: Notes) -> Report:
    """The parts of a report.

    Args:
        made: the object.
        notes: items that are not understood are added.
    """
    report, root = Report(), item(made)
    if not rows(made, "ContentSequence"):
        notes.add(root.path, root.what, "The report has no content.")
    if root.name and not root.name.startswith("12600"):
        notes.add(root.path, root.what, "The title is none of CID 7021; what is in it is read nevertheless.")
    _open(report, root, notes)
    return report


def _open(report: Report, container: Item, notes: Notes) -> None:
    for found in container.children():
        with notes.taking(found.path, found.what):
            if found.kind == "CONTAINER":
                _container(report, found, notes)
            elif found.name in _DEVICE:
                report.device.setdefault(_DEVICE[found.name], found.words)
            elif found.name.startswith("11100") and found.kind == "TEXT":
                report.named.append(found)
            elif found.name not in _SILENT:
                _BY_KIND.get(found.kind, _other)(report, found, notes)


def _container(report: Report, found: Item, notes: Notes) -> None:
    if found.name == "125007":
        report.groups.append(group_in(found, notes))
    elif found.name in _OPENED:
        if found.name == "126000":
            notes.add(found.path, found.what, "A second report within the report; read as part of the first.")
        _open(report, found, notes)
    elif found.name not in _SILENT:
        notes.add(found.path, found.what, "A container that TID 1500 does not know; what is in it was not read.")


def _code(report: Report, found: Item, notes: Notes) -> None:
    answer = found.answer
    require(answer is not None and found.concept is not None, "Question and answer must be codes (TID 1500 row 12).")
    if answer is None:
        return
    if found.name == "121058":
        report.procedures.append(answer)
    elif found.name == _SUMMARY and answer.value == _NOTHING:
        report.nothing_found = True
    elif found.concept is not None and found.concept.same_as(Code("PRIORITY", "99STEPWELL")):
        require(not report.levels, "The report has another priority; it was read first.")
        report.levels.append(Priority(answer.value))
    else:
        report.evaluations.append(evaluation_in(found, None, notes))


def _text(report: Report, found: Item, notes: Notes) -> None:
    if found.name == "121106":
        report.comments.append(Comment(found.words))
    elif found.name == "PRIORITY" and report.levels:
        report.reasons.append(found.words)
    else:
        _other(report, found, notes)


def _other(_: Report, found: Item, notes: Notes) -> None:
    numbers = "A number belongs into a measurement group (TID 1500 row 12)."
    notes.add(found.path, found.what, numbers if found.kind == "NUM" else "No primitive holds it in a report.")


_BY_KIND: dict[str, Callable[[Report, Item, Notes], None]] = {"CODE": _code, "TEXT": _text}
