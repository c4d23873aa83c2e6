"""The walk of one study: order in, images in, workitem, AI, results, events (DESIGN section 1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from actors.shared.dicomweb import Archive
from actors.shared.ups_client import UpsClient
from connectathon import modality, ris
from connectathon.fiction import DemoOrder, new_order
from connectathon.waiting import eventually
from profiles.dicom import JsonDataset, item, text
from profiles.errors import Unavailable
from stepwell.demo.department import Department
from stepwell.demo.logs import LogReader

FINAL = ("COMPLETED", "CANCELED")
LIMIT_SECONDS = 900.0
Report = Callable[[str, str], None]


@dataclass(slots=True)
class Walk:
    """One study on its way through a department.

    Args:
        department: a running department.
        report: told each stage in words.
        source: which head the modality sends (``pydeface`` or ``colin27``).
        slices: which of its slices; all when None.
    """

    department: Department
    report: Report
    source: str = "pydeface"
    slices: slice | None = None
    order: DemoOrder = field(default_factory=new_order)
    images_sent_at: datetime | None = None
    control_id: str = ""

    def make_images(self) -> list[Path]:
        """Let the modality take the pictures; they are files until they are sent."""
        folder = self.department.data_dir / "modality" / self.order.accession_number
        folder.mkdir(parents=True, exist_ok=True)
        return modality.head_study(self.order, folder, source=self.source, slices=self.slices)

    def send_order(self, twice: bool = False) -> None:
        """Send the order over MLLP and see that it is accepted.

        Raises:
            Unavailable: when it is not answered AA.
        """
        message = ris.build_order(self.order)
        host, port = self.department.endpoints.mllp_address
        for _ in range(2 if twice else 1):
            answer = ris.send_order(host, port, message)
            if answer.code != "AA":
                raise Unavailable(f"the order was answered {answer.code}: {answer.text}")
            self.control_id = answer.control_id
        self.report(
            "order", f"HL7 order for accession {self.order.accession_number} sent{' twice' if twice else ''}, AA"
        )

    def await_vain_search(self) -> None:
        """Wait until the Task Requester has looked for the study and not found it."""
        log = LogReader(self.department.supervisor.log_file("task_requester"))
        self.report("images", "late: waiting until they have been looked for in vain")
        log.wait_for(event="study-awaited", limit_seconds=60)

    def send_images(self, paths: list[Path]) -> None:
        """Send the study as a modality does: C-STORE, or STOW-RS to a PACS that is not ours."""
        endpoints = self.department.endpoints

        def sent() -> bool:
            try:
                if self.department.external_archive:
                    modality.send_study(paths, dicomweb_url=endpoints.image_manager)
                else:
                    modality.send_study(paths, dimse=endpoints.dimse_address)
            except Unavailable:
                return False  # a modality sends again; what is stored already is recognised
            return True

        eventually(sent, 120, "the archive to take the images")
        self.images_sent_at = datetime.now(UTC)
        self.report(
            "images",
            f"{len(paths)} MR images sent {'by STOW-RS' if self.department.external_archive else 'by C-STORE'}",
        )

    def _search(self) -> list[JsonDataset]:
        with UpsClient(self.department.endpoints.task_manager, ae_title="DEMO") as client:
            try:
                return client.search({"ReferencedRequestSequence.AccessionNumber": self.order.accession_number})
            except Unavailable:
                return []  # it is being started again

    def await_final(self, limit_seconds: float = LIMIT_SECONDS) -> JsonDataset:
        """Follow the study's workitem until it is COMPLETED.

        Raises:
            Unavailable: when it was canceled instead, with the reason the performer gave.
            TimeoutError: when it is in no final state in time.
        """

        def final() -> JsonDataset | None:
            if self.department.supervisor.failure:
                raise Unavailable(self.department.supervisor.failure)
            for workitem in self._search():
                state = text(workitem, "ProcedureStepState")
                progress = text(
                    item(workitem, "ProcedureStepProgressInformationSequence"), "ProcedureStepProgressDescription"
                )
                self.report("workitem", f"{state.lower()} {progress}".rstrip())
                if state in FINAL:
                    return workitem
            return None

        workitem = eventually(
            final, limit_seconds, f"the workitem of accession {self.order.accession_number} to be final"
        )
        if text(workitem, "ProcedureStepState") != "COMPLETED":
            progress = item(workitem, "ProcedureStepProgressInformationSequence")
            reason = text(item(progress, "ProcedureStepDiscontinuationReasonCodeSequence"), "CodeMeaning")
            words = text(progress, "ReasonForCancellation")
            raise Unavailable(f"the workitem was canceled: {reason}. {words}")
        return workitem

    def workitem_count(self) -> int:
        """How many workitems this order led to; one, whatever happened."""
        return len(self._search())

    def events(self) -> list[dict[str, Any]]:
        """The SOLE events of this study, as the Event Repository has them."""
        try:
            answer = httpx.get(
                f"{self.department.endpoints.event_repository}/events",
                params={"accession": self.order.accession_number, "limit": 1000},
                timeout=10,
            )
            answer.raise_for_status()
        except httpx.HTTPError:
            return []
        found: list[dict[str, Any]] = answer.json()
        return found

    def await_events(self, steps: tuple[str, ...], limit_seconds: float = 120.0) -> list[dict[str, Any]]:
        """Wait until the Event Repository has these steps of the study, and return all of its events."""
        self.report("log", "waiting for the events")

        def complete() -> list[dict[str, Any]] | None:
            events = self.events()
            return events if set(steps) <= {event.get("step") for event in events} else None

        events = eventually(complete, limit_seconds, f"the events {', '.join(steps)}")
        self.report("log", f"{len(events)} SOLE events in the Event Repository")
        return events

    def fetch_results(self) -> list[tuple[str, Path]]:
        """Retrieve the study's SEG and SR over WADO-RS.

        Returns:
            Modality and file of each.
        """
        folder = self.department.data_dir / "results" / self.order.accession_number
        found: list[tuple[str, Path]] = []
        with Archive(self.department.endpoints.image_manager) as archive:
            for kind in ("SEG", "SR"):
                for series in archive.search_series(self.order.study_instance_uid, {"Modality": kind}):
                    into = folder / kind
                    into.mkdir(parents=True, exist_ok=True)
                    uid = text(series, "SeriesInstanceUID")
                    found += [
                        (kind, path) for path in archive.retrieve_series(self.order.study_instance_uid, uid, into)
                    ]
        return found

    def save_overlay(self) -> Path | None:
        """The picture of the mask over the images, from the Image Display."""
        path = self.department.data_dir / "results" / self.order.accession_number / "overlay.png"
        url = f"{self.department.endpoints.web}/results/{self.order.study_instance_uid}/montage.png"
        try:
            answer = httpx.get(url, timeout=60)
            answer.raise_for_status()
        except httpx.HTTPError:
            return None
        path.write_bytes(answer.content)
        return path


def seconds_between(events: list[dict[str, Any]], first: str, last: str) -> float:
    """Seconds from the last occurrence of one step to the last occurrence of another; 0 when one is missing.

    The last occurrences, because a step that was done again after a fault counts as it went in the end.
    """

    def moment(step: str) -> datetime | None:
        return max((datetime.fromisoformat(event["at"]) for event in events if event.get("step") == step), default=None)

    begin, end = moment(first), moment(last)
    return (end - begin).total_seconds() if begin and end else 0.0
