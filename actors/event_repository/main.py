"""Run the Event Repository as a process of its own."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from actors.event_repository.application import create_app
from actors.event_repository.auditing import tell_used
from actors.event_repository.dashboard import Desk, Live, create_dashboard
from actors.event_repository.ingest import Ingest
from actors.event_repository.readers import Readers
from actors.event_repository.retention import Retention
from actors.event_repository.settings import Settings
from actors.event_repository.syslog_server import SyslogServer
from actors.event_repository.udp import UdpServer
from actors.shared.reporting import source_for
from actors.shared.serving import require_free_port, serve
from actors.shared.settings import CommonSettings
from profiles.errors import Unavailable
from profiles.sole.event import SecurityEvent
from sole_logging.measures import FactTable
from sole_logging.projecting import Projector
from sole_logging.store import EventStore

ACTOR = "event_repository"


def run(settings: Settings, common: CommonSettings) -> None:
    """Serve syslog and HTTP until SIGTERM.

    Raises:
        Unavailable: when a port is taken, or the certificates or the data directory cannot be used.
    """
    for port in (settings.port, settings.syslog_port):
        require_free_port(ACTOR, settings.host, port)
    readers = Readers.of(settings.readers_token_file)
    store, facts = _opened(settings, common.data_dir / ACTOR)
    ingest = Ingest(store, source_for(ACTOR, common, ACTOR))
    server = SyslogServer(settings, ingest)
    udp = UdpServer(settings.host, settings.udp_port, ingest) if settings.udp else None
    projector = Projector(store, [facts.apply], busy=lambda: ingest.busy)
    retention = Retention(store, settings, ingest.record)
    live = Live(store)
    pages = create_dashboard(
        Desk(store, partial(tell_used, ingest), live, settings.worklist_url.rstrip("/"), ingest.now)
    )
    ingest.start()
    try:
        server.start()
        if udp:
            udp.start()
        projector.start()
        retention.start()
        ingest.record(SecurityEvent("application-start", ingest.now()))
        base = f"http://{settings.host}:{settings.port}"
        serve(
            create_app(store, ingest, settings, readers, pages),
            actor=ACTOR,
            host=settings.host,
            port=settings.port,
            data_dir=common.data_dir,
            endpoints={"http": base, "syslog": f"{settings.host}:{settings.syslog_port}"},
            before_closing=live.end,
        )
        ingest.record(SecurityEvent("application-stop", ingest.now()))
    finally:
        server.close()
        if udp:
            udp.close()
        retention.close()
        ingest.close()
        projector.close()
        store.close()


def _opened(settings: Settings, directory: Path) -> tuple[EventStore, FactTable]:
    """The messages and the facts, both in one database."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise Unavailable(
            f"The data directory {directory} cannot be made: {error.strerror}. Choose another data_dir in [stepwell]."
        ) from error
    store, facts = EventStore(settings.database_url or directory / "events.sqlite"), FactTable()
    with store.database.write() as connection:
        facts.create(connection)
    return store, facts
