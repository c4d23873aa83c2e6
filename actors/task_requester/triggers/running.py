"""Run the triggers that are configured beside the rest of the Task Requester."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from actors.shared.dicomweb import Archive
from actors.shared.logs import get_logger
from actors.shared.refusals import RefusalLog
from actors.shared.serving import require_free_port
from actors.task_requester.ledger import Ledger
from actors.task_requester.rules import Rule
from actors.task_requester.settings import Settings
from actors.task_requester.triggers.announced import Announcements
from actors.task_requester.triggers.arrivals import Arrivals
from actors.task_requester.triggers.asking import Asking
from actors.task_requester.triggers.dimse import Gateway, dimse_server
from actors.task_requester.triggers.http import create_app, http_server
from actors.task_requester.triggers.notices import CLASSES, Notices
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


@contextmanager
def triggers_running(
    ledger: Ledger,
    settings: Settings,
    directory: Path,
    *,
    rules: Sequence[Rule],
    archive: Archive,
    worklist: WorkitemSource,
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
            asking = Asking(ledger, archive, rules, _now)
            app = create_app(asking, Standings(ledger.database, worklist), refusals)
            stack.enter_context(http_server(app, settings.host, settings.triggers.http_port))
            endpoints["http"] = f"http://{settings.host}:{settings.triggers.http_port}"
        yield endpoints


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
def _looking(*watches: Arrivals | Announcements) -> Iterator[None]:
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
