"""Which kinds of things can be judged, and by what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pydicom import Dataset

from conformance.finding import Finding
from profiles.errors import BadInput, NotFound


def _air(paths: Sequence[Path]) -> list[Finding]:
    from conformance.air import check_files

    return check_files(paths)


def _fhir(paths: Sequence[Path]) -> list[Finding]:
    from conformance.fhir import check_files

    return check_files(paths)


def _hl7(paths: Sequence[Path]) -> list[Finding]:
    from conformance.hl7 import check_files

    return check_files(paths)


def _sole(paths: Sequence[Path]) -> list[Finding]:
    from conformance.sole import check_files

    return check_files(paths)


def _ups(paths: Sequence[Path]) -> list[Finding]:
    from conformance.ups import check_files

    return check_files(paths)


FAMILIES: dict[str, Callable[[Sequence[Path]], list[Finding]]] = {
    "air": _air,
    "fhir": _fhir,
    "hl7": _hl7,
    "sole": _sole,
    "ups": _ups,
}
"""What ``check`` takes, by the name on the command line."""


def check(family: str, paths: Sequence[Path]) -> list[Finding]:
    """Judge files and folders.

    Args:
        family: a name in ``FAMILIES``.
        paths: files, or folders to judge with everything below them.

    Returns:
        Every broken rule; an empty list when all is well.

    Raises:
        BadInput: when there is no such family.
        NotFound: when a path does not exist.
    """
    if family not in FAMILIES:
        raise BadInput(f"Nothing can be checked as {family!r}; there is {', '.join(sorted(FAMILIES))}.")
    for path in paths:
        if not path.exists():
            raise NotFound(f"There is no file or folder {path}.")
    return FAMILIES[family](paths)


def check_datasets(objects: Sequence[tuple[str, Dataset]]) -> list[Finding]:
    """Judge AIR objects in memory, before they leave; see :func:`conformance.air.check_datasets`."""
    from conformance.air import check_datasets as judge

    return judge(objects)
