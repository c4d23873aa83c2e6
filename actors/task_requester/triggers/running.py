"""Run the triggers that are configured beside the rest of the Task Requester."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from fastapi import FastAPI
from fastapi.responses import RedirectResponse

from actors.shared.dicomweb import Archive
from actors.shared.logs import get_logger
from actors.shared.pages.rendering import SHARED_ASSETS
from actors.shared.refusals import RefusalLog
from actors.shared.serving import require_free_port
from actors.task_requester.ledger import Ledger
from actors.task_requester.rules import Rule
from actors.task_requester.settings import Settings
from actors.task_requester.triggers.announced import Announcements
from actors.task_requester.triggers.arrivals import Arrivals
from actors.task_requester.triggers.asking import Asking
from actors.task_requester.triggers.bulk import BulkRequests
from actors.task_requester.triggers.bulk_http import bulk_router
from actors.task_requester.triggers.dimse import Gateway, dimse_server
from actors.task_requester.triggers.http import create_app, http_server
from actors.task_requester.triggers.notices import CLASSES, Notices
from actors.task_requester.triggers.pages import PLACE, create_pages
from actors.task_requester.triggers.polling import Poller
from actors.task_requester.triggers.releasing import Releaser, Worklist
from actors.task_requester.triggers.standing import Standings, WorkitemSource
from profiles.errors import BadInput, StepwellError

ACTOR = "task_requester"
_LOOK_SECONDS = 0.2
_log = get_logger(__name__)


def require_rules(settings: Settings, rules: Sequence[Rule]) -> None:
    """Refuse AE titles that choose a rule that does not exist.

    Raises:
        BadInput: naming all of them.
    """
    known = {rule.table.name for rule in rules} | {""}
    wrong = [f"{title} = {name!r}" for title, name in settings.triggers.aes.items() if name not in known]
    if wrong:
        raise BadInput(
            f"[task_requester.triggers.aes] names rules that the rule file does not have: {', '.join(wrong)}. "
            f"There are: {', '.join(sorted(known - {''})) or 'none'}."
        )


class Watch(Protocol):
    """Something that has to be looked at again and again."""

    def look(self) -> int:
        """Do what is due."""


class Workitems(WorkitemSource, Worklist, Protocol):
    """The Task Manager's client, as far as it is needed here."""


@contextmanager
def triggers_running(
    ledger: Ledger,
    settings: Settings,
    directory: Path,
    *,
    rules: Sequence[Rule],
    archive: Archive,
    worklist: Workitems,
    refusals: RefusalLog,
) -> Iterator[dict[str, str]]:
    """Serve the configured triggers while the block runs.

    Args:
        ledger: takes the events.
        settings: of the Task Requester.
        directory: its data.
        rules: all of them.
        archive: gets the images that come in, and is asked for studies.
        worklist: the Task Manager.
        refusals: told of everything that is refused.

    Yields:
        What is listened on, by name.

    Raises:
        BadInput: an AE title chooses a rule that does not exist.
        Unavailable: a port is taken.
    """
    require_rules(settings, rules)
    endpoints: dict[str, str] = {}
    with ExitStack() as stack:
        if settings.triggers.dimse_port:
            stack.enter_context(_dimse(ledger, settings, directory, archive, refusals))
            endpoints["dimse"] = f"{settings.host}:{settings.triggers.dimse_port}"
        if settings.triggers.http_port:
            require_free_port(ACTOR, settings.host, settings.triggers.http_port)
            bulk = BulkRequests(ledger.database, archive, rules, _now, settings.triggers.bulk.most_studies)
            app = _app(ledger, bulk, archive=archive, rules=rules, worklist=worklist, refusals=refusals)
            stack.enter_context(http_server(app, settings.host, settings.triggers.http_port))
            limits = settings.triggers.bulk
            releaser = Releaser(ledger.database, archive, worklist, limits, clock=_now, monotonic=time.monotonic)
            stack.enter_context(_looking(releaser))
            endpoints["http"] = f"http://{settings.host}:{settings.triggers.http_port}"
        if settings.triggers.polling:
            stack.enter_context(_polling(ledger, settings, archive, refusals))
        yield endpoints


def _app(
    ledger: Ledger,
    bulk: BulkRequests,
    *,
    archive: Archive,
    rules: Sequence[Rule],
    worklist: WorkitemSource,
    refusals: RefusalLog,
) -> FastAPI:
    """FHIR and the requests of people, with the pages for them."""
    asking = Asking(ledger, archive, rules, _now)
    app = create_app(asking, Standings(ledger.database, worklist), refusals)
    app.include_router(bulk_router(bulk))
    app.include_router(SHARED_ASSETS.router())
    app.mount(PLACE, create_pages(asking, bulk))
    app.add_api_route("/", lambda: RedirectResponse(f"{PLACE}/"), response_model=None)
    return app


@contextmanager
def _polling(ledger: Ledger, settings: Settings, archive: Archive, refusals: RefusalLog) -> Iterator[None]:
    """Search the configured archive, which need not be the one that has the images for the performers."""
    url = settings.triggers.polling.archive_url if settings.triggers.polling else None
    with Archive(url) if url else nullcontext(archive) as polled:
        poller = Poller(
            ledger.database,
            ledger.record,
            polled,
            settings.triggers,
            refusals=refusals,
            clock=_now,
            monotonic=time.monotonic,
            name=polled.base_url,
        )
        with _looking(poller):
            yield


@contextmanager
def _dimse(
    ledger: Ledger, settings: Settings, directory: Path, archive: Archive, refusals: RefusalLog
) -> Iterator[None]:
    triggers = settings.triggers
    require_free_port(ACTOR, settings.host, triggers.dimse_port or 0)
    arrivals = Arrivals(
        directory / "arriving", ledger.record, triggers, refusals=refusals, clock=_now, monotonic=time.monotonic
    )
    announcements = Announcements(directory / "announced", ledger.record, archive, refusals=refusals, clock=_now)
    passing, steps = directory / "passing", directory / "procedure_steps"
    for folder in (passing, steps):
        folder.mkdir(parents=True, exist_ok=True)
    for left in passing.glob("*.dcm"):  # never acknowledged: their senders send them again
        left.unlink()
    gateway = Gateway(archive, arrivals, {settings.ae_title: "", **triggers.aes}, passing, refusals)
    notices = Notices(announcements, steps, triggers.nearline_seconds, _now, threading.Lock())
    with (
        _looking(arrivals, announcements),
        dimse_server(gateway, settings.host, triggers, notices.handlers, CLASSES),
    ):
        yield


@contextmanager
def _looking(*watches: Watch) -> Iterator[None]:
    stopped = threading.Event()

    def look() -> None:
        while not stopped.wait(_LOOK_SECONDS):
            for watch in watches:
                try:
                    watch.look()
                except Exception as error:  # whatever it is, the other studies must not wait for a restart
                    reason = error.message if isinstance(error, StepwellError) else type(error).__name__
                    _log.error("triggers-not-looked-at", reason=reason)

    looking = threading.Thread(target=look, name="triggers")
    looking.start()
    try:
        yield
    finally:
        stopped.set()
        looking.join()


def _now() -> datetime:
    return datetime.now(UTC)
