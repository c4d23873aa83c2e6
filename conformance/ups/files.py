"""Read files and folders of workitems: DICOM JSON, the Native DICOM Model, or DICOM's own encoding.

A file that is none of these, is broken or is larger than any workitem is one finding.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from conformance.finding import Finding
from conformance.plain_files import Unreadable, files_below, read_bytes, read_json
from conformance.rules import Rule, read_rules
from conformance.ups.binary import is_binary, read_binary
from conformance.ups.elements import has_value
from conformance.ups.judging import check_workitem
from conformance.ups.moments import Moment, moment_of
from conformance.ups.native_xml import read_xml
from conformance.ups.shape import plain

_ONE_OBJECT = {Moment.CREATE, Moment.UPDATE, Moment.STATE, Moment.CANCEL, Moment.EVENT}


def check_files(paths: Sequence[Path], moment: str = "") -> list[Finding]:
    """Judge files and folders with everything below them.

    Args:
        paths: files and folders.
        moment: of ``Moment``, by value; when empty, what each dataset shows by its content.
    """
    return [found for path in files_below(paths) for found in _check_file(path, moment)]


def _check_file(path: Path, moment: str) -> list[Finding]:
    try:
        datasets, form, is_list = _read(path)
    except Unreadable as error:
        return [_rule("UPS-FILE").broken(str(path), "", str(error))]
    findings = []
    several = len(datasets) > 1
    for number, dataset in enumerate(datasets, start=1):
        name = f"{path}[{number}]" if several else str(path)
        shown = Moment(moment) if moment else _shown(dataset, several, form)
        if shown in _ONE_OBJECT and (several or (is_list and shown is Moment.EVENT)):
            fault = "is a list of datasets" if several else "is a list, and an event is an object"
            findings.append(_rule("UPS-FILE-ONE").broken(name, "", fault))
        findings += check_workitem(dataset, shown, name, form=form)
    return findings


def _shown(raw: Any, several: bool, form: str) -> Moment:
    dataset = plain(raw, lambda *_: None, with_command=True)
    is_answer = several and form == "json" and has_value(dataset, "SOPInstanceUID")
    return Moment.FOUND if is_answer else moment_of(dataset)


@cache
def _rule(rule: str) -> Rule:
    return read_rules("ups_rules")[rule]


def _read(path: Path) -> tuple[list[Any], str, bool]:
    """The datasets of a file, the form they are in, and whether they are in a list."""
    content = read_bytes(path)
    try:
        if is_binary(content):
            return [read_binary(content)], "dicom", False
        if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            return [read_xml(content)], "xml", False
    except Unreadable:
        raise
    except Exception as error:  # a broken file can make the reader raise anything
        raise Unreadable(f"the file cannot be read ({type(error).__name__})") from error
    found = read_json(content)
    return (found, "json", True) if isinstance(found, list) else ([found], "json", False)
