"""Places in the tree of the attribute table, and datasets to break there."""

import re

import pytest

from connectathon.full_workitems import full_update, full_workitem
from profiles.dicom import items, tag_of
from profiles.ups import validate_create, validate_update
from profiles.ups.attributes import Moment
from profiles.ups.validation.tree import level_of

FULL = {Moment.CREATION: full_workitem, Moment.UPDATE: full_update}
VALIDATE = {Moment.CREATION: validate_create, Moment.UPDATE: validate_update}


class Spot:
    """One item of a full dataset, found by the keywords of the sequences around it."""

    def __init__(self, moment, within=()):
        self.moment, self.within = moment, within

    @property
    def level(self):
        return level_of(self.moment, self.within)

    @property
    def words(self):
        """The path of the item as findings write it."""
        return ".".join(f"{keyword}[1]" for keyword in self.within)

    def path(self, keyword):
        return f"{self.words}.{keyword}" if self.within else keyword

    def open(self):
        """A full dataset, the item in it, and the item around that."""
        whole = FULL[self.moment]()
        outer, item = {}, whole
        for keyword in self.within:
            outer, item = item, items(item, keyword)[0]
        return whole, item, outer

    def findings(self, whole):
        return VALIDATE[self.moment](whole)

    def __str__(self):
        return f"{self.moment} {self.words}"


def spots(moment, within=()):
    """Every item that a full dataset of that moment has."""
    yield Spot(moment, within)
    for attribute in level_of(moment, within).attributes.values():
        if attribute.inside is not None and not (attribute.barred or attribute.empty):
            here = (*within, attribute.keyword)
            if tag_of(attribute.keyword) in Spot(moment, within).open()[1]:
                yield from spots(moment, here)


def ids_in(text):
    return re.findall(r"UPS-\d+", text)


def cases(choose):
    """Test cases (spot, attribute): those of both moments that are chosen, each marked with its requirement."""
    return [
        pytest.param(
            spot,
            attribute,
            id=f"{spot.moment} {spot.path(attribute.keyword)}",
            marks=pytest.mark.requirement(*ids_in(attribute.source)),
        )
        for moment in FULL
        for spot in spots(moment)
        for attribute in spot.level.attributes.values()
        if choose(attribute)
    ]


def pytest_generate_tests(metafunc):
    """Tests that take a ``spot`` say by a marker-like attribute which attributes they are about."""
    choose = getattr(metafunc.function, "about", None)
    if choose is not None:
        metafunc.parametrize(("spot", "attribute"), cases(choose))
    kinds = getattr(metafunc.function, "conditions", None)
    if kinds is not None:
        metafunc.parametrize(("spot", "condition"), conditions_of(kinds))


def conditions_of(kinds):
    """Test cases (spot, condition): every place where a condition of those kinds holds."""
    return [
        pytest.param(
            spot,
            condition,
            id=f"{spot.moment} {spot.path(condition.keywords[0])} {condition.when}",
            marks=pytest.mark.requirement(*ids_in(spot.level.attributes[condition.tags[0]].source)),
        )
        for moment in FULL
        for spot in spots(moment)
        for condition in spot.level.conditions
        if condition.rule in kinds
    ]
