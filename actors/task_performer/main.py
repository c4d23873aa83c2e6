"""Run the Task Performer as a process of its own."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from datetime import UTC, datetime
from pathlib import Path

from actors.shared.logs import get_logger
from actors.shared.reporting import reporter_for
from actors.shared.serving import announce_ready, stop_signals
from actors.shared.settings import CommonSettings
from actors.shared.ups_client import UpsClient
from actors.task_performer.guards import Station
from actors.task_performer.journal import Journal, disk_faults
from actors.task_performer.patience import Patience
from actors.task_performer.reporting import available
from actors.task_performer.service import TaskPerformer, station_of
from actors.task_performer.settings import Settings
from actors.task_performer.work import Means
from ai_engines import EngineDescription, engine, engine_names, missing_requirements
from profiles.errors import BadInput, NotFound, Unavailable
from sole_logging import EventReporter

ACTOR = "task_performer"
_log = get_logger(__name__)


def run(settings: Settings, common: CommonSettings) -> None:
    """Work until SIGTERM.

    Raises:
        BadInput: when an engine that is configured does not exist.
        Unavailable: when no engine can run here, the data directory cannot be written, or another performer uses it.
    """
    engines = usable_engines(settings.engines)
    folder = (common.data_dir / ACTOR).resolve()
    with stop_signals() as stopped, _alone_in(folder):
        journal = Journal(folder / "journal")
        reporter = reporter_for(ACTOR, common, settings)
        with (
            closing(reporter),
            UpsClient(settings.task_manager_url, ae_title=settings.ae_title) as manager,
            _own_worklist(settings, folder, station_of(settings, engines), journal, reporter) as own,
        ):
            client, besides = (manager, own) if settings.task_manager_url or own is None else (own, None)
            patience = Patience(stopped)
            means = Means(settings, journal, client, reporter, patience, folder, lambda: datetime.now(UTC), besides)
            reporter.start()
            announce_ready(ACTOR, common.data_dir, settings.endpoints)
            _log.info("engines", names=list(engines), ae_title=settings.ae_title)
            with available(reporter, settings.ae_title, means.clock):
                TaskPerformer(means, engines).run()


def _own_worklist(
    settings: Settings, folder: Path, station: Station, journal: Journal, reporter: EventReporter
) -> AbstractContextManager[UpsClient | None]:
    """The performer's own worklist, where it has a port; a server's libraries are loaded only then."""
    if settings.port is None:
        return nullcontext()
    from actors.task_performer.serving import own_worklist

    return own_worklist(settings, folder, station, journal, reporter)


def usable_engines(names: Sequence[str]) -> dict[str, EngineDescription]:
    """The engines that this performer runs.

    Args:
        names: as configured; every registered one when there are none.

    Raises:
        BadInput: when a configured engine does not exist.
        Unavailable: when a configured engine cannot run here, or none can; with what to install.
    """
    found, lacking = {}, []
    for name in names or engine_names():
        try:
            description = engine(name).describe()
        except NotFound as error:
            raise BadInput(f"{error.message} Correct [task_performer] engines.") from error
        missing = missing_requirements(description)
        if not missing:
            found[name] = description
        else:
            lacking.append(missing)
            _log.warning("engine-not-available", engine=name, reason=missing)
    if not found or (names and lacking):
        raise Unavailable(
            " ".join(lacking) or "There is no engine to run; install one, or name one in [task_performer]."
        )
    return found


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold a folder for one performer; the system lets go of it however the process ends."""
    with disk_faults(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        lock = (folder / "lock").open("wb")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Unavailable(
                f"Another Task Performer works in {folder}. Give each its own data_dir in [stepwell], or end the other."
            ) from error
        yield
