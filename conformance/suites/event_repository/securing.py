"""Whom a repository lets in (ITI TF-2 3.19): seven wrong certificates, and a version of TLS that is too old."""

from __future__ import annotations

import os
import socket
import ssl
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from conformance.harness import SystemFailed, Trial, shows
from conformance.partners.certificates import Wrong, wrong_certificates
from conformance.partners.syslog import SyslogConnection, TlsFiles, framed
from conformance.suites.event_repository.stage import Opposite

_SERVER_HELLO = b"\x02"
_HANDSHAKE = 22
_SUITES = bytes.fromhex("c013c014c009c00a002f0035000a")
_EXTENSIONS = bytes.fromhex("000a0006000400170018000b00020100")


@shows("SOLE-ER-011", "Only who shows a good certificate of the authority is let in", option="tls", limit_seconds=300)
def certificates(trial: Trial, repository: Opposite) -> None:
    """Connectathon test 11110."""
    tls = repository.declared.syslog.tls
    if tls is None:
        trial.omit("no certificates are declared")
    since = datetime.now(UTC)
    with TemporaryDirectory() as folder:
        for wrong in _wrong(repository, tls, Path(folder)):
            trial.step(f"connect with {wrong.words}")
            end = _outcome(repository, wrong.context)
            evidence = trial.keep("text", f"{wrong.words}: {end or 'let in'}", f"{wrong.words}\n{end}\n", "txt")
            trial.must(end, f"{wrong.words}: refused", "the connection is let in", evidence)
    told, evidence = repository.await_told(trial, since, 'csd-code="110126"')
    trial.should(told, "a Security Alert (110126 Node Authentication) tells of it", "none is stored", evidence)
    answered = _old_hello(repository)
    evidence = trial.keep("text", "answer to a ClientHello of TLS 1.1", answered.hex(), "txt")
    accepted = answered[:1] == bytes([_HANDSHAKE]) and answered[5:6] == _SERVER_HELLO
    trial.must(not accepted, "TLS 1.1 is refused", "it is spoken", evidence)
    message = repository.event(0, process="good")
    repository.send(trial, [message])
    stored, evidence = repository.await_stored(trial, [message])
    trial.must(stored, "who shows a good certificate is still let in", "the message is not stored", evidence)
    strangers = [one for one in stored if one.get("procid") != "good"]
    trial.must(not strangers, "nothing that a stranger sent is stored", f"{len(strangers)} messages are", evidence)


def _wrong(repository: Opposite, tls: TlsFiles, folder: Path) -> Iterator[Wrong]:
    yield from wrong_certificates(tls, repository.declared.syslog.authority_key, folder)
    revoked = repository.declared.syslog.revoked
    if revoked:
        yield Wrong("a certificate that was revoked", revoked.for_client())


def _outcome(repository: Opposite, context: ssl.SSLContext) -> str:
    """How the system refused; empty when it let us in."""
    where, seconds = repository.declared.syslog, repository.declared.limits.answer_seconds
    try:
        with SyslogConnection(where.host, where.port, context, seconds) as connection:
            connection.send(framed(repository.event(5, process="stranger").raw))
            return connection.ended()
    except SystemFailed as failed:
        return failed.words


def _old_hello(repository: Opposite) -> bytes:
    """What is answered to a client that speaks TLS 1.1 at most; our own library would not say that for us."""
    where, seconds = repository.declared.syslog, repository.declared.limits.answer_seconds
    body = b"\x03\x02" + os.urandom(32) + b"\0" + struct.pack(">H", len(_SUITES)) + _SUITES + b"\x01\0"
    body += struct.pack(">H", len(_EXTENSIONS)) + _EXTENSIONS
    hello = b"\x01" + struct.pack(">I", len(body))[1:] + body
    try:
        with socket.create_connection((where.host, where.port), timeout=seconds) as plain:
            plain.sendall(b"\x16\x03\x01" + struct.pack(">H", len(hello)) + hello)
            return plain.recv(1024)
    except OSError:
        return b""
