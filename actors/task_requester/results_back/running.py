"""Run what tells results, where it is configured; only then are the libraries loaded that read them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from actors.task_requester.results_back import store as _tables  # noqa: F401 - a database makes them when it is opened

if TYPE_CHECKING:
    from actors.shared.ups_client import UpsClient
    from actors.task_requester.database import Database
    from actors.task_requester.results_back.reading import ResultArchive
    from actors.task_requester.results_back.settings import ResultsSettings
    from sole_logging import EventReporter


@contextmanager
def results_going_back(
    settings: ResultsSettings | None,
    database: Database,
    *,
    worklist: UpsClient,
    archive: ResultArchive,
    reporter: EventReporter,
) -> Iterator[None]:
    """Tell the results of our workitems while the block runs; does nothing without settings.

    Args:
        settings: the ``[task_requester.results]`` table.
        database: the order store.
        worklist: the Task Manager.
        archive: has the results.
        reporter: takes operational and security events.
    """
    if settings is None:
        yield
        return
    from actors.task_requester.results_back.service import ResultsBack

    back = ResultsBack(
        settings,
        database,
        worklist=worklist,
        archive=archive,
        reporter=reporter,
        audit=reporter.audit,
        announcer=worklist,
    )
    back.start()
    try:
        yield
    finally:
        back.close()
