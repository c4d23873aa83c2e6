"""Debian's rsyslog as the other side: a repository that keeps what it takes, and a source that passes messages on.

TLS with certificates on both sides, on loopback only; needs the packages ``rsyslog`` and ``rsyslog-openssl``.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from connectathon.waiting import eventually, free_port
from profiles.errors import NotFound

_TLS = """
global(workDirectory="{folder}" DefaultNetstreamDriver="ossl" DefaultNetstreamDriverCAFile="{pki}/authority.pem"
  DefaultNetstreamDriverCertFile="{pki}/{side}.pem" DefaultNetstreamDriverKeyFile="{pki}/{side}.key"
  maxMessageSize="64k")
template(name="raw" type="string" string="%rawmsg%\\n")
"""
_RECEIVER = """
module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/certvalid")
main_queue(queue.type="LinkedList" queue.size="100000" queue.dequeueBatchSize="{batch}")
ruleset(name="keep") {{ action(type="omfile" file="{log}" template="raw" sync="on" ioBufferSize="{buffer}") }}
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="keep")
"""
#: It syncs after each buffer and each batch; with its own sizes, 4 KiB and 256, that is after every other message.
_BATCH, _BUFFER = 4_000, "8m"
_SENDER = """
module(load="imtcp")
template(name="as-it-came" type="string" string="%rawmsg%")
ruleset(name="pass") {{ action(type="omfwd" target="127.0.0.1" port="{to}" protocol="tcp" TCP_Framing="octet-counted"
  template="as-it-came" StreamDriver="ossl" StreamDriverMode="1" StreamDriverAuthMode="x509/certvalid"
  action.resumeRetryCount="-1" action.resumeInterval="1") }}
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="pass")
"""


@contextlib.contextmanager
def receiving(folder: Path, pki: Path) -> Iterator[tuple[int, Path]]:
    """Run it as a repository while the block runs; its TLS port, and the file in which a line is a message.

    Raises:
        NotFound: when it is not installed, or without TLS.
    """
    port, log = free_port(), folder / "rsyslog.log"
    config = _TLS.format(folder=folder, pki=pki, side="server")
    config += _RECEIVER.format(log=log, port=port, batch=_BATCH, buffer=_BUFFER)
    with _running(folder, config, port):
        yield port, log


@contextlib.contextmanager
def passing_on(folder: Path, pki: Path, to: int) -> Iterator[int]:
    """Run it as a source while the block runs: what comes by its plain port is sent on over TLS, unchanged.

    Args:
        folder: for its files.
        pki: its certificates.
        to: TLS port of the repository.

    Raises:
        NotFound: when it is not installed, or without TLS.
    """
    port = free_port()
    config = _TLS.format(folder=folder, pki=pki, side="client") + _SENDER.format(to=to, port=port)
    with _running(folder, config, port):
        yield port


@contextlib.contextmanager
def _running(folder: Path, config: str, port: int) -> Iterator[None]:
    program = shutil.which("rsyslogd", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if program is None or not list(Path("/usr/lib").glob("**/rsyslog/lmnsd_ossl.so")):
        raise NotFound("There is no rsyslog with TLS here; install the packages rsyslog and rsyslog-openssl.")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "rsyslog.conf"
    path.write_text(config, encoding="utf-8")
    running = subprocess.Popen(
        [program, "-n", "-f", str(path), "-i", str(folder / "rsyslog.pid")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: _listens(port), what="rsyslog to listen")
        yield
    finally:
        running.terminate()
        running.wait(30)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False
