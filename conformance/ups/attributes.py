"""Walk the attribute table along a dataset: what is missing, empty, filled or there against the table."""

from __future__ import annotations

from conformance.ups.conditions import conditions_of, decided
from conformance.ups.elements import Dataset, Element, has_value, inside, is_filled, items
from conformance.ups.moments import Moment
from conformance.ups.shape import Say
from conformance.ups.table import Need, Node, root_of, workitem

_RULES = {
    Moment.CREATE: "UPS-CREATE",
    Moment.UPDATE: "UPS-SET",
    Moment.FOUND: "UPS-FIND",
    Moment.STORED: "UPS-GET",
    Moment.COMPLETED: "UPS-GET",
    Moment.CANCELED: "UPS-GET",
    Moment.EVENT: "UPS-EVENT",
    Moment.CANCEL: "UPS-CANCEL",
}
_WORDS = {"UPS-CREATE": "N-CREATE", "UPS-GET": "N-GET", "UPS-FIND": "C-FIND", "UPS-SET": "N-SET"}
_IDENTITY = {"SOPClassUID", "SOPInstanceUID"}
"""Conveyed beside the dataset, or in it by a dialect; rules of their own look at them."""

_CODES = {Moment.COMPLETED: {"R", "P"}, Moment.CANCELED: {"R", "X"}}
_MAY_BE_EMPTY = "OutputInformationSequence"


def judge_attributes(dataset: Dataset, moment: Moment, say: Say, *, found_by_key: bool = False) -> None:
    """Say where a dataset is not as the table wants it at a moment.

    Args:
        dataset: to judge.
        moment: of its life.
        say: is told the rule, the place and what is wrong.
        found_by_key: whether a search result has only what was asked for, as over DIMSE.
    """
    if moment is Moment.STATE:
        return
    _Walk(moment, say, found_by_key).level(root_of(moment), dataset, {}, "", nested=False)


class _Walk:
    def __init__(self, moment: Moment, say: Say, found_by_key: bool) -> None:
        self.moment, self.say, self.found_by_key = moment, say, found_by_key
        self.prefix = _RULES[moment]

    def level(self, row: Node, dataset: Dataset, around: Dataset, path: str, *, nested: bool) -> None:
        keywords = frozenset(row.inside)
        by_condition = decided(keywords)
        for keyword, node in row.inside.items():
            where = inside(path, keyword)
            if self._judge(node, dataset, where, nested, is_conditional=nested and keyword in by_condition):
                for number, found in enumerate(items(dataset, keyword) if node.inside else (), start=1):
                    self.level(node, found, dataset, f"{where}[{number}]", nested=True)
        for condition in conditions_of(keywords) if not self.found_by_key else ():
            for breach in condition.breaches(dataset, around):
                cells = [row.inside[keyword].need(self.moment, nested=nested).cell for keyword in breach.about]
                where = inside(path, breach.keyword) if breach.keyword else path
                self.say(breach.rule, where, f"{breach.fault} ({', '.join(cells)})")

    def _judge(self, node: Node, dataset: Dataset, where: str, nested: bool, *, is_conditional: bool) -> bool:
        """Whether what is inside is to be judged, too."""
        if not nested and self.moment in {Moment.EVENT, Moment.CANCEL}:
            return True
        need, element = node.need(self.moment, nested=nested), dataset.get(node.tag)
        if need.kind == "barred":
            return self._barred(need.cell, node, element is not None, where, nested)
        if need.kind == "empty":
            self._empty(need.cell, element, where)
            return False
        is_beside = node.keyword in _IDENTITY and self.moment is not Moment.FOUND
        is_final = node.cells["final_state"] in _CODES.get(self.moment, ())
        if not is_conditional and not is_beside and not is_final:
            self._lack(node, need, element, where)
        return True

    def _lack(self, node: Node, need: Need, element: Element | None, where: str) -> None:
        is_empty = element is None or not is_filled(element)
        if need.kind == "1" and is_empty and not self.found_by_key:
            self._say("TYPE1", where, f"is {'missing' if element is None else 'empty'}; it is type 1", need.cell)
        elif need.kind == "2" and element is None and not self.found_by_key:
            self._say("TYPE2", where, "is missing; it is type 2", need.cell)
        elif self.moment is Moment.UPDATE and node.is_kept and element is not None and is_empty:
            self._say("EMPTIED", where, "is empty, and the server is to have a value", need.cell)

    def _empty(self, cell: str, element: Element | None, where: str) -> None:
        if element is None:
            self._say("TYPE2", where, "is missing; it is type 2, sent empty", cell)
        elif is_filled(element):
            self._say("EMPTY", where, "has a value, and is to be sent empty", cell)

    def _barred(self, cell: str, node: Node, is_there: bool, where: str, nested: bool) -> bool:
        if is_there and not (node.keyword in _IDENTITY and self.moment is Moment.CREATE):
            self._say("BARRED-ITEM" if nested else "BARRED", where, "is there, and is not to be", cell)
        return False

    def _say(self, rule: str, where: str, fault: str, cell: str) -> None:
        at = _WORDS.get(self.prefix, _WORDS["UPS-SET"])
        self.say(f"{self.prefix}-{rule}", where, f"{fault} at {at} ({cell})")


def judge_final(dataset: Dataset, state: Moment, say: Say) -> None:
    """Say what a workitem lacks for its final state (PS3.4 Table CC.2.5-1 and the column of CC.2.5-3)."""
    _final(workitem(), dataset, state, "", say)


def _final(row: Node, dataset: Dataset, state: Moment, path: str, say: Say) -> None:
    for keyword, node in row.inside.items():
        code, where = node.cells["final_state"], inside(path, keyword)
        if code not in _CODES[state] or keyword in _IDENTITY:
            continue
        if not (node.tag in dataset if keyword == _MAY_BE_EMPTY else has_value(dataset, keyword)):
            fault = f"has no value, which {state.value.upper()} needs ({node.ids['final_state']})"
            say(f"UPS-FINAL-{code}", where, fault)
        for number, found in enumerate(items(dataset, keyword), start=1):
            _final(node, found, state, f"{where}[{number}]", say)
