"""What ``stepwell ups`` needs besides a client: claims kept on disk, datasets from words and into words."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import orjson
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword

from actors.shared.multipart import is_uid
from actors.shared.serving import write_durably
from profiles.dicom import Code, JsonDataset, dicom_datetime, get_code, item, new_uid, put, put_codes, put_items, tag_of
from profiles.errors import BadInput, NotFound
from profiles.ups import with_type_2

_EXAMPLE = Code("EXAMPLE", "99STEPWELL", "Example analysis")
_NUMBERS = ("DS", "IS", "US", "UL", "SS", "SL", "FD", "FL")


class Claims:
    """The Transaction UIDs of this user's claims, one file each with mode 0600: known to the performer alone.

    Args:
        folder: where they are kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _path(self, uid: str) -> Path:
        if not is_uid(uid):
            raise BadInput(f"{uid[:64]!r} is no UID (PS3.5 section 9.1).")
        return self._folder / uid

    def intend(self, uid: str) -> str:
        """The Transaction UID to claim a workitem with, on disk before it is sent; the same one when asked again."""
        if known := self.find(uid):
            return known
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = new_uid()
        write_durably(self._path(uid), made.encode(), mode=0o600)
        return made

    def find(self, uid: str) -> str | None:
        """The Transaction UID of a claim, or None."""
        path = self._path(uid)
        return path.read_text(encoding="ascii") if path.exists() else None

    def require(self, uid: str) -> str:
        """The Transaction UID of a claim.

        Raises:
            NotFound: when it was not claimed from here.
        """
        known = self.find(uid)
        if known is None:
            raise NotFound(f"{uid} was not claimed from here ; claim it first (`stepwell ups claim`).")
        return known

    def forget(self, uid: str) -> None:
        """The workitem is in a final state."""
        self._path(uid).unlink(missing_ok=True)


def read_pairs(words: Sequence[str]) -> dict[str, str]:
    """``KEY=VALUE`` words as a mapping; keywords may be nested by dots.

    Raises:
        BadInput: for what is no such word, or names no attribute.
    """
    found: dict[str, str] = {}
    for word in words:
        path, separator, value = word.partition("=")
        if not separator:
            raise BadInput(f"{word!r} is not KEYWORD=VALUE, e.g. WorklistLabel=BRAIN.")
        for part in path.split("."):
            if tag_for_keyword(part) is None:
                raise BadInput(f"DICOM has no attribute with the keyword {part!r} (PS3.6 section 6).")
        found[path] = value
    return found


def read_workitem(path: Path) -> JsonDataset:
    """A dataset from a file of DICOM JSON; ``-`` is standard input.

    Raises:
        BadInput: when it is none.
    """
    try:
        content = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        found = orjson.loads(content)
    except (OSError, orjson.JSONDecodeError) as error:
        raise BadInput(f"{path} cannot be read as DICOM JSON (PS3.18 Annex F): {error}.") from error
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if not isinstance(found, dict):
        raise BadInput(f"{path} is not one dataset in the DICOM JSON Model (PS3.18 Annex F).")
    return found


def with_pairs(dataset: JsonDataset, pairs: Mapping[str, str]) -> JsonDataset:
    """A dataset with attributes set; a nested keyword goes to the first item of its sequence, made when missing."""
    for path, value in pairs.items():
        holder, parts = dataset, path.split(".")
        for sequence in parts[:-1]:
            inner = item(holder, sequence)
            if not inner:
                inner = {}
                put_items(holder, sequence, inner)
            holder = inner
        _put_words(holder, parts[-1], value)
    return _sorted(dataset)


def _put_words(holder: JsonDataset, keyword: str, value: str) -> None:
    vr = dictionary_VR(int(tag_of(keyword), 16))
    if vr == "SQ":
        raise BadInput(f"{keyword} is a sequence; set its attributes, e.g. {keyword}.CodeValue=….")
    if not value:
        put(holder, keyword)
    elif vr in _NUMBERS:
        try:
            put(holder, keyword, float(value) if "." in value else int(value))
        except ValueError as error:
            raise BadInput(f"{keyword} is {value!r}; its VR {vr} takes a number (PS3.5 6.2).") from error
    else:
        put(holder, keyword, value)


def _sorted(dataset: JsonDataset) -> JsonDataset:
    return dict(sorted(dataset.items()))


def example_workitem(now: datetime) -> JsonDataset:
    """The least that a creation needs, for a patient who does not exist."""
    workitem: JsonDataset = {}
    put(workitem, "ProcedureStepState", "SCHEDULED")
    put(workitem, "ScheduledProcedureStepPriority", "MEDIUM")
    put(workitem, "ProcedureStepLabel", "Example")
    put(workitem, "ScheduledProcedureStepStartDateTime", dicom_datetime(now))
    put(workitem, "InputReadinessState", "READY")
    put(workitem, "PatientName", "FICTIONAL^EXAMPLE")
    put(workitem, "PatientID", "EXAMPLE")
    put_codes(workitem, "ScheduledWorkitemCodeSequence", _EXAMPLE)
    with_type_2(workitem)
    return _sorted(workitem)


def performed_by(ae_title: str, workitem: JsonDataset, now: datetime) -> JsonDataset:
    """An update that gives a workitem what COMPLETED needs: done by this station, as scheduled, without outputs."""
    done: JsonDataset = {}
    put_codes(done, "PerformedStationNameCodeSequence", Code(ae_title, "L", ae_title))
    scheduled = get_code(workitem, "ScheduledWorkitemCodeSequence") or _EXAMPLE
    put_codes(done, "PerformedWorkitemCodeSequence", scheduled)
    put(done, "PerformedProcedureStepStartDateTime", dicom_datetime(now))
    put(done, "PerformedProcedureStepEndDateTime", dicom_datetime(now))
    put_items(done, "OutputInformationSequence")
    update: JsonDataset = {}
    return put_items(update, "UnifiedProcedureStepPerformedProcedureSequence", _sorted(done))


def told(dataset: JsonDataset, indent: str = "") -> Iterator[str]:
    """Lines that tell a dataset to a person: keyword and values, items indented below their sequence."""
    for tag, element in dataset.items():
        name = keyword_for_tag(int(tag, 16)) or tag
        values = element.get("Value", [])
        if element.get("vr") == "SQ":
            yield f"{indent}{name}:" + ("" if values else " no items")
            for one in values:
                yield from told(one, f"{indent}  ")
        else:
            yield f"{indent}{name}: " + ", ".join(_words(value) for value in values)


def _words(value: object) -> str:
    if isinstance(value, dict):
        return "=".join(str(value.get(group, "")) for group in ("Alphabetic", "Ideographic", "Phonetic")).rstrip("=")
    return "" if value is None else str(value)
