"""The attribute table of PS3.4 CC.2.5 as a tree, and what each of its cells asks for at a moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

from conformance.ups.elements import tag_of
from conformance.ups.moments import CANCEL_REQUEST, Moment
from profiles.tables import read_table

PERFORMED = "UnifiedProcedureStepPerformedProcedureSequence"
PROGRESS = "ProcedureStepProgressInformationSequence"

_COLUMNS = {"ncreate": "N-CREATE", "nset": "N-SET", "nget": "N-GET", "cfind_return": "C-FIND return"}
_FINAL = "final state"


@dataclass(frozen=True, slots=True)
class Need:
    """What is asked of an attribute.

    Attributes:
        kind: ``1`` present with a value, ``2`` present, ``empty`` present without a value, ``barred`` absent,
            or nothing.
        cell: the requirement that asks it, by id.
    """

    kind: str
    cell: str


@dataclass(slots=True)
class Node:
    """One row of the table, with those inside its sequence.

    Attributes:
        keyword: of the attribute; empty for the dataset itself.
        cells: of the table, by column.
        ids: of the requirements, by column.
        inside: the rows of its items, by keyword.
    """

    keyword: str
    cells: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    inside: dict[str, Node] = field(default_factory=dict)

    @property
    def tag(self) -> str:
        """Of the attribute."""
        return tag_of(self.keyword)

    @property
    def is_kept(self) -> bool:
        """Whether an update need not send it, and the server has had a value of it since the creation."""
        created = self.cells["ncreate"]
        return _types(self.cells["nset"]) == ("3", "1") and (created.startswith("1/") or "scp-fills" in created)

    def need(self, moment: Moment, *, nested: bool) -> Need:
        """What is asked at a moment, of an attribute of the dataset or of an item."""
        if moment is Moment.CREATE:
            return Need(_of_sender(self.cells["ncreate"]), self.ids["ncreate"])
        if moment is Moment.FOUND:
            return Need(self.cells["cfind_return"], self.ids.get("cfind_return", ""))
        if moment in {Moment.STORED, Moment.COMPLETED, Moment.CANCELED}:
            return Need(self._kept(nested), self.ids["nget"])
        return Need(_of_sender(self.cells["nset"]), self.ids["nset"])

    def _kept(self, nested: bool) -> str:
        """What a server has and answers: what the table makes it keep from the creation on, or with any item."""
        answered = _types(self.cells["nget"])[1]
        if answered not in {"1", "2"}:
            return ""
        asked = {_types(self.cells["ncreate"])[0], *({_types(self.cells["nset"])[0]} if nested else ())}
        if not nested and "scp-" in self.cells["ncreate"]:
            asked = {"1"}
        return "1" if answered == "1" and "1" in asked else "2" if asked & {"1", "2"} else ""


def _types(cell: str) -> tuple[str, str]:
    types, _, _ = cell.partition(";")
    sender, _, server = types.partition("/")
    return sender, server


def _of_sender(cell: str) -> str:
    kind = _types(cell)[0]
    if ";empty" in cell:
        return "empty"
    return "barred" if kind == "NA" else kind


@cache
def _requirements() -> dict[tuple[str, str], str]:
    return {
        (row["subject"], row["moment"]): row["id"]
        for row in read_table("profiles.ups", "requirements")
        if row["kind"] == "attribute"
    }


@cache
def workitem() -> Node:
    """The table's tree; its root stands for the dataset."""
    root = Node("")
    for row in read_table("profiles.ups", "ups_attributes"):
        if row["path"].endswith("*"):
            continue
        node = root
        for keyword in row["path"].split("."):
            node = node.inside.setdefault(keyword, Node(keyword))
        node.cells = {column: row[column] for column in (*_COLUMNS, "final_state")}
        subject = f"{row['module']}/{row['path']}"
        named = {**_COLUMNS, "final_state": _FINAL}
        node.ids = {column: _requirements().get((subject, moment), "") for column, moment in named.items()}
    return root


@cache
def root_of(moment: Moment) -> Node:
    """The tree of what a moment's dataset may have; events and requests to cancel have parts of the workitem's."""
    if moment is Moment.EVENT:
        performers = workitem().inside["ScheduledHumanPerformersSequence"].inside
        stations = "ScheduledStationNameCodeSequence"
        inside = {
            PROGRESS: workitem().inside[PROGRESS],
            stations: workitem().inside[stations],
            "HumanPerformerCodeSequence": performers["HumanPerformerCodeSequence"],
            **_of_cancel(),
        }
        return Node("", inside=inside)
    if moment is Moment.CANCEL:
        return Node("", inside=_of_cancel())
    return Node("") if moment is Moment.STATE else workitem()


def _of_cancel() -> dict[str, Node]:
    reason = workitem().inside[PROGRESS].inside[CANCEL_REQUEST[1]]
    return {reason.keyword: reason}
