"""The observations of a result: what it says, statement by statement, as OBX (orders.md section 11.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from pydicom import Dataset
from pydicom.uid import UID

from profiles.air import AlgorithmIdentification, KeyImages, ResultContext, Results, SeriesReference
from profiles.air.statements import Amount, Group, Statement, Uid, groups, of_the_study, remark
from profiles.dicom import Code, code
from profiles.hl7.building import components
from profiles.hl7.escapes import escape
from profiles.hl7.result_values import coded, number
from profiles.tables import read_table

Row = dict[str, str]

_LONGEST_STRING = 199
_WORDS = {("DCM", "121106"), ("DCM", "121076")}  # comments and conclusions, which people read
_METHOD, _NORMALITY = ("SCT", "370129005"), ("DCM", "121402")
_LOWER, _UPPER = ("SCT", "385524004"), ("SCT", "371933006")


def observations(
    results: Results,
    context: ResultContext,
    algorithm: AlgorithmIdentification,
    objects: Sequence[Dataset],
    workitem_uid: str,
    version: str,
) -> list[Row]:
    """The values of every OBX by their names in the table of fields; the first names the study.

    Args:
        results: what the algorithm reports.
        context: what the results are tied to.
        algorithm: what made them.
        objects: the encoded results.
        workitem_uid: not told when empty.
        version: of HL7; UIDs are HD in 2.3.1 and ST from 2.5.1 on.
    """
    study = Statement(Code("113014", "DCM", "DICOM Study"), Uid(context.study_instance_uid))
    whole = [
        *([Statement(code("99STEPWELL", "WORKITEM"), Uid(workitem_uid))] if workitem_uid else []),
        *(_instance(made) for made in objects),
        *_algorithm(algorithm),
        *of_the_study(results, objects),
        *(Statement(found.title, found.description, _chosen(found)) for found in results.key_images),
        Statement(code("DCM", "121076"), remark(context)),
    ]
    rows = [_row(study, "0", version) | {"status": "O"}]
    for place, said in enumerate(whole, start=1):
        rows += _rows(said, f"0.{place}", version)
    for place, group in enumerate(groups(results, context, algorithm, objects), start=1):
        rows += _of_group(group, str(place), version)
    return rows


def _instance(made: Dataset) -> Statement:
    """A result object; RAD-28 names it by words alone, e.g. ``SR Instance UID``."""
    kind = {"SR": "SR", "SEG": "SEG", "KO": "KO"}.get(str(made.Modality), UID(made.SOPClassUID).name)
    return Statement(Code("", "", f"{kind} Instance UID"), Uid(made.SOPInstanceUID))


def _chosen(found: KeyImages) -> tuple[Statement, ...]:
    """The images and series of a selection, named by words alone, too."""
    return tuple(
        Statement(Code("", "", "Series Instance UID"), Uid(one.series_instance_uid))
        if isinstance(one, SeriesReference)
        else Statement(Code("", "", "SOP Instance UID"), Uid(one.sop_instance_uid))
        for one in found.references
    )


def _algorithm(algorithm: AlgorithmIdentification) -> Iterator[Statement]:
    """TID 4019 and the device observer, as in the report."""
    yield Statement(code("DCM", "111001"), algorithm.name)
    yield Statement(code("DCM", "111003"), algorithm.version)
    yield Statement(code("DCM", "111000"), algorithm.family)
    yield from (Statement(code("DCM", "111002"), parameter) for parameter in algorithm.parameters)
    yield Statement(code("DCM", "121012"), Uid(algorithm.device_uid))
    yield Statement(code("DCM", "121014"), algorithm.manufacturer)


def _of_group(group: Group, place: str, version: str) -> list[Row]:
    said = [
        *group.identity,
        *([group.category] if group.category else []),
        *group.sites,
        *_references(group),
        *group.members,
    ]
    rows = [_row(group.found, place, version)] if group.found else []
    for part, one in enumerate(said, start=1):
        rows += _rows(one, f"{place}.{part}", version)
    return rows


def _references(group: Group) -> Iterator[Statement]:
    """The images that a finding names."""
    for image in group.thing.finding.images if group.thing.finding else ():
        yield Statement(code("DCM", "121112"), Uid(image.sop_instance_uid))


def _rows(said: Statement, place: str, version: str) -> list[Row]:
    """A statement, and what is said about its value."""
    rows = [_row(said, place, version)]
    for part, one in enumerate(said.parts, start=1):
        rows += _rows(one, f"{place}.{part}", version)
    return rows


def _row(said: Statement, place: str, version: str) -> Row:
    value = said.value
    kind, text, unit = "TX", "", ""
    if isinstance(value, Code):
        kind, text = "CE", coded(value)
    elif isinstance(value, Amount):
        kind, text, unit = "NM", number(value.value), coded(value.unit)
    elif isinstance(value, Uid):
        kind, text = ("HD" if version == "2.3.1" else "ST"), components(str(value))
    else:
        is_label = value.isprintable() and len(value) <= _LONGEST_STRING
        is_label = is_label and (said.name.scheme, said.name.value) not in _WORDS
        kind, text = ("ST" if is_label else "TX"), escape(value)
    return {"type": kind, "name": coded(said.name), "place": place, "value": text, "unit": unit, **_about(said.parts)}


def _about(parts: Iterable[Statement]) -> Row:
    """What OBX has a field for: method, normal range and normality; they follow as observations, too."""
    found = {(one.name.scheme, one.name.value): one.value for one in parts}
    row: Row = {}
    method, normality = found.get(_METHOD), found.get(_NORMALITY)
    if isinstance(method, Code):
        row["method"] = coded(method)
    if isinstance(normality, Code):
        row["flag"] = _flags().get((normality.scheme, normality.value), "")
    lower, upper = (one.value if isinstance(one, Amount) else None for one in (found.get(_LOWER), found.get(_UPPER)))
    row["range"] = escape(_range(lower, upper))
    return row


def _range(lower: float | None, upper: float | None) -> str:
    """OBX-7: both limits, or the one that there is (HL7 2.5.1 section 7.4.2.7)."""
    if lower is None:
        return "" if upper is None else f"<{number(upper)}"
    return f">{number(lower)}" if upper is None else f"{number(lower)}-{number(upper)}"


@cache
def _flags() -> dict[tuple[str, str], str]:
    return {(row["scheme"], row["value"]): row["flag"] for row in read_table("profiles.air", "normality")}
