"""Telling results as a whole: looking for them, sending them, tending alerts, on one thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import httpx

from actors.shared.logs import get_logger
from actors.task_requester.database import Database
from actors.task_requester.reporting import Reporter
from actors.task_requester.results_back.alerts import Alerts
from actors.task_requester.results_back.channels import http_channel, mllp_channel
from actors.task_requester.results_back.collecting import Collector
from actors.task_requester.results_back.fhir import fhir_channel
from actors.task_requester.results_back.listening import Announcer, Listening
from actors.task_requester.results_back.outbox import Deliver, Outbox
from actors.task_requester.results_back.raising import SearchableWorklist, worklist_channel
from actors.task_requester.results_back.reading import ResultArchive
from actors.task_requester.results_back.settings import ResultsSettings
from actors.task_requester.results_back.store import Channel
from profiles.errors import StepwellError
from profiles.sole.event import SecurityEvent

_log = get_logger(__name__)
_TURN_SECONDS = 0.5


class ResultsBack:
    """Tells the results of our workitems until it is closed.

    Args:
        settings: whom to tell.
        database: the order store; the one that the Task Requester writes to in this process.
        worklist: the Task Manager.
        archive: has the results.
        reporter: takes operational events.
        audit: takes a security event for each message that was answered.
        announcer: tells when workitems end; they are polled without it.
        clock: the present, timezone-aware.
    """

    def __init__(
        self,
        settings: ResultsSettings,
        database: Database,
        *,
        worklist: SearchableWorklist,
        archive: ResultArchive,
        reporter: Reporter,
        audit: Callable[[SecurityEvent], object] | None = None,
        announcer: Announcer | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database, self._stopped = database, threading.Event()
        self._client = httpx.Client(timeout=settings.answer_seconds, trust_env=False)
        self._listening = Listening(announcer) if announcer and settings.listen else None
        collector = Collector(database, worklist, archive, settings, clock, self._listening)
        outbox = Outbox(
            database,
            channels_of(settings, self._client, worklist),
            clock=clock,
            audit=audit,
            retry_seconds=settings.retry_seconds,
            slowest_retry_seconds=settings.slowest_retry_seconds,
        )
        alerts = Alerts(database, settings, reporter, clock)
        self._work: tuple[Callable[[], object], ...] = (collector.collect, alerts.tend, outbox.deliver)
        self._thread = threading.Thread(target=self._run, name="results-back")

    def start(self) -> None:
        """Take up the work that is in the store."""
        if self._listening:
            self._listening.start()
        self._thread.start()

    def close(self) -> None:
        """End after the piece of work at hand."""
        self._stopped.set()
        if self._listening:
            self._listening.close()
        if self._thread.is_alive():
            self._thread.join()
        self._client.close()

    def turn(self) -> None:
        """Do once what is due. A failing piece of work does not keep the others from theirs."""
        for work in self._work:
            try:
                with self._database.alone("results-back") as mine:
                    if mine:
                        work()
            except Exception as error:  # whatever it is, the other results must not wait for a restart
                reason = error.message if isinstance(error, StepwellError) else type(error).__name__
                _log.error("results-not-told", reason=reason)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self.turn()
            self._stopped.wait(_TURN_SECONDS)


def channels_of(settings: ResultsSettings, client: httpx.Client, worklist: SearchableWorklist) -> dict[str, Deliver]:
    """The ways out that are configured."""
    fhir = (
        {str(Channel.FHIR): fhir_channel(str(settings.fhir_url), client, settings.fhir_token)}
        if settings.fhir_url
        else {}
    )
    raised = {str(Channel.WORKLIST): worklist_channel(worklist)} if settings.raise_worklist else {}
    hl7 = {Channel.RESULTS: settings.receiver, Channel.RIS: settings.ris}
    http = {Channel.ALERT: settings.alert_url, Channel.ESCALATION: settings.escalation_url or settings.alert_url}
    return {  # alerts first: they do not wait for a slow receiver of results
        **{str(name): http_channel(str(url), client) for name, url in http.items() if url},
        **raised,
        **{
            str(name): mllp_channel(address, settings.tls, settings.answer_seconds)
            for name, address in hl7.items()
            if address
        },
        **fhir,
    }
