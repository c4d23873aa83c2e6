"""Ways to break a good set of results, one at a time."""

import copy
from collections.abc import Callable
from typing import NamedTuple

import pytest
from pydicom import DataElement, Dataset, config
from pydicom.datadict import dictionary_VR, tag_for_keyword

from conformance import check_datasets


class Case(NamedTuple):
    """A defect, the rule that it breaks, the good set that it is done to, and what inherently comes with it."""

    rule: str
    defect: Callable
    scene: str
    also: frozenset


TOLD = {"capture": {"AIR-190"}, "tree": {"AIR-200"}}
"""What is told of good sets: that they have objects of that kind."""


class Defects:
    """The defects of one test module."""

    def __init__(self):
        self.cases: list[Case] = []

    def breaks(self, rule, on="run", also=()):
        """Decorator: a set with this defect breaks that rule, and no other but those in ``also``."""

        def keep(defect):
            self.cases.append(Case(rule, defect, on, frozenset(also)))
            return defect

        return keep

    def parameters(self):
        """``case``, each with the requirement that it proves."""
        return [
            pytest.param(case, id=f"{case.rule}-{case.defect.__name__}", marks=pytest.mark.requirement(case.rule))
            for case in self.cases
        ]


def expected_of(case):
    """The rules that a set with the defect breaks."""
    return {case.rule, *case.also, *TOLD.get(case.scene, ())}


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


def identify(dataset, scheme):
    """Identify a local coding scheme."""
    row = Dataset()
    row.CodingSchemeDesignator = scheme
    dataset.CodingSchemeIdentificationSequence = [*dataset.get("CodingSchemeIdentificationSequence", ()), row]


def multiply(found, factor):
    """Give a number another value, in both ways in which it is written."""
    value = found.MeasuredValueSequence[0]
    value.NumericValue = round(float(value.NumericValue) * factor, 6)
    if "FloatingPointValue" in value:
        value.FloatingPointValue = float(value.NumericValue)
