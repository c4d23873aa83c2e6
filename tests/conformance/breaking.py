"""Ways to break a good set of results, one at a time."""

import copy
from collections.abc import Callable

import pytest
from pydicom import DataElement, Dataset, config
from pydicom.datadict import dictionary_VR, tag_for_keyword

from conformance import check_datasets
from conformance.rules import read_rules

RULES = read_rules("air_rules")


class Defects:
    """Defects by the rule that each breaks: the table of one test module."""

    def __init__(self, *applies: str) -> None:
        self.wanted = {rule_id for rule_id, rule in RULES.items() if rule.applies in applies}
        self.rows: list[tuple[str, Callable]] = []

    def breaks(self, rule):
        """Decorator: a set with this defect breaks that rule, and no other."""

        def keep(defect):
            self.rows.append((rule, defect))
            return defect

        return keep

    def parameters(self):
        """``rule`` and ``defect``, each with the requirement that it proves."""
        return [
            pytest.param(rule, defect, id=f"{rule}-{defect.__name__}", marks=pytest.mark.requirement(rule))
            for rule, defect in self.rows
        ]

    @property
    def missing(self):
        """Rules that no defect breaks."""
        return self.wanted - {rule for rule, _ in self.rows}


def broken(objects):
    """The rules that a set breaks."""
    return {found.rule for found in check_datasets(objects.named)}


def coded(value, scheme, meaning="some meaning"):
    row = Dataset()
    row.CodeValue, row.CodingSchemeDesignator, row.CodeMeaning = value, scheme, meaning
    return row


def write(dataset, keyword, value):
    """Set a value that the toolkit would warn of."""
    tag = tag_for_keyword(keyword)
    dataset.add(DataElement(tag, dictionary_VR(tag), value, validation_mode=config.IGNORE))


def parents(dataset):
    """All nodes of a report's tree that have children, the root first."""
    if "ContentSequence" in dataset:
        yield dataset
        for row in dataset.ContentSequence:
            yield from parents(row)


def named(parent, value):
    """The first item below with this concept name."""
    return next(
        row
        for node in parents(parent)
        for row in node.ContentSequence
        if "ConceptNameCodeSequence" in row and row.ConceptNameCodeSequence[0].CodeValue == value
    )


def drop(parent, value):
    """Take the first item below with this concept name out of the tree."""
    found = named(parent, value)
    node = next(node for node in parents(parent) if any(row is found for row in node.ContentSequence))
    node.ContentSequence = [row for row in node.ContentSequence if row is not found]


def volume(objects):
    return named(objects.sr, "118565006")


def second_algorithm(dataset):
    """Another algorithm that helped, with all that it needs."""
    found = next(row for row in dataset.ContributingEquipmentSequence if "DeviceUID" in row)
    dataset.ContributingEquipmentSequence.append(copy.deepcopy(found))
    return dataset.ContributingEquipmentSequence[-1]
