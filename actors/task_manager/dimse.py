"""The worklist over DIMSE, as the site wants it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from actors.shared.access import UNTOLD, AccessLog
from actors.shared.refusals import RefusalLog
from actors.shared.steps import reached
from actors.task_manager.settings import Settings
from actors.task_manager.steps import Step
from workitems.store import Store
from workitems.worklist import Worklist


@contextmanager
def dimse_face(
    settings: Settings,
    store: Store,
    worklist: Worklist,
    refusals: RefusalLog,
    notified: Callable[[], None] | None = None,
    access: AccessLog = UNTOLD,
) -> Iterator[dict[str, str]]:
    """Serve UPS over DIMSE while the block runs, where the site gives it a port.

    Args:
        settings: of the Task Manager.
        store: of its worklist.
        worklist: the domain.
        refusals: told of every refusal.
        notified: told of every Instance Availability Notification; none are taken when not given.
        access: told who searched and read.

    Yields:
        Its endpoint, as the operator is told it; none when it is not served.

    Raises:
        Unavailable: when the port is taken.
    """
    if settings.dimse_port is None:
        yield {}
        return
    from actors.shared.ups_dimse.server import Listening, ups_dimse_server

    where = Listening(settings.host, settings.dimse_port, settings.ae_title)
    with ups_dimse_server(
        worklist,
        store,
        where,
        peers=settings.dimse_peers(),
        refusals=refusals,
        taken=lambda service: reached(Step.REQUEST_TAKEN, method=str(service)),
        notified=notified,
        access=access,
    ):
        yield {"dimse": f"{settings.host}:{settings.dimse_port}"}
