"""What a walk came to: the JSON of DESIGN 4.2 and the scorecard for people."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from stepwell.demo.department import Endpoints


@dataclass(frozen=True, slots=True)
class ResultFile:
    """One stored result object, and where a copy of it lies."""

    sop_class_uid: str
    sop_instance_uid: str
    modality: str
    path: str


@dataclass(frozen=True, slots=True)
class Seconds:
    """Times of one walk, in seconds."""

    image_available_to_result_available: float
    inference: float
    everything_else: float
    total: float


@dataclass(frozen=True, slots=True)
class Summary:
    """One study, from order to result."""

    order: dict[str, str]
    study_instance_uid: str
    workitem: dict[str, str]
    engine: dict[str, str]
    results: tuple[ResultFile, ...]
    measurements: tuple[dict[str, Any], ...]
    sole_events: int
    seconds: Seconds
    memory_megabytes: float
    endpoints: Endpoints
    data_dir: str
    faults: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The mapping that ``demo --once --json`` prints."""
        return asdict(self)


def print_scorecard(summary: Summary, console: Console, running: bool) -> None:
    """What happened, how long it took, and the addresses to open while the actors run.

    Lines are left as long as they are: an address or a path that is cut in two cannot be copied.
    """
    console.print()
    for name, words in _rows(summary, running):
        console.print(f"[bold]{name:10}[/]{escape(words)}", soft_wrap=True, highlight=False)


def _rows(summary: Summary, running: bool) -> Iterator[tuple[str, str]]:
    accession, study, data = summary.order["accession_number"], summary.study_instance_uid, summary.data_dir
    yield "order", f"accession {accession}, placer {summary.order['placer_order_number']}"
    yield "study", study
    yield "workitem", f"{summary.workitem['uid']} {summary.workitem['state']}"
    yield "engine", f"{summary.engine['name']} {summary.engine['version']} (no medical device)"
    for row in summary.measurements:
        yield "measured", f"{row['name']} {row['value']:.0f} {row['unit']}"
    for result in summary.results:
        yield result.modality, result.path
    if (picture := Path(data) / "results" / accession / "overlay.png").exists():
        yield "picture", str(picture)
    seconds = summary.seconds
    yield (
        "time",
        (
            f"images available to result available {seconds.image_available_to_result_available:.1f} s = inference "
            f"{seconds.inference:.1f} s + everything else {seconds.everything_else:.1f} s; demo {seconds.total:.1f} s"
        ),
    )
    yield "log", f"{summary.sole_events} SOLE events"
    yield "memory", f"{summary.memory_megabytes:.0f} MB, all actors, idle after the study"
    for name, words in summary.faults.items():
        yield "fault", f"{name}: {words}"
    command, config = _command(), f"--config {data}/stepwell.toml"
    if running:
        yield "worklist", f"{summary.endpoints.web}/"
        yield "result", f"{summary.endpoints.web}/results/{study}"
        yield "timeline", f"{summary.endpoints.web}/timeline/{accession}"
    else:
        yield "again", f"{command} up {config}   # starts the actors over this data; a trace asks them"
    yield "thread", f"{command} trace {accession} {config}"


def _command() -> str:
    """How to call ``stepwell`` from here: by its name when it is found by it, else by its path."""
    beside = Path(sys.executable).with_name("stepwell")
    if shutil.which("stepwell") or not beside.exists():
        return "stepwell"
    return os.path.relpath(beside) if beside.is_relative_to(Path.cwd()) else str(beside)
