"""How long it takes from the answer to an order until its workitem can be found at the Task Manager."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from actors.shared.dicomweb import Archive
from actors.shared.ups_client import UpsClient
from benchmarks._servers import listener, process
from connectathon.fiction import new_order
from connectathon.modality import Head, write_series
from connectathon.ris import build_order, send_order
from connectathon.waiting import eventually, free_port

QUIET_SECONDS = 0.5


def seconds_to_workitem(folder: Path, count: int) -> float:
    """Median over orders whose images are there already; the study has to stand still for `QUIET_SECONDS` of it."""
    with (
        _department(folder) as (images, manager, mllp),
        Archive(images) as archive,
        UpsClient(manager, ae_title="BENCHMARK") as worklist,
    ):
        return statistics.median(_once(folder / str(one), archive, worklist, mllp) for one in range(count))


def _once(folder: Path, archive: Archive, worklist: UpsClient, mllp: int) -> float:
    order = new_order()
    voxels = np.random.default_rng(0).integers(0, 500, (24, 16, 16), dtype=np.int16)
    archive.store(write_series(Head("small", "T1w (noise)", voxels, np.eye(4)), order, folder, slice_axis=0))
    wanted = {"ReferencedRequestSequence.AccessionNumber": order.accession_number}
    answer = send_order("127.0.0.1", mllp, build_order(order))
    if answer.code != "AA":
        raise RuntimeError(f"the order was answered {answer.code}")
    begun = time.perf_counter()
    eventually(lambda: worklist.search(wanted), what="the workitem")
    return time.perf_counter() - begun


@contextmanager
def _department(folder: Path) -> Iterator[tuple[str, str, int]]:
    """Image Manager, Task Manager and Task Requester as users run them: two addresses and a port."""
    folder.mkdir(parents=True)
    images, manager, mllp, config = free_port(), free_port(), free_port(), folder / "stepwell.toml"
    archive_url, worklist_url = f"http://127.0.0.1:{images}/dicom-web", f"http://127.0.0.1:{manager}/ups-rs"
    config.write_text(
        f'[stepwell]\ndata_dir = "{folder}/data"\n[image_manager]\nport = {images}\ndimse_port = {free_port()}\n'
        f"[task_manager]\nport = {manager}\n[task_requester]\nmllp_port = {mllp}\nquiet_seconds = {QUIET_SECONDS}\n"
        f'archive_url = "{archive_url}"\ntask_manager_url = "{worklist_url}"\n',
        encoding="utf-8",
    )
    with ExitStack() as running:
        for actor, port in (("image-manager", images), ("task-manager", manager)):
            running.enter_context(process(port, "-m", "stepwell", "up", actor, "--config", str(config)))
        running.enter_context(listener(mllp, "-m", "stepwell", "up", "task-requester", "--config", str(config)))
        yield archive_url, worklist_url, mllp
