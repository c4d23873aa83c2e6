"""Measurement reports (TID 1500) as OHIF 3.13 can show them: previewed, with the words and numbers of the report.

OHIF draws a region only where it hangs below a number, names a drawing by comments, rounds numbers, and shows nothing
at all of a report that has one measurement group without coordinates. So the viewer is given a copy that it can read;
what is stored stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from profiles.dicom import Code, JsonDataset, code, get_code, item, items, put, put_codes, put_items, text

_REPORT, _GROUPS, _GROUP = code("DCM", "126000"), code("DCM", "126010"), code("DCM", "125007")
_LIBRARY = code("DCM", "111028")
_NAME, _UID = code("DCM", "112039"), code("DCM", "112040")
_COMMENT, _REGION = code("DCM", "121106"), code("DCM", "111030")
_READ_AS_TEXT = "126001"
_DRAWN = ("SCOORD", "SCOORD3D")
#: Coded answers that say how a result was sorted, drawn or made, not what it is: finding category, geometric purpose of
#: the region, algorithm family.
_UNSAID = frozenset({"276214006", "130400", "111000"})
#: Graphic types that OHIF knows by another name.
_GRAPHIC = {"POLYGON": "POLYLINE"}


def for_ohif(report: JsonDataset) -> JsonDataset:
    """A copy of a report for the viewer; anything else than a report of measurements as it is.

    Args:
        report: DICOM JSON Model of an instance, with its content tree.
    """
    if text(report, "Modality") != "SR" or not _is(report, _REPORT):
        return report
    sections = [part for part in _children(report) if text(part, "ValueType") == "CONTAINER"]
    said = [one for part in sections if not _is(part, _LIBRARY) for one in _children(part)]
    drawn = [shown for one in said if _is(one, _GROUP) for shown in _drawings(one)]
    if not drawn:
        return _as_text(report)
    unseen = sum(not any(True for _ in _regions(one)) for one in said)
    if unseen:
        remark = _comment(f"{unseen} more without a place: see the page of results")
        drawn[0] = put_items(drawn[0], "ContentSequence", *_children(drawn[0]), remark)
    shown = [
        put_items(dict(part), "ContentSequence", *drawn) if _is(part, _GROUPS) else part for part in _children(report)
    ]
    return put_items(dict(report), "ContentSequence", *shown)


def _drawings(group: JsonDataset) -> Iterator[JsonDataset]:
    """One group for each region, as OHIF draws no more than one of each."""
    kept = [part for part in _children(group) if _is(part, _NAME) or _is(part, _UID)]
    words = [_comment(line) for line in _words(group)]
    for region in _regions(group):
        shape = put(dict(region), "RelationshipType", "INFERRED FROM")
        put(shape, "GraphicType", _GRAPHIC.get(text(region, "GraphicType"), text(region, "GraphicType")))
        shape.pop("0040A043", None)  # the purpose of the region: OHIF takes an unnamed one for the shape itself
        carrier = put_items(_content("NUM", _REGION), "ContentSequence", shape)
        yield put_items(dict(group), "ContentSequence", *kept, carrier, *words)


def _words(group: JsonDataset) -> Iterator[str]:
    """What the group says, a line each; numbers as they are written."""
    for part in _children(group):
        name = get_code(part, "ConceptNameCodeSequence")
        if name is None or name.value in _UNSAID:
            continue
        if name.same_as(_NAME) or name.same_as(_COMMENT):
            yield text(part, "TextValue")
        elif text(part, "ValueType") == "CODE":
            answer = get_code(part, "ConceptCodeSequence")
            yield f"{name.meaning}: {answer.meaning if answer else 'not said'}"
        elif text(part, "ValueType") == "NUM":
            value = item(part, "MeasuredValueSequence")
            unit = get_code(value, "MeasurementUnitsCodeSequence")
            yield f"{name.meaning}: {text(value, 'NumericValue')} {unit.value if unit else ''}".rstrip()


def _as_text(report: JsonDataset) -> JsonDataset:
    """The report under a title that OHIF does not try to draw, every item on a line of its own."""
    title = dict(item(report, "ConceptNameCodeSequence"))
    copy = _separated(report)
    return put_items(copy, "ConceptNameCodeSequence", put(title, "CodeValue", _READ_AS_TEXT))


def _separated(part: JsonDataset) -> JsonDataset:
    copy = dict(part)
    if text(part, "ContinuityOfContent"):
        put(copy, "ContinuityOfContent", "SEPARATE")
    children = _children(part)
    return put_items(copy, "ContentSequence", *map(_separated, children)) if children else copy


def _comment(words: str) -> JsonDataset:
    return put(_content("TEXT", _COMMENT), "TextValue", words)


def _content(kind: str, name: Code) -> JsonDataset:
    made = put(put({}, "RelationshipType", "CONTAINS"), "ValueType", kind)
    return put_codes(made, "ConceptNameCodeSequence", name)


def _children(part: JsonDataset) -> list[JsonDataset]:
    return items(part, "ContentSequence")


def _regions(group: JsonDataset) -> Iterator[JsonDataset]:
    return (part for part in _children(group) if text(part, "ValueType") in _DRAWN)


def _is(part: JsonDataset, name: Code) -> bool:
    found = get_code(part, "ConceptNameCodeSequence")
    return found is not None and found.same_as(name)
