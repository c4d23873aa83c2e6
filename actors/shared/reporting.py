"""An actor's way to the operational log."""

from __future__ import annotations

from actors.shared.settings import CommonSettings
from profiles.sole.message import Source
from sole_logging import EventReporter, Repository


def reporter_for(actor: str, common: CommonSettings) -> EventReporter:
    """The reporter of one actor, with its spool in the actor's data directory; call ``start`` to let it send.

    Args:
        actor: name of the actor's folder; it is the AuditSourceID.
        common: names the Event Repository; without one, events stay in the spool.
    """
    target = common.syslog
    repository = None
    if target is not None and target.tls is not None:
        files = target.tls
        repository = Repository(
            target.host, target.port, files.authority, files.certificate, files.key, target.read_back_url
        )
    return EventReporter(common.data_dir / actor / "spool.sqlite", Source(actor, common.site), repository)
