"""The event reporter of an actor, from the ``[stepwell]`` table (design decision D13)."""

from __future__ import annotations

import hashlib
import os
import socket

from pydantic import BaseModel

from actors.shared.settings import CommonSettings, RepositorySettings
from actors.shared.tokens import token_in
from profiles.sole.event import Source
from profiles.sole.syslog import printable
from sole_logging import Certificates, EventReporter, Pseudonyms, Spool, Target, Transport

SPOOL_FILE = "event-spool.sqlite"
#: PS3.15 A.6 and A.7.
_PORTS = {"syslog": 6514, "udp": 514}


def source_for(actor: str, common: CommonSettings, instance: str) -> Source:
    """Who this process is in the log."""
    return Source(actor, printable(socket.gethostname(), 255), str(os.getpid()), common.site, instance)


def reporter_for(actor: str, common: CommonSettings, settings: BaseModel | None = None) -> EventReporter:
    """The reporter of an actor; its spool is ``<data_dir>/<actor>/event-spool.sqlite``.

    Without a repository in the configuration, events are kept in the spool until there is one.

    Args:
        actor: name of the actor's folder.
        common: the ``[stepwell]`` table.
        settings: the actor's own table; that it changed since the last start is told to the audit trail.

    Raises:
        Unavailable: when the spool cannot be used.
        BadInput: when there is no good key for pseudonyms where they are wanted.
    """
    pseudonyms = Pseudonyms.read(common.pseudonym_key_file) if common.pseudonym_key_file else None
    spool = Spool(common.data_dir / actor / SPOOL_FILE)
    source = source_for(actor, common, spool.instance)
    targets = [target_of(name, one) for name, one in common.all_repositories.items()]
    reporter = EventReporter(source, spool, *targets, pseudonyms=pseudonyms)
    if settings:
        digest = hashlib.sha256((common.model_dump_json() + settings.model_dump_json()).encode())
        reporter.configured(digest.hexdigest())
    return reporter


def target_of(name: str, settings: RepositorySettings) -> Target:
    """A repository as reporters see it."""
    tls = settings.tls
    return Target(
        settings.host,
        settings.port or _PORTS.get(settings.transport, 0),
        Certificates(tls.authority, tls.certificate, tls.key) if tls else None,
        settings.read_back_url or "",
        name,
        Transport(settings.transport),
        settings.bulk_url or "",
        settings.feed_url or "",
        settings.datagram_octets,
        token_in(settings.token_file),
    )
