"""Spoil what a Task Manager reports of events: each report passes through a function before it leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

Report = dict[str, Any]
Reports = list[tuple[int, Report]]
#: Gets the event of the outbox, the type of the report and its information; answers what is reported instead.
Change = Callable[[Any, int, Report], Reports]
_REPORTING = ("actors.shared.ups_face.hub", "actors.shared.ups_dimse.sender")


def part(path: str) -> Any:
    """A module or class of an actor, to be spoiled: ``package.module`` or ``package.module:Class``."""
    module, _, name = path.partition(":")
    found = import_module(module)
    return getattr(found, name) if name else found


def both(row: str) -> tuple[str, str]:
    """The cases of a row over both transports."""
    return f"{row}.rest", f"{row}.dimse"


def state_of(information: Report) -> str:
    """Procedure Step State in a report, or empty."""
    return str(information.get("00741000", {}).get("Value", [""])[0])


def change_reports(change: Change) -> None:
    """From now on every report passes through a function, over both transports."""
    for name in _REPORTING:
        module = part(name)
        module.reports = _changed(module.reports, change)


def _changed(honest: Callable[[Any], Any], change: Change) -> Callable[[Any], Iterator[tuple[int, Report]]]:
    def reports(event: Any) -> Iterator[tuple[int, Report]]:
        for kind, information in honest(event):
            yield from change(event, kind, information)

    return reports
