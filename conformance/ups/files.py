"""Read files and folders of workitems: DICOM JSON, the Native DICOM Model, or DICOM's own encoding.

A file that is none of these, is broken or is larger than any workitem is one finding.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from conformance.finding import Finding
from conformance.rules import Rule, read_rules
from conformance.ups.binary import is_binary, read_binary
from conformance.ups.judging import check_workitem
from conformance.ups.moments import Moment, moment_of
from conformance.ups.native_xml import read_xml
from conformance.ups.shape import plain

LARGEST = 16 * 2**20
_ONE_OBJECT = {Moment.CREATE, Moment.UPDATE, Moment.STATE, Moment.CANCEL, Moment.EVENT}


class Unreadable(ValueError):
    """A file that is no dataset; the words say why and hold nothing of its content."""


def check_files(paths: Sequence[Path], moment: str = "") -> list[Finding]:
    """Judge files and folders with everything below them.

    Args:
        paths: files and folders.
        moment: of ``Moment``, by value; when empty, what each dataset shows by its content.
    """
    return [found for path in _files(paths) for found in _check_file(path, moment)]


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(entry for entry in path.rglob("*") if entry.is_file()) if path.is_dir() else [path]


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


def _shown(dataset: Any, several: bool, form: str) -> Moment:
    shown = moment_of(plain(dataset, lambda *_: None, with_command=True))
    is_answer = shown in {Moment.STORED, Moment.UPDATE} and several and form == "json"
    return Moment.FOUND if is_answer else shown


@cache
def _rule(rule: str) -> Rule:
    return read_rules("ups_rules")[rule]


def _read(path: Path) -> tuple[list[Any], str, bool]:
    """The datasets of a file, the form they are in, and whether they are in a list."""
    try:
        if path.stat().st_size > LARGEST:
            raise Unreadable(f"the file has more than {LARGEST // 2**20} MiB; no workitem has")
        content = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"the file cannot be read ({type(error).__name__})") from error
    if not content.strip():
        raise Unreadable("the file is empty")
    try:
        if is_binary(content):
            return [read_binary(content)], "dicom", False
        if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            return [read_xml(content)], "xml", False
    except Exception as error:  # a broken file can make the reader raise anything
        raise Unreadable(_words(error)) from error
    found = _read_json(content)
    return (found, "json", True) if isinstance(found, list) else ([found], "json", False)


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, Unreadable) else f"the file cannot be read ({type(error).__name__})"


def _read_json(content: bytes) -> Any:
    try:
        found = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_once_each, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise Unreadable("the text is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise Unreadable(f"the file is no JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise Unreadable("the JSON is nested too deeply") from error
    except Unreadable:
        raise
    except ValueError as error:
        raise Unreadable("the JSON has a number that nobody can hold") from error
    if found == [] or not isinstance(found, dict | list):
        raise Unreadable("the JSON has no dataset")
    return found


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unreadable("the JSON has an object with the same key twice")
    return found


def _no_constant(_name: str) -> NoReturn:
    raise Unreadable("the JSON has a number that is none")
