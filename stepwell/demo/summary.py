"""What a walk came to: the JSON of DESIGN 4.2 and the scorecard for people."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

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
    """What happened, how long it took, and the addresses to open while the actors run."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row(
        "order", f"accession {summary.order['accession_number']}, placer {summary.order['placer_order_number']}"
    )
    table.add_row("study", summary.study_instance_uid)
    table.add_row("workitem", f"{summary.workitem['uid']} {summary.workitem['state']}")
    table.add_row("engine", f"{summary.engine['name']} {summary.engine['version']} (no medical device)")
    for row in summary.measurements:
        table.add_row("measured", f"{row['name']} {row['value']:.0f} {row['unit']}")
    for result in summary.results:
        table.add_row(result.modality, result.path)
    seconds = summary.seconds
    table.add_row(
        "time",
        f"images available to result available {seconds.image_available_to_result_available:.1f} s = inference "
        f"{seconds.inference:.1f} s + everything else {seconds.everything_else:.1f} s; demo {seconds.total:.1f} s",
    )
    table.add_row("log", f"{summary.sole_events} SOLE events")
    table.add_row("memory", f"{summary.memory_megabytes:.0f} MB, all actors, idle after the study")
    for name, words in summary.faults.items():
        table.add_row("fault", f"{name}: {words}")
    if running:
        accession, study = summary.order["accession_number"], summary.study_instance_uid
        table.add_row("worklist", f"{summary.endpoints.web}/")
        table.add_row("result", f"{summary.endpoints.web}/results/{study}")
        table.add_row("timeline", f"{summary.endpoints.web}/timeline/{accession}")
    table.add_row(
        "thread", f"stepwell trace {summary.order['accession_number']} --config {summary.data_dir}/stepwell.toml"
    )
    console.print()
    console.print(table)
