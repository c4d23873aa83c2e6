"""The event reporter of an actor, from the ``[stepwell]`` table (design decision D13)."""

from __future__ import annotations

import os
import socket

from actors.shared.settings import CommonSettings, SyslogTarget
from profiles.sole.event import Source
from profiles.sole.syslog import printable
from sole_logging import Certificates, EventReporter, Spool, Target

SPOOL_FILE = "event-spool.sqlite"


def source_for(actor: str, common: CommonSettings, instance: str) -> Source:
    """Who this process is in the log."""
    return Source(actor, printable(socket.gethostname(), 255), str(os.getpid()), common.site, instance)


def reporter_for(actor: str, common: CommonSettings) -> EventReporter:
    """The reporter of an actor; its spool is ``<data_dir>/<actor>/event-spool.sqlite``.

    Without ``[stepwell.syslog]`` events are kept in the spool until a repository is configured.

    Args:
        actor: name of the actor's folder.
        common: the ``[stepwell]`` table.

    Raises:
        Unavailable: when the spool cannot be used.
    """
    spool = Spool(common.data_dir / actor / SPOOL_FILE)
    source = source_for(actor, common, spool.instance)
    return EventReporter(source, spool, _target(common.syslog) if common.syslog else None)


def _target(syslog: SyslogTarget) -> Target:
    tls = syslog.tls
    certificates = Certificates(tls.authority, tls.certificate, tls.key) if tls else None
    return Target(syslog.host, syslog.port, certificates, syslog.read_back_url or "")
