"""Run the Image Manager as a process of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from actors.image_manager.auditing import TransferLog
from actors.image_manager.mllp import adt_server
from actors.image_manager.reporting import Reporter, StorageLog
from actors.image_manager.routes import create_app
from actors.image_manager.scp import dimse_server
from actors.image_manager.service import ImageManager
from actors.image_manager.settings import Settings
from actors.shared.access import AccessLog
from actors.shared.refusals import RefusalLog
from actors.shared.reporting import reporter_for
from actors.shared.serving import require_free_port, serve
from actors.shared.settings import CommonSettings

ACTOR = "image_manager"


def run(settings: Settings, common: CommonSettings) -> None:
    """Serve DICOMweb and DIMSE until SIGTERM.

    Raises:
        Unavailable: when a port is taken or the data directory cannot be written.
    """
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # its warnings quote values of datasets
    for port in filter(None, (settings.port, settings.dimse_port, settings.mllp_port)):
        require_free_port(ACTOR, settings.host, port)
    reporter = reporter_for(ACTOR, common, settings)
    refusals = RefusalLog(reporter)
    manager = ImageManager(common.data_dir / ACTOR, refusals=refusals, authority=settings.patient_authority)
    transfers = TransferLog(manager.index, AccessLog(reporter))
    reporter.start()
    base = f"http://{settings.host}:{settings.port}"
    endpoints = {"http": base, "dicomweb": f"{base}/dicom-web", "dimse": f"{settings.host}:{settings.dimse_port}"}
    if settings.mllp_port:
        endpoints["mllp"] = f"{settings.host}:{settings.mllp_port}"
    try:
        with (
            _following(manager, reporter, settings.quiet_seconds),
            dimse_server(manager, settings, transfers),
            adt_server(manager, settings, refusals),
        ):
            serve(
                create_app(manager, refusals, transfers),
                actor=ACTOR,
                host=settings.host,
                port=settings.port,
                data_dir=common.data_dir,
                endpoints=endpoints,
            )
    finally:
        reporter.close()
        manager.close()


@contextmanager
def _following(manager: ImageManager, reporter: Reporter, quiet_seconds: float) -> Iterator[None]:
    """Tell the operational log what is stored, beside the serving."""
    log = StorageLog(manager.index, reporter, quiet_seconds, manager.clock)
    stopped = threading.Event()
    follower = threading.Thread(target=log.follow, args=(stopped,), name="storage-log", daemon=True)
    follower.start()
    try:
        yield
    finally:
        stopped.set()
        follower.join()
