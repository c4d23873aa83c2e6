"""Analysis result trees (IHERADAIR1; air.md section 8): which result is to be shown first, and what below it."""

from __future__ import annotations

from collections.abc import Mapping

from pydicom import Dataset

from profiles.air.reading.items import Item, item
from profiles.air.reading.notes import Notes
from profiles.air.reading.outcome import Node
from profiles.air.values import Tracking
from profiles.dicom import Code

_LABEL, _OBSERVATION, _CHILD = "125309", "AIR005", "AIR004"
_KNOWN_IN_ROOT = ("121049", "121005", "121012", "121013", "121014", "121015", "121016", "121058", "113876")


def result_tree_in(made: Dataset, things: Mapping[str, Tracking], notes: Notes) -> Node:
    """The root of the tree.

    Args:
        made: the object.
        things: whose observation each Observation UID is, of the reports that were read.
        notes: items that are not understood are added.
    """
    return _node(item(made), things, notes)


def _node(found: Item, things: Mapping[str, Tracking], notes: Notes) -> Node:
    label, object_uid, observation_uid = "", "", ""
    role: Code | None = None
    children: list[Node] = []
    for child in found.children():
        if child.name == _LABEL:
            label = child.words
        elif child.kind in ("COMPOSITE", "IMAGE") and not object_uid:
            role, object_uid = child.concept, child.referenced[0]
        elif child.name == _OBSERVATION:
            observation_uid = child.words
        elif child.name == _CHILD:
            children.append(_node(child, things, notes))
        elif child.name not in _KNOWN_IN_ROOT:
            notes.add(child.path, child.what, "It has no meaning in a result tree (air.md section 8).")
    if not object_uid:
        notes.add(found.path, found.what, "The node of the result tree refers to no object.")
    return Node(label, role, object_uid, observation_uid, things.get(observation_uid), tuple(children))
