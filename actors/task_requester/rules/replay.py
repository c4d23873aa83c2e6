"""Try a rule file over the orders of the last days: which workitems would be otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from actors.task_requester.images import ImageSource, read_study
from actors.task_requester.planning import dataset_of
from actors.task_requester.revising import difference
from actors.task_requester.rules.applying import decide_all
from actors.task_requester.rules.deciding import Decision, Rule
from actors.task_requester.rules.language import find_name
from actors.task_requester.rules.requesting import Places, workitem_of
from profiles.dicom import JsonDataset, text
from profiles.hl7 import ImagingOrder

_ORDER = TypeAdapter(ImagingOrder)


@dataclass(frozen=True, slots=True)
class Changed:
    """One workitem that would be otherwise.

    Attributes:
        accession: of its order.
        study: its study.
        rule: its rule.
        change: ``made``, ``not made``, ``different``, or ``stopped`` where the rule could not be asked.
        words: what would differ, or what the rule says.
    """

    accession: str
    study: str
    rule: str
    change: str
    words: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """What rules say of earlier orders.

    Attributes:
        orders: how many there were.
        changes: which workitems would be otherwise.
        matched: for how many orders each rule holds.
    """

    orders: int
    changes: Sequence[Changed]
    matched: Mapping[str, int]


def replay(
    orders: Sequence[Mapping[str, Any]],
    rules: Sequence[Rule],
    archive: ImageSource,
    places: Places,
    now: datetime,
) -> Replayed:
    """Which workitems of earlier orders would be otherwise under these rules.

    Args:
        orders: as `actors.task_requester.orders_store.decided_orders` has them.
        rules: to be tried.
        archive: still has the images.
        places: of images and results.
        now: the present, timezone-aware; the rules' dates count as of now.

    Raises:
        Unavailable: when the archive is away.
    """
    changes: list[Changed] = []
    matched = Counter({rule.table.name: 0 for rule in rules})
    for row in orders:
        order, study = _ORDER.validate_json(row["content"]), read_study(archive, row["study_uid"])
        decisions = decide_all(rules, order, study, archive, now) if study.series else []
        wanted = {
            one.rule.name: workitem_of(one, order, study, places, now) if one.matches else None for one in decisions
        }
        matched.update(name for name, workitem in wanted.items() if workitem)
        without = "there is no such rule" if study.series else "the archive has its images no longer"
        for rule, change, words in _changes(row["workitems"], decisions, wanted, without):
            changes.append(Changed(order.accession.value, study.uid, rule, change, words))
    return Replayed(len(orders), changes, dict(matched))


def _changes(
    there: Mapping[str, str],
    decisions: Sequence[Decision],
    wanted: Mapping[str, JsonDataset | None],
    without: str,
) -> Iterator[tuple[str, str, str]]:
    said = {one.rule.name: one for one in decisions}
    for rule in sorted({*there, *said}):
        decision, workitem = said.get(rule), wanted.get(rule)
        words = decision.explanation if decision else without
        if decision and decision.stopped:
            yield rule, "stopped", words
        elif workitem is None and rule in there:
            yield rule, "not made", words
        elif workitem is not None and rule not in there:
            yield rule, "made", words
        elif workitem is not None and (differing := _differing(dataset_of(there[rule]), workitem)):
            yield rule, "different", differing


def _differing(there: JsonDataset, wanted: JsonDataset) -> str:
    return ", ".join(_shown(keyword, there, wanted) for keyword in difference(there, wanted).keywords)


def _shown(keyword: str, there: JsonDataset, wanted: JsonDataset) -> str:
    """An attribute with both values, unless it is a sequence or tells of the patient."""
    name = find_name(keyword, ())
    if name is None or not name.open:
        return keyword
    return f"{keyword} {text(there, keyword)!r} -> {text(wanted, keyword)!r}"
