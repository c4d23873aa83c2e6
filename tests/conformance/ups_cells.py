"""Each cell of the attribute table (PS3.4 Table CC.2.5-3) that a dataset can break, and the defect that breaks it.

Read from the table alone: what a cell asks is worked out here a second time.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

from conformance.ups import check_workitem
from profiles.tables import read_table
from tests.conformance.ups_good import GOOD, PUSH, code, drop, element, item, put, tag

IDS = {
    (row["subject"], row["moment"]): row["id"]
    for row in read_table("profiles.ups", "requirements")
    if row["kind"] == "attribute"
}
ROWS = [row for row in read_table("profiles.ups", "ups_attributes") if not row["path"].endswith("*")]
#: column: the moment by its name in the table of requirements, prefix of its rules
COLUMNS = {
    "ncreate": ("N-CREATE", "UPS-CREATE"),
    "nset": ("N-SET", "UPS-SET"),
    "nget": ("N-GET", "UPS-GET"),
    "cfind_return": ("C-FIND return", "UPS-FIND"),
    "final_state": ("final state", "UPS-FINAL"),
}
BASES = {"ncreate": "full_created", "nset": "full_updated", "nget": "full_kept", "cfind_return": "full_found"}
CODE = ("CodeValue", "LongCodeValue", "URNCodeValue")
CONTENT = {
    "DateTime": ("DATETIME", "20261124"),
    "Date": ("DATE", "20261124"),
    "Time": ("TIME", "08"),
    "PersonName": ("PNAME", {"Alphabetic": "A"}),
    "UID": ("UIDREF", "1.2"),
    "TextValue": ("TEXT", "x"),
    "ConceptCodeSequence": ("CODE", code("x")),
    "NumericValue": ("NUMERIC", "1"),
    "MeasurementUnitsCodeSequence": ("NUMERIC", code("mm", "UCUM")),
}
GROUPS = (
    (
        "DICOMRetrievalSequence",
        "DICOMMediaRetrievalSequence",
        "WADORetrievalSequence",
        "XDSRetrievalSequence",
        "WADORSRetrievalSequence",
    ),
    ("DICOMStorageSequence", "STOWRSStorageSequence", "XDSStorageSequence"),
    ("LocalNamespaceEntityID", "UniversalEntityID"),
)
SIBLINGS: dict[str, set[str]] = {}
for _row in ROWS:
    SIBLINGS.setdefault(_row["path"].rpartition(".")[0], set()).add(_row["keyword"])


@dataclass(frozen=True)
class Cell:
    """One cell with one defect.

    Attributes:
        id: of the requirement.
        moment: of the requirement.
        path: of the attribute.
        rule: that breaks, and no other.
        words: what the defect does.
        base: name of the good dataset.
        state: the moment as which it is judged, when not that of the good dataset.
        break_it: makes the defect, in the dataset or item that holds the attribute and in the one around it.
    """

    id: str
    moment: str
    path: str
    rule: str
    words: str
    base: str
    state: str
    break_it: Callable

    def __str__(self):
        return f"{self.moment}: {self.path} {self.words}"

    def broken(self):
        """The good dataset with the defect."""
        dataset = GOOD[self.base][1]()
        *around, _ = self.path.split(".")
        _with_content(dataset, around)
        self.break_it(item(dataset, *around), item(dataset, *around[:-1]) if around else {})
        return dataset

    def fault(self):
        """What is wrong with the judge's findings; empty when nothing is."""
        found = check_workitem(self.broken(), self.state or GOOD[self.base][0], "cell")
        if [one.rule for one in found] != [self.rule]:
            return str([(one.rule, one.path, one.message) for one in found])
        cited = self.rule.startswith(("UPS-CHARSET", "UPS-TXUID", "UPS-IDENTITY")) or self.id in found[0].message
        return "" if cited else found[0].message


def _with_content(dataset, around):
    """Give the content items on the way values of another type, where the way leads through them."""
    for count, keyword in enumerate(around):
        holder = item(dataset, *around[:count])
        if keyword in CONTENT and tag(keyword) not in holder:
            drop(holder, "TextValue")
            put(holder, "ValueType", CONTENT[keyword][0])
            for other, (of_type, value) in CONTENT.items():
                if of_type == CONTENT[keyword][0]:
                    put(holder, other, copy.deepcopy(value))


def left_out(*keywords):
    def defect(holder, _around):
        drop(holder, *(keyword for keyword in keywords if tag(keyword) in holder))

    return defect


def set_to(**attributes):
    def defect(holder, _around):
        for keyword, value in attributes.items():
            put(holder, keyword, *([] if value is None else [value]))

    return defect


def some_value(keyword):
    if keyword in {"SOPClassUID", "ProcedureStepState"}:
        return PUSH if keyword == "SOPClassUID" else "SCHEDULED"
    return {"SQ": {}, "UI": "1.2.3", "PN": {"Alphabetic": "A"}, "DA": "20261124", "CS": "F"}.get(
        element(keyword)["vr"], "some words"
    )


def urn_with_version(holder, _around):
    drop(holder, "CodeValue", "CodingSchemeDesignator")
    put(holder, "URNCodeValue", "urn:oid:1.2")
    put(holder, "CodingSchemeVersion", "1")


def document(holder, around):
    """The instances are documents, and this one is not identified."""
    put(around, "TypeOfInstances", "CDA")
    drop(holder, "HL7InstanceIdentifier")


def content_without(keyword):
    value_type, _ = CONTENT.get(keyword, ("", None))

    def defect(holder, _around):
        drop(holder, "TextValue")
        put(holder, "ValueType", value_type)
        for other, (of_type, value) in CONTENT.items():
            if of_type == value_type and other != keyword:
                put(holder, other, value)

    return defect


def conditional(keyword, siblings):
    """Rule, words and defect for an attribute that depends on others of its item; None when it depends on none."""
    needed = "UPS-COND-NEEDED"
    group = next((group for group in GROUPS if keyword in group and siblings.issuperset(group)), None)
    is_code = keyword in CODE and siblings.issuperset(CODE)
    is_of_series = keyword.endswith("InstanceUID") and "TypeOfInstances" in siblings
    is_content = keyword in CONTENT and "ValueType" in siblings
    asked = [
        (is_code and keyword == "CodeValue", "UPS-COND-ANY", "left out", left_out(keyword)),
        (is_code, "UPS-COND-ONE", "added", set_to(**{keyword: "urn:oid:1.2"})),
        (keyword == "CodingSchemeDesignator", needed, "left out", left_out(keyword, "CodingSchemeVersion")),
        (keyword == "CodingSchemeVersion", "UPS-COND-BARRED", "without a scheme", urn_with_version),
        (is_content, needed, "left out for its value type", content_without(keyword)),
        (group, "UPS-COND-ANY", "and the others left out", left_out(*group or ())),
        (keyword == "HL7InstanceIdentifier", needed, "left out for a document", document),
        (keyword == "UniversalEntityIDType" or is_of_series, needed, "left out", left_out(keyword)),
    ]
    return next((tuple(rest) for holds, *rest in asked if holds), None)


def missing(prefix, kind, keyword):
    return (f"{prefix}-TYPE{kind}", "left out", left_out(keyword)) if kind in {"1", "2"} else None


def of_creation(row, keyword):
    kind = row["ncreate"].partition("/")[0]
    if row["ncreate"].endswith(";empty"):
        return "UPS-CREATE-EMPTY", "with a value", set_to(**{keyword: some_value(keyword)})
    return missing("UPS-CREATE", kind, keyword)


def of_update(row, keyword):
    kind = row["nset"].partition("/")[0].partition(";")[0]
    nested = "." in row["path"]
    if kind == "NA":
        rule = "UPS-SET-BARRED-ITEM" if nested else "UPS-SET-BARRED"
        return rule, "there", set_to(**{keyword: some_value(keyword)})
    if row["nset"] == "3/1" and row["ncreate"].startswith(("1/1", "2/1;scp-fills")):
        return "UPS-SET-EMPTIED", "emptied", set_to(**{keyword: None})
    return missing("UPS-SET", kind, keyword) if nested else None


def of_retrieval(row, keyword):
    answered = row["nget"].partition("/")[2]
    asked = [row["ncreate"].partition("/")[0]] + ([row["nset"].partition("/")[0]] if "." in row["path"] else [])
    if ";scp-" in row["ncreate"] and answered:
        asked = ["1"]
    if answered not in {"1", "2"}:
        return None
    kind = "1" if answered == "1" and "1" in asked else "2" if {"1", "2"} & set(asked) else ""
    return missing("UPS-GET", kind, keyword)


def of_search(row, keyword):
    return missing("UPS-FIND", row["cfind_return"], keyword)


def of_final_state(row, keyword):
    if row["final_state"] not in {"R", "P", "X"}:
        return None
    if row["module"] == "SOP Common":
        return "UPS-IDENTITY", "left out", left_out(keyword)
    return f"UPS-FINAL-{row['final_state']}", "left out", left_out(keyword)


ASKS = {
    "ncreate": of_creation,
    "nset": of_update,
    "nget": of_retrieval,
    "cfind_return": of_search,
    "final_state": of_final_state,
}


def umlaut(holder, _around):
    drop(holder, "SpecificCharacterSet")
    put(holder, "ProcedureStepLabel", "Hirnläsionen")


def special(column, keyword):
    """Cells with rules of their own."""
    if keyword == "SpecificCharacterSet":
        return "UPS-CHARSET", "left out though there is an umlaut", umlaut
    if keyword == "TransactionUID" and column == "nget":
        return "UPS-TXUID", "disclosed", set_to(TransactionUID="1.2.3")
    return None


def reachable(column, path):
    """Whether items around an attribute may be there at that moment."""
    rows = {row["path"]: row for row in ROWS}
    parts = path.split(".")
    around = [rows[".".join(parts[:count])] for count in range(1, len(parts))]
    if column == "ncreate":
        return not any(row["ncreate"].endswith(";empty") for row in around)
    return column != "nset" or not any(row["nset"].startswith("NA") for row in around)


def cells():
    for column, (moment, _) in COLUMNS.items():
        for row in ROWS:
            keyword, (parent, _, _) = row["keyword"], row["path"].rpartition(".")
            asked = special(column, keyword)
            if asked is None and column != "final_state" and parent:
                asked = conditional(keyword, SIBLINGS[parent])
            asked = asked or ASKS[column](row, keyword)
            if asked is None or not reachable(column, row["path"]):
                continue
            number = IDS.get((f"{row['module']}/{row['path']}", moment))
            if number is None or (column, keyword) == ("ncreate", "SOPInstanceUID"):
                continue
            final = "canceled" if row["final_state"] == "X" else "completed"
            base = f"full_{final}" if column == "final_state" else BASES[column]
            state = final if column == "final_state" else ""
            yield Cell(number, moment, row["path"], asked[0], asked[1], base, state, asked[2])


CELLS = list(cells())
