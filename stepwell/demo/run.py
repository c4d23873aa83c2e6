"""Run the demo: a department, one study, its faults, its scorecard."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from profiles.dicom import JsonDataset, item, text
from profiles.errors import Unavailable
from stepwell.demo.department import Department
from stepwell.demo.faults import Fault, chosen
from stepwell.demo.summary import ResultFile, Seconds, Summary
from stepwell.demo.walk import Walk, seconds_between

#: The steps whose events must have arrived before the walk counts as logged.
LAST_STEPS = ("order-received", "workitem-created", "inference-ended", "result-available", "workitem-completed")

IMAGING_MEASUREMENTS = "126010"


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for on the command line."""

    data_dir: Path
    image_manager: str | None = None
    faults: tuple[str, ...] = ()
    source: str = "pydeface"


def require_network_weights() -> None:
    """Refuse early when the real network cannot run here.

    Raises:
        Unavailable: naming what to install.
    """
    if missing := [name for name in ("torch", "deepbet") if find_spec(name) is None]:
        raise Unavailable(
            f"{' and '.join(missing)} not installed, so no network can run. Install them with "
            "`pip install 'stepwell[ai]'`, or start the demo by scripts/demo, which sets everything up."
        )


def run_demo(
    options: Options, report: Callable[[str, str], None], stay: Callable[[Summary, Department], None] | None = None
) -> Summary:
    """Take one study from order to result.

    Args:
        options: what was asked for.
        report: told each stage in words.
        stay: called with the summary while the department still runs; the demo ends when it returns.

    Raises:
        StepwellError: when the study does not end right, in words.
    """
    started = time.monotonic()
    faults = chosen(list(options.faults), bool(options.image_manager))
    require_network_weights()
    department = Department(options.data_dir, options.image_manager)
    report("actors", f"starting {len(department.units)} processes, data in {department.data_dir}")
    with department, ThreadPoolExecutor(1) as camera:
        walk = Walk(department, report, source=options.source)
        images = camera.submit(walk.make_images)
        department.supervisor.wait_ready()
        paths = images.result()
        for fault in faults:
            report("fault", fault.promise)
            fault.begin(department)
        workitem = _go(walk, paths, options.faults)
        total = time.monotonic() - started
        summary = _sum_up(walk, workitem, faults, total)
        if stay:
            stay(summary, department)
    return summary


def _go(walk: Walk, paths: list[Path], faults: tuple[str, ...]) -> JsonDataset:
    walk.send_order(twice="order-twice" in faults)
    if "images-late" in faults:
        walk.await_vain_search()
    walk.send_images(paths)
    workitem = walk.await_final()
    if (count := walk.workitem_count()) != 1:
        raise Unavailable(f"the order led to {count} workitems instead of one")
    return workitem


def _sum_up(walk: Walk, workitem: JsonDataset, faults: list[Fault], total: float) -> Summary:
    seen: dict[str, str] = {}
    for fault in faults:
        try:
            seen[fault.name] = fault.happened(walk.department)
        except TimeoutError as error:
            raise Unavailable(str(error)) from error
    events = walk.await_events(LAST_STEPS)
    results = _result_files(walk)
    kinds = sorted(result.modality for result in results)
    if kinds != ["SEG", "SR"]:
        raise Unavailable(f"the study has the results {kinds or 'none'} instead of one SEG and one SR")
    walk.save_overlay()
    performed = item(workitem, "UnifiedProcedureStepPerformedProcedureSequence")
    if not performed:
        raise Unavailable("the COMPLETED workitem has no Performed Procedure Sequence")
    return Summary(
        order={
            "accession_number": walk.order.accession_number,
            "placer_order_number": walk.order.placer_order_number,
            "message_control_id": walk.control_id,
        },
        study_instance_uid=walk.order.study_instance_uid,
        workitem={"uid": text(workitem, "SOPInstanceUID"), "state": text(workitem, "ProcedureStepState")},
        engine=_engine(events),
        results=tuple(results),
        measurements=tuple(_measurements(results)),
        sole_events=len(events),
        seconds=_seconds(walk, events, total),
        memory_megabytes=round(walk.department.memory_megabytes(), 1),
        endpoints=walk.department.endpoints,
        data_dir=str(walk.department.data_dir),
        faults=seen,
    )


def _engine(events: list[dict[str, Any]]) -> dict[str, str]:
    algorithm: dict[str, str] = next((event["algorithm"] for event in events if event.get("algorithm")), {})
    return {"name": algorithm.get("name", ""), "version": algorithm.get("version", "")}


def _seconds(walk: Walk, events: list[dict[str, Any]], total: float) -> Seconds:
    available = [datetime.fromisoformat(event["at"]) for event in events if event.get("step") == "result-available"]
    waited = (max(available) - walk.images_sent_at).total_seconds() if available and walk.images_sent_at else 0.0
    inference = seconds_between(events, "inference-started", "inference-ended")
    return Seconds(round(waited, 3), round(inference, 3), round(waited - inference, 3), round(total, 3))


def _result_files(walk: Walk) -> list[ResultFile]:
    from pydicom import dcmread

    rows = []
    for modality, path in walk.fetch_results():
        header = dcmread(path, stop_before_pixels=True, specific_tags=["SOPClassUID", "SOPInstanceUID"])
        rows.append(ResultFile(str(header.SOPClassUID), str(header.SOPInstanceUID), modality, str(path)))
    return rows


def _measurements(results: list[ResultFile]) -> list[dict[str, Any]]:
    """Every measurement of the SR, with name and unit, as it stands there (below Imaging Measurements, TID 1500)."""
    from pydicom import dcmread

    rows: list[dict[str, Any]] = []

    def visit(node: Any) -> None:
        for child in getattr(node, "ContentSequence", []):
            if child.ValueType == "NUM" and child.MeasuredValueSequence:
                measured = child.MeasuredValueSequence[0]
                unit = measured.MeasurementUnitsCodeSequence[0].CodeValue
                name = child.ConceptNameCodeSequence[0].CodeMeaning
                rows.append({"name": str(name), "value": float(measured.NumericValue), "unit": str(unit)})
            visit(child)

    for result in results:
        if result.modality == "SR":
            for container in dcmread(result.path).ContentSequence:
                if container.ConceptNameCodeSequence[0].CodeValue == IMAGING_MEASUREMENTS:
                    visit(container)
    return rows


__all__ = ["Options", "run_demo"]
