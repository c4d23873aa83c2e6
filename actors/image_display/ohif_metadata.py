"""Results as OHIF 3.13 can show them: what it reads is a copy in its own terms, what is stored stays as it is.

Measurement reports (TID 1500) are previewed with their own words and numbers. OHIF draws a region only where it hangs
below a number, names a drawing by comments, rounds numbers, leaves out what is drawn in space, and shows nothing at all
of a report that has one measurement group without coordinates. What it would show wrongly, or never finish loading, it
is told it cannot show.
"""

from __future__ import annotations

from collections.abc import Iterator

from profiles.dicom import (
    Code,
    JsonDataset,
    code,
    get_all,
    get_code,
    item,
    items,
    put,
    put_codes,
    put_items,
    remove,
    text,
)

_REPORT, _GROUPS, _GROUP = code("DCM", "126000"), code("DCM", "126010"), code("DCM", "125007")
_LIBRARY = code("DCM", "111028")
_NAME, _UID = code("DCM", "112039"), code("DCM", "112040")
_COMMENT, _REGION = code("DCM", "121106"), code("DCM", "111030")
_READ_AS_TEXT = "126001"
#: Parametric maps, which OHIF draws on other slices than their own, or never: it does not open raw data.
_MAPS = frozenset({"1.2.840.10008.5.1.4.1.1.30", "1.2.840.10008.5.1.4.1.1.67"})
_RAW_DATA = "1.2.840.10008.5.1.4.1.1.66"
#: Coded answers that say how a result was sorted, drawn or made, not what it is: finding category, geometric purpose of
#: the region, algorithm family.
_UNSAID = frozenset({"276214006", "130400", "111000"})


def for_ohif(instance: JsonDataset) -> JsonDataset:
    """A copy of a result for the viewer; anything else as it is.

    Args:
        instance: DICOM JSON Model, with the content tree of a report.
    """
    kind = text(instance, "SegmentationType")
    if kind == "FRACTIONAL" or text(instance, "SOPClassUID") in _MAPS:
        return put(dict(instance), "SOPClassUID", _RAW_DATA)
    if kind == "LABELMAP":
        segments = [one for one in items(instance, "SegmentSequence") if text(one, "SegmentNumber") != "0"]
        return put_items(dict(instance), "SegmentSequence", *segments)
    if text(instance, "Modality") == "SR" and _is(instance, _REPORT):
        return _report(instance)
    return instance


def _report(report: JsonDataset) -> JsonDataset:
    sections = [part for part in _children(report) if text(part, "ValueType") == "CONTAINER"]
    said = [one for part in sections if not _is(part, _LIBRARY) for one in _children(part)]
    drawn = [shown for one in said if _is(one, _GROUP) for shown in _drawings(one)]
    if not drawn:
        return _as_text(report)
    unseen = sum(not any(True for _ in _regions(one)) for one in said)
    if unseen:
        remark = _comment(f"{unseen} more not drawn here: see the page of results")
        drawn[0] = put_items(drawn[0], "ContentSequence", *_children(drawn[0]), remark)
    shown = [
        put_items(dict(part), "ContentSequence", *drawn) if _is(part, _GROUPS) else part for part in _children(report)
    ]
    return put_items(dict(report), "ContentSequence", *shown)


def _drawings(group: JsonDataset) -> Iterator[JsonDataset]:
    """One group for each region, as OHIF draws no more than one of each."""
    names = [part for part in _children(group) if _is(part, _NAME)]
    uid = next((text(part, "UID") for part in _children(group) if _is(part, _UID)), "")
    words = [_comment(line) for line in _words(group)]
    for number, region in enumerate(_regions(group)):
        own = put(_content("UIDREF", _UID), "UID", f"{uid}.{number}" if number else uid)
        carrier = put_items(_content("NUM", _REGION), "ContentSequence", region)
        yield put_items(dict(group), "ContentSequence", *names, own, carrier, *words)


def _words(group: JsonDataset) -> Iterator[str]:
    """What the group says, a line each; numbers as they are written."""
    for part in _children(group):
        name = get_code(part, "ConceptNameCodeSequence")
        if name is None or name.value in _UNSAID:
            continue
        if name.same_as(_NAME) or name.same_as(_COMMENT):
            yield text(part, "TextValue")
        elif text(part, "ValueType") in ("CODE", "NUM"):
            modifiers = (one for one in _children(part) if text(one, "RelationshipType") == "HAS CONCEPT MOD")
            yield f"{name.meaning}: {', '.join(filter(None, (_value(one) for one in (part, *modifiers))))}"


def _value(part: JsonDataset) -> str:
    """A coded answer in words, or a number with its unit; nothing of other items."""
    answer = get_code(part, "ConceptCodeSequence")
    if answer is not None:
        return answer.meaning
    value = item(part, "MeasuredValueSequence")
    unit = get_code(value, "MeasurementUnitsCodeSequence")
    return f"{text(value, 'NumericValue')} {unit.value if unit else ''}".strip()


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
    """Each outline, line or point of a group on an image, its own or a number's: without a name, one point in each."""
    for part in (*_children(group), *(below for one in _children(group) for below in _children(one))):
        if text(part, "ValueType") != "SCOORD":
            continue
        shape = put(dict(part), "RelationshipType", "INFERRED FROM")
        remove(shape, "ConceptNameCodeSequence")
        if text(part, "GraphicType") != "MULTIPOINT":
            yield shape
            continue
        numbers = get_all(part, "GraphicData")
        for point in zip(numbers[::2], numbers[1::2], strict=False):
            yield put(put(dict(shape), "GraphicType", "POINT"), "GraphicData", *point)


def _is(part: JsonDataset, name: Code) -> bool:
    found = get_code(part, "ConceptNameCodeSequence")
    return found is not None and found.same_as(name)
